use std::fs;

use super::fixture::*;
use crate::ledger::*;

#[test]
fn what_was_committed_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    for size in [0, 1, 7, 63, 64, 65, 130, 300] {
        let ledger = open(dir.path());
        grow(&ledger, size);
        check(&ledger, size);
        ledger.close().unwrap();
        let ledger = open(dir.path());
        check(&ledger, size);
    }
}

#[test]
fn a_ledger_is_open_once_for_writing_and_any_number_of_times_for_reading() {
    let dir = tempfile::tempdir().unwrap();
    let read_only = || Ledger::<Tally>::open(dir.path(), Options { access: Access::ReadOnly, ..options() });
    assert!(matches!(read_only(), Err(LedgerError::NoLedger { .. })));
    let ledger = open(dir.path());
    grow(&ledger, 20);
    assert!(matches!(Ledger::<Tally>::open(dir.path(), options()), Err(LedgerError::Locked { .. })));
    let reader = read_only().unwrap();
    check(&reader, 20);
    assert!(matches!(reader.commit(batch(20, 1)), Err(LedgerError::ReadOnly)));
    assert!(matches!(reader.checkpoint(), Err(LedgerError::ReadOnly)));
}

#[test]
fn the_key_is_made_once_and_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::<Tally>::open(dir.path(), Options { key_seed: None, ..options() }).unwrap();
    let key = ledger.public_key().unwrap();
    assert_eq!(fs::metadata(dir.path().join("key")).unwrap().permissions().mode() & 0o777, 0o600);
    grow(&ledger, 3);
    let note = ledger.checkpoint().unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("checkpoint")).unwrap(), note);
    ledger.close().unwrap();
    let ledger = open(dir.path());
    assert_eq!(ledger.public_key().unwrap(), key);
    let public = hex::decode(&key).unwrap().try_into().unwrap();
    assert_eq!(NoteVerifier::new(ORIGIN, &public).unwrap().open_checkpoint(&note), Some(ledger.head()));
    ledger.close().unwrap();
    let other = Options { origin: "another".to_owned(), ..options() };
    assert!(matches!(Ledger::<Tally>::open(dir.path(), other), Err(LedgerError::KeyUnusable { .. })));
    fs::remove_file(dir.path().join("key")).unwrap();
    assert!(matches!(Ledger::<Tally>::open(dir.path(), options()), Err(LedgerError::KeyMissing { .. })));
}

#[test]
fn a_newer_format_is_refused_with_both_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    grow(&ledger, 5);
    ledger.close().unwrap();
    let path = dir.path().join("journal/0000000000000001.journal");
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 9;
    let checksum = crc32fast::hash(&bytes[..32]).to_le_bytes();
    bytes[32..36].copy_from_slice(&checksum);
    fs::write(&path, bytes).unwrap();
    match Ledger::<Tally>::open(dir.path(), options()) {
        Err(LedgerError::NewerFormat { found: 9, known: 1, .. }) => {}
        other => panic!("{:?}", other.err()),
    }
}

#[test]
fn a_rollup_is_read_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let day = crate::domain::LocalDay(20_514);
    assert_eq!(ledger.rollup("Europe/Berlin", day, &crate::domain::Digest::of(b"counts")).unwrap(), None);
    let digest = ledger.write_rollup("Europe/Berlin", day, b"counts").unwrap();
    assert_eq!(digest, crate::domain::Digest::of(b"counts"));
    assert_eq!(ledger.rollup("Europe/Berlin", day, &digest).unwrap().unwrap(), b"counts");
    assert_eq!(ledger.rollup("Etc/GMT+5", day, &digest).unwrap(), None);
    for bad in ["../key", "/etc", "", "a//b", "."] {
        assert!(matches!(ledger.write_rollup(bad, day, b""), Err(LedgerError::RollupName { .. })), "{bad}");
    }
}

#[test]
fn the_reserve_takes_room_and_gives_it_back() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    ledger.keep_reserve().unwrap();
    ledger.keep_reserve().unwrap();
    assert_eq!(fs::metadata(dir.path().join("reserve")).unwrap().len(), 64 << 20);
    ledger.release_reserve().unwrap();
    ledger.release_reserve().unwrap();
    assert!(!dir.path().join("reserve").exists());
    assert!(ledger.free_space().unwrap().total > 0);
}
