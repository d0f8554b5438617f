use super::{ControlState, Decision, Refused};
use crate::domain::{Digest, Event, ExceptionId, ExceptionRecord, NoteKind};

/// What a person does about an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonDoes {
    Acknowledge,
    Note(NoteKind),
    Close,
}

/// Records what a person did; `note` is the part with author and words.
///
/// An exception is closed once it has recovered (or its control is retired, and nothing can show it any more), and its
/// root cause and the response to it are noted. Notes may be added at any time, also afterwards.
pub fn decide_note(
    control: Option<&ControlState>,
    exception: ExceptionId,
    record: &ExceptionRecord,
    does: PersonDoes,
    note: Digest,
) -> Result<Decision, Refused> {
    let id = record.control.clone();
    let event = match does {
        PersonDoes::Acknowledge => Event::ExceptionAcknowledged { exception, control: id, note },
        PersonDoes::Note(about) => Event::ExceptionNoted { exception, control: id, about, note },
        PersonDoes::Close => {
            if record.closed.is_some() {
                return Err(Refused::Closed(exception));
            }
            if record.recovered.is_none() && !control.is_some_and(|control| control.retired) {
                return Err(Refused::StillFailing(exception));
            }
            if !record.has_note(NoteKind::RootCause) || !record.has_note(NoteKind::Response) {
                return Err(Refused::Unanswered(exception));
            }
            Event::ExceptionClosed { exception, control: id, note }
        }
    };
    Ok(Decision { events: vec![event], alerts: Vec::new() })
}
