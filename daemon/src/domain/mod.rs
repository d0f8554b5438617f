//! The words of evidenced as plain types: control, slot, run, finding, exception, window, entry.
//!
//! In: text that is parsed here and nowhere else. Out: values that cannot lie (an id that
//! exists is well formed, an outcome is derived and never set).
//! Must not know: any other room, files, sockets, a clock.

mod act;
mod alert;
mod asked;
mod built_in;
mod calendar;
mod canonical;
mod control;
mod credential;
mod day;
mod digest;
mod doubt;
mod entry;
mod escape;
mod event;
mod events_input;
mod exception;
mod held;
mod ids;
mod interval;
mod missed;
mod nearest;
mod outcome;
mod plugin_refused;
mod proxy;
mod run;
mod run_bytes;
mod slot_end;
mod slots_told;
mod subjects;
mod time;
mod webhook;
mod window;

#[cfg(test)]
mod golden;

pub use act::{Act, ControlPattern, Dropped, PatternError, Silence};
pub use alert::{AlertCause, Detail, HoldReason, SummaryKind, WithheldReason};
pub use asked::{
    Database, DatabasePlace, LdapScope, LdapSpec, LedgerSpec, PromRange, PrometheusSpec, S3Spec, Server, SqlSpec,
    is_secret_attribute,
};
pub use built_in::BuiltIn;
pub use calendar::Calendar;
pub(crate) use canonical::to_bytes as canonical_json;
pub use control::{
    AddressRange, CatchUp, Check, Control, Exclusion, Family, Grant, InputOrigin, InputSpec, Limits, OnEmpty, Overlap,
    ScheduleSpec, Scheme, Severity, TranscriptClass, Within, wildcard,
};
pub use credential::{
    AssumedRole, ClientAuth, CredentialKind, GithubApp, InstanceRole, Oauth2Client, Rate, ServiceAccount, TokenPlace,
};
pub use day::{DayRow, Deviation, Erring, PopulationRange};
pub use digest::Digest;
pub use doubt::{ClockBelieved, ClockDoubt, ClockState};
pub use entry::{ENTRY_BYTES_MAX, Entry, EntryError};
pub use escape::{escaped, escaped_json, escaped_lines};
pub use event::Event;
pub use events_input::{EventCounts, EventField, EventFilter, EventFormat, EventTest, EventsSpec};
pub use exception::{ExceptionNote, ExceptionRecord, ExceptionState, Life, LifeEnd, NoteAbout, NoteKind, Recovery};
pub use held::HeldAlert;
pub use ids::{
    ControlId, CredentialId, ExceptionId, IdError, PluginName, RecipientId, SourceId, SubjectNumber, WebhookId,
    WindowId,
};
pub use interval::{EventInterval, IntervalRules};
pub use missed::{DayCount, MissedReason, MissedSlots};
pub use nearest::nearest;
pub use outcome::{Counts, Outcome, ReportFault, Verdict, covered_until, verdict};
pub use plugin_refused::PluginRefused;
pub use proxy::PastProxy;
pub use run::{Evidence, RunEntry, RunReason};
pub use slot_end::{RanSlot, SlotEnd, SlotEntry};
pub use slots_told::{ToldControl, ToldCounts, ToldEnd, ToldStretch};
pub use subjects::{Departure, ExceptionSubjects, SuspectedSubjects};
pub use time::{LocalDay, SlotTime, TimeError, Timestamp};
pub use webhook::{WebhookKind, WebhookName};
pub use window::Window;
