//! Times, lengths of time, numbers and reasons, as people say them.

use std::time::Duration;

use evidenced_contract::Measurement;
use jiff::tz::TimeZone;

use crate::domain::{
    ClockDoubt, Departure, Family, LocalDay, MissedReason, RunReason, ScheduleSpec, Timestamp, Within,
};

/// `Mon 2 March 2026, 06:00 CET (UTC+01:00)`.
pub fn time(at: Timestamp, zone: &TimeZone) -> String {
    let zoned = at.to_jiff().to_zoned_datetime(zone.clone());
    let clock = zoned.strftime("%a %-d %B %Y, %H:%M");
    let offset = zoned.strftime("%:z").to_string();
    let name = zoned.strftime("%Z").to_string();
    if name == "UTC" {
        format!("{clock} UTC")
    } else if name.chars().all(|c| c.is_ascii_alphabetic()) {
        format!("{clock} {name} (UTC{offset})")
    } else {
        format!("{clock} UTC{offset}")
    }
}

/// For tables: `2 Mar 2026, 06:00 CET`.
pub fn short_time(at: Timestamp, zone: &TimeZone) -> String {
    let zoned = at.to_jiff().to_zoned_datetime(zone.clone());
    let name = zoned.strftime("%Z").to_string();
    let name = if name.chars().all(|c| c.is_ascii_alphabetic()) { name } else { zoned.strftime("UTC%:z").to_string() };
    format!("{} {name}", zoned.strftime("%-d %b %Y, %H:%M"))
}

/// `Mon 2 March 2026`.
pub fn day(day: LocalDay) -> String {
    day.to_date().strftime("%a %-d %B %Y").to_string()
}

/// For tables: `2 Mar 2026`.
pub fn short_day(day: LocalDay) -> String {
    day.to_date().strftime("%-d %b %Y").to_string()
}

/// The two largest units: `2 days 3 h`, `2 h 10 min`, `45 s`; less than a second is `0 s`.
pub fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let parts = match (days, hours, minutes) {
        (0, 0, 0) => return format!("{seconds} s"),
        (0, 0, _) if seconds < 600 => [format!("{minutes} min"), unless_zero(seconds % 60, "s")],
        (0, 0, _) => [format!("{minutes} min"), String::new()],
        (0, ..) => [format!("{hours} h"), unless_zero(minutes, "min")],
        _ => [count(days, "day"), unless_zero(hours, "h")],
    };
    parts.join(" ").trim_end().to_owned()
}

fn unless_zero(number: u64, unit: &str) -> String {
    if number == 0 { String::new() } else { format!("{number} {unit}") }
}

/// `1 exception`, `2 exceptions`, `1,204 entries`.
pub fn count(number: u64, noun: &str) -> String {
    let plural = match noun.strip_suffix('y') {
        _ if number == 1 => noun.to_owned(),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{noun}s"),
    };
    format!("{} {plural}", grouped(number))
}

