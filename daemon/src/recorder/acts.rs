//! What people decide, alone or by two: silences, closings, exclusions, erasures, a clock that is believed, a plugin's
//! state.

use std::time::Duration;

use super::{
    Acting, Author, Does, NoteRecord, Recorded, Recorder, RecorderError, draft::Draft, letters::Letters,
    people::has_words, post::About,
};
use crate::{
    domain::{Act, AlertCause, ControlId, Digest, Dropped, Event, Silence},
    fold::{ProposalRecord, State},
    judge::decide_close,
    ledger::{EvidenceClass, Ledger, Store},
    mail::{Letter, ProposedFacts},
};

impl Recorder {
    pub(super) fn acted(&mut self, draft: &mut Draft, acting: Acting) -> Result<Recorded, RecorderError> {
        let Acting { author, words, does } = acting;
        has_words(&words)?;
        let note = NoteRecord { author, words };
        let ledger = std::sync::Arc::clone(&self.ledger);
        let state = ledger.state();
        let recorded = match does {
            Does::Attest(attestation) => {
                // It is judged like a run, on the state that it reads itself.
                drop(state);
                return self.attest(draft, attestation, note);
            }
            Does::Silence(silence) => self.silence(draft, &state, silence, &note),
            Does::EndSilence(number) => self.unsilence(draft, &state, number, &note),
            Does::AcceptClock => match state.head().doubt {
                Some(_) => self.propose(draft, &state, Act::AcceptClock, None, &note),
                None => Err(RecorderError::ClockBelieved),
            },
            Does::Erase { target } => {
                let target = draft.keep(target.as_bytes(), EvidenceClass::Record)?;
                self.propose(draft, &state, Act::Erase { target }, None, &note)
            }
            Does::ResetState(control) => reset_state(draft, &state, control, &note),
            Does::Exclude(excluding) => self.exclude(draft, &state, excluding, &note),
            Does::EndExclusion { control, subject } => self.end_exclusion(draft, &state, &control, &subject, &note),
            Does::Approve(proposal) => self.approve(draft, &state, proposal, &note),
            Does::Drop(proposal) => self.drop_proposal(draft, &state, proposal, &note),
        };
        drop(state);
        recorded
    }

    /// A short one has effect at once, a longer one needs a second person.
    fn silence(
        &self,
        draft: &mut Draft,
        state: &State,
        silence: Silence,
        note: &NoteRecord,
    ) -> Result<Recorded, RecorderError> {
        check_silence(state, &silence, draft)?;
        if unbroken(state, &silence) > Silence::ALONE_MAX {
            return self.propose(draft, state, Act::Silence(silence), None, note);
        }
        let note = keep(draft, note)?;
        let number = state.head().next_silence;
        let recorded = draft.push(Event::Silenced { silence: number, what: silence, note })?;
        Ok(Recorded { silence: Some(number), ..recorded })
    }

    fn unsilence(
        &self,
        draft: &mut Draft,
        state: &State,
        number: u64,
        note: &NoteRecord,
    ) -> Result<Recorded, RecorderError> {
        match state.silences().get(&number) {
            None => return Err(RecorderError::UnknownSilence(number)),
            Some(record) if record.ended.is_some() => return Err(RecorderError::SilenceEnded(number)),
            Some(_) => {}
        }
        let note = keep(draft, note)?;
        let letters = Letters { catalogue: &self.catalogue, state, ledger: &self.ledger, new_names: None };
        let sequence = draft.next_sequence();
        letters.end_silence(draft, number, note)?;
        Ok(Recorded { silence: Some(number), ..Recorded::entry(sequence, draft.at()) })
    }

    /// Writes down what one person wants, and tells those who may approve it. `subject`: that it is about, if its act
    /// names it by a part.
    pub(super) fn propose(
        &self,
        draft: &mut Draft,
        state: &State,
        act: Act,
        subject: Option<String>,
        note: &NoteRecord,
    ) -> Result<Recorded, RecorderError> {
        if let Some((number, _)) = state.open_proposals().find(|(_, record)| record.act == act) {
            return Err(RecorderError::ProposedAlready(number));
        }
        let part = keep(draft, note)?;
        let proposal = state.head().next_proposal;
        let recorded = draft.push(Event::Proposed { proposal, act: act.clone(), note: part })?;
        let control = match &act {
            Act::CloseException { control, .. } | Act::Exclude { control, .. } => self.catalogue.control(control),
            Act::Silence(_) | Act::AcceptClock | Act::Erase { .. } => None,
        };
        let config = self.catalogue.config();
        let readers = match control {
            Some(control) => config.recipients_for(control, AlertCause::Proposed, false),
            None => config.recipients_for_daemon(),
        };
        let (author, words) = (note.author.name(), note.words.clone());
        let facts = ProposedFacts { proposal, act, subject, at: draft.at(), author, words };
        let letters = Letters { catalogue: &self.catalogue, state, ledger: &self.ledger, new_names: None };
        let about = About { cause: AlertCause::Proposed, control: None, exception: None };
        letters.tell(draft, &Letter::Proposed(facts), &about, &readers)?;
        Ok(Recorded { proposal: Some(proposal), ..recorded })
    }

