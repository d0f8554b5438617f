//! Days and hours in a time zone.

use std::cell::Cell;

use evidenced_plugin::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::pattern::{self, Pattern};

/// When principals may read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hours {
    /// Whom this rule is for; the first that names somebody holds, and who is named by none may read at any time.
    principals: Vec<Pattern>,
    #[serde(default = "every_day")]
    days: Vec<Day>,
    from: ClockTime,
    until: ClockTime,
    zone: Option<Zone>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Hours {
    pub(crate) fn are_for(&self, principal: &str) -> bool {
        pattern::any(&self.principals, principal)
    }

    /// Whether it is within these hours: from the first minute on, until before the last. Hours over midnight belong to the
    /// day on which they begin; equal times are the whole day.
    pub(crate) fn hold(&self, at: Timestamp, zone: &Zone) -> bool {
        let local = self.zone.as_ref().unwrap_or(zone).local(at);
        let (from, until) = (self.from.0, self.until.0);
        let begins_on = |day: i64| self.days.iter().any(|one| *one as i64 == (day + 3).rem_euclid(7));
        match from.cmp(&until) {
            std::cmp::Ordering::Less => begins_on(local.day) && (from..until).contains(&local.minute),
            std::cmp::Ordering::Equal => begins_on(local.day),
            std::cmp::Ordering::Greater => {
                (begins_on(local.day) && local.minute >= from) || (begins_on(local.day - 1) && local.minute < until)
            }
        }
    }
}

/// `07:30`: minutes of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct ClockTime(u32);

impl TryFrom<String> for ClockTime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2);
        let number =
            |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u32>().ok()).flatten();
        match parts.and_then(|(hour, minute)| Some((number(hour)?, number(minute)?))) {
            Some((hour, minute)) if hour < 24 && minute < 60 => Ok(Self(hour * 60 + minute)),
            _ => Err(format!("`{text}` is no time of the day: write 07:30")),
        }
    }
}

/// A time zone by its IANA name.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Zone {
    zone: TimeZone,
    /// The quarter of an hour that was looked up last, and what lies between its clock and UTC, in seconds: events come in
    /// order of time, and no zone changes within one.
    last: Cell<(i64, i32)>,
}

/// A moment on the clock of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Local {
    /// Days since 1970-01-01.
    pub day: i64,
    /// Of the day.
    pub minute: u32,
}

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let zone = TimeZone::get(&name)
            .map_err(|_| format!("`{name}` is no time zone: write a name such as Europe/Berlin"))?;
        Ok(Self { zone, last: Cell::new((i64::MIN, 0)) })
    }
}

impl Zone {
    pub(crate) fn utc() -> Self {
        Self { zone: TimeZone::UTC, last: Cell::new((i64::MIN, 0)) }
    }

    pub(crate) fn local(&self, at: Timestamp) -> Local {
        let ms = at.as_ms() + i64::from(self.offset_s(at)) * 1000;
        let minute = u32::try_from(ms.rem_euclid(MS_PER_DAY) / 60_000).unwrap_or_default();
        Local { day: ms.div_euclid(MS_PER_DAY), minute }
    }

    fn offset_s(&self, at: Timestamp) -> i32 {
        let quarter = at.as_ms().div_euclid(900_000);
        let (last, offset_s) = self.last.get();
        if last == quarter {
            return offset_s;
        }
        // What lies outside of the years that a calendar knows is no time of a log.
        let offset_s = jiff::Timestamp::from_millisecond(at.as_ms()).map_or(0, |at| self.zone.to_offset(at).seconds());
        self.last.set((quarter, offset_s));
        offset_s
    }
}

/// A day as text: `2026-03-02`.
pub(crate) fn date(day: i64) -> String {
    Timestamp::from_ms(day.saturating_mul(MS_PER_DAY)).to_instant()[..10].to_owned()
}

fn every_day() -> Vec<Day> {
    vec![Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun]
}

const MS_PER_DAY: i64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(json: &str) -> Hours {
        serde_json::from_str(json).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn office_hours_follow_the_zone_through_summer_and_winter() {
        let office = hours(
            r#"{"principals":["*"],"days":["mon","tue","wed","thu","fri"],"from":"07:00","until":"20:00","zone":"Europe/Berlin"}"#,
        );
        let utc = Zone::utc();
        for within in ["2026-01-15T06:00:00Z", "2026-07-15T05:00:00Z", "2026-07-15T17:59:59.999Z"] {
            assert!(office.hold(at(within), &utc), "{within}");
        }
        // 2026-01-17 is a Saturday.
        for outside in ["2026-01-15T05:59:59.999Z", "2026-07-15T18:00:00Z", "2026-01-17T12:00:00Z"] {
            assert!(!office.hold(at(outside), &utc), "{outside}");
        }
    }

    #[test]
    fn hours_over_midnight_belong_to_the_day_on_which_they_begin() {
        let night = hours(r#"{"principals":["job"],"days":["fri"],"from":"22:00","until":"04:00"}"#);
        let utc = Zone::utc();
        // 2026-01-16 is a Friday.
        for (moment, held) in [
            ("2026-01-16T22:00:00Z", true),
            ("2026-01-17T03:59:00Z", true),
            ("2026-01-17T04:00:00Z", false),
            ("2026-01-16T03:00:00Z", false),
            ("2026-01-17T22:00:00Z", false),
        ] {
            assert_eq!(night.hold(at(moment), &utc), held, "{moment}");
        }
    }

    #[test]
    fn a_local_day_is_that_of_its_zone() {
        let berlin = Zone::try_from("Europe/Berlin".to_owned()).unwrap();
        let day = berlin.local(at("2026-03-01T23:30:00Z")).day;
        assert_eq!((date(day), berlin.local(at("2026-03-01T23:30:00Z")).minute), ("2026-03-02".to_owned(), 30));
        assert!(Zone::try_from("Europe/Atlantis".to_owned()).is_err());
        for wrong in ["7:30", "24:00", "07:60", "+1:00", "07:3x"] {
            assert!(ClockTime::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
