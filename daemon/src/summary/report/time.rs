use jiff::tz::TimeZone;
use std::time::Duration;

use crate::domain::Timestamp;

/// Writes times in the zone of the report, always with their offset: a time without one may be two.
pub(super) struct Clock(TimeZone);

impl Clock {
    /// An unknown name reads as UTC; the offset says so.
    pub(super) fn of(zone: &str) -> Self {
        Self(TimeZone::get(zone).unwrap_or(TimeZone::UTC))
    }

    /// `2026-03-02 06:00 +01:00`.
    pub(super) fn minute(&self, at: Timestamp) -> String {
        self.zoned(at).strftime("%Y-%m-%d %H:%M %:z").to_string()
    }

    /// RFC 3339, with the offset of the zone.
    pub(super) fn rfc3339(&self, at: Timestamp) -> String {
        self.zoned(at).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    fn zoned(&self, at: Timestamp) -> jiff::ZonedDateTime {
        at.to_jiff().to_zoned_datetime(self.0.clone())
    }
}

/// The two largest units: `2 d 3 h`, `2 h 10 min`, `45 s`.
pub(super) fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let two = |large: u64, unit: &str, small: u64, smaller: &str| match small {
        0 => format!("{large} {unit}"),
        small => format!("{large} {unit} {small} {smaller}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => two(minutes, "min", seconds % 60, "s"),
        (0, ..) => two(hours, "h", minutes, "min"),
        _ => two(days, "d", hours, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_carry_their_offset_and_lengths_two_units() {
        let clock = Clock::of("Europe/Berlin");
        let at = "2026-10-25T01:30:00Z".parse().unwrap();
        assert_eq!(clock.minute(at), "2026-10-25 02:30 +01:00");
        assert_eq!(clock.rfc3339(at), "2026-10-25T02:30:00+01:00");
        let of = |seconds| length(Duration::from_secs(seconds));
        assert_eq!(
            [of(0), of(59), of(600), of(7_800), of(86_400), of(183_600)],
            ["0 s", "59 s", "10 min", "2 h 10 min", "1 d", "2 d 3 h"]
        );
    }
}
