use std::{io, path::PathBuf};

use crate::domain::{ControlId, Digest, EntryError};

/// What can go wrong in the ledger. [`LedgerError::is_damage`] tells a broken ledger from one that cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("cannot {what} `{path}`")]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Bytes that were once durable are not what they were.
    #[error("{0}")]
    Damaged(Damage),
    #[error("`{path}` has format {found}, this program knows up to {known}: use the newer program that wrote it")]
    NewerFormat { path: PathBuf, found: u32, known: u32 },
    #[error(
        "`{witness}` stands for {expected} but the journal ends at {found}: acknowledged entries are missing; restore \
         the journal from a backup"
    )]
    EntriesMissing {
        /// The file that remembers more than the journal holds.
        witness: PathBuf,
        expected: String,
        found: String,
    },
    #[error("`{dir}` is in use by another process; stop it, or ask it through its socket")]
    Locked { dir: PathBuf },
    #[error(
        "`{dir}` lies on a network file system ({kind}), where locks and fsync cannot be relied on; use a local disk, or allow it expressly"
    )]
    NetworkFileSystem { dir: PathBuf, kind: &'static str },
    #[error("there is no ledger in `{dir}`")]
    NoLedger { dir: PathBuf },
    #[error("`{path}` is missing, but the ledger has entries: without its key it can be read, not continued")]
    KeyMissing { path: PathBuf },
    #[error("`{path}` is no signing key of `{origin}`: {why}")]
    KeyUnusable { path: PathBuf, origin: String, why: String },
    #[error("the operating system gives no random bytes: {0}")]
    NoRandomness(String),
    #[error("the ledger was opened for reading only")]
    ReadOnly,
    /// After a failed fdatasync nobody knows what is on the disk; only opening again finds out.
    #[error("the ledger takes no more entries: {why}; restart to find out what the disk holds")]
    Poisoned { why: String },
    #[error("control `{control}` is at version {found}, the batch was judged at {expected}")]
    Stale { control: ControlId, expected: u64, found: u64 },
    #[error("a batch without entries")]
    EmptyBatch,
    #[error("a batch of {bytes} bytes; at most {max} are allowed")]
    BatchTooLarge { bytes: usize, max: usize },
    #[error("entry {sequence} cannot be written")]
    Entry {
        sequence: u64,
        #[source]
        source: EntryError,
    },
    #[error("there is no proof for {what}: the ledger has {size} entries")]
    OutOfRange { what: String, size: u64 },
    #[error("part {0} is not in this ledger")]
    NoSuchPart(Digest),
    #[error("`{0}` is not empty; a backup needs a folder of its own")]
    BackupTarget(PathBuf),
    #[error("`{text}` cannot name a file of rollups")]
    RollupName { text: String },
    #[error("broken off: nobody waits for the answer any more")]
    BrokenOff,
}

/// The place of a fault, as exactly as it can be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{file}`, offset {offset}: {what}{}", first_wrong(*.entry))]
pub struct Damage {
    pub file: PathBuf,
    /// In bytes from the file's start.
    pub offset: u64,
    /// Names the entry, frame or part where there is one.
    pub what: String,
    /// The first entry that cannot be vouched for, if that is known: all before it are as they were written.
    pub entry: Option<u64>,
}

fn first_wrong(entry: Option<u64>) -> String {
    match entry {
        Some(entry) => format!("; entry {entry} is the first that is not as it was written, the {entry} before it are"),
        None => String::new(),
    }
}

impl LedgerError {
    /// Whether the answer is "broken", rather than "could not be looked at".
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::EntriesMissing { .. })
    }

    pub(super) fn damaged(file: impl Into<PathBuf>, offset: u64, what: impl Into<String>) -> Self {
        Self::Damaged(Damage { file: file.into(), offset, what: what.into(), entry: None })
    }

    /// The same damage, found after so many good entries.
    pub(super) fn after_entries(self, good: u64) -> Self {
        match self {
            Self::Damaged(damage) => Self::Damaged(Damage { entry: damage.entry.or(Some(good)), ..damage }),
            other => other,
        }
    }

    pub(super) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
