//! What people decided: silences, and proposals with how they ended.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::{Key, State};
use crate::{
    domain::{Act, AlertCause, ControlId, Digest, Dropped, ExceptionId, Silence, SlotTime, Timestamp},
    judge::Withheld,
};

/// A silence, from when it was decided on. Never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceRecord {
    pub what: Silence,
    pub decided: Timestamp,
    /// Part: author and words.
    pub note: Digest,
    pub ended: Option<Timestamp>,
    /// Part: who ended it before its time.
    pub ended_note: Option<Digest>,
    pub withheld: BTreeMap<ControlId, Withheld>,
}

impl SilenceRecord {
    pub fn covers(&self, control: &ControlId, at: Timestamp) -> bool {
        self.ended.is_none() && self.what.covers(control, at)
    }

    /// How many alerts it has kept from people.
    pub fn alerts(&self) -> u64 {
        self.withheld.values().map(|withheld| u64::from(withheld.alerts)).sum()
    }
}

/// A subject that a control does not judge, as two people decided. Never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExclusionRecord {
    pub control: ControlId,
    /// Part: the subject.
    pub subject_part: Digest,
    pub until: Timestamp,
    pub decided: Timestamp,
    /// What was approved.
    pub proposal: u64,
    /// Part: author and words of the proposal.
    pub note: Digest,
    pub ended: Option<Timestamp>,
    /// Part: who ended it before its time.
    pub ended_note: Option<Digest>,
}

impl ExclusionRecord {
    pub fn is_in_force(&self, at: Timestamp) -> bool {
        self.ended.is_none() && at < self.until
    }
}

/// What one person proposed. Never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalRecord {
    pub act: Act,
    pub at: Timestamp,
    /// Part: author and words.
    pub note: Digest,
    pub ended: Option<ProposalEnd>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalEnd {
    pub at: Timestamp,
    /// `None`: it was approved.
    pub dropped: Option<Dropped>,
    pub note: Digest,
}

impl State {
    /// All silences that ever were, by number.
    pub const fn silences(&self) -> &BTreeMap<u64, SilenceRecord> {
        &self.silences
    }

    /// The silence by which nothing is told of a control, the oldest first; `but`: those that end now.
    pub fn silence_over(&self, control: &ControlId, at: Timestamp, but: &[u64]) -> Option<u64> {
        let covers = |(number, record): &(&u64, &SilenceRecord)| !but.contains(number) && record.covers(control, at);
        self.silences.iter().find(covers).map(|(number, _)| *number)
    }

    /// All proposals that ever were, by number.
    pub const fn proposals(&self) -> &BTreeMap<u64, ProposalRecord> {
        &self.proposals
    }

    /// All exclusions that two people ever decided on, by number; those of the configuration are none of them.
    pub const fn exclusions(&self) -> &BTreeMap<u64, ExclusionRecord> {
        &self.exclusions
    }

    /// Those of a control that nobody has ended; some may be over.
    pub fn exclusions_of(&self, control: &ControlId) -> impl Iterator<Item = (u64, &ExclusionRecord)> {
        let is_its = move |(_, record): &(&u64, &ExclusionRecord)| record.ended.is_none() && record.control == *control;
        self.exclusions.iter().filter(is_its).map(|(number, record)| (*number, record))
    }

    /// Who approved a proposal, as a part; `None`: it was not approved.
    pub fn approval_of(&self, proposal: u64) -> Option<Digest> {
        self.proposals.get(&proposal)?.ended.filter(|end| end.dropped.is_none()).map(|end| end.note)
    }

    /// Those that wait for a second person.
    pub fn open_proposals(&self) -> impl Iterator<Item = (u64, &ProposalRecord)> {
        self.proposals.iter().filter(|(_, record)| record.ended.is_none()).map(|(number, record)| (*number, record))
    }

    pub(super) fn silenced(&mut self, at: Timestamp, silence: u64, what: &Silence, note: Digest) {
        self.head.next_silence = self.head.next_silence.max(silence.saturating_add(1));
        let what = what.clone();
        let record =
            SilenceRecord { what, decided: at, note, ended: None, ended_note: None, withheld: BTreeMap::new() };
        self.silences.insert(silence, record);
        self.mark(Key::Silence(silence));
    }

    pub(super) fn silence_ended(&mut self, at: Timestamp, silence: u64, note: Option<Digest>) {
        if let Some(record) = self.silences.get_mut(&silence) {
            record.ended = Some(at);
            record.ended_note = note;
            self.mark(Key::Silence(silence));
        }
    }

    pub(super) fn withheld(
        &mut self,
        silence: u64,
        control: &ControlId,
        cause: AlertCause,
        exception: Option<ExceptionId>,
        since: Option<SlotTime>,
    ) {
        if let Some(record) = self.silences.get_mut(&silence) {
            record.withheld.entry(control.clone()).or_default().add(cause, exception, since);
            self.mark(Key::Silence(silence));
        }
    }

    pub(super) fn excluded(&mut self, exclusion: u64, record: ExclusionRecord) {
        self.head.next_exclusion = self.head.next_exclusion.max(exclusion.saturating_add(1));
        self.exclusions.insert(exclusion, record);
        self.mark(Key::Exclusion(exclusion));
    }

    pub(super) fn exclusion_ended(&mut self, at: Timestamp, exclusion: u64, note: Option<Digest>) {
        if let Some(record) = self.exclusions.get_mut(&exclusion) {
            record.ended = Some(at);
            record.ended_note = note;
            self.mark(Key::Exclusion(exclusion));
        }
    }

    pub(super) fn proposed(&mut self, at: Timestamp, proposal: u64, act: &Act, note: Digest) {
        self.head.next_proposal = self.head.next_proposal.max(proposal.saturating_add(1));
        self.proposals.insert(proposal, ProposalRecord { act: act.clone(), at, note, ended: None });
        self.mark(Key::Proposal(proposal));
    }

    pub(super) fn proposal_ended(&mut self, proposal: u64, end: ProposalEnd) {
        if let Some(record) = self.proposals.get_mut(&proposal) {
            record.ended = Some(end);
            self.mark(Key::Proposal(proposal));
        }
    }

    /// A part has lost its content, or all but what is `left` of it.
    pub(super) fn erase(&mut self, part: Digest, left: Option<Digest>) {
        self.erased.insert(part);
        self.mark(Key::Erased(part));
        let named: Vec<_> =
            self.subjects.iter().filter(|(_, named)| named.part == part).map(|(at, _)| at.clone()).collect();
        for (control, first) in named {
            if let (Some(left), Some(named)) = (left, self.subjects.get_mut(&(control.clone(), first))) {
                named.part = left;
                self.mark(Key::Subjects(control, first));
            }
        }
        for (control, record) in &mut self.controls {
            // The next run keeps its evidence anew, and does not name one that has none any more.
            if record.state.forget_evidence(&part) {
                self.dirty.insert(Key::Control(control.clone()));
            }
        }
    }
}
