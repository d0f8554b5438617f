//! The entries of one control as columns: what repeats from run to run then compresses to nearly nothing.
//!
//! FORMAT.md, "Slots", has the bytes.

use super::wire::{Reader, put};
use crate::domain::{
    EventInterval, MissedReason, Outcome, RanSlot, RunReason, SlotEnd, SlotEntry, SlotTime, Timestamp,
};

/// The bytes of entries that stand in a pack which begins with `first`.
pub(super) fn encode(first: u64, entries: &[SlotEntry]) -> Vec<u8> {
    let mut columns = Columns::default();
    let mut before = Before { sequence: first, ..Before::default() };
    for entry in entries {
        columns.put(&mut before, entry);
    }
    let with_intervals = u8::from(columns.intervals.iter().any(|byte| *byte != 0));
    let intervals = if with_intervals == 0 { Vec::new() } else { columns.intervals };
    let mut bytes = Vec::new();
    put::varint(&mut bytes, entries.len() as u64);
    for column in [columns.flags, columns.sequences, columns.slots, columns.numbers] {
        bytes.extend_from_slice(&column);
    }
    bytes.push(with_intervals);
    bytes.extend_from_slice(&intervals);
    bytes.extend_from_slice(&columns.reasons);
    bytes
}

/// What [`encode`] was given; `None`: it has not made these bytes.
pub(super) fn decode(first: u64, bytes: &[u8]) -> Option<Vec<SlotEntry>> {
    let mut reader = Reader::new(bytes);
    let count = usize::try_from(reader.varint()?).ok()?;
    let flags = reader.bytes(count)?;
    let sequences = (0..count).map(|_| reader.varint()).collect::<Option<Vec<_>>>()?;
    let slots = (0..count).map(|_| reader.signed()).collect::<Option<Vec<_>>>()?;
    let numbers = (0..count).map(|at| Numbers::read(&mut reader, flags[at])).collect::<Option<Vec<_>>>()?;
    let mut before = Before { sequence: first, ..Before::default() };
    let mut intervals = Vec::with_capacity(count);
    let with_intervals = reader.u8()? != 0;
    for flags in flags {
        let is_run = flags & MISSED == 0;
        intervals.push(if with_intervals && is_run { before.interval(&mut reader)? } else { None });
    }
    let mut entries = Vec::with_capacity(count);
    for at in 0..count {
        let flags = flags[at];
        before.sequence = before.sequence.checked_add(sequences[at])?;
        let from = before.expected().wrapping_add(slots[at]);
        let slot = SlotTime(Timestamp::from_millis(from));
        let (version, end) = match numbers[at] {
            Numbers::Stretch { version, length, count } => {
                let reason = reader.text()?;
                let reason = MissedReason::ALL.into_iter().find(|known| known.as_str() == reason)?;
                let to = from.wrapping_add(length);
                before.slot(from, to);
                (version, SlotEnd::Missed { from: slot, to: SlotTime(Timestamp::from_millis(to)), count, reason })
            }
            Numbers::Run { change } => {
                before.slot(from, from);
                if let Some([version, population, failing]) = change {
                    (before.version, before.population, before.failing) = (version, population, failing);
                }
                let reason = if flags & WITH_REASON == 0 { None } else { Some(RunReason::from_word(reader.text()?)?) };
                let ran = RanSlot {
                    slot,
                    late: flags & LATE != 0,
                    by_hand: flags & BY_HAND != 0,
                    outcome: outcome(flags >> OUTCOME_SHIFT & 3),
                    reason,
                    clock_in_doubt: flags & IN_DOUBT != 0,
                    population: before.population,
                    failing: before.failing,
                    interval: intervals[at],
                };
                (before.version, SlotEnd::Ran(ran))
            }
        };
        entries.push(SlotEntry { sequence: before.sequence, version, end });
    }
    (reader.rest() == 0).then_some(entries)
}

/// One entry's bytes are spread over these.
#[derive(Default)]
struct Columns {
    flags: Vec<u8>,
    /// By how much the sequence grows.
    sequences: Vec<u8>,
    /// How far the slot is from where the two before would have it.
    slots: Vec<u8>,
    /// Version, population and failing subjects, where they are not those of the run before; of a stretch its version,
    /// its length and its count.
    numbers: Vec<u8>,
    /// Of each run whether it has an interval, how far that begins from the end of the one before, and how much longer it
    /// is. Left out where no run of the control has one.
    intervals: Vec<u8>,
    /// The words of reasons.
    reasons: Vec<u8>,
}

/// What an entry is told by its difference to.
#[derive(Default)]
struct Before {
    sequence: u64,
    slot: i64,
    step: i64,
    version: u32,
    population: u32,
    failing: u32,
    /// End and length of the interval.
    until: i64,
    length: i64,
}

