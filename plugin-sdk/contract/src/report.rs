use serde::{Deserialize, Serialize};

use crate::{Extensions, Instant};

/// What a check found. It claims no outcome: the host derives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    pub summary: String,
    /// Subjects in scope, listed or not, before the host's exclusions.
    pub population: u32,
    pub source_total: Option<u32>,
    /// How the population was made, for the auditor.
    pub population_query: String,
    pub listing: Listing,
    pub findings: Vec<Finding>,
    /// Why not everything in scope was looked at (page limit, budget).
    pub incomplete: Option<String>,
    /// Events are judged up to here; the next interval starts here. Only with `needs.interval`.
    pub covered_until: Option<Instant>,
    pub attachments: Vec<Attachment>,
    pub extensions: Extensions,
}

/// One subject that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Stable over time, unique in the report, at most 512 bytes: ARN, key id, model@version.
    pub subject: String,
    /// For people; may change.
    #[serde(default)]
    pub label: Option<String>,
    pub status: Status,
    /// Passes, but a person should look: shown, never alerted.
    #[serde(default)]
    pub attention: bool,
    pub message: String,
    #[serde(default)]
    pub measurements: Vec<Measurement>,
    /// When this was true at the source.
    #[serde(default)]
    pub as_of: Option<Instant>,
    /// The source's own id of the event, for checks that read events: counted once.
    #[serde(default)]
    pub event: Option<String>,
    #[serde(default)]
    pub extensions: Extensions,
}

/// In the order of the contract: the first case is what a forgotten value means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    #[default]
    Error,
    Fail,
    Pass,
    NotApplicable,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Measurement {
    /// snake_case and stable: it is charted over the window.
    pub name: String,
    /// Finite.
    pub value: f64,
    /// UCUM code: `d`, `s`, `ms`, `%`, `1`, `By`.
    pub unit: String,
    #[serde(default)]
    pub limit: Option<f64>,
}

/// What it means that a subject is not among the findings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Listing {
    /// Only those that do not pass are listed: a missing one is not known to be gone.
    #[default]
    NotPassing,
    /// Every subject in scope has a finding: one that is missing is gone.
    EverySubject,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Attachment {
    pub name: String,
    pub media_type: String,
    #[serde(rename = "base64", with = "crate::command::base64_bytes")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub body: Vec<u8>,
}

/// The control could not be tested at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
    #[serde(default)]
    pub source: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    #[default]
    Internal,
    Unreachable,
    Denied,
    Throttled,
    Timeout,
    BadInput,
    Unsupported,
}
