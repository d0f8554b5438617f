//! What holds for every schedule, zone and interval.

use std::time::Duration;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use proptest::{prelude::*, sample::select};

use super::{Agenda, Schedule, days_of, missed, plan_start};
use crate::domain::{
    CatchUp, ControlId, ENTRY_BYTES_MAX, Entry, Event, MissedReason, ScheduleSpec, SlotTime, Timestamp,
};

const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Apia",
    "America/St_Johns",
    "Asia/Gaza",
];

/// Changes of offset in some of these zones: there the rules are most at risk.
const CHANGES: [&str; 9] = [
    "2026-03-29T01:00:00Z",
    "2026-10-25T01:00:00Z",
    "2026-03-08T07:00:00Z",
    "2026-11-01T06:00:00Z",
    "2026-04-04T15:00:00Z",
    "2026-10-03T15:30:00Z",
    "2026-02-15T02:00:00Z",
    "2026-03-22T02:00:00Z",
    "2011-12-30T10:00:00Z",
];

fn zone() -> impl Strategy<Value = TimeZone> {
    select(&ZONES[..]).prop_map(|name| TimeZoneDatabase::bundled().get(name).unwrap())
}

fn cron() -> impl Strategy<Value = String> {
    let minute = select(&["*", "0", "30", "*/7", "0,15,30,45", "10-20", "59", "1,1,2"][..]);
    let hour = select(&["*", "0", "2", "1,2,3", "*/5", "1-3", "23", "0,12"][..]);
    let day_of_month = select(&["*", "*", "1", "13,29", "*/2", "30", "1-7"][..]);
    let month = select(&["*", "*", "*", "3,10", "jan-jun", "*/2"][..]);
    let day_of_week = select(&["*", "*", "0", "7", "mon-fri", "sat,sun", "*/2"][..]);
    (minute, hour, day_of_month, month, day_of_week).prop_map(|(a, b, c, d, e)| format!("{a} {b} {c} {d} {e}"))
}

fn spec() -> impl Strategy<Value = ScheduleSpec> {
    prop_oneof![
        4 => cron().prop_map(ScheduleSpec::Cron),
        1 => (300_u64..2_000_000).prop_map(|seconds| ScheduleSpec::Every(Duration::from_secs(seconds))),
    ]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    (spec(), zone()).prop_map(|(spec, zone)| Schedule::in_zone(&spec, zone).unwrap())
}

/// A moment, often near a change of offset.
fn moment() -> impl Strategy<Value = Timestamp> {
    let near = (select(&CHANGES[..]), -200_000_000_i64..200_000_000)
        .prop_map(|(change, by)| Timestamp::from_millis(change.parse::<Timestamp>().unwrap().as_millis() + by));
    let anywhere = (-1_000_000_000_000_i64..4_000_000_000_000).prop_map(Timestamp::from_millis);
    prop_oneof![3 => near, 1 => anywhere]
}

fn hours(longest: u64) -> impl Strategy<Value = Duration> {
    (0..longest * 3_600_000).prop_map(Duration::from_millis)
}

fn slots(schedule: &Schedule, from: Timestamp, to: Timestamp) -> Vec<SlotTime> {
    schedule.slots(from..to).map(|firing| firing.slot).collect()
}

