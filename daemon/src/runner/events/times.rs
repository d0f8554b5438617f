//! When an event was, in the forms that are met in logs.

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{Offset, TimeZone},
};

/// Reads times; those that name no zone are of `zone`, if there is one.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    pub(super) zone: Option<TimeZone>,
}

impl Times {
    /// RFC 3339; the same with a space in the middle, and with the name of a zone behind it, as PostgreSQL writes it;
    /// seconds, milliseconds, microseconds or nanoseconds since 1970. `None`: it is none of these.
    pub(super) fn read(&self, text: &str) -> Option<Timestamp> {
        let text = text.trim();
        if let Some(at) = since_1970(text) {
            return Some(at);
        }
        if let Ok(at) = text.parse() {
            return Some(at);
        }
        let (civil, zone) = match text.rsplit_once(' ') {
            Some((civil, zone)) if !zone.starts_with(|letter: char| letter.is_ascii_digit()) => (civil, Some(zone)),
            _ => (text, None),
        };
        let civil: DateTime = civil.parse().ok()?;
        match zone {
            Some("UTC" | "GMT" | "Z") => TimeZone::UTC.to_timestamp(civil).ok(),
            Some(zone) => match offset(zone) {
                Some(offset) => offset.to_timestamp(civil).ok(),
                None => self.by_abbreviation(civil, zone),
            },
            None => self.zone.as_ref()?.to_timestamp(civil).ok(),
        }
    }

    /// `CET` and `CEST` tell apart the two times of an hour that comes twice; they are believed only of the zone that has
    /// them: there are several `IST`.
    fn by_abbreviation(&self, civil: DateTime, abbreviation: &str) -> Option<Timestamp> {
        let zone = self.zone.as_ref()?;
        let ambiguous = zone.to_ambiguous_zoned_datetime(civil);
        let both = [ambiguous.clone().earlier(), ambiguous.later()];
        let is_so = |at: &Timestamp| zone.to_offset_info(*at).abbreviation() == abbreviation;
        both.into_iter().filter_map(Result::ok).map(|zoned| zoned.timestamp()).find(is_so)
    }
}

/// `+01`, `+0530`, `-03:30`.
fn offset(text: &str) -> Option<Offset> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|letter| *letter != ':').collect();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (i32, i32) = match digits.len() {
        2 => (digits.parse().ok()?, 0),
        4 => (digits[..2].parse().ok()?, digits[2..].parse().ok()?),
        _ => return None,
    };
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// A number of seconds, or of smaller units: which, its size tells. Seconds will have twelve digits in the year 5138.
fn since_1970(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 20 || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let scale: u32 = match whole.len() {
        ..=11 => 9,
        12..=14 => 6,
        15..=17 => 3,
        _ => 0,
    };
    let mut nanoseconds = whole.parse::<i128>().ok()? * 10_i128.pow(scale);
    for (place, digit) in fraction.bytes().take(scale as usize).enumerate() {
        nanoseconds += i128::from(digit - b'0') * 10_i128.pow(scale - 1 - place as u32);
    }
    Timestamp::from_nanosecond(nanoseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(zone: Option<&str>, text: &str, expected: &str) {
        let times = Times { zone: zone.map(|name| TimeZone::get(name).unwrap()) };
        let read = times.read(text).map_or_else(|| "-".to_owned(), |at| at.to_string());
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn the_forms_that_logs_have() {
        for (text, expected) in [
            ("2026-11-23T11:57:13Z", "2026-11-23T11:57:13Z"),
            ("2026-11-23t11:57:13.168z", "2026-11-23T11:57:13.168Z"),
            ("2026-11-23T11:57:13.168123+02:00", "2026-11-23T09:57:13.168123Z"),
            ("2026-11-23 11:57:13.168+00", "2026-11-23T11:57:13.168Z"),
            ("2026-11-23T11:57:13+0100", "2026-11-23T10:57:13Z"),
            ("2026-11-23 11:57:13.168 UTC", "2026-11-23T11:57:13.168Z"),
            ("2026-11-23 11:57:13 GMT", "2026-11-23T11:57:13Z"),
            ("2026-11-23 11:57:13 +0530", "2026-11-23T06:27:13Z"),
            ("2026-11-23 11:57:13 -03", "2026-11-23T14:57:13Z"),
            ("1795435033", "2026-11-23T11:57:13Z"),
            ("1795435033.25", "2026-11-23T11:57:13.25Z"),
            ("1795435033168", "2026-11-23T11:57:13.168Z"),
            ("1795435033168123", "2026-11-23T11:57:13.168123Z"),
            ("1795435033168123456", "2026-11-23T11:57:13.168123456Z"),
            ("2026-11-23 11:57:13", "-"),
            ("2026-11-23 11:57:13 CET", "-"),
            ("2026-11-23", "-"),
            ("", "-"),
            ("-1", "-"),
            ("yesterday", "-"),
            ("99999999999999999999999", "-"),
        ] {
            check(None, text, expected);
        }
    }

    #[test]
    fn times_without_an_offset_are_of_the_zone_that_is_given() {
        for (text, expected) in [
            ("2026-11-23 11:57:13,168", "2026-11-23T10:57:13.168Z"),
            ("2026-11-23T11:57:13", "2026-11-23T10:57:13Z"),
            ("2026-11-23 11:57:13 CET", "2026-11-23T10:57:13Z"),
            ("2026-07-23 11:57:13 CEST", "2026-07-23T09:57:13Z"),
            ("2026-07-23 11:57:13 CET", "-"),
            ("2026-10-25 02:30:00 CEST", "2026-10-25T00:30:00Z"),
            ("2026-10-25 02:30:00 CET", "2026-10-25T01:30:00Z"),
            ("2026-11-23 11:57:13 UTC", "2026-11-23T11:57:13Z"),
        ] {
            check(Some("Europe/Berlin"), text, expected);
        }
    }
}