impl Before {
    /// Where the next slot is if the schedule goes on.
    const fn expected(&self) -> i64 {
        self.slot.wrapping_add(self.step)
    }

    /// `None`: the bytes are not what was written.
    fn interval(&mut self, reader: &mut Reader<'_>) -> Option<Option<EventInterval>> {
        if reader.u8()? == 0 {
            return Some(None);
        }
        let from = self.until.wrapping_add(reader.signed()?);
        self.length = self.length.wrapping_add(reader.signed()?);
        self.until = from.wrapping_add(self.length);
        let (from, until) = (Timestamp::from_millis(from), Timestamp::from_millis(self.until));
        Some(Some(EventInterval { from, until }))
    }

    const fn slot(&mut self, from: i64, to: i64) {
        self.step = from.wrapping_sub(self.slot);
        self.slot = to;
    }
}

const MISSED: u8 = 1;
const OUTCOME_SHIFT: u8 = 1;
const LATE: u8 = 1 << 3;
const BY_HAND: u8 = 1 << 4;
const IN_DOUBT: u8 = 1 << 5;
const WITH_REASON: u8 = 1 << 6;
/// With version, population and failing subjects of the run before.
const SAME: u8 = 1 << 7;

impl Columns {
    fn put(&mut self, before: &mut Before, entry: &SlotEntry) {
        put::varint(&mut self.sequences, entry.sequence - before.sequence);
        before.sequence = entry.sequence;
        let (SlotTime(from), SlotTime(to)) = entry.span();
        let (from, to) = (from.as_millis(), to.as_millis());
        put::signed(&mut self.slots, from.wrapping_sub(before.expected()));
        before.slot(from, to);
        match &entry.end {
            SlotEnd::Ran(ran) => {
                let flag = |is: bool, flag: u8| if is { flag } else { 0 };
                let is_same =
                    (before.version, before.population, before.failing) == (entry.version, ran.population, ran.failing);
                self.flags.push(
                    outcome_code(ran.outcome) << OUTCOME_SHIFT
                        | flag(ran.late, LATE)
                        | flag(ran.by_hand, BY_HAND)
                        | flag(ran.clock_in_doubt, IN_DOUBT)
                        | flag(ran.reason.is_some(), WITH_REASON)
                        | flag(is_same, SAME),
                );
                if !is_same {
                    for number in [entry.version, ran.population, ran.failing] {
                        put::varint(&mut self.numbers, u64::from(number));
                    }
                    (before.version, before.population, before.failing) = (entry.version, ran.population, ran.failing);
                }
                match &ran.interval {
                    None => self.intervals.push(0),
                    Some(EventInterval { from, until }) => {
                        let (from, until) = (from.as_millis(), until.as_millis());
                        let length = until.wrapping_sub(from);
                        self.intervals.push(1);
                        put::signed(&mut self.intervals, from.wrapping_sub(before.until));
                        put::signed(&mut self.intervals, length.wrapping_sub(before.length));
                        (before.until, before.length) = (until, length);
                    }
                }
                if let Some(reason) = ran.reason {
                    put::text(&mut self.reasons, &reason.word());
                }
            }
            SlotEnd::Missed { count, reason, .. } => {
                self.flags.push(MISSED);
                put::varint(&mut self.numbers, u64::from(entry.version));
                put::signed(&mut self.numbers, to.wrapping_sub(from));
                put::varint(&mut self.numbers, *count);
                put::text(&mut self.reasons, reason.as_str());
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Numbers {
    /// Version, population, failing subjects; `None`: those of the run before.
    Run {
        change: Option<[u32; 3]>,
    },
    Stretch {
        version: u32,
        length: i64,
        count: u64,
    },
}

impl Numbers {
    fn read(reader: &mut Reader<'_>, flags: u8) -> Option<Self> {
        let small = |reader: &mut Reader<'_>| u32::try_from(reader.varint()?).ok();
        if flags & MISSED != 0 {
            let version = small(reader)?;
            return Some(Self::Stretch { version, length: reader.signed()?, count: reader.varint()? });
        }
        if flags & SAME != 0 {
            return Some(Self::Run { change: None });
        }
        Some(Self::Run { change: Some([small(reader)?, small(reader)?, small(reader)?]) })
    }
}

const fn outcome_code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Pass => 0,
        Outcome::Fail => 1,
        Outcome::NotApplicable => 2,
        Outcome::Error => 3,
    }
}

const fn outcome(code: u8) -> Outcome {
    match code {
        0 => Outcome::Pass,
        1 => Outcome::Fail,
        2 => Outcome::NotApplicable,
        _ => Outcome::Error,
    }
}
