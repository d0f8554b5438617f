//! How the slots of a control ended, as the input `ledger` tells it.

use serde::{Deserialize, Serialize};

use super::{ControlId, MissedReason, Outcome, RunReason, SlotTime, Timestamp};

/// One control, and how its slots of the time ended, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldControl {
    pub control: ControlId,
    pub enabled: bool,
    /// When the ledger first heard of it.
    pub known_since: Option<Timestamp>,
    /// When it left the configuration, if it has.
    pub retired: Option<Timestamp>,
    /// The first slot that has no end, by the schedule that is in force, whether slots before it are told or none: long past,
    /// nothing came of it. `None`: the control is not tested on a schedule (any more), or is disabled.
    #[serde(default)]
    pub next_due: Option<SlotTime>,
    pub counts: ToldCounts,
    pub stretches: Vec<ToldStretch>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldCounts {
    pub due: u64,
    pub run: u64,
    /// Those of `run` that were late.
    pub late: u64,
    pub missed: u64,
    pub pass: u64,
    pub fail: u64,
    pub error: u64,
    pub not_applicable: u64,
}

/// Slots one after the other that ended in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldStretch {
    #[serde(flatten)]
    pub end: ToldEnd,
    pub first: SlotTime,
    pub last: SlotTime,
    pub slots: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum ToldEnd {
    Run {
        outcome: Outcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<RunReason>,
    },
    Late {
        outcome: Outcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<RunReason>,
    },
    Missed {
        reason: MissedReason,
    },
}
