//! The days of an iCalendar file (RFC 5545) that are no business days.

use std::collections::BTreeSet;

use jiff::{Span, civil::Date};

use crate::domain::LocalDay;

/// Yearly events without an end are read up to here; no window that is open today lasts longer.
const LAST_YEAR: i16 = 2099;
/// A longer event is no holiday.
const DAYS_MAX: i32 = 366;

/// What is wrong, and in which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HolidayError {
    pub line: usize,
    pub why: &'static str,
}

#[derive(Default)]
struct Event {
    start: Option<Date>,
    /// Not part of the event.
    end: Option<Date>,
    yearly: Option<i16>,
}

/// Whole days of all events: `DTSTART;VALUE=DATE:20260101`, to `DTEND` if there is one, once or each year.
pub(super) fn holidays(text: &str) -> Result<BTreeSet<LocalDay>, HolidayError> {
    let mut days = BTreeSet::new();
    let mut event: Option<Event> = None;
    for (line, content) in unfolded(text) {
        let fail = |why| Err(HolidayError { line, why });
        let Some((name, value)) = content.split_once(':') else { continue };
        let name = name.split(';').next().unwrap_or_default().to_ascii_uppercase();
        match (name.as_str(), &mut event) {
            ("BEGIN", _) if value.eq_ignore_ascii_case("VEVENT") => event = Some(Event::default()),
            ("END", open) if value.eq_ignore_ascii_case("VEVENT") => match open.take() {
                Some(Event { start: Some(start), end, yearly }) => add(&mut days, start, end, yearly),
                Some(_) => return fail("the event has no DTSTART"),
                None => return fail("END:VEVENT without BEGIN:VEVENT"),
            },
            ("DTSTART" | "DTEND", Some(event)) => {
                let Some(date) = date(value) else { return fail("not a date such as 20260101") };
                if name == "DTSTART" { event.start = Some(date) } else { event.end = Some(date) }
            }
            ("RRULE", Some(event)) => match last_year(value) {
                Some(year) => event.yearly = Some(year),
                None => return fail("the only repetition that is understood is FREQ=YEARLY, with UNTIL or without"),
            },
            _ => {}
        }
    }
    match event {
        Some(_) => Err(HolidayError { line: text.lines().count(), why: "BEGIN:VEVENT without END:VEVENT" }),
        None => Ok(days),
    }
}

fn add(days: &mut BTreeSet<LocalDay>, start: Date, end: Option<Date>, yearly: Option<i16>) {
    let length = end.map_or(1, |end| (end - start).get_days()).clamp(1, DAYS_MAX);
    let last = yearly.unwrap_or(start.year()).min(LAST_YEAR).max(start.year());
    for year in start.year()..=last {
        // 29 February is a holiday in leap years alone.
        let Ok(first) = Date::new(year, start.month(), start.day()) else { continue };
        for offset in 0..length {
            days.insert(LocalDay::from_date(first.saturating_add(Span::new().days(offset))));
        }
    }
}

/// `20260101`, or the day of `20260101T000000`.
fn date(value: &str) -> Option<Date> {
    let digits = value.trim().get(..8)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| digits[range].parse::<i16>().ok();
    let (month, day) = (i8::try_from(number(4..6)?).ok()?, i8::try_from(number(6..8)?).ok()?);
    Date::new(number(0..4)?, month, day).ok().filter(|date| date.year() > 0)
}

/// The year of the last repetition.
fn last_year(rule: &str) -> Option<i16> {
    let mut last = LAST_YEAR;
    let mut yearly = false;
    for part in rule.trim().split(';') {
        let (key, value) = part.split_once('=')?;
        match key.to_ascii_uppercase().as_str() {
            "FREQ" => yearly = value.eq_ignore_ascii_case("YEARLY"),
            "UNTIL" => last = date(value)?.year(),
            "INTERVAL" if value == "1" => {}
            // They repeat what DTSTART says in every calendar that we have seen.
            "WKST" | "BYMONTH" | "BYMONTHDAY" if !value.contains(',') => {}
            _ => return None,
        }
    }
    yearly.then_some(last)
}

/// Lines with their numbers; a line that starts with white space goes on from the one before (RFC 5545, 3.1).
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(more), Some((_, before))) => before.push_str(more),
            _ => lines.push((at + 1, line.to_owned())),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(events: &str) -> String {
        format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n")
    }

    fn days(events: &str) -> Vec<String> {
        holidays(&calendar(events)).unwrap().iter().map(LocalDay::to_string).collect()
    }

    #[test]
    fn an_event_is_its_days_without_the_last() {
        let christmas = "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227\r\nEND:VEVENT\r\n";
        assert_eq!(days(christmas), ["2026-12-25", "2026-12-26"]);
        assert_eq!(days("BEGIN:VEVENT\r\nDTSTART;\r\n VALUE=DATE:20260501\r\nEND:VEVENT\r\n"), ["2026-05-01"]);
    }

    #[test]
    fn a_yearly_event_comes_every_year() {
        let leap = "BEGIN:VEVENT\nDTSTART:20240229\nRRULE:FREQ=YEARLY;UNTIL=20330101\nEND:VEVENT\n";
        assert_eq!(days(leap), ["2024-02-29", "2028-02-29", "2032-02-29"]);
        let endless = days("BEGIN:VEVENT\nDTSTART:20260101\nRRULE:FREQ=YEARLY\nEND:VEVENT\n");
        assert_eq!((endless.len(), endless.last().unwrap().as_str()), (74, "2099-01-01"));
    }

    #[test]
    fn what_is_not_understood_is_an_error_with_its_line() {
        let fault = |events: &str| holidays(&calendar(events)).unwrap_err();
        assert_eq!(fault("BEGIN:VEVENT\nDTSTART:1.5.2026\nEND:VEVENT\n").line, 4);
        assert_eq!(fault("BEGIN:VEVENT\nDTSTART:20260101\nRRULE:FREQ=WEEKLY\nEND:VEVENT\n").line, 5);
        assert_eq!(fault("BEGIN:VEVENT\nEND:VEVENT\n").why, "the event has no DTSTART");
        assert!(holidays(&calendar("BEGIN:VEVENT\nDTSTART:20260101\n")).is_err());
    }
}
