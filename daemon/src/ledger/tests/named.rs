//! Parts that are not there, or not as entries say.

use std::{fs, path::Path};

use super::{
    super::{frame, journal::JOURNAL_HEADER_BYTES},
    fixture::*,
    sealing::walk,
};
use crate::{domain::Digest, ledger::*};

fn small() -> Options {
    Options { pack_entries: 16, ..options() }
}

fn faults(ledger: &Ledger<Tally>) -> Vec<String> {
    ledger.verify(Depth::Stored, &Progress::unwatched).unwrap().faults
}

fn missing(entry: u64) -> String {
    format!("entry {entry} names part {}, which is missing, and no entry says it was erased", part(entry).digest())
}

fn silent(entry: u64) -> String {
    format!("part {}, which entry {entry} names, was erased, and no entry says so", part(entry).digest())
}

/// Two packs, and a journal.
fn grown(dir: &Path) -> Ledger<Tally> {
    let ledger = Ledger::open(dir, small()).unwrap();
    grow(&ledger, 38);
    ledger.settle().unwrap();
    assert_eq!(faults(&ledger), Vec::<String>::new());
    ledger
}

#[test]
fn a_part_that_did_not_come_with_its_entry_is_missing_in_the_journal_and_in_a_pack() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = grown(dir.path());
    ledger.commit(Batch { parts: vec![part(38)], ..batch(38, 2) }).unwrap();
    assert_eq!(faults(&ledger), [missing(39)]);
    // It may come before its entry, with another one.
    ledger.commit(Batch { parts: vec![part(41), part(44), part(46)], ..batch(40, 2) }).unwrap();
    ledger.commit(Batch { parts: Vec::new(), ..batch(42, 3) }).unwrap();
    let told = [missing(39), missing(42), missing(43)];
    assert_eq!(faults(&ledger), told);
    grow(&ledger, 46);
    ledger.commit(Batch { parts: Vec::new(), ..batch(46, 1) }).unwrap();
    grow(&ledger, 64);
    ledger.settle().unwrap();
    assert_eq!(faults(&ledger), told);
}

#[test]
fn a_segment_that_was_taken_away_is_told_by_the_entries_that_name_its_parts() {
    let dir = tempfile::tempdir().unwrap();
    grown(dir.path()).close().unwrap();
    let mut segments = Vec::new();
    walk(&dir.path().join("evidence"), &mut |path, _| segments.push(path.to_owned()));
    let aside = dir.path().join("aside");
    let mut told = Vec::new();
    for segment in segments {
        fs::rename(&segment, &aside).unwrap();
        let ledger = Ledger::open(dir.path(), small()).unwrap();
        let faults = faults(&ledger);
        assert!(!faults.is_empty() && faults.iter().all(|fault| fault.contains("which is missing")), "{faults:?}");
        told.extend(faults);
        ledger.close().unwrap();
        fs::rename(&aside, &segment).unwrap();
    }
    for entry in (0..32).filter(|entry| entry % 10 != 0) {
        assert_eq!(told.iter().filter(|fault| **fault == missing(entry)).count(), 1, "entry {entry}");
    }
    // One that cannot be read holds nobody knows what: it is told, and not each of its parts.
    let mut segments = Vec::new();
    walk(&dir.path().join("evidence"), &mut |path, _| segments.push(path.to_owned()));
    fs::write(&segments[0], b"").unwrap();
    let ledger = Ledger::open(dir.path(), small()).unwrap();
    assert_eq!(faults(&ledger).len(), 1, "{:?}", faults(&ledger));
}