/// `18,200`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// At most four digits after the point, without idle zeros; very large and very small ones in powers of ten.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e15).contains(&size) {
        return format!("{value:e}");
    }
    let text = format!("{size:.4}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), grouped);
    let sign = if value < 0.0 { "−" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A number with its UCUM unit in words: `104 days`, `99.5 %`, `3 bytes`.
pub fn quantity(value: f64, unit: &str) -> String {
    let noun = match unit {
        "" | "1" => return number(value),
        "d" => "day",
        "wk" => "week",
        "mo" => "month",
        "a" => "year",
        "By" => "byte",
        "%" => return format!("{}\u{a0}%", number(value)),
        other => return format!("{} {}", number(value), other.trim_matches(['{', '}'])),
    };
    let plural = if value == 1.0 { "" } else { "s" };
    format!("{} {noun}{plural}", number(value))
}

/// What was measured: `age 104 days`.
pub fn measured(measurement: &Measurement) -> String {
    let name = measurement.name.replace('_', " ");
    format!("{name} {}", quantity(measurement.value, &measurement.unit))
}

/// What it was to be: `90 days`. Whether that is the most or the least is the check's to say.
pub fn limit(measurement: &Measurement) -> Option<String> {
    measurement.limit.map(|limit| quantity(limit, &measurement.unit))
}

/// How often a check runs: `every 5 min`, `every day at 06:00 (Europe/Berlin)`.
pub fn schedule(spec: &ScheduleSpec, zone: &str) -> String {
    let text = match spec {
        ScheduleSpec::Every(period) => return format!("every {}", duration(*period)),
        ScheduleSpec::Attested(holds) => return format!("attested by a person, every {}", duration(*holds)),
        ScheduleSpec::Cron(text) => text.trim(),
    };
    let fields: Vec<_> = text.split_whitespace().collect();
    let plain = match fields[..] {
        [minute, hour, days, "*", weekday] => clock(hour, minute).and_then(|clock| match (days, weekday) {
            ("*", "*") => Some(format!("every day at {clock}")),
            ("*", weekday) => Some(format!("every {} at {clock}", weekday_name(weekday)?)),
            (day, "*") => Some(format!("on day {} of every month at {clock}", day.parse::<u8>().ok()?)),
            _ => None,
        }),
        _ => None,
    };
    match plain {
        Some(words) => format!("{words} ({zone})"),
        None => format!("by the schedule “{text}” ({zone})"),
    }
}

fn clock(hour: &str, minute: &str) -> Option<String> {
    let (hour, minute): (u8, u8) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then(|| format!("{hour:02}:{minute:02}"))
}

fn weekday_name(field: &str) -> Option<&'static str> {
    Some(match field.to_ascii_lowercase().as_str() {
        "0" | "7" | "sun" => "Sunday",
        "1" | "mon" => "Monday",
        "2" | "tue" => "Tuesday",
        "3" | "wed" => "Wednesday",
        "4" | "thu" => "Thursday",
        "5" | "fri" => "Friday",
        "6" | "sat" => "Saturday",
        "1-5" | "mon-fri" => "working day, Monday to Friday,",
        _ => return None,
    })
}

/// The time to fix: `7 days`, `2 business days`.
pub fn within(within: Within) -> String {
    match within {
        Within::Elapsed(length) => duration(length),
        Within::BusinessDays(days) => count(u64::from(days), "business day"),
    }
}

pub const fn family(family: Family) -> &'static str {
    match family {
        Family::Security => "Security",
        Family::Availability => "Availability",
        Family::ProcessingIntegrity => "Processing integrity",
        Family::Confidentiality => "Confidentiality",
        Family::Privacy => "Privacy",
        Family::ModelGovernance => "Model governance",
        Family::Fairness => "Fairness",
        Family::ChangeManagement => "Change management",
    }
}

/// Why a run could not test, in a few words that fit a subject.
pub const fn run_reason(reason: RunReason) -> &'static str {
    match reason {
        RunReason::Internal => "the check itself failed",
        RunReason::Unreachable => "could not be reached",
        RunReason::Denied => "access denied",
        RunReason::Throttled => "too many requests",
        RunReason::Timeout => "timed out",
        RunReason::BadInput => "input that cannot be read",
        RunReason::Unsupported => "not supported by the check",
        RunReason::FindingErrors => "some subjects could not be looked at",
        RunReason::Incomplete => "not everything was looked at",
        RunReason::NothingAssessed => "nothing there to test",
        RunReason::BrokenReport => "the check gave a broken report",
        RunReason::Trap => "the check crashed",
        RunReason::LimitWall => "over the time limit",
        RunReason::LimitMemory => "over the memory limit",
        RunReason::LimitTables => "over the limit of tables",
        RunReason::LimitReport => "report over the size limit",
        RunReason::LimitRequests => "over the limit of requests",
        RunReason::LimitResponse => "an answer over the size limit",
        RunReason::LimitLog => "log over the size limit",
        RunReason::LimitRounds => "over the limit of rounds",
        RunReason::LimitState => "state over the size limit",
        RunReason::PluginMissing => "plugin missing",
        RunReason::PluginGarbage => "plugin file damaged",
        RunReason::PluginChanged => "plugin file changed",
        RunReason::PluginUnsigned => "plugin not signed by whom it must be",
        RunReason::PluginUnsupported => "plugin not supported",
        RunReason::GrantMissing => "a permission is not configured",
        RunReason::ConfigRefused => "configuration refused by the plugin",
        RunReason::CasesFailed => "recorded cases come out otherwise",
        RunReason::InputUnreadable => "an input could not be read",
        RunReason::Stopped => "stopped before it ended",
        RunReason::Host => "evidenced itself failed",
    }
}

