//! Moments as a person writes and reads them.

use jiff::{civil, tz::TimeZone};

use crate::domain::{SlotTime, Timestamp};

/// RFC 3339, or what the clocks of `zone` show: a day (its first moment) or a day and a time. A time that they skip
/// is the one as long after the gap; of a time that comes twice the first is meant.
pub(super) fn parse(text: &str, zone: &TimeZone, option: &str) -> anyhow::Result<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let wrong =
        || anyhow::anyhow!("{option} `{text}` is no time; write 2026-03-29, 2026-03-29T02:30 or 2026-03-29T02:30:00Z");
    let civil: civil::DateTime = text.parse().map_err(|_| wrong())?;
    zone.to_timestamp(civil).map(Timestamp::from_jiff).map_err(|_| wrong())
}

/// To the minute: when something happened.
pub(super) fn minute(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%d %H:%MZ").to_string()
}

/// A slot: with its seconds if it has any, as a schedule like `every = "90s"` gives them.
pub(super) fn slot(SlotTime(at): SlotTime) -> String {
    let has_seconds = at.as_millis() % 60_000 >= 1000;
    if has_seconds { at.to_jiff().strftime("%Y-%m-%d %H:%M:%SZ").to_string() } else { minute(at) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_shown_with_its_seconds_if_it_has_any() {
        let shown = |text: &str| slot(SlotTime(text.parse().unwrap()));
        assert_eq!(shown("2026-03-02T06:00:00Z"), "2026-03-02 06:00Z");
        assert_eq!(shown("2026-03-02T06:01:30Z"), "2026-03-02 06:01:30Z");
    }

    #[test]
    fn a_day_is_its_first_moment_on_the_clocks_of_the_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let read = |text: &str| parse(text, &berlin, "--from").map(|at| at.to_string());
        assert_eq!(read("2026-03-31").unwrap(), "2026-03-30T22:00:00.000Z");
        assert_eq!(read("2026-03-31T08:00").unwrap(), "2026-03-31T06:00:00.000Z");
        assert_eq!(read("2026-03-31T08:00:00Z").unwrap(), "2026-03-31T08:00:00.000Z");
        assert!(
            read("yesterday").unwrap_err().to_string().starts_with("--from `yesterday` is no time; write 2026-03-29,")
        );
    }
}
