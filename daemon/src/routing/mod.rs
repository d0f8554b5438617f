//! Who is told what, and when.
//!
//! In: an alert that came up, what each of its readers has got lately, what is held for them, and the rules. Out: told
//! now, or held until when and why; and, as time passes, which held alerts go out together. Pure.
//! Must not know: a clock, mail, storage, what an alert says.
//!
//! The rules, the first that holds:
//!
//! - A critical control never waits, nor does what the daemon says of itself.
//! - What is about something that is held already waits with it, so that nobody reads of an end before the beginning.
//! - In a reader's quiet hours nothing up to a severity is told.
//! - More alerts in a short time than a storm has become one mail at its end.
//! - A reader gets so many mails in an hour and no more; what is over goes out together when the next may.
//! - What is rarely alone (one dead system, many controls untested; reminders of a morning) waits a moment for the
//!   others. So does whatever comes up shortly after another mail.
//!
//! Nothing that is held is lost: it is an entry, and goes out with the next mail to the same reader.

mod quiet;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

pub use quiet::QuietHours;

use crate::{
    domain::{AlertCause, ControlId, Detail, ExceptionId, HoldReason, RecipientId, Severity, Timestamp},
    fold::{Held, Mailbox},
};

const HOUR: Duration = Duration::from_secs(3600);

/// The rules for all readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Rules {
    /// Alerts that come up within it go into one mail.
    pub group: Duration,
    /// More alerts than these within `storm_within` are a storm.
    pub storm: u32,
    pub storm_within: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self { group: Duration::from_secs(300), storm: 10, storm_within: Duration::from_secs(600) }
    }
}

impl Rules {
    /// No rule may look back over more alerts than a mailbox keeps.
    pub const COUNT_MAX: u32 = Mailbox::KEPT as u32;
}

/// One of those who are to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Reader<'a> {
    pub id: &'a RecipientId,
    /// Mails in an hour.
    pub per_hour: u32,
    pub quiet: Option<&'a QuietHours>,
}

/// What came up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Raised<'a> {
    pub cause: AlertCause,
    pub severity: Severity,
    pub control: Option<&'a ControlId>,
    pub exception: Option<ExceptionId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Now,
    Hold { until: Timestamp, why: HoldReason },
}

/// Whether one reader is told now. `held` is all that is held, for whomever.
pub fn verdict<'a>(
    raised: &Raised<'_>,
    reader: &Reader<'_>,
    mailbox: &Mailbox,
    held: impl Iterator<Item = &'a Held>,
    rules: &Rules,
    now: Timestamp,
) -> Verdict {
    if raised.severity == Severity::Critical || raised.control.is_none() {
        return Verdict::Now;
    }
    let hold = |until: Timestamp, why| Verdict::Hold { until, why };
    let mine: Vec<_> = held.filter(|held| held.recipients.contains(reader.id) && !is_due(held, now)).collect();
    if let Some(before) = mine.iter().find(|held| held.control.as_ref() == raised.control) {
        return hold(before.until, before.why);
    }
    if let Some(end) = reader.quiet.and_then(|quiet| quiet.end(raised.severity, now)) {
        return hold(end, HoldReason::QuietHours);
    }
    let waits_as = |why| mine.iter().find(|held| held.why == why).map(|held| hold(held.until, why));
    if let Some(storm) = waits_as(HoldReason::Storm) {
        return storm;
    }
    let stormy = newest_within(&mailbox.raised, rules.storm_within, now);
    if stormy.len() >= rules.storm as usize {
        return hold(now.plus(rules.storm_within), HoldReason::Storm);
    }
    let mailed = newest_within(&mailbox.mailed, HOUR, now);
    if let Some(over) = mailed.len().checked_sub(reader.per_hour as usize) {
        // The next may go when so many of them are older than an hour that one is free.
        let next = mailed.get(over).copied().unwrap_or(now);
        return hold(next.plus(HOUR), HoldReason::Rate);
    }
    if let Some(group) = waits_as(HoldReason::Grouping) {
        return group;
    }
    let is_rarely_alone = match raised.cause {
        AlertCause::NotTested
        | AlertCause::MoreSubjects
        | AlertCause::Reminder
        | AlertCause::Expiring
        | AlertCause::ExclusionEnds
        | AlertCause::Steady => true,
        AlertCause::Failed
        | AlertCause::AlreadyFailing
        | AlertCause::TestedAgain
        | AlertCause::Overdue
        | AlertCause::Flapping
        | AlertCause::Recovered
        | AlertCause::MonitoringGap
        | AlertCause::ConfigurationRefused
        | AlertCause::PluginFault
        | AlertCause::PluginRefused
        | AlertCause::FirstResults
        | AlertCause::Proposed
        | AlertCause::Several
        | AlertCause::IncidentUpdate
        | AlertCause::Summary(_) => false,
    };
    if is_rarely_alone && !rules.group.is_zero() {
        return hold(now.plus(rules.group), HoldReason::Grouping);
    }
    match newest_within(&mailbox.mailed, rules.group, now).last() {
        Some(last) => hold(last.plus(rules.group), HoldReason::Grouping),
        None => Verdict::Now,
    }
}

