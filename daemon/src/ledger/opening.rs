//! Opening: what is there is read and checked, what a crash left is put right, the state is loaded or folded.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    Access, Background, Fold, Ledger, LedgerError, NetworkFileSystem, OpeningStep, Options, ViewPlace,
    disk::{create_dir_durably, read_if_there, remove_temporaries},
    embedded::{Core, EPOCH, Writer, with_sources},
    folder::{self, Layout, Lock},
    index::Index,
    journal::{self, Journal, Scanned},
    pack::{self, Pack},
    read::EntryReader,
    seal::{Behind, Signal},
    sealed::{Kind, Sealed},
    slot_index::SlotIndex,
    snapshot,
    view::{Rows, Stand, View},
};
use crate::domain::Entry;

impl<F: Fold> Ledger<F> {
    /// Opens, or creates, the ledger in `dir`.
    ///
    /// A torn end of the journal, which nobody was told of, is cut off (not when only reading); any other bytes that
    /// do not check are [`LedgerError::Damaged`], with their place. A view that is damaged, missing or of another
    /// version is made anew.
    pub fn open(dir: &Path, options: Options) -> Result<Self, LedgerError> {
        assert!(options.pack_entries.is_power_of_two() && options.pack_entries >= 16, "a pack is a full subtree");
        let layout = Layout { root: dir.to_owned(), disk: options.disk.clone() };
        let writes = options.access == Access::ReadWrite;
        let lock = if writes { Some(prepare(&layout, &options)?) } else { None };
        let is_empty = layout.is_empty()?;
        let key = match options.access {
            Access::ReadWrite => Some(folder::key(&layout, &options.origin, options.key_seed.as_ref(), !is_empty)?),
            Access::ReadOnly if is_empty => return Err(LedgerError::NoLedger { dir: dir.to_owned() }),
            Access::ReadOnly => None,
        };
        let (mut index, last_packed_frame) = open_packs(&layout, u64::from(options.pack_entries))?;
        let mut expected = None;
        let scanned = journal::scan(&*layout.disk, &layout.journal(), last_packed_frame, |at, payload| {
            index.replay(&at, payload, &mut expected)?;
            options.tell(OpeningStep::Read { entries: index.head().size });
            Ok(())
        });
        let scanned = scanned.map_err(|error| error.after_entries(index.head().size))?;
        // A frame may be in a pack with some of its entries only.
        if let Some((_, size)) = scanned.acknowledged.filter(|(_, size)| *size > index.head().size) {
            return Err(entries_missing(layout.journal().join(journal::ACKNOWLEDGED), size, index.head().size));
        }
        let last_frame = scanned.last_frame.unwrap_or(0).max(last_packed_frame);
        let journal = if writes { Some(resume(&layout, &scanned, last_frame, index.head().size)?) } else { None };
        let poisoned = Arc::new(OnceLock::new());
        let core = Core {
            segments: RwLock::new(list_segments(&layout)?),
            layout,
            options,
            key,
            writer: Mutex::new(Writer { journal, poisoned: Arc::clone(&poisoned) }),
            poisoned,
            maintenance: Mutex::new(()),
            view: Mutex::new(None),
            state: RwLock::new(F::empty()),
            index: RwLock::new(index),
            slots: SlotIndex::default(),
            folded_size: AtomicU64::new(0),
            folded_frame: AtomicU64::new(last_frame),
            viewed_size: AtomicU64::new(0),
            signal: Arc::new(Signal::default()),
            fault: Mutex::new(None),
        };
        core.check_checkpoint()?;
        core.load_state()?;
        if writes {
            core.drop_sealed_files()?;
        }
        let core = Arc::new(core);
        let behind = match core.options.background {
            Background::Thread { every } if writes => {
                let started = Behind::start(core.clone(), every);
                Some(started.map_err(LedgerError::io("start the thread of", dir))?)
            }
            _ => None,
        };
        Ok(Self { core, behind, lock })
    }
}

