use std::fs;

use super::fixture::*;
use crate::ledger::*;

fn verified(ledger: &Ledger<Tally>) -> Verification {
    ledger.verify(Depth::Refold, &Progress::unwatched).unwrap()
}

#[test]
fn nobody_verifies_for_who_has_left() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    grow(&ledger, 300);
    ledger.settle().unwrap();
    for depth in [Depth::Stored, Depth::Refold] {
        let left = ledger.verify(depth, &|_| std::ops::ControlFlow::Break(()));
        assert!(matches!(left, Err(LedgerError::BrokenOff)), "{left:?}");
    }
    assert_eq!(verified(&ledger).faults, Vec::<String>::new());
}

#[test]
fn sealed_entries_parts_and_proofs_are_what_they_were() {
    for pack_entries in [16, 64, 512] {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(dir.path(), Options { pack_entries, ..options() }).unwrap();
        grow(&ledger, 1100);
        let (before, root) = (ledger.inclusion_proof(77, 1000).unwrap(), ledger.head().root);
        check(&ledger, 1100);
        ledger.settle().unwrap();
        assert_eq!(ledger.inclusion_proof(77, 1000).unwrap(), before);
        assert_eq!(ledger.head().root, root);
        check(&ledger, 1100);
        assert!(fs::read_dir(dir.path().join("journal")).unwrap().count() <= 4, "sealed files go");
        let found = verified(&ledger);
        assert_eq!(found.faults, Vec::<String>::new());
        let runs = (0..1100).filter(|sequence| sequence % 10 != 0).count() as u64;
        assert_eq!((found.parts, found.packs), (runs, 1100 / u64::from(pack_entries)));
        ledger.close().unwrap();
        let ledger = open(dir.path());
        check(&ledger, 1100);
        let leaves: Vec<Hash> = (0..1100).map(|at| leaf_hash(&entry(at).to_bytes().unwrap())).collect();
        let root = |size: u64| super::super::merkle::root_of(&leaves[..size as usize]);
        for size in [1, 2, 15, 16, 17, 500, 1024, 1099, 1100] {
            for older in [0, 1, 16, 63, 64, 65, 500, 512, 1023, 1024].into_iter().filter(|older| *older <= size) {
                let proof = ledger.consistency_proof(older, size).unwrap();
                assert!(is_consistent(older, &root(older), size, &root(size), &proof), "{older} of {size}");
            }
        }
    }
}

#[test]
fn sealing_twice_writes_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    grow(&ledger, 200);
    let copy = tempfile::tempdir().unwrap();
    let kept = copy.path().join("kept");
    ledger.backup(&kept).unwrap();
    ledger.settle().unwrap();
    ledger.close().unwrap();
    fs::copy(dir.path().join("key"), kept.join("key")).unwrap();
    let again = open(&kept);
    again.settle().unwrap();
    again.close().unwrap();
    for pack in ["packs/0000000000.pack", "packs/0000000001.pack"] {
        assert_eq!(fs::read(dir.path().join(pack)).unwrap(), fs::read(kept.join(pack)).unwrap());
    }
    let days: Vec<_> = fs::read_dir(dir.path().join("evidence")).unwrap().map(|day| day.unwrap().file_name()).collect();
    let mut segments = 0;
    for day in days {
        for segment in fs::read_dir(dir.path().join("evidence").join(&day)).unwrap() {
            let name = segment.unwrap().file_name();
            let read = |root: &std::path::Path| fs::read(root.join("evidence").join(&day).join(&name)).unwrap();
            assert_eq!(read(dir.path()), read(&kept));
            segments += 1;
        }
    }
    assert!(segments >= 6);
}

