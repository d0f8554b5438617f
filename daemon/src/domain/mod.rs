//! The words of evidenced as plain types: control, slot, run, finding, exception, window, entry.
//!
//! In: text that is parsed here and nowhere else. Out: values that cannot lie (an id that
//! exists is well formed, an outcome is derived and never set).
//! Must not know: any other room, files, sockets, a clock.

mod alert;
mod canonical;
mod control;
mod credential;
mod day;
mod digest;
mod doubt;
mod entry;
mod escape;
mod exception;
mod ids;
mod nearest;
mod outcome;
mod run_bytes;
mod time;
mod window;

pub use alert::{AlertCause, SummaryKind};
pub(crate) use canonical::to_bytes as canonical_json;
pub use control::{
    AddressRange, CatchUp, Check, Control, Exclusion, Family, Grant, InputOrigin, InputSpec, Limits, OnEmpty, Overlap,
    ScheduleSpec, Scheme, Severity, TranscriptClass, Within, wildcard,
};
pub use credential::{CredentialKind, Rate};
pub use day::{DayRow, Deviation, PopulationRange};
pub use digest::Digest;
pub use doubt::{ClockBelieved, ClockDoubt};
pub use entry::{
    ClockState, DayCount, Departure, ENTRY_BYTES_MAX, Entry, EntryError, Event, Evidence, ExceptionSubjects,
    MissedReason, MissedSlots, NoteKind, RunEntry, RunReason, SuspectedSubjects,
};
pub use escape::{escaped, escaped_json, escaped_lines};
pub use exception::{ExceptionNote, ExceptionRecord, ExceptionState, Life, LifeEnd, NoteAbout, Recovery};
pub use ids::{
    ControlId, CredentialId, ExceptionId, IdError, PluginName, RecipientId, SourceId, SubjectNumber, WindowId,
};
pub use nearest::nearest;
pub use outcome::{Counts, Outcome, ReportFault, Verdict, verdict};
pub use time::{LocalDay, SlotTime, TimeError, Timestamp};
pub use window::Window;
