//! Recomputing everything, and naming what does not fit.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use super::{
    Fold, Head, Ledger, LedgerError, Store,
    disk::{read, read_if_there},
    embedded::Core,
    findings::Findings,
    frame::Place,
    journal,
    noted::Noted,
    pack::{self, Pack},
    segment::{self, Segment, SegmentPlace},
};
use crate::domain::Digest;

/// How much is recomputed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Every byte that is stored: hashes, signatures, checksums.
    Stored,
    /// Also the state: everything is folded again from entry 0 and compared, row by row.
    Refold,
}

/// How far verification has come; for a progress bar. Folding again goes over the entries a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    pub of: u64,
}

impl Progress {
    /// For who does not look, and waits for the end.
    pub const fn unwatched(self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// What was recomputed, and what did not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// What the entries on disk come to.
    pub head: Head,
    pub packs: u64,
    pub segments: u64,
    /// Parts whose content hashes to their digest.
    pub parts: u64,
    /// Parts whose content was erased.
    pub erased: u64,
    /// Files of parts that no frame and no segment names: left by a crash, harmless.
    pub unreferenced: u64,
    pub rollups: u64,
    /// What the file `checkpoint` states, if there is one and its signature is right.
    pub checkpoint: Option<Head>,
    /// The first entry that is not as it was written, where that is known.
    pub first_wrong: Option<u64>,
    /// Empty, if all is well. Entries first, in order; then evidence, rollups, checkpoint, state.
    pub faults: Vec<String>,
}

impl<F: Fold> Ledger<F> {
    /// Recomputes everything that is stored. It reads while the writer goes on; what is committed later is not
    /// looked at.
    ///
    /// Faults are in the answer; an error means that something could not be read at all, or that `progress` broke off.
    /// It may be called from several threads, and is not to wait for anything.
    pub fn verify(
        &self,
        depth: Depth,
        progress: &(dyn Fn(Progress) -> ControlFlow<()> + Sync),
    ) -> Result<Verification, LedgerError> {
        let mut found = Findings::default();
        // Only who folds again has to hold up the writer for a copy of all rows.
        let live = (depth == Depth::Refold).then(|| self.core.rows_and_stand());
        let sealed = self.core.index().sealed();
        let head = self.head();
        let folded = live.as_ref().map_or(0, |(_, stand)| stand.size);
        let work = Work { done: AtomicU64::new(0), of: head.size + folded, progress, is_left: AtomicBool::new(false) };
        self.core.verify_packs(sealed, &work, &mut found)?;
        self.core.verify_journal(sealed, &work, &mut found)?;
        let are_entries_whole = found.faults.is_empty();
        self.core.verify_segments(&work, &mut found)?;
        self.core.verify_part_files(&mut found)?;
        self.core.name_missing_parts(&mut found);
        // Where entries are missing, the one that says so may be among them.
        if are_entries_whole {
            self.name_silent_erasures(sealed, &mut found)?;
        }
        self.core.verify_rollups(&mut found)?;
        let checkpoint = self.core.verify_checkpoint(&mut found)?;
        if let Some((rows, stand)) = live
            && are_entries_whole
        {
            self.refold(&rows, stand.size, &work, &mut found)?;
        }
        Ok(Verification {
            head,
            packs: sealed / self.core.index().pack_entries,
            segments: found.segments,
            parts: found.parts,
            erased: found.erased,
            unreferenced: found.unreferenced,
            rollups: found.rollups,
            checkpoint,
            first_wrong: found.first_wrong,
            faults: found.faults,
        })
    }
}

pub(super) struct Work<'a> {
    done: AtomicU64,
    of: u64,
    progress: &'a (dyn Fn(Progress) -> ControlFlow<()> + Sync),
    /// Nobody waits for the answer any more.
    is_left: AtomicBool,
}

impl Work<'_> {
    pub(super) fn advance(&self, entries: u64) {
        let done = self.done.fetch_add(entries, Ordering::Relaxed) + entries;
        if (self.progress)(Progress { done: done.min(self.of), of: self.of }).is_break() {
            self.is_left.store(true, Ordering::Relaxed);
        }
    }

    fn is_left(&self) -> bool {
        self.is_left.load(Ordering::Relaxed)
    }

    pub(super) fn check_wanted(&self) -> Result<(), LedgerError> {
        if self.is_left() { Err(LedgerError::BrokenOff) } else { Ok(()) }
    }
}

