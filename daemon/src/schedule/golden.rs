//! Schedules against the tables of `tests/golden/schedule`, which another implementation worked out.
//!
//! Both sides use the same edition of the time zone database (jiff's bundled one here), not the machine's: what
//! Casablanca does around Ramadan differs from edition to edition. When jiff brings a newer one and a table no
//! longer agrees, make the tables anew with `make.py` and the same edition.

use std::collections::{BTreeMap, HashSet};

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::{Firing, Schedule};
use crate::domain::{Digest, ScheduleSpec, Timestamp};

const TABLES: &str = include_str!("../../../tests/golden/schedule/2026.txt");

/// One expression in one zone, as a table has it.
struct Expected<'t> {
    zone: &'t str,
    interval: (&'t str, &'t str),
    cron: &'t str,
    months: &'t str,
    sha256: &'t str,
    fires: Vec<&'t str>,
}

fn tables() -> Vec<Expected<'static>> {
    let mut tables: Vec<Expected<'static>> = Vec::new();
    let mut zone = ("", ("", ""));
    for line in TABLES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (kind, tables.last_mut()) {
            ("zone", _) => {
                let words: Vec<_> = rest.split(' ').collect();
                zone = (words[0], (words[1], words[2]));
            }
            ("cron", _) => {
                let (zone, interval) = zone;
                tables.push(Expected { zone, interval, cron: rest, months: "", sha256: "", fires: Vec::new() });
            }
            ("months", Some(table)) => table.months = rest,
            ("sha256", Some(table)) => table.sha256 = rest,
            ("fires", Some(table)) => table.fires.push(rest),
            _ => panic!("no line of a table: {line}"),
        }
    }
    tables
}

fn line(firing: &Firing) -> String {
    let civil = |civil: &jiff::civil::DateTime| civil.strftime("%Y-%m-%dT%H:%M").to_string();
    let mut words = vec![utc(firing), civil(&firing.local) + &firing.offset_text()];
    if let Some(shift) = &firing.shift {
        words.push(shift.as_str().to_owned());
        words.extend(shift.instead_of().iter().map(civil));
    }
    words.join(" ")
}

fn utc(firing: &Firing) -> String {
    firing.slot.0.to_jiff().strftime("%Y-%m-%dT%H:%MZ").to_string()
}

fn bundled(zone: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(zone).unwrap()
}

fn day(text: &str) -> Timestamp {
    format!("{text}T00:00:00Z").parse().unwrap()
}

#[test]
fn every_table_agrees() {
    let tables = tables();
    assert!(tables.len() > 200, "only {} tables", tables.len());
    for table in tables {
        let name = format!("`{}` in {}", table.cron, table.zone);
        let spec = ScheduleSpec::Cron(table.cron.to_owned());
        let schedule = Schedule::in_zone(&spec, bundled(table.zone)).unwrap();
        let firings: Vec<_> = schedule.slots(day(table.interval.0)..day(table.interval.1)).collect();

        // From the nearest to the farthest, so that the first difference says most.
        let lines: Vec<_> = firings.iter().map(line).collect();
        let fired: HashSet<&str> = lines.iter().map(String::as_str).collect();
        for expected in &table.fires {
            assert!(fired.contains(expected), "{name} should fire {expected}");
        }
        // The tables leave out what happens to every minute.
        if table.cron != "* * * * *" {
            for (firing, line) in firings.iter().zip(&lines).filter(|(firing, _)| firing.shift.is_some()) {
                assert!(table.fires.contains(&line.as_str()), "{name} fires {firing:?}");
            }
        }
        let mut months = BTreeMap::new();
        for firing in &firings {
            *months.entry(utc(firing)[..7].to_owned()).or_insert(0) += 1;
        }
        let months: Vec<_> = months.iter().map(|(month, count)| format!("{month}:{count}")).collect();
        assert_eq!(months.join(" "), table.months, "{name}");
        let all: String = firings.iter().map(|firing| utc(firing) + "\n").collect();
        assert_eq!(Digest::of(all.as_bytes()).to_hex(), table.sha256, "{name}");
    }
}