/// Takes the lock, makes the folders, removes what interrupted writes left.
fn prepare(layout: &Layout, options: &Options) -> Result<Lock, LedgerError> {
    let dir = &layout.root;
    // The lock and the file system are the real ones even where a test's disk is simulated.
    std::fs::create_dir_all(dir).map_err(LedgerError::io("create", dir))?;
    if options.network_file_system == NetworkFileSystem::Refuse
        && let Some(kind) = folder::network_file_system(dir)?
    {
        return Err(LedgerError::NetworkFileSystem { dir: dir.clone(), kind });
    }
    let lock = Lock::take(dir)?;
    let disk = &*layout.disk;
    create_dir_durably(disk, dir.parent().unwrap_or(dir), dir)?;
    remove_temporaries(disk, dir)?;
    for folder in [layout.journal(), layout.packs(), layout.evidence(), layout.parts(), layout.rollups()] {
        create_dir_durably(disk, dir, &folder)?;
        remove_temporaries(disk, &folder)?;
    }
    for folder in [layout.evidence(), layout.parts(), layout.rollups()] {
        for name in disk.list(&folder).map_err(LedgerError::io("list", &folder))? {
            remove_temporaries(disk, &folder.join(name))?;
        }
    }
    Ok(lock)
}

/// All packs, without a gap, each with a foot that checks; the number of the last frame that is in them.
fn open_packs(layout: &Layout, default_entries: u64) -> Result<(Index, u64), LedgerError> {
    let (disk, dir) = (&*layout.disk, layout.packs());
    let mut names = disk.list(&dir).map_err(LedgerError::io("list", &dir))?;
    names.retain(|name| name.ends_with(".pack"));
    let (mut roots, mut last_frame) = (Vec::with_capacity(names.len()), 0);
    // Packs say how large they are; only a ledger without any takes the option.
    let entries = match names.first() {
        None => default_entries,
        Some(name) => Sealed::open(disk, &dir.join(name), Kind::Pack)?.header.entries,
    };
    for (number, name) in (0..).zip(&names) {
        let path = dir.join(name);
        if *name != pack::file_name(number) {
            return Err(LedgerError::damaged(path, 0, format!("pack {number} is missing before it")));
        }
        let pack = Pack::open(disk, &path, number, entries)?;
        roots.push(pack.root);
        last_frame = pack.last_frame;
    }
    Ok((Index::new(entries, roots), last_frame))
}

fn resume(layout: &Layout, scanned: &Scanned, last_frame: u64, size: u64) -> Result<Journal, LedgerError> {
    Journal::resume(layout.disk.clone(), &layout.journal(), EPOCH, scanned, last_frame + 1, size)
}

fn list_segments(layout: &Layout) -> Result<BTreeSet<PathBuf>, LedgerError> {
    let root = layout.evidence();
    let mut segments = BTreeSet::new();
    for day in layout.disk.list(&root).map_err(LedgerError::io("list", &root))? {
        let dir = root.join(day);
        let names = layout.disk.list(&dir).map_err(LedgerError::io("list", &dir))?;
        segments.extend(names.iter().filter(|name| name.ends_with(".segment")).map(|name| dir.join(name)));
    }
    Ok(segments)
}

impl<F: Fold> Core<F> {
    /// A signed checkpoint that is ahead of the entries, or that they contradict, is the strongest witness there is.
    fn check_checkpoint(&self) -> Result<(), LedgerError> {
        let path = self.layout.checkpoint();
        let Some(note) = read_if_there(&*self.layout.disk, &path)? else { return Ok(()) };
        let verifier = match &self.key {
            Some(key) => Some(key.verifier()),
            None => self.verifier()?,
        };
        let note = std::str::from_utf8(&note).unwrap_or_default();
        let Some(stated) = verifier.and_then(|verifier| verifier.open_checkpoint(note)) else {
            tracing::warn!(file = %path.display(), "is not signed by this ledger's key; `verify` says more");
            return Ok(());
        };
        let head = self.index().head();
        if stated.size > head.size {
            return Err(entries_missing(path, stated.size, head.size));
        }
        if self.root_at(stated.size)? != stated.root {
            let what = format!("it is signed, and its root is not that of the first {} entries", stated.size);
            return Err(LedgerError::damaged(path, 0, what));
        }
        Ok(())
    }

