//! How slots ended, by control: the same from files beside packs, from packs, and from the journal.

use std::{fs, ops::Range, path::Path};

use proptest::prelude::*;

use super::fixture::*;
use crate::{
    domain::{ControlId, Entry, Event, MissedReason, MissedSlots, SlotEntry, SlotTime, Timestamp},
    ledger::*,
};

/// What every entry says, one by one.
fn by_entries(ledger: &Ledger<Tally>, control: &ControlId, during: &Range<Timestamp>) -> Vec<SlotEntry> {
    let entries = ledger.entries(0..u64::MAX).map(Result::unwrap);
    let slots = entries.filter_map(|(sequence, bytes)| {
        let event = Entry::from_bytes(&bytes).unwrap().event;
        let found = SlotEntry::of(sequence, &event);
        assert_eq!(SlotEntry::from_bytes(sequence, &bytes).unwrap(), found, "entry {sequence}");
        found
    });
    let of_control = slots.filter(|(of, _)| of == control).map(|(_, entry)| entry);
    of_control.filter(|entry| entry.span().0.0 < during.end && during.start <= entry.span().1.0).collect()
}

/// From far before to far after, and all between.
fn times() -> Vec<Range<Timestamp>> {
    let at = |sequence: u64| entry(sequence).at;
    vec![Timestamp::ever(), at(0)..at(1), at(70)..at(71), at(60)..at(130), at(190)..at(5000), at(7)..at(3)]
}

#[track_caller]
fn check_slots(ledger: &Ledger<Tally>) {
    for number in 0..6 {
        let control = control(number);
        for during in times() {
            let expected = by_entries(ledger, &control, &during);
            let mut found: Vec<_> = read(ledger, &control, &during, SlotOrder::OldestFirst);
            assert_eq!(found, expected, "{control} {during:?}");
            found.reverse();
            assert_eq!(read(ledger, &control, &during, SlotOrder::NewestFirst), found, "{control} {during:?}");
        }
    }
}

fn read(ledger: &Ledger<Tally>, control: &ControlId, during: &Range<Timestamp>, order: SlotOrder) -> Vec<SlotEntry> {
    ledger.slots(control, during.clone(), order).unwrap().map(Result::unwrap).collect()
}

/// A stretch that begins long before its entry.
fn missed(ledger: &Ledger<Tally>) {
    let at = |sequence: u64| SlotTime(entry(sequence).at);
    let event = Event::Missed(MissedSlots {
        control: control(2),
        version: 3,
        reason: MissedReason::DiskFull,
        from: at(20),
        to: at(75),
        count: 56,
        days: Vec::new(),
    });
    let last = ledger.head().size - 1;
    let entries = vec![Entry::new(entry(last).at, event)];
    ledger.commit(Batch { entries, parts: Vec::new(), expect: Vec::new() }).unwrap();
}

fn slot_files(dir: &Path) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(dir.join("packs")).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|kind| kind == "slots")).collect();
    files.sort();
    files
}

/// Three packs and a journal, with a stretch in the last pack.
fn grown(dir: &Path) -> Ledger<Tally> {
    let ledger = open(dir);
    check_slots(&ledger);
    grow(&ledger, 150);
    check_slots(&ledger);
    missed(&ledger);
    grow_on(&ledger, 60);
    ledger
}

/// The fixture's entries at other places.
fn grow_on(ledger: &Ledger<Tally>, count: u64) {
    let from = ledger.head().size;
    (from..from + count).for_each(|sequence| assert_eq!(ledger.commit(batch(sequence, 1)).unwrap().first, sequence));
}

#[test]
fn slots_are_those_of_the_entries_wherever_they_lie() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = grown(dir.path());
    check_slots(&ledger);
    ledger.settle().unwrap();
    assert_eq!(slot_files(dir.path()).len(), 3);
    check_slots(&ledger);
    grow_on(&ledger, 200);
    check_slots(&ledger);
    ledger.close().unwrap();
    let reader = Ledger::<Tally>::open(dir.path(), Options { access: Access::ReadOnly, ..options() }).unwrap();
    check_slots(&reader);
}

#[test]
fn a_file_of_slots_that_is_gone_or_damaged_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = grown(dir.path());
    ledger.settle().unwrap();
    ledger.close().unwrap();
    let files = slot_files(dir.path());
    let whole: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();

    fs::remove_file(&files[0]).unwrap();
    let mut damaged = whole[1].clone();
    damaged[60] ^= 1;
    fs::write(&files[1], &damaged).unwrap();
    // It checks, and is that of another pack.
    fs::write(&files[2], &whole[0]).unwrap();
    let reader = Ledger::<Tally>::open(dir.path(), Options { access: Access::ReadOnly, ..options() }).unwrap();
    check_slots(&reader);
    drop(reader);

    let ledger = open(dir.path());
    check_slots(&ledger);
    for _ in 0..3 {
        ledger.settle().unwrap();
    }
    check_slots(&ledger);
    let again: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(again == whole, "they are made of the same entries");
}

#[test]
fn a_file_of_slots_that_lies_is_found_by_folding_again() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = grown(dir.path());
    ledger.settle().unwrap();
    let verified = |depth| ledger.verify(depth, &Progress::unwatched).unwrap().faults;
    assert_eq!(verified(Depth::Refold), Vec::<String>::new());
    let files = slot_files(dir.path());
    fs::remove_file(&files[1]).unwrap();
    assert_eq!(verified(Depth::Refold), Vec::<String>::new(), "it is derived, and may be missing");

    // Made well, of the right pack, and without the slots of one control.
    super::super::slot_index::write_without(&ledger, 2, &control(3));
    assert_eq!(verified(Depth::Stored), Vec::<String>::new());
    let faults = verified(Depth::Refold);
    assert!(matches!(&faults[..], [fault] if fault.contains("0000000002.slots`: it does not say")), "{faults:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn slots_are_those_of_the_entries_after_any_history(
        acts in prop::collection::vec((0_u8..4, 1_u64..40), 1..12),
        asked: bool,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = open(dir.path());
        for (act, count) in acts {
            match act {
                0 => ledger.settle().unwrap(),
                1 => {
                    ledger.close().unwrap();
                    ledger = open(dir.path());
                }
                2 if ledger.head().size > 80 => missed(&ledger),
                _ => grow_on(&ledger, count),
            }
            if asked {
                check_slots(&ledger);
            }
        }
        check_slots(&ledger);
    }
}
