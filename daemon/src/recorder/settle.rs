//! What a run came to: its report as it is judged, or why that is no report; and the outcome.

use std::{borrow::Cow, collections::HashSet};

use evidenced_contract::{Finding, Listing, Report};

use crate::{
    domain::{
        Control, Counts, EventInterval, Outcome, ReportFault, RunReason, Timestamp, Verdict, covered_until, verdict,
    },
    evidence::{EndedRecord, RunRecord, unpack_record},
    fold::State,
    judge::ControlState,
    ledger::{Ledger, Store},
    sandbox::Ended,
};

/// What a run came to, before it is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Came {
    pub(super) outcome: Outcome,
    pub(super) reason: Option<RunReason>,
    pub(super) incomplete: bool,
    pub(super) population: u32,
    pub(super) counts: Counts,
    pub(super) listing: Listing,
}

impl Came {
    fn untested(reason: RunReason) -> Self {
        Self {
            outcome: Outcome::Error,
            reason: Some(reason),
            incomplete: true,
            population: 0,
            counts: Counts::default(),
            listing: Listing::NotPassing,
        }
    }
}

/// How a run ended, as its record says it: what the plugin gave, or why that is no report. The same for a run and its
/// replay.
pub(crate) fn settled(
    control: &Control,
    now: Timestamp,
    asked: Option<EventInterval>,
    ended: EndedRecord,
) -> EndedRecord {
    let EndedRecord::Report(report) = &ended else { return ended };
    let fault = derived(control, now, report).err().or_else(|| covered_until(report, asked).err());
    fault.map_or(ended, |fault| settled_fault(&fault))
}

fn derived(control: &Control, now: Timestamp, report: &Report) -> Result<Verdict, ReportFault> {
    verdict(report, control.check.on_empty, |subject| is_excluded(control, subject, now))
}

/// Derives the outcome.
pub(super) fn came_to(control: &Control, now: Timestamp, settled: &EndedRecord) -> Came {
    let report = match settled {
        EndedRecord::Report(report) => report,
        EndedRecord::Failure(failure) => {
            return Came::untested(Ended::Failure(failure.clone()).reason().unwrap_or(RunReason::Internal));
        }
        EndedRecord::Other { reason, .. } => return Came::untested(*reason),
    };
    match derived(control, now, report) {
        Ok(verdict) => Came {
            outcome: verdict.outcome,
            reason: reason(report, &verdict),
            incomplete: verdict.incomplete,
            population: report.population,
            counts: verdict.counts,
            listing: report.listing,
        },
        Err(_) => Came::untested(RunReason::BrokenReport),
    }
}

/// The report without what it says of events that were counted already, and how many findings that were. An event that
/// is told again is not found again: it is not in the population either.
pub(super) fn without_counted<'e>(ended: &'e EndedRecord, counted: &HashSet<String>) -> (Cow<'e, EndedRecord>, u32) {
    let is_counted = |finding: &Finding| finding.event.as_ref().is_some_and(|event| counted.contains(event));
    let EndedRecord::Report(report) = ended else { return (Cow::Borrowed(ended), 0) };
    let repeated = report.findings.iter().filter(|finding| is_counted(finding)).count() as u32;
    if repeated == 0 {
        return (Cow::Borrowed(ended), 0);
    }
    let mut report = report.clone();
    report.findings.retain(|finding| !is_counted(finding));
    report.population -= repeated;
    (Cow::Owned(EndedRecord::Report(report)), repeated)
}

/// The events that the newest two reports named. A report that cannot be read (it was erased) names none: what is
/// counted twice can be seen, what is not counted cannot.
pub(super) fn counted_events(ledger: &Ledger<State>, state: &ControlState, ended: &EndedRecord) -> HashSet<String> {
    let mut counted = HashSet::new();
    if !matches!(ended, EndedRecord::Report(report) if report.findings.iter().any(|finding| finding.event.is_some())) {
        return counted;
    }
    for reported in &state.reported {
        let record = unpack_record(&reported.record, |part| ledger.part(part).map_err(|error| error.to_string()));
        if let Ok(RunRecord { ended: EndedRecord::Report(report), .. }) = record {
            counted.extend(report.findings.into_iter().filter_map(|finding| finding.event));
        }
    }
    counted
}

fn settled_fault(fault: &ReportFault) -> EndedRecord {
    let words = format!("broken report: {fault}");
    EndedRecord::Other { reason: RunReason::BrokenReport, words, is_deterministic: true }
}

pub(super) fn is_excluded(control: &Control, subject: &str, now: Timestamp) -> bool {
    control.check.exclude.iter().any(|exclusion| exclusion.covers(subject, now))
}

fn reason(report: &Report, verdict: &Verdict) -> Option<RunReason> {
    if report.incomplete.is_some() {
        Some(RunReason::Incomplete)
    } else if verdict.counts.error > 0 {
        Some(RunReason::FindingErrors)
    } else if verdict.outcome == Outcome::Error {
        Some(RunReason::NothingAssessed)
    } else {
        None
    }
}
