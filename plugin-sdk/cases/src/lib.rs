//! Recorded cases of a check: a file says what a run is told and what the outside answers, and what must come out.
//!
//! The kit for plugins runs a folder of them natively, before a plugin is built ([`Case`] has the form). The daemon runs
//! those in which the check must fail, by the plugin that is in use, to see that it still can. `evidenced plugin test` runs
//! them all, and a [`Recording`] makes one of a run that was seen.

mod case;
mod form;
mod given;
mod recording;
mod script;
mod words;

pub use case::{Case, CaseError};
pub use form::CaseLimits;
pub use recording::Recording;
pub use script::{Script, ScriptedCall, ScriptedHandshake, ScriptedPoints, ScriptedSlots, Sights, question};
pub use words::words;
