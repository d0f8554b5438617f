//! What is known in memory of the entries: the tree, and where the ones that are in no pack yet stand.

use std::{
    collections::{HashMap, VecDeque},
    path::Path,
    sync::Arc,
};

use super::{
    Head, LedgerError,
    frame::{self, Frame, Place},
    journal::FrameAt,
    merkle::{Frontier, Hash, leaf_hash, root_of},
};
use crate::domain::Digest;

/// Shared by readers and the writer, and never held over a wait for the disk.
pub(super) struct Index {
    pub(super) frontier: Frontier,
    pub(super) root: Hash,
    /// Roots of the sealed packs.
    pub(super) pack_roots: Vec<Hash>,
    /// Leaf hashes of the entries after them.
    pub(super) tail: Vec<Hash>,
    /// The frames that hold them, in order.
    pub(super) frames: VecDeque<FrameSpan>,
    /// The parts of frames that start after the sealed entries.
    pub(super) parts: HashMap<Digest, PartAt>,
    pub(super) pack_entries: u64,
}

/// Some entries in a journal file.
#[derive(Debug, Clone)]
pub(super) struct FrameSpan {
    pub(super) first: u64,
    pub(super) count: u64,
    pub(super) file: Arc<Path>,
    pub(super) offset: u64,
    pub(super) number: u64,
}

/// A part that is still in the journal.
#[derive(Debug, Clone)]
pub(super) struct PartAt {
    pub(super) file: Arc<Path>,
    /// First entry of its frame.
    pub(super) first: u64,
    pub(super) len: u32,
    pub(super) place: PartPlace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartPlace {
    /// Offset in the journal file.
    At(u64),
    File,
    Erased,
}

impl Index {
    pub(super) fn new(pack_entries: u64, pack_roots: Vec<Hash>) -> Self {
        let size = pack_roots.len() as u64 * pack_entries;
        let mut packs = Frontier::default();
        pack_roots.iter().for_each(|root| packs.push(*root));
        let hashes = packs.hashes().to_vec();
        let frontier = Frontier::from_parts(size, hashes).expect("a pack's size is a power of two");
        let root = frontier.root();
        let (tail, frames, parts) = (Vec::new(), VecDeque::new(), HashMap::new());
        Self { frontier, root, pack_roots, tail, frames, parts, pack_entries }
    }

    pub(super) const fn head(&self) -> Head {
        Head { size: self.frontier.size(), root: self.root }
    }

    pub(super) const fn sealed(&self) -> u64 {
        self.pack_roots.len() as u64 * self.pack_entries
    }

    /// Takes in a frame that is in the journal. `leaves` are the hashes of its entries that are in no pack.
    pub(super) fn add(&mut self, at: &FrameAt, frame: &Frame, leaves: &[Hash]) {
        let file: Arc<Path> = match self.frames.back() {
            Some(last) if *last.file == *at.file => last.file.clone(),
            _ => at.file.as_path().into(),
        };
        let payload = at.offset + super::frame::FRAME_HEADER_BYTES as u64;
        if frame.first >= self.sealed() {
            for part in &frame.parts {
                let place = match &part.place {
                    Place::Inline(range) => PartPlace::At(payload + range.start as u64),
                    Place::File => PartPlace::File,
                    Place::Erased | Place::FileErased => PartPlace::Erased,
                };
                let part_at = PartAt { file: file.clone(), first: frame.first, len: part.len, place };
                self.parts.insert(part.digest, part_at);
            }
        }
        self.tail.extend_from_slice(leaves);
        for leaf in leaves {
            self.frontier.push(*leaf);
        }
        self.root = self.frontier.root();
        let (count, number) = (frame.entries.len() as u64, at.number);
        self.frames.push_back(FrameSpan { first: frame.first, count, file, offset: at.offset, number });
    }

    /// Takes in a frame as it is read from the journal, in order, if it is not all in packs. `expected` carries the
    /// entry that must come next.
    pub(super) fn replay(
        &mut self,
        at: &FrameAt,
        payload: &[u8],
        expected: &mut Option<u64>,
    ) -> Result<Frame, LedgerError> {
        let damaged = |what: &str| LedgerError::damaged(&at.file, at.offset, format!("frame {}: {what}", at.number));
        let frame = frame::decode(payload).map_err(damaged)?;
        let size = self.frontier.size();
        let fits = expected.map_or(frame.first <= size, |expected| frame.first == expected);
        if !fits {
            let expected = expected.unwrap_or(size);
            return Err(damaged(&format!("it starts with entry {}, expected was {expected}", frame.first)));
        }
        let end = frame.first + frame.entries.len() as u64;
        *expected = Some(end);
        if end > size {
            let known = (size - frame.first.min(size)) as usize;
            let new = frame.entries.iter().skip(known);
            let leaves: Vec<Hash> = new.map(|range| leaf_hash(&payload[range.clone()])).collect();
            self.add(at, &frame, &leaves);
        }
        if end >= size && self.frontier != frame.frontier {
            return Err(damaged("its entries do not hash to the tree that it states"));
        }
        Ok(frame)
    }

    /// The oldest unsealed pack's worth of entries is in a pack now.
    pub(super) fn seal_oldest(&mut self) {
        let leaves = self.pack_entries as usize;
        self.pack_roots.push(root_of(&self.tail[..leaves]));
        self.tail.drain(..leaves);
        let sealed = self.sealed();
        while self.frames.front().is_some_and(|frame| frame.first + frame.count <= sealed) {
            self.frames.pop_front();
        }
        self.parts.retain(|_, part| part.first >= sealed);
    }

    /// The frame that holds an unsealed entry, and those behind it in the same file that begin within `stride` bytes
    /// from there.
    pub(super) fn frames_from(&self, sequence: u64, stride: u64) -> Vec<FrameSpan> {
        let after = self.frames.partition_point(|frame| frame.first <= sequence);
        let holds = |frame: &&FrameSpan| sequence < frame.first + frame.count;
        let Some((place, first)) =
            after.checked_sub(1).and_then(|place| Some((place, self.frames.get(place).filter(holds)?)))
        else {
            return Vec::new();
        };
        let is_near = |frame: &&FrameSpan| frame.file == first.file && frame.offset - first.offset <= stride;
        self.frames.range(place..).take_while(is_near).cloned().collect()
    }
}
