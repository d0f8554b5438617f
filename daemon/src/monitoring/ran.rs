//! Whether every control was tested as often as its schedule says.

use std::time::Duration;

use evidenced_contract::{Failure, FailureKind, Finding, Measurement, Report, Request, Status};
use serde::{Deserialize, Serialize};

use super::{finding, read, report};
use crate::domain::{MissedReason, Outcome, Timestamp, ToldControl, ToldEnd, ToldStretch};

/// What is asked of each control.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Of the slots, that must have run: above 0, up to 1.
    pub min_share: f64,
    /// Seconds without a run, at most.
    pub max_gap_s: u64,
    /// Seconds with nothing but errors, at most.
    pub max_error_streak_s: u64,
}

/// The input `ledger`, as it is told.
#[derive(Debug, Deserialize)]
struct SlotsTold {
    from: Timestamp,
    until: Timestamp,
    controls: Vec<ToldControl>,
}

pub(super) fn judge(request: &Request, input: Result<&[u8], &str>) -> Result<Report, Failure> {
    let thresholds: Thresholds = serde_json::from_value(request.config.clone()).map_err(|error| Failure {
        kind: FailureKind::BadInput,
        message: format!("the thresholds are not of the form that is read: {error}"),
        source: None,
    })?;
    let SlotsTold { from, until, controls } = read(input)?;
    let others = controls.iter().filter(|told| told.control.as_str() != request.control);
    let own = controls.iter().find(|told| told.control.as_str() == request.control);
    let in_time = if is_in_time(request) { Some(until) } else { own.and_then(last_in_time) };
    let seen: Vec<_> = others.map(|told| (told, Seen::of(told, from, until, in_time))).collect();
    let is_subject = |seen: &Seen| seen.due + seen.disabled > 0 || seen.is_forgotten(&thresholds);
    let seen: Vec<_> = seen.into_iter().filter(|(_, seen)| is_subject(seen)).collect();
    let (due, ran) = seen.iter().fold((0, 0), |(due, ran), (_, seen)| (due + seen.due, ran + seen.ran));
    let findings: Vec<_> = seen.iter().map(|(told, seen)| seen.finding(told, &thresholds)).collect();
    let failing = findings.iter().filter(|finding| finding.status == Status::Fail).count();
    let summary = match (failing, findings.len()) {
        (_, 0) => "no other control has had a slot".to_owned(),
        (0, 1) => format!("the one other control was tested as scheduled: {ran} of {due} slots ran"),
        (0, all) => format!("all {all} other controls were tested as scheduled: {ran} of {due} slots ran"),
        (failing, all) => {
            let were = if failing == 1 { "was" } else { "were" };
            format!("{failing} of {all} other controls {were} not tested as scheduled: {ran} of {due} slots ran")
        }
    };
    Ok(report(
        summary,
        format!("controls that had slots, or should have had, from {from} until {until}, by the ledger"),
        findings,
    ))
}

/// How the slots of one control ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Without those that were disabled.
    pub(super) due: u64,
    pub(super) ran: u64,
    pub(super) disabled: u64,
    pub(super) gap: Longest,
    pub(super) errors: Longest,
    /// A slot that is due since then has had no end.
    pub(super) forgotten: Option<(Timestamp, Duration)>,
}

/// The longest of the times in which something was missing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Longest {
    since: Option<Timestamp>,
    /// When it began, and how long it was.
    pub(super) found: Option<(Timestamp, Duration)>,
}

impl Longest {
    fn begin(&mut self, at: Timestamp) {
        self.since.get_or_insert(at);
    }

    fn end(&mut self, at: Timestamp) {
        let Some(since) = self.since.take() else { return };
        let length = at.since(since);
        if self.found.is_none_or(|(_, longest)| longest < length) {
            self.found = Some((since, length));
        }
    }

    fn length(&self) -> Duration {
        self.found.map_or(Duration::ZERO, |(_, length)| length)
    }
}

impl Seen {
    /// `in_time`: what was due before had been given the time to be tested.
    pub(super) fn of(told: &ToldControl, from: Timestamp, until: Timestamp, in_time: Option<Timestamp>) -> Self {
        let forgotten = told.next_due.zip(in_time).map(|(due, in_time)| (due.0, in_time.since(due.0)));
        let mut seen = Self { forgotten, ..Self::default() };
        for stretch in &told.stretches {
            if stretch.last.0 < from {
                continue;
            }
            let first = stretch.first.0.max(from);
            let slots = slots_from(stretch, from);
            match stretch.end {
                ToldEnd::Missed { reason: MissedReason::Disabled } => {
                    seen.disabled = seen.disabled.saturating_add(slots);
                    seen.gap.end(first);
                    seen.errors.end(first);
                }
                ToldEnd::Missed { .. } => {
                    seen.due = seen.due.saturating_add(slots);
                    seen.gap.begin(first);
                }
                ToldEnd::Run { outcome, .. } | ToldEnd::Late { outcome, .. } => {
                    seen.due = seen.due.saturating_add(slots);
                    seen.ran = seen.ran.saturating_add(slots);
                    seen.gap.end(first);
                    if outcome == Outcome::Error { seen.errors.begin(first) } else { seen.errors.end(first) }
                }
            }
        }
        let end = told.retired.map_or(until, |retired| retired.min(until));
        seen.gap.end(end);
        seen.errors.end(end);
        seen
    }