fn after(at: Timestamp) -> Timestamp {
    at.plus(Duration::from_millis(1))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn slots_strictly_increase_within_the_interval(schedule in schedule(), from in moment(), length in hours(300)) {
        let to = from.plus(length);
        let slots = slots(&schedule, from, to);
        prop_assert!(slots.is_sorted_by(|a, b| a < b));
        prop_assert!(slots.iter().all(|slot| from <= slot.0 && slot.0 < to));
        prop_assert_eq!(schedule.count(from..to), slots.len() as u64);
    }

    #[test]
    fn a_split_interval_has_the_same_firings(
        schedule in schedule(), from in moment(), first in hours(100), second in hours(100),
    ) {
        let (middle, to) = (from.plus(first), from.plus(first).plus(second));
        let whole: Vec<_> = schedule.slots(from..to).collect();
        let parts: Vec<_> = schedule.slots(from..middle).chain(schedule.slots(middle..to)).collect();
        prop_assert_eq!(whole, parts);
    }

    #[test]
    fn next_and_previous_are_neighbours(schedule in schedule(), at in moment()) {
        let next = schedule.next_after(at).unwrap();
        prop_assert!(next.slot.0 > at);
        prop_assert_eq!(slots(&schedule, after(at), after(next.slot.0)), vec![next.slot]);
        let previous = schedule.previous_before(at).unwrap();
        prop_assert!(previous.slot.0 < at);
        prop_assert_eq!(slots(&schedule, previous.slot.0, at), vec![previous.slot]);
    }

    #[test]
    fn a_wild_expression_fires_at_the_minutes_whose_clock_it_names(
        minute in select(&["*", "*/7", "10-20"][..]), hour in select(&["2", "1,2,3", "*/5"][..]),
        zone in zone(), from in moment(),
    ) {
        let spec = ScheduleSpec::Cron(format!("{minute} {hour} * * *"));
        let schedule = Schedule::in_zone(&spec, zone.clone()).unwrap();
        let start = from.as_millis().div_euclid(60_000);
        let minutes = (start..start + 3 * 1440).map(|minute| Timestamp::from_millis(minute * 60_000));
        let expected: Vec<_> = minutes.filter(|at| {
            let civil = zone.to_datetime(at.to_jiff());
            let minute_fits = match minute { "*" => true, "*/7" => civil.minute() % 7 == 0, _ => (10..=20).contains(&civil.minute()) };
            let hour_fits = match hour { "2" => civil.hour() == 2, "*/5" => civil.hour() % 5 == 0, _ => (1..=3).contains(&civil.hour()) };
            // Offsets with seconds (before 1972) have no whole minutes here.
            minute_fits && hour_fits && civil.second() == 0
        }).map(SlotTime).collect();
        prop_assume!(zone.to_offset(from.to_jiff()).seconds() % 60 == 0);
        let from = Timestamp::from_millis(start * 60_000);
        prop_assert_eq!(slots(&schedule, from, from.plus(Duration::from_secs(3 * 86_400))), expected);
    }

    #[test]
    fn a_fixed_daily_time_fires_once_a_day(minute in 0..60, hour in 0..24, zone in zone(), day in 18_000..25_000) {
        let schedule = Schedule::in_zone(&ScheduleSpec::Cron(format!("{minute} {hour} * * *")), zone.clone()).unwrap();
        let day = crate::domain::LocalDay(day);
        let firings = slots(&schedule, day.start(&zone), day.next().start(&zone));
        prop_assert_eq!(firings.len(), 1, "{:?}", day);
    }

    #[test]
    fn each_slot_of_a_down_time_is_accounted_for_once(
        schedule in schedule(), zones in proptest::collection::vec(zone(), 1..4), from in moment(), length in hours(3000),
        catch_up in select(&[CatchUp::None, CatchUp::Latest, CatchUp::All][..]),
    ) {
        let control: ControlId = "AVL-01/iris".parse().unwrap();
        let now = from.plus(length);
        let backlog = plan_start(&control, &schedule, from, now, catch_up, &zones);
        let mut accounted = backlog.run.clone();
        for stretch in &backlog.missed {
            let members = slots(&schedule, stretch.from.0, after(stretch.to.0));
            prop_assert_eq!(members.first(), Some(&stretch.from));
            prop_assert_eq!(members.last(), Some(&stretch.to));
            prop_assert_eq!(members.len() as u64, stretch.count);
            prop_assert_eq!(stretch.days.len(), zones.len());
            for (at, counts) in stretch.days.iter().enumerate() {
                let days = members.iter().map(|slot| days_of(*slot, &zones)[at]);
                let counted = counts.iter().flat_map(|count| vec![count.day; count.slots as usize]);
                prop_assert!(days.eq(counted));
                prop_assert!(counts.len() <= 60);
            }
            accounted.extend(members);
        }
        accounted.sort();
        prop_assert_eq!(&accounted, &slots(&schedule, after(from), after(backlog.accounted)));
        prop_assert_eq!(accounted.last().map_or(from, |slot| slot.0), backlog.accounted);
        // What is left is not due before its planned start, which the agenda waits for.
        let next = schedule.next_after(backlog.accounted).unwrap().slot;
        prop_assert!(Agenda::planned_start(&control, &schedule, next) > now);
        let mut agenda = Agenda::new();
        agenda.resume(control.clone(), schedule, backlog.accounted, now);
        prop_assert_eq!(agenda.next_slot(&control), Some(next));
    }

    #[test]
    fn a_missed_entry_fits_the_ledger(
        schedule in schedule(), zones in proptest::collection::vec(zone(), 1..12), from in moment(), length in hours(5000),
    ) {
        let control: ControlId = "c".repeat(64).parse().unwrap();
        for stretch in missed(&schedule, from, from.plus(length), &zones) {
            let slots = stretch.into_missed(control.clone(), u32::MAX, MissedReason::Interrupted);
            let bytes = Entry::new(from, Event::Missed(slots)).to_bytes().unwrap();
            prop_assert!(bytes.len() <= ENTRY_BYTES_MAX);
        }
    }

    #[test]
    fn jitter_is_a_tenth_of_the_period_at_most(schedule in schedule(), at in moment(), id in "[a-z]{1,8}") {
        let control: ControlId = id.parse().unwrap();
        let slot = schedule.next_after(at).unwrap().slot;
        let next = schedule.next_after(slot.0).unwrap().slot;
        let start = Agenda::planned_start(&control, &schedule, slot);
        prop_assert!(start >= slot.0);
        prop_assert!(start.since(slot.0) * 10 <= next.0.since(slot.0));
        prop_assert_eq!(start, Agenda::planned_start(&control, &schedule, slot));
    }

    #[test]
    fn the_agenda_pops_every_slot_once_in_the_order_of_the_starts(
        schedules in proptest::collection::vec(schedule(), 1..12), from in moment(), length in hours(30),
    ) {
        let mut agenda = Agenda::new();
        for (at, schedule) in schedules.iter().enumerate() {
            agenda.insert(format!("C-{at}").parse().unwrap(), schedule.clone(), from);
        }
        let now = from.plus(length);
        let mut popped = Vec::new();
        while let Some(due) = agenda.pop_due(now) {
            prop_assert!(due.start <= now);
            popped.push(due);
        }
        prop_assert!(popped.is_sorted_by_key(|due| (due.start, due.slot, due.control.clone())));
        prop_assert!(agenda.next_deadline().unwrap() > now);
        for (at, schedule) in schedules.iter().enumerate() {
            let control: ControlId = format!("C-{at}").parse().unwrap();
            let of_control: Vec<_> = popped.iter().filter(|due| due.control == control).map(|due| due.slot).collect();
            let last = of_control.last().map_or(from, |slot| slot.0);
            prop_assert_eq!(&of_control, &slots(schedule, after(from), after(last)));
            prop_assert_eq!(agenda.next_slot(&control), schedule.next_after(last).map(|firing| firing.slot));
        }
    }
}
