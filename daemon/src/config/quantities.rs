//! Durations, sizes, rates and days as people write them.

use std::{fmt, time::Duration};

use jiff::{civil::Date, tz::TimeZone};

use super::{
    diagnostics::{Errors, Expected},
    section::{Located, Section, text},
    tree::Value,
};
use crate::domain::{LocalDay, Rate, Timestamp, Within, nearest};

const DURATION: &str = "a duration";
const DURATION_HINT: &str = "write a number and ms, s, m, h, d or w, such as `30s`, `5m`, `24h`, `7d` or `1h30m`";
const SIZE_HINT: &str = "write a number and B, KiB, MiB, GiB or TiB, such as `128MiB`";

/// `30s`, `5m`, `1h30m`, `7d`, `2 weeks`: numbers, each with its unit. `None`: it is none, or longer than 2^63 ms.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut millis = 0_u64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ms" => 1,
            "s" | "second" | "seconds" => 1_000,
            "m" | "min" | "minute" | "minutes" => 60_000,
            "h" | "hour" | "hours" => 3_600_000,
            "d" | "day" | "days" => 86_400_000,
            "w" | "week" | "weeks" => 604_800_000,
            _ => return None,
        };
        millis = millis.checked_add(number.checked_mul(unit)?)?;
        rest = rest[letters..].trim_start();
    }
    i64::try_from(millis).is_ok().then(|| Duration::from_millis(millis))
}

/// A duration, or `2 business days`.
pub(super) fn within(text: &str) -> Option<Within> {
    let words: Vec<_> = text.split_whitespace().collect();
    match words[..] {
        [days, "business", "day" | "days"] => days.parse().ok().filter(|&days| days > 0).map(Within::BusinessDays),
        _ => duration(text).map(Within::Elapsed),
    }
}

/// `128MiB`, `64 KiB`, `2GB` (powers of ten), `512B`, in bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let unit: u64 = match text[digits..].trim_start() {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    // 2^53 - 1 is the largest whole number of the ledger.
    number.checked_mul(unit).filter(|&bytes| bytes < 1 << 53)
}

/// `10/s`, `600/m`, `1000/h`.
pub(super) fn rate(text: &str) -> Option<Rate> {
    let (requests, per) = text.split_once('/')?;
    let requests = requests.trim().parse().ok().filter(|&requests| requests > 0)?;
    let per = match per.trim() {
        "s" | "second" => Duration::from_secs(1),
        "m" | "min" | "minute" => Duration::from_secs(60),
        "h" | "hour" => Duration::from_secs(3_600),
        _ => return None,
    };
    Some(Rate { requests, per })
}

/// A calendar day, `2026-06-30`, and nothing else.
pub(super) fn day(text: &str) -> Option<LocalDay> {
    let date: Date = text.parse().ok()?;
    // Years that a timestamp can hold; jiff alone takes times and other forms too.
    (date.to_string() == text && (1..=9998).contains(&date.year())).then(|| LocalDay::from_date(date))
}

/// The end of a day in `zone`, or a time with its offset.
pub fn until(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    match day(text) {
        Some(day) => Some(day.next().start(zone)),
        None => text.parse().ok(),
    }
}

/// Bytes with the largest unit that divides them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match units.iter().find(|&&(unit, _)| self.0 > 0 && self.0.is_multiple_of(unit)) {
            Some((unit, name)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}B", self.0),
        }
    }
}

/// A duration with units that divide it: `7d`, `1h30m`, `1500ms`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Period(pub Duration);

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        if millis == 0 || !millis.is_multiple_of(1_000) {
            return write!(f, "{millis}ms");
        }
        let mut seconds = millis / 1_000;
        for (unit, name) in [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")] {
            if seconds >= unit {
                write!(f, "{}{name}", seconds / unit)?;
                seconds %= unit;
            }
        }
        Ok(())
    }
}

