//! The embedded store.

use std::{
    ops::Range,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    Access, Batch, Entries, Fold, Head, LedgerError, NetworkFileSystem, Options, Part, Receipt, StateGuard, Store,
    disk::{self, OpenMode, create_dir_durably, write_atomically},
    folder::{self, Layout, Lock},
    frame::{self, FRAME_BYTES_MAX, PartToWrite, PlaceToWrite},
    index::Index,
    journal::{self, AppendError, FrameAt, Journal},
    merkle::{Hash, leaf_hash},
    note::NoteKey,
};
use crate::domain::{Digest, Entry};

/// A ledger in a folder of its own.
pub struct Ledger<F: Fold> {
    pub(super) core: Arc<Core<F>>,
    #[expect(dead_code, reason = "held for its lock")]
    lock: Option<Lock>,
}

/// What the ledger's own thread shares.
pub(super) struct Core<F: Fold> {
    pub(super) layout: Layout,
    pub(super) options: Options,
    pub(super) key: Option<NoteKey>,
    /// Locked first of all by whoever appends.
    pub(super) writer: Mutex<Writer>,
    /// Locked after `writer` and before `index`.
    pub(super) state: RwLock<F>,
    pub(super) index: RwLock<Index>,
    /// How many entries, and up to which frame, `state` stands for. Written under its lock.
    pub(super) folded_size: AtomicU64,
    pub(super) folded_frame: AtomicU64,
}

pub(super) struct Writer {
    /// `None`: for reading only.
    journal: Option<Journal>,
    poisoned: Option<String>,
}

impl<F: Fold> Ledger<F> {
    /// Opens, or creates, the ledger in `dir`.
    ///
    /// A torn end of the journal, which nobody was told of, is cut off (not when only reading); any other bytes that
    /// do not check are [`LedgerError::Damaged`], with their place.
    pub fn open(dir: &Path, options: Options) -> Result<Self, LedgerError> {
        assert!(options.pack_entries.is_power_of_two() && options.pack_entries >= 16, "a pack is a full subtree");
        let layout = Layout { root: dir.to_owned(), disk: options.disk.clone() };
        let writes = options.access == Access::ReadWrite;
        let lock = if writes { Some(prepare(&layout, &options)?) } else { None };
        let is_empty = layout.is_empty()?;
        if is_empty && !writes {
            return Err(LedgerError::NoLedger { dir: dir.to_owned() });
        }
        let key = match options.access {
            Access::ReadWrite => Some(folder::key(&layout, &options.origin, options.key_seed.as_ref(), !is_empty)?),
            Access::ReadOnly => None,
        };
        let mut index = Index::new(u64::from(options.pack_entries), Vec::new());
        let mut state = F::empty();
        let scanned = journal::scan(&*layout.disk, &layout.journal(), |at, payload| {
            replay(&mut index, &mut state, &at, payload)
        })?;
        let next_frame = scanned.last_frame.map_or(1, |last| last + 1);
        let journal = if writes {
            Some(Journal::resume(layout.disk.clone(), &layout.journal(), 1, &scanned, next_frame)?)
        } else {
            None
        };
        let core = Core {
            layout,
            options,
            key,
            writer: Mutex::new(Writer { journal, poisoned: None }),
            folded_size: AtomicU64::new(index.head().size),
            folded_frame: AtomicU64::new(next_frame - 1),
            state: RwLock::new(state),
            index: RwLock::new(index),
        };
        Ok(Self { core: Arc::new(core), lock })
    }

