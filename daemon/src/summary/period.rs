use jiff::{civil::Date, tz::TimeZone};
use serde::Serialize;

use super::numbers::date;
use crate::domain::{LocalDay, Timestamp, Window, WindowId};

/// Whole days of one zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Period {
    pub span: Span,
    /// First and last day, both inclusive.
    #[serde(serialize_with = "date")]
    pub from: LocalDay,
    #[serde(serialize_with = "date")]
    pub to: LocalDay,
    /// The first moment of `from`.
    pub start: Timestamp,
    /// The first moment after `to`.
    pub end: Timestamp,
    /// IANA name.
    pub zone: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Span {
    /// ISO 8601 week.
    Week {
        year: i16,
        week: i8,
    },
    Month {
        year: i16,
        month: i8,
    },
    Quarter {
        year: i16,
        /// 1 to 4.
        quarter: i8,
    },
    Window(WindowId),
    Days,
}

impl Period {
    /// Both days are inclusive.
    pub fn days(from: LocalDay, to: LocalDay, zone: &TimeZone) -> Self {
        Self::new(Span::Days, from, to, zone)
    }

    /// The ISO week, Monday to Sunday, that `day` is in.
    pub fn week(day: LocalDay, zone: &TimeZone) -> Self {
        let week = day.to_date().iso_week_date();
        let monday = LocalDay(day.0 - i32::from(day.to_date().weekday().to_monday_zero_offset()));
        let span = Span::Week { year: week.year(), week: week.week() };
        Self::new(span, monday, LocalDay(monday.0 + 6), zone)
    }

    /// The month that `day` is in.
    pub fn month(day: LocalDay, zone: &TimeZone) -> Self {
        let date: Date = day.to_date();
        let span = Span::Month { year: date.year(), month: date.month() };
        let first = LocalDay::from_date(date.first_of_month());
        Self::new(span, first, LocalDay::from_date(date.last_of_month()), zone)
    }

    /// The calendar quarter that `day` is in: three whole months from January, April, July or October on.
    pub fn quarter(day: LocalDay, zone: &TimeZone) -> Self {
        let today: Date = day.to_date();
        let quarter = (today.month() - 1) / 3 + 1;
        let of_month = |month| jiff::civil::date(today.year(), month, 1);
        let first = LocalDay::from_date(of_month(quarter * 3 - 2));
        let last = LocalDay::from_date(of_month(quarter * 3).last_of_month());
        Self::new(Span::Quarter { year: today.year(), quarter }, first, last, zone)
    }

    /// `zone` is the window's.
    pub fn window(window: &Window, zone: &TimeZone) -> Self {
        Self::new(Span::Window(window.id.clone()), window.start, window.end, zone)
    }

    /// The period of the same kind right before; a window has none.
    pub fn before(&self, zone: &TimeZone) -> Option<Self> {
        let last = LocalDay(self.from.0 - 1);
        match self.span {
            Span::Week { .. } => Some(Self::week(last, zone)),
            Span::Month { .. } => Some(Self::month(last, zone)),
            Span::Quarter { .. } => Some(Self::quarter(last, zone)),
            Span::Days => Some(Self::days(LocalDay(last.0 - (self.to.0 - self.from.0)), last, zone)),
            Span::Window(_) => None,
        }
    }

    pub fn contains(&self, day: LocalDay) -> bool {
        (self.from..=self.to).contains(&day)
    }

    /// How many days it has.
    pub fn length_days(&self) -> usize {
        usize::try_from(self.to.0 - self.from.0 + 1).unwrap_or(0)
    }

