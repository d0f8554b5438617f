//! Sealed parts: what one pack's entries of one day refer to, of one class.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use super::{
    EvidenceClass, LedgerError,
    disk::{Disk, OpenMode, write_atomically},
    sealed::{Kind, Sealed, SealedBuilder, SealedHeader},
    wire::{Reader, put},
};
use crate::domain::{Digest, LocalDay};

/// Parts are compressed together up to this size: like parts compress well, and one can be read alone.
const BLOCK_BYTES: usize = 256 << 10;
/// A segment that is longer is followed by another.
const SEGMENT_BYTES_MAX: usize = 64 << 20;

/// Where a part of a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SegmentPlace {
    Block { block: u32, offset: u32 },
    File,
    Erased,
}

/// A row of a segment's index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentPart {
    pub(super) digest: Digest,
    pub(super) place: SegmentPlace,
    /// Of salt and content together.
    pub(super) len: u32,
}

/// A segment whose header and index have been checked.
pub(super) struct Segment {
    sealed: Sealed,
    /// Sorted by digest.
    pub(super) parts: Vec<SegmentPart>,
}

/// Collects parts; each full segment is written at once.
pub(super) struct SegmentWriter<'a> {
    disk: &'a dyn Disk,
    /// The folder of the day.
    dir: PathBuf,
    header: SealedHeader,
    pack: u64,
    class: EvidenceClass,
    number: u32,
    open: Option<SegmentBuilder>,
    pub(super) written: Vec<PathBuf>,
}

struct SegmentBuilder {
    builder: SealedBuilder,
    block: Vec<u8>,
    parts: Vec<SegmentPart>,
}

/// A part as it comes out of the journal.
pub(super) enum Content<'a> {
    Bytes(&'a [u8]),
    File,
    Erased,
}

impl<'a> SegmentWriter<'a> {
    pub(super) fn new(
        disk: &'a dyn Disk,
        evidence: &Path,
        day: LocalDay,
        class: EvidenceClass,
        epoch: u32,
        entries: std::ops::Range<u64>,
    ) -> Self {
        let count = entries.end - entries.start;
        // Sign-extended days take the upper half.
        let extra = (u64::from(day.0 as u32) << 32) | u64::from(class.code());
        let header = SealedHeader { epoch, first_entry: entries.start, entries: count, extra };
        let dir = evidence.join(day.to_string());
        Self { disk, dir, header, pack: entries.start / count, class, number: 0, open: None, written: Vec::new() }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn add(&mut self, digest: Digest, len: u32, content: &Content<'_>) -> Result<(), LedgerError> {
        let open = self.open.get_or_insert_with(|| SegmentBuilder {
            builder: SealedBuilder::new(Kind::Segment, self.header),
            block: Vec::new(),
            parts: Vec::new(),
        });
        let place = match content {
            Content::Bytes(bytes) => {
                if !open.block.is_empty() && open.block.len() + bytes.len() > BLOCK_BYTES {
                    open.builder.add_block(&open.block);
                    open.block.clear();
                }
                let place =
                    SegmentPlace::Block { block: open.builder.blocks() as u32, offset: open.block.len() as u32 };
                open.block.extend_from_slice(bytes);
                place
            }
            Content::File => SegmentPlace::File,
            Content::Erased => SegmentPlace::Erased,
        };
        open.parts.push(SegmentPart { digest, place, len });
        if open.builder.len() > SEGMENT_BYTES_MAX { self.write() } else { Ok(()) }
    }

    /// Makes what was collected durable.
    pub(super) fn write(&mut self) -> Result<(), LedgerError> {
        let Some(SegmentBuilder { mut builder, block, parts }) = self.open.take() else { return Ok(()) };
        if !block.is_empty() {
            builder.add_block(&block);
        }
        let name = format!("{:010}-{}-{:03}.segment", self.pack, self.class.as_str(), self.number);
        let path = self.dir.join(name);
        write_atomically(self.disk, &path, OpenMode::Create, &builder.finish(&foot(parts)))?;
        self.number += 1;
        self.written.push(path);
        Ok(())
    }
}

/// The pack whose frames' parts it holds, by its name.
pub(super) fn pack_of(path: &Path) -> u64 {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.split('-').next().and_then(|pack| pack.parse().ok()).unwrap_or(u64::MAX)
}

/// The index: sorted rows, and their number.
fn foot(mut parts: Vec<SegmentPart>) -> Vec<u8> {
    parts.sort_by_key(|part| part.digest);
    parts.dedup_by_key(|part| part.digest);
    let mut foot = Vec::with_capacity(4 + parts.len() * ROW_BYTES);
    put::u32(&mut foot, parts.len() as u32);
    for part in &parts {
        foot.extend_from_slice(&part.digest.0);
        let (block, offset) = match part.place {
            SegmentPlace::Block { block, offset } => (block, offset),
            SegmentPlace::File => (BLOCK_FILE, 0),
            SegmentPlace::Erased => (BLOCK_ERASED, 0),
        };
        put::u32(&mut foot, block);
        put::u32(&mut foot, offset);
        put::u32(&mut foot, part.len);
    }
    foot
}

impl Segment {
    pub(super) fn open(disk: &dyn Disk, path: &Path) -> Result<Self, LedgerError> {
        let sealed = Sealed::open(disk, path, Kind::Segment)?;
        let mut reader = Reader::new(&sealed.foot);
        let mut parse = || {
            let count = reader.u32()?;
            let mut parts = Vec::with_capacity((count as usize).min(reader.rest() / ROW_BYTES));
            for _ in 0..count {
                let digest = Digest(reader.array()?);
                let (block, offset, len) = (reader.u32()?, reader.u32()?, reader.u32()?);
                let place = match block {
                    BLOCK_FILE => SegmentPlace::File,
                    BLOCK_ERASED => SegmentPlace::Erased,
                    block => SegmentPlace::Block { block, offset },
                };
                parts.push(SegmentPart { digest, place, len });
            }
            (reader.rest() == 0).then_some(parts)
        };
        let parts = parse().ok_or_else(|| LedgerError::damaged(path, 0, "the index does not fill the foot"))?;
        Ok(Self { sealed, parts })
    }

