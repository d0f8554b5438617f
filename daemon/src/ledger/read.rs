//! Reading entries, parts and proofs while the writer goes on.

use std::{collections::VecDeque, io, ops::Range, path::PathBuf};

use super::{
    Fold, Ledger, LedgerError, Part,
    disk::{OpenMode, read_if_there},
    embedded::Core,
    frame::{self, FRAME_HEADER_BYTES},
    index::{FrameSpan, PartPlace},
    merkle::{self, Hash, Nodes, root_of},
    pack::{self, Pack},
    segment::{Segment, SegmentPlace},
};
use crate::domain::Digest;

/// Yields entries, a frame at a time.
pub(super) struct EntryReader<'a, F: Fold> {
    core: &'a Core<F>,
    next: u64,
    end: u64,
    ahead: VecDeque<Vec<u8>>,
    /// The pack that was read last, so that its foot is read once.
    pack: Option<(u64, Pack)>,
    /// Bytes of the journal that are read at once: who reads on reads more.
    stride: u64,
}

impl<'a, F: Fold> EntryReader<'a, F> {
    pub(super) const fn new(core: &'a Core<F>, range: Range<u64>) -> Self {
        Self { core, next: range.start, end: range.end, ahead: VecDeque::new(), pack: None, stride: 0 }
    }
}

impl<F: Fold> EntryReader<'_, F> {
    fn fetch(&mut self) -> Result<VecDeque<Vec<u8>>, LedgerError> {
        let entries = self.core.entries_near(self.next, self.stride, &mut self.pack);
        self.stride = STRIDE_BYTES;
        entries
    }
}

impl<F: Fold> Iterator for EntryReader<'_, F> {
    type Item = Result<(u64, Vec<u8>), LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        if self.ahead.is_empty() {
            match self.fetch() {
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

/// Reads single entries. Who asks for them in order has each stretch of a file read once.
pub struct EntryCursor<'a, F: Fold> {
    core: &'a Core<F>,
    /// The pack that was read last, so that its foot is read once.
    pack: Option<(u64, Pack)>,
    /// The entries at hand, from this sequence on.
    first: u64,
    at_hand: VecDeque<Vec<u8>>,
}

impl<F: Fold> Ledger<F> {
    /// For entries here and there, best asked for in order.
    pub fn cursor(&self) -> EntryCursor<'_, F> {
        EntryCursor { core: &self.core, pack: None, first: 0, at_hand: VecDeque::new() }
    }
}

impl<F: Fold> EntryCursor<'_, F> {
    /// The exact bytes of an entry.
    pub fn read(&mut self, sequence: u64) -> Result<&[u8], LedgerError> {
        let at_hand = self.first..self.first + self.at_hand.len() as u64;
        if !at_hand.contains(&sequence) {
            self.at_hand = self.core.entries_near(sequence, STRIDE_BYTES, &mut self.pack)?;
            self.first = sequence;
        }
        let size = || self.core.index().head().size;
        let missing = || LedgerError::OutOfRange { what: format!("entry {sequence}"), size: size() };
        self.at_hand.get((sequence - self.first) as usize).map(Vec::as_slice).ok_or_else(missing)
    }
}

impl<F: Fold> Core<F> {
    /// The entries from `sequence` to the end of its frame in a pack, or as far as they lie in so many bytes of the
    /// journal. `open` is the pack that was read last.
    fn entries_near(
        &self,
        sequence: u64,
        stride: u64,
        open: &mut Option<(u64, Pack)>,
    ) -> Result<VecDeque<Vec<u8>>, LedgerError> {
        let (sealed, per_pack) = {
            let index = self.index();
            (index.sealed(), index.pack_entries)
        };
        if sequence >= sealed {
            return self.entries_ahead(sequence, stride);
        }
        let number = sequence / per_pack;
        let pack = match open.take().filter(|(open, _)| *open == number) {
            Some((_, pack)) => pack,
            None => self.open_pack(number)?,
        };
        let entries = pack.entries_from(sequence);
        *open = Some((number, pack));
        entries
    }

    /// The entries from `sequence` to the end of the frame, of journal or pack, that holds it.
    pub(super) fn entries_from(&self, sequence: u64) -> Result<VecDeque<Vec<u8>>, LedgerError> {
        self.entries_ahead(sequence, 0)
    }

