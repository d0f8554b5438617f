//! The walk through the calendar.

use std::{ops::Range, time::Duration};

use jiff::{
    civil,
    tz::{Offset, TimeZone},
};

use super::{ScheduleError, expression::Expression, segment::Segment};
use crate::domain::{LocalDay, ScheduleSpec, SlotTime, Timestamp, nearest};

/// When a check is due. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Schedule {
    rule: std::sync::Arc<Rule>,
    zone: TimeZone,
}

#[derive(Debug, PartialEq, Eq)]
enum Rule {
    Cron(Box<Expression>),
    /// Milliseconds; at least [`PERIOD_MIN`].
    Every(i64),
}

/// A slot, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    pub slot: SlotTime,
    /// What the zone's clocks show at the slot.
    pub local: civil::DateTime,
    pub offset: Offset,
    pub shift: Option<Shift>,
}

/// What daylight saving did to a firing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shift {
    /// A fixed time fell into a gap: it fires when the gap ends.
    MovedOutOfGap { instead_of: civil::DateTime },
    /// Several fixed times, at least one of them in a gap, became this one firing at the gap's end. Only those
    /// in the gap are listed.
    Merged { instead_of: Vec<civil::DateTime> },
    /// A fixed time that comes twice: this is the first, and the second does not fire.
    FirstOnly,
    /// A wild time that comes twice, the first time.
    FirstOfTwo,
    /// A wild time that comes twice, the second time.
    SecondOfTwo,
}

impl Firing {
    /// The offset of the zone's clocks, such as `+02:00`.
    pub fn offset_text(&self) -> String {
        let seconds = self.offset.seconds();
        let sign = if seconds < 0 { '-' } else { '+' };
        let minutes = seconds.abs() / 60;
        format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl Shift {
    /// The times of the zone's clocks that did not exist and that the firing stands for.
    pub fn instead_of(&self) -> &[civil::DateTime] {
        match self {
            Self::MovedOutOfGap { instead_of } => std::slice::from_ref(instead_of),
            Self::Merged { instead_of } => instead_of,
            Self::FirstOnly | Self::FirstOfTwo | Self::SecondOfTwo => &[],
        }
    }

    /// The word for it in tables and JSON.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::MovedOutOfGap { .. } => "moved-out-of-gap",
            Self::Merged { .. } => "merged",
            Self::FirstOnly => "first-only",
            Self::FirstOfTwo => "first-of-two",
            Self::SecondOfTwo => "second-of-two",
        }
    }
}

/// A check every few milliseconds would be no schedule but a loop.
const PERIOD_MIN: Duration = Duration::from_secs(1);
/// No observation window is longer.
const PERIOD_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);
const DAY_SECONDS: i64 = 24 * 60 * 60;

impl Schedule {
    /// Reads what was configured; `zone_name` is an IANA name.
    pub fn parse(spec: &ScheduleSpec, zone_name: &str) -> Result<Self, ScheduleError> {
        let zone = TimeZone::get(zone_name)
            .map_err(|_| ScheduleError::UnknownZone { name: zone_name.to_owned(), nearest: nearest_zone(zone_name) })?;
        Self::in_zone(spec, zone)
    }

    /// The same in a zone that was found already.
    pub fn in_zone(spec: &ScheduleSpec, zone: TimeZone) -> Result<Self, ScheduleError> {
        let rule = match spec {
            ScheduleSpec::Cron(text) => Rule::Cron(Box::new(text.parse()?)),
            ScheduleSpec::Attested(_) => return Err(ScheduleError::Attested),
            ScheduleSpec::Every(period) if !(PERIOD_MIN..=PERIOD_MAX).contains(period) => {
                return Err(ScheduleError::Period(*period));
            }
            ScheduleSpec::Every(period) => {
                Rule::Every(i64::try_from(period.as_millis()).expect("the period is at most 366 days"))
            }
        };
        Ok(Self { rule: rule.into(), zone })
    }

    /// The slots from `start` inclusive to `end` exclusive, in order. Lazy: the end may be far away.
    pub fn slots(&self, interval: Range<Timestamp>) -> Slots<'_> {
        Slots::new(self, interval)
    }

    /// The slots from here on, without an end.
    pub fn upcoming(&self, from: Timestamp) -> Slots<'_> {
        self.slots(from..Timestamp::from_millis(i64::MAX))
    }

    /// The first firing later than `at`.
    pub fn next_after(&self, at: Timestamp) -> Option<Firing> {
        self.upcoming(just_after(at)).next()
    }

    /// The last firing earlier than `at`.
    pub fn previous_before(&self, at: Timestamp) -> Option<Firing> {
        // Windows that grow, because only the walk forwards knows all the rules; ten years hold a firing of
        // nearly every schedule, and the last one is as long as time.
        let mut width = Duration::from_secs(2 * 60 * 60);
        let mut end = at;
        while end > Timestamp::from_millis(i64::MIN) {
            let start = end.minus(width);
            if let Some(firing) = self.slots(start..end).last() {
                return Some(firing);
            }
            end = start;
            width = width.saturating_mul(16);
        }
        None
    }

    /// How many slots there are from `start` inclusive to `end` exclusive.
    pub fn count(&self, interval: Range<Timestamp>) -> u64 {
        match *self.rule {
            Rule::Every(period) => {
                let until = |at: Timestamp| ceil(at.as_millis(), period);
                u64::try_from(until(interval.end) - until(interval.start)).unwrap_or(0)
            }
            Rule::Cron(_) => self.slots(interval).count() as u64,
        }
    }

    /// The expression with single spaces, or the period in whole milliseconds.
    pub fn describe(&self) -> String {
        match &*self.rule {
            Rule::Cron(expression) => expression.text().to_owned(),
            Rule::Every(period) => format!("every {period} ms"),
        }
    }

    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

