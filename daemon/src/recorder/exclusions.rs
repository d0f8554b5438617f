//! Subjects that two people exclude from a control, beside those that the configuration excludes.

use super::{ExcludedSubject, Excluding, NoteRecord, Recorded, Recorder, RecorderError, acts::keep, draft::Draft};
use crate::{
    domain::{Act, Control, ControlId, Digest, Event, Exclusion, Timestamp},
    fold::{ProposalRecord, State},
    ledger::{EvidenceClass, Ledger, Store},
};

/// A reason says at least so much, as one of the configuration does.
const REASON_CHARACTERS_MIN: usize = 20;

/// No source has a longer name of something.
const SUBJECT_BYTES_MAX: usize = 1024;

impl Recorder {
    /// It has no effect before another person approves it: it narrows what is tested.
    pub(super) fn exclude(
        &self,
        draft: &mut Draft,
        state: &State,
        excluding: Excluding,
        note: &NoteRecord,
    ) -> Result<Recorded, RecorderError> {
        let Excluding { control, subject, until } = excluding;
        if note.words.trim().chars().count() < REASON_CHARACTERS_MIN {
            return Err(RecorderError::ShortReason(REASON_CHARACTERS_MIN));
        }
        let is_text = !subject.trim().is_empty() && !subject.contains(char::is_control);
        if !is_text || subject.len() > SUBJECT_BYTES_MAX {
            return Err(RecorderError::NoSubject(SUBJECT_BYTES_MAX));
        }
        check_exclusion(self, state, &control, until, draft.at())?;
        let is_same = |part: &Digest| text(&self.ledger, part).is_some_and(|known| known == subject);
        let lasts = |record: &crate::fold::ExclusionRecord| record.is_in_force(draft.at()) && until <= record.until;
        if let Some((number, _)) =
            state.exclusions_of(&control).find(|(_, record)| lasts(record) && is_same(&record.subject_part))
        {
            return Err(RecorderError::ExcludedAlready(number));
        }
        let proposes = |record: &ProposalRecord| matches!(&record.act, Act::Exclude { control: of, subject_part, .. } if *of == control && is_same(subject_part));
        if let Some((number, _)) = state.open_proposals().find(|(_, record)| proposes(record)) {
            return Err(RecorderError::ProposedAlready(number));
        }
        let subject_part = draft.keep(subject.as_bytes(), EvidenceClass::Record)?;
        self.propose(draft, state, Act::Exclude { control, subject_part, until }, Some(subject), note)
    }

    /// Another person approved it: from the next run on it is in force.
    pub(super) fn excluded(
        &self,
        draft: &mut Draft,
        state: &State,
        proposal: u64,
        record: &ProposalRecord,
    ) -> Result<u64, RecorderError> {
        let Act::Exclude { control, subject_part, until } = record.act.clone() else {
            return Err(RecorderError::UnknownProposal(proposal));
        };
        check_exclusion(self, state, &control, until, draft.at())?;
        if text(&self.ledger, &subject_part).is_none() {
            return Err(RecorderError::NoteUnreadable(subject_part));
        }
        let exclusion = state.head().next_exclusion;
        let mut excluded = excluded_from(state, &control);
        excluded.push(ExcludedSubject { exclusion, subject_part, until });
        let (note, of) = (record.note, control.clone());
        draft.push(Event::Excluded { exclusion, proposal, control: of, subject_part, until, note })?;
        self.exclude_from(draft, state, &control, excluded)?;
        Ok(exclusion)
    }

    /// Ends those of one subject before their time. It widens what is tested: one person may do it.
    pub(super) fn end_exclusion(
        &self,
        draft: &mut Draft,
        state: &State,
        control: &ControlId,
        subject: &str,
        note: &NoteRecord,
    ) -> Result<Recorded, RecorderError> {
        let is_meant = |one: &ExcludedSubject| {
            draft.at() < one.until && text(&self.ledger, &one.subject_part).is_some_and(|known| known == subject)
        };
        let (ended, left): (Vec<_>, Vec<_>) = excluded_from(state, control).into_iter().partition(is_meant);
        if ended.is_empty() {
            return Err(RecorderError::NotExcluded(control.clone()));
        }
        let note = keep(draft, note)?;
        let sequence = draft.next_sequence();
        for ExcludedSubject { exclusion, .. } in ended {
            draft.push(Event::ExclusionEnded { exclusion, control: control.clone(), note: Some(note) })?;
        }
        // One that has left the configuration is defined anew when it comes back.
        if state.control(control).is_some_and(|known| !known.retired) {
            self.exclude_from(draft, state, control, left)?;
        }
        Ok(Recorded::entry(sequence, draft.at()))
    }
}

fn check_exclusion(
    recorder: &Recorder,
    state: &State,
    control: &ControlId,
    until: Timestamp,
    now: Timestamp,
) -> Result<(), RecorderError> {
    let unknown = || RecorderError::UnknownControl(control.clone());
    let configured = recorder.catalogue.control(control).ok_or_else(unknown)?;
    state.control(control).filter(|state| !state.retired).ok_or_else(unknown)?;
    if configured.is_attested() {
        return Err(RecorderError::NothingToExclude(control.clone()));
    }
    if until <= now { Err(RecorderError::ExclusionIsOver) } else { Ok(()) }
}

/// What people exclude from a control and nobody has ended, in order; what is over may still be of its definition.
pub(crate) fn excluded_from(state: &State, control: &ControlId) -> Vec<ExcludedSubject> {
    let excluded = state.exclusions_of(control).map(|(exclusion, record)| ExcludedSubject {
        exclusion,
        subject_part: record.subject_part,
        until: record.until,
    });
    excluded.collect()
}

/// The subject of an exclusion; `None`: its text was erased, or cannot be read.
pub(crate) fn text(ledger: &Ledger<State>, subject_part: &Digest) -> Option<String> {
    String::from_utf8(ledger.part(subject_part).ok()??).ok()
}

/// An exclusion by people as a run goes by it, beside those of the configuration. Without its text it excludes nothing:
/// what is erased is out of the evidence, and what cannot be read must not stay untested.
pub(crate) fn as_configured(ledger: &Ledger<State>, excluded: &ExcludedSubject) -> Option<Exclusion> {
    let ExcludedSubject { exclusion, subject_part, until } = *excluded;
    let subject = text(ledger, &subject_part)?;
    Some(Exclusion { subject, reason: format!("exclusion {exclusion}"), approval: None, until: Some(until) })
}

/// A control as it is tested: with what people exclude from it.
pub(crate) fn excluding(control: &Control, exclusions: impl IntoIterator<Item = Exclusion>) -> Control {
    let mut control = control.clone();
    control.check.exclude.extend(exclusions);
    control
}
