//! What happened in a window or a period: counts, coverage, time failing, exceptions.
//!
//! In: rows of closed days, exceptions, controls. Out: the numbers of a report, and under `report` the report as a
//! page, as tables and as JSON. Pure.
//! Must not know: runs (a summary costs controls x days), storage. Only `report` knows HTML.

mod numbers;
mod period;
pub mod report;
mod rollup;
mod summarize;
mod words;

#[cfg(test)]
mod tests;

pub use numbers::{
    Change, ControlFacts, ControlSummary, CriterionSummary, DEVIATIONS_LISTED_MAX, DayMark, DecidedFacts,
    ERRORS_LISTED_MAX, ErrorStretch, ExceptionSummary, ExclusionFacts, FamilySummary, Gap, Headline, OutageFacts,
    Questions, Scope, Summary, VersionFacts,
};
pub use period::{Period, Span};
pub use rollup::{ClosedDay, RollupError, decode_day, encode_day};
pub use summarize::summarize;
pub use words::{coverage, result};
