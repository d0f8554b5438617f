//! Bits that flip on a closed ledger.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{fixture::*, sealing::walk};
use crate::{
    domain::{ClockState, Digest, Entry, Event},
    ledger::*,
};

fn closed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(dir.path(), small()).unwrap();
    grow(&ledger, 16);
    ledger.settle().unwrap();
    grow(&ledger, 36);
    ledger.settle().unwrap();
    grow(&ledger, SIZE);
    ledger.checkpoint().unwrap();
    ledger.close().unwrap();
    dir
}

/// Entries of the ledger that is harmed: two packs and a journal.
const SIZE: u64 = 42;

fn small() -> Options {
    Options { pack_entries: 16, view: ViewPlace::Nowhere, ..options() }
}

/// What is said about the ledger; empty if it seems to be well.
fn faults(dir: &Path) -> Vec<String> {
    let read_only = Options { access: Access::ReadOnly, ..small() };
    match Ledger::<Tally>::open(dir, read_only) {
        Err(error) => {
            assert!(error.is_damage() || matches!(error, LedgerError::NewerFormat { .. }), "{error:?}");
            vec![error.to_string()]
        }
        Ok(ledger) => {
            assert_eq!(ledger.head().size, SIZE, "nothing is cut silently");
            ledger.verify(Depth::Stored, &Progress::unwatched).unwrap().faults
        }
    }
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(dir, &mut |path, _| found.extend(path.extension().is_some_and(|e| e == extension).then(|| path.to_owned())));
    found.sort();
    found
}

/// Flips bits all over the file; each is named with the file.
#[track_caller]
fn every_flip_is_named(dir: &Path, file: &Path, flips: usize) {
    let bytes = fs::read(file).unwrap();
    assert_eq!(faults(dir), Vec::<String>::new());
    let bits = bytes.len() * 8;
    for step in 0..flips.min(bits) {
        let bit = if bits <= flips { step } else { step * (bits / flips) + step % 8 };
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(file, flipped).unwrap();
        let faults = faults(dir);
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(faults.iter().any(|fault| fault.contains(name)), "bit {bit} of {name}: {faults:?}");
    }
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_flipped_bit_in_the_journal_is_named_also_in_its_last_frame() {
    let dir = closed();
    for file in files(&dir.path().join("journal"), "journal") {
        every_flip_is_named(dir.path(), &file, 300);
        let bytes = fs::read(&file).unwrap();
        let is_last = files(&dir.path().join("journal"), "journal").last() == Some(&file);
        for cut in [1, 9, 20, bytes.len() / 2] {
            fs::write(&file, &bytes[..bytes.len() - cut]).unwrap();
            assert!(!faults(dir.path()).is_empty(), "{cut} bytes cut, last file: {is_last}");
        }
        fs::write(&file, bytes).unwrap();
    }
}

#[test]
fn a_flipped_bit_in_a_pack_is_named() {
    let dir = closed();
    for file in files(&dir.path().join("packs"), "pack") {
        every_flip_is_named(dir.path(), &file, 400);
    }
}

#[test]
fn a_flipped_bit_in_evidence_is_named() {
    let dir = closed();
    for file in files(&dir.path().join("evidence"), "segment") {
        every_flip_is_named(dir.path(), &file, 150);
    }
    let large: Vec<PathBuf> = [5, 18]
        .map(|at| part(at).digest().to_hex())
        .iter()
        .map(|hex| dir.path().join("parts").join(&hex[..2]).join(hex))
        .collect();
    for file in large {
        every_flip_is_named(dir.path(), &file, 10);
        fs::rename(&file, dir.path().join("aside")).unwrap();
        assert!(faults(dir.path())[0].contains("is missing, and was not erased"));
        fs::rename(dir.path().join("aside"), &file).unwrap();
    }
}

#[test]
fn an_altered_checkpoint_is_named() {
    let dir = closed();
    every_flip_is_named(dir.path(), &dir.path().join("checkpoint"), 200);
}

#[test]
fn a_missing_file_is_named() {
    let dir = closed();
    // The newest pack is still in the journal too, and the other files of the journal are in packs.
    let journal = files(dir.path(), "journal").pop();
    for file in files(dir.path(), "pack").into_iter().take(1).chain(journal) {
        fs::rename(&file, dir.path().join("aside")).unwrap();
        assert!(!faults(dir.path()).is_empty(), "{}", file.display());
        fs::rename(dir.path().join("aside"), &file).unwrap();
    }
}

#[test]
fn reading_only_cuts_nothing_and_opening_does() {
    let dir = closed();
    let journal = files(&dir.path().join("journal"), "journal").pop().unwrap();
    let whole = fs::read(&journal).unwrap();
    let torn = [&whole[..], &[7; 30]].concat();
    fs::write(&journal, &torn).unwrap();
    assert_eq!(faults(dir.path()), Vec::<String>::new());
    assert_eq!(fs::read(&journal).unwrap(), torn);
    Ledger::<Tally>::open(dir.path(), small()).unwrap().close().unwrap();
    assert_eq!(fs::read(&journal).unwrap(), whole);
}

#[test]
fn a_checkpoint_that_is_ahead_of_the_entries_is_a_witness() {
    let dir = closed();
    let key = NoteKey::from_seed(ORIGIN, &[7; 32]);
    let ahead = key.sign_checkpoint(&Head { size: SIZE + 1, root: [1; 32] });
    fs::write(dir.path().join("checkpoint"), ahead).unwrap();
    assert!(matches!(Ledger::<Tally>::open(dir.path(), small()), Err(LedgerError::EntriesMissing { .. })));
    let forged = key.sign_checkpoint(&Head { size: 20, root: [1; 32] });
    fs::write(dir.path().join("checkpoint"), forged).unwrap();
    assert!(matches!(Ledger::<Tally>::open(dir.path(), small()), Err(LedgerError::Damaged(_))));
}

/// A ledger whose checkpoints stand in its entries too, as the daemon's do.
fn with_checkpoints(dir: &Path) -> [String; 3] {
    let ledger = Ledger::open(dir, small()).unwrap();
    let notes = [16, 36, SIZE - 1].map(|size| {
        grow(&ledger, size);
        let head = ledger.head();
        let event = Event::Checkpoint { size: head.size, root: Digest(head.root), clock: ClockState::Synchronised };
        let entries = vec![Entry::new(entry(size).at, event)];
        ledger.commit(Batch { entries, parts: Vec::new(), expect: Vec::new() }).unwrap();
        ledger.checkpoint().unwrap()
    });
    ledger.close().unwrap();
    notes
}

#[test]
fn a_checkpoint_that_was_taken_away_or_put_back_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let [oldest, older, newest] = with_checkpoints(dir.path());
    assert_eq!(faults(dir.path()), Vec::<String>::new());
    let file = dir.path().join("checkpoint");
    fs::remove_file(&file).unwrap();
    let missing = format!("`{}` is missing, and entry 36 says that it was signed", file.display());
    assert_eq!(faults(dir.path()), [missing]);
    // The file may be one checkpoint behind its entry: a crash may have come between the two.
    fs::write(&file, older).unwrap();
    assert_eq!(faults(dir.path()), Vec::<String>::new());
    fs::write(&file, oldest).unwrap();
    let old = format!("`{}` states 17 entries, and entry 36 says that a newer one was signed", file.display());
    assert_eq!(faults(dir.path()), [old]);
    fs::write(&file, newest).unwrap();
    assert_eq!(faults(dir.path()), Vec::<String>::new());
}