/// The iterator over the slots of an interval.
#[derive(Debug)]
pub struct Slots<'s> {
    schedule: &'s Schedule,
    /// Where the search goes on, in units of the rule: seconds for cron, milliseconds for `every`.
    at: i64,
    /// Exclusive, in the same unit.
    end: i64,
    segment: Option<Segment>,
    day: Option<Day>,
}

/// The civil day at which the walk is.
#[derive(Debug, Clone, Copy)]
struct Day {
    /// Days since 1970-01-01.
    number: i64,
    date: civil::Date,
    matches: bool,
}

impl<'s> Slots<'s> {
    fn new(schedule: &'s Schedule, interval: Range<Timestamp>) -> Self {
        let unit = match *schedule.rule {
            Rule::Cron(_) => 1000,
            Rule::Every(_) => 1,
        };
        let (at, end) = (ceil(interval.start.as_millis(), unit), ceil(interval.end.as_millis(), unit));
        Self { schedule, at, end, segment: None, day: None }
    }

    /// The segment of the zone that holds this second.
    fn segment(&mut self, second: i64) -> Segment {
        match self.segment {
            Some(segment) if (segment.start..segment.end).contains(&second) => segment,
            _ => *self.segment.insert(Segment::at(&self.schedule.zone, second)),
        }
    }

    fn next_period(&mut self, period: i64) -> Option<Firing> {
        let slot = ceil(self.at, period) * period;
        if slot >= self.end {
            return None;
        }
        self.at = slot + 1;
        let offset = self.segment(slot.div_euclid(1000)).offset;
        Some(firing(slot, offset, None))
    }

    fn next_cron(&mut self, expression: &Expression) -> Option<Firing> {
        while self.at < self.end {
            let segment = self.segment(self.at);
            if expression.fixed
                && self.at == segment.start
                && let Some(firing) = self.at_gap_end(expression, &segment)
            {
                self.at += 1;
                return Some(firing);
            }
            let mut from = self.at + segment.offset;
            if expression.fixed && segment.is_second_pass(from) {
                from = segment.start + segment.before;
            }
            let until = segment.end.min(self.end);
            if let Some(civil) = self.first_match(expression, from, until.saturating_add(segment.offset)) {
                let second = civil - segment.offset;
                self.at = second + 1;
                let shift = if segment.is_second_pass(civil) {
                    Some(Shift::SecondOfTwo)
                } else if segment.is_first_pass(civil) {
                    Some(if expression.fixed { Shift::FirstOnly } else { Shift::FirstOfTwo })
                } else {
                    None
                };
                return Some(firing(second * 1000, segment.offset, shift));
            }
            self.at = until;
        }
        None
    }

    /// The one firing for all fixed times that fell into the gap before this segment.
    fn at_gap_end(&mut self, expression: &Expression, segment: &Segment) -> Option<Firing> {
        let gap = segment.gap()?;
        let mut instead_of = Vec::new();
        let mut from = gap.start;
        while let Some(civil) = self.first_match(expression, from, gap.end) {
            instead_of.push(Offset::UTC.to_datetime(Timestamp::from_millis(civil * 1000).to_jiff()));
            from = civil + 1;
        }
        let due_anyway = self.first_match(expression, gap.end, gap.end + 1).is_some();
        let shift = match instead_of.as_slice() {
            [] => return None,
            &[instead_of] if !due_anyway => Shift::MovedOutOfGap { instead_of },
            _ => Shift::Merged { instead_of },
        };
        Some(firing(segment.start * 1000, segment.offset, Some(shift)))
    }

    /// The first civil second that the expression names, from `from` inclusive to `until` exclusive.
    fn first_match(&mut self, expression: &Expression, from: i64, until: i64) -> Option<i64> {
        let mut number = from.div_euclid(DAY_SECONDS);
        let mut minute = usize::try_from(ceil(from.rem_euclid(DAY_SECONDS), 60)).ok()?;
        while number * DAY_SECONDS < until {
            let day = self.day(expression, number)?;
            if let Some(minute) = day.matches.then(|| expression.next_minute(minute)).flatten() {
                let civil = number * DAY_SECONDS + minute as i64 * 60;
                return (civil < until).then_some(civil);
            }
            number += 1;
            minute = 0;
        }
        None
    }

