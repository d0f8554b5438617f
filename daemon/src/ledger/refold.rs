//! Folding everything again, and comparing what was derived from entries with what they say.

use super::{
    Fold, Ledger, LedgerError, Store,
    embedded::{Core, with_sources},
    findings::Findings,
    slots::{self, SlotTable},
    verify::Work,
};
use crate::domain::{Entry, SlotEntry};

impl<F: Fold> Ledger<F> {
    /// Folds the first `size` entries again, and compares with the rows that stand for them.
    pub(super) fn refold(
        &self,
        rows: &[(Vec<u8>, Vec<u8>)],
        size: u64,
        work: &Work<'_>,
        found: &mut Findings,
    ) -> Result<(), LedgerError> {
        let mut again = F::empty();
        let mut slots = SlotTable::new();
        let per_pack = self.core.index().pack_entries;
        for entry in self.entries(0..size) {
            let (sequence, bytes) = entry?;
            match Entry::from_bytes(&bytes) {
                Ok(entry) => {
                    if let Some((control, slot)) = SlotEntry::of(sequence, &entry.event) {
                        slots.entry(control).or_default().push(slot);
                    }
                    again.apply(sequence, &entry);
                }
                Err(error) => found.fault(format!("entry {sequence}: {}", with_sources(&error))),
            }
            if (sequence + 1) % per_pack == 0 {
                self.core.verify_slots(sequence / per_pack, &std::mem::take(&mut slots), found)?;
            }
            if (sequence + 1) % REFOLD_STEP == 0 {
                work.advance(REFOLD_STEP);
                work.check_wanted()?;
            }
        }
        work.advance(size % REFOLD_STEP);
        if let Some(difference) = first_difference(rows, &again.rows()) {
            found.fault(format!("the state after {size} entries is not their fold: {difference}"));
        }
        Ok(())
    }
}

impl<F: Fold> Core<F> {
    /// A file of slots is derived, and may be missing; one that says something else than its pack is told.
    fn verify_slots(&self, pack: u64, entries: &SlotTable, found: &mut Findings) -> Result<(), LedgerError> {
        // What was committed since we began may have been sealed, and is not looked at.
        if self.index().pack_roots.len() as u64 <= pack {
            return Ok(());
        }
        let read = self.open_slots(pack).and_then(|slots| slots.map(|slots| slots.table()).transpose());
        if let Some(Some(table)) = found.take(read)?
            && table != *entries
        {
            let path = self.layout.packs().join(slots::file_name(pack));
            found.fault(format!("`{}`: it does not say what the entries of pack {pack} say", path.display()));
        }
        Ok(())
    }
}

fn first_difference(live: &[(Vec<u8>, Vec<u8>)], again: &[(Vec<u8>, Vec<u8>)]) -> Option<String> {
    if live == again {
        return None;
    }
    let at = live.iter().zip(again).take_while(|(live, again)| live == again).count();
    let key = live.get(at).or(again.get(at)).map_or_else(String::new, |(key, _)| key.escape_ascii().to_string());
    Some(format!("{} rows, folded again {}; the first that differs is `{key}`", live.len(), again.len()))
}

/// Entries between two looks at whether folding again is wanted still.
const REFOLD_STEP: u64 = 4096;
