//! What happens behind the commits: full packs are sealed, the view is written.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Condvar, Mutex, PoisonError, atomic::Ordering},
    thread::JoinHandle,
    time::Duration,
};

use super::{
    EvidenceClass, Fold, LedgerError,
    disk::{OpenMode, create_dir_durably, read, write_atomically},
    embedded::{Core, EPOCH, with_sources},
    frame::{self, Place},
    index::FrameSpan,
    journal,
    merkle::{Hash, leaf_hash, root_of},
    pack::{self, Pack},
    segment::{Content, Segment, SegmentWriter},
    snapshot,
    view::{Rows, Stand},
};
use crate::domain::{Entry, LocalDay};

/// The thread that works behind the commits.
pub(super) struct Behind {
    signal: Arc<Signal>,
    thread: JoinHandle<()>,
}

/// Wakes the thread early.
#[derive(Default)]
pub(super) struct Signal {
    wanted: Mutex<Wanted>,
    changed: Condvar,
}

#[derive(Default)]
struct Wanted {
    work: bool,
    end: bool,
}

impl Signal {
    pub(super) fn wake(&self) {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).work = true;
        self.changed.notify_one();
    }

    /// Waits until there is work, or for `every`. Returns whether it was the last time.
    fn wait(&self, every: Duration) -> bool {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(wanted, every, |wanted| !wanted.work && !wanted.end);
        let (mut wanted, _) = waited.unwrap_or_else(PoisonError::into_inner);
        wanted.work = false;
        wanted.end
    }
}

impl Behind {
    pub(super) fn start<F: Fold>(core: Arc<Core<F>>, every: Duration) -> std::io::Result<Self> {
        let signal = core.signal.clone();
        let thread = std::thread::Builder::new().name("ledger".to_owned()).spawn(move || {
            while !core.signal.wait(every) {
                // What fails here is tried again at the next turn: nothing acknowledged depends on it.
                core.work_and_note_faults();
            }
        })?;
        Ok(Self { signal, thread })
    }

    /// Waits for what it is at.
    pub(super) fn stop(self) {
        self.signal.wanted.lock().unwrap_or_else(PoisonError::into_inner).end = true;
        self.signal.changed.notify_one();
        if self.thread.join().is_err() {
            tracing::error!("the ledger's thread panicked");
        }
    }
}

impl<F: Fold> Core<F> {
    fn work_and_note_faults(&self) {
        let fault = self.work().err().map(|error| with_sources(&error));
        if let Some(fault) = &fault {
            tracing::warn!(fault, "sealing is put off");
        }
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Seals all full packs and writes the view.
    pub(super) fn work(&self) -> Result<(), LedgerError> {
        self.write_view();
        let mut sealed = 0;
        while self.seal_next()? {
            sealed += 1;
        }
        if sealed > 0 {
            self.write_snapshot()?;
        }
        self.index_packs(sealed.max(1));
        Ok(())
    }

    /// Of packs that were sealed a moment ago, and of one that was sealed when nobody wrote such files: commits go on,
    /// but the next pack waits for it.
    fn index_packs(&self, count: usize) {
        for _ in 0..count {
            match self.index_next_pack() {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(why = with_sources(&error), "a file of slots could not be made"),
            }
        }
    }

    /// The rows that changed, with what they stand for now. A fault costs the view, never the commit.
    pub(super) fn write_view(&self) {
        let mut guard = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(view) = guard.as_mut() else { return };
        let (changes, stand) = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            if self.folded_size.load(Ordering::Relaxed) == self.viewed_size.load(Ordering::Relaxed) {
                return;
            }
            (state.take_changes(), self.stand())
        };
        let written = view.update(changes, &stand).or_else(|why| {
            tracing::warn!(%why, "the view could not be written and is filled anew");
            let (rows, stand) = self.rows_and_stand();
            view.fill(rows, &stand).map(|()| self.viewed_size.store(stand.size, Ordering::Relaxed))
        });
        match written {
            Ok(()) => self.viewed_size.store(stand.size, Ordering::Relaxed),
            Err(why) => {
                tracing::warn!(%why, "the view is given up until the next start");
                if let Some(view) = guard.take()
                    && let Err(why) = view.discard()
                {
                    tracing::warn!(%why, "its folder stays; the next start looks at it again");
                }
            }
        }
    }

    pub(super) fn rows_and_stand(&self) -> (Rows, Stand) {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        (state.rows(), self.stand())
    }

    /// What the state stands for; called under its lock, so that the two belong together.
    fn stand(&self) -> Stand {
        let (size, frame) = (self.folded_size.load(Ordering::Relaxed), self.folded_frame.load(Ordering::Relaxed));
        let head = self.index().head();
        assert_eq!(head.size, size, "index and state are changed under one lock");
        Stand { size, frame, root: head.root }
    }

    fn write_snapshot(&self) -> Result<(), LedgerError> {
        let (rows, stand) = self.rows_and_stand();
        snapshot::write(&self.layout, EPOCH, F::VERSION, &stand, &rows)
    }

