//! The ledger's folder: its lock, its key, the file system it lies on, the room that is left there.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    LedgerError,
    disk::{Disk, OpenMode, read_if_there, write_atomically},
    note::NoteKey,
};

/// The file that keeps room for recording that there is none.
pub(super) const RESERVE: &str = "reserve";

/// Where everything is.
#[derive(Clone)]
pub(super) struct Layout {
    pub(super) root: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
}

impl Layout {
    pub(super) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub(super) fn packs(&self) -> PathBuf {
        self.root.join("packs")
    }

    pub(super) fn evidence(&self) -> PathBuf {
        self.root.join("evidence")
    }

    pub(super) fn parts(&self) -> PathBuf {
        self.root.join("parts")
    }

    pub(super) fn rollups(&self) -> PathBuf {
        self.root.join("rollups")
    }

    pub(super) fn view(&self) -> PathBuf {
        self.root.join("view")
    }

    pub(super) fn reserve(&self) -> PathBuf {
        self.root.join(RESERVE)
    }

    pub(super) fn checkpoint(&self) -> PathBuf {
        self.root.join("checkpoint")
    }

    pub(super) fn key(&self) -> PathBuf {
        self.root.join("key")
    }

    pub(super) fn is_empty(&self) -> Result<bool, LedgerError> {
        let list = |dir: PathBuf| self.disk.list(&dir).map_err(LedgerError::io("list", &dir));
        Ok(list(self.journal())?.is_empty() && list(self.packs())?.is_empty())
    }
}

/// Held as long as the ledger is open for writing.
pub(super) struct Lock(#[expect(dead_code, reason = "held for its lock")] fs::File);

impl Lock {
    /// Bound to the open file, not to the process, so that a second opening in the same process is refused too.
    pub(super) fn take(dir: &Path) -> Result<Self, LedgerError> {
        let path = dir.join("lock");
        let file = fs::File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(LedgerError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(fs::TryLockError::WouldBlock) => Err(LedgerError::Locked { dir: dir.to_owned() }),
            Err(fs::TryLockError::Error(error)) => Err(LedgerError::io("lock", &path)(error)),
        }
    }
}

/// Names the network file system that `dir` lies on.
pub fn network_file_system(dir: &Path) -> Result<Option<&'static str>, LedgerError> {
    let found = rustix::fs::statfs(dir).map_err(|error| LedgerError::io("look at", dir)(error.into()))?;
    // Magic numbers of statfs(2).
    Ok(match found.f_type as u32 {
        0x6969 => Some("NFS"),
        0x517B | 0xFF53_4D42 | 0xFE53_4D42 => Some("SMB"),
        0x00C3_6400 => Some("Ceph"),
        0x5346_414F => Some("AFS"),
        0x0BD0_0BD0 => Some("Lustre"),
        0x7461_636F => Some("OCFS2"),
        0x0116_1970 => Some("GFS2"),
        _ => None,
    })
}

/// Reads the key of the ledger, or makes it if there is nothing yet that it could have signed.
pub(super) fn key(
    layout: &Layout,
    origin: &str,
    seed: Option<&[u8; 32]>,
    has_entries: bool,
) -> Result<NoteKey, LedgerError> {
    let path = layout.key();
    let unusable =
        |why: &str| LedgerError::KeyUnusable { path: path.clone(), origin: origin.to_owned(), why: why.to_owned() };
    match read_if_there(&*layout.disk, &path)? {
        Some(bytes) => {
            let text = std::str::from_utf8(&bytes).map_err(|_| unusable("it is no text"))?;
            let key = NoteKey::parse(text).map_err(unusable)?;
            if key.name() == origin { Ok(key) } else { Err(unusable(&format!("it is the key of `{}`", key.name()))) }
        }
        None if has_entries => Err(LedgerError::KeyMissing { path }),
        None => {
            if !super::note::is_key_name(origin) {
                return Err(unusable("an origin is not empty and has no space and no plus sign"));
            }
            let key = seed.map_or_else(|| NoteKey::generate(origin), |seed| Ok(NoteKey::from_seed(origin, seed)))?;
            write_atomically(&*layout.disk, &path, OpenMode::CreatePrivate, key.to_secret_text().as_bytes())?;
            Ok(key)
        }
    }
}
