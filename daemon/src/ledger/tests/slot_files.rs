//! Files of slots: what is put in comes out, and nothing else.

use proptest::prelude::*;

use crate::{
    domain::{EventInterval, MissedReason, Outcome, RanSlot, RunReason, SlotEnd, SlotEntry, SlotTime, Timestamp},
    ledger::{
        Hash, LedgerError, RealDisk,
        slots::{PackSlots, SlotTable, build, file_name, is_within},
    },
};

fn ran() -> impl Strategy<Value = SlotEnd> {
    let reasons = vec![None, Some(RunReason::Denied), Some(RunReason::LimitWall), Some(RunReason::FindingErrors)];
    let outcomes = vec![Outcome::Pass, Outcome::Fail, Outcome::NotApplicable, Outcome::Error];
    let slot = prop_oneof![Just(60_000), any::<i64>()];
    let interval = prop::option::of((prop_oneof![Just(60_000), any::<i64>()], any::<i64>()));
    (slot, 0_u8..8, prop::sample::select(outcomes), prop::sample::select(reasons), 0_u32..3, any::<bool>(), interval)
        .prop_map(|(slot, flags, outcome, reason, failing, many, interval)| {
            SlotEnd::Ran(RanSlot {
                slot: SlotTime(Timestamp::from_millis(slot)),
                late: flags & 1 != 0,
                by_hand: flags & 2 != 0,
                outcome,
                reason,
                clock_in_doubt: flags & 4 != 0,
                population: if many { u32::MAX } else { 48 },
                failing,
                interval: interval.map(|(from, until)| EventInterval {
                    from: Timestamp::from_millis(from),
                    until: Timestamp::from_millis(until),
                }),
            })
        })
}

fn stretch() -> impl Strategy<Value = SlotEnd> {
    (any::<i64>(), any::<i64>(), any::<u64>(), prop::sample::select(&MissedReason::ALL[..])).prop_map(
        |(from, to, count, reason)| {
            let slot = |millis| SlotTime(Timestamp::from_millis(millis));
            SlotEnd::Missed { from: slot(from), to: slot(to), count, reason }
        },
    )
}

fn tables() -> impl Strategy<Value = SlotTable> {
    let one = (0_usize..40, 0_u32..3, prop_oneof![8 => ran(), 1 => stretch()], 1_u64..500);
    prop::collection::vec(one, 0..400).prop_map(|entries| {
        let mut table = SlotTable::new();
        let mut sequence = FIRST;
        for (control, version, end, step) in entries {
            sequence += step;
            let control = format!("AVL-01/model-{control:02}").parse().unwrap();
            table.entry(control).or_default().push(SlotEntry { sequence, version, end });
        }
        table
    })
}

const FIRST: u64 = 1 << 20;
const ROOT: Hash = [7; 32];

fn opened(bytes: &[u8], root: &Hash) -> Result<Option<PackSlots>, LedgerError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(file_name(16));
    std::fs::write(&path, bytes).unwrap();
    PackSlots::open(&RealDisk, &path, root)
}

proptest! {
    #[test]
    fn what_was_put_in_comes_out(table in tables(), from: i64, to: i64) {
        let slots = opened(&build(1, FIRST, 1 << 16, &ROOT, &table), &ROOT).unwrap().unwrap();
        prop_assert_eq!(slots.table().unwrap(), table.clone());
        let during = Timestamp::from_millis(from.min(to))..Timestamp::from_millis(from.max(to));
        for during in [Timestamp::ever(), during] {
            for (control, entries) in &table {
                let wanted: Vec<_> = entries.iter().filter(|entry| is_within(entry, &during)).cloned().collect();
                prop_assert_eq!(slots.of(control, &during).unwrap(), wanted);
            }
        }
        prop_assert!(slots.of(&"ZZZ-01".parse().unwrap(), &Timestamp::ever()).unwrap().is_empty());
        prop_assert!(slots.of(&"AAA-01".parse().unwrap(), &Timestamp::ever()).unwrap().is_empty());
    }

    #[test]
    fn a_flipped_bit_is_never_taken_for_slots(table in tables(), at: prop::sample::Index, bit in 0_u8..8) {
        let mut bytes = build(1, FIRST, 1 << 16, &ROOT, &table);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let read = opened(&bytes, &ROOT).and_then(|slots| slots.map(|slots| slots.table()).transpose());
        // The digest of the whole is not read: a flip in it changes nothing.
        let is_unread = bytes.len() - at <= 40 && at < bytes.len() - 8;
        prop_assert!(read.is_err() || is_unread && read.is_ok_and(|read| read == Some(table)));
    }
}

#[test]
fn the_slots_of_another_pack_are_none() {
    let bytes = build(1, FIRST, 1 << 16, &ROOT, &SlotTable::new());
    assert!(opened(&bytes, &ROOT).unwrap().unwrap().span.is_none());
    assert!(opened(&bytes, &[8; 32]).unwrap().is_none());
}

/// 500 controls that pass every minute, started in an order that changes a little.
#[test]
fn a_run_of_a_regular_control_takes_little_more_than_a_byte() {
    let mut table = SlotTable::new();
    for sequence in 0..65_536_u64 {
        let (minute, place) = (sequence / 500, sequence % 500);
        let control = (place * 7 + minute * 13) % 500;
        let control = format!("AVL-01/model-{:03}", if place % 5 == 0 { control } else { place }).parse().unwrap();
        let slot = SlotTime(Timestamp::from_millis(1_772_000_000_000 + minute as i64 * 60_000));
        let end = SlotEnd::Ran(RanSlot {
            slot,
            late: false,
            by_hand: false,
            outcome: Outcome::Pass,
            reason: None,
            clock_in_doubt: false,
            population: 1,
            failing: 0,
            interval: None,
        });
        table.entry(control).or_default().push(SlotEntry { sequence, version: 1, end });
    }
    let bytes = build(1, 0, 65_536, &ROOT, &table);
    assert!(bytes.len() < 2 * 65_536, "{} bytes", bytes.len());
}
