//! Reading entries, parts and proofs while the writer goes on.

use std::{collections::VecDeque, io, ops::Range};

use super::{
    Fold, LedgerError, Part,
    disk::{OpenMode, read_if_there},
    frame::{self, FRAME_HEADER_BYTES},
    index::{FrameSpan, PartPlace},
    ledger::Core,
    merkle::{self, Hash, Nodes, root_of},
};
use crate::domain::Digest;

/// Yields entries, a frame at a time.
pub(super) struct EntryReader<'a, F: Fold> {
    core: &'a Core<F>,
    next: u64,
    end: u64,
    ahead: VecDeque<Vec<u8>>,
}

impl<'a, F: Fold> EntryReader<'a, F> {
    pub(super) const fn new(core: &'a Core<F>, range: Range<u64>) -> Self {
        Self { core, next: range.start, end: range.end, ahead: VecDeque::new() }
    }
}

impl<F: Fold> Iterator for EntryReader<'_, F> {
    type Item = Result<(u64, Vec<u8>), LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        if self.ahead.is_empty() {
            match self.core.entries_from(self.next) {
                Ok(entries) => self.ahead = entries,
                Err(error) => {
                    self.next = self.end;
                    return Some(Err(error));
                }
            }
        }
        let entry = self.ahead.pop_front()?;
        self.next += 1;
        Some(Ok((self.next - 1, entry)))
    }
}

impl<F: Fold> Core<F> {
    /// The entries from `sequence` to the end of the frame that holds it.
    fn entries_from(&self, sequence: u64) -> Result<VecDeque<Vec<u8>>, LedgerError> {
        loop {
            let span = self.index().frame_of(sequence).cloned();
            let Some(span) = span else {
                let size = self.index().head().size;
                return Err(LedgerError::OutOfRange { what: format!("entry {sequence}"), size });
            };
            match self.journal_entries(&span, sequence) {
                // Sealed, and its file removed, since we looked.
                Err(LedgerError::Io { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && self.index().sealed() > sequence => {}
                read => return read,
            }
        }
    }

    fn journal_entries(&self, span: &FrameSpan, sequence: u64) -> Result<VecDeque<Vec<u8>>, LedgerError> {
        let read = || {
            let file = self.layout.disk.open(&span.file, OpenMode::Read)?;
            let mut header = [0; FRAME_HEADER_BYTES];
            file.read_at(span.offset, &mut header)?;
            let len = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
            let mut bytes = vec![0; FRAME_HEADER_BYTES + len.min(frame::FRAME_BYTES_MAX)];
            file.read_at(span.offset, &mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().map_err(LedgerError::io("read", &*span.file))?;
        let whole = frame::split(&bytes).filter(|(number, _)| *number == span.number);
        let decoded = whole.and_then(|(_, payload)| Some((payload, frame::decode(payload).ok()?)));
        let Some((payload, frame)) = decoded else {
            let what = format!("frame {} does not check", span.number);
            return Err(LedgerError::damaged(&*span.file, span.offset, what));
        };
        let skip = (sequence - frame.first) as usize;
        Ok(frame.entries[skip..].iter().map(|range| payload[range.clone()].to_vec()).collect())
    }

    pub(super) fn part(&self, digest: &Digest) -> Result<Option<Vec<u8>>, LedgerError> {
        let at = self.index().parts.get(digest).cloned();
        let salted = match at {
            Some(at) => match at.place {
                PartPlace::At(offset) => {
                    let read = || {
                        let mut bytes = vec![0; at.len as usize];
                        self.layout.disk.open(&at.file, OpenMode::Read)?.read_at(offset, &mut bytes)?;
                        Ok(bytes)
                    };
                    let bytes = read().map_err(LedgerError::io("read", &*at.file))?;
                    Some((at.file.to_path_buf(), offset, bytes))
                }
                PartPlace::File => self.part_from_file(digest)?,
                PartPlace::Erased => None,
            },
            None => self.part_from_file(digest)?,
        };
        let Some((file, offset, mut bytes)) = salted else { return Ok(None) };
        if Digest::of(&bytes) != *digest {
            return Err(LedgerError::damaged(file, offset, format!("part {digest} does not hash to its name")));
        }
        Ok(Some(bytes.split_off(Part::SALT_BYTES)))
    }

    fn part_from_file(&self, digest: &Digest) -> Result<Option<(std::path::PathBuf, u64, Vec<u8>)>, LedgerError> {
        let path = self.part_file(digest);
        Ok(read_if_there(&*self.layout.disk, &path)?.map(|bytes| (path, 0, bytes)))
    }

    pub(super) fn inclusion_proof(&self, sequence: u64, size: u64) -> Result<Vec<Hash>, LedgerError> {
        self.check_size(size, || format!("entry {sequence} of {size}"))?;
        if sequence >= size {
            let size = self.index().head().size;
            return Err(LedgerError::OutOfRange { what: format!("entry {sequence} of {size}"), size });
        }
        merkle::inclusion_path(&mut StoredNodes { core: self }, sequence, size)
    }

    pub(super) fn consistency_proof(&self, older: u64, newer: u64) -> Result<Vec<Hash>, LedgerError> {
        self.check_size(newer.max(older), || format!("{older} entries of {newer}"))?;
        merkle::consistency_path(&mut StoredNodes { core: self }, older, newer)
    }

    /// The root of the first `size` entries.
    pub(super) fn root_at(&self, size: u64) -> Result<Hash, LedgerError> {
        self.check_size(size, || format!("the root of {size} entries"))?;
        merkle::range_root(&mut StoredNodes { core: self }, 0, size)
    }

    fn check_size(&self, size: u64, what: impl FnOnce() -> String) -> Result<(), LedgerError> {
        let known = self.index().head().size;
        if size > known { Err(LedgerError::OutOfRange { what: what(), size: known }) } else { Ok(()) }
    }
}

/// Subtrees from memory, or from packs.
struct StoredNodes<'a, F: Fold> {
    core: &'a Core<F>,
}

impl<F: Fold> Nodes for StoredNodes<'_, F> {
    type Error = LedgerError;

    fn node(&mut self, level: u32, index: u64) -> Result<Hash, LedgerError> {
        let (from, to) = (index << level, (index + 1) << level);
        let known = self.core.index();
        let sealed = known.sealed();
        if from >= sealed {
            return Ok(root_of(&known.tail[(from - sealed) as usize..(to - sealed) as usize]));
        }
        Err(LedgerError::OutOfRange { what: format!("node {index} of level {level}"), size: known.head().size })
    }
}
