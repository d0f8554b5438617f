//! The daemon's own checks (pure): whether everything was tested as scheduled, and whether each plugin can still fail.
//!
//! In: what a plugin would be told: a request, and one input. Out: a report, or why there is none. Nothing else goes in,
//! so that a replay gives the same from the ledger alone.
//! Must not know: a clock, storage, how its input came about, what a report means for its control.

mod can_fail;
mod ran;
#[cfg(test)]
mod tests;

use evidenced_contract::{Failure, FailureKind, Finding, Measurement, Report, Request, Status};
use serde::de::DeserializeOwned;

use crate::domain::{BuiltIn, Digest};

pub use can_fail::{Came, CasesFault, CasesTold, ToldCase, ToldPlugin};
pub use ran::Thresholds;

/// Judges. `input`: the bytes of what the check reads, or why there are none.
pub fn judge(built_in: BuiltIn, request: &Request, input: Result<&[u8], &str>) -> Result<Report, Failure> {
    match built_in {
        BuiltIn::MonitoringRan => ran::judge(request, input),
        BuiltIn::PluginsCanFail => can_fail::judge(read(input)?),
    }
}

/// What stands in the ledger where other controls have the bytes of their plugin: the rule in words. Its digest is the
/// check's, so that another rule makes another version of the control, and a replay can tell that it has another one.
///
/// A change of what [`judge`] says needs another number here.
pub const fn rule(built_in: BuiltIn) -> &'static str {
    match built_in {
        BuiltIn::MonitoringRan => include_str!("monitoring-ran.txt"),
        BuiltIn::PluginsCanFail => include_str!("plugins-can-fail.txt"),
    }
}

/// Of the rule, not of the daemon that holds its code.
pub fn digest(built_in: BuiltIn) -> Digest {
    Digest::of(rule(built_in).as_bytes())
}

fn read<T: DeserializeOwned>(input: Result<&[u8], &str>) -> Result<T, Failure> {
    let failure = |message| Failure { kind: FailureKind::BadInput, message, source: None };
    let bytes = input.map_err(|why| failure(why.to_owned()))?;
    serde_json::from_slice(bytes)
        .map_err(|error| failure(format!("the input is not of the form that is read: {error}")))
}

fn finding(subject: &str, status: Status, message: String, measurements: Vec<Measurement>) -> Finding {
    Finding {
        subject: subject.to_owned(),
        label: None,
        status,
        attention: false,
        message,
        measurements,
        as_of: None,
        event: None,
        extensions: evidenced_contract::Extensions::new(),
    }
}

fn report(summary: String, population_query: String, findings: Vec<Finding>) -> Report {
    Report {
        summary,
        population: u32::try_from(findings.len()).unwrap_or(u32::MAX),
        source_total: None,
        population_query,
        listing: evidenced_contract::Listing::EverySubject,
        findings,
        incomplete: None,
        covered_until: None,
        attachments: Vec::new(),
        extensions: evidenced_contract::Extensions::new(),
    }
}
