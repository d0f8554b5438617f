//! People are reminded of what is open and nobody has answered.

use std::time::Duration;

use super::{Alert, Decision, OpenException, Policy};
use crate::domain::{AlertCause, Calendar, ControlId, Event, LocalDay, SlotTime, Timestamp};

const DAY: Duration = Duration::from_secs(24 * 3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// The hour of a morning, by the clocks of the control's zone.
const MORNING: i8 = 8;

/// When people are reminded of an exception after it opened; after the last of these once a week. Empty: never.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reminders(pub Vec<Duration>);

impl Default for Reminders {
    fn default() -> Self {
        Self(vec![DAY, 3 * DAY, WEEK])
    }
}

/// When the next reminder is due.
pub(super) fn next(open: &OpenException, policy: &Policy) -> Option<Timestamp> {
    let Reminders(after) = &policy.reminders;
    let first = after.first()?;
    let last = open.reminded.unwrap_or(open.opened);
    // A promise counts from its date on: then, and once a week.
    let mut at = match open.promised {
        Some(promised) => promised,
        None => open.opened.plus(*first),
    };
    let mut steps = after.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).filter(|_| open.promised.is_none());
    // On the day on which it becomes overdue, the mail that says so is the reminder.
    let is_told = |at: Timestamp| at <= last || (open.due..open.due.plus(DAY)).contains(&at);
    while is_told(morning(at, &policy.calendar)) {
        at = at.plus(steps.next().unwrap_or(WEEK).max(DAY));
    }
    Some(morning(at, &policy.calendar))
}

/// Reminds once, however many reminders have become due in the meantime.
pub(super) fn remind(
    decision: &mut Decision,
    control: &ControlId,
    open: &OpenException,
    slot: SlotTime,
    policy: &Policy,
    now: Timestamp,
) {
    if next(open, policy).is_none_or(|next| now < next) {
        return;
    }
    decision.events.push(Event::ExceptionReminded { exception: open.id, control: control.clone() });
    decision.alerts.push(Alert {
        subjects: open.subjects.keys().copied().collect(),
        count: open.reminders.saturating_add(1),
        ..Alert::of_exception(AlertCause::Reminder, control, slot, open)
    });
}

/// The first morning that is not before `at`: nobody is reminded at night, and the reminders of a morning share a mail.
fn morning(at: Timestamp, calendar: &Calendar) -> Timestamp {
    let mut day = LocalDay::of(at, &calendar.zone);
    loop {
        let eight = morning_of(day, calendar);
        if eight >= at {
            return eight;
        }
        day = day.next();
    }
}

/// The last morning that is not after `at`.
pub(super) fn morning_before(at: Timestamp, calendar: &Calendar) -> Timestamp {
    let day = LocalDay::of(at, &calendar.zone);
    let today = morning_of(day, calendar);
    if today <= at { today } else { morning_of(LocalDay(day.0 - 1), calendar) }
}

fn morning_of(day: LocalDay, calendar: &Calendar) -> Timestamp {
    let eight = day.to_date().at(MORNING, 0, 0, 0).to_zoned_datetime(calendar.zone.clone());
    eight.map_or_else(|_| day.next().start(&calendar.zone), |at| Timestamp::from_jiff(at.timestamp()))
}
