//! The rows of the fold in sled, so that opening does not fold everything again.
//!
//! The view is not the truth: it is written behind, and whatever is wrong with it, it is dropped and folded anew.
//! Measured faults of sled 0.34.7, and what is done here about each:
//!
//! 1. `flush` makes nothing durable: we call `fdatasync` on `db` after it, and sync the folders after the first open.
//! 2. Killed while it writes a snapshot, it takes the half file for the newest: `*.generating` goes before opening.
//! 3. Values of many kilobytes go to `blobs/`, which is never synced: no value is above [`VALUE_BYTES_MAX`].
//! 4. One flipped bit panics while it opens: the panic is caught and the view made anew.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use super::{
    Row,
    merkle::Hash,
    wire::{Reader, put},
};

/// An open view.
pub(super) struct View {
    db: sled::Db,
    dir: PathBuf,
    fold_version: u32,
    /// Number and checksum of all rows, so that one that sled loses is missed.
    rows: u64,
    sum: u64,
}

/// The entries that rows stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stand {
    pub(super) size: u64,
    pub(super) frame: u64,
    /// Root of the tree of these entries.
    pub(super) root: Hash,
}

/// Sorted by key.
pub(super) type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// Why a view is of no use; the remedy is always to make it anew.
#[derive(Debug, thiserror::Error)]
pub(super) enum ViewError {
    #[error("sled: {0}")]
    Sled(#[from] sled::Error),
    #[error("sled panicked")]
    Panicked,
    #[error("{what}: {source}")]
    Io { what: &'static str, source: std::io::Error },
    #[error("{0}")]
    Unfit(&'static str),
}

impl View {
    /// Opens what is there, with its rows; else an empty view.
    pub(super) fn open(dir: &Path, fold_version: u32) -> Result<(Self, Option<(Stand, Rows)>), ViewError> {
        let tried = guarded(|| {
            let mut view = Self::open_sled(dir, fold_version)?;
            let found = view.load()?;
            Ok((view, found))
        });
        match tried {
            Ok(opened) => Ok(opened),
            Err(why) => {
                tracing::warn!(view = %dir.display(), %why, "the view is dropped and folded anew");
                discard(dir)?;
                Ok((guarded(|| Self::open_sled(dir, fold_version))?, None))
            }
        }
    }

    /// Reads without changing anything of the view that a writer may have open: there is no such way in sled, so a
    /// reader folds for itself. This only removes it.
    pub(super) fn discard(self) -> Result<(), ViewError> {
        let dir = self.dir.clone();
        guarded(move || {
            drop(self);
            Ok(())
        })?;
        discard(&dir)
    }

    fn open_sled(dir: &Path, fold_version: u32) -> Result<Self, ViewError> {
        let io = |what| move |source| ViewError::Io { what, source };
        fs::create_dir_all(dir).map_err(io("create the view"))?;
        for entry in fs::read_dir(dir).map_err(io("list the view"))? {
            let entry = entry.map_err(io("list the view"))?;
            if entry.file_name().to_string_lossy().ends_with(".generating") {
                fs::remove_file(entry.path()).map_err(io("remove a half snapshot of sled"))?;
            }
        }
        let is_new = !dir.join("db").exists();
        let db = sled::Config::new()
            .path(dir)
            .cache_capacity(64 << 20)
            .flush_every_ms(None)
            .print_profile_on_drop(false)
            .open()?;
        let view = Self { db, dir: dir.to_owned(), fold_version, rows: 0, sum: 0 };
        if is_new {
            view.sync()?;
            for folder in [dir.join("blobs"), dir.to_owned(), dir.parent().unwrap_or(dir).to_owned()] {
                fs::File::open(&folder).and_then(|dir| dir.sync_all()).map_err(io("sync the view's folders"))?;
            }
        }
        Ok(view)
    }

    /// Everything there is, if it stands for something and is whole.
    fn load(&mut self) -> Result<Option<(Stand, Rows)>, ViewError> {
        let Some(meta) = self.db.get(META)? else { return Ok(None) };
        let (stand, rows_expected, sum_expected) = self.parse_meta(&meta)?;
        let mut rows: Rows = Vec::new();
        let mut chunks = self.db.range([ROW]..[ROW + 1]);
        while let Some(first) = chunks.next() {
            let (stored_key, value) = first?;
            let key = row_key(&stored_key).ok_or(ViewError::Unfit("a row has no key"))?.to_vec();
            let (len, mut content) = first_chunk(&value).ok_or(ViewError::Unfit("a row does not check"))?;
            while content.len() < len {
                let (_, value) = chunks.next().ok_or(ViewError::Unfit("a row is cut short"))??;
                content.extend_from_slice(checked(&value).ok_or(ViewError::Unfit("a row does not check"))?);
            }
            self.count(&key, &content);
            rows.push((key, content));
        }
        if (self.rows, self.sum) != (rows_expected, sum_expected) {
            return Err(ViewError::Unfit("rows are missing"));
        }
        // In sled the length of a key sorts before its bytes.
        rows.sort_unstable();
        Ok(Some((stand, rows)))
    }

    fn parse_meta(&self, meta: &[u8]) -> Result<(Stand, u64, u64), ViewError> {
        let content = checked(meta).ok_or(ViewError::Unfit("its head does not check"))?;
        let mut reader = Reader::new(content);
        let mut parse = || {
            let (layout, fold) = (reader.u32()?, reader.u32()?);
            let stand = Stand { size: reader.u64()?, frame: reader.u64()?, root: reader.array()? };
            Some((layout, fold, stand, reader.u64()?, reader.u64()?))
        };
        match parse() {
            Some((LAYOUT, fold, stand, rows, sum)) if fold == self.fold_version => Ok((stand, rows, sum)),
            Some((LAYOUT, ..)) => Err(ViewError::Unfit("it was folded by another version")),
            _ => Err(ViewError::Unfit("it is of another version")),
        }
    }

    /// Replaces everything. A crash in between leaves rows that stand for nothing, which the next opening drops.
    pub(super) fn fill(&mut self, rows: Rows, stand: &Stand) -> Result<(), ViewError> {
        guarded(|| {
            self.db.clear()?;
            (self.rows, self.sum) = (0, 0);
            for some in rows.chunks(4096) {
                let mut batch = sled::Batch::default();
                for (key, value) in some {
                    self.put(&mut batch, key, value);
                }
                self.db.apply_batch(batch)?;
            }
            self.write(Vec::new(), stand)
        })
    }

    /// Writes changed rows and what all rows stand for now, as one.
    pub(super) fn update(&mut self, changes: Vec<Row>, stand: &Stand) -> Result<(), ViewError> {
        guarded(|| self.write(changes, stand))
    }

    fn write(&mut self, changes: Vec<Row>, stand: &Stand) -> Result<(), ViewError> {
        let mut batch = sled::Batch::default();
        for Row { key, value } in changes {
            self.forget(&mut batch, &key)?;
            if let Some(value) = value {
                self.put(&mut batch, &key, &value);
            }
        }
        let mut meta = Vec::new();
        put::u32(&mut meta, LAYOUT);
        put::u32(&mut meta, self.fold_version);
        put::u64(&mut meta, stand.size);
        put::u64(&mut meta, stand.frame);
        meta.extend_from_slice(&stand.root);
        put::u64(&mut meta, self.rows);
        put::u64(&mut meta, self.sum);
        batch.insert(META, with_checksum(&meta));
        self.db.apply_batch(batch)?;
        self.db.flush()?;
        self.sync()
    }

    fn put(&mut self, batch: &mut sled::Batch, key: &[u8], value: &[u8]) {
        self.count(key, value);
        let mut content = Vec::with_capacity(value.len() + 4);
        put::u32(&mut content, value.len() as u32);
        content.extend_from_slice(value);
        for (at, chunk) in content.chunks(VALUE_BYTES_MAX - 4).enumerate() {
            let stored = with_checksum(chunk);
            assert!(stored.len() <= VALUE_BYTES_MAX, "larger values are not durable in sled");
            batch.insert(chunk_key(key, at as u32), stored);
        }
    }

    /// Takes the row that is there out of the batch's result and of the sums.
    fn forget(&mut self, batch: &mut sled::Batch, key: &[u8]) -> Result<(), ViewError> {
        let Some(value) = self.db.get(chunk_key(key, 0))? else { return Ok(()) };
        let (len, mut content) = first_chunk(&value).ok_or(ViewError::Unfit("a row does not check"))?;
        batch.remove(chunk_key(key, 0));
        let mut at = 1;
        while content.len() < len {
            let value = self.db.get(chunk_key(key, at))?.ok_or(ViewError::Unfit("a row is cut short"))?;
            content.extend_from_slice(checked(&value).ok_or(ViewError::Unfit("a row does not check"))?);
            batch.remove(chunk_key(key, at));
            at += 1;
        }
        self.rows -= 1;
        self.sum = self.sum.wrapping_sub(checksum(key, &content));
        Ok(())
    }

    fn count(&mut self, key: &[u8], value: &[u8]) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(checksum(key, value));
    }

    fn sync(&self) -> Result<(), ViewError> {
        let db = fs::File::options().write(true).open(self.dir.join("db"));
        db.and_then(|db| db.sync_data()).map_err(|source| ViewError::Io { what: "make the view durable", source })
    }
}

fn discard(dir: &Path) -> Result<(), ViewError> {
    match fs::remove_dir_all(dir) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(ViewError::Io { what: "remove the view", source })
        }
        _ => Ok(()),
    }
}

