//! What a result means for its control: decide, then apply.
//!
//! In: the state of a control, the facts of a run (or of missed slots, or the passing of time), and its policy.
//! Out: entries, and with them the alerts that must go out. `decide_…` has the thresholds and may refuse;
//! [`ControlState::apply`] folds entries, has none, and cannot fail. Pure.
//! Must not know: a clock, storage, mail, texts of plugins.
//!
//! The rules, in the words of the ledger:
//!
//! - Fails in a row, as many as the control's `confirmations`, open an exception; it begins at the first of them.
//!   An `error` run in between is neither a pass nor a fail and starts no new count.
//! - A complete run that does not fail ends it (*recovered*). A run with an error, or whose report is incomplete,
//!   lets no subject leave and ends nothing. What is *recovered* is *closed* by people.
//! - A control is *untested* after so many due slots without a good result (a pass, a fail, not applicable), or a day
//!   after the first of them. Slots of a disabled control are not due.
//! - A control that changes between passing and failing too often *flaps*: its exceptions go on, its mails do not, until
//!   it has kept to one of the two for long enough.
//! - What a silence keeps from people and is so still when it ends, is told then, once; what came and went is not.
//! - What a person stated and an exclusion are told before they end, early enough that somebody can look.
//! - People are reminded of an open exception in the mornings after so many days; not before the date that whoever
//!   acknowledged it has promised.
//! - A run of an older version or of an older slot than the newest judged is counted, and says nothing about now.

mod attested;
mod definition;
mod ending;
mod events;
mod flapping;
mod people;
mod policy;
mod reminder;
mod run;
mod silence;
mod state;
mod time;

#[cfg(test)]
mod ending_tests;
#[cfg(test)]
mod tests;

pub use attested::decide_expired;
pub use definition::{DefinedControl, decide_definition, decide_retired};
pub use ending::{decide_exclusions_end, decide_expiring};
pub use events::ReportedEvents;
pub use people::{PersonDoes, decide_close, decide_note};
pub use policy::{Flapping, Policy, Remediation};
pub use reminder::Reminders;
pub use run::{NamedSubjects, RunFacts, SubjectStatus, decide_run};
pub use silence::{Withheld, decide_unsilenced};
pub use state::{ControlState, KeptEvidence, LastRun, OpenException, Phase, Testing};
pub use time::{UNTESTED_AFTER, deadline, decide_missed, decide_time};

use crate::domain::{
    AlertCause, ControlId, Event, ExceptionId, MissedReason, RunReason, SlotTime, SubjectNumber, Timestamp,
};

/// What was decided: entries, in order, and the alerts that they call for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    pub events: Vec<Event>,
    /// Each goes out as exactly one mail, whose [`Event::AlertQueued`] stands in the same batch behind `events`.
    pub alerts: Vec<Alert>,
}

impl Decision {
    pub fn append(&mut self, other: Self) {
        self.events.extend(other.events);
        self.alerts.extend(other.alerts);
    }

    pub const fn is_empty(&self) -> bool {
        self.events.is_empty() && self.alerts.is_empty()
    }
}

/// Something that people must be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    pub cause: AlertCause,
    pub control: ControlId,
    pub exception: Option<ExceptionId>,
    /// The slot that it is about: of the run, or the newest that ended.
    pub slot: SlotTime,
    /// The first failing slot of the exception, or the first without a good result.
    pub since: SlotTime,
    /// End of the time to fix, of an exception; or the end that is told before it comes.
    pub due: Option<Timestamp>,
    /// Those that failed, those that are more, or those that fail still.
    pub subjects: Vec<SubjectNumber>,
    /// Of an `error` run: why it could not test.
    pub reason: Option<RunReason>,
    /// Of missed slots: a gap of the daemon is one story for all controls, and may be told in one mail.
    pub missed: Option<MissedReason>,
    /// The how many-th reminder it is; of flapping, how often the control changed.
    pub count: u32,
}

impl Alert {
    /// About a control, with nothing said yet.
    fn new(cause: AlertCause, control: &ControlId, slot: SlotTime, since: SlotTime) -> Self {
        Self {
            cause,
            control: control.clone(),
            exception: None,
            slot,
            since,
            due: None,
            subjects: Vec::new(),
            reason: None,
            missed: None,
            count: 0,
        }
    }

    /// About an exception that is open, or was until now.
    fn of_exception(cause: AlertCause, control: &ControlId, slot: SlotTime, open: &OpenException) -> Self {
        Self { exception: Some(open.id), due: Some(open.due), ..Self::new(cause, control, slot, open.first_slot) }
    }

    /// Whether it has waited so long for somebody that others are to know.
    pub const fn escalates(&self) -> bool {
        match self.cause {
            AlertCause::Overdue => true,
            AlertCause::Reminder => self.count > 1,
            _ => false,
        }
    }
}

/// Why a decision was not made. The caller is wrong, or judged on what is no longer so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("a run of version {found}, but the control has only {newest}; define the new version first")]
    VersionUnknown { found: u32, newest: u32 },
    #[error("slot {0} was judged already; a slot has one result")]
    SlotJudged(SlotTime),
    #[error("new subjects are numbered from {found}, but the next number is {next}")]
    SubjectNumbers { found: u32, next: u32 },
    #[error("a stretch of {count} missed slots from {from} to {to} is none")]
    NoStretch { from: SlotTime, to: SlotTime, count: u64 },
    #[error("a stretch over {0} days does not fit an entry; split it")]
    TooManyDays(usize),
    #[error("{0} still fails; it can be closed once it has recovered")]
    StillFailing(ExceptionId),
    #[error("{0} is closed already")]
    Closed(ExceptionId),
    #[error("{0} cannot be closed before its root cause and the response to it are noted")]
    Unanswered(ExceptionId),
    #[error("the control is retired already")]
    Retired,
}
