//! Which slots each control had, by the words of its schedule; counted here by the calendar alone.

use std::{collections::BTreeSet, ops::RangeInclusive};

use evidenced::domain::Timestamp;
use jiff::{
    ToSpan as _,
    civil::{Date, date, time},
    tz::{AmbiguousOffset, TimeZone},
};

use super::{
    configuration::{ACCOUNTS, BUCKETS, DATASETS, FAIRNESS, HOSTS, MODELS, REGISTRIES, REPOSITORIES},
    time::{ZONE, at, begin, last_slot},
};

/// The slots of one control.
#[derive(Debug)]
pub struct SlotsOf {
    pub control: String,
    pub slots: BTreeSet<Timestamp>,
}

/// Those of all controls that have a schedule.
pub fn slots() -> Vec<SlotsOf> {
    let mut all = Vec::new();
    let mut add = |control: String, slots: BTreeSet<Timestamp>| {
        let slots = slots.into_iter().filter(|slot| begin() < *slot && *slot <= last_slot()).collect();
        all.push(SlotsOf { control, slots });
    };
    let every_day = |day: Date| day.year() > 0;
    for account in ACCOUNTS {
        add(format!("SEC-01/{account}"), daily(every_day, 5, 50));
    }
    for host in 1..=HOSTS {
        add(format!("SEC-05/h{host}"), daily(every_day, 5, 57));
    }
    for repository in 1..=REPOSITORIES {
        add(format!("CHG-01/r{repository}"), daily(every_day, 7, 0));
    }
    for dataset in DATASETS {
        add(format!("PRV-02/{dataset}"), daily(every_day, 2, 30));
    }
    for bucket in 1..=BUCKETS {
        let mut slots = daily(|day| day.weekday() == jiff::civil::Weekday::Monday, 5, 0);
        if bucket == BUCKETS {
            slots.retain(|slot| *slot < at("06-13 12:00") || at("07-17 12:00") < *slot);
        }
        add(format!("CNF-01/b{bucket}"), slots);
    }
    for registry in REGISTRIES {
        let weekday = |day: Date| day.weekday().to_monday_one_offset() <= 5;
        let changed = at("06-12 12:00");
        let before = daily(weekday, 9, 0).into_iter().filter(|slot| *slot < changed);
        let after = daily(weekday, 8, 30).into_iter().filter(|slot| *slot > changed);
        add(format!("GOV-01/{registry}"), before.chain(after).collect());
    }
    for model in FAIRNESS {
        add(format!("FAR-01/{model}"), daily(|day| day.day() == 1, 4, 0));
    }
    add("GOV-05".to_owned(), daily(|day| (day.month(), day.day()) == (2, 29), 12, 0));
    add("CNF-03".to_owned(), daily(every_day, 5, 15));
    add("PIN-03".to_owned(), half_hours(1..=3));
    for model in MODELS {
        add(format!("AVL-01/{model}"), every(6));
    }
    for control in ["AVL-02", "SEC-09"] {
        add(control.to_owned(), every(1));
    }
    all
}

fn days() -> impl Iterator<Item = Date> {
    date(2024, 1, 1).series(1.day()).take_while(|day| *day <= date(2025, 1, 1))
}

/// Once on each of these days: at the end of a gap that it falls into, and the first time of a time that comes twice.
fn daily(on: impl Fn(Date) -> bool, hour: i8, minute: i8) -> BTreeSet<Timestamp> {
    let zone = zone();
    let slot = |day: Date| {
        let local = day.to_datetime(time(hour, minute, 0, 0));
        let ambiguous = zone.to_ambiguous_timestamp(local);
        let at = match ambiguous.offset() {
            // The first moment after the gap.
            AmbiguousOffset::Gap { .. } => day.at(3, 0, 0, 0).to_zoned_datetime(zone.clone()).ok()?.timestamp(),
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok()?,
        };
        Some(Timestamp::from_jiff(at))
    };
    days().filter(|day| on(*day)).filter_map(slot).collect()
}

/// Each half hour within these hours that exists, also when an hour comes twice.
fn half_hours(hours: RangeInclusive<i8>) -> BTreeSet<Timestamp> {
    let zone = zone();
    let local = |at: Timestamp| at.to_jiff().to_zoned_datetime(zone.clone());
    let mut all = BTreeSet::new();
    let mut at = begin();
    while at <= last_slot() {
        if hours.contains(&local(at).hour()) {
            all.insert(at);
        }
        at = at.plus(std::time::Duration::from_secs(1800));
    }
    all
}

/// Each so many hours since 1970 in UTC.
fn every(hours: i64) -> BTreeSet<Timestamp> {
    let period = hours * 3_600_000;
    let first = begin().as_millis().div_euclid(period) * period;
    (0..).map(|count| Timestamp::from_millis(first + count * period)).take_while(|slot| *slot <= last_slot()).collect()
}

fn zone() -> TimeZone {
    TimeZone::get(ZONE).unwrap_or(TimeZone::UTC)
}