    /// Writes the view, and seals what is full, now. With [`super::Background::Thread`] it is never needed.
    pub fn settle(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    /// Writes the view and gives the folder free. Dropping does the same, but tells nobody of errors.
    pub fn close(self) -> Result<(), LedgerError> {
        let mut writer = self.core.writer();
        if let Some(journal) = &mut writer.journal {
            journal.close();
        }
        Ok(())
    }

    /// The public key that checkpoints are signed with: 64 hexadecimal digits. `None` when only reading.
    pub fn public_key(&self) -> Option<String> {
        self.core.key.as_ref().map(|key| hex::encode(key.verifier().public_key()))
    }

    /// Signs the head, writes the note to the file `checkpoint`, and returns its text.
    pub fn checkpoint(&self) -> Result<String, LedgerError> {
        // The writer's lock keeps an older checkpoint from replacing a newer one.
        let writer = self.core.writer();
        let (Some(key), Some(_)) = (&self.core.key, &writer.journal) else { return Err(LedgerError::ReadOnly) };
        let note = key.sign_checkpoint(&self.head());
        write_atomically(&*self.core.layout.disk, &self.core.layout.checkpoint(), OpenMode::Create, note.as_bytes())?;
        Ok(note)
    }
}

/// Takes the lock and makes the folders.
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
    for folder in [layout.journal(), layout.packs(), layout.evidence(), layout.parts(), layout.rollups()] {
        create_dir_durably(disk, dir, &folder)?;
        disk::remove_temporaries(disk, &folder)?;
    }
    disk::remove_temporaries(disk, dir)?;
    Ok(lock)
}

fn replay<F: Fold>(index: &mut Index, state: &mut F, at: &FrameAt, payload: &[u8]) -> Result<(), LedgerError> {
    let damaged = |what: String| LedgerError::damaged(&at.file, at.offset, what);
    let frame = frame::decode(payload).map_err(|what| damaged(format!("frame {}: {what}", at.number)))?;
    let size = index.head().size;
    if frame.first != size {
        return Err(damaged(format!("frame {} starts with entry {}, expected was {size}", at.number, frame.first)));
    }
    let leaves = index.new_leaves(&frame, payload);
    index.add(at, &frame, &leaves);
    if index.frontier != frame.frontier {
        return Err(damaged(format!("frame {}: its entries do not hash to the tree that it states", at.number)));
    }
    for (sequence, range) in (size..).zip(&frame.entries) {
        let entry = Entry::from_bytes(&payload[range.clone()])
            .map_err(|error| damaged(format!("entry {sequence}: {error}")))?;
        state.apply(sequence, &entry);
    }
    Ok(())
}

