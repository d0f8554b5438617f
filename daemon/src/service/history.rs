//! Earlier results, read from the ledger, for checks that may see them.

use std::{
    collections::{HashSet, VecDeque},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use evidenced_contract::{Finding, HistoryError, HistoryPoint, Interval, Report, SlotCounts};

use crate::{
    domain::{ControlId, Digest, Entry, Event, Evidence, Outcome, RunEntry, SlotEnd, SlotEntry, Timestamp},
    evidence::{EndedRecord, unpack_record},
    fold::State,
    ledger::{EntryCursor, Ledger, SlotOrder, Store},
    runner::{HistoryReader, SlotsTold},
};

use super::slots_told::slots_told;

/// More points are an error, never a cut.
const POINTS_MAX: usize = 100_000;

/// So long before a time the reports are looked for whose events may be named again in it.
const NAMED_BEFORE: Duration = Duration::from_secs(31 * 24 * 3600);

/// History as the ledger has it.
pub struct LedgerHistory {
    ledger: Arc<Ledger<State>>,
}

impl LedgerHistory {
    pub const fn new(ledger: Arc<Ledger<State>>) -> Self {
        Self { ledger }
    }

    /// The slots of a control, in the order of the ledger. What cannot be read is not there: the check sees fewer
    /// points, and `verify` names the damage.
    fn slots(&self, control: &ControlId, during: Range<Timestamp>) -> impl Iterator<Item = SlotEntry> + '_ {
        self.ledger.slots(control, during, SlotOrder::OldestFirst).into_iter().flatten().filter_map(Result::ok)
    }

    /// From where on the runs are looked at: those before `during` only where the first within is about events, since an
    /// earlier report may have counted them.
    fn named_from(&self, control: &ControlId, during: &Range<Timestamp>) -> Timestamp {
        let first = self.slots(control, during.clone()).find_map(|entry| match entry.end {
            SlotEnd::Ran(ran) => Some(ran),
            SlotEnd::Missed { .. } => None,
        });
        if first.is_some_and(|ran| ran.interval.is_some()) { during.start.minus(NAMED_BEFORE) } else { during.start }
    }
}

/// Runs with their reports, of one control, in order: most say what the one before said.
struct Runs<'a> {
    ledger: &'a Ledger<State>,
    entries: EntryCursor<'a, State>,
    /// Where evidence was kept that later runs name by its run.
    kept: Option<(u64, Digest)>,
    /// The report that was read last, by its part.
    read: Option<(Digest, Report)>,
}

impl<'a> Runs<'a> {
    fn of(ledger: &'a Ledger<State>) -> Self {
        Self { ledger, entries: ledger.cursor(), kept: None, read: None }
    }

    fn at(&mut self, sequence: u64) -> Option<RunEntry> {
        match Entry::from_bytes(self.entries.read(sequence).ok()?).ok()?.event {
            Event::Run(run) => Some(run),
            _ => None,
        }
    }

    /// `None`: it had none, or it cannot be read.
    fn report(&mut self, run: &RunEntry) -> Option<&Report> {
        let part = self.part(run.evidence)?;
        if self.read.as_ref().is_none_or(|(known, _)| *known != part) {
            let read = |part: &_| self.ledger.part(part).map_err(|error| error.to_string());
            let EndedRecord::Report(report) = unpack_record(&part, read).ok()?.ended else { return None };
            self.read = Some((part, report));
        }
        self.read.as_ref().map(|(_, report)| report)
    }

    fn part(&mut self, evidence: Evidence) -> Option<Digest> {
        let sequence = match evidence {
            Evidence::Part(part) => return Some(part),
            Evidence::SameAs(sequence) => sequence,
        };
        if let Some((_, part)) = self.kept.filter(|(kept, _)| *kept == sequence) {
            return Some(part);
        }
        // Not by the cursor: it is far behind, and what comes next is at hand.
        let Event::Run(RunEntry { evidence: Evidence::Part(part), .. }) =
            crate::recorder::entry_at(self.ledger, sequence)?
        else {
            return None;
        };
        self.kept = Some((sequence, part));
        Some(part)
    }

