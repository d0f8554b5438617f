use serde::{Deserialize, Serialize};

use super::{Digest, Timestamp};

/// Why the wall clock is not believed; `by_s` in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum ClockDoubt {
    /// At the start it was before the newest entry of the ledger.
    BehindLedger {
        by_s: u64,
    },
    /// At the start it was far after the newest entry, and not synchronised.
    FarAhead {
        by_s: u64,
    },
    JumpedForward {
        by_s: u64,
    },
    JumpedBack {
        by_s: u64,
    },
    /// It was in doubt when the daemon ended, and nothing has ended the doubt since.
    Unsettled,
}

/// The wall clock is believed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockBelieved {
    /// What everything went by until now. The entry's own time is the wall clock's, and may be earlier: it is the
    /// only entry that may be earlier than the one before.
    pub before: Timestamp,
    /// Part: who said that the wall clock is right, and why; `None`: it was synchronised for long enough.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<Digest>,
}

/// What the kernel says of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockState {
    Synchronised,
    Unsynchronised,
    /// Tests and the demo.
    Virtual,
}
