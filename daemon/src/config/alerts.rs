//! `[alerts]`, and what a `[[recipient]]` says of when it is told.

use std::time::Duration;

use super::{
    diagnostics::Errors,
    model::{Alerts, Quiet},
    quantities::duration,
    section::{Located, Section},
    tree::Value,
    words::SEVERITIES,
};
use crate::{
    domain::Severity,
    judge::{Flapping, Reminders},
    routing::Rules,
};

const DAY: Duration = Duration::from_secs(24 * 3600);
const REMINDERS_HINT: &str =
    "write durations such as `[\"1d\", \"3d\", \"7d\"]`; after the last, reminders come weekly";

const TIME_HINT: &str = "write a time of day such as `20:00`";

pub(super) fn alerts(root: &Section<'_>, errors: &mut Errors) -> Alerts {
    let mut alerts = Alerts::default();
    let Some(section) = root.table("alerts", "[alerts]", errors) else { return alerts };
    let rules = &mut alerts.routing;
    if let Some(group) = section.duration("group", errors) {
        rules.group = group.value;
    }
    if let Some(storm) = section.table("storm", "storm", errors) {
        if let Some(alerts) = storm.number("alerts", 1, errors) {
            rules.storm = at_most(alerts, "alerts", Rules::COUNT_MAX, errors);
        }
        if let Some(within) = storm.duration("within", errors) {
            rules.storm_within = within.value;
        }
        storm.finish(errors);
    }
    if let Some(reminders) = reminders(&section, errors) {
        alerts.reminders = reminders;
    }
    if let Some(flapping) = section.table("flapping", "flapping", errors) {
        if let Some(changes) = flapping.number("changes", 2, errors) {
            alerts.flapping.changes = at_most(changes, "changes", Flapping::CHANGES_MAX, errors);
        }
        if let Some(within) = flapping.duration("within", errors) {
            if within.value > Flapping::WITHIN_MAX {
                errors.add_out_of_range(within.at, "within", "a duration up to `31d`");
            }
            alerts.flapping.within = within.value.min(Flapping::WITHIN_MAX);
        }
        flapping.finish(errors);
    }
    section.finish(errors);
    alerts
}

/// `reminders = ["1d", "3d", "7d"]`: after the opening of an exception, each later than the one before; then weekly. None: never.
fn reminders(section: &Section<'_>, errors: &mut Errors) -> Option<Reminders> {
    let mut after: Vec<Duration> = Vec::new();
    for text in section.texts("reminders", errors)? {
        match duration(text.value).filter(|duration| after.last().is_none_or(|last| last < duration)) {
            Some(duration) if duration >= DAY => after.push(duration),
            _ => {
                let what = "a day or more, and later than the one before";
                errors.add_malformed(text.at, "bad-reminder", text.value, what, REMINDERS_HINT);
                return None;
            }
        }
    }
    Some(Reminders(after))
}

/// `mails_per_hour` of a recipient; without a limit for mailboxes that no person reads, such as a ticket system's.
pub(super) fn per_hour(recipient: &Section<'_>, errors: &mut Errors) -> Option<u32> {
    if matches!(recipient.node("mails_per_hour")?.value, Value::Text(_)) {
        return recipient.word("mails_per_hour", &[("unlimited", u32::MAX)], errors);
    }
    let number = recipient.number("mails_per_hour", 1, errors)?;
    Some(at_most(number, "mails_per_hour", Rules::COUNT_MAX, errors))
}

fn at_most(number: Located<u32>, key: &str, most: u32, errors: &mut Errors) -> u32 {
    if number.value > most {
        errors.add_out_of_range(number.at, key, &format!("a number up to {most}"));
    }
    number.value.min(most)
}

/// `quiet = { from = "20:00", to = "07:00", business_days_only = true, up_to = "medium" }`.
pub(super) fn quiet(recipient: &Section<'_>, errors: &mut Errors) -> Option<Quiet> {
    let section = recipient.table("quiet", "quiet", errors)?;
    section.require("from", "from = \"20:00\"", errors);
    section.require("to", "to = \"07:00\"", errors);
    let time = |key, errors: &mut Errors| section.text(key, errors).and_then(|text| time_of_day(text, errors));
    let (from, to) = (time("from", errors), time("to", errors));
    let business_days_only = section.boolean("business_days_only", errors).unwrap_or(false);
    // Critical alerts never wait: to say so of them is a mistake.
    let below_critical = &SEVERITIES[..3];
    let up_to = section.word("up_to", below_critical, errors).unwrap_or(Severity::Medium);
    section.finish(errors);
    Some(Quiet { from: from?, to: to?, business_days_only, up_to })
}

/// Minutes since midnight.
fn time_of_day(text: Located<&str>, errors: &mut Errors) -> Option<u16> {
    let parsed = text.value.split_once(':').and_then(|(hours, minutes)| {
        let is_two = |digits: &str| digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let (hours, minutes): (u16, u16) = match (is_two(hours), is_two(minutes)) {
            (true, true) => (hours.parse().ok()?, minutes.parse().ok()?),
            _ => return None,
        };
        (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    });
    if parsed.is_none() {
        errors.add_malformed(text.at, "bad-time", text.value, "a time of day", TIME_HINT);
    }
    parsed
}
