//! Slots that did not run, and why.

use serde::{Deserialize, Serialize};

use super::{ControlId, LocalDay, SlotTime};

/// Slots in an unbroken stretch that did not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedSlots {
    pub control: ControlId,
    pub version: u32,
    pub reason: MissedReason,
    /// First and last slot, both inclusive.
    pub from: SlotTime,
    pub to: SlotTime,
    pub count: u64,
    /// For each rollup zone the days that the slots fall on.
    pub days: Vec<Vec<DayCount>>,
}

impl MissedSlots {
    /// Days, over all zones, that one entry may hold to stay under [`super::ENTRY_BYTES_MAX`]; a longer stretch is split.
    pub const DAYS_MAX: usize = 80;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCount {
    pub day: LocalDay,
    pub slots: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissedReason {
    Down,
    Shutdown,
    Interrupted,
    Overlap,
    Concurrency,
    Disabled,
    Clock,
    DiskFull,
    Superseded,
}

impl MissedReason {
    pub const ALL: [Self; 9] = [
        Self::Down,
        Self::Shutdown,
        Self::Interrupted,
        Self::Overlap,
        Self::Concurrency,
        Self::Disabled,
        Self::Clock,
        Self::DiskFull,
        Self::Superseded,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Shutdown => "shutdown",
            Self::Interrupted => "interrupted",
            Self::Overlap => "overlap",
            Self::Concurrency => "concurrency",
            Self::Disabled => "disabled",
            Self::Clock => "clock",
            Self::DiskFull => "disk-full",
            Self::Superseded => "superseded",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Entry, Event, Timestamp};

    #[test]
    fn the_longest_stretch_of_missed_slots_fits_an_entry() {
        let day = DayCount { day: LocalDay(-1_000_000), slots: (1 << 53) - 1 };
        let event = Event::Missed(MissedSlots {
            control: "c".repeat(64).parse().unwrap(),
            version: u32::MAX,
            reason: MissedReason::Interrupted,
            from: SlotTime(Timestamp::EPOCH),
            to: SlotTime(Timestamp::EPOCH),
            count: (1 << 53) - 1,
            days: vec![vec![day]; MissedSlots::DAYS_MAX],
        });
        let entry = Entry::new(Timestamp::EPOCH, event);
        assert_eq!(Entry::from_bytes(&entry.to_bytes().unwrap()).unwrap(), entry);
    }
}