#[test]
fn an_erasure_is_told_until_an_entry_says_it_too() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = grown(dir.path());
    // In a segment, a file of a segment, in the journal, and a file of the journal.
    grow(&ledger, 46);
    let erased = [2, 18, 37, 44];
    assert!(part(18).content().len() > 65_536 && part(44).content().len() > 65_536);
    for entry in erased {
        ledger.erase(&part(entry).digest()).unwrap();
    }
    assert_eq!(faults(&ledger), erased.map(silent));
    tell_erased(&ledger, &erased.map(|entry| part(entry).digest()));
    assert_eq!(faults(&ledger), Vec::<String>::new());
    ledger.settle().unwrap();
    ledger.close().unwrap();
    let ledger = Ledger::open(dir.path(), small()).unwrap();
    assert_eq!(faults(&ledger), Vec::<String>::new());
    // A file that comes back, from a backup perhaps.
    let digest = part(18).digest();
    let file = dir.path().join("parts").join(&digest.to_hex()[..2]).join(digest.to_hex());
    fs::write(&file, b"salt and content").unwrap();
    let told = format!("`{}`: part {digest} is marked as erased, and its file is there", file.display());
    assert_eq!(faults(&ledger), [told]);
}

#[test]
fn a_part_that_entries_say_was_erased_is_told_where_it_still_is() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = grown(dir.path());
    grow(&ledger, 46);
    let still = [2, 18, 37, 44].map(|entry| part(entry).digest());
    tell_erased(&ledger, &still);
    let found = faults(&ledger);
    for (entry, part) in (46..).zip(still) {
        let told = format!("entry {entry} says that part {part} was erased, and it is still in ");
        assert_eq!(found.iter().filter(|fault| fault.starts_with(&told)).count(), 1, "{found:?}");
    }
    assert_eq!(found.len(), 4, "{found:?}");
    for part in still {
        ledger.erase(&part).unwrap();
    }
    assert_eq!(faults(&ledger), Vec::<String>::new());
}

/// Another part takes the place of one, with a checksum that is right, as whoever can write to the folder can do.
#[test]
fn evidence_that_was_exchanged_is_not_what_its_entry_names() {
    let dir = tempfile::tempdir().unwrap();
    grown(dir.path()).close().unwrap();
    let forged = Part::with_salt([1; 16], b"all is well", EvidenceClass::Transcript);
    let is_wanted = |digest: &Digest| *digest == part(37).digest();
    let mut forgeries = 0;
    walk(&dir.path().join("journal"), &mut |path, bytes| {
        if path.extension().is_none_or(|extension| extension != "journal") {
            return;
        }
        let mut other = bytes[..JOURNAL_HEADER_BYTES].to_vec();
        let mut rest = &bytes[JOURNAL_HEADER_BYTES..];
        while !rest.is_empty() {
            let (number, payload) = frame::split(rest).unwrap();
            rest = &rest[frame::FRAME_HEADER_BYTES + payload.len()..];
            let frame = frame::decode(payload).unwrap();
            let entries: Vec<&[u8]> = frame.entries.iter().map(|range| &payload[range.clone()]).collect();
            let parts = frame.parts.iter().map(|old| match &old.place {
                frame::Place::Inline(_) if is_wanted(&old.digest) => {
                    forgeries += 1;
                    let (digest, place) = (forged.digest(), frame::PlaceToWrite::Inline(forged.salted()));
                    frame::PartToWrite { digest, class: old.class, len: forged.salted().len() as u32, place }
                }
                frame::Place::Inline(range) => {
                    let place = frame::PlaceToWrite::Inline(&payload[range.clone()]);
                    frame::PartToWrite { digest: old.digest, class: old.class, len: old.len, place }
                }
                _ => frame::PartToWrite {
                    digest: old.digest,
                    class: old.class,
                    len: old.len,
                    place: frame::PlaceToWrite::File,
                },
            });
            let parts: Vec<_> = parts.collect();
            other.extend(frame::encode(number, frame.first, &entries, &parts, &frame.frontier));
        }
        fs::write(path, other).unwrap();
    });
    assert_eq!(forgeries, 1);
    let read_only = Options { access: Access::ReadOnly, ..small() };
    let ledger = Ledger::<Tally>::open(dir.path(), read_only).unwrap();
    assert_eq!(faults(&ledger), [missing(37)]);
}
