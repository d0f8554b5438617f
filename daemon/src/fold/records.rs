use serde::{Deserialize, Serialize};

use super::days::Spell;
use crate::{
    domain::{Digest, LocalDay, Timestamp},
    judge::ControlState,
};

/// All that is kept of one control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlRecord {
    pub state: ControlState,
    /// Of each version from when on it was tested, in order.
    pub versions: Vec<VersionChange>,
    /// Times of failing or of not being tested that are not counted in full in closed days.
    pub spells: Vec<Spell>,
    /// For each zone of the configuration the day of the newest run's slot.
    pub days: Vec<LocalDay>,
}

/// A version of a control: what it promised, and the plugin that tested it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionChange {
    pub version: u32,
    pub at: Timestamp,
    pub sequence: u64,
    pub definition: Digest,
    pub plugin: Option<Digest>,
    /// Part: the control as it was configured.
    pub control_part: Digest,
}

/// Where the texts of some subjects lie: the part is a JSON array of `count` texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedPart {
    pub count: u32,
    pub part: Digest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowRecord {
    pub opened: Timestamp,
    /// Part: the window as configured.
    pub part: Digest,
}

/// The daemon did not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// The last entry before it: at most as long before the end as entries were apart (an hour).
    pub from: Timestamp,
    pub to: Timestamp,
    /// It was stopped, and did not die.
    pub stopped: bool,
    /// Slots, of all controls, that fell into it.
    pub missed: u64,
}
