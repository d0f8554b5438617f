//! Taking a part's content out, so that the log still verifies: its digest stays in the entries.

use std::sync::PoisonError;

use super::{
    Fold, Ledger, LedgerError,
    disk::{OpenMode, read, write_atomically},
    embedded::Core,
    frame::{self, FRAME_HEADER_BYTES, PartToWrite, Place, PlaceToWrite},
    index::PartPlace,
    journal::{self, JOURNAL_HEADER_BYTES},
    segment::Segment,
};
use crate::domain::Digest;

impl<F: Fold> Ledger<F> {
    /// Erases the content of a part wherever it is stored, durably. The caller commits the entry that says so.
    ///
    /// Done twice it is done once. Copies outside this folder, and blocks of the disk that are free now, are not
    /// reached.
    pub fn erase(&self, digest: &Digest) -> Result<(), LedgerError> {
        self.core.erase(digest)
    }
}

impl<F: Fold> Core<F> {
    fn erase(&self, digest: &Digest) -> Result<(), LedgerError> {
        // First of all the writer, so that no frame is appended to a file that is being replaced.
        let mut writer = self.writer();
        writer.check_appendable()?;
        let maintenance = self.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        let disk = &*self.layout.disk;
        let mut known = false;

        for name in journal::file_names(disk, &self.layout.journal())? {
            let path = self.layout.journal().join(name);
            let bytes = read(disk, &path)?;
            let Some(erased) = erased_from_file(&path, &bytes, digest)? else { continue };
            known = true;
            let replaced = write_atomically(disk, &path, OpenMode::Create, &erased);
            if writer.writes_to(&path) {
                // Whether or not the new name is durable, the open file may be one that has none any more.
                replaced.and_then(|()| writer.reopen()).inspect_err(|error| writer.poison(error))?;
            } else {
                replaced?;
            }
        }
        if let Some(at) = self.index.write().unwrap_or_else(PoisonError::into_inner).parts.get_mut(digest) {
            at.place = PartPlace::Erased;
        }
        for path in self.segment_paths() {
            let segment = Segment::open(disk, &path)?;
            if segment.find(digest).is_some() {
                known = true;
                write_atomically(disk, &path, OpenMode::Create, &segment.without(digest)?)?;
            }
        }
        // Last, so that a crash before it leaves a file that is marked as erased, and not a part that is missing.
        let file = self.part_file(digest);
        if disk.exists(&file) {
            known = true;
            let dir = file.parent().expect("it has a folder");
            disk.remove(&file).and_then(|()| disk.sync_dir(dir)).map_err(LedgerError::io("erase", &file))?;
        }
        drop(maintenance);
        if known { Ok(()) } else { Err(LedgerError::NoSuchPart(*digest)) }
    }
}

/// The same journal file with zeros in the part's place, and the frame's new checksum. `None`: it is not in there.
fn erased_from_file(path: &std::path::Path, bytes: &[u8], digest: &Digest) -> Result<Option<Vec<u8>>, LedgerError> {
    let mut found = false;
    // A file that could not be started holds nothing.
    let Some(header) = bytes.get(..JOURNAL_HEADER_BYTES) else { return Ok(None) };
    let mut erased = header.to_vec();
    while erased.len() < bytes.len() {
        let offset = erased.len();
        let damaged = |what: &str| LedgerError::damaged(path, offset as u64, what);
        let (number, payload) = frame::split(&bytes[offset..]).ok_or_else(|| damaged("the frame does not check"))?;
        let frame = frame::decode(payload).map_err(damaged)?;
        if frame.parts.iter().all(|part| part.digest != *digest) {
            erased.extend_from_slice(&bytes[offset..offset + FRAME_HEADER_BYTES + payload.len()]);
            continue;
        }
        found = true;
        let entries: Vec<&[u8]> = frame.entries.iter().map(|range| &payload[range.clone()]).collect();
        let parts: Vec<PartToWrite<'_>> = frame
            .parts
            .iter()
            .map(|part| {
                let place = match (&part.place, part.digest == *digest) {
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