    /// Looks the digest up without reading the whole index: it is sorted, so a few rows tell.
    pub(super) fn may_hold(disk: &dyn Disk, path: &Path, digest: &Digest) -> Result<bool, LedgerError> {
        let (file, foot_at) = Sealed::foot_of(disk, path)?;
        let read = |offset: u64, into: &mut [u8]| file.read_at(offset, into).map_err(LedgerError::io("read", path));
        let mut count = [0; 4];
        read(foot_at, &mut count)?;
        let (mut low, mut high) = (0, u64::from(u32::from_le_bytes(count)));
        while low < high {
            let middle = low.midpoint(high);
            let mut row = [0; 32];
            read(foot_at + 4 + middle * ROW_BYTES as u64, &mut row)?;
            match row.cmp(&digest.0) {
                std::cmp::Ordering::Equal => return Ok(true),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(false)
    }

    pub(super) fn find(&self, digest: &Digest) -> Option<SegmentPart> {
        let at = self.parts.binary_search_by_key(digest, |part| part.digest).ok()?;
        Some(self.parts[at])
    }

    /// Salt and content; not yet compared with the digest.
    pub(super) fn read(&self, part: &SegmentPart, block: u32, offset: u32) -> Result<Vec<u8>, LedgerError> {
        let raw = self.sealed.block(block as usize, || format!("with part {}", part.digest))?;
        self.cut(part, &raw, offset).map(<[u8]>::to_vec)
    }

    fn cut<'b>(&self, part: &SegmentPart, raw: &'b [u8], offset: u32) -> Result<&'b [u8], LedgerError> {
        let range = offset as usize..offset as usize + part.len as usize;
        raw.get(range).ok_or_else(|| {
            LedgerError::damaged(&self.sealed.path, 0, format!("part {} is not where the index says", part.digest))
        })
    }

    /// The same segment without the content of parts; their bytes become zeros, so that nothing else moves.
    pub(super) fn without(&self, digests: &HashSet<Digest>) -> Result<Vec<u8>, LedgerError> {
        let mut builder = SealedBuilder::new(Kind::Segment, self.sealed.header);
        let erased: Vec<_> = self.parts.iter().filter(|part| digests.contains(&part.digest)).collect();
        for at in 0..self.sealed.blocks() {
            let mut raw = self.sealed.block(at, || "while parts are erased".to_owned())?;
            for part in &erased {
                if let SegmentPlace::Block { block, offset } = part.place
                    && block as usize == at
                {
                    self.cut(part, &raw, offset)?;
                    raw[offset as usize..offset as usize + part.len as usize].fill(0);
                }
            }
            builder.add_block(&raw);
        }
        let mut parts = self.parts.clone();
        for part in parts.iter_mut().filter(|part| digests.contains(&part.digest)) {
            part.place = SegmentPlace::Erased;
        }
        Ok(builder.finish(&foot(parts)))
    }

    /// Hashes every part; names the first that is wrong. Returns the parts that are files.
    pub(super) fn verify(&self) -> Result<(), LedgerError> {
        let mut by_block: Vec<Vec<(u32, &SegmentPart)>> = vec![Vec::new(); self.sealed.blocks()];
        for part in &self.parts {
            if let SegmentPlace::Block { block, offset } = part.place {
                let Some(in_block) = by_block.get_mut(block as usize) else {
                    let what = format!("part {} lies in a block that is not there", part.digest);
                    return Err(LedgerError::damaged(&self.sealed.path, 0, what));
                };
                in_block.push((offset, part));
            }
        }
        for (at, parts) in by_block.iter().enumerate() {
            let first = parts.iter().min_by_key(|(offset, _)| *offset);
            let name =
                || first.map_or("erased parts only".to_owned(), |(_, part)| format!("from part {}", part.digest));
            let raw = self.sealed.block(at, name)?;
            for (offset, part) in parts {
                if Digest::of(self.cut(part, &raw, *offset)?) != part.digest {
                    let what = format!("part {} does not hash to its name", part.digest);
                    return Err(LedgerError::damaged(&self.sealed.path, 0, what));
                }
            }
        }
        self.sealed.check_whole()
    }
}

const ROW_BYTES: usize = 44;
const BLOCK_FILE: u32 = u32::MAX;
const BLOCK_ERASED: u32 = u32::MAX - 1;
