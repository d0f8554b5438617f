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

pub use cases::rehearse;
pub use execute::{Executor, Finished, HistoryReader, Order, SlotsTold, ended_record, judged_by_itself, request, seed};
pub use pinned::{current, signed_by};
pub use queue::{Action, Queue};
pub use reach::Reach;
pub use renewal::{RefusedPlugin, Trials};
pub use shelf::{PluginFault, Shelf, Shelved, find};
