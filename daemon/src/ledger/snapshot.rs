//! Rows of the fold beside the packs: where a lost view starts from, so that it is not folded from entry 0.

use std::path::PathBuf;

use super::{
    LedgerError,
    disk::{OpenMode, write_atomically},
    folder::Layout,
    sealed::{Kind, Sealed, SealedBuilder, SealedHeader},
    view::{Rows, Stand},
    wire::{Reader, put},
};

/// Newer ones first.
pub(super) fn list(layout: &Layout) -> Result<Vec<PathBuf>, LedgerError> {
    let dir = layout.packs();
    let names = layout.disk.list(&dir).map_err(LedgerError::io("list", &dir))?;
    Ok(names.iter().rev().filter(|name| name.ends_with(".snapshot")).map(|name| dir.join(name)).collect())
}

/// Writes one, and removes all but the newest two.
pub(super) fn write(layout: &Layout, epoch: u32, fold: u32, stand: &Stand, rows: &Rows) -> Result<(), LedgerError> {
    let header = SealedHeader { epoch, first_entry: 0, entries: stand.size, extra: stand.frame };
    let mut builder = SealedBuilder::new(Kind::Snapshot, header);
    let mut raw = Vec::new();
    for (key, value) in rows {
        put::u32(&mut raw, key.len() as u32);
        put::u32(&mut raw, value.len() as u32);
        raw.extend_from_slice(key);
        raw.extend_from_slice(value);
        if raw.len() > BLOCK_BYTES {
            builder.add_block(&raw);
            raw.clear();
        }
    }
    if !raw.is_empty() {
        builder.add_block(&raw);
    }
    let mut foot = Vec::new();
    put::u32(&mut foot, fold);
    put::u64(&mut foot, rows.len() as u64);
    foot.extend_from_slice(&stand.root);
    let path = layout.packs().join(format!("{:016}.snapshot", stand.size));
    write_atomically(&*layout.disk, &path, OpenMode::Create, &builder.finish(&foot))?;
    for old in list(layout)?.iter().skip(KEPT) {
        layout.disk.remove(old).map_err(LedgerError::io("remove", old))?;
    }
    Ok(())
}

/// What a snapshot holds, if the same fold made it. Any fault in it is an error; it can be done without.
pub(super) fn read(layout: &Layout, path: &std::path::Path, fold: u32) -> Result<Option<(Stand, Rows)>, LedgerError> {
    let sealed = Sealed::open(&*layout.disk, path, Kind::Snapshot)?;
    let mut reader = Reader::new(&sealed.foot);
    let mut parse = || Some((reader.u32()?, reader.u64()?, reader.array()?));
    let short = || LedgerError::damaged(path, 0, "the snapshot does not hold what it says");
    let (version, count, root) = parse().ok_or_else(short)?;
    if version != fold {
        return Ok(None);
    }
    let mut rows = Vec::new();
    for at in 0..sealed.blocks() {
        let raw = sealed.block(at, || "rows".to_owned())?;
        let mut reader = Reader::new(&raw);
        while reader.rest() > 0 {
            let mut row = || {
                let (key, value) = (reader.u32()? as usize, reader.u32()? as usize);
                Some((reader.bytes(key)?.to_vec(), reader.bytes(value)?.to_vec()))
            };
            rows.push(row().ok_or_else(short)?);
        }
    }
    if rows.len() as u64 != count {
        return Err(short());
    }
    let stand = Stand { size: sealed.header.entries, frame: sealed.header.extra, root };
    Ok(Some((stand, rows)))
}

const BLOCK_BYTES: usize = 1 << 20;
const KEPT: usize = 2;