    /// The state of the view, or of the newest snapshot that is whole, or none; and what came after it, folded.
    fn load_state(&self) -> Result<(), LedgerError> {
        let opened = self.open_view();
        let (view, found) = opened.map_or((None, None), |(view, found)| (Some(view), found));
        let from_view = match found {
            Some((stand, rows)) => self.accept(&self.view_dir().unwrap_or_default(), stand, rows)?,
            None => None,
        };
        let is_from_view = from_view.is_some();
        let (size, mut state) = match from_view {
            Some(loaded) => loaded,
            None => self.load_snapshot()?.unwrap_or((0, F::empty())),
        };
        let end = self.index().head().size;
        for read in EntryReader::new(self, size..end) {
            let (sequence, bytes) = read?;
            let entry = Entry::from_bytes(&bytes).map_err(|source| LedgerError::Entry { sequence, source })?;
            state.apply(sequence, &entry);
            self.options.tell(OpeningStep::Folded { entries: sequence + 1, of: end });
        }
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        self.folded_size.store(end, Ordering::Relaxed);
        self.viewed_size.store(size, Ordering::Relaxed);
        let Some(mut view) = view else { return Ok(()) };
        if !is_from_view {
            drop(self.state.write().unwrap_or_else(PoisonError::into_inner).take_changes());
            self.options.tell(OpeningStep::View);
            let (rows, stand) = self.rows_and_stand();
            if let Err(why) = view.fill(rows, &stand) {
                tracing::warn!(%why, "the view cannot be filled; the next start folds again");
                return Ok(());
            }
            self.viewed_size.store(end, Ordering::Relaxed);
        }
        *self.view.lock().unwrap_or_else(PoisonError::into_inner) = Some(view);
        Ok(())
    }

    fn view_dir(&self) -> Option<PathBuf> {
        match &self.options.view {
            // Opening sled writes; a reader folds for itself.
            _ if self.options.access == Access::ReadOnly => None,
            ViewPlace::Inside => Some(self.layout.view()),
            ViewPlace::At(dir) => Some(dir.clone()),
            ViewPlace::Nowhere => None,
        }
    }

    fn open_view(&self) -> Option<(View, Option<(Stand, Rows)>)> {
        let dir = self.view_dir()?;
        let opened = View::open(&dir, F::VERSION);
        opened.inspect_err(|why| tracing::warn!(view = %dir.display(), %why, "there will be no view")).ok()
    }

    fn load_snapshot(&self) -> Result<Option<(u64, F)>, LedgerError> {
        for path in snapshot::list(&self.layout)? {
            match snapshot::read(&self.layout, &path, F::VERSION) {
                Ok(Some((stand, rows))) => {
                    let loaded = self.accept(&path, stand, rows)?;
                    if loaded.is_some() {
                        return Ok(loaded);
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(snapshot = %path.display(), why = with_sources(&error), "is passed over");
                }
            }
        }
        Ok(None)
    }

    /// Rows are taken if the entries that they stand for are here. Rows that are ahead were written after entries
    /// that were acknowledged and are gone: that is not healed, but said.
    fn accept(&self, witness: &Path, stand: Stand, rows: Rows) -> Result<Option<(u64, F)>, LedgerError> {
        let size = self.index().head().size;
        if stand.size > size {
            // Beside a writer, a reader may meet rows that are newer than what it has read of the journal.
            return match self.options.access {
                Access::ReadWrite => Err(entries_missing(witness.to_owned(), stand.size, size)),
                Access::ReadOnly => Ok(None),
            };
        }
        if self.root_at(stand.size)? != stand.root {
            tracing::warn!(rows = %witness.display(), "they stand for other entries, and are dropped");
            return Ok(None);
        }
        match F::load(rows) {
            Ok(state) => Ok(Some((stand.size, state))),
            Err(why) => {
                tracing::warn!(rows = %witness.display(), why, "they cannot be loaded, and are dropped");
                Ok(None)
            }
        }
    }
}

fn entries_missing(witness: PathBuf, expected: u64, found: u64) -> LedgerError {
    LedgerError::EntriesMissing { witness, expected: format!("{expected} entries"), found: format!("entry {found}") }
}