    fn day(&mut self, expression: &Expression, number: i64) -> Option<Day> {
        let date = match self.day {
            Some(day) if day.number == number => return Some(day),
            Some(day) if day.number + 1 == number => day.date.tomorrow().ok()?,
            _ => LocalDay(i32::try_from(number).ok()?).to_date(),
        };
        Some(*self.day.insert(Day { number, date, matches: expression.matches_day(date) }))
    }
}

impl Iterator for Slots<'_> {
    type Item = Firing;

    fn next(&mut self) -> Option<Firing> {
        let schedule = self.schedule;
        match &*schedule.rule {
            Rule::Cron(expression) => self.next_cron(expression),
            Rule::Every(period) => self.next_period(*period),
        }
    }
}

fn firing(millis: i64, offset: i64, shift: Option<Shift>) -> Firing {
    let at = Timestamp::from_millis(millis);
    let offset =
        i32::try_from(offset).ok().and_then(|seconds| Offset::from_seconds(seconds).ok()).unwrap_or(Offset::UTC);
    Firing { slot: SlotTime(at), local: offset.to_datetime(at.to_jiff()), offset, shift }
}

/// The first moment after this one.
pub(super) fn just_after(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_add(1))
}

/// `value / unit`, rounded up.
fn ceil(value: i64, unit: i64) -> i64 {
    value.div_euclid(unit) + i64::from(value.rem_euclid(unit) != 0)
}

/// The name in the time zone database that is most like this one; `Berlin` alone is a hint, too.
fn nearest_zone(name: &str) -> Option<String> {
    let written = name.replace(' ', "_");
    let known: Vec<_> = jiff::tz::db().available().map(|zone| zone.as_str().to_owned()).collect();
    let city = |zone: &'_ String| zone.rsplit('/').next().unwrap_or(zone).to_owned();
    let cities: Vec<_> = known.iter().map(city).collect();
    if let Some(zone) = nearest(&written, known.iter().map(String::as_str)) {
        return Some(zone.to_owned());
    }
    let nearest_city = nearest(&written, cities.iter().map(String::as_str))?;
    known.into_iter().zip(&cities).find(|(_, city)| *city == nearest_city).map(|(zone, _)| zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(period: Duration) -> Result<Schedule, ScheduleError> {
        Schedule::parse(&ScheduleSpec::Every(period), "Europe/Berlin")
    }

    #[test]
    fn a_period_is_anchored_at_the_epoch() {
        let schedule = every(Duration::from_secs(7 * 60)).unwrap();
        let at: Timestamp = "2026-03-29T00:59:30Z".parse().unwrap();
        let next = schedule.next_after(at).unwrap();
        assert_eq!(next.slot.0.as_millis() % (7 * 60_000), 0);
        assert!(next.slot.0.since(at) <= Duration::from_secs(7 * 60));
        assert_eq!(next.local.to_string(), "2026-03-29T03:02:00");
        let before_1970 = schedule.previous_before(Timestamp::EPOCH).unwrap();
        assert_eq!(before_1970.slot.0.as_millis(), -7 * 60_000);
    }

    #[test]
    fn a_period_out_of_bounds_is_refused() {
        for period in [Duration::ZERO, Duration::from_millis(999), Duration::from_secs(367 * 86_400), Duration::MAX] {
            assert_eq!(every(period).unwrap_err(), ScheduleError::Period(period));
        }
        let error = every(Duration::from_millis(500)).unwrap_err().to_string();
        assert_eq!(error, "a period of 0.5 s is out of bounds; `every` takes one second to 366 days");
    }

    #[test]
    fn an_unknown_zone_is_answered_with_the_name_that_is_nearest() {
        let spec = ScheduleSpec::Cron("0 6 * * *".into());
        let nearest = |name: &str| match Schedule::parse(&spec, name) {
            Err(ScheduleError::UnknownZone { nearest, .. }) => nearest,
            other => panic!("{other:?}"),
        };
        assert_eq!(nearest("Europe/Berln").as_deref(), Some("Europe/Berlin"));
        assert_eq!(nearest("New York").as_deref(), Some("America/New_York"));
        assert_eq!(nearest("Atlantis/Capital_City"), None);
    }

    #[test]
    fn the_29th_of_february_is_found_from_far_away() {
        let schedule = Schedule::parse(&ScheduleSpec::Cron("0 12 29 2 *".into()), "UTC").unwrap();
        let next = schedule.next_after("2096-03-01T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(next.slot.to_string(), "2104-02-29T12:00:00.000Z");
        let previous = schedule.previous_before(next.slot.0).unwrap();
        assert_eq!(previous.slot.to_string(), "2096-02-29T12:00:00.000Z");
    }
}
