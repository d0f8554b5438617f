//! The wall clock is in doubt, and is believed again.

use super::{
    Belief, Recorded, Recorder, RecorderError,
    acts::{keep, proposal_of_another},
    draft::Draft,
};
use crate::{
    domain::{Act, AlertCause, ClockBelieved, ClockDoubt, Dropped, Event},
    fold::ProposalRecord,
    ledger::Store,
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
        Ok(Recorded::entry(sequence, draft.at()))
    }

    pub(super) fn clock_believed(&mut self, draft: &mut Draft, belief: Belief) -> Result<Recorded, RecorderError> {
        let Belief { before, said, proposal, missed } = belief;
        let state = self.ledger.state();
        // The clock has moved already: what is wrong with the proposal now must not leave the ledger in doubt.
        let proposal = proposal.filter(|number| {
            let author = said.as_ref().map(|note| &note.author);
            author.is_some_and(|author| proposal_of_another(&self.ledger, &state, *number, author).is_ok())
        });
        draft.believe_the_clock();
        let note = match &said {
            None => None,
            Some(note) => {
                let part = keep(draft, note)?;
                if let Some(number) = proposal {
                    draft.push(Event::Approved { proposal: number, note: part })?;
                }
                Some(part)
            }
        };
        let accepts = |record: &ProposalRecord| record.act == Act::AcceptClock;
        let moot = state.open_proposals().filter(|(number, record)| Some(*number) != proposal && accepts(record));
        for (number, record) in moot {
            draft.push(Event::ProposalDropped { proposal: number, why: Dropped::Moot, note: record.note })?;
        }
        let sequence = draft.next_sequence();
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
        Ok(Recorded::entry(sequence, draft.at()))
    }
}

/// The tree as it stood before this batch.
fn checkpoint(draft: &Draft) -> CheckpointFacts {
    let (size, root) = draft.base();
    CheckpointFacts { size, root }
}
