//! Evidence that holds a text is erased, as one person proposed and another approved.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Erasing, Recorded, Recorder, RecorderError, draft::Draft, runs::Runs, subjects::ERASED};
use crate::{
    domain::{Act, Digest, Event},
    fold::{ProposalEnd, ProposalRecord, State},
    gate::Mask,
    ledger::{EvidenceClass, Store},
};

impl Recorder {
    /// Erases parts and writes down that they are; may be asked again for what is left.
    ///
    /// The entry comes after the erasure, so that a crash in between leaves parts without content, which the next
    /// attempt finds and writes down. A list of subjects is erased after its entry: what is left of it, the names of all
    /// others, must be durable first.
    pub(super) fn erase(&mut self, draft: &mut Draft, erasing: Erasing) -> Result<Recorded, RecorderError> {
        let Erasing { proposal, target, parts, gone } = erasing;
        let ledger = Arc::clone(&self.ledger);
        let state = ledger.state();
        let is_approved = |record: &ProposalRecord| {
            matches!(
                record,
                ProposalRecord { act: Act::Erase { .. }, ended: Some(ProposalEnd { dropped: None, .. }), .. }
            )
        };
        if !state.proposals().get(&proposal).is_some_and(is_approved) {
            return Err(RecorderError::UnknownProposal(proposal));
        }
        let sequence = draft.next_sequence();
        let mut left = HashMap::new();
        for part in lists_of_subjects(&state).filter(|part| parts.contains(part)) {
            if let Some(rest) = self.without(&part, &target)? {
                left.insert(part, draft.keep(&rest, EvidenceClass::Record)?);
            }
        }
        let (lists, others): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| left.contains_key(part));
        // Nothing may go on from what is erased now.
        self.runs = Runs::default();
        let now: HashSet<Digest> = others.iter().copied().collect();
        let said: HashSet<Digest> = now.iter().chain(&lists).filter(|part| state.is_erased(part)).copied().collect();
        // Files are written anew, which takes its time: nobody who looks at the state may wait for it.
        drop(state);
        if !now.is_empty() {
            self.ledger.erase_all(&now)?;
        }
        for part in others.into_iter().chain(gone).filter(|part| !said.contains(part)) {
            draft.push(Event::Erased { part, left: None })?;
        }
        for part in lists {
            if !said.contains(&part) {
                draft.push(Event::Erased { part, left: left.get(&part).copied() })?;
            }
            draft.erase_afterwards(part);
        }
        Ok(Recorded::entry(sequence, draft.at()))
    }

    /// A list of subjects with others in the places of those that hold the text, so that all numbers stay what they are.
    fn without(&self, part: &Digest, target: &str) -> Result<Option<Vec<u8>>, RecorderError> {
        let Some(bytes) = self.ledger.part(part)? else { return Ok(None) };
        let Ok(mut subjects) = serde_json::from_slice::<Vec<String>>(&bytes) else { return Ok(None) };
        let mask = Mask::new([target]);
        for subject in subjects.iter_mut().filter(|subject| mask.finds(subject.as_bytes())) {
            ERASED.clone_into(subject);
        }
        Ok(Some(serde_json::to_vec(&subjects).expect("a list of texts is JSON")))
    }
}

fn lists_of_subjects(state: &State) -> impl Iterator<Item = Digest> + '_ {
    state.controls().keys().flat_map(|control| state.subject_parts(control)).map(|(_, named)| named.part)
}