pub const fn missed_reason(reason: MissedReason) -> &'static str {
    match reason {
        MissedReason::Down => "evidenced was not running",
        MissedReason::Shutdown => "evidenced had been stopped",
        MissedReason::Interrupted => "the run was interrupted",
        MissedReason::Overlap => "the run before had not ended",
        MissedReason::Concurrency => "too many runs at once",
        MissedReason::Disabled => "the control was disabled",
        MissedReason::Clock => "the clock was in doubt",
        MissedReason::DiskFull => "the disk was full",
        MissedReason::Superseded => "a later run took its place",
    }
}

/// What is wrong with the wall clock.
pub fn clock_doubt(doubt: ClockDoubt) -> String {
    let by = |seconds| duration(Duration::from_secs(seconds));
    match doubt {
        ClockDoubt::BehindLedger { by_s } => format!("at the start it was {} behind the newest entry", by(by_s)),
        ClockDoubt::FarAhead { by_s } => {
            format!("at the start it was {} ahead of the newest entry and not synchronised", by(by_s))
        }
        ClockDoubt::JumpedForward { by_s } => format!("it jumped forward by {}", by(by_s)),
        ClockDoubt::JumpedBack { by_s } => format!("it jumped back by {}", by(by_s)),
        ClockDoubt::Unsettled => "it was in doubt before the start, and nothing has settled it".to_owned(),
    }
}

pub const fn departure(why: Departure) -> &'static str {
    match why {
        Departure::Fixed => "fixed: it passes now",
        Departure::Gone => "gone: the source no longer lists it",
        Departure::NoLongerReported => "no longer reported (not known to be fixed)",
        Departure::Excluded => "excluded from the control",
        Departure::DefinitionChanged => "the control's definition changed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    #[test]
    fn a_time_has_its_zone() {
        let at: Timestamp = "2026-03-02T05:00:00Z".parse().unwrap();
        assert_eq!(time(at, &zone("Europe/Berlin")), "Mon 2 March 2026, 06:00 CET (UTC+01:00)");
        assert_eq!(time(at, &TimeZone::UTC), "Mon 2 March 2026, 05:00 UTC");
        assert_eq!(time(at, &zone("Asia/Dubai")), "Mon 2 March 2026, 09:00 UTC+04:00");
        assert_eq!(short_time(at, &zone("Asia/Kolkata")), "2 Mar 2026, 10:30 IST");
        assert_eq!(short_time(at, &zone("Asia/Dubai")), "2 Mar 2026, 09:00 UTC+04:00");
        let summer: Timestamp = "2026-07-02T05:00:00Z".parse().unwrap();
        assert_eq!(time(summer, &zone("Europe/Berlin")), "Thu 2 July 2026, 07:00 CEST (UTC+02:00)");
    }

    #[test]
    fn a_length_of_time_has_at_most_two_units() {
        let check = |seconds, expected: &str| assert_eq!(duration(Duration::from_secs(seconds)), expected);
        check(0, "0 s");
        check(59, "59 s");
        check(61, "1 min 1 s");
        check(660, "11 min");
        check(7_800, "2 h 10 min");
        check(86_400, "1 day");
        check(97_200, "1 day 3 h");
        check(7 * 86_400, "7 days");
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(count(1, "entry"), "1 entry");
        assert_eq!(count(1_204, "entry"), "1,204 entries");
        assert_eq!(count(2, "day"), "2 days");
        assert_eq!(quantity(104.0, "d"), "104 days");
        assert_eq!(quantity(1.0, "d"), "1 day");
        assert_eq!(quantity(99.51234, "%"), "99.5123\u{a0}%");
        assert_eq!(quantity(0.25, "1"), "0.25");
        assert_eq!(quantity(1_234_567.0, "By"), "1,234,567 bytes");
        assert_eq!(quantity(3.0, "{keys}"), "3 keys");
        assert_eq!(number(-2.5), "−2.5");
        assert_eq!(number(1e-9), "1e-9");
    }

    #[test]
    fn usual_schedules_are_said_in_words() {
        let check = |text: &str, expected: &str| {
            assert_eq!(schedule(&ScheduleSpec::Cron(text.to_owned()), "Europe/Berlin"), expected);
        };
        check("0 6 * * *", "every day at 06:00 (Europe/Berlin)");
        check("30 7 * * 1", "every Monday at 07:30 (Europe/Berlin)");
        check("0 4 1 * *", "on day 1 of every month at 04:00 (Europe/Berlin)");
        check("*/5 * * * *", "by the schedule “*/5 * * * *” (Europe/Berlin)");
        assert_eq!(schedule(&ScheduleSpec::Every(Duration::from_secs(300)), "UTC"), "every 5 min");
    }
}
