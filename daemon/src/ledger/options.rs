use std::{path::PathBuf, sync::Arc, time::Duration};

use super::disk::{Disk, RealDisk};

/// How a ledger is opened.
#[derive(Clone)]
pub struct Options {
    /// Name of the log in its checkpoints, and of its key: not empty, no white space, no plus sign.
    pub origin: String,
    pub access: Access,
    pub network_file_system: NetworkFileSystem,
    /// Entries of a pack, a power of two of at least 16. It is fixed when the ledger is created; 65,536 except in
    /// tests.
    pub pack_entries: u32,
    /// A journal file that is longer is followed by a new one.
    pub journal_bytes_max: u64,
    pub view: ViewPlace,
    pub background: Background,
    /// The seed of a new ledger's key; `None` draws one. For golden files.
    pub key_seed: Option<[u8; 32]>,
    /// Where the files are. The view is always on the real disk.
    pub disk: Arc<dyn Disk>,
    /// Is told how far the opening is, of every frame and every entry.
    pub progress: Option<Progressing>,
}

/// Who is told how far an opening is.
pub type Progressing = Arc<dyn Fn(OpeningStep) + Send + Sync>;

/// How far an opening is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpeningStep {
    /// So many entries are known from packs and from the journal as far as it was read.
    Read { entries: u64 },
    /// The state stands for so many entries.
    Folded { entries: u64, of: u64 },
    /// The view is made anew.
    View,
}

impl Options {
    pub fn new(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            access: Access::ReadWrite,
            network_file_system: NetworkFileSystem::Refuse,
            pack_entries: 65_536,
            // Erasing a part that is still in the journal rewrites its file: a second at most.
            journal_bytes_max: 64 << 20,
            view: ViewPlace::Inside,
            // Seconds lost from the view cost milliseconds at the next start.
            background: Background::Thread { every: Duration::from_secs(1) },
            key_seed: None,
            disk: Arc::new(RealDisk),
            progress: None,
        }
    }

    pub(super) fn tell(&self, step: OpeningStep) {
        if let Some(progress) = &self.progress {
            progress(step);
        }
    }

    /// The same ledger, looked at.
    pub fn read_only(origin: &str) -> Self {
        Self { access: Access::ReadOnly, ..Self::new(origin) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// One process at a time; repairs what a crash left.
    ReadWrite,
    /// Beside a writer or without; changes nothing, not even a torn end.
    ReadOnly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkFileSystem {
    Refuse,
    Allow,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewPlace {
    /// In the folder `view` of the ledger.
    Inside,
    At(PathBuf),
    /// The state is folded anew at each opening.
    Nowhere,
}

/// When packs are sealed and the view is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// On a thread of the ledger's own, which [`super::Ledger::close`] joins.
    Thread { every: Duration },
    /// Inside [`super::Ledger::settle`] and `close` alone, so that tests are deterministic.
    OnDemand,
}
