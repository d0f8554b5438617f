//! Times as the ledger writes them.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{fmt, str::FromStr, time::Duration};

/// A moment in UTC, to the millisecond; as text always 24 characters, `2026-03-02T06:00:00.000Z`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time such as 2026-03-02T06:00:00Z")]
pub struct TimeError(String);

impl Timestamp {
    pub const EPOCH: Self = Self(0);
    const MIN_MILLIS: i64 = -62_135_596_800_000; // 0001-01-01
    const MAX_MILLIS: i64 = 253_370_764_799_999; // 9998-12-31, a year short of what text can hold

    /// Milliseconds since 1970-01-01T00:00Z; clamped to the years 1 to 9998.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(Self::MIN_MILLIS, Self::MAX_MILLIS))
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Cut to the millisecond.
    pub fn from_jiff(at: jiff::Timestamp) -> Self {
        Self::from_millis(at.as_millisecond())
    }

    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).expect("a Timestamp is clamped to what jiff can hold")
    }

    pub fn plus(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    pub fn minus(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The time from `earlier` to here; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_jiff())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        text.parse::<jiff::Timestamp>().map(Self::from_jiff).map_err(|_| TimeError(text.to_owned()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// The scheduled time of a check; a run may start later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SlotTime(pub Timestamp);

impl fmt::Display for SlotTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A calendar day of some time zone, counted in days from 1970-01-01; as text `2026-03-02`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LocalDay(pub i32);

impl LocalDay {
    /// The day that the clocks of `zone` show at `at`.
    pub fn of(at: Timestamp, zone: &jiff::tz::TimeZone) -> Self {
        let date = zone.to_datetime(at.to_jiff()).date();
        Self::from_date(date)
    }

    pub fn from_date(date: jiff::civil::Date) -> Self {
        let days = (date - jiff::civil::date(1970, 1, 1)).get_days();
        Self(days)
    }

    pub fn to_date(self) -> jiff::civil::Date {
        let span = jiff::Span::new().try_days(self.0).unwrap_or_default();
        jiff::civil::date(1970, 1, 1).saturating_add(span)
    }

    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The first moment of this day in `zone`.
    pub fn start(self, zone: &jiff::tz::TimeZone) -> Timestamp {
        match self.to_date().to_zoned_datetime(zone.clone()) {
            Ok(midnight) => Timestamp::from_jiff(midnight.start_of_day().unwrap_or(midnight).timestamp()),
            Err(_) => Timestamp::from_millis(i64::from(self.0) * 86_400_000),
        }
    }
}

impl fmt::Display for LocalDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_date().fmt(f)
    }
}

impl fmt::Debug for LocalDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_24_characters_and_round_trips() {
        for text in ["1970-01-01T00:00:00.000Z", "2026-03-02T06:00:00.120Z", "0001-01-01T00:00:00.000Z"] {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(at.to_string(), text);
        }
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string().len(), 24);
        assert_eq!("2026-03-02T07:00:00+01:00".parse::<Timestamp>().unwrap().to_string(), "2026-03-02T06:00:00.000Z");
    }

    #[test]
    fn a_day_is_the_zone_s_day() {
        let apia = jiff::tz::TimeZone::get("Pacific/Apia").unwrap();
        let at: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        assert_eq!(LocalDay::of(at, &apia).to_string(), "2026-03-02");
        assert_eq!(LocalDay::of(at, &jiff::tz::TimeZone::UTC).to_string(), "2026-03-01");
        let day = LocalDay::of(at, &apia);
        assert_eq!(LocalDay::of(day.start(&apia), &apia), day);
    }
}
