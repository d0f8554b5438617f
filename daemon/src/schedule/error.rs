//! Why a schedule is refused, in the words of the person who wrote it.

use std::{fmt, time::Duration};

/// Each variant names what was written and what may be written instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error(
        "`{expression}` has {found} fields; write five: minute, hour, day of month, month, day of week{}",
        hint(.instead)
    )]
    FieldCount {
        expression: String,
        found: usize,
        /// What the writer may have meant.
        instead: Option<String>,
    },
    #[error("`{text}` in the {field} field: {problem}; allowed are {}", .field.allowed())]
    Field { field: CronField, text: String, problem: String },
    #[error("`{expression}` never fires: {why}")]
    Impossible { expression: String, why: String },
    #[error("a period of {} is out of bounds; `every` takes one second to 366 days", Seconds(*.0))]
    Period(Duration),
    #[error("an attested control has no schedule")]
    Attested,
    #[error("no time zone is named `{name}`{}; write an IANA name such as `Europe/Berlin`, or `UTC`", hint(.nearest))]
    UnknownZone {
        name: String,
        /// The name in the time zone database that is spelled most alike.
        nearest: Option<String>,
    },
}

/// A field of a cron expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CronField {
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
}

impl CronField {
    /// In the order in which they are written.
    pub const ALL: [Self; 5] = [Self::Minute, Self::Hour, Self::DayOfMonth, Self::Month, Self::DayOfWeek];

    /// What may stand in this field.
    pub const fn allowed(self) -> &'static str {
        match self {
            Self::Minute => "0 to 59, ranges (0-29), steps (*/5, 0-29/5), lists (0,30) and *",
            Self::Hour => "0 to 23, ranges (8-18), steps (*/2, 8-18/2), lists (6,18) and *",
            Self::DayOfMonth => "1 to 31, ranges (1-7), steps (*/2, 1-15/2), lists (1,15) and *",
            Self::Month => "1 to 12 or jan to dec, ranges (jan-mar), steps (*/3), lists (jan,jul) and *",
            Self::DayOfWeek => "0 to 7 (0 and 7 are Sunday) or sun to sat, ranges (mon-fri), steps, lists (1,3) and *",
        }
    }
}

impl fmt::Display for CronField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day-of-month",
            Self::Month => "month",
            Self::DayOfWeek => "day-of-week",
        })
    }
}

fn hint(instead: &Option<String>) -> String {
    instead.as_ref().map(|instead| format!(" (did you mean `{instead}`?)")).unwrap_or_default()
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}