#[test]
fn a_checkpoint_that_somebody_kept_tells_whether_history_was_changed() {
    let dir = tempfile::tempdir().unwrap();
    let [.., note] = with_checkpoints(dir.path());
    let ledger = Ledger::<Tally>::open(dir.path(), Options { access: Access::ReadOnly, ..small() }).unwrap();
    let mail = format!("Subject: Week 9\r\n\r\nThe newest:\r\n\r\n    {}\r\nKeep it.", note.replace('\n', "\r\n    "));
    assert_eq!(ledger.verify_witness(&mail).unwrap(), Witness::Agrees(ledger.head()));
    let key = NoteKey::from_seed(ORIGIN, &[7; 32]);
    let other = Head { size: 20, root: [1; 32] };
    assert_eq!(ledger.verify_witness(&key.sign_checkpoint(&other)).unwrap(), Witness::Contradicts(other));
    let ahead = Head { size: SIZE + 9, root: [1; 32] };
    assert_eq!(ledger.verify_witness(&key.sign_checkpoint(&ahead)).unwrap(), Witness::Ahead(ahead));
    let stranger = NoteKey::from_seed(ORIGIN, &[8; 32]).sign_checkpoint(&ledger.head());
    for text in [stranger.as_str(), "", ORIGIN, &note.replace('4', "5")] {
        assert_eq!(ledger.verify_witness(text).unwrap(), Witness::NotOurs, "{text}");
    }
}

#[test]
fn the_first_entry_that_is_not_as_it_was_written_is_told() {
    let dir = closed();
    let journal = files(&dir.path().join("journal"), "journal").pop().unwrap();
    let whole = fs::read(&journal).unwrap();
    let first = whole.windows(8).position(|window| window == b"\"at\":\"20").unwrap();
    let mut harmed = whole.clone();
    harmed[first] ^= 1;
    fs::write(&journal, &harmed).unwrap();
    let Err(LedgerError::Damaged(damage)) = Ledger::<Tally>::open(dir.path(), small()) else { panic!("it opened") };
    let entry = damage.entry.unwrap();
    assert!(entry < SIZE, "{damage}");
    assert!(damage.to_string().contains(&format!("entry {entry} is the first that is not as it was written")));
}
