//! Earlier results, read from the ledger, for checks that may see them.

use std::{
    collections::{HashSet, VecDeque},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use evidenced_contract::{Finding, HistoryError, HistoryPoint, Interval, SlotCounts};

use crate::{
    domain::{ControlId, Event, Evidence, Outcome, RunEntry, SlotEnd, SlotEntry, Timestamp},
    evidence::{EndedRecord, unpack_record},
    fold::State,
    ledger::{Ledger, SlotOrder, Store},
    runner::HistoryReader,
};

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

    fn events_named(&self, run: &RunEntry) -> Vec<String> {
        match self.report(run) {
            Some(EndedRecord::Report(report)) => {
                report.findings.into_iter().filter_map(|finding| finding.event).collect()
            }
            Some(_) | None => Vec::new(),
        }
    }

    fn report(&self, run: &RunEntry) -> Option<EndedRecord> {
        let part = match run.evidence {
            Evidence::Part(part) => part,
            Evidence::SameAs(sequence) => match crate::recorder::entry_at(&self.ledger, sequence)? {
                Event::Run(RunEntry { evidence: Evidence::Part(part), .. }) => part,
                _ => return None,
            },
        };
        let read = |part: &_| self.ledger.part(part).map_err(|error| error.to_string());
        Some(unpack_record(&part, read).ok()?.ended)
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
        for SlotEntry { sequence, .. } in self.slots(control, self.named_from(control, &during)..during.end) {
            let Some(Event::Run(run)) = crate::recorder::entry_at(&self.ledger, sequence) else { continue };
            let report = if during.contains(&run.slot.0) { self.report(&run) } else { None };
            let counted: HashSet<String> = match &report {
                Some(_) if run.repeated > 0 => newest.iter().flat_map(|run| self.events_named(run)).collect(),
                Some(_) | None => HashSet::new(),
            };
            if run.covered_until.is_some() {
                newest.truncate(1);
                newest.push_front(run.clone());
            }
            let Some(EndedRecord::Report(report)) = report else { continue };
            let is_new = |finding: &Finding| finding.event.as_ref().is_none_or(|event| !counted.contains(event));
            for finding in report.findings.into_iter().filter(is_new) {
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
}

fn bounds(during: &Interval) -> Range<Timestamp> {
    let parse = |text: &str, otherwise| text.parse().unwrap_or(otherwise);
    parse(&during.from, Timestamp::from_millis(i64::MAX))..parse(&during.until, Timestamp::from_millis(i64::MIN))
}
