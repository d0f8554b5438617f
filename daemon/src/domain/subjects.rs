//! Subjects that come to fail and cease to, as entries have them.

use serde::{Deserialize, Serialize};

use super::{ControlId, ExceptionId, SlotTime, SubjectNumber};

/// Subjects that enter or leave an exception: of those that enter, the slot in which they first failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionSubjects {
    pub exception: ExceptionId,
    pub control: ControlId,
    pub slot: SlotTime,
    pub subjects: Vec<SubjectNumber>,
}

impl ExceptionSubjects {
    /// More are split over several entries, so that each stays under [`super::ENTRY_BYTES_MAX`].
    pub const MAX: usize = 300;
}

/// Subjects whose failing is not confirmed, by the slot in which they first failed; at most [`ExceptionSubjects::MAX`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspectedSubjects {
    pub control: ControlId,
    pub slot: SlotTime,
    pub subjects: Vec<SubjectNumber>,
}

/// Why a subject's life in an exception ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Departure {
    /// It was looked at and does not fail any more.
    Fixed,
    /// The source lists every subject, and this one no longer.
    Gone,
    /// The source lists only what does not pass, and this one no longer.
    NoLongerReported,
    Excluded,
    DefinitionChanged,
}

impl Departure {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Gone => "gone",
            Self::NoLongerReported => "no longer reported",
            Self::Excluded => "excluded",
            Self::DefinitionChanged => "definition changed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Entry, Event, Timestamp};

    #[test]
    fn the_longest_list_of_subjects_fits_an_entry() {
        let subjects = (0..ExceptionSubjects::MAX).map(|at| SubjectNumber(u32::MAX - at as u32)).collect();
        let event = Event::SubjectsLeft {
            why: Departure::DefinitionChanged,
            subjects: ExceptionSubjects {
                exception: ExceptionId { year: 2026, number: u32::MAX },
                control: "c".repeat(64).parse().unwrap(),
                slot: SlotTime(Timestamp::EPOCH),
                subjects,
            },
        };
        let entry = Entry::new(Timestamp::EPOCH, event);
        let bytes = entry.to_bytes().unwrap();
        assert_eq!(Entry::from_bytes(&bytes).unwrap(), entry);
    }
}
