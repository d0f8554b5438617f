//! The year, and how its times are written: `02-29 12:00`, by the company's clocks.

use evidenced::domain::Timestamp;
use jiff::civil::DateTime;

/// The zone of the company, of its controls and of its window.
pub(super) const ZONE: &str = "Europe/Berlin";

/// With a 29 February.
const YEAR: i16 = 2024;

/// A moment: `MM-DD HH:MM` of the year, or `YYYY-MM-DD HH:MM`.
///
/// # Panics
/// If it is written otherwise.
pub(super) fn at(text: &str) -> Timestamp {
    let whole = if text.len() > "MM-DD HH:MM".len() { text.to_owned() } else { format!("{YEAR}-{text}") };
    let local: DateTime = whole.replace(' ', "T").parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    let zoned = local.in_tz(ZONE).unwrap_or_else(|error| panic!("{text}: {error}"));
    Timestamp::from_jiff(zoned.timestamp())
}

/// How it is written.
pub(super) fn local(at: Timestamp) -> String {
    let zone = jiff::tz::TimeZone::get(ZONE).unwrap_or(jiff::tz::TimeZone::UTC);
    at.to_jiff().to_zoned_datetime(zone).strftime("%Y-%m-%d %H:%M").to_string()
}

/// The daemon is started for the first time.
pub(super) fn begin() -> Timestamp {
    at("01-01 00:00")
}

/// The morning after the window, when its summary has gone out.
pub(super) fn end() -> Timestamp {
    at("2025-01-01 09:30")
}

/// The last moment whose slots are looked at: what is due then has started by the end, however far it was put off.
pub(super) fn last_slot() -> Timestamp {
    at("2025-01-01 09:00")
}
