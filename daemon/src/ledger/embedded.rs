//! The embedded store.

use std::{
    collections::BTreeSet,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    Access, Batch, Entries, Fold, Head, LedgerError, Options, Part, Receipt, StateGuard, Store,
    disk::{OpenMode, create_dir_durably, write_atomically},
    folder::{Layout, Lock},
    frame::{self, FRAME_BYTES_MAX, PartToWrite, PlaceToWrite},
    index::Index,
    journal::{AppendError, FrameAt, Journal},
    merkle::{Hash, leaf_hash},
    note::NoteKey,
    seal::{Behind, Signal},
    slot_index::SlotIndex,
    view::View,
};
use crate::domain::{Digest, Entry};

/// A ledger in a folder of its own.
pub struct Ledger<F: Fold> {
    pub(super) core: Arc<Core<F>>,
    pub(super) behind: Option<Behind>,
    #[expect(dead_code, reason = "held for its lock")]
    pub(super) lock: Option<Lock>,
}

/// What the ledger's own thread shares.
pub(super) struct Core<F: Fold> {
    pub(super) layout: Layout,
    pub(super) options: Options,
    pub(super) key: Option<NoteKey>,
    // In the order in which locks are taken.
    pub(super) writer: Mutex<Writer>,
    /// Held by whoever replaces or removes files of the journal, or must not see that happen.
    pub(super) maintenance: Mutex<()>,
    pub(super) view: Mutex<Option<View>>,
    pub(super) state: RwLock<F>,
    pub(super) index: RwLock<Index>,
    pub(super) segments: RwLock<BTreeSet<PathBuf>>,
    pub(super) slots: SlotIndex,
    /// How many entries, and up to which frame, `state` stands for. Written under its lock.
    pub(super) folded_size: AtomicU64,
    pub(super) folded_frame: AtomicU64,
    /// How many entries the view stands for.
    pub(super) viewed_size: AtomicU64,
    pub(super) signal: Arc<Signal>,
    /// As the writer has it.
    pub(super) poisoned: Arc<OnceLock<String>>,
    /// Why sealing is put off.
    pub(super) fault: Mutex<Option<String>>,
}

const COMMIT_PANICKED: &str = "a commit panicked";

pub(super) struct Writer {
    /// `None`: for reading only.
    pub(super) journal: Option<Journal>,
    /// Set once, and read without the writer's lock: a reader who holds the state must not wait for a commit.
    pub(super) poisoned: Arc<OnceLock<String>>,
}

impl Writer {
    fn journal(&mut self) -> Result<&mut Journal, LedgerError> {
        match (self.poisoned.get(), &mut self.journal) {
            (Some(why), _) => Err(LedgerError::Poisoned { why: why.clone() }),
            (None, None) => Err(LedgerError::ReadOnly),
            (None, Some(journal)) => Ok(journal),
        }
    }

    pub(super) fn check_appendable(&mut self) -> Result<(), LedgerError> {
        self.journal().map(drop)
    }

    pub(super) fn poison(&mut self, error: &LedgerError) {
        self.poisoned.get_or_init(|| with_sources(error));
    }

    pub(super) fn writes_to(&self, path: &Path) -> bool {
        self.journal.as_ref().and_then(Journal::active_path) == Some(path)
    }

    pub(super) fn reopen(&mut self) -> Result<(), LedgerError> {
        self.journal()?.reopen()
    }
}

impl<F: Fold> Ledger<F> {
    /// Writes the view, and seals what is full, now. With [`super::Background::Thread`] it is never needed.
    pub fn settle(&self) -> Result<(), LedgerError> {
        if self.core.options.access == Access::ReadOnly { Ok(()) } else { self.core.work() }
    }

    /// Writes the view and gives the folder free. Dropping does the same, but tells nobody of faults.
    pub fn close(mut self) -> Result<(), LedgerError> {
        self.shut_down();
        match self.poisoned() {
            Some(why) => Err(LedgerError::Poisoned { why }),
            None => Ok(()),
        }
    }

