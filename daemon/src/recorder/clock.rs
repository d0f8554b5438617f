//! The wall clock is in doubt, and is believed again.

use super::{Belief, Recorded, Recorder, RecorderError, draft::Draft};
use crate::{
    domain::{AlertCause, ClockBelieved, ClockDoubt, Event},
    ledger::{EvidenceClass, Store},
    mail::{CheckpointFacts, ClockBelievedFacts, ClockDoubtedFacts, Letter},
};

impl Recorder {
    /// A doubt that is known already is no news, whatever shakes the clock further.
    pub(super) fn clock_doubted(&mut self, draft: &mut Draft, doubt: ClockDoubt) -> Result<Recorded, RecorderError> {
        let state = self.ledger.state();
        let sequence = draft.next_sequence();
        if state.head().doubt.is_none() {
            draft.push(Event::ClockDoubted { doubt })?;
            let facts = ClockDoubtedFacts { at: draft.at(), doubt, checkpoint: Some(checkpoint(draft)) };
            self.tell_operators(draft, &state, &Letter::ClockDoubted(facts), AlertCause::MonitoringGap)?;
        }
        Ok(Recorded { sequence, at: draft.at(), run: None })
    }

    pub(super) fn clock_believed(&mut self, draft: &mut Draft, belief: Belief) -> Result<Recorded, RecorderError> {
        let Belief { before, said, missed } = belief;
        let state = self.ledger.state();
        draft.believe_the_clock();
        let sequence = draft.next_sequence();
        let note = match &said {
            None => None,
            Some(note) => {
                let note = serde_json::to_vec(note).expect("a note is plain data");
                Some(draft.keep(&note, EvidenceClass::Record)?)
            }
        };
        draft.push(Event::ClockBelieved(ClockBelieved { before, note }))?;
        let facts = ClockBelievedFacts {
            since: state.head().doubt.map_or(before, |doubt| doubt.since),
            before,
            after: draft.at(),
            accepted: said.map(|note| note.words),
            missed,
            checkpoint: Some(checkpoint(draft)),
        };
        self.tell_operators(draft, &state, &Letter::ClockBelieved(facts), AlertCause::MonitoringGap)?;
        Ok(Recorded { sequence, at: draft.at(), run: None })
    }
}

/// The tree as it stood before this batch.
fn checkpoint(draft: &Draft) -> CheckpointFacts {
    let (size, root) = draft.base();
    CheckpointFacts { size, root }
}
