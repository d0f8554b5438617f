//! Reading how the slots of one control ended: from the files beside the packs, and from what is in no pack yet.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    ops::Range,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use super::{
    Fold, Ledger, LedgerError,
    disk::{OpenMode, write_atomically},
    embedded::{Core, EPOCH, with_sources},
    read::EntryReader,
    slots::{self, PackSlots, SlotTable, is_within},
};
use crate::domain::{ControlId, SlotEntry, Timestamp};

/// Which slots come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotOrder {
    /// As they stand in the ledger.
    OldestFirst,
    NewestFirst,
}

/// What is known in memory of slots.
#[derive(Default)]
pub(super) struct SlotIndex {
    recent: Mutex<Recent>,
    /// First and last slot of packs whose files were read: most questions are about few of them.
    spans: Mutex<BTreeMap<u64, Option<(Timestamp, Timestamp)>>>,
    missing: Mutex<Missing>,
}

/// Packs without a file of slots that can be used.
#[derive(Default)]
struct Missing {
    packs: BTreeSet<u64>,
    /// Up to which pack somebody has looked.
    looked_to: u64,
}

/// The slots of entries that are in no pack, as far as somebody has asked: no commit waits for them.
#[derive(Default)]
struct Recent {
    from: u64,
    to: u64,
    table: HashMap<ControlId, Vec<SlotEntry>>,
}

impl Recent {
    /// What is in packs now is read from there.
    fn forget(&mut self, sealed: u64) {
        if sealed <= self.from {
            return;
        }
        self.table.retain(|_, entries| {
            entries.drain(..entries.partition_point(|entry| entry.sequence < sealed));
            !entries.is_empty()
        });
        self.from = sealed;
        self.to = self.to.max(sealed);
    }
}

/// The entries of one control that are about slots of a time.
pub struct SlotReader<'a, F: Fold> {
    core: &'a Core<F>,
    control: ControlId,
    during: Range<Timestamp>,
    order: SlotOrder,
    /// Not read yet.
    packs: Range<u64>,
    /// Behind all packs.
    recent: Vec<SlotEntry>,
    ahead: VecDeque<SlotEntry>,
}

impl<F: Fold> Ledger<F> {
    /// How slots of a control ended that lie within `during`, as the entries of the moment have it.
    pub fn slots(
        &self,
        control: &ControlId,
        during: Range<Timestamp>,
        order: SlotOrder,
    ) -> Result<SlotReader<'_, F>, LedgerError> {
        let (packs, recent) = self.core.recent_slots(control, &during)?;
        let mut reader = SlotReader {
            core: &self.core,
            control: control.clone(),
            during,
            order,
            packs: 0..packs,
            recent: Vec::new(),
            ahead: VecDeque::new(),
        };
        match order {
            SlotOrder::OldestFirst => reader.recent = recent,
            SlotOrder::NewestFirst => reader.ahead.extend(recent.into_iter().rev()),
        }
        Ok(reader)
    }
}

impl<F: Fold> Iterator for SlotReader<'_, F> {
    type Item = Result<SlotEntry, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.ahead.pop_front() {
                return Some(Ok(entry));
            }
            let pack = match self.order {
                SlotOrder::OldestFirst => self.packs.next(),
                SlotOrder::NewestFirst => self.packs.next_back(),
            };
            let Some(pack) = pack else {
                self.ahead.extend(std::mem::take(&mut self.recent));
                return self.ahead.pop_front().map(Ok);
            };
            match (self.core.slots_of_pack(pack, &self.control, &self.during), self.order) {
                (Ok(entries), SlotOrder::OldestFirst) => self.ahead.extend(entries),
                (Ok(entries), SlotOrder::NewestFirst) => self.ahead.extend(entries.into_iter().rev()),
                (Err(error), _) => {
                    self.packs = 0..0;
                    self.recent.clear();
                    return Some(Err(error));
                }
            }
        }
    }
}

impl<F: Fold> Core<F> {
    /// How many packs there are, and what the entries behind them say.
    fn recent_slots(
        &self,
        control: &ControlId,
        during: &Range<Timestamp>,
    ) -> Result<(u64, Vec<SlotEntry>), LedgerError> {
        let mut recent = self.slots.recent.lock().unwrap_or_else(|poisoned| {
            // Somebody panicked in the midst of it: all is read again.
            self.slots.recent.clear_poison();
            let mut recent = poisoned.into_inner();
            *recent = Recent::default();
            recent
        });
        // Under the lock, so that nobody forgets what this answer counts on.
        let (sealed, per_pack, size) = {
            let index = self.index();
            (index.sealed(), index.pack_entries, index.head().size)
        };
        recent.forget(sealed);
        for entry in EntryReader::new(self, recent.to..size) {
            let (sequence, bytes) = entry?;
            if let Some((control, entry)) = read_entry(sequence, &bytes)? {
                recent.table.entry(control).or_default().push(entry);
            }
            recent.to = sequence + 1;
        }
        let of_control = recent.table.get(control).into_iter().flatten();
        Ok((sealed / per_pack, of_control.filter(|entry| is_within(entry, during)).cloned().collect()))
    }

