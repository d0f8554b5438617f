//! How the slots of each control ended, in a file beside each pack: so that the year of one control is read without the
//! entries of all others. FORMAT.md, "Slots", has the picture.
//!
//! A file of slots is derived from its pack and may be deleted at any time: it is made again.

use std::{collections::BTreeMap, ops::Range, path::Path};

use super::{
    LedgerError,
    disk::Disk,
    merkle::Hash,
    sealed::{Kind, Sealed, SealedBuilder, SealedHeader},
    wire::{Reader, put},
};
use crate::domain::{
    ControlId, EventInterval, MissedReason, Outcome, RanSlot, RunReason, SlotEnd, SlotEntry, SlotTime, Timestamp,
};

/// Entries of slots by control, in order.
pub(super) type SlotTable = BTreeMap<ControlId, Vec<SlotEntry>>;

/// An open file of slots, whose foot has been checked.
pub(super) struct PackSlots {
    sealed: Sealed,
    /// Of the slots of all controls: the first, and the last. `None`: there are none.
    pub(super) span: Option<(Timestamp, Timestamp)>,
    /// The first control of each block.
    firsts: Vec<ControlId>,
}

pub(super) fn file_name(pack: u64) -> String {
    format!("{pack:010}.slots")
}

/// All bytes of the file of the pack that begins with `first`.
pub(super) fn build(epoch: u32, first: u64, entries: u64, root: &Hash, table: &SlotTable) -> Vec<u8> {
    let header = SealedHeader { epoch, first_entry: first, entries, extra: table.len() as u64 };
    let mut builder = SealedBuilder::new(Kind::Slots, header);
    let mut foot = Vec::new();
    put::u32(&mut foot, VERSION);
    foot.extend_from_slice(root);
    let span = table.values().filter_map(|entries| span(entries)).reduce(join);
    let (from, to) = span.unwrap_or((Timestamp::from_millis(i64::MAX), Timestamp::from_millis(i64::MIN)));
    put::i64(&mut foot, from.as_millis());
    put::i64(&mut foot, to.as_millis());
    let mut raw = Vec::new();
    for (control, entries) in table {
        if raw.is_empty() {
            put::text(&mut foot, control.as_str());
        }
        put_group(&mut raw, first, control, entries);
        if raw.len() >= BLOCK_BYTES {
            builder.add_block(&raw);
            raw.clear();
        }
    }
    if !raw.is_empty() {
        builder.add_block(&raw);
    }
    builder.finish(&foot)
}

impl PackSlots {
    /// `None`: it is of another version, or of another pack.
    pub(super) fn open(disk: &dyn Disk, path: &Path, root: &Hash) -> Result<Option<Self>, LedgerError> {
        let sealed = Sealed::open(disk, path, Kind::Slots)?;
        let mut reader = Reader::new(&sealed.foot);
        let mut parse = || Some((reader.u32()?, reader.array::<32>()?));
        let short = || LedgerError::damaged(path, 0, "the foot does not hold what it must");
        let (version, of) = parse().ok_or_else(short)?;
        if version != VERSION || of != *root {
            return Ok(None);
        }
        let mut parse = || {
            let (from, to) = (reader.i64()?, reader.i64()?);
            let firsts: Option<Vec<ControlId>> = (0..sealed.blocks()).map(|_| reader.text()?.parse().ok()).collect();
            Some((from, to, firsts?))
        };
        let (from, to, firsts) = parse().ok_or_else(short)?;
        let span = (from <= to).then(|| (Timestamp::from_millis(from), Timestamp::from_millis(to)));
        Ok(Some(Self { span, firsts, sealed }))
    }

    /// The entries of a control that are about a slot within `during`, in order.
    pub(super) fn of(&self, control: &ControlId, during: &Range<Timestamp>) -> Result<Vec<SlotEntry>, LedgerError> {
        if !self.span.is_some_and(|span| touches(span, during)) {
            return Ok(Vec::new());
        }
        let Some(block) = self.firsts.partition_point(|first| first <= control).checked_sub(1) else {
            return Ok(Vec::new());
        };
        let mut entries = Vec::new();
        self.read(block, |of, group| {
            if of == control.as_str() && touches(group.span, during) {
                entries = group.entries()?;
            }
            Some(())
        })?;
        entries.retain(|entry| is_within(entry, during));
        Ok(entries)
    }

    /// Everything that it holds.
    pub(super) fn table(&self) -> Result<SlotTable, LedgerError> {
        let mut table = SlotTable::new();
        for block in 0..self.sealed.blocks() {
            self.read(block, |of, group| table.insert(of.parse().ok()?, group.entries()?).is_none().then_some(()))?;
        }
        Ok(table)
    }