impl<F: Fold> Core<F> {
    /// Packs are independent of each other, so all processors take part.
    fn verify_packs(&self, sealed: u64, work: &Work<'_>, found: &mut Findings) -> Result<(), LedgerError> {
        let (per_pack, roots) = {
            let index = self.index();
            (index.pack_entries, index.pack_roots.clone())
        };
        let mut segments: HashMap<u64, Vec<PathBuf>> = HashMap::new();
        for path in self.segment_paths() {
            segments.entry(segment::pack_of(&path)).or_default().push(path);
        }
        let next = AtomicU64::new(0);
        let results = Mutex::new(Vec::new());
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(roots.len().max(1));
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= sealed / per_pack || work.is_left() {
                            return;
                        }
                        let mut noted = Noted::default();
                        let verified = self.verify_pack(number, per_pack, &roots[number as usize], &mut noted);
                        self.look_for_parts(segments.get(&number).into_iter().flatten(), &mut noted);
                        results.lock().unwrap_or_else(PoisonError::into_inner).push((number, verified, noted));
                        work.advance(per_pack);
                    }
                });
            }
        });
        work.check_wanted()?;
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(number, ..)| *number);
        for (_, verified, noted) in results {
            found.take(verified)?;
            found.noted.add(noted);
        }
        Ok(())
    }

    fn verify_pack(&self, number: u64, entries: u64, root: &super::Hash, noted: &mut Noted) -> Result<(), LedgerError> {
        let path = self.layout.packs().join(pack::file_name(number));
        let pack = Pack::open(&*self.layout.disk, &path, number, entries)?;
        pack.verify(|sequence, entry| noted.look_at(sequence, entry))?;
        if pack.root == *root {
            Ok(())
        } else {
            Err(LedgerError::damaged(path, 0, format!("pack {number} is not the one that was opened")))
        }
    }

    fn verify_journal(&self, sealed: u64, work: &Work<'_>, found: &mut Findings) -> Result<(), LedgerError> {
        // Neither sealing nor erasing while the files are read.
        let maintenance = self.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        let (head, roots, per_pack) = {
            let index = self.index();
            (index.head(), index.pack_roots[..].to_vec(), index.pack_entries)
        };
        debug_assert!(sealed <= roots.len() as u64 * per_pack, "packs are only ever added");
        let packed = match (roots.len() as u64).checked_sub(1) {
            // A fault of the pack itself was named before.
            Some(newest) => self.open_pack(newest).map_or(u64::MAX, |pack| pack.last_frame),
            None => 0,
        };
        let mut again = super::index::Index::new(per_pack, roots);
        let mut expected = None;
        let (mut held, mut gone) = (Vec::new(), Vec::new());
        let scanned = journal::scan(&*self.layout.disk, &self.layout.journal(), packed, |at, payload| {
            if again.head().size >= head.size && head.size > 0 {
                // Committed since we began.
                return Ok(());
            }
            let size_before = again.head().size;
            let frame = again.replay(&at, payload, &mut expected)?;
            for part in &frame.parts {
                // What is in packs is looked for in their segments: nothing else is read when somebody asks for it.
                match &part.place {
                    _ if frame.first < sealed => {}
                    Place::Inline(_) | Place::File => held.push(part.digest),
                    Place::Erased | Place::FileErased => gone.push(part.digest),
                }
                match &part.place {
                    Place::Inline(range) if Digest::of(&payload[range.clone()]) != part.digest => {
                        found.fault(format!(
                            "`{}`, offset {}: frame {}: part {} does not hash to its name",
                            at.file.display(),
                            at.offset,
                            at.number,
                            part.digest
                        ));
                    }
                    Place::Inline(_) => found.parts += u64::from(frame.first >= sealed),
                    Place::Erased | Place::FileErased => found.erased += u64::from(frame.first >= sealed),
                    Place::File => {
                        found.files.insert(part.digest, ());
                    }
                }
            }
            for (sequence, range) in (frame.first..).zip(&frame.entries) {
                found.noted.look_at(sequence, &payload[range.clone()]);
            }
            work.advance(again.head().size - size_before);
            Ok(())
        });
        drop(maintenance);
        let scanned = scanned.map_err(|error| error.after_entries(again.head().size));
        // An entry may name what an earlier frame brought.
        gone.into_iter().for_each(|part| found.noted.miss_content(part));
        for part in held {
            found.noted.hold(&part);
            // Files are looked at below.
            if !found.files.contains_key(&part) {
                found.still_there(&part, || "the journal".to_owned());
            }
        }
        if found.take(scanned)?.is_some() && again.head().size < head.size {
            found.fault(format!("the journal ends at entry {}, the ledger has {}", again.head().size, head.size));
        }
        Ok(())
    }

    fn verify_segments(&self, work: &Work<'_>, found: &mut Findings) -> Result<(), LedgerError> {
        let paths = self.segment_paths();
        let next = AtomicUsize::new(0);
        let results = Mutex::new(Vec::new());
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(paths.len().max(1));
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed))
                        && !work.is_left()
                    {
                        // Parts are many, and no entries: it only asks whether to go on.
                        work.advance(0);
                        let opened = Segment::open(&*self.layout.disk, path);
                        let verified = opened.and_then(|segment| segment.verify().map(|()| segment.parts));
                        results.lock().unwrap_or_else(PoisonError::into_inner).push((path, verified));
                    }
                });
            }
        });
        work.check_wanted()?;
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(path, _)| *path);
        for (path, verified) in results {
            found.segments += 1;
            let Some(parts) = found.take(verified)? else {
                found.unread.insert(segment::pack_of(path));
                continue;
            };
            for part in parts {
                match part.place {
                    SegmentPlace::Block { .. } => {
                        found.parts += 1;
                        found.noted.hold(&part.digest);
                        found.still_there(&part.digest, || format!("`{}`", path.display()));
                    }
                    SegmentPlace::Erased => {
                        found.erased += 1;
                        found.noted.miss_content(part.digest);
                    }
                    SegmentPlace::File => {
                        found.noted.hold(&part.digest);
                        found.files.insert(part.digest, ());
                    }
                }
            }
        }
        Ok(())
    }

    fn verify_part_files(&self, found: &mut Findings) -> Result<(), LedgerError> {
        let disk = &*self.layout.disk;
        let mut named: Vec<Digest> = found.files.drain().map(|(digest, ())| digest).collect();
        named.sort_unstable();
        for digest in &named {
            let path = self.part_file(digest);
            match read_if_there(disk, &path)? {
                Some(bytes) if Digest::of(&bytes) == *digest => {
                    found.parts += 1;
                    found.still_there(digest, || format!("`{}`", path.display()));
                }
                Some(_) => found.fault(format!("`{}`: part {digest} does not hash to its name", path.display())),
                // Erased while we looked?
                None if self.is_erased(digest)? => {
                    found.erased += 1;
                    found.noted.miss_content(*digest);
                }
                None => found.fault(format!("`{}`: part {digest} is missing, and was not erased", path.display())),
            }
        }
        let root = self.layout.parts();
        for folder in list(self, &root)? {
            for name in list(self, &root.join(&folder))? {
                let digest = format!("sha256:{name}").parse::<Digest>().ok();
                if digest.is_some_and(|digest| named.binary_search(&digest).is_ok()) {
                    continue;
                }
                let path = root.join(&folder).join(&name);
                match digest.filter(|digest| found.noted.gone.contains_key(digest)) {
                    Some(digest) => found.fault(format!(
                        "`{}`: part {digest} is marked as erased, and its file is there",
                        path.display()
                    )),
                    None => found.unreferenced += 1,
                }
            }
        }
        Ok(())
    }

    fn verify_rollups(&self, found: &mut Findings) -> Result<(), LedgerError> {
        let disk = &*self.layout.disk;
        let mut there = HashMap::new();
        for zone in list(self, &self.layout.rollups())? {
            let dir = self.layout.rollups().join(zone);
            for day in list(self, &dir)?.into_iter().filter(|name| !name.ends_with(".tmp")) {
                let path = dir.join(day);
                there.insert(Digest::of(&read(disk, &path)?), path);
            }
        }
        let mut named: Vec<(u64, Digest)> =
            found.noted.closed_days.drain().map(|(digest, entry)| (entry, digest)).collect();
        named.sort_unstable();
        for (entry, digest) in named {
            if there.remove(&digest).is_some() {
                found.rollups += 1;
            } else {
                found.fault(format!("entry {entry} closes a day with the rollup {digest}, which no file holds"));
            }
        }
        Ok(())
    }

    fn verify_checkpoint(&self, found: &mut Findings) -> Result<Option<Head>, LedgerError> {
        let path = self.layout.checkpoint();
        let due = found.noted.signed_at_least();
        let Some(note) = read_if_there(&*self.layout.disk, &path)? else {
            if let Some(entry) = due {
                found.fault(format!("`{}` is missing, and entry {entry} says that it was signed", path.display()));
            }
            return Ok(None);
        };
        let Some(verifier) = self.named_verifier()? else {
            found.fault(format!("`{}`: the first entry names no key to check it with", path.display()));
            return Ok(None);
        };
        let stated = std::str::from_utf8(&note).ok().and_then(|note| verifier.open_checkpoint(note));
        let Some(stated) = stated else {
            found.fault(format!("`{}`: it is not signed by `{verifier}`", path.display()));
            return Ok(None);
        };
        match self.root_at(stated.size) {
            Ok(root) if root == stated.root => {
                if let Some(entry) = due.filter(|entry| *entry >= stated.size) {
                    let size = stated.size;
                    let path = path.display();
                    found.fault(format!(
                        "`{path}` states {size} entries, and entry {entry} says that a newer one was signed"
                    ));
                }
                Ok(Some(stated))
            }
            Ok(_) => {
                let size = stated.size;
                found.fault(format!("`{}`: its root is not that of the first {size} entries", path.display()));
                Ok(None)
            }
            Err(LedgerError::OutOfRange { size, .. }) => {
                let stated = stated.size;
                found.fault(format!("`{}`: it states {stated} entries, there are {size}", path.display()));
                Ok(None)
            }
            Err(error) => found.take(Err(error)),
        }
    }

    fn is_erased(&self, digest: &Digest) -> Result<bool, LedgerError> {
        if let Some(at) = self.index().parts.get(digest) {
            return Ok(at.place == super::index::PartPlace::Erased);
        }
        for path in self.segment_paths() {
            if let Some(part) = Segment::open(&*self.layout.disk, &path)?.find(digest) {
                return Ok(part.place == SegmentPlace::Erased);
            }
        }
        Ok(false)
    }

    pub(super) fn segment_paths(&self) -> Vec<PathBuf> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

fn list<F: Fold>(core: &Core<F>, dir: &Path) -> Result<Vec<String>, LedgerError> {
    core.layout.disk.list(dir).map_err(LedgerError::io("list", dir))
}