    /// Seals the oldest full pack's worth of entries, if there is one.
    ///
    /// Segments first, then the pack, then its journal files go. A crash after any of these steps leaves files that
    /// the next attempt writes again, byte for byte the same, or journal files whose entries are all in packs, which
    /// opening removes.
    pub(super) fn seal_next(&self) -> Result<bool, LedgerError> {
        let maintenance = self.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, end, spans, root) = {
            let index = self.index();
            let (first, pack) = (index.sealed(), index.pack_entries);
            let end = first + pack;
            if index.head().size < end {
                return Ok(false);
            }
            let spans: Vec<FrameSpan> = index.frames.iter().take_while(|span| span.first < end).cloned().collect();
            (first, end, spans, root_of(&index.tail[..pack as usize]))
        };
        let entries = self.seal_parts(first, end, &spans)?;
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        if root_of(&leaves) != root {
            let file = spans.first().map_or_else(|| self.layout.journal(), |span| span.file.to_path_buf());
            return Err(LedgerError::damaged(file, 0, format!("entries {first} to {} changed on disk", end - 1)));
        }
        let number = first / (end - first);
        let path = self.layout.packs().join(pack::file_name(number));
        let last_frame = spans.last().map_or(0, |span| span.number);
        let bytes = pack::build(EPOCH, first, last_frame, &entries, &leaves);
        write_atomically(&*self.layout.disk, &path, OpenMode::Create, &bytes)?;
        let written = Pack::open(&*self.layout.disk, &path, number, end - first)?;
        written.verify(|_, _| {})?;
        assert_eq!(written.root, root, "what was read back is what was hashed when it was committed");
        self.index.write().unwrap_or_else(PoisonError::into_inner).seal_oldest();
        self.drop_sealed_files()?;
        drop(maintenance);
        Ok(true)
    }

    /// Writes the segments of the frames that start in `first..end`, and returns the entries of that range.
    fn seal_parts(&self, first: u64, end: u64, spans: &[FrameSpan]) -> Result<Vec<Vec<u8>>, LedgerError> {
        let disk = &*self.layout.disk;
        let mut entries = Vec::with_capacity((end - first) as usize);
        let mut segments: BTreeMap<(LocalDay, EvidenceClass), SegmentWriter<'_>> = BTreeMap::new();
        let mut bytes = Vec::new();
        let mut open: Option<&Path> = None;
        for span in spans {
            if open != Some(&*span.file) {
                bytes = read(disk, &span.file)?;
                open = Some(&*span.file);
            }
            let (payload, frame) = self.frame_in(&bytes, span)?;
            for (sequence, range) in (frame.first..).zip(&frame.entries) {
                if (first..end).contains(&sequence) {
                    entries.push(payload[range.clone()].to_vec());
                }
            }
            if frame.first < first || frame.parts.is_empty() {
                continue;
            }
            let day = day_of(payload, &frame, span)?;
            for part in &frame.parts {
                let writer = segments.entry((day, part.class)).or_insert_with(|| {
                    SegmentWriter::new(disk, &self.layout.evidence(), day, part.class, EPOCH, first..end)
                });
                let content = match &part.place {
                    Place::Inline(range) => Content::Bytes(&payload[range.clone()]),
                    Place::File => Content::File,
                    Place::Erased | Place::FileErased => Content::Erased,
                };
                create_dir_durably(disk, &self.layout.root, writer.dir())?;
                writer.add(part.digest, part.len, &content)?;
            }
        }
        let mut written = Vec::new();
        for writer in segments.values_mut() {
            writer.write()?;
            written.append(&mut writer.written);
        }
        for path in &written {
            Segment::open(disk, path)?.verify()?;
        }
        self.segments.write().unwrap_or_else(PoisonError::into_inner).extend(written);
        Ok(entries)
    }

    fn frame_in<'b>(&self, file: &'b [u8], span: &FrameSpan) -> Result<(&'b [u8], frame::Frame), LedgerError> {
        let whole =
            file.get(span.offset as usize..).and_then(frame::split).filter(|(number, _)| *number == span.number);
        let damaged =
            |what: &str| LedgerError::damaged(&*span.file, span.offset, format!("frame {}: {what}", span.number));
        let (_, payload) = whole.ok_or_else(|| damaged("it does not check"))?;
        Ok((payload, frame::decode(payload).map_err(damaged)?))
    }

    /// Removes the journal files whose entries are all in packs, the oldest first, so that what is left never has a
    /// gap. The file that is written to stays.
    pub(super) fn drop_sealed_files(&self) -> Result<(), LedgerError> {
        let dir = self.layout.journal();
        let oldest_needed = self.index().frames.front().map(|span| span.file.to_path_buf());
        let mut names = journal::file_names(&*self.layout.disk, &dir)?;
        let newest = names.pop();
        let mut dropped = false;
        for name in names {
            let path = dir.join(&name);
            if oldest_needed.as_ref().is_some_and(|needed| path >= *needed) || newest.as_ref() == Some(&name) {
                break;
            }
            self.layout.disk.remove(&path).map_err(LedgerError::io("remove", &path))?;
            dropped = true;
        }
        if dropped { self.layout.disk.sync_dir(&dir).map_err(LedgerError::io("sync", &dir)) } else { Ok(()) }
    }
}

/// The day, in UTC, of the frame's first entry: where its evidence lies.
fn day_of(payload: &[u8], frame: &frame::Frame, span: &FrameSpan) -> Result<LocalDay, LedgerError> {
    let damaged = |what: String| LedgerError::damaged(&*span.file, span.offset, what);
    let range = frame.entries.first().ok_or_else(|| damaged(format!("frame {} has no entries", span.number)))?;
    let entry = Entry::from_bytes(&payload[range.clone()])
        .map_err(|error| damaged(format!("entry {}: {}", frame.first, with_sources(&error))))?;
    Ok(LocalDay::of(entry.at, &jiff::tz::TimeZone::UTC))
}