    fn approve(
        &self,
        draft: &mut Draft,
        state: &State,
        number: u64,
        note: &NoteRecord,
    ) -> Result<Recorded, RecorderError> {
        let record = proposal_of_another(&self.ledger, state, number, &note.author)?;
        let part = keep(draft, note)?;
        let recorded = draft.push(Event::Approved { proposal: number, note: part })?;
        match &record.act {
            Act::Silence(silence) => {
                check_silence(state, silence, draft)?;
                let silence_number = state.head().next_silence;
                draft.push(Event::Silenced { silence: silence_number, what: silence.clone(), note: record.note })?;
                return Ok(Recorded { silence: Some(silence_number), ..recorded });
            }
            Act::CloseException { exception, control } => {
                let case = state.exception(*exception).ok_or(RecorderError::UnknownException(*exception))?;
                let decision = decide_close(state.control(control), *exception, case, &[], record.note)?;
                self.write(draft, state, decision)?;
            }
            Act::Exclude { .. } => {
                self.excluded(draft, state, number, record)?;
            }
            // What these effect is done by others, and stands in entries of its own.
            Act::AcceptClock | Act::Erase { .. } => {}
        }
        Ok(recorded)
    }

    fn drop_proposal(
        &self,
        draft: &mut Draft,
        state: &State,
        number: u64,
        note: &NoteRecord,
    ) -> Result<Recorded, RecorderError> {
        let record = open_proposal(state, number)?;
        // Where nobody can say whose it is, it can still be rejected.
        let is_own = author_of(&self.ledger, record).is_ok_and(|author| author.is_same_person(&note.author));
        let why = if is_own { Dropped::Withdrawn } else { Dropped::Rejected };
        let note = keep(draft, note)?;
        let recorded = draft.push(Event::ProposalDropped { proposal: number, why, note })?;
        if let Act::Erase { target } = record.act {
            // Nobody needs the text any more. What a crash leaves of it, verification names and another erasure finds.
            draft.push(Event::Erased { part: target, left: None })?;
            draft.erase_afterwards(target);
        }
        Ok(recorded)
    }
}

fn reset_state(
    draft: &mut Draft,
    state: &State,
    control: ControlId,
    note: &NoteRecord,
) -> Result<Recorded, RecorderError> {
    let known = state.control(&control).ok_or_else(|| RecorderError::UnknownControl(control.clone()))?;
    if known.plugin_state.is_none() {
        return Err(RecorderError::NoPluginState(control));
    }
    draft.expect(&control, known.revision);
    let note = keep(draft, note)?;
    draft.push(Event::StateReset { control, note })
}

/// How long some control would be silenced without a break, with all silences that this one joins.
fn unbroken(state: &State, silence: &Silence) -> Duration {
    let controls: Vec<_> = state.controls().keys().filter(|control| silence.names(control)).collect();
    let mut others: Vec<_> = state
        .silences()
        .values()
        .filter(|record| controls.iter().any(|control| record.what.names(control)))
        .map(|record| (record.what.from, record.ended.unwrap_or(record.what.until).min(record.what.until)))
        .collect();
    let (mut from, mut until) = (silence.from, silence.until);
    while let Some(at) = others.iter().position(|(begins, ends)| *begins <= until && from <= *ends) {
        let (begins, ends) = others.swap_remove(at);
        (from, until) = (from.min(begins), until.max(ends));
    }
    until.since(from)
}

fn check_silence(state: &State, silence: &Silence, draft: &Draft) -> Result<(), RecorderError> {
    if silence.until <= silence.from || silence.until <= draft.at() {
        return Err(RecorderError::SilenceIsOver);
    }
    if silence.controls.is_empty() || silence.controls.len() > Silence::CONTROLS_MAX {
        return Err(RecorderError::SilenceOfNothing);
    }
    let in_force = || state.controls().iter().filter(|(_, record)| !record.state.retired);
    for pattern in &silence.controls {
        if !in_force().any(|(control, _)| pattern.covers(control)) {
            return Err(RecorderError::SilenceOfNobody(pattern.clone()));
        }
    }
    Ok(())
}

/// A proposal that waits, if it is of somebody else.
pub(crate) fn proposal_of_another<'s>(
    ledger: &Ledger<State>,
    state: &'s State,
    number: u64,
    approver: &Author,
) -> Result<&'s ProposalRecord, RecorderError> {
    let record = open_proposal(state, number)?;
    if author_of(ledger, record)?.is_same_person(approver) {
        return Err(RecorderError::OwnProposal(number));
    }
    Ok(record)
}

fn open_proposal(state: &State, number: u64) -> Result<&ProposalRecord, RecorderError> {
    match state.proposals().get(&number) {
        None => Err(RecorderError::UnknownProposal(number)),
        Some(record) if record.ended.is_some() => Err(RecorderError::ProposalEnded(number)),
        Some(record) => Ok(record),
    }
}

/// Who proposed it. Without its words nobody can say that another person approves it.
fn author_of(ledger: &Ledger<State>, record: &ProposalRecord) -> Result<Author, RecorderError> {
    let note = NoteRecord::read(ledger, &record.note).ok_or(RecorderError::NoteUnreadable(record.note))?;
    Ok(note.author)
}

pub(super) fn keep(draft: &mut Draft, note: &NoteRecord) -> Result<Digest, RecorderError> {
    draft.keep(&serde_json::to_vec(note).expect("a note is plain data"), EvidenceClass::Record)
}
