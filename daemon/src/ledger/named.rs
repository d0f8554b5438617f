//! The parts that entries name, against those that are there: none may be missing, or gone, or there still, without an
//! entry that says so.

use std::path::PathBuf;

use super::{
    Fold, Ledger, LedgerError, Store,
    embedded::Core,
    findings::Findings,
    noted::Noted,
    segment::{Segment, SegmentPlace},
};
use crate::domain::Digest;

impl<F: Fold> Core<F> {
    /// What the entries of a pack name lies almost always in its segments. Looked for there, it needs not be remembered
    /// until the segments of all packs have been read: there may be more parts than memory.
    pub(super) fn look_for_parts<'p>(&self, segments: impl Iterator<Item = &'p PathBuf>, noted: &mut Noted) {
        for path in segments {
            // One that cannot be read is told when it is verified.
            let Ok(segment) = Segment::open(&*self.layout.disk, path) else { continue };
            for part in &segment.parts {
                match part.place {
                    SegmentPlace::Block { .. } | SegmentPlace::File => noted.hold(&part.digest),
                    SegmentPlace::Erased => noted.miss_content(part.digest),
                }
            }
        }
    }

    /// What entries name and nothing holds, not even as erased.
    pub(super) fn name_missing_parts(&self, found: &mut Findings) {
        let per_pack = self.index().pack_entries;
        // A part lies with the first entry of its frame, which may be of the pack before.
        let may_be_unread = |entry: u64| [entry / per_pack, (entry / per_pack).saturating_sub(1)];
        let mut missing: Vec<(u64, Digest)> = found.noted.named.drain().map(|(part, entry)| (entry, part)).collect();
        missing.sort_unstable();
        for (entry, part) in missing {
            let is_erased = found.noted.erased.contains_key(&part);
            if !is_erased && !may_be_unread(entry).iter().any(|pack| found.unread.contains(pack)) {
                found.fault(format!(
                    "entry {entry} names part {part}, which is missing, and no entry says it was erased"
                ));
            }
        }
    }
}

impl<F: Fold> Ledger<F> {
    /// Parts without their content of which no entry says that they were erased. The entry comes after the erasure: it
    /// may have been committed since `seen`, the entries before which were looked at.
    pub(super) fn name_silent_erasures(&self, seen: u64, found: &mut Findings) -> Result<(), LedgerError> {
        let is_silent = |noted: &Noted| noted.gone.keys().any(|part| !noted.erased.contains_key(part));
        if is_silent(&found.noted) {
            let mut since = Noted::default();
            for entry in self.entries(seen..u64::MAX) {
                let (sequence, bytes) = entry?;
                since.look_at(sequence, &bytes);
            }
            found.noted.erased.extend(since.erased);
        }
        let Noted { gone, erased, .. } = &mut found.noted;
        let mut silent: Vec<(Option<u64>, Digest)> =
            gone.drain().filter(|(part, _)| !erased.contains_key(part)).map(|(part, entry)| (entry, part)).collect();
        silent.sort_unstable();
        for (entry, part) in silent {
            let named = entry.map_or_else(String::new, |entry| format!(", which entry {entry} names,"));
            found.fault(format!("part {part}{named} was erased, and no entry says so"));
        }
        Ok(())
    }
}