    fn events_named(&mut self, run: &RunEntry) -> Vec<String> {
        let findings = self.report(run).map(|report| report.findings.iter());
        findings.into_iter().flatten().filter_map(|finding| finding.event.clone()).collect()
    }
}

impl HistoryReader for LedgerHistory {
    fn points(
        &self,
        control: &ControlId,
        measurement: &str,
        during: &Interval,
    ) -> Result<Vec<HistoryPoint>, HistoryError> {
        let mut points = Vec::new();
        let during = bounds(during);
        // The newest two reports about events: what they named and is named again was counted already.
        let mut newest: VecDeque<RunEntry> = VecDeque::with_capacity(2);
        let mut runs = Runs::of(&self.ledger);
        for SlotEntry { sequence, end, .. } in self.slots(control, self.named_from(control, &during)..during.end) {
            let SlotEnd::Ran(ran) = end else { continue };
            let is_asked = during.contains(&ran.slot.0);
            // Of those before only the ones about events can have named something.
            if !is_asked && ran.interval.is_none() {
                continue;
            }
            let Some(run) = runs.at(sequence) else { continue };
            let mut counted = HashSet::new();
            if is_asked && run.repeated > 0 {
                newest.iter().for_each(|earlier| counted.extend(runs.events_named(earlier)));
            }
            if run.covered_until.is_some() {
                newest.truncate(1);
                newest.push_front(run.clone());
            }
            let Some(report) = is_asked.then(|| runs.report(&run)).flatten() else { continue };
            let is_new = |finding: &&Finding| finding.event.as_ref().is_none_or(|event| !counted.contains(event));
            for finding in report.findings.iter().filter(is_new) {
                for value in finding.measurements.iter().filter(|one| one.name == measurement) {
                    points.push(HistoryPoint {
                        slot: run.slot.to_string(),
                        subject: finding.subject.clone(),
                        status: finding.status,
                        value: value.value,
                    });
                }
            }
            if points.len() > POINTS_MAX {
                return Err(HistoryError::TooMany(u32::try_from(points.len()).unwrap_or(u32::MAX)));
            }
        }
        points.sort_by(|a, b| a.slot.cmp(&b.slot));
        Ok(points)
    }

    fn slots_in(&self, control: &ControlId, during: &Interval) -> Result<SlotCounts, HistoryError> {
        let during = bounds(during);
        let mut counts = SlotCounts::default();
        // A slot is counted once, by its first run, however many intervals it caught up with.
        let mut counted = None;
        for entry in self.slots(control, during.clone()) {
            match entry.end {
                SlotEnd::Ran(ran) if ran.interval.is_some() && counted == Some(ran.slot) => {}
                SlotEnd::Ran(ran) if !ran.by_hand => {
                    counted = Some(ran.slot);
                    counts.run += 1;
                    counts.late += u32::from(ran.late);
                    match ran.outcome {
                        Outcome::Pass => counts.pass += 1,
                        Outcome::Fail => counts.fail += 1,
                        Outcome::Error => counts.error += 1,
                        Outcome::NotApplicable => counts.not_applicable += 1,
                    }
                }
                // A stretch counts where it begins.
                SlotEnd::Missed { from, count, .. } if during.contains(&from.0) => {
                    counts.missed = counts.missed.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
                }
                SlotEnd::Ran(_) | SlotEnd::Missed { .. } => {}
            }
        }
        counts.due = counts.run + counts.missed;
        Ok(counts)
    }

    fn slots_told(
        &self,
        patterns: &[String],
        during: &Range<Timestamp>,
        bytes_max: u64,
        halted: &dyn Fn() -> bool,
    ) -> Result<SlotsTold, String> {
        slots_told(&self.ledger, patterns, during, bytes_max, halted)
    }
}

fn bounds(during: &Interval) -> Range<Timestamp> {
    let parse = |text: &str, otherwise| text.parse().unwrap_or(otherwise);
    parse(&during.from, Timestamp::from_millis(i64::MAX))..parse(&during.until, Timestamp::from_millis(i64::MIN))
}
