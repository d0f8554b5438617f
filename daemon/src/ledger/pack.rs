//! Sealed entries: a full subtree of the log in one immutable file.

use std::{collections::VecDeque, path::Path};

use super::{
    LedgerError,
    disk::Disk,
    merkle::{Hash, leaf_hash, root_of},
    sealed::{Kind, Sealed, SealedBuilder, SealedHeader},
    wire::{Reader, put},
};

/// Frames of a pack that are compressed each on its own: reading an entry costs a 16th of the pack.
const FRAMES: u64 = 16;
/// Stored hashes are the roots of this part of a pack: storing all leaves would cost more than the entries.
const GROUPS_MAX: u64 = 256;

/// An open pack, whose foot has been checked.
pub(super) struct Pack {
    sealed: Sealed,
    /// Root of the pack's entries.
    pub(super) root: Hash,
    /// Number of the last frame of the journal with an entry of this pack.
    pub(super) last_frame: u64,
    groups: Vec<Hash>,
}

pub(super) fn file_name(number: u64) -> String {
    format!("{number:010}.pack")
}

/// All bytes of a pack. `entries` is a power of two of at least 16.
pub(super) fn build(epoch: u32, first: u64, last_frame: u64, entries: &[Vec<u8>], leaves: &[Hash]) -> Vec<u8> {
    assert!(entries.len() == leaves.len() && entries.len().is_power_of_two(), "a pack is a full subtree");
    let header = SealedHeader { epoch, first_entry: first, entries: entries.len() as u64, extra: last_frame };
    let mut builder = SealedBuilder::new(Kind::Pack, header);
    for frame in entries.chunks(frame_entries(entries.len() as u64) as usize) {
        let mut raw = Vec::new();
        for entry in frame {
            put::u16(&mut raw, entry.len() as u16);
        }
        for entry in frame {
            raw.extend_from_slice(entry);
        }
        builder.add_block(&raw);
    }
    let mut foot = Vec::new();
    for group in leaves.chunks(group_entries(entries.len() as u64) as usize) {
        foot.extend_from_slice(&root_of(group));
    }
    foot.extend_from_slice(&root_of(leaves));
    builder.finish(&foot)
}

const fn frame_entries(pack: u64) -> u64 {
    pack / FRAMES
}

const fn group_entries(pack: u64) -> u64 {
    if pack > GROUPS_MAX { pack / GROUPS_MAX } else { 1 }
}

impl Pack {
    pub(super) fn open(disk: &dyn Disk, path: &Path, number: u64, entries: u64) -> Result<Self, LedgerError> {
        let sealed = Sealed::open(disk, path, Kind::Pack)?;
        let damaged = |what: String| LedgerError::damaged(path, 0, what);
        let header = sealed.header;
        if header.entries != entries || header.first_entry != number * entries {
            return Err(damaged(format!(
                "it holds {} entries from {}, expected were {entries} from {}",
                header.entries,
                header.first_entry,
                number * entries
            )));
        }
        let count = (entries / group_entries(entries)) as usize;
        let mut reader = Reader::new(&sealed.foot);
        let hashes: Option<Vec<Hash>> = (0..=count).map(|_| reader.array()).collect();
        let (Some(mut groups), 0, true) = (hashes, reader.rest(), sealed.blocks() as u64 == FRAMES) else {
            return Err(damaged("the foot does not fit the number of entries".to_owned()));
        };
        let root = groups.pop().unwrap_or_default();
        if root_of(&groups) != root {
            return Err(damaged("its hashes do not come to its root".to_owned()));
        }
        Ok(Self { root, last_frame: header.extra, groups, sealed })
    }

    /// The entries from `sequence`, which is in this pack, to the end of its frame.
    pub(super) fn entries_from(&self, sequence: u64) -> Result<VecDeque<Vec<u8>>, LedgerError> {
        let (first, per_frame) = (self.sealed.header.first_entry, frame_entries(self.sealed.header.entries));
        let frame = (sequence - first) / per_frame;
        let (from, to) = (first + frame * per_frame, first + (frame + 1) * per_frame);
        let raw = self.sealed.block(frame as usize, || format!("entries {from} to {}", to - 1))?;
        let mut reader = Reader::new(&raw);
        let lengths: Option<Vec<u16>> = (from..to).map(|_| reader.u16()).collect();
        let entries: Option<VecDeque<Vec<u8>>> = lengths
            .and_then(|lengths| lengths.iter().map(|len| Some(reader.bytes(usize::from(*len))?.to_vec())).collect());
        let mut entries = entries.filter(|_| reader.rest() == 0).ok_or_else(|| {
            LedgerError::damaged(&self.sealed.path, 0, format!("entries {from} to {} do not fill their frame", to - 1))
        })?;
        entries.drain(..(sequence - from) as usize);
        Ok(entries)
    }

    /// The root of the full subtree over `index << level ..` of the log, which lies in this pack.
    pub(super) fn node(&self, level: u32, index: u64) -> Result<Hash, LedgerError> {
        let group = group_entries(self.sealed.header.entries);
        let (from, to) = ((index << level) - self.sealed.header.first_entry, 1_u64 << level);
        if to >= group {
            return Ok(root_of(&self.groups[(from / group) as usize..((from + to) / group) as usize]));
        }
        let mut leaves = Vec::with_capacity(to as usize);
        let entries = self.entries_from(self.sealed.header.first_entry + from)?;
        leaves.extend(entries.iter().take(to as usize).map(|entry| leaf_hash(entry)));
        Ok(root_of(&leaves))
    }

    /// Recomputes every hash. Names the first entries that do not fit. `each` gets every entry in order.
    pub(super) fn verify(&self, mut each: impl FnMut(u64, &[u8])) -> Result<(), LedgerError> {
        let header = self.sealed.header;
        let group = group_entries(header.entries) as usize;
        let mut leaves: Vec<Hash> = Vec::with_capacity(header.entries as usize);
        let mut sequence = header.first_entry;
        while sequence < header.first_entry + header.entries {
            for entry in self.entries_from(sequence)? {
                leaves.push(leaf_hash(&entry));
                each(sequence, &entry);
                sequence += 1;
            }
        }
        for (at, (stored, leaves)) in self.groups.iter().zip(leaves.chunks(group)).enumerate() {
            if root_of(leaves) != *stored {
                let from = header.first_entry + (at * group) as u64;
                let what = format!("entries {from} to {} do not hash to what is stored", from + group as u64 - 1);
                return Err(LedgerError::damaged(&self.sealed.path, 0, what));
            }
        }
        self.sealed.check_whole()
    }
}
