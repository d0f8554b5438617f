//! Taking content out, so that the log still verifies: the digests stay in the entries.

use std::{
    collections::{BTreeSet, HashSet},
    path::Path,
    sync::PoisonError,
};

use super::{
    Fold, Ledger, LedgerError,
    disk::{OpenMode, read, write_atomically},
    embedded::Core,
    frame::{self, FRAME_HEADER_BYTES, PartToWrite, Place, PlaceToWrite},
    index::PartPlace,
    journal::{self, JOURNAL_HEADER_BYTES},
    segment::{Segment, SegmentPlace},
};
use crate::domain::Digest;

impl<F: Fold> Ledger<F> {
    /// Erases the content of a part wherever it is stored, durably. The caller commits the entry that says so.
    ///
    /// Done twice it is done once. Copies outside this folder, and blocks of the disk that are free now, are not
    /// reached.
    pub fn erase(&self, digest: &Digest) -> Result<(), LedgerError> {
        self.erase_all(&HashSet::from([*digest]))
    }

    /// As [`Self::erase`], of many at once: each file is written anew once.
    pub fn erase_all(&self, digests: &HashSet<Digest>) -> Result<(), LedgerError> {
        self.core.erase(digests)
    }

    /// The parts that are stored with their content, and those without.
    pub fn parts(&self) -> Result<StoredParts, LedgerError> {
        self.core.parts()
    }
}

/// Parts by whether their content is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredParts {
    pub kept: BTreeSet<Digest>,
    pub erased: BTreeSet<Digest>,
}

impl<F: Fold> Core<F> {
    fn parts(&self) -> Result<StoredParts, LedgerError> {
        let mut parts = StoredParts::default();
        for (digest, at) in &self.index().parts {
            let erased = matches!(at.place, PartPlace::Erased);
            if erased { &mut parts.erased } else { &mut parts.kept }.insert(*digest);
        }
        for path in self.segment_paths() {
            for part in Segment::open(&*self.layout.disk, &path)?.parts {
                let erased = matches!(part.place, SegmentPlace::Erased);
                if erased { &mut parts.erased } else { &mut parts.kept }.insert(part.digest);
            }
        }
        Ok(parts)
    }

    fn erase(&self, digests: &HashSet<Digest>) -> Result<(), LedgerError> {
        // First of all the writer, so that no frame is appended to a file that is being replaced.
        let mut writer = self.writer();
        writer.check_appendable()?;
        let maintenance = self.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        let disk = &*self.layout.disk;
        let mut known: HashSet<Digest> = HashSet::new();

        for name in journal::file_names(disk, &self.layout.journal())? {
            let path = self.layout.journal().join(name);
            let bytes = read(disk, &path)?;
            let Some(erased) = erased_from_file(&path, &bytes, digests, &mut known)? else { continue };
            let replaced = write_atomically(disk, &path, OpenMode::Create, &erased);
            if writer.writes_to(&path) {
                // Whether or not the new name is durable, the open file may be one that has none any more.
                replaced.and_then(|()| writer.reopen()).inspect_err(|error| writer.poison(error))?;
            } else {
                replaced?;
            }
        }
        for (digest, at) in &mut self.index.write().unwrap_or_else(PoisonError::into_inner).parts {
            if digests.contains(digest) {
                at.place = PartPlace::Erased;
            }
        }
        for path in self.segment_paths() {
            let segment = Segment::open(disk, &path)?;
            let found: Vec<_> = digests.iter().filter(|digest| segment.find(digest).is_some()).collect();
            if !found.is_empty() {
                known.extend(found);
                write_atomically(disk, &path, OpenMode::Create, &segment.without(digests)?)?;
            }
        }
        // Last, so that a crash before it leaves a file that is marked as erased, and not a part that is missing.
        for digest in digests {
            let file = self.part_file(digest);
            if disk.exists(&file) {
                known.insert(*digest);
                let dir = file.parent().expect("it has a folder");
                disk.remove(&file).and_then(|()| disk.sync_dir(dir)).map_err(LedgerError::io("erase", &file))?;
            }
        }
        drop(maintenance);
        match digests.iter().find(|digest| !known.contains(digest)) {
            None => Ok(()),
            Some(unknown) => Err(LedgerError::NoSuchPart(*unknown)),
        }
    }
}

/// The same journal file with zeros in the parts' places, and the frames' new checksums. `None`: none is in there.
fn erased_from_file(
    path: &Path,
    bytes: &[u8],
    digests: &HashSet<Digest>,
    known: &mut HashSet<Digest>,
) -> Result<Option<Vec<u8>>, LedgerError> {
    let mut found = false;
    // A file that could not be started holds nothing.
    let Some(header) = bytes.get(..JOURNAL_HEADER_BYTES) else { return Ok(None) };
    let mut erased = header.to_vec();
    while erased.len() < bytes.len() {
        let offset = erased.len();
        let damaged = |what: &str| LedgerError::damaged(path, offset as u64, what);
        let (number, payload) = frame::split(&bytes[offset..]).ok_or_else(|| damaged("the frame does not check"))?;
        let frame = frame::decode(payload).map_err(damaged)?;
        let here: Vec<_> = frame.parts.iter().map(|part| part.digest).filter(|part| digests.contains(part)).collect();
        if here.is_empty() {
            erased.extend_from_slice(&bytes[offset..offset + FRAME_HEADER_BYTES + payload.len()]);
            continue;
        }
        found = true;
        known.extend(here);
        let entries: Vec<&[u8]> = frame.entries.iter().map(|range| &payload[range.clone()]).collect();
        let parts: Vec<PartToWrite<'_>> = frame
            .parts
            .iter()
            .map(|part| {
                let place = match (&part.place, digests.contains(&part.digest)) {
                    (Place::Inline(range), false) => PlaceToWrite::Inline(&payload[range.clone()]),
                    (Place::Inline(_) | Place::Erased, _) => PlaceToWrite::Erased,
                    (Place::File, false) => PlaceToWrite::File,
                    (Place::File | Place::FileErased, _) => PlaceToWrite::FileErased,
                };
                PartToWrite { digest: part.digest, class: part.class, len: part.len, place }
            })
            .collect();
        erased.extend(frame::encode(number, frame.first, &entries, &parts, &frame.frontier));
    }
    Ok(found.then_some(erased))
}