/// Times, oldest first, that lie less than `within` before `now`; those after it are of a clock that went back.
fn newest_within(times: &[Timestamp], within: Duration, now: Timestamp) -> &[Timestamp] {
    let from = times.iter().rposition(|at| *at > now || now.since(*at) >= within).map_or(0, |last| last + 1);
    &times[from..]
}

/// Its time has come; or the clock went back behind the moment at which it came up.
fn is_due(held: &Held, now: Timestamp) -> bool {
    held.until <= now || now < held.raised
}

/// When the next held alert is due.
pub fn next_due<'a>(held: impl Iterator<Item = &'a Held>) -> Option<Timestamp> {
    held.map(|held| held.until).min()
}

/// Held alerts that go out in one mail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Together {
    pub recipients: Vec<RecipientId>,
    pub detail: Detail,
    /// Their numbers, in order.
    pub held: Vec<u64>,
}

/// What goes out now. Readers for whom the same alerts are due share a mail. With what is due goes all else that is
/// held for the same reader, but for what their quiet hours hold: one mail instead of two. An alert goes out to all its
/// readers at once, since it is held no more when one of them is told: what others still wait for is not brought forward.
pub fn due<'a>(held: impl Iterator<Item = (u64, &'a Held)> + Clone, now: Timestamp) -> Vec<Together> {
    let due_alerts = held.clone().map(|(_, alert)| alert).filter(|alert| is_due(alert, now));
    let read_now: BTreeSet<&RecipientId> = due_alerts.flat_map(|alert| &alert.recipients).collect();
    let goes_along =
        |alert: &Held| alert.why != HoldReason::QuietHours && alert.recipients.iter().all(|id| read_now.contains(id));
    let mut readers: BTreeMap<(&RecipientId, Detail), Vec<u64>> = BTreeMap::new();
    for (number, alert) in held.filter(|(_, alert)| is_due(alert, now) || goes_along(alert)) {
        for reader in &alert.recipients {
            readers.entry((reader, alert.detail)).or_default().push(number);
        }
    }
    let mut together: BTreeMap<(Vec<u64>, Detail), Vec<RecipientId>> = BTreeMap::new();
    for ((reader, detail), numbers) in readers {
        together.entry((numbers, detail)).or_default().push(reader.clone());
    }
    together.into_iter().map(|((held, detail), recipients)| Together { recipients, detail, held }).collect()
}

/// Numbers in order as stretches, both ends inclusive.
pub fn stretches(numbers: &[u64]) -> Vec<(u64, u64)> {
    let mut stretches: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match stretches.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => stretches.push((*number, *number)),
        }
    }
    stretches
}
