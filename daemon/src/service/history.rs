//! Earlier results, read from the ledger, for checks that may see them.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use evidenced_contract::{Finding, HistoryError, HistoryPoint, Interval, SlotCounts};

use crate::{
    domain::{ControlId, Entry, Event, Evidence, Outcome, RunEntry, Timestamp},
    evidence::{EndedRecord, unpack_record},
    fold::State,
    ledger::{Ledger, Store},
    runner::HistoryReader,
};

/// More points are an error, never a cut.
const POINTS_MAX: usize = 100_000;

/// History as the ledger has it.
pub struct LedgerHistory {
    ledger: Arc<Ledger<State>>,
}

impl LedgerHistory {
    pub const fn new(ledger: Arc<Ledger<State>>) -> Self {
        Self { ledger }
    }

    /// Entries of a control, in order. What cannot be read is not there: the check sees fewer points, and `verify`
    /// names the damage.
    fn events(&self, control: &ControlId) -> impl Iterator<Item = (u64, Event)> + '_ {
        let needle = format!("\"control\":\"{control}\"").into_bytes();
        let size = self.ledger.head().size;
        self.ledger.entries(0..size).filter_map(move |entry| {
            let (sequence, bytes) = entry.ok()?;
            let is_of_control = bytes.windows(needle.len()).any(|window| window == needle);
            if is_of_control { Some((sequence, Entry::from_bytes(&bytes).ok()?.event)) } else { None }
        })
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
        let (from, until) = bounds(during);
        let mut points = Vec::new();
        // The newest two reports about events: what they named and is named again was counted already.
        let mut newest: VecDeque<RunEntry> = VecDeque::with_capacity(2);
        for (_, event) in self.events(control) {
            let Event::Run(run) = event else { continue };
            let is_within = (from..until).contains(&run.slot.0);
            let report = if is_within { self.report(&run) } else { None };
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
        let (from, until) = bounds(during);
        let mut counts = SlotCounts::default();
        // A slot is counted once, by its first run, however many intervals it caught up with.
        let mut counted = None;
        for (_, event) in self.events(control) {
            match event {
                Event::Run(run) if run.interval.is_some() && counted == Some(run.slot) => {}
                Event::Run(run) if (from..until).contains(&run.slot.0) && !run.days.is_empty() => {
                    counted = Some(run.slot);
                    counts.run += 1;
                    counts.late += u32::from(run.late);
                    match run.outcome {
                        Outcome::Pass => counts.pass += 1,
                        Outcome::Fail => counts.fail += 1,
                        Outcome::Error => counts.error += 1,
                        Outcome::NotApplicable => counts.not_applicable += 1,
                    }
                }
                // A stretch counts where it begins.
                Event::Missed(missed) if (from..until).contains(&missed.from.0) => {
                    counts.missed = counts.missed.saturating_add(u32::try_from(missed.count).unwrap_or(u32::MAX));
                }
                _ => {}
            }
        }
        counts.due = counts.run + counts.missed;
        Ok(counts)
    }
}

fn bounds(during: &Interval) -> (Timestamp, Timestamp) {
    let parse = |text: &str, otherwise| text.parse().unwrap_or(otherwise);
    (parse(&during.from, Timestamp::from_millis(i64::MAX)), parse(&during.until, Timestamp::from_millis(i64::MIN)))
}