#[test]
fn an_erased_part_is_gone_everywhere_and_the_log_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    grow(&ledger, 100);
    let unsealed = [part(1), part(5), part(99)];
    let sealed = [part(2), part(18), part(62)];
    for part in &unsealed {
        ledger.erase(&part.digest()).unwrap();
        ledger.erase(&part.digest()).unwrap();
        assert_eq!(ledger.part(&part.digest()).unwrap(), None);
    }
    grow(&ledger, 130);
    ledger.settle().unwrap();
    for part in &sealed {
        assert!(ledger.part(&part.digest()).unwrap().is_some());
        ledger.erase(&part.digest()).unwrap();
    }
    assert!(matches!(ledger.erase(&part(400).digest()), Err(LedgerError::NoSuchPart(_))));
    let found = verified(&ledger);
    assert_eq!((but_silent(&found.faults), found.faults.len()), (vec![], 6));
    assert_eq!((found.erased, found.unreferenced), (6, 0));
    ledger.close().unwrap();
    let ledger = open(dir.path());
    assert_eq!(verified(&ledger).erased, 6);
    for part in unsealed.iter().chain(&sealed) {
        assert_eq!(ledger.part(&part.digest()).unwrap(), None);
        walk(dir.path(), &mut |path, bytes| {
            let salted = bytes.windows(16).any(|window| window == &part.salted()[..16]);
            assert!(!salted, "{} still holds it", path.display());
        });
    }
    grow(&ledger, 200);
    for sequence in (3..200).filter(|at| ![1, 5, 99, 2, 18, 62].contains(at) && at % 10 != 0) {
        assert!(ledger.part(&part(sequence).digest()).unwrap().is_some(), "{sequence}");
    }
}

#[test]
fn a_backup_under_load_is_a_prefix() {
    let dir = tempfile::tempdir().unwrap();
    let background = Background::Thread { every: std::time::Duration::from_millis(1) };
    let ledger = Ledger::open(dir.path(), Options { pack_entries: 32, background, ..options() }).unwrap();
    grow(&ledger, 100);
    ledger.checkpoint().unwrap();
    let copies = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| grow(&ledger, 3000));
        let mut sizes = Vec::new();
        while !writer.is_finished() || sizes.is_empty() {
            let to = copies.path().join(sizes.len().to_string());
            let head = ledger.backup(&to).unwrap();
            let copy = Ledger::<Tally>::open(&to, Options { access: Access::ReadOnly, ..options() }).unwrap();
            assert_eq!(copy.head(), head);
            assert_eq!(verified(&copy).faults, Vec::<String>::new());
            sizes.push(head);
        }
        let newest = ledger.head();
        for head in sizes {
            let proof = ledger.consistency_proof(head.size, newest.size).unwrap();
            assert!(is_consistent(head.size, &head.root, newest.size, &newest.root, &proof));
        }
    });
    assert!(matches!(ledger.backup(&copies.path().join("0")), Err(LedgerError::BackupTarget(_))));
}

#[test]
fn a_rollup_that_an_entry_names_must_be_there() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    grow(&ledger, 3);
    let day = crate::domain::LocalDay(20_514);
    let rollup = ledger.write_rollup("UTC", day, b"counts").unwrap();
    let at = crate::domain::Timestamp::EPOCH;
    let closed = serde_json::json!({
        "v": 1, "at": at, "kind": "day-closed", "zone": 0, "day": day, "until": at, "rollup": rollup,
    });
    let entries = vec![serde_json::from_value(closed).unwrap()];
    ledger.commit(Batch { entries, ..Batch::default() }).unwrap();
    assert_eq!((verified(&ledger).rollups, verified(&ledger).faults.len()), (1, 0));
    walk(&dir.path().join("rollups/UTC"), &mut |path, _| fs::write(path, b"Counts").unwrap());
    let faults = verified(&ledger).faults;
    assert!(faults[0].starts_with("entry 3 closes a day with the rollup sha256:"), "{faults:?}");
}

#[test]
fn snapshots_are_the_newest_two() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    for size in [70, 140, 210, 280] {
        grow(&ledger, size);
        ledger.settle().unwrap();
    }
    let mut names: Vec<_> = fs::read_dir(dir.path().join("packs"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".snapshot"))
        .collect();
    names.sort();
    assert_eq!(names, ["0000000000000210.snapshot", "0000000000000280.snapshot"]);
}

pub(super) fn walk(dir: &std::path::Path, each: &mut dyn FnMut(&std::path::Path, &[u8])) {
    for file in fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() { walk(&path, each) } else { each(&path, &fs::read(&path).unwrap()) }
    }
}
