//! Times as the ledger writes them.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{fmt, ops::Range, str::FromStr, time::Duration};

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

    /// All times but the last.
    pub const fn ever() -> Range<Self> {
        Self(Self::MIN_MILLIS)..Self(Self::MAX_MILLIS)
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

impl Timestamp {
    /// Every entry and row holds several times, so their text does not go through `fmt`; a test holds it against
    /// jiff's.
    fn with_text<T>(self, then: impl FnOnce(&str) -> T) -> T {
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut digits = |from: usize, width: usize, mut value: i64| {
            for place in (from..from + width).rev() {
                text[place] = b'0' + (value % 10) as u8;
                value /= 10;
            }
        };
        let (day, millis) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        let (year, month, date) = civil(day);
        digits(0, 4, year);
        digits(5, 2, month);
        digits(8, 2, date);
        digits(11, 2, millis / 3_600_000);
        digits(14, 2, millis / 60_000 % 60);
        digits(17, 2, millis / 1_000 % 60);
        digits(20, 3, millis % 1_000);
        then(std::str::from_utf8(&text).expect("digits are ASCII"))
    }
}

/// Year, month and day of a day since 1970-01-01 in the Gregorian calendar, for the years that a [`Timestamp`] can
/// hold. Years begin in March here, so that the leap day is the last.
const fn civil(day: i64) -> (i64, i64, i64) {
    const DAYS_400_YEARS: i64 = 146_097;
    let since_0000_march = day + 719_468;
    let (era, day_of_era) = (since_0000_march.div_euclid(DAYS_400_YEARS), since_0000_march.rem_euclid(DAYS_400_YEARS));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / (DAYS_400_YEARS - 1)) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let date = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + (month <= 2) as i64, month, date)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
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
        self.with_text(|text| to.serialize_str(text))
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
    fn the_text_is_what_jiff_writes() {
        let check = |millis| {
            let at = Timestamp::from_millis(millis);
            assert_eq!(at.to_string(), format!("{:.3}", at.to_jiff()));
        };
        [i64::MIN, -1, 0, 951_782_400_000, 1_709_164_800_123, i64::MAX].into_iter().for_each(check);
        // Days all over the calendar, at another time of day each; 11 meets every date of every kind of year.
        (-719_162..2_932_531).step_by(11).for_each(|day: i64| check(day * 86_400_000 + day.rem_euclid(97) * 883_211));
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
