//! Puts a plugin in place, so that whatever interrupts it leaves the old plugin or the new one, each with all that
//! belongs to it.
//!
//! Everything new is written under names of its own, by content, where nobody looks yet. One rename is the commit: with a lock
//! that of the lock, which names the new digest from then on; without one that of `NAME.wasm`, to whose digest the signature and the
//! cases that lie there belong already. What is older than the one before is removed afterwards.

use std::{
    collections::BTreeSet,
    fs::{self, File, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{Belongings, Lock, by_content, place::digits_of, signature_path};
use crate::domain::Digest;

/// A plugin with what belongs to it, from wherever it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    pub bytes: Vec<u8>,
    /// The note, as it lies beside the file.
    pub signature: Option<Vec<u8>>,
    /// Names of files and what is in them; empty: it brought none, and those of the plugin before are its own.
    pub cases: Vec<(String, Vec<u8>)>,
}

/// One thing that is done, of which a crash leaves all or nothing that anybody looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// What an earlier attempt left.
    Clear(PathBuf),
    /// Under a name that nobody looks for.
    Write {
        path: PathBuf,
        bytes: Vec<u8>,
    },
    WriteFolder {
        path: PathBuf,
        files: Vec<(String, Vec<u8>)>,
    },
    /// It gets its name, and takes the place of what has it. Of the last one that is the commit.
    Publish {
        from: PathBuf,
        to: PathBuf,
    },
    /// Files of the plugin that are named by content, but of these digests.
    Sweep {
        beside: PathBuf,
        plugin: String,
        keep: BTreeSet<String>,
    },
    Remove(PathBuf),
}

#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error("cannot put the plugin in place: {}", path.display())]
    Step { path: PathBuf, source: io::Error },
    #[error("another update is under way: {} is locked", .0.display())]
    UnderWay(PathBuf),
}

/// What is to be done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    pub steps: Vec<Step>,
}

impl Installation {
    /// `file`: the plugin's `NAME.wasm`, whether or not it is there; `before`: the digest of the one in use, and the folder of
    /// its cases, which the new one has if it brings none; `lock`: where it lies, and what it says from then on.
    ///
    /// # Errors
    /// The cases of the one in use cannot be read.
    pub fn plan(
        package: &Package,
        file: &Path,
        before: Option<Digest>,
        cases_before: Option<&Path>,
        lock: Option<(&Path, &Lock)>,
    ) -> Result<Self, InstallError> {
        let digest = Digest::of(&package.bytes);
        let plugin = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let named = by_content(file, digest);
        let hidden = |what: &str| file.with_file_name(format!(".{plugin}.new-{what}"));
        let mut steps: Vec<_> = ["wasm", "sig", "cases"].map(|what| Step::Clear(hidden(what))).into();
        let mut write = |what: &str, to: PathBuf, bytes: Vec<u8>| {
            steps.push(Step::Write { path: hidden(what), bytes });
            steps.push(Step::Publish { from: hidden(what), to });
        };
        if lock.is_some() {
            write("wasm", named.clone(), package.bytes.clone());
        }
        if let Some(note) = &package.signature {
            write("sig", signature_path(&named), note.clone());
        }
        let cases = match cases_before {
            Some(folder) if package.cases.is_empty() => {
                read_cases(folder).map_err(|source| InstallError::Step { path: folder.to_owned(), source })?
            }
            _ => package.cases.clone(),
        };
        if !cases.is_empty() {
            steps.push(Step::WriteFolder { path: hidden("cases"), files: cases });
            steps.push(Step::Publish { from: hidden("cases"), to: named.with_extension("cases") });
        }
        match lock {
            Some((path, lock)) => steps.extend(lock_steps(path, lock)),
            None => {
                steps.push(Step::Write { path: hidden("wasm"), bytes: package.bytes.clone() });
                steps.push(Step::Publish { from: hidden("wasm"), to: file.to_owned() });
                // It was of the file before.
                steps.push(Step::Remove(signature_path(file)));
            }
        }
        steps.push(Step::Clear(hidden("cases")));
        let keep = [Some(digest), before].into_iter().flatten().map(Digest::to_hex).collect();
        steps.push(Step::Sweep { beside: file.to_owned(), plugin, keep });
        Ok(Self { steps })
    }

