//! The few file operations that durability rests on, so that tests can fail each of them.

use std::{
    fs, io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::LedgerError;

/// A file system. Names become durable with [`Disk::sync_dir`], contents with [`DiskFile::sync`].
pub trait Disk: Send + Sync {
    /// Opens for reading and writing.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>>;
    /// Names, sorted, without `.tmp` being special. A folder that is not there has none.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Replaces the target.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// With its parents; not durable before the parents are synced. Fine if it is there.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    fn exists(&self, path: &Path) -> bool;
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    fn size(&self) -> io::Result<u64>;
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    fn truncate(&self, len: u64) -> io::Result<()>;
    /// `fdatasync`. After an error it is never called again for the same bytes: the kernel has dropped them.
    fn sync(&self) -> io::Result<()>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    Read,
    ReadWrite,
    /// Readable by everybody that may enter the folder; emptied if it is there.
    Create,
    /// Mode 0600.
    CreatePrivate,
}

/// The operating system's.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(mode != OpenMode::Read);
        if matches!(mode, OpenMode::Create | OpenMode::CreatePrivate) {
            let mode = if mode == OpenMode::CreatePrivate { 0o600 } else { 0o640 };
            options.create(true).truncate(true).mode(mode);
        }
        Ok(Box::new(options.open(path)?))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            // A name that is no UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        names.sort();
        Ok(names)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }
}

impl DiskFile for fs::File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(into, offset)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// All bytes of a file.
pub(super) fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, LedgerError> {
    let read = || {
        let file = disk.open(path, OpenMode::Read)?;
        let mut bytes = vec![0; usize::try_from(file.size()?).map_err(io::Error::other)?];
        file.read_at(0, &mut bytes)?;
        Ok(bytes)
    };
    read().map_err(LedgerError::io("read", path))
}

/// `None`, if there is no such file.
pub(super) fn read_if_there(disk: &dyn Disk, path: &Path) -> Result<Option<Vec<u8>>, LedgerError> {
    match read(disk, path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(LedgerError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Gives `path` this content, all of it or none, and durably.
///
/// A crash before the rename leaves a `.tmp`, which opening removes; after it the new content is there or, until
/// the folder is synced, the old one.
pub(super) fn write_atomically(disk: &dyn Disk, path: &Path, mode: OpenMode, bytes: &[u8]) -> Result<(), LedgerError> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(TEMPORARY);
    let temporary = PathBuf::from(temporary);
    let write = || {
        let file = disk.open(&temporary, mode)?;
        file.write_at(0, bytes)?;
        file.sync()?;
        disk.rename(&temporary, path)?;
        disk.sync_dir(dir)
    };
    write().map_err(LedgerError::io("write", path))
}

/// Creates `dir` below `root` and makes each name on the way durable; also those that are there already, which a
/// process may have made that died before it could.
pub(super) fn create_dir_durably(disk: &dyn Disk, root: &Path, dir: &Path) -> Result<(), LedgerError> {
    let create = || {
        disk.create_dir(dir)?;
        for parent in dir.ancestors().skip(1).take_while(|parent| parent.starts_with(root)) {
            disk.sync_dir(parent)?;
        }
        Ok(())
    };
    create().map_err(LedgerError::io("create", dir))
}

/// Removes what interrupted writes left in `dir`.
pub(super) fn remove_temporaries(disk: &dyn Disk, dir: &Path) -> Result<(), LedgerError> {
    let names = disk.list(dir).map_err(LedgerError::io("list", dir))?;
    for name in names.iter().filter(|name| name.ends_with(TEMPORARY)) {
        let path = dir.join(name);
        disk.remove(&path).map_err(LedgerError::io("remove", &path))?;
    }
    Ok(())
}

const TEMPORARY: &str = ".tmp";
