//! What an author does with a plugin outside of any daemon: start a project, make a component, try it.
//!
//! In: folders and files of the author, and the kits and templates that are embedded in this program. Out: files, and
//! what came of a trial. Plugins run in the sandbox that the daemon has, with the limits that it has.
//! Must not know: the configuration of an installation, schedules, the ledger, how anything is printed.

mod error;
mod language;
mod sdk;

mod bindings;
mod componentize;
mod project;

mod target;
mod workbench;

mod anatomy;
mod docs;
mod inspect;

mod bench;
mod diff;
mod live;
mod tidy;
mod tried;

#[cfg(test)]
mod round_trip;

pub use anatomy::{Anatomy, Form};
pub use bench::{Measured, measure};
pub use bindings::{BindingsLanguage, write_bindings};
pub use componentize::{Componentized, Shape, componentize};
pub use diff::difference;
pub use docs::page;
pub use error::AuthorError;
pub use inspect::{Described, Inspection, Refused, inspect, meaning};
pub use language::Language;
pub use live::{AllowedHost, LiveRun, LiveSpec, run_live};
pub use project::{ProjectName, new_project};
pub use sdk::Sdk;
pub use target::Target;
pub use tried::{TriedCase, Verdict, try_cases, update_case};
pub use workbench::workbench;
