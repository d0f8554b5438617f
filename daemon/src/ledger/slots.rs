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
    slot_columns,
    wire::{Reader, put},
};
use crate::domain::{ControlId, SlotEntry, SlotTime, Timestamp};

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
        slot_columns::decode(self.first, self.columns)
    }
}

fn put_group(to: &mut Vec<u8>, first: u64, control: &ControlId, entries: &[SlotEntry]) {
    let (from, till) = span(entries).unwrap_or((Timestamp::EPOCH, Timestamp::EPOCH));
    let columns = slot_columns::encode(first, entries);
    put::text(to, control.as_str());
    put::i64(to, from.as_millis());
    put::i64(to, till.as_millis());
    put::u32(to, columns.len() as u32);
    to.extend_from_slice(&columns);
}

/// Of what the blocks hold. A file of another version is made again.
const VERSION: u32 = 1;

/// A block ends with the control that fills it: what is read for one control costs so much.
const BLOCK_BYTES: usize = 64 << 10;