    /// The same, and those of the frames of the journal right behind it, as far as they lie in so many bytes.
    fn entries_ahead(&self, sequence: u64, stride: u64) -> Result<VecDeque<Vec<u8>>, LedgerError> {
        loop {
            let (sealed, per_pack, size, spans) = {
                let index = self.index();
                (index.sealed(), index.pack_entries, index.head().size, index.frames_from(sequence, stride))
            };
            if sequence < sealed {
                return self.open_pack(sequence / per_pack)?.entries_from(sequence);
            }
            let Some(first) = spans.first() else {
                return Err(LedgerError::OutOfRange { what: format!("entry {sequence}"), size });
            };
            let read = match spans.as_slice() {
                [_] => self.journal_entries(first, sequence),
                spans => self.journal_stretch(spans, sequence),
            };
            match read {
                // Sealed, and its file removed, since we looked.
                Err(LedgerError::Io { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && self.index().sealed() > sequence => {}
                read => return read,
            }
        }
    }

    pub(super) fn open_pack(&self, number: u64) -> Result<Pack, LedgerError> {
        let entries = self.index().pack_entries;
        Pack::open(&*self.layout.disk, &self.layout.packs().join(pack::file_name(number)), number, entries)
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
        let mut entries = VecDeque::new();
        take_entries(span, &bytes, sequence, &mut entries)?;
        Ok(entries)
    }

    /// Of frames that lie one behind the other in one file, but for the last: where that ends is not known here.
    fn journal_stretch(&self, spans: &[FrameSpan], sequence: u64) -> Result<VecDeque<Vec<u8>>, LedgerError> {
        let (first, last) = (&spans[0], &spans[spans.len() - 1]);
        let mut bytes = vec![0; (last.offset - first.offset) as usize];
        let opened = self.layout.disk.open(&first.file, OpenMode::Read);
        let read = opened.and_then(|file| file.read_at(first.offset, &mut bytes));
        read.map_err(LedgerError::io("read", &*first.file))?;
        let mut entries = VecDeque::new();
        for span in &spans[..spans.len() - 1] {
            take_entries(span, &bytes[(span.offset - first.offset) as usize..], sequence, &mut entries)?;
        }
        Ok(entries)
    }

    pub(super) fn part(&self, digest: &Digest) -> Result<Option<Vec<u8>>, LedgerError> {
        let Some((file, mut bytes)) = self.salted_part(digest)? else { return Ok(None) };
        if Digest::of(&bytes) != *digest {
            return Err(LedgerError::damaged(file, 0, format!("part {digest} does not hash to its name")));
        }
        Ok(Some(bytes.split_off(Part::SALT_BYTES)))
    }

    /// Salt and content, and the file they came from.
    fn salted_part(&self, digest: &Digest) -> Result<Option<(PathBuf, Vec<u8>)>, LedgerError> {
        let at = self.index().parts.get(digest).cloned();
        if let Some(at) = at {
            match at.place {
                PartPlace::Erased => return Ok(None),
                PartPlace::File => return self.part_from_file(digest),
                PartPlace::At(offset) => {
                    let read = || -> io::Result<Vec<u8>> {
                        let mut bytes = vec![0; at.len as usize];
                        self.layout.disk.open(&at.file, OpenMode::Read)?.read_at(offset, &mut bytes)?;
                        Ok(bytes)
                    };
                    match read() {
                        Ok(bytes) => return Ok(Some((at.file.to_path_buf(), bytes))),
                        // Sealed into a segment since we looked.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        Err(error) => return Err(LedgerError::io("read", &*at.file)(error)),
                    }
                }
            }
        }
        // What is asked for is mostly young.
        for path in self.segment_paths().iter().rev() {
            if !Segment::may_hold(&*self.layout.disk, path, digest)? {
                continue;
            }
            let segment = Segment::open(&*self.layout.disk, path)?;
            let Some(part) = segment.find(digest) else { continue };
            return match part.place {
                SegmentPlace::Erased => Ok(None),
                SegmentPlace::File => self.part_from_file(digest),
                SegmentPlace::Block { block, offset } => Ok(Some((path.clone(), segment.read(&part, block, offset)?))),
            };
        }
        Ok(None)
    }

    fn part_from_file(&self, digest: &Digest) -> Result<Option<(PathBuf, Vec<u8>)>, LedgerError> {
        let path = self.part_file(digest);
        match read_if_there(&*self.layout.disk, &path)? {
            Some(bytes) => Ok(Some((path, bytes))),
            None => Err(LedgerError::damaged(path, 0, format!("part {digest} is missing, and was not erased"))),
        }
    }

    pub(super) fn inclusion_proof(&self, sequence: u64, size: u64) -> Result<Vec<Hash>, LedgerError> {
        self.check_size(size, || format!("entry {sequence} of {size}"))?;
        if sequence >= size {
            return Err(LedgerError::OutOfRange { what: format!("entry {sequence} of {size}"), size });
        }
        merkle::inclusion_path(&mut StoredNodes { core: self, pack: None }, sequence, size)
    }

    pub(super) fn consistency_proof(&self, older: u64, newer: u64) -> Result<Vec<Hash>, LedgerError> {
        self.check_size(newer.max(older), || format!("{older} entries of {newer}"))?;
        merkle::consistency_path(&mut StoredNodes { core: self, pack: None }, older, newer)
    }

    /// The root of the first `size` entries.
    pub(super) fn root_at(&self, size: u64) -> Result<Hash, LedgerError> {
        self.check_size(size, || format!("the root of {size} entries"))?;
        merkle::range_root(&mut StoredNodes { core: self, pack: None }, 0, size)
    }

    fn check_size(&self, size: u64, what: impl FnOnce() -> String) -> Result<(), LedgerError> {
        let known = self.index().head().size;
        if size > known { Err(LedgerError::OutOfRange { what: what(), size: known }) } else { Ok(()) }
    }
}

/// The entries from `sequence` of the frame that `bytes` begin with.
fn take_entries(
    span: &FrameSpan,
    bytes: &[u8],
    sequence: u64,
    entries: &mut VecDeque<Vec<u8>>,
) -> Result<(), LedgerError> {
    let whole = frame::split(bytes).filter(|(number, _)| *number == span.number);
    let decoded = whole.and_then(|(_, payload)| Some((payload, frame::decode(payload).ok()?)));
    let Some((payload, frame)) = decoded else {
        let what = format!("frame {} does not check", span.number);
        return Err(LedgerError::damaged(&*span.file, span.offset, what));
    };
    let skip = sequence.saturating_sub(frame.first) as usize;
    entries.extend(frame.entries[skip..].iter().map(|range| payload[range.clone()].to_vec()));
    Ok(())
}

/// Small frames are read so many at a time.
const STRIDE_BYTES: u64 = 1 << 20;

/// Subtrees from memory, or from packs.
struct StoredNodes<'a, F: Fold> {
    core: &'a Core<F>,
    /// A proof asks the same pack several times.
    pack: Option<(u64, Pack)>,
}

impl<F: Fold> Nodes for StoredNodes<'_, F> {
    type Error = LedgerError;

    fn node(&mut self, level: u32, index: u64) -> Result<Hash, LedgerError> {
        let (from, to) = (index << level, (index + 1) << level);
        let number = {
            let known = self.core.index();
            let (sealed, per_pack) = (known.sealed(), known.pack_entries);
            if from >= sealed {
                return Ok(root_of(&known.tail[(from - sealed) as usize..(to - sealed) as usize]));
            }
            if to - from >= per_pack && to <= sealed {
                return Ok(root_of(&known.pack_roots[(from / per_pack) as usize..(to / per_pack) as usize]));
            }
            from / per_pack
        };
        if to - from > self.core.index().pack_entries {
            // Full packs on the left, entries that are in none on the right.
            let (left, right) = (self.node(level - 1, index * 2)?, self.node(level - 1, index * 2 + 1)?);
            return Ok(merkle::node_hash(&left, &right));
        }
        if self.pack.as_ref().is_none_or(|(open, _)| *open != number) {
            self.pack = Some((number, self.core.open_pack(number)?));
        }
        let (_, pack) = self.pack.as_ref().expect("it was opened above");
        pack.node(level, index)
    }
}
