//! Recorded cases of a check: a file says what a run is told and what the outside answers, and what must come out.
//!
//! The kit for plugins runs a folder of them natively, before a plugin is built ([`Case`] has the form). The daemon runs
//! those in which the check must fail, by the plugin that is in use, to see that it still can.

mod case;
mod words;

pub use case::{Case, CaseError, GivenCall};
pub use words::words;