    /// For longer than others may be without a run.
    fn is_forgotten(&self, thresholds: &Thresholds) -> bool {
        self.forgotten.is_some_and(|(_, length)| length > Duration::from_secs(thresholds.max_gap_s))
    }

    fn share(&self) -> f64 {
        if self.due == 0 { 1.0 } else { self.ran as f64 / self.due as f64 }
    }

    fn finding(&self, told: &ToldControl, thresholds: &Thresholds) -> Finding {
        let Thresholds { min_share, max_gap_s, max_error_streak_s } = *thresholds;
        let Self { due, ran, disabled, .. } = self;
        let share = self.share();
        let mut wrong = Vec::new();
        if share < min_share {
            wrong.push(format!("{ran} of {due} slots ran ({}, at least {} must)", percent(share), percent(min_share)));
        }
        for (found, max_s, what) in [
            (self.gap.found, max_gap_s, "no slot ran"),
            (self.forgotten, max_gap_s, "a slot was due and nothing came of it"),
            (self.errors.found, max_error_streak_s, "there were only errors"),
        ] {
            if let Some((since, length)) = found.filter(|(_, length)| *length > Duration::from_secs(max_s)) {
                let (length, most) = (hours(length), hours(Duration::from_secs(max_s)));
                wrong.push(format!("{what} for {length:.1} h from {since} (at most {most:.1} h)"));
            }
        }
        let status = match (wrong.is_empty(), due) {
            (false, _) => Status::Fail,
            (true, 0) => Status::NotApplicable,
            (true, _) => Status::Pass,
        };
        if wrong.is_empty() && *due > 0 {
            wrong.push(format!("{ran} of {due} slots ran"));
        }
        if *disabled > 0 {
            wrong.push(format!("{disabled} slots were missed as disabled, and are not counted"));
        }
        let measurements = vec![
            measured("slots_run", share * 100.0, "%", min_share * 100.0),
            measured("longest_gap", hours(self.gap.length()), "h", hours(Duration::from_secs(max_gap_s))),
            measured(
                "longest_error_streak",
                hours(self.errors.length()),
                "h",
                hours(Duration::from_secs(max_error_streak_s)),
            ),
        ];
        let finding = finding(told.control.as_str(), status, wrong.join("; "), measurements);
        Finding { attention: status == Status::Pass && *disabled > 0, ..finding }
    }
}

/// Whether the check itself runs when it is due. After a time without the daemon it is one of the slots that run late, and
/// so may be others that are still to be tested.
fn is_in_time(request: &Request) -> bool {
    let parse = |text: &str| text.parse::<Timestamp>().ok();
    parse(&request.slot).zip(parse(&request.now)).is_some_and(|(slot, now)| now.since(slot) <= LATE)
}

/// The newest slot of the check itself that ran when it was due: what was forgotten then, a run that is late knows too.
fn last_in_time(own: &ToldControl) -> Option<Timestamp> {
    let in_time = own.stretches.iter().filter(|stretch| matches!(stretch.end, ToldEnd::Run { .. }));
    in_time.map(|stretch| stretch.last.0).max()
}

/// A run that begins so long after its slot is late.
const LATE: Duration = Duration::from_secs(3600);

/// Slots of the stretch that are not before `from`, as if all were at one distance.
fn slots_from(stretch: &ToldStretch, from: Timestamp) -> u64 {
    let (first, last) = (stretch.first.0, stretch.last.0);
    if from <= first || stretch.slots < 2 {
        return stretch.slots;
    }
    let (whole, left) = (last.since(first).as_millis().max(1), last.since(from).as_millis());
    let distances = u128::from(stretch.slots - 1);
    u64::try_from(left * distances / whole + 1).unwrap_or(u64::MAX).min(stretch.slots)
}

fn hours(duration: Duration) -> f64 {
    duration.as_secs_f64() / 3600.0
}

/// With no more digits than it takes, up to two.
fn percent(share: f64) -> String {
    let text = format!("{:.2}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

fn measured(name: &str, value: f64, unit: &str, limit: f64) -> Measurement {
    Measurement { name: name.to_owned(), value, unit: unit.to_owned(), limit: Some(limit) }
}