    fn slots_of_pack(
        &self,
        pack: u64,
        control: &ControlId,
        during: &Range<Timestamp>,
    ) -> Result<Vec<SlotEntry>, LedgerError> {
        let known = lock(&self.slots.spans).get(&pack).copied();
        if known.is_some_and(|span| span.is_none_or(|(from, to)| from >= during.end || to < during.start)) {
            return Ok(Vec::new());
        }
        let opened = self.open_slots(pack);
        match opened.and_then(|opened| opened.map(|slots| Ok((slots.span, slots.of(control, during)?))).transpose()) {
            Ok(Some((span, entries))) => {
                lock(&self.slots.spans).insert(pack, span);
                return Ok(entries);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(pack, why = with_sources(&error), "its file of slots is passed over"),
        }
        // It is made again behind the commits.
        lock(&self.slots.missing).packs.insert(pack);
        let entries = self.slot_table(pack)?.remove(control).unwrap_or_default();
        Ok(entries.into_iter().filter(|entry| is_within(entry, during)).collect())
    }

    /// `None`: there is none that says what this pack's entries say.
    pub(super) fn open_slots(&self, pack: u64) -> Result<Option<PackSlots>, LedgerError> {
        let root = self.index().pack_roots[pack_place(pack)];
        match PackSlots::open(&*self.layout.disk, &self.slots_path(pack), &root) {
            Err(LedgerError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
            opened => opened,
        }
    }

    /// What the entries of a pack say of slots.
    pub(super) fn slot_table(&self, pack: u64) -> Result<SlotTable, LedgerError> {
        let per_pack = self.index().pack_entries;
        let mut table = SlotTable::new();
        for entry in EntryReader::new(self, pack * per_pack..(pack + 1) * per_pack) {
            let (sequence, bytes) = entry?;
            if let Some((control, entry)) = read_entry(sequence, &bytes)? {
                table.entry(control).or_default().push(entry);
            }
        }
        Ok(table)
    }

    fn slots_path(&self, pack: u64) -> PathBuf {
        self.layout.packs().join(slots::file_name(pack))
    }

    /// Makes the file of the newest pack that has none. Whether there was one to make.
    ///
    /// What fails is not tried again before the next start, and costs whoever asks the time of reading the pack.
    pub(super) fn index_next_pack(&self) -> Result<bool, LedgerError> {
        let Some(pack) = self.take_pack_without_slots()? else { return Ok(false) };
        let (per_pack, root) = {
            let index = self.index();
            (index.pack_entries, index.pack_roots[pack_place(pack)])
        };
        let bytes = slots::build(EPOCH, pack * per_pack, per_pack, &root, &self.slot_table(pack)?);
        write_atomically(&*self.layout.disk, &self.slots_path(pack), OpenMode::Create, &bytes)?;
        Ok(true)
    }

    fn take_pack_without_slots(&self) -> Result<Option<u64>, LedgerError> {
        let packs = self.index().pack_roots.len() as u64;
        let mut missing = lock(&self.slots.missing);
        if missing.looked_to == 0 && packs > 0 {
            let dir = self.layout.packs();
            let there = self.layout.disk.list(&dir).map_err(LedgerError::io("list", &dir))?;
            let is_there = |pack: u64| there.binary_search(&slots::file_name(pack)).is_ok();
            missing.packs.extend((0..packs).filter(|pack| !is_there(*pack)));
        } else {
            let sealed_since = missing.looked_to..packs;
            missing.packs.extend(sealed_since);
        }
        missing.looked_to = packs;
        // Young ones are asked for most.
        Ok(missing.packs.pop_last())
    }
}

/// An entry that is of some slot, with its control.
fn read_entry(sequence: u64, bytes: &[u8]) -> Result<Option<(ControlId, SlotEntry)>, LedgerError> {
    SlotEntry::from_bytes(sequence, bytes).map_err(|source| LedgerError::Entry { sequence, source })
}

fn pack_place(pack: u64) -> usize {
    usize::try_from(pack).expect("the roots of all packs are in memory")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nobody panics in the midst of a change to these.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that says too little and checks nevertheless, as somebody would make it who wants to hide something.
#[cfg(test)]
pub(super) fn write_without<F: Fold>(ledger: &Ledger<F>, pack: u64, control: &ControlId) {
    let core = &ledger.core;
    let (per_pack, root) = (core.index().pack_entries, core.index().pack_roots[pack_place(pack)]);
    let mut table = core.slot_table(pack).unwrap();
    assert!(table.remove(control).is_some());
    std::fs::write(core.slots_path(pack), slots::build(EPOCH, pack * per_pack, per_pack, &root, &table)).unwrap();
}
