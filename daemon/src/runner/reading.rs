//! Reading files of others: beside the runtime, within the time of a run, and without waiting for who writes to them.

use std::{
    fs::{File, FileType, OpenOptions},
    io,
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::OFlags;
use tokio::{sync::Semaphore, time::timeout_at};

use crate::clock::Stopwatch;

/// Reads under way in the whole process. A file system that has died keeps the threads that read from it: further runs
/// wait for one of these places, until their time is over, and the threads that read the ledger are left alone.
const READERS_MAX: usize = 64;

static READERS: Semaphore = Semaphore::const_new(READERS_MAX);

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("there is no file {path}: put it there, or correct the input's `file`", path = .0.display())]
    Missing(PathBuf),
    #[error("the file {path} may not be read: let the user that evidenced runs as read it", path = .0.display())]
    Denied(PathBuf),
    #[error("{path} is a folder: name a file in it, or let a `glob` name those that are wanted", path = .0.display())]
    Folder(PathBuf),
    #[error(
        "{path} is {1} and no regular file, which may never come to an end: write what it gives to a file, and name that",
        path = .0.display()
    )]
    NoFile(PathBuf, &'static str),
    #[error("the file {path} cannot be read: {1}", path = .0.display())]
    Unread(PathBuf, io::ErrorKind),
}

impl FileError {
    pub(super) fn of(path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing(path),
            io::ErrorKind::PermissionDenied => Self::Denied(path),
            kind => Self::Unread(path, kind),
        }
    }
}

/// Opens a regular file. What is none is looked at and not opened: opening a device may do something.
pub(super) fn open_regular(path: &Path) -> Result<File, FileError> {
    let unread = |error| FileError::of(path, &error);
    let check = |kind: FileType| match kind {
        kind if kind.is_file() => Ok(()),
        kind if kind.is_dir() => Err(FileError::Folder(path.to_owned())),
        kind => Err(FileError::NoFile(path.to_owned(), word(kind))),
    };
    check(path.metadata().map_err(unread)?.file_type())?;
    let file = open(path).map_err(unread)?;
    // It may have been replaced in between.
    check(file.metadata().map_err(unread)?.file_type())?;
    Ok(file)
}

/// Opens whatever it is, and does not wait for who writes to it.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

fn word(kind: FileType) -> &'static str {
    if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// What `work` says, which may block. `None`: the wall was over first; its thread goes on, and nobody waits for it.
pub(super) async fn beside<T: Send + 'static>(
    since: Stopwatch,
    wall: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let read = async {
        let place = READERS.acquire().await.expect("it is never closed");
        tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        })
        .await
    };
    match timeout_at(since.deadline(wall).into(), read).await {
        Ok(Ok(done)) => Some(done),
        Ok(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::stopwatch;

    fn refused(path: &Path) -> String {
        open_regular(path).unwrap_err().to_string()
    }

    #[test]
    fn only_regular_files_are_opened_and_the_others_are_named_as_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let fifo = at("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        std::fs::write(at("file"), "text").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
        assert!(open_regular(&at("file")).is_ok() && open_regular(&at("link")).is_ok());
        let never_ends =
            "and no regular file, which may never come to an end: write what it gives to a file, and name that";
        assert_eq!(refused(&fifo), format!("{} is a named pipe {never_ends}", fifo.display()));
        assert_eq!(refused(&at("socket")), format!("{} is a socket {never_ends}", at("socket").display()));
        assert_eq!(refused(&at("zero")), format!("{} is a device {never_ends}", at("zero").display()));
        let folder = folder.path();
        assert_eq!(
            refused(folder),
            format!("{} is a folder: name a file in it, or let a `glob` name those that are wanted", folder.display())
        );
        // One that takes the place of a file at the last moment is opened, and nobody waits for who writes to it.
        assert!(open(&fifo).is_ok());
    }

    #[tokio::test]
    async fn who_hangs_is_not_waited_for() {
        let (release, hangs) = std::sync::mpsc::channel::<()>();
        let read = beside(stopwatch(), Duration::ZERO, move || hangs.recv());
        assert!(read.await.is_none());
        drop(release);
        assert_eq!(beside(stopwatch(), Duration::from_secs(60), || 7).await, Some(7));
    }
}
