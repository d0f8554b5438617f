use serde::{Deserialize, Serialize};

use super::days::Spell;
use crate::{
    domain::{Digest, LocalDay, MissedReason, SlotTime, Timestamp},
    judge::ControlState,
};

/// All that is kept of one control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlRecord {
    pub state: ControlState,
    /// Of each version from when on it was tested, in order.
    pub versions: Vec<VersionChange>,
    /// When it last left the configuration.
    pub retired: Option<Timestamp>,
    /// Times of failing or of not being tested that are not counted in full in closed days.
    pub spells: Vec<Spell>,
    /// For each zone of the configuration the day of the newest run's slot.
    pub days: Vec<LocalDay>,
}

impl ControlRecord {
    pub fn new(state: ControlState) -> Self {
        Self { state, versions: Vec::new(), retired: None, spells: Vec::new(), days: Vec::new() }
    }

    /// Every slot up to here has ended, or came before the control was (or was again) defined.
    pub fn accounted_until(&self) -> Option<Timestamp> {
        let came = self.versions.iter().find(|version| self.retired.is_none_or(|left| version.at >= left));
        self.ended_until().max(came.map(|version| version.at))
    }

    fn ended_until(&self) -> Option<Timestamp> {
        let first = self.versions.first().map(|version| version.at);
        self.state.accounted.map(|SlotTime(at)| at).max(first)
    }

    /// The versions whose slots may still be without an end, in order, each with the times between which its schedule
    /// was in force: later than the first, up to the second. `None`: it is in force. The part of the newest is as it is
    /// presented now.
    pub fn unaccounted(&self) -> impl Iterator<Item = (VersionChange, Timestamp, Option<Timestamp>)> + '_ {
        let ended = self.ended_until();
        self.versions.iter().enumerate().filter_map(move |(at, version)| {
            let next = self.versions.get(at + 1).map(|next| next.at);
            let left = self.retired.filter(|left| *left >= version.at && next.is_none_or(|next| *left <= next));
            let until = left.or(next);
            let after = ended?.max(version.at);
            let newest = at + 1 == self.versions.len();
            let control_part = if newest { self.state.control_part } else { version.control_part };
            let version = VersionChange { control_part, ..*version };
            until.is_none_or(|until| until > after).then_some((version, after, until))
        })
    }
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

/// A time in which nothing was tested: the daemon did not run, or the clock had left it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// The last entry before it: at most as long before its real beginning as entries were apart (an hour).
    pub from: Timestamp,
    pub to: Timestamp,
    /// `Shutdown`, `Down` or `Clock`.
    pub reason: MissedReason,
    /// Slots, of all controls, that fell into it.
    pub missed: u64,
}