impl<F: Fold> Core<F> {
    /// A writer that panicked has left what it wrote in doubt: the next one finds the ledger poisoned.
    pub(super) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(|poisoned| {
            let mut writer = poisoned.into_inner();
            writer.poisoned.get_or_insert_with(|| "a commit panicked".to_owned());
            writer
        })
    }

    pub(super) fn index(&self) -> std::sync::RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit(&self, batch: &Batch) -> Result<Receipt, LedgerError> {
        if batch.entries.is_empty() {
            return Err(LedgerError::EmptyBatch);
        }
        let mut writer = self.writer();
        if let Some(why) = &writer.poisoned {
            return Err(LedgerError::Poisoned { why: why.clone() });
        }
        let Some(journal) = &mut writer.journal else { return Err(LedgerError::ReadOnly) };
        self.check_expected(batch)?;
        let (first, frontier) = {
            let index = self.index();
            (index.head().size, index.frontier.clone())
        };
        let entries = encode_entries(batch, first)?;
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let mut after = frontier;
        leaves.iter().for_each(|leaf| after.push(*leaf));
        let parts = self.place_parts(&batch.parts)?;
        let bytes = frame::encode(journal.next_frame(), first, &entries, &parts, &after);
        if bytes.len() > FRAME_BYTES_MAX {
            return Err(LedgerError::BatchTooLarge { bytes: bytes.len(), max: FRAME_BYTES_MAX });
        }
        let roll = self.starts_new_file(journal, first);
        let at = match journal.append(&bytes, first, roll) {
            Ok(at) => at,
            Err(AppendError::Refused(error)) => return Err(error),
            Err(AppendError::Unknown(error)) => {
                writer.poisoned = Some(with_sources(&error));
                return Err(error);
            }
        };
        // Durable from here on. A crash before the fold is mended by the same fold at the next start.
        let head = self.publish(batch, &at, &bytes, &leaves);
        journal.acknowledge(at.number, head.size);
        Ok(Receipt { first, count: batch.entries.len() as u64, head })
    }

    fn check_expected(&self, batch: &Batch) -> Result<(), LedgerError> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        for (control, expected) in &batch.expect {
            let found = state.control_version(control);
            if found != *expected {
                return Err(LedgerError::Stale { control: control.clone(), expected: *expected, found });
            }
        }
        Ok(())
    }

    /// Large parts become files, durable before the frame that names them. A crash in between leaves a file that no
    /// frame names, which costs room and nothing else.
    fn place_parts<'a>(&self, parts: &'a [Part]) -> Result<Vec<PartToWrite<'a>>, LedgerError> {
        let mut placed = Vec::with_capacity(parts.len());
        for part in parts {
            let place = if part.salted().len() <= INLINE_BYTES_MAX {
                PlaceToWrite::Inline(part.salted())
            } else {
                let path = self.part_file(&part.digest());
                let disk = &*self.layout.disk;
                create_dir_durably(disk, &self.layout.root, path.parent().expect("it has a folder"))?;
                write_atomically(disk, &path, OpenMode::Create, part.salted())?;
                PlaceToWrite::File
            };
            let (digest, class, len) = (part.digest(), part.class(), part.salted().len() as u32);
            placed.push(PartToWrite { digest, class, len, place });
        }
        Ok(placed)
    }

    pub(super) fn part_file(&self, digest: &Digest) -> std::path::PathBuf {
        let digits = digest.to_hex();
        self.layout.parts().join(&digits[..2]).join(digits)
    }

    /// A new file where a pack ends, so that the old one can go once the pack is sealed.
    fn starts_new_file(&self, journal: &Journal, first: u64) -> bool {
        let pack = u64::from(self.options.pack_entries);
        journal
            .active()
            .is_some_and(|(file_first, len)| file_first / pack != first / pack || len >= self.options.journal_bytes_max)
    }

    fn publish(&self, batch: &Batch, at: &FrameAt, bytes: &[u8], leaves: &[Hash]) -> Head {
        let frame = frame::decode(&bytes[frame::FRAME_HEADER_BYTES..]).expect("it was encoded a moment ago");
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let head = {
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            index.add(at, &frame, leaves);
            index.head()
        };
        for (sequence, entry) in (frame.first..).zip(&batch.entries) {
            state.apply(sequence, entry);
        }
        self.folded_size.store(head.size, Ordering::Relaxed);
        self.folded_frame.store(at.number, Ordering::Relaxed);
        head
    }
}

fn encode_entries(batch: &Batch, first: u64) -> Result<Vec<Vec<u8>>, LedgerError> {
    let encode =
        |(sequence, entry): (u64, &Entry)| entry.to_bytes().map_err(|source| LedgerError::Entry { sequence, source });
    (first..).zip(&batch.entries).map(encode).collect()
}

/// The error and what caused it, on one line.
pub(super) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl<F: Fold> Store<F> for Ledger<F> {
    fn commit(&self, batch: Batch) -> Result<Receipt, LedgerError> {
        self.core.commit(&batch)
    }

    fn sequenced(&self, receipt: &Receipt) -> Option<Head> {
        Some(receipt.head)
    }

    fn head(&self) -> Head {
        self.core.index().head()
    }

    fn entries(&self, range: Range<u64>) -> Entries<'_> {
        let end = range.end.min(self.head().size);
        Box::new(super::read::EntryReader::new(&self.core, range.start..end))
    }

    fn part(&self, digest: &Digest) -> Result<Option<Vec<u8>>, LedgerError> {
        self.core.part(digest)
    }

    fn state(&self) -> StateGuard<'_, F> {
        self.core.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn inclusion_proof(&self, sequence: u64, size: u64) -> Result<Vec<Hash>, LedgerError> {
        self.core.inclusion_proof(sequence, size)
    }

    fn consistency_proof(&self, older: u64, newer: u64) -> Result<Vec<Hash>, LedgerError> {
        self.core.consistency_proof(older, newer)
    }
}

/// Salt and content of a part that rides in the frame.
const INLINE_BYTES_MAX: usize = 64 << 10;