    fn read(&self, block: usize, mut each: impl FnMut(&str, Group<'_>) -> Option<()>) -> Result<(), LedgerError> {
        let raw = self.sealed.block(block, || format!("slots of {} and after", self.firsts[block]))?;
        let mut reader = Reader::new(&raw);
        let mut read = || {
            while reader.rest() > 0 {
                let control = reader.text()?;
                let span = (Timestamp::from_millis(reader.i64()?), Timestamp::from_millis(reader.i64()?));
                let len = reader.u32()? as usize;
                let columns = reader.bytes(len)?;
                each(control, Group { first: self.sealed.header.first_entry, span, columns })?;
            }
            Some(())
        };
        let what = || format!("block {block} does not hold what it must");
        read().ok_or_else(|| LedgerError::damaged(&self.sealed.path, 0, what()))
    }
}

/// Whether an entry is about a slot within `during`.
pub(super) fn is_within(entry: &SlotEntry, during: &Range<Timestamp>) -> bool {
    let (SlotTime(from), SlotTime(to)) = entry.span();
    touches((from, to), during)
}

fn touches((from, to): (Timestamp, Timestamp), during: &Range<Timestamp>) -> bool {
    from < during.end && during.start <= to
}

fn span(entries: &[SlotEntry]) -> Option<(Timestamp, Timestamp)> {
    let spans = entries.iter().map(|entry| {
        let (SlotTime(from), SlotTime(to)) = entry.span();
        (from.min(to), to.max(from))
    });
    spans.reduce(join)
}

fn join(one: (Timestamp, Timestamp), other: (Timestamp, Timestamp)) -> (Timestamp, Timestamp) {
    (one.0.min(other.0), one.1.max(other.1))
}

/// The entries of one control, column by column: what repeats from run to run then compresses to nearly nothing.
fn put_group(to: &mut Vec<u8>, first: u64, control: &ControlId, entries: &[SlotEntry]) {
    let mut columns = Columns::default();
    let mut before = Before { sequence: first, ..Before::default() };
    for entry in entries {
        columns.put(&mut before, entry);
    }
    let mut bytes = Vec::new();
    put::varint(&mut bytes, entries.len() as u64);
    let with_intervals = u8::from(columns.intervals.iter().any(|byte| *byte != 0));
    let intervals = if with_intervals == 0 { Vec::new() } else { columns.intervals };
    for column in [columns.flags, columns.sequences, columns.slots, columns.numbers] {
        bytes.extend_from_slice(&column);
    }
    bytes.push(with_intervals);
    bytes.extend_from_slice(&intervals);
    bytes.extend_from_slice(&columns.reasons);
    let (from, till) = span(entries).unwrap_or((Timestamp::EPOCH, Timestamp::EPOCH));
    put::text(to, control.as_str());
    put::i64(to, from.as_millis());
    put::i64(to, till.as_millis());
    put::u32(to, bytes.len() as u32);
    to.extend_from_slice(&bytes);
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

/// A control's bytes in a block.
struct Group<'a> {
    /// Of the pack.
    first: u64,
    span: (Timestamp, Timestamp),
    columns: &'a [u8],
}

impl Group<'_> {
    /// `None`: they are not what was written.
    fn entries(&self) -> Option<Vec<SlotEntry>> {
        let mut reader = Reader::new(self.columns);
        let count = usize::try_from(reader.varint()?).ok()?;
        let flags = reader.bytes(count)?;
        let sequences = (0..count).map(|_| reader.varint()).collect::<Option<Vec<_>>>()?;
        let slots = (0..count).map(|_| reader.signed()).collect::<Option<Vec<_>>>()?;
        let numbers = (0..count).map(|at| Numbers::read(&mut reader, flags[at])).collect::<Option<Vec<_>>>()?;
        let mut before = Before { sequence: self.first, ..Before::default() };
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
                    let reason =
                        if flags & WITH_REASON == 0 { None } else { Some(RunReason::from_word(reader.text()?)?) };
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

/// Of what the blocks hold. A file of another version is made again.
const VERSION: u32 = 1;

/// A block ends with the control that fills it: what is read for one control costs so much.
const BLOCK_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::RealDisk;

    fn ran() -> impl Strategy<Value = SlotEnd> {
        let reasons = vec![None, Some(RunReason::Denied), Some(RunReason::LimitWall), Some(RunReason::FindingErrors)];
        let outcomes = vec![Outcome::Pass, Outcome::Fail, Outcome::NotApplicable, Outcome::Error];
        let slot = prop_oneof![Just(60_000), any::<i64>()];
        let interval = prop::option::of((prop_oneof![Just(60_000), any::<i64>()], any::<i64>()));
        (
            slot,
            0_u8..8,
            prop::sample::select(outcomes),
            prop::sample::select(reasons),
            0_u32..3,
            any::<bool>(),
            interval,
        )
            .prop_map(|(slot, flags, outcome, reason, failing, many, interval)| {
                SlotEnd::Ran(RanSlot {
                    slot: SlotTime(Timestamp::from_millis(slot)),
                    late: flags & 1 != 0,
                    by_hand: flags & 2 != 0,
                    outcome,
                    reason,
                    clock_in_doubt: flags & 4 != 0,
                    population: if many { u32::MAX } else { 48 },
                    failing,
                    interval: interval.map(|(from, until)| EventInterval {
                        from: Timestamp::from_millis(from),
                        until: Timestamp::from_millis(until),
                    }),
                })
            })
    }

    fn stretch() -> impl Strategy<Value = SlotEnd> {
        (any::<i64>(), any::<i64>(), any::<u64>(), prop::sample::select(&MissedReason::ALL[..])).prop_map(
            |(from, to, count, reason)| {
                let slot = |millis| SlotTime(Timestamp::from_millis(millis));
                SlotEnd::Missed { from: slot(from), to: slot(to), count, reason }
            },
        )
    }

    fn tables() -> impl Strategy<Value = SlotTable> {
        let one = (0_usize..40, 0_u32..3, prop_oneof![8 => ran(), 1 => stretch()], 1_u64..500);
        prop::collection::vec(one, 0..400).prop_map(|entries| {
            let mut table = SlotTable::new();
            let mut sequence = FIRST;
            for (control, version, end, step) in entries {
                sequence += step;
                let control = format!("AVL-01/model-{control:02}").parse().unwrap();
                table.entry(control).or_default().push(SlotEntry { sequence, version, end });
            }
            table
        })
    }

    const FIRST: u64 = 1 << 20;
    const ROOT: Hash = [7; 32];

    fn opened(bytes: &[u8], root: &Hash) -> Result<Option<PackSlots>, LedgerError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(file_name(16));
        std::fs::write(&path, bytes).unwrap();
        PackSlots::open(&RealDisk, &path, root)
    }

