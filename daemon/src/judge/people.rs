use super::{ControlState, Decision, Refused};
use crate::domain::{Digest, Event, ExceptionId, ExceptionRecord, NoteKind, Timestamp};

/// What a person does about an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonDoes {
    /// With the date until when it is to be fixed, if one is promised.
    Acknowledge {
        until: Option<Timestamp>,
    },
    Note(NoteKind),
}

/// Records what a person did; `note` is the part with author and words. Notes may be added at any time, also after the
/// exception was closed.
pub fn decide_note(exception: ExceptionId, record: &ExceptionRecord, does: PersonDoes, note: Digest) -> Decision {
    let control = record.control.clone();
    let event = match does {
        PersonDoes::Acknowledge { until } => Event::ExceptionAcknowledged { exception, control, until, note },
        PersonDoes::Note(about) => Event::ExceptionNoted { exception, control, about, note },
    };
    Decision { events: vec![event], alerts: Vec::new() }
}

/// Closes an exception; `answers` are notes that are given with it, and `note` the part with who closed it.
///
/// An exception is closed once it has recovered (or its control is retired, and nothing can show it any more), and its
/// root cause and the response to it are noted, before or now.
pub fn decide_close(
    control: Option<&ControlState>,
    exception: ExceptionId,
    record: &ExceptionRecord,
    answers: &[(NoteKind, Digest)],
    note: Digest,
) -> Result<Decision, Refused> {
    if record.closed.is_some() {
        return Err(Refused::Closed(exception));
    }
    if record.recovered.is_none() && !control.is_some_and(|control| control.retired) {
        return Err(Refused::StillFailing(exception));
    }
    let is_answered = |kind| record.has_note(kind) || answers.iter().any(|(about, _)| *about == kind);
    if !is_answered(NoteKind::RootCause) || !is_answered(NoteKind::Response) {
        return Err(Refused::Unanswered(exception));
    }
    let noted = answers.iter().map(|(about, note)| Event::ExceptionNoted {
        exception,
        control: record.control.clone(),
        about: *about,
        note: *note,
    });
    let mut events: Vec<_> = noted.collect();
    events.push(Event::ExceptionClosed { exception, control: record.control.clone(), note });
    Ok(Decision { events, alerts: Vec::new() })
}