    /// Why no more commits are taken; `None` while all is well.
    pub fn poisoned(&self) -> Option<String> {
        let panicked = || self.core.writer.is_poisoned().then(|| COMMIT_PANICKED.to_owned());
        self.core.poisoned.get().cloned().or_else(panicked)
    }

    /// Why packs are not being sealed; the journal grows until they are. `None` while all is well.
    pub fn sealing_fault(&self) -> Option<String> {
        self.core.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The folder that it lies in.
    pub fn folder(&self) -> &Path {
        &self.core.layout.root
    }

    /// The public key that checkpoints are signed with: 64 hexadecimal digits. `None` when only reading.
    pub fn public_key(&self) -> Option<String> {
        self.core.key.as_ref().map(|key| hex::encode(key.verifier().public_key()))
    }

    /// The text of the newest signed note; `None` before the first.
    pub fn newest_checkpoint(&self) -> Result<Option<String>, LedgerError> {
        let note = super::disk::read_if_there(&*self.core.layout.disk, &self.core.layout.checkpoint())?;
        Ok(note.map(|note| String::from_utf8_lossy(&note).into_owned()))
    }

    /// Signs the head, writes the note to the file `checkpoint`, and returns its text.
    pub fn checkpoint(&self) -> Result<String, LedgerError> {
        // The writer's lock keeps an older checkpoint from replacing a newer one.
        let mut writer = self.core.writer();
        writer.check_appendable()?;
        let Some(key) = &self.core.key else { return Err(LedgerError::ReadOnly) };
        let note = key.sign_checkpoint(&self.head());
        write_atomically(&*self.core.layout.disk, &self.core.layout.checkpoint(), OpenMode::Create, note.as_bytes())?;
        Ok(note)
    }

    fn shut_down(&mut self) {
        if let Some(behind) = self.behind.take() {
            behind.stop();
        }
        self.core.write_view();
        drop(self.core.view.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(journal) = &mut self.core.writer().journal {
            journal.close();
        }
    }
}

impl<F: Fold> Drop for Ledger<F> {
    fn drop(&mut self) {
        self.shut_down();
    }
}

impl<F: Fold> Core<F> {
    /// A writer that panicked has left what it wrote in doubt: the next one finds the ledger poisoned.
    pub(super) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(|poisoned| {
            let writer = poisoned.into_inner();
            writer.poisoned.get_or_init(|| COMMIT_PANICKED.to_owned());
            writer
        })
    }

    pub(super) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit(&self, batch: &Batch) -> Result<Receipt, LedgerError> {
        if batch.entries.is_empty() {
            return Err(LedgerError::EmptyBatch);
        }
        let mut writer = self.writer();
        let journal = writer.journal()?;
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
                writer.poison(&error);
                return Err(error);
            }
        };
        // Durable from here on. A crash before the fold is mended by the same fold at the next start.
        let head = self.publish(batch, &at, &bytes, &leaves);
        journal.acknowledge(at.number, head.size);
        self.wake_if_due(&head);
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

    pub(super) fn part_file(&self, digest: &Digest) -> PathBuf {
        let digits = digest.to_hex();
        self.layout.parts().join(&digits[..2]).join(digits)
    }

    /// The head, and the file that is written to with its length: everything before is acknowledged.
    pub(super) fn acknowledged(writer: &Writer) -> Option<(PathBuf, u64)> {
        let journal = writer.journal.as_ref()?;
        Some((journal.active_path()?.to_owned(), journal.active()?.1))
    }

    fn wake_if_due(&self, head: &Head) {
        let index = self.index();
        let full = head.size - index.sealed() >= index.pack_entries;
        if full || head.size - self.viewed_size.load(Ordering::Relaxed) >= VIEW_ENTRIES_BEHIND {
            self.signal.wake();
        }
    }

    /// A new file where a pack ends, so that the old one can go once the pack is sealed.
    fn starts_new_file(&self, journal: &Journal, first: u64) -> bool {
        let pack = self.index().pack_entries;
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
/// So many entries are folded again at the next start, at most, if the process dies now.
const VIEW_ENTRIES_BEHIND: u64 = 4096;
/// A restored ledger begins the next one.
pub(super) const EPOCH: u32 = 1;
