//! A disk in memory that forgets what was not synced, fails where it is told to, and has only so much room.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use crate::ledger::{Disk, DiskFile, OpenMode};

/// Clones are the same disk.
#[derive(Clone, Default)]
pub(super) struct SimDisk(Arc<Mutex<World>>);

#[derive(Default, Clone)]
struct World {
    names: BTreeMap<PathBuf, usize>,
    dirs: BTreeSet<PathBuf>,
    durable_names: BTreeMap<PathBuf, usize>,
    durable_dirs: BTreeSet<PathBuf>,
    /// What happened to names since, in order.
    pending: Vec<NameChange>,
    inodes: Vec<Inode>,
    steps: u64,
    syncs: u64,
    dir_syncs: u64,
    fault: Option<(u64, Fault)>,
    is_dead: bool,
    /// Bytes that all files together may have.
    room: Option<usize>,
}

#[derive(Clone)]
enum NameChange {
    Link(PathBuf, usize),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf),
    MakeDir(PathBuf),
}

#[derive(Default, Clone)]
struct Inode {
    current: Vec<u8>,
    synced: Vec<u8>,
    dirty: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

/// What goes wrong at one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// An error, and nothing was done. A failed sync drops what it should have written, as Linux does.
    NotDone,
    /// An error, although it was done.
    DoneButFailed,
    /// The process dies before it.
    DeadBefore,
    /// The process dies after it.
    DeadAfter,
}

impl Fault {
    pub(super) const ALL: [Self; 4] = [Self::NotDone, Self::DoneButFailed, Self::DeadBefore, Self::DeadAfter];
}

impl SimDisk {
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// Steps that change something, so far.
    pub(super) fn steps(&self) -> u64 {
        self.world().steps
    }

    /// Syncs of files and of folders.
    pub(super) fn syncs(&self) -> (u64, u64) {
        let world = self.world();
        (world.syncs, world.dir_syncs)
    }

    pub(super) fn fail_at(&self, step: u64, fault: Fault) {
        self.world().fault = Some((step, fault));
    }

    pub(super) fn limit(&self, room: Option<usize>) {
        self.world().room = room;
    }

    pub(super) fn bytes(&self, below: &Path) -> usize {
        let world = self.world();
        let named = world.names.iter().filter(|(path, _)| path.starts_with(below));
        named.map(|(_, inode)| world.inodes[*inode].current.len()).sum()
    }

    pub(super) fn files(&self, below: &Path) -> Vec<PathBuf> {
        self.world().names.keys().filter(|path| path.starts_with(below)).cloned().collect()
    }

    /// The disk as the next process finds it after this one was killed.
    pub(super) fn after_kill(&self) -> Self {
        let mut world = self.world().clone();
        (world.fault, world.is_dead) = (None, false);
        Self(Arc::new(Mutex::new(world)))
    }

    /// The disk after a power cut: what was synced, and, by chance, the first of what was not.
    pub(super) fn after_power_cut(&self, seed: u64) -> Self {
        let old = self.world();
        let mut random = seed;
        // An xorshift; 0 means that nothing more than was synced is left.
        let mut chance = |below: usize| {
            if seed == 0 {
                return 0;
            }
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % below as u64) as usize
        };
        let mut new = World { names: old.durable_names.clone(), dirs: old.durable_dirs.clone(), ..World::default() };
        let kept = chance(old.pending.len() + 1);
        for change in &old.pending[..kept] {
            change.apply(&mut new.names, &mut new.dirs);
        }
        new.names.retain(|path, _| new.dirs.contains(path.parent().unwrap()));
        for inode in &old.inodes {
            let mut bytes = inode.synced.clone();
            let kept = chance(inode.dirty.len() + 1);
            for change in &inode.dirty[..kept] {
                change.apply(&mut bytes);
            }
            if let Some(Change::Write(at, torn)) = inode.dirty.get(kept) {
                Change::Write(*at, torn[..chance(torn.len() + 1)].to_vec()).apply(&mut bytes);
            }
            new.inodes.push(Inode { current: bytes.clone(), synced: bytes, dirty: Vec::new() });
        }
        (new.durable_names, new.durable_dirs) = (new.names.clone(), new.dirs.clone());
        Self(Arc::new(Mutex::new(new)))
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>, dirs: &mut BTreeSet<PathBuf>) {
        match self {
            Self::Link(path, inode) => drop(names.insert(path.clone(), *inode)),
            Self::Unlink(path) => drop(names.remove(path)),
            Self::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            Self::MakeDir(dir) => drop(dirs.insert(dir.clone())),
        }
    }

    fn parent(&self) -> &Path {
        let (Self::Link(path, _) | Self::Unlink(path) | Self::Rename(path, _) | Self::MakeDir(path)) = self;
        path.parent().unwrap()
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(at, written) => {
                bytes.resize(bytes.len().max(at + written.len()), 0);
                bytes[*at..at + written.len()].copy_from_slice(written);
            }
            Self::Truncate(len) => bytes.resize(*len, 0),
        }
    }
}

