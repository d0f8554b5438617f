use serde::de::DeserializeOwned;

pub use evidenced_contract::Needs;

use crate::{Failure, FailureKind, Report, Run};

/// A check: what it needs to know, and one function.
pub trait Check {
    /// What the control's configuration may say. Refuse unknown keys: `#[serde(deny_unknown_fields)]`.
    type Config: DeserializeOwned;

    /// What the plugin is and needs. Pure: nothing of the outside world can be asked here.
    fn describe() -> Description;

    /// Looks at everything in scope and reports it; or says why the control could not be tested at all.
    fn run(config: &Self::Config, run: &mut Run<'_>) -> Result<Report, Failure>;
}

/// What a plugin is and needs. Made by [`description!`](crate::description).
#[derive(Debug, Clone)]
pub struct Description {
    pub name: &'static str,
    pub version: &'static str,
    pub summary: &'static str,
    /// JSON Schema 2020-12 of the configuration; empty = any object.
    pub config_schema: &'static str,
    pub needs: Needs,
}

/// Reads the configuration, runs the check, and adds what the run itself noticed.
pub(crate) fn run_check<C: Check>(config: &str, run: &mut Run<'_>) -> Result<Report, Failure> {
    let config: C::Config = serde_json::from_str(config).map_err(|error| Failure {
        kind: FailureKind::BadInput,
        message: format!("the configuration does not fit the check: {error}"),
        source: None,
    })?;
    let mut report = C::run(&config, run)?;
    if report.incomplete.is_none() {
        report.incomplete = run.take_incomplete();
    }
    Ok(report)
}