/// sled panics where it finds what it does not expect; here that is one more reason to drop the view.
fn guarded<T>(work: impl FnOnce() -> Result<T, ViewError>) -> Result<T, ViewError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(ViewError::Panicked))
}

/// `ROW`, the key's length, the key, the number of the piece: all big-endian, so that pieces follow each other.
fn chunk_key(key: &[u8], at: u32) -> Vec<u8> {
    let mut stored = vec![ROW];
    stored.extend_from_slice(&(key.len() as u32).to_be_bytes());
    stored.extend_from_slice(key);
    stored.extend_from_slice(&at.to_be_bytes());
    stored
}

fn row_key(stored: &[u8]) -> Option<&[u8]> {
    let len = u32::from_be_bytes(stored.get(1..5)?.try_into().ok()?) as usize;
    let key = stored.get(5..5 + len)?;
    (stored.get(5 + len..)? == [0, 0, 0, 0]).then_some(key)
}

fn first_chunk(value: &[u8]) -> Option<(usize, Vec<u8>)> {
    let mut reader = Reader::new(checked(value)?);
    let len = reader.u32()? as usize;
    Some((len, reader.bytes(reader.rest())?.to_vec()))
}

fn with_checksum(content: &[u8]) -> Vec<u8> {
    [&crc32fast::hash(content).to_le_bytes(), content].concat()
}

fn checked(value: &[u8]) -> Option<&[u8]> {
    let (checksum, content) = value.split_at_checked(4)?;
    (checksum == crc32fast::hash(content).to_le_bytes()).then_some(content)
}

fn checksum(key: &[u8], value: &[u8]) -> u64 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(key);
    crc.update(&[0]);
    crc.update(value);
    u64::from(crc.finalize())
}

/// Larger ones are not durable: sled puts a node of more than 128 KiB, some 16 values of 8 KiB, into a file that it
/// never syncs. At 5,000 bytes a value no power cut lost one.
pub(super) const VALUE_BYTES_MAX: usize = 4096;
/// The number of this arrangement of rows.
const LAYOUT: u32 = 1;
const META: &[u8] = &[0];
const ROW: u8 = 1;
