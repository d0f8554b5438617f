use std::fs;

use super::fixture::*;
use crate::ledger::*;

/// Grows, closes, harms the view, opens: the rows are the same.
#[track_caller]
fn heals(harm: impl Fn(&std::path::Path)) {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    grow(&ledger, 100);
    ledger.settle().unwrap();
    grow(&ledger, 150);
    ledger.close().unwrap();
    harm(&dir.path().join("view"));
    let ledger = open(dir.path());
    check(&ledger, 150);
    grow(&ledger, 300);
    ledger.settle().unwrap();
    ledger.close().unwrap();
    check(&open(dir.path()), 300);
    assert_eq!(fs::read_dir(dir.path().join("view/blobs")).unwrap().count(), 0, "no value is above the limit");
}

#[test]
fn the_view_may_be_deleted_at_any_time() {
    heals(|view| fs::remove_dir_all(view).unwrap());
    heals(|view| fs::remove_file(view.join("db")).unwrap());
    heals(|view| fs::write(view.join("db"), b"").unwrap());
    heals(|view| fs::write(view.join("conf"), b"garbage").unwrap());
}

#[test]
fn a_half_snapshot_of_sled_is_removed() {
    heals(|view| fs::write(view.join("snap.7FFFFFFFFFFFFFFF.generating"), b"").unwrap());
}

#[test]
fn without_a_view_the_newest_snapshot_is_loaded_and_a_broken_one_is_passed_over() {
    heals(|view| {
        fs::remove_dir_all(view).unwrap();
        let packs = view.parent().unwrap().join("packs");
        for file in fs::read_dir(packs).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "snapshot") {
                let mut bytes = fs::read(&file).unwrap();
                bytes[60] ^= 4;
                fs::write(&file, bytes).unwrap();
            }
        }
    });
}

#[test]
fn rows_of_another_fold_are_dropped() {
    #[derive(Debug)]
    struct Counter(u64);
    impl Fold for Counter {
        const VERSION: u32 = 2;
        fn empty() -> Self {
            Self(0)
        }
        fn apply(&mut self, _: u64, _: &crate::domain::Entry) {
            self.0 += 1;
        }
        fn control_version(&self, _: &crate::domain::ControlId) -> u64 {
            0
        }
        fn take_changes(&mut self) -> Vec<Row> {
            vec![Row { key: b"n".to_vec(), value: Some(self.0.to_le_bytes().to_vec()) }]
        }
        fn rows(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
            vec![(b"n".to_vec(), self.0.to_le_bytes().to_vec())]
        }
        fn load(rows: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Self, String> {
            let [(_, count)] = &rows[..] else { return Err("not one row".to_owned()) };
            Ok(Self(u64::from_le_bytes(count.as_slice().try_into().map_err(|_| "no number")?)))
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    grow(&ledger, 150);
    ledger.settle().unwrap();
    ledger.close().unwrap();
    for _ in 0..2 {
        let ledger = Ledger::<Counter>::open(dir.path(), options()).unwrap();
        assert_eq!(ledger.state().0, 150);
        ledger.close().unwrap();
    }
    check(&open(dir.path()), 150);
}

#[test]
fn a_view_that_is_ahead_of_the_journal_tells_of_lost_entries() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    grow(&ledger, 40);
    ledger.close().unwrap();
    let journal = dir.path().join("journal/0000000000000001.journal");
    let bytes = fs::read(&journal).unwrap();
    fs::remove_file(dir.path().join("journal/acknowledged")).unwrap();
    fs::write(&journal, &bytes[..bytes.len() - 10]).unwrap();
    match Ledger::<Tally>::open(dir.path(), options()).err() {
        Some(LedgerError::EntriesMissing { witness, .. }) => assert!(witness.ends_with("view")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_flipped_bit_in_the_view_is_healed() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    grow(&ledger, 90);
    ledger.close().unwrap();
    let db = dir.path().join("view/db");
    let bytes = fs::read(&db).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    for step in 0..24 {
        let mut flipped = bytes.clone();
        flipped[used * step / 24] ^= 1 << (step % 8);
        fs::write(&db, &flipped).unwrap();
        let ledger = open(dir.path());
        check(&ledger, 90);
        ledger.close().unwrap();
    }
}