/// Keys with such values.
impl<'t> Section<'t> {
    fn text_of(&self, key: &'static str, expected: Expected, errors: &mut Errors) -> Option<Located<&'t str>> {
        let node = self.node(key)?;
        match &node.value {
            Value::Text(text) => Some(Located { value: text, at: node.at }),
            other => {
                errors.add_wrong_type(node.at, key, expected, other.kind());
                None
            }
        }
    }

    pub(super) fn duration(&self, key: &'static str, errors: &mut Errors) -> Option<Located<Duration>> {
        let text = self.text_of(key, Expected::Duration, errors)?;
        let duration = duration(text.value);
        if duration.is_none() {
            errors.add_malformed(text.at, "bad-duration", text.value, DURATION, DURATION_HINT);
        }
        Some(Located { value: duration?, at: text.at })
    }

    /// A duration that is not zero.
    pub(super) fn time_span(&self, key: &'static str, errors: &mut Errors) -> Option<Located<Duration>> {
        let duration = self.duration(key, errors)?;
        if duration.value.is_zero() {
            errors.add_out_of_range(duration.at, key, "one above zero");
            return None;
        }
        Some(duration)
    }

    pub(super) fn within(&self, key: &'static str, errors: &mut Errors) -> Option<Within> {
        let text = self.text_of(key, Expected::Duration, errors)?;
        let within = within(text.value);
        if within.is_none() {
            let hint = "write a duration such as `7d`, or `2 business days`";
            errors.add_malformed(text.at, "bad-duration", text.value, DURATION, hint);
        }
        within
    }

    /// Bytes, above zero and up to `most`.
    pub(super) fn size(&self, key: &'static str, most: u64, errors: &mut Errors) -> Option<Located<u64>> {
        let node = self.node(key)?;
        let bytes = match &node.value {
            Value::Text(text) => match size(text) {
                Some(bytes) => bytes,
                None => {
                    errors.add_malformed(node.at, "bad-size", text, "a size", SIZE_HINT);
                    return None;
                }
            },
            other => {
                errors.add_wrong_type(node.at, key, Expected::Size, other.kind());
                return None;
            }
        };
        if bytes == 0 || bytes > most {
            errors.add_out_of_range(node.at, key, &format!("one from 1B to {}", Size(most)));
            return None;
        }
        Some(Located { value: bytes, at: node.at })
    }

    pub(super) fn rate(&self, key: &'static str, errors: &mut Errors) -> Option<Rate> {
        let text = text(self.node(key)?, key, errors)?;
        let rate = rate(text.value);
        if rate.is_none() {
            errors.add_malformed(text.at, "bad-rate", text.value, "a rate", "write requests in a time, such as `10/s`");
        }
        rate
    }

    pub(super) fn day(&self, key: &'static str, errors: &mut Errors) -> Option<Located<LocalDay>> {
        let text = text(self.node(key)?, key, errors)?;
        let day = day(text.value);
        if day.is_none() {
            errors.add_malformed(text.at, "bad-date", text.value, "a day", "write one such as `2026-01-31`");
        }
        Some(Located { value: day?, at: text.at })
    }

    /// An IANA name, in the spelling of the database.
    pub(super) fn zone(&self, key: &'static str, errors: &mut Errors) -> Option<(String, TimeZone)> {
        let text = text(self.node(key)?, key, errors)?;
        zone(text, errors)
    }
}

/// The zone of that name.
pub(super) fn zone(name: Located<&str>, errors: &mut Errors) -> Option<(String, TimeZone)> {
    let zone = TimeZone::get(name.value).ok();
    match zone.as_ref().and_then(|zone| zone.iana_name()) {
        Some(known) => Some((known.to_owned(), zone?)),
        None => {
            let names: Vec<_> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            let meant = nearest(name.value, names.iter().map(String::as_str));
            errors.add_unknown_zone(name.at, name.value, meant.map(str::to_owned));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        let seconds = |text| duration(text).map(|duration| duration.as_secs_f64());
        assert_eq!(seconds("30s"), Some(30.0));
        assert_eq!(seconds("1h30m"), Some(5_400.0));
        assert_eq!(seconds(" 2 weeks "), Some(1_209_600.0));
        assert_eq!(seconds("250ms"), Some(0.25));
        for bad in ["", "30", "s", "-5s", "1.5h", "5 parsecs", "99999999999999999999s", "9999999999999999w", "5s,"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
        for text in ["7d", "1h30m", "1500ms", "0ms", "45s"] {
            assert_eq!(Period(duration(text).unwrap()).to_string(), text);
        }
    }

    #[test]
    fn sizes_are_bytes_with_units() {
        assert_eq!(size("128MiB"), Some(128 << 20));
        assert_eq!(size("64 KiB"), Some(65_536));
        assert_eq!(size("2GB"), Some(2_000_000_000));
        for bad in ["", "128", "MiB", "128mb", "1.5GiB", "9007199254740992B", "-1B", "99999999999999999999TiB"] {
            assert_eq!(size(bad), None, "{bad}");
        }
        for text in ["128MiB", "1000B", "1TiB", "0B"] {
            assert_eq!(Size(size(text).unwrap()).to_string(), text);
        }
    }

    #[test]
    fn rates_business_days_and_days_are_read() {
        assert_eq!(rate("10/s"), Some(Rate { requests: 10, per: Duration::from_secs(1) }));
        assert_eq!(rate("0/s"), None);
        assert_eq!(rate("10"), None);
        assert_eq!(within("2 business days"), Some(Within::BusinessDays(2)));
        assert_eq!(within("0 business days"), None);
        assert_eq!(within("7d"), Some(Within::Elapsed(Duration::from_secs(604_800))));
        assert_eq!(day("2026-06-30").unwrap().to_string(), "2026-06-30");
        for bad in ["2026-6-30", "2026-02-30", "30.6.2026", "2026-06-30T00:00", "20260630", "-000001-01-01"] {
            assert_eq!(day(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_last_day_of_an_exclusion_is_inclusive() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(until("2026-06-30", &berlin).unwrap().to_string(), "2026-06-30T22:00:00.000Z");
        assert_eq!(until("2026-06-30T12:00:00Z", &berlin).unwrap().to_string(), "2026-06-30T12:00:00.000Z");
    }
}
