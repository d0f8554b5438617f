//! A copy of the ledger while it is written.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::PoisonError,
};

use super::{
    Fold, Head, Ledger, LedgerError, Store,
    disk::{Disk, OpenMode, RealDisk, read, write_atomically},
    embedded::Core,
    journal,
};

impl<F: Fold> Ledger<F> {
    /// Copies everything but the key and the view into `to`, which is empty or not there, and makes it durable.
    ///
    /// The head of the copy is that of some moment during the copying; commits go on. The copy can be read and
    /// verified; without the key it cannot be continued.
    pub fn backup(&self, to: &Path) -> Result<Head, LedgerError> {
        let mut target = Target::new(to)?;
        let layout = &self.core.layout;
        let disk = &*layout.disk;
        // The checkpoint first, so that it is never ahead of the entries that are copied after it.
        if disk.exists(&layout.checkpoint()) {
            target.put(Path::new("checkpoint"), &read(disk, &layout.checkpoint())?)?;
        }
        // Then the journal, while nothing is sealed or erased, so that no entry is in neither copy. Rollups that
        // its entries name were written before them.
        let head = {
            let writer = self.core.writer();
            let maintenance = self.core.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
            let (head, active) = (self.head(), Core::<F>::acknowledged(&writer));
            drop(writer);
            for name in journal::file_names(disk, &layout.journal())? {
                let path = layout.journal().join(&name);
                let mut bytes = read(disk, &path)?;
                match &active {
                    // A frame that is being written is not acknowledged.
                    Some((active, len)) if *active == path => bytes.truncate(*len as usize),
                    Some((active, _)) if path > *active => continue,
                    _ => {}
                }
                target.put(&Path::new("journal").join(name), &bytes)?;
            }
            drop(maintenance);
            head
        };
        // Packs are only ever added, and each is whole: one more than needed does no harm, but would leave a gap to
        // the journal.
        let pack = self.core.index().pack_entries;
        for name in disk.list(&layout.packs()).map_err(LedgerError::io("list", layout.packs()))? {
            let number = name.strip_suffix(".pack").and_then(|number| number.parse::<u64>().ok());
            if number.is_some_and(|number| (number + 1) * pack <= head.size) {
                target.put(&Path::new("packs").join(&name), &read(disk, &layout.packs().join(&name))?)?;
            }
        }
        for folder in ["evidence", "parts", "rollups"] {
            for dir in disk.list(&layout.root.join(folder)).map_err(LedgerError::io("list", &layout.root))? {
                let from = layout.root.join(folder).join(&dir);
                for name in disk.list(&from).map_err(LedgerError::io("list", &from))? {
                    if name.ends_with(".tmp") {
                        continue;
                    }
                    // What is not there any more was erased since we looked.
                    if let Some(bytes) = super::disk::read_if_there(disk, &from.join(&name))? {
                        target.put(&Path::new(folder).join(&dir).join(&name), &bytes)?;
                    }
                }
            }
        }
        target.finish()?;
        Ok(head)
    }
}

/// The folder that a backup goes to, on a real disk.
struct Target {
    root: PathBuf,
    dirs: Vec<PathBuf>,
}

impl Target {
    fn new(root: &Path) -> Result<Self, LedgerError> {
        fs::create_dir_all(root).map_err(LedgerError::io("create", root))?;
        let is_empty = fs::read_dir(root).map_err(LedgerError::io("list", root))?.next().is_none();
        if !is_empty {
            return Err(LedgerError::BackupTarget(root.to_owned()));
        }
        let mut target = Self { root: root.to_owned(), dirs: Vec::new() };
        for folder in ["journal", "packs", "evidence", "parts", "rollups"] {
            target.enter(&root.join(folder))?;
        }
        Ok(target)
    }

    fn enter(&mut self, dir: &Path) -> Result<(), LedgerError> {
        if !self.dirs.iter().any(|known| known == dir) {
            fs::create_dir_all(dir).map_err(LedgerError::io("create", dir))?;
            self.dirs.push(dir.to_owned());
        }
        Ok(())
    }

    fn put(&mut self, name: &Path, bytes: &[u8]) -> Result<(), LedgerError> {
        let path = self.root.join(name);
        let dir = path.parent().map_or_else(|| self.root.clone(), Path::to_owned);
        self.enter(&dir)?;
        write_atomically(&RealDisk, &path, OpenMode::Create, bytes)
    }

    fn finish(self) -> Result<(), LedgerError> {
        for dir in self.dirs.iter().chain([&self.root]) {
            RealDisk.sync_dir(dir).map_err(LedgerError::io("sync", dir))?;
        }
        if let Some(parent) = self.root.parent() {
            RealDisk.sync_dir(parent).map_err(LedgerError::io("sync", parent))?;
        }
        Ok(())
    }
}
