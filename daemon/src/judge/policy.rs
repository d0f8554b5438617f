use std::time::Duration;

use super::Reminders;
use crate::domain::{Calendar, Control, LocalDay, Timestamp, Within};

/// The thresholds of one control. They are asked when something is decided, never when entries are folded.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Fails in a row before an exception opens; at least 1.
    pub confirmations: u32,
    pub remediation: Remediation,
    /// Due slots without a good result after which the control is untested.
    pub untested_after_slots: u32,
    /// How long a run may take. A slot that is due at the very moment at which a spell without a good result gets
    /// too long still has this time to give one.
    pub wall: Duration,
    pub reminders: Reminders,
    pub flapping: Flapping,
    /// Of the control's zone: mornings and business days.
    pub calendar: Calendar,
}

/// More changes between passing and failing within a time than people can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Flapping {
    /// Openings and recoveries, the newest included.
    pub changes: u32,
    /// Within which they happen; as long without one ends it.
    pub within: Duration,
}

impl Flapping {
    /// A control's state keeps no more changes, and none that are older.
    pub const CHANGES_MAX: u32 = 32;
    pub const WITHIN_MAX: Duration = Duration::from_secs(31 * 24 * 3600);
}

impl Default for Flapping {
    fn default() -> Self {
        Self { changes: 6, within: Duration::from_secs(24 * 3600) }
    }
}

/// The time to fix what failed.
#[derive(Debug, Clone)]
pub enum Remediation {
    Elapsed(Duration),
    BusinessDays { days: u32, calendar: Calendar },
}

impl Policy {
    pub fn of(control: &Control, calendar: &Calendar, reminders: &Reminders, flapping: Flapping) -> Self {
        Self {
            confirmations: control.check.confirmations.max(1),
            remediation: match control.check.remediate_within {
                Within::Elapsed(time) => Remediation::Elapsed(time),
                Within::BusinessDays(days) => Remediation::BusinessDays { days, calendar: calendar.clone() },
            },
            untested_after_slots: control.check.untested_after_slots.max(1),
            wall: control.check.limits.wall,
            reminders: reminders.clone(),
            flapping,
            calendar: calendar.clone(),
        }
    }
}

impl Remediation {
    /// The last moment of the time to fix what failed first at `first`. Business days are whole ones: what fails on
    /// a Monday with two of them may be fixed until the end of Wednesday.
    pub fn due(&self, first: Timestamp) -> Timestamp {
        match self {
            Self::Elapsed(time) => first.plus(*time),
            Self::BusinessDays { days, calendar } => {
                let mut day = LocalDay::of(first, &calendar.zone);
                for _ in 0..*days {
                    day = calendar.next_business_day(day);
                }
                day.next().start(&calendar.zone)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use super::*;

    #[track_caller]
    fn check(first: &str, days: u32, expected: &str) {
        let holiday = LocalDay::from_date(jiff::civil::date(2026, 4, 6)); // Easter Monday
        let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
        let calendar = Calendar { zone, holidays: Arc::new(BTreeSet::from([holiday])) };
        let due = Remediation::BusinessDays { days, calendar }.due(first.parse().unwrap());
        assert_eq!(due, expected.parse().unwrap(), "{first} + {days}");
    }

    #[test]
    fn business_days_leave_out_weekends_and_holidays() {
        check("2026-03-02T09:00:00Z", 2, "2026-03-04T23:00:00Z"); // Monday: until the end of Wednesday
        check("2026-03-06T09:00:00Z", 1, "2026-03-09T23:00:00Z"); // Friday: until the end of Monday
        check("2026-03-07T09:00:00Z", 1, "2026-03-09T23:00:00Z"); // Saturday: the same
        check("2026-04-03T09:00:00Z", 1, "2026-04-07T22:00:00Z"); // the Friday before Easter, and summer time
        check("2026-03-02T23:30:00Z", 0, "2026-03-03T23:00:00Z"); // already Tuesday in Berlin
    }
}