    fn new(span: Span, from: LocalDay, to: LocalDay, zone: &TimeZone) -> Self {
        let (start, end) = (from.start(zone), to.next().start(zone));
        Self { span, from, to, start, end, zone: zone.iana_name().unwrap_or("UTC").to_owned() }
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Week { year, week } => write!(f, "Week {year}-W{week:02}"),
            Self::Month { year, month } => write!(f, "Month {year}-{month:02}"),
            Self::Quarter { year, quarter } => write!(f, "Quarter {year}-Q{quarter}"),
            Self::Window(window) => write!(f, "Window {window}"),
            Self::Days => f.write_str("Period"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;

    #[track_caller]
    fn check(period: &Period, expected: &str) {
        let text = format!("{} {} {} {} {}", period.span, period.from, period.to, period.start, period.end);
        assert_eq!(text, expected);
    }

    #[test]
    fn periods_are_whole_days_of_their_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let day = LocalDay::from_date(jiff::civil::date(2026, 3, 29)); // the day on which summer time begins
        let week = Period::week(day, &berlin);
        check(&week, "Week 2026-W13 2026-03-23 2026-03-29 2026-03-22T23:00:00.000Z 2026-03-29T22:00:00.000Z");
        check(
            &week.before(&berlin).unwrap(),
            "Week 2026-W12 2026-03-16 2026-03-22 2026-03-15T23:00:00.000Z 2026-03-22T23:00:00.000Z",
        );
        let month = Period::month(day, &berlin);
        check(&month, "Month 2026-03 2026-03-01 2026-03-31 2026-02-28T23:00:00.000Z 2026-03-31T22:00:00.000Z");
        check(
            &month.before(&berlin).unwrap(),
            "Month 2026-02 2026-02-01 2026-02-28 2026-01-31T23:00:00.000Z 2026-02-28T23:00:00.000Z",
        );
        let new_year = LocalDay::from_date(jiff::civil::date(2027, 1, 1));
        assert_eq!(Period::week(new_year, &berlin).span, Span::Week { year: 2026, week: 53 });
    }

    #[test]
    fn quarters_begin_with_january_april_july_and_october() {
        // Summer time begins in the first quarter and ends in the fourth; 2028 has a 29 February.
        for (zone, day, expected, days) in [
            (
                "Europe/Berlin",
                "2026-03-29",
                "Quarter 2026-Q1 2026-01-01 2026-03-31 2025-12-31T23:00:00.000Z 2026-03-31T22:00:00.000Z",
                90,
            ),
            (
                "Europe/Berlin",
                "2026-12-31",
                "Quarter 2026-Q4 2026-10-01 2026-12-31 2026-09-30T22:00:00.000Z 2026-12-31T23:00:00.000Z",
                92,
            ),
            (
                "America/New_York",
                "2028-02-29",
                "Quarter 2028-Q1 2028-01-01 2028-03-31 2028-01-01T05:00:00.000Z 2028-04-01T04:00:00.000Z",
                91,
            ),
            (
                "UTC",
                "2027-04-01",
                "Quarter 2027-Q2 2027-04-01 2027-06-30 2027-04-01T00:00:00.000Z 2027-07-01T00:00:00.000Z",
                91,
            ),
            // Samoa had no 30 December 2011: a day of this quarter has no length there.
            (
                "Pacific/Apia",
                "2011-12-31",
                "Quarter 2011-Q4 2011-10-01 2011-12-31 2011-10-01T10:00:00.000Z 2011-12-31T10:00:00.000Z",
                92,
            ),
        ] {
            let zone = TimeZone::get(zone).unwrap();
            let quarter = Period::quarter(LocalDay::from_date(day.parse().unwrap()), &zone);
            check(&quarter, expected);
            assert_eq!(quarter.length_days(), days);
        }
    }

    proptest! {
        #[test]
        fn each_day_is_in_one_quarter_of_three_months_and_quarters_leave_nothing_out(
            day in 0_i32..60_000,
            zone in select(&["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Africa/Cairo"][..]),
        ) {
            let (day, zone) = (LocalDay(day), TimeZone::get(zone).unwrap());
            let quarter = Period::quarter(day, &zone);
            prop_assert!(quarter.contains(day));
            let (first, last) = (Period::month(quarter.from, &zone), Period::month(quarter.to, &zone));
            let middle = last.before(&zone).unwrap();
            prop_assert_eq!(first.length_days() + middle.length_days() + last.length_days(), quarter.length_days());
            prop_assert_eq!((first.from, first.start), (quarter.from, quarter.start));
            prop_assert_eq!((last.to, last.end), (quarter.to, quarter.end));
            let before = quarter.before(&zone).unwrap();
            prop_assert_eq!((before.to.next(), before.end), (quarter.from, quarter.start));
            let mut year = vec![quarter.span.clone()];
            let mut earlier = before;
            while earlier.from.to_date().year() == quarter.from.to_date().year() {
                year.push(earlier.span.clone());
                earlier = earlier.before(&zone).unwrap();
            }
            let Span::Quarter { quarter: number, .. } = quarter.span else { unreachable!() };
            prop_assert_eq!(year.len(), usize::try_from(number).unwrap());
        }
    }
}