    proptest! {
        #[test]
        fn what_was_put_in_comes_out(table in tables(), from: i64, to: i64) {
            let slots = opened(&build(1, FIRST, 1 << 16, &ROOT, &table), &ROOT).unwrap().unwrap();
            prop_assert_eq!(slots.table().unwrap(), table.clone());
            let during = Timestamp::from_millis(from.min(to))..Timestamp::from_millis(from.max(to));
            for during in [Timestamp::ever(), during] {
                for (control, entries) in &table {
                    let wanted: Vec<_> = entries.iter().filter(|entry| is_within(entry, &during)).cloned().collect();
                    prop_assert_eq!(slots.of(control, &during).unwrap(), wanted);
                }
            }
            prop_assert!(slots.of(&"ZZZ-01".parse().unwrap(), &Timestamp::ever()).unwrap().is_empty());
            prop_assert!(slots.of(&"AAA-01".parse().unwrap(), &Timestamp::ever()).unwrap().is_empty());
        }

        #[test]
        fn a_flipped_bit_is_never_taken_for_slots(table in tables(), at: prop::sample::Index, bit in 0_u8..8) {
            let mut bytes = build(1, FIRST, 1 << 16, &ROOT, &table);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let read = opened(&bytes, &ROOT).and_then(|slots| slots.map(|slots| slots.table()).transpose());
            // The digest of the whole is not read: a flip in it changes nothing.
            let is_unread = bytes.len() - at <= 40 && at < bytes.len() - 8;
            prop_assert!(read.is_err() || is_unread && read.is_ok_and(|read| read == Some(table)));
        }
    }

    #[test]
    fn the_slots_of_another_pack_are_none() {
        let bytes = build(1, FIRST, 1 << 16, &ROOT, &SlotTable::new());
        assert!(opened(&bytes, &ROOT).unwrap().unwrap().span.is_none());
        assert!(opened(&bytes, &[8; 32]).unwrap().is_none());
    }

    /// 500 controls that pass every minute, started in an order that changes a little.
    #[test]
    fn a_run_of_a_regular_control_takes_little_more_than_a_byte() {
        let mut table = SlotTable::new();
        for sequence in 0..65_536_u64 {
            let (minute, place) = (sequence / 500, sequence % 500);
            let control = (place * 7 + minute * 13) % 500;
            let control = format!("AVL-01/model-{:03}", if place % 5 == 0 { control } else { place }).parse().unwrap();
            let slot = SlotTime(Timestamp::from_millis(1_772_000_000_000 + minute as i64 * 60_000));
            let end = SlotEnd::Ran(RanSlot {
                slot,
                late: false,
                by_hand: false,
                outcome: Outcome::Pass,
                reason: None,
                clock_in_doubt: false,
                population: 1,
                failing: 0,
                interval: None,
            });
            table.entry(control).or_default().push(SlotEntry { sequence, version: 1, end });
        }
        let bytes = build(1, 0, 65_536, &ROOT, &table);
        assert!(bytes.len() < 2 * 65_536, "{} bytes", bytes.len());
    }
}