impl World {
    /// Counts a step and says whether it is to be done, and what then is the answer.
    fn step(&mut self) -> (bool, io::Result<()>) {
        let error = || Err(io::Error::other("input/output error (simulated)"));
        if self.is_dead {
            return (false, error());
        }
        let at = self.steps;
        self.steps += 1;
        match self.fault {
            Some((step, fault)) if step == at => {
                self.is_dead = matches!(fault, Fault::DeadBefore | Fault::DeadAfter);
                (matches!(fault, Fault::DoneButFailed | Fault::DeadAfter), error())
            }
            _ => (true, Ok(())),
        }
    }

    fn change_names(&mut self, change: NameChange) -> io::Result<()> {
        let (doit, answer) = self.step();
        if doit {
            change.apply(&mut self.names, &mut self.dirs);
            self.pending.push(change);
        }
        answer
    }

    fn change(&mut self, inode: usize, change: Change) -> io::Result<()> {
        let (doit, mut answer) = self.step();
        if doit {
            let used: usize = self.names.values().map(|inode| self.inodes[*inode].current.len()).sum();
            let change = match (change, self.room) {
                (Change::Write(at, bytes), Some(room)) => {
                    let grows = (at + bytes.len()).saturating_sub(self.inodes[inode].current.len());
                    let lacking = (used + grows).saturating_sub(room).min(grows);
                    if lacking > 0 {
                        answer = Err(io::Error::from(io::ErrorKind::StorageFull));
                    }
                    let written = bytes.len() - lacking.min(bytes.len());
                    Change::Write(at, bytes[..written].to_vec())
                }
                (change, _) => change,
            };
            change.apply(&mut self.inodes[inode].current);
            self.inodes[inode].dirty.push(change);
        }
        answer
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.world();
        if world.is_dead {
            return Err(io::Error::other("dead"));
        }
        let found = world.names.get(path).copied();
        let inode = match (mode, found) {
            (OpenMode::Read | OpenMode::ReadWrite, Some(inode)) => inode,
            (OpenMode::Read | OpenMode::ReadWrite, None) => return Err(io::ErrorKind::NotFound.into()),
            (OpenMode::Create | OpenMode::CreatePrivate, Some(inode)) => {
                world.change(inode, Change::Truncate(0))?;
                inode
            }
            (OpenMode::Create | OpenMode::CreatePrivate, None) => {
                if !world.dirs.contains(path.parent().unwrap()) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                let inode = world.inodes.len();
                world.inodes.push(Inode::default());
                world.change_names(NameChange::Link(path.to_owned(), inode))?;
                inode
            }
        };
        Ok(Box::new(SimFile { disk: self.clone(), inode }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let world = self.world();
        let here = world.names.keys().chain(&world.dirs).filter(|path| path.parent() == Some(dir));
        let mut names: Vec<String> = here.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        Ok(names)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.world();
        assert!(world.is_dead || world.names.contains_key(from), "{}", from.display());
        world.change_names(NameChange::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.world().change_names(NameChange::Unlink(path.to_owned()))
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut world = self.world();
        let missing: Vec<_> = dir.ancestors().filter(|dir| !world.dirs.contains(*dir)).map(Path::to_owned).collect();
        for dir in missing.into_iter().rev().filter(|dir| dir.parent().is_some()) {
            world.change_names(NameChange::MakeDir(dir))?;
        }
        Ok(())
    }

    fn exists(&self, path: &Path) -> bool {
        let world = self.world();
        world.names.contains_key(path) || world.dirs.contains(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.dir_syncs += 1;
        let (doit, answer) = world.step();
        if doit {
            let (here, elsewhere) =
                std::mem::take(&mut world.pending).into_iter().partition(|change| change.parent() == dir);
            world.pending = elsewhere;
            let world = &mut *world;
            let here: Vec<NameChange> = here;
            here.iter().for_each(|change| change.apply(&mut world.durable_names, &mut world.durable_dirs));
        }
        answer
    }
}

struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl DiskFile for SimFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.world().inodes[self.inode].current.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let world = self.disk.world();
        let from = offset as usize;
        let found = world.inodes[self.inode].current.get(from..from + into.len());
        into.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.world().change(self.inode, Change::Write(offset as usize, bytes.to_vec()))
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.disk.world().change(self.inode, Change::Truncate(len as usize))
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.disk.world();
        world.syncs += 1;
        let (doit, answer) = world.step();
        let inode = &mut world.inodes[self.inode];
        if doit {
            let dirty = std::mem::take(&mut inode.dirty);
            dirty.iter().for_each(|change| change.apply(&mut inode.synced));
        } else if answer.is_err() && !world.is_dead {
            world.inodes[self.inode].dirty.clear();
        }
        answer
    }
}
