use std::str::FromStr;

use evidenced_contract::{Failure, FailureKind, Instant};

/// A moment in UTC, to the millisecond. It is read from text: a plugin has no clock but [`Run::now`](crate::Run::now).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    ms: i64,
}

const MS_PER_DAY: i64 = 86_400_000;

impl Timestamp {
    pub const fn from_ms(ms: i64) -> Self {
        Self { ms }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_ms(self) -> i64 {
        self.ms
    }

    /// Days of 24 hours from `earlier` to this moment; negative when `earlier` is later.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of all years to 9999 are exact in 53 bits")]
    pub fn days_since(self, earlier: Self) -> f64 {
        (self.ms - earlier.ms) as f64 / MS_PER_DAY as f64
    }

    /// This moment so many days of 24 hours later.
    #[expect(clippy::cast_possible_truncation, reason = "a float is cut to the range of i64")]
    pub fn plus_days(self, days: f64) -> Self {
        Self { ms: self.ms.saturating_add((days * 86_400_000.0) as i64) }
    }

    /// As the contract writes it: `2026-03-02T06:00:00.000Z`.
    pub fn to_instant(self) -> Instant {
        let (days, ms) = (self.ms.div_euclid(MS_PER_DAY), self.ms.rem_euclid(MS_PER_DAY));
        let (year, month, day) = date_of(days);
        let (hour, minute, second, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }
}

/// RFC 3339 with any offset and any number of digits of the second; digits after the third are cut.
impl FromStr for Timestamp {
    type Err = NotAnInstant;

    fn from_str(text: &str) -> Result<Self, NotAnInstant> {
        parse(text).ok_or_else(|| NotAnInstant(text.chars().take(64).collect()))
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_instant())
    }
}

/// A text that should be a date and time of RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAnInstant(pub String);

impl std::fmt::Display for NotAnInstant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not a date and time with a zone: `{}`", self.0)
    }
}

impl std::error::Error for NotAnInstant {}

impl From<NotAnInstant> for Failure {
    fn from(error: NotAnInstant) -> Self {
        Self { kind: FailureKind::BadInput, message: error.to_string(), source: None }
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let number = |from: usize, digits: usize| -> Option<i64> {
        let part = bytes.get(from..from + digits)?;
        part.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let is = |at: usize, allowed: &[u8]| bytes.get(at).is_some_and(|byte| allowed.contains(byte));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    // 60 is a leap second, and counts as the first of the next minute.
    let in_range = (1..=12).contains(&month) && day >= 1 && hour <= 23 && minute <= 59 && second <= 60;
    if !in_range || day > days_in_month(year, month) {
        return None;
    }
    let (fraction_ms, zone_at) = parse_fraction(bytes)?;
    let offset_minutes = match &bytes[zone_at..] {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (number(zone_at + 1, 2)?, number(zone_at + 4, 2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'+' { 1 } else { -1 }
        }
        _ => return None,
    };
    let seconds = (hour * 60 + minute - offset_minutes) * 60 + second;
    Some(Timestamp { ms: days_of(year, month, day) * MS_PER_DAY + seconds * 1000 + fraction_ms })
}

/// Milliseconds after the second, and where the zone begins.
fn parse_fraction(bytes: &[u8]) -> Option<(i64, usize)> {
    if bytes.get(19) != Some(&b'.') {
        return Some((0, 19));
    }
    let digits = bytes[20..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let ms = (0..3).fold(0, |ms, at| ms * 10 + if at < digits { i64::from(bytes[20 + at] - b'0') } else { 0 });
    Some((ms, 20 + digits))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar. The year is counted from March, so that the
/// leap day is its last; 400 years have 146,097 days.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let (year, month_from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

/// Year, month and day of a number of days from 1970-01-01: the inverse of [`days_of`].
fn date_of(days: i64) -> (i64, i64, i64) {
    let from_march_0000 = days + 719_468;
    let (cycle, day_of_cycle) = (from_march_0000.div_euclid(146_097), from_march_0000.rem_euclid(146_097));
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (cycle * 400 + year_of_cycle + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_four_centuries_agrees_with_another_calendar() {
        let first = jiff::civil::date(1900, 1, 1);
        for days in 0..146_097 {
            let date = first.checked_add(jiff::Span::new().days(days)).unwrap();
            let text = format!("{date}T23:59:59.999Z");
            let moment: Timestamp = text.parse().unwrap();
            assert_eq!(moment.as_ms(), text.parse::<jiff::Timestamp>().unwrap().as_millisecond(), "{text}");
            assert_eq!(moment.to_instant(), text);
        }
    }

    #[test]
    fn offsets_and_fractions_are_read_as_other_software_writes_them() {
        for text in [
            "2026-11-23T11:51:33.960941Z",
            "2026-07-26T11:51:23+00:00",
            "2026-07-26T11:51:23.5-08:30",
            "2024-02-29T23:59:60Z",
            "0001-01-01T00:00:00Z",
        ] {
            let expected = text.replace(":60Z", ":59Z").parse::<jiff::Timestamp>().unwrap().as_millisecond();
            let leap = if text.contains(":60Z") { 1000 } else { 0 };
            assert_eq!(text.parse::<Timestamp>().unwrap().as_ms(), expected.div_euclid(1) + leap, "{text}");
        }
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "2026-11-23",
            "2026-11-23T11:51:33",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00Zz",
            "٢026-01-01T00:00:00Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(NotAnInstant(text.to_owned())));
        }
    }

    #[test]
    fn ninety_days_and_no_hours_are_exactly_ninety_days() {
        let made: Timestamp = "2026-01-31T06:00:00.120Z".parse().unwrap();
        assert_eq!(made.plus_days(90.0).days_since(made), 90.0);
        assert_eq!(made.plus_days(90.0).to_instant(), "2026-05-01T06:00:00.120Z");
    }
}
