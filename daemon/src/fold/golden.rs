//! Golden ledgers of released versions, folded: what their entries add up to stays what it was.
//!
//! Beside each lies `NAME.folded`: the number of its entries and their digest, the number of the fold, and for each
//! table of the state (the first word of its rows' keys) the number of rows and their digest. `tests/golden/README.md`
//! says when it may be written anew, and how.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use super::*;
use crate::{
    domain::{Digest, Entry},
    ledger::{Background, Batch, Fold, Ledger, Options, Store as _},
};

const AGAIN: &str = "UPDATE_GOLDEN=1 cargo test -p evidenced --lib fold::golden";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name)
}

/// The ledger that has an entry of every kind.
fn entries_v1() -> Vec<Vec<u8>> {
    let text = fs::read_to_string(golden("entries-v1.jsonl")).unwrap();
    text.lines().map(|line| line.as_bytes().to_vec()).collect()
}

fn parsed(entries: &[Vec<u8>]) -> impl Iterator<Item = Entry> {
    entries.iter().map(|bytes| Entry::from_bytes(bytes).unwrap())
}

fn folded(entries: &[Vec<u8>]) -> State {
    let mut state = State::default();
    (0..).zip(parsed(entries)).for_each(|(sequence, entry)| state.apply(sequence, &entry));
    state
}

/// What `NAME.folded` holds.
#[derive(Debug, PartialEq)]
struct Folded {
    entries: usize,
    /// Of all entries, a newline behind each.
    digest: Digest,
    fold: u32,
    tables: BTreeMap<String, (usize, Digest)>,
}

