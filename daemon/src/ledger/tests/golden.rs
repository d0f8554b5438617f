//! A ledger of format 1 as the first release wrote it, and a reader that was written from FORMAT.md alone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::{fixture::*, sealing::walk};
use crate::ledger::*;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden")
}

fn small() -> Options {
    Options { pack_entries: 16, view: ViewPlace::Nowhere, ..options() }
}

/// Two packs, a journal, parts of every kind, some of them erased.
fn build(dir: &Path) {
    let ledger = Ledger::open(dir, small()).unwrap();
    grow(&ledger, 20);
    ledger.settle().unwrap();
    ledger.erase(&part(3).digest()).unwrap();
    grow(&ledger, 40);
    // Both are files: one is erased from the journal, and one from a segment.
    ledger.erase(&part(18).digest()).unwrap();
    ledger.settle().unwrap();
    ledger.erase(&part(31).digest()).unwrap();
    ledger.erase(&part(39).digest()).unwrap();
    ledger.checkpoint().unwrap();
    ledger.close().unwrap();
    // The key and the lock are no part of what is read, and the state is derived.
    fs::remove_file(dir.join("key")).unwrap();
    fs::remove_file(dir.join("lock")).unwrap();
    walk(dir, &mut |path, _| {
        if path.extension().is_some_and(|extension| extension == "snapshot" || extension == "slots") {
            fs::remove_file(path).unwrap();
        }
    });
}

#[test]
fn the_golden_ledger_is_read_and_what_is_written_today_is_the_same() {
    let kept = golden().join("ledger-v1");
    let dir = tempfile::tempdir().unwrap();
    let today = dir.path().join("ledger");
    build(&today);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        drop(fs::remove_dir_all(&kept));
        walk(&today, &mut |path, bytes| {
            let to = kept.join(path.strip_prefix(&today).unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::write(to, bytes).unwrap();
        });
    }
    let ledger = Ledger::<Tally>::open(&kept, Options { access: Access::ReadOnly, ..small() }).unwrap();
    check_but(&ledger, 40, &[3, 18, 31, 39]);
    let found = ledger.verify(Depth::Refold, &Progress::unwatched).unwrap();
    // Its entries are those of all these tests, and none of them tells an erasure.
    let silent = [3, 18, 31, 39].map(|entry| {
        format!("part {}, which entry {entry} names, was erased, and no entry says so", part(entry).digest())
    });
    assert_eq!(found.faults, silent);
    // Another edition of the compressor may write other blocks; what is not compressed is the same to the byte.
    walk(&kept, &mut |path, bytes| {
        if !path.extension().is_some_and(|extension| extension == "pack" || extension == "segment") {
            let same = fs::read(today.join(path.strip_prefix(&kept).unwrap())).unwrap();
            assert!(same == bytes, "{} is written otherwise now", path.display());
        }
    });
}

/// What the reader says of a ledger, or of entries as lines.
fn read(path: &Path) -> Output {
    Command::new("python3").arg(golden().join("read_ledger.py")).arg(path).output().unwrap()
}

#[track_caller]
fn answer(output: &Output) -> serde_json::Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_reader_written_from_the_description_alone_agrees() {
    let kept = golden().join("ledger-v1");
    let found = answer(&read(&kept));
    let ledger = Ledger::<Tally>::open(&kept, Options { access: Access::ReadOnly, ..small() }).unwrap();
    let ours = ledger.verify(Depth::Stored, &Progress::unwatched).unwrap();
    assert_eq!(
        found,
        serde_json::json!({
            "entries": ours.head.size,
            "root": hex::encode(ours.head.root),
            "kinds": ["daemon-started", "ledger-opened", "run"],
            "checkpoint": ours.checkpoint.unwrap().size,
            "parts": ours.parts,
            "erased": ours.erased,
        })
    );
    // And it notices.
    let copy = tempfile::tempdir().unwrap();
    walk(&kept, &mut |path, bytes| {
        let to = copy.path().join(path.strip_prefix(&kept).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, bytes).unwrap();
    });
    let note = fs::read_to_string(copy.path().join("checkpoint")).unwrap();
    fs::write(copy.path().join("checkpoint"), note.replace("\n40\n", "\n39\n")).unwrap();
    assert!(String::from_utf8_lossy(&read(copy.path()).stderr).contains("checkpoint: signature"));
}

#[test]
fn the_reader_agrees_that_every_kind_of_entry_is_canonical() {
    let lines = golden().join("entries-v1.jsonl");
    let found = answer(&read(&lines));
    let text = fs::read_to_string(&lines).unwrap();
    let leaves: Vec<Hash> = text.lines().map(|line| leaf_hash(line.as_bytes())).collect();
    assert_eq!(found["entries"], leaves.len());
    assert_eq!(found["root"], hex::encode(super::super::merkle::root_of(&leaves)));
    // And it notices.
    let dir = tempfile::tempdir().unwrap();
    for (right, wrong) in [("\"at\":", "\"at\": "), ("\"v\":1", "\"v\":1.0"), ("{\"at\"", "{\"b\":1,\"at\"")] {
        let other = dir.path().join("other.jsonl");
        fs::write(&other, text.replacen(right, wrong, 1)).unwrap();
        assert_eq!(read(&other).status.code(), Some(1), "{wrong}");
    }
}
