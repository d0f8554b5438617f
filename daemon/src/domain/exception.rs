use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::{ControlId, Departure, Digest, SlotTime, SubjectNumber, Timestamp};

/// An open or ended case about a control that fails. Never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionRecord {
    pub control: ControlId,
    pub first_slot: SlotTime,
    /// When it was decided; with confirmations that is later than the first failing slot.
    pub opened: Timestamp,
    /// After this time it is overdue.
    pub due: Timestamp,
    /// The slot of the newest failing run.
    pub last_failing: SlotTime,
    /// The slot of the failing run before that.
    pub failing_before: SlotTime,
    pub overdue: Option<Timestamp>,
    pub recovered: Option<Recovery>,
    pub closed: Option<Timestamp>,
    /// When the first person had seen it.
    pub acknowledged: Option<Timestamp>,
    pub notes: Vec<ExceptionNote>,
    /// The first alert about it: later mails answer that one.
    pub first_alert: Option<u64>,
    /// Further ones that told others of it first, because theirs was held: later mails answer these too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_first_alerts: Vec<u64>,
    /// By subject its lives inside the exception, in order; more than one if it came back.
    pub subjects: BTreeMap<SubjectNumber, Vec<Life>>,
}

/// The test passes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// The slot whose run passed.
    pub slot: SlotTime,
    pub at: Timestamp,
    /// Tests from the first failing one up to it, and those of them that failed.
    pub tests: u64,
    pub failing_tests: u64,
}

/// What a person wrote; the words lie in a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionNote {
    pub at: Timestamp,
    pub about: NoteAbout,
    pub note: Digest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoteKind {
    RootCause,
    Response,
    CorrectiveAction,
    Remark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoteAbout {
    Acknowledgement,
    Note(NoteKind),
    Closing,
    /// Of the closing, by a second person.
    Approval,
}

/// A subject inside an exception, from the slot in which it joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    pub first_seen: SlotTime,
    pub ended: Option<LifeEnd>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifeEnd {
    pub why: Departure,
    /// The slot whose run found it no longer failing.
    pub slot: SlotTime,
    /// The slot of the newest failing run before that.
    pub last_seen: SlotTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExceptionState {
    Open,
    Overdue,
    Recovered,
    Closed,
}

impl ExceptionState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Overdue => "overdue",
            Self::Recovered => "recovered",
            Self::Closed => "closed",
        }
    }
}

impl ExceptionRecord {
    pub const fn state(&self) -> ExceptionState {
        match (self.closed, self.recovered, self.overdue) {
            (Some(_), ..) => ExceptionState::Closed,
            (None, Some(_), _) => ExceptionState::Recovered,
            (None, None, Some(_)) => ExceptionState::Overdue,
            (None, None, None) => ExceptionState::Open,
        }
    }

    /// The slot of the newest failing run before the one of `slot`.
    pub fn failing_before(&self, slot: SlotTime) -> SlotTime {
        if self.last_failing < slot { self.last_failing } else { self.failing_before }
    }

    /// When a subject was last seen failing in this life.
    pub fn last_seen(&self, life: &Life) -> SlotTime {
        life.ended.map_or(self.last_failing, |end| end.last_seen)
    }

    /// Whether a note of this kind was written.
    pub fn has_note(&self, kind: NoteKind) -> bool {
        self.notes.iter().any(|note| note.about == NoteAbout::Note(kind))
    }
}
