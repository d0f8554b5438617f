//! The state of everything, folded from entries by one function.
//!
//! In: entries in order. Out: control states, exceptions, waiting alerts, open days, versions: what every reader asks.
//! Pure; can be dropped and folded anew at any time.
//! Must not know: a clock, thresholds, the configuration, storage.
//!
//! [`State::apply`] is the only way in, while the daemon runs as after a crash. What it changed is remembered by key,
//! so that a view on disk is brought up to date row by row.

mod apply;
mod days;
mod decided;
mod outbox;
mod records;
mod rows;
mod state;
mod view;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod properties;

pub use days::{RolledUp, Spell, SpellKind};
pub use decided::{ExclusionRecord, ProposalEnd, ProposalRecord, SilenceRecord};
pub use outbox::{DeadLetter, DeliveryState, Held, Mailbox, Pending, SentSummary};
pub use records::{ControlRecord, NamedPart, Outage, VersionChange, WindowRecord};
pub use rows::{Key, LoadError};
pub use state::{CheckpointAt, ClosingDay, DoubtSince, Head, JustTold, RefusedFile, State};

/// Of the folded form. A view with another number is dropped and folded anew.
pub const VERSION: u32 = 8;
