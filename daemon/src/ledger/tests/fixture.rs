//! A small fold, entries of several kinds, and a ledger in a folder that goes away.

use std::collections::BTreeMap;

use crate::{
    domain::{ControlId, Digest, Entry, Event, Timestamp},
    ledger::*,
};

/// How often each control ran, and its last outcome; a row a control, and one that grows for ever.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Tally {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    changed: BTreeMap<Vec<u8>, ()>,
}

impl Fold for Tally {
    const VERSION: u32 = 1;

    fn empty() -> Self {
        Self::default()
    }

    fn apply(&mut self, sequence: u64, entry: &Entry) {
        let key = match &entry.event {
            Event::Run(run) => run.control.as_str().as_bytes().to_vec(),
            _ => b"other".to_vec(),
        };
        let row = self.rows.entry(key.clone()).or_insert_with(|| vec![0; 16]);
        let count = u64::from_le_bytes(row[..8].try_into().unwrap()) + 1;
        row[..8].copy_from_slice(&count.to_le_bytes());
        row[8..16].copy_from_slice(&sequence.to_le_bytes());
        // A row over the limit of one value of the view, now and then shorter again.
        row.resize(16 + (count as usize * 37) % 9000, sequence as u8);
        self.changed.insert(key, ());
        // Rows that come and go.
        let passing = sequence.to_be_bytes().to_vec();
        self.rows.insert(passing.clone(), entry.at.as_millis().to_le_bytes().to_vec());
        self.changed.insert(passing, ());
        if let Some(gone) = sequence.checked_sub(20) {
            self.rows.remove(&gone.to_be_bytes()[..]);
            self.changed.insert(gone.to_be_bytes().to_vec(), ());
        }
    }

    fn control_version(&self, control: &ControlId) -> u64 {
        self.rows.get(control.as_str().as_bytes()).map_or(0, |row| u64::from_le_bytes(row[..8].try_into().unwrap()))
    }

    fn take_changes(&mut self) -> Vec<Row> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_keys().map(|key| Row { value: self.rows.get(&key).cloned(), key }).collect()
    }

    fn rows(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.rows.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    fn load(rows: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Self, String> {
        Ok(Self { rows: rows.into_iter().collect(), changed: BTreeMap::new() })
    }
}

pub(super) const ORIGIN: &str = "test.example/log";

pub(super) fn options() -> Options {
    Options { pack_entries: 64, background: Background::OnDemand, key_seed: Some([7; 32]), ..Options::new(ORIGIN) }
}

pub(super) fn open(dir: &std::path::Path) -> Ledger<Tally> {
    Ledger::open(dir, options()).unwrap()
}

/// The entry that stands at `sequence` of every ledger of these tests.
pub(super) fn entry(sequence: u64) -> Entry {
    let at = Timestamp::from_millis(1_772_000_000_000 + sequence as i64 * 60_000);
    if sequence == 0 {
        let key = hex::encode(NoteKey::from_seed(ORIGIN, &[7; 32]).verifier().public_key());
        return Entry::new(at, Event::LedgerOpened { origin: ORIGIN.to_owned(), key });
    }
    if sequence.is_multiple_of(10) {
        return Entry::new(at, Event::DaemonStarted { software: "0.1.0".to_owned() });
    }
    // From JSON, as it is read, so that a member that may be absent needs no mention.
    let run = serde_json::json!({
        "v": 1, "at": at, "kind": "run", "control": control(sequence), "version": 1, "slot": at, "now": at,
        "took_ms": sequence % 17, "late": false, "days": [20_514], "outcome": "pass", "incomplete": false,
        "population": 3, "seed_size": 1, "evidence": { "part": part(sequence).digest() },
        "counts": { "pass": 3, "fail": 0, "error": 0, "not_applicable": 0, "excluded": 0, "attention": 0 },
    });
    serde_json::from_value(run).unwrap()
}

pub(super) fn control(sequence: u64) -> ControlId {
    format!("SEC-{:02}", sequence % 5).parse().unwrap()
}

/// The part that comes with the run at `sequence`; each 13th is too large for the frame.
pub(super) fn part(sequence: u64) -> Part {
    let len = if sequence % 13 == 5 { 70_000 } else { 40 + sequence as usize % 90 };
    let class = EvidenceClass::ALL[sequence as usize % 3];
    let mut salt = [0; Part::SALT_BYTES];
    salt[..16].copy_from_slice(&Digest::of(&sequence.to_le_bytes()).0[..16]);
    Part::with_salt(salt, &vec![sequence as u8; len], class)
}

pub(super) fn batch(from: u64, count: u64) -> Batch {
    let entries: Vec<Entry> = (from..from + count).map(entry).collect();
    let runs = (from..from + count).filter(|sequence| matches!(entry(*sequence).event, Event::Run(_)));
    Batch { entries, parts: runs.map(part).collect(), expect: Vec::new() }
}

/// Appends until there are `size` entries, in batches of 1, 2, 3, …
pub(super) fn grow(ledger: &Ledger<Tally>, size: u64) {
    for count in (1..8).cycle() {
        let from = ledger.head().size;
        if from >= size {
            return;
        }
        ledger.commit(batch(from, count.min(size - from))).unwrap();
    }
}

/// Commits what the erasure of parts is told by.
pub(super) fn tell_erased(ledger: &Ledger<Tally>, parts: &[Digest]) {
    let at = entry(ledger.head().size).at;
    let entries = parts.iter().map(|part| Entry::new(at, Event::Erased { part: *part, left: None })).collect();
    ledger.commit(Batch { entries, ..Batch::default() }).unwrap();
}

/// Without what is said of erasures that no entry tells: in ledgers that hold the entries of these tests alone.
pub(super) fn but_silent(faults: &[String]) -> Vec<&String> {
    faults.iter().filter(|fault| !fault.ends_with("was erased, and no entry says so")).collect()
}

/// Everything that can be read is what was appended.
#[track_caller]
pub(super) fn check(ledger: &Ledger<Tally>, size: u64) {
    check_but(ledger, size, &[]);
}

/// The same, but the parts of some entries may have been erased.
#[track_caller]
pub(super) fn check_but(ledger: &Ledger<Tally>, size: u64, erased: &[u64]) {
    assert_eq!(ledger.head().size, size);
    let mut state = Tally::empty();
    let mut leaves = Vec::new();
    for (sequence, read) in (0..).zip(ledger.entries(0..u64::MAX)) {
        let (found, bytes) = read.unwrap();
        assert_eq!((found, &bytes), (sequence, &entry(sequence).to_bytes().unwrap()));
        state.apply(sequence, &entry(sequence));
        leaves.push(leaf_hash(&bytes));
        if let Event::Run(_) = entry(sequence).event {
            let (part, found) = (part(sequence), ledger.part(&part(sequence).digest()).unwrap());
            let is_erased = found.is_none() && erased.contains(&sequence);
            assert!(is_erased || found.as_deref() == Some(part.content()), "part of {sequence}");
        }
    }
    assert_eq!(leaves.len() as u64, size);
    assert_eq!(ledger.head().root, super::super::merkle::root_of(&leaves));
    assert_eq!(ledger.state().rows(), state.rows());
}