    /// Into a folder where no daemon looks: the file, and its signature and cases beside it, under their plain names.
    pub fn plain(package: &Package, file: &Path) -> Self {
        let plugin = file.file_stem().unwrap_or_default().to_string_lossy();
        let hidden = |what: &str| file.with_file_name(format!(".{plugin}.new-{what}"));
        let mut steps: Vec<_> = ["wasm", "sig", "cases"].map(|what| Step::Clear(hidden(what))).into();
        // What lies there is of another file.
        steps.extend([Step::Remove(signature_path(file)), Step::Remove(file.with_extension("cases"))]);
        let mut write = |what: &str, to: PathBuf, bytes: &[u8]| {
            steps.push(Step::Write { path: hidden(what), bytes: bytes.to_vec() });
            steps.push(Step::Publish { from: hidden(what), to });
        };
        write("wasm", file.to_owned(), &package.bytes);
        if let Some(note) = &package.signature {
            write("sig", signature_path(file), note);
        }
        if !package.cases.is_empty() {
            steps.push(Step::WriteFolder { path: hidden("cases"), files: package.cases.clone() });
            steps.push(Step::Publish { from: hidden("cases"), to: file.with_extension("cases") });
        }
        Self { steps }
    }

    /// # Errors
    /// A step cannot be done. Then what is in use is what was before, unless the commit was done.
    pub fn perform(&self) -> Result<(), InstallError> {
        self.steps.iter().try_for_each(Step::perform)
    }
}

impl Step {
    pub fn perform(&self) -> Result<(), InstallError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| InstallError::Step { path, source }
        };
        match self {
            Self::Clear(path) | Self::Remove(path) => remove(path).map_err(at(path)),
            Self::Write { path, bytes } => write(path, bytes).map_err(at(path)),
            Self::WriteFolder { path, files } => write_folder(path, files).map_err(at(path)),
            Self::Publish { from, to } => publish(from, to).map_err(at(to)),
            Self::Sweep { beside, plugin, keep } => sweep(beside, plugin, keep).map_err(at(beside)),
        }
    }
}

fn lock_steps(path: &Path, lock: &Lock) -> [Step; 2] {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let from = path.with_file_name(format!(".{name}.new"));
    let write = Step::Write { path: from.clone(), bytes: lock.to_toml().into_bytes() };
    [write, Step::Publish { from, to: path.to_owned() }]
}

/// Writes the lock, so that a reader sees the old one or this one.
///
/// # Errors
/// It cannot be written.
pub fn write_lock(path: &Path, lock: &Lock) -> Result<(), InstallError> {
    lock_steps(path, lock).iter().try_for_each(Step::perform)
}

impl Package {
    /// A plugin's file, with what belongs to it and lies beside it.
    ///
    /// # Errors
    /// One of the files cannot be read.
    pub fn read(file: &Path) -> io::Result<Self> {
        let bytes = fs::read(file)?;
        let belongings = Belongings::of(file, Digest::of(&bytes));
        let signature = match fs::read(&belongings.signature) {
            Ok(note) => Some(note),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { bytes, signature, cases: read_cases(&belongings.cases)? })
    }
}

/// So that two updates do not undo each other. It is given up when it is dropped, or the process ends.
pub struct Held(#[expect(dead_code, reason = "it is held, and given up when dropped")] File);

impl Held {
    /// `beside`: the lock, or the plugin's file where there is none.
    ///
    /// # Errors
    /// Somebody else holds it, or it cannot be made.
    pub fn take(beside: &Path) -> Result<Self, InstallError> {
        let path = beside.with_file_name(".evidenced-update");
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|source| InstallError::Step { path: path.clone(), source })?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(fs::TryLockError::WouldBlock) => Err(InstallError::UnderWay(path)),
            Err(fs::TryLockError::Error(source)) => Err(InstallError::Step { path, source }),
        }
    }
}

/// The cases of a folder in order of name; none where there is no folder.
fn read_cases(folder: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut cases = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") && path.is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            cases.push((name, fs::read(&path)?));
        }
    }
    cases.sort();
    Ok(cases)
}

/// Whatever the umask of who calls: the daemon may be another user.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn write_folder(path: &Path, files: &[(String, Vec<u8>)]) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o755))?;
    for (name, bytes) in files {
        write(&path.join(name), bytes)?;
    }
    File::open(path)?.sync_all()
}

/// A folder cannot take the place of one that is not empty: then the two change names.
fn publish(from: &Path, to: &Path) -> io::Result<()> {
    if to.is_dir() {
        renameat_with(CWD, from, CWD, to, RenameFlags::EXCHANGE)?;
    } else {
        fs::rename(from, to)?;
    }
    folder_of(to)?.sync_all()
}

fn folder_of(path: &Path) -> io::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn sweep(beside: &Path, plugin: &str, keep: &BTreeSet<String>) -> io::Result<()> {
    let folder = beside.parent().filter(|folder| !folder.as_os_str().is_empty());
    for entry in fs::read_dir(folder.unwrap_or_else(|| Path::new(".")))? {
        let entry = entry?;
        let name = entry.file_name();
        if let Some(digits) = name.to_str().and_then(|name| digits_of(name, plugin))
            && !keep.contains(digits)
        {
            remove(&entry.path())?;
        }
    }
    Ok(())
}
