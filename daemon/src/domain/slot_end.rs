//! What an entry says of slots, without the evidence: enough to list and to count them.

use serde::{Deserialize, de::IgnoredAny};

use super::{
    ControlId, Counts, Entry, EntryError, Event, EventInterval, MissedReason, MissedSlots, Outcome, RunEntry,
    RunReason, SlotTime,
};

/// How slots of a control ended, as one entry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotEntry {
    /// Its place in the ledger.
    pub sequence: u64,
    /// Of the control.
    pub version: u32,
    pub end: SlotEnd,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotEnd {
    Ran(RanSlot),
    /// An unbroken stretch, first and last slot inclusive.
    Missed {
        from: SlotTime,
        to: SlotTime,
        count: u64,
        reason: MissedReason,
    },
}

/// A run, of a slot or asked for by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RanSlot {
    pub slot: SlotTime,
    pub late: bool,
    /// A person asked for it: it is of no slot, and counts for no day.
    pub by_hand: bool,
    pub outcome: Outcome,
    /// Why an `error`, or why a `fail` is incomplete.
    pub reason: Option<RunReason>,
    pub clock_in_doubt: bool,
    pub population: u32,
    /// Subjects that failed.
    pub failing: u32,
    /// Of a check that reads events: those that it was asked about.
    pub interval: Option<EventInterval>,
}

impl SlotEntry {
    /// `None`: the event is of no slot.
    pub fn of(sequence: u64, event: &Event) -> Option<(ControlId, Self)> {
        match event {
            Event::Run(run) => Some(Self::of_run(sequence, run)),
            Event::Missed(missed) => Some(Self::of_missed(sequence, missed)),
            _ => None,
        }
    }

    fn of_run(sequence: u64, run: &RunEntry) -> (ControlId, Self) {
        let ran = RanSlot {
            slot: run.slot,
            late: run.late,
            by_hand: run.days.is_empty(),
            outcome: run.outcome,
            reason: run.reason,
            clock_in_doubt: run.clock_in_doubt,
            population: run.population,
            failing: run.counts.fail,
            interval: run.interval,
        };
        (run.control.clone(), Self { sequence, version: run.version, end: SlotEnd::Ran(ran) })
    }

    fn of_missed(sequence: u64, missed: &MissedSlots) -> (ControlId, Self) {
        let MissedSlots { from, to, count, reason, .. } = *missed;
        let end = SlotEnd::Missed { from, to, count, reason };
        (missed.control.clone(), Self { sequence, version: missed.version, end })
    }

    /// The same from an entry's bytes, a few times as fast as by way of the whole entry: a list of slots is read from
    /// millions of them.
    pub fn from_bytes(sequence: u64, bytes: &[u8]) -> Result<Option<(ControlId, Self)>, EntryError> {
        // No text of an entry can hold an unescaped quote, so what is not found is not there.
        let is_of = |kind: &[u8]| bytes.windows(kind.len()).any(|window| window == kind);
        if is_of(b"\"kind\":\"run\"") {
            let parsed = serde_json::from_slice::<RunMembers>(bytes).ok();
            if let Some(run) = parsed.filter(|run| run.v <= Entry::VERSION) {
                return Ok(Some(run.entry(sequence)));
            }
        } else if !is_of(b"\"kind\":\"missed\"") {
            return Ok(None);
        }
        Ok(Self::of(sequence, &Entry::from_bytes(bytes)?.event))
    }

    /// The first and the last slot that it is about.
    pub const fn span(&self) -> (SlotTime, SlotTime) {
        match &self.end {
            SlotEnd::Ran(ran) => (ran.slot, ran.slot),
            SlotEnd::Missed { from, to, .. } => (*from, *to),
        }
    }
}

/// What is wanted of a run's entry.
#[derive(Deserialize)]
struct RunMembers {
    v: u32,
    control: ControlId,
    version: u32,
    slot: SlotTime,
    #[serde(default)]
    clock_in_doubt: bool,
    late: bool,
    days: Vec<IgnoredAny>,
    outcome: Outcome,
    #[serde(default)]
    reason: Option<RunReason>,
    population: u32,
    counts: Counts,
    #[serde(default)]
    interval: Option<EventInterval>,
}

impl RunMembers {
    fn entry(self, sequence: u64) -> (ControlId, SlotEntry) {
        let ran = RanSlot {
            slot: self.slot,
            late: self.late,
            by_hand: self.days.is_empty(),
            outcome: self.outcome,
            reason: self.reason,
            clock_in_doubt: self.clock_in_doubt,
            population: self.population,
            failing: self.counts.fail,
            interval: self.interval,
        };
        (self.control, SlotEntry { sequence, version: self.version, end: SlotEnd::Ran(ran) })
    }
}