impl Folded {
    fn of(entries: &[Vec<u8>], state: &State) -> Self {
        let tables = tables(state)
            .into_iter()
            .map(|(name, rows)| (name, (rows.len(), digest_of(rows.iter().map(String::as_bytes)))));
        Self {
            entries: entries.len(),
            digest: digest_of(entries.iter().map(Vec::as_slice)),
            fold: VERSION,
            tables: tables.collect(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let (entries, fold) = (lines.next()?, lines.next()?);
        let (["entries", count, digest], ["fold", fold]) = (&entries[..], &fold[..]) else { return None };
        let table = |words: Vec<&str>| match words[..] {
            [name, rows, digest] => Some((name.to_owned(), (rows.parse().ok()?, digest.parse().ok()?))),
            _ => None,
        };
        Some(Self {
            entries: count.parse().ok()?,
            digest: digest.parse().ok()?,
            fold: fold.parse().ok()?,
            tables: lines.map(table).collect::<Option<_>>()?,
        })
    }

    fn to_text(&self) -> String {
        let mut text = format!("entries {} {}\nfold {}\n", self.entries, self.digest, self.fold);
        for (name, (rows, digest)) in &self.tables {
            writeln!(text, "{name} {rows} {digest}").unwrap();
        }
        text
    }
}

/// A newline behind each line.
fn digest_of<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Digest {
    let mut text = Vec::new();
    for line in lines {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    Digest::of(&text)
}

/// Rows as text, key and value, by table.
fn tables(state: &State) -> BTreeMap<String, Vec<String>> {
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, value) in Fold::rows(state) {
        let row = format!("{} {}", String::from_utf8(key).unwrap(), String::from_utf8(value).unwrap());
        let name = row.split(' ').next().unwrap().to_owned();
        tables.entry(name).or_default().push(row);
    }
    tables
}

#[track_caller]
fn check(name: &str, entries: &[Vec<u8>]) {
    let state = folded(entries);
    let found = Folded::of(entries, &state);
    let path = golden(&format!("{name}.folded"));
    let kept = fs::read_to_string(&path).ok().and_then(|text| Folded::parse(&text));
    if let Some(kept) = &kept {
        if *kept == found {
            return;
        }
        let before = entries.get(..kept.entries).map(|first| digest_of(first.iter().map(Vec::as_slice)));
        assert_eq!(
            before,
            Some(kept.digest),
            "the first {} entries of {name} are others; only add to them",
            kept.entries
        );
        let differ: Vec<_> = kept.tables.iter().filter(|(table, was)| found.tables.get(*table) != Some(was)).collect();
        assert!(
            kept.fold != found.fold || kept.entries < found.entries,
            "the entries of {name} are what they were, and add up to something else: {differ:?}.\nIf that is a mistake, \
             mend it. If it is meant, raise `fold::VERSION`, so that no daemon goes on with rows of the old meaning, \
             and then: {AGAIN}\nThe rows now: {:#?}",
            differ.iter().flat_map(|(table, _)| tables(&state).remove(*table)).flatten().collect::<Vec<_>>(),
        );
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, found.to_text()).unwrap();
        return;
    }
    panic!("{} is not of these entries and this fold. If both are as they should be: {AGAIN}", path.display());
}

#[test]
fn the_ledger_with_every_kind_of_entry_adds_up_to_what_it_always_did() {
    let entries = entries_v1();
    check("entries-v1", &entries);
    let names: Vec<_> = tables(&folded(&entries)).into_keys().collect();
    let every = "alert control day dead-letter erased exception exclusion head held life mailbox outage proposal rollup silence \
                 subjects window";
    assert_eq!(names.join(" "), every, "each table has a row, so that each is held to its form");
}

#[test]
fn the_ledger_on_disk_of_format_1_adds_up_to_what_it_always_did() {
    let options = Options::read_only("test.example/log");
    let ledger = Ledger::<State>::open(&golden("ledger-v1"), options).unwrap();
    let entries: Vec<Vec<u8>> = ledger.entries(0..u64::MAX).map(|read| read.unwrap().1).collect();
    check("ledger-v1", &entries);
    let mut found = ledger.state().clone();
    found.take_changes();
    let mut expected = folded(&entries);
    expected.take_changes();
    assert_eq!(found, expected);
}

/// Before a view is written, from it, from a snapshot, and from entry 0.
#[test]
fn a_ledger_comes_to_the_same_tables_wherever_it_takes_them_from() {
    let entries = entries_v1();
    let expected = Folded::of(&entries, &folded(&entries));
    let dir = tempfile::tempdir().unwrap();
    let options =
        Options { pack_entries: 16, background: Background::OnDemand, ..Options::new("example.test/evidenced") };
    let ledger = Ledger::<State>::open(dir.path(), options.clone()).unwrap();
    for some in parsed(&entries).collect::<Vec<_>>().chunks(7) {
        ledger.commit(Batch { entries: some.to_vec(), ..Batch::default() }).unwrap();
        ledger.settle().unwrap();
    }
    let looks = |ledger: &Ledger<State>, from: &str| {
        let read: Vec<Vec<u8>> = ledger.entries(0..u64::MAX).map(|read| read.unwrap().1).collect();
        assert_eq!(Folded::of(&read, &ledger.state()), expected, "{from}");
    };
    looks(&ledger, "as it was written");
    ledger.close().unwrap();
    let reopened = |from: &str| {
        let ledger = Ledger::<State>::open(dir.path(), options.clone()).unwrap();
        looks(&ledger, from);
        ledger.close().unwrap();
    };
    reopened("from the view");
    fs::remove_dir_all(dir.path().join("view")).unwrap();
    reopened("from a snapshot");
    fs::remove_dir_all(dir.path().join("view")).unwrap();
    let files = fs::read_dir(dir.path().join("packs")).unwrap().map(|file| file.unwrap().path());
    let snapshots: Vec<_> = files.filter(|file| file.extension().is_some_and(|end| end == "snapshot")).collect();
    assert!(!snapshots.is_empty());
    snapshots.iter().for_each(|file| fs::remove_file(file).unwrap());
    reopened("from entry 0");
}
