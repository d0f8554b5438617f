//! Fires slots: decides which run starts now, which waits, and which slot is missed.
//!
//! In: what is due, what has finished, what time it is. Out: runs to start and slots that were missed, each with
//! its reason. [`queue`] decides and is pure; [`execute`] gathers inputs and runs one check.
//! Must not know: what a result means, how it is kept.

mod asked;
mod cases;
pub mod events;
mod execute;
mod glob;
mod inputs;
#[cfg(test)]
mod install_tests;
mod pinned;
mod queue;
mod reach;
mod reading;
mod renewal;
mod shelf;
mod trial;

pub use cases::{CASE_WALL, CaseFile, Played, came_out, case_files, case_limits, cases_beside, play, read_case};
pub use execute::{
    Executor, Finished, HistoryReader, Order, SlotsTold, Trace, ended_record, judged_by_itself, request, seed,
};
pub use pinned::{current, signed_by};
pub use queue::{Action, Queue};
pub use reach::Reach;
pub use renewal::{RefusedPlugin, Trials};
pub use shelf::{PluginFault, Shelf, Shelved, find};
pub use trial::rehearse;
