//! Testing a check natively, without WebAssembly and without a network.
//!
//! [`ScriptedHost`] is the outside world in memory. [`transcripts`] runs a folder of recorded cases, each a TOML file, as
//! [`evidenced_cases::Case`] shows.
//!
//! Each case is also run with every one of its answers made 401, 403, 404, 429, 500 and a time-out in turn: unless the
//! call accepts that status, the run must then not pass. What was not looked at is not a pass.

mod case;
mod scripted;

pub use case::{refuses_config, transcripts};
pub use evidenced_cases::words;
pub use scripted::{Scripted, ScriptedHost};

use crate::{Check, Facts, Failure, Limits, Report, Run, check::run_check};

/// Runs a check on a host as the daemon would: the configuration as JSON, and only a well-formed report.
///
/// # Panics
/// When the report is one that the daemon would call broken.
pub fn run<C: Check>(config: &serde_json::Value, facts: Facts, host: &mut ScriptedHost) -> Result<Report, Failure> {
    let mut run = Run::new(facts, host)?;
    let result = run_check::<C>(&config.to_string(), &mut run);
    if let Ok(report) = &result {
        assert_well_formed(report);
    }
    result
}

/// What a run at this time is told, with the daemon's default limits.
pub fn facts_at(now: &str) -> Facts {
    Facts {
        control: "TEST-01".to_owned(),
        definition: format!("sha256:{}", "0".repeat(64)),
        slot: now.to_owned(),
        now: now.to_owned(),
        interval: None,
        inputs: Vec::new(),
        seed: [0; 32],
        limits: Limits {
            wall_ms: 600_000,
            memory_bytes: 128 << 20,
            report_bytes: 1 << 20,
            requests: 2_000,
            response_bytes: 8 << 20,
        },
        extensions: Vec::new(),
    }
}

/// The rules of the contract whose breach makes a report broken.
fn assert_well_formed(report: &Report) {
    assert!(report.findings.len() <= report.population as usize, "more findings than population: {report:#?}");
    let mut subjects: Vec<_> = report.findings.iter().map(|finding| finding.subject.as_str()).collect();
    subjects.sort_unstable();
    for pair in subjects.windows(2) {
        assert!(pair[0] != pair[1], "two findings have the subject `{}`", pair[0]);
    }
    for subject in subjects {
        assert!(
            !subject.is_empty() && subject.len() <= 512,
            "a subject is empty or longer than 512 bytes: `{subject}`"
        );
    }
    let measurements = report.findings.iter().flat_map(|finding| &finding.measurements);
    for measurement in measurements {
        assert!(measurement.value.is_finite(), "`{}` is not finite", measurement.name);
    }
}
