//! The report of a period: one page to read and print, tables for a spreadsheet, JSON for programs. All three say the
//! same, and each says what it proves and what not.

mod controls;
mod csv;
mod exceptions;
mod exclusions;
mod html;
mod json;
mod proof;
mod style;
mod tables;
mod time;

pub use csv::{CsvFile, render_csv};
pub use html::render_html;
pub use json::render_json;
pub use proof::{MAILBOXES, NOT_PROVEN, PROVEN, standing};

use serde::{Deserialize, Serialize};

use super::{Headline, Span, Summary};
use crate::domain::{ControlId, Departure, Digest, ExceptionId, NoteAbout, NoteKind, SlotTime, Timestamp};

/// All that a report says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub organization: String,
    pub instance: String,
    pub produced: Timestamp,
    /// The version of this program.
    pub software: String,
    pub summary: Summary,
    /// Of the window before, to compare with.
    pub before: Option<Headline>,
    /// Which one that is.
    pub before_span: Option<Span>,
    /// The stories of the summary's exceptions.
    pub exceptions: Vec<ReportedException>,
    /// Systems that the controls speak of.
    pub systems: Vec<ReportedSystem>,
    pub proof: Proof,
}

/// What an exception's record and its parts say; of a part that was erased, that it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedException {
    pub exception: ExceptionId,
    pub subjects: Vec<ReportedSubject>,
    pub notes: Vec<ReportedNote>,
}

/// One life of a subject inside an exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedSubject {
    pub subject: String,
    pub first_seen: SlotTime,
    pub last_seen: SlotTime,
    /// `None`: it fails still.
    pub ended: Option<Departure>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedNote {
    pub at: Timestamp,
    pub about: NoteAbout,
    pub author: String,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedSystem {
    pub system: String,
    pub controls: Vec<ControlId>,
}

/// How the ledger behind the report can be checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Whether the daemon tested itself when the report was made.
    pub tests_itself: bool,
    /// The signed note, as it is kept.
    pub checkpoint: Option<String>,
    /// Entries of the ledger when the report was made.
    pub entries: u64,
    /// Entries that the checkpoint covers.
    pub size: u64,
    pub root: Option<Digest>,
    /// When it was signed.
    pub at: Option<Timestamp>,
    /// Checkpoints that others hold, the one that covers most first.
    pub held: Vec<HeldCheckpoint>,
    /// What to type to verify it.
    pub command: String,
}

/// A checkpoint that somebody has got by mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldCheckpoint {
    /// Entries that it covers.
    pub size: u64,
    /// The recipient and the address.
    pub by: String,
    /// When the address' mail server took it.
    pub at: Timestamp,
}

const fn departure(why: Departure) -> &'static str {
    match why {
        Departure::Fixed => "fixed",
        Departure::Gone => "gone",
        Departure::NoLongerReported => "no longer reported",
        Departure::Excluded => "excluded",
        Departure::DefinitionChanged => "definition changed",
    }
}

const fn about(about: NoteAbout) -> &'static str {
    match about {
        NoteAbout::Acknowledgement => "acknowledgement",
        NoteAbout::Note(NoteKind::RootCause) => "root cause",
        NoteAbout::Note(NoteKind::Response) => "response",
        NoteAbout::Note(NoteKind::CorrectiveAction) => "corrective action",
        NoteAbout::Note(NoteKind::Remark) => "remark",
        NoteAbout::Closing => "closing",
        NoteAbout::Approval => "approval",
    }
}
