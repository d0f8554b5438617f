//! What every store must do, as one function.

use super::fixture::*;
use crate::ledger::*;

fn conforms(store: &dyn Store<Tally>) {
    // Empty.
    let empty = store.head();
    assert_eq!((empty.size, hex::encode(empty.root).as_str()), (0, EMPTY_ROOT));
    assert!(matches!(store.commit(Batch::default()), Err(LedgerError::EmptyBatch)));
    assert_eq!(store.entries(0..9).count(), 0);

    // A commit is numbered, readable, folded.
    let receipt = store.commit(batch(0, 3)).unwrap();
    assert_eq!((receipt.first, receipt.count), (0, 3));
    assert_eq!(store.sequenced(&receipt), Some(store.head()));
    let read: Vec<_> = store.entries(1..9).map(|entry| entry.unwrap().0).collect();
    assert_eq!(read, [1, 2]);
    assert_eq!(store.state().control_version(&control(1)), 1);
    assert_eq!(store.part(&part(1).digest()).unwrap().as_deref(), Some(part(1).content()));
    assert_eq!(store.part(&part(4).digest()).unwrap(), None);

    // A batch that was judged on an old version of a control is refused whole; others are not.
    let mut stale = batch(3, 1);
    stale.expect = vec![(control(2), 1), (control(1), 0)];
    match store.commit(stale.clone()) {
        Err(LedgerError::Stale { control: stale, expected: 0, found: 1 }) => assert_eq!(stale, control(1)),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.head(), receipt.head);
    stale.expect = vec![(control(1), 1), (control(4), 0)];
    store.commit(stale).unwrap();

    // An entry that is too long is refused, and named.
    let mut long = batch(4, 2);
    long.entries[1].event = crate::domain::Event::DaemonStarted { software: "x".repeat(5000) };
    assert!(matches!(store.commit(long), Err(LedgerError::Entry { sequence: 5, .. })));

    // Proofs, for every size.
    let mut heads = vec![empty, Head { size: 3, ..receipt.head }, store.head()];
    for count in [1, 2, 70, 5, 200, 1] {
        heads.push(store.commit(batch(store.head().size, count)).unwrap().head);
    }
    let newest = store.head();
    for head in &heads {
        let proof = store.consistency_proof(head.size, newest.size).unwrap();
        assert!(is_consistent(head.size, &head.root, newest.size, &newest.root, &proof), "{}", head.size);
    }
    for sequence in 0..newest.size {
        let proof = store.inclusion_proof(sequence, newest.size).unwrap();
        let leaf = leaf_hash(&entry(sequence).to_bytes().unwrap());
        assert!(includes(&leaf, sequence, newest.size, &proof, &newest.root), "{sequence}");
    }
    assert!(matches!(store.inclusion_proof(newest.size, newest.size), Err(LedgerError::OutOfRange { .. })));
    assert!(matches!(store.consistency_proof(1, newest.size + 1), Err(LedgerError::OutOfRange { .. })));
}

#[test]
fn the_embedded_store_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    conforms(&ledger);
    check(&ledger, ledger.head().size);
}

#[test]
fn it_conforms_while_its_own_thread_seals() {
    let dir = tempfile::tempdir().unwrap();
    let background = Background::Thread { every: std::time::Duration::from_millis(1) };
    let ledger = Ledger::open(dir.path(), Options { pack_entries: 16, background, ..options() }).unwrap();
    conforms(&ledger);
    let size = ledger.head().size;
    check(&ledger, size);
    ledger.close().unwrap();
    check(&open(dir.path()), size);
}

const EMPTY_ROOT: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
