use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Catalogue;
use crate::{
    domain::{
        ClockDoubt, ClockState, ControlId, Event, ExceptionId, MissedReason, MissedSlots, Outcome, RunReason, Timestamp,
    },
    judge::PersonDoes,
    mail::PluginFaultFacts,
    runner::Finished,
};

/// Something that happened and is to be kept.
#[derive(Debug)]
pub enum Fact {
    Ran(Box<Finished>),
    Missed(MissedSlots),
    /// What needs no judgement: the daemon started or stopped, a mail was delivered or refused.
    Event(Event),
    /// A person acknowledged an exception, or wrote to it.
    Said {
        exception: ExceptionId,
        does: PersonDoes,
        author: Author,
        words: String,
    },
    /// A person closed an exception.
    Closed(Box<Closing>),
    Configured {
        catalogue: Arc<Catalogue>,
        expanded: String,
    },
    ConfigurationRefused {
        errors: String,
        count: u64,
    },
    /// A plugin's file cannot be used.
    PluginFault(Box<PluginFaultFacts>),
    /// The daemon was away; the missed slots themselves are facts of their own.
    Gap(Box<Gap>),
    /// The wall clock is not believed.
    ClockDoubted(ClockDoubt),
    ClockBelieved(Box<Belief>),
    /// Time has passed.
    Tick {
        clock: ClockState,
    },
}

impl Fact {
    /// The control that it is judged for.
    pub(super) fn control(&self) -> Option<&ControlId> {
        match self {
            Self::Ran(finished) => Some(&finished.order.control.id),
            Self::Missed(missed) => Some(&missed.control),
            Self::Event(event) => event.control(),
            Self::Said { .. }
            | Self::Closed(_)
            | Self::Configured { .. }
            | Self::ConfigurationRefused { .. }
            | Self::PluginFault(_)
            | Self::Gap(_)
            | Self::ClockDoubted(_)
            | Self::ClockBelieved(_)
            | Self::Tick { .. } => None,
        }
    }

    /// Whether it is judged on the state of many controls, and so needs a batch of its own.
    pub(super) const fn is_wide(&self) -> bool {
        match self {
            Self::Ran(_) | Self::Missed(_) | Self::Event(_) => false,
            Self::Said { .. }
            | Self::Closed(_)
            | Self::Configured { .. }
            | Self::ConfigurationRefused { .. }
            | Self::PluginFault(_)
            | Self::Gap(_)
            | Self::ClockDoubted(_)
            | Self::ClockBelieved(_)
            | Self::Tick { .. } => true,
        }
    }
}

/// A time without the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub from: Timestamp,
    pub to: Timestamp,
    pub reason: MissedReason,
    pub missed: Vec<(ControlId, u64)>,
    /// Slots that run late now.
    pub caught_up: u64,
}

/// The wall clock is believed again; the slots that fell into the doubt are facts of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belief {
    /// What everything went by until now.
    pub before: Timestamp,
    /// Who says so, and why; `None`: it was synchronised for long enough.
    pub said: Option<NoteRecord>,
    pub missed: Vec<(ControlId, u64)>,
}

/// Who did something: taken from the socket's peer, never from what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    pub uid: u32,
    /// The uid that logged in, so that sudo hides nobody.
    pub login_uid: Option<u32>,
}

/// A person closes an exception, with what was not said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    pub exception: ExceptionId,
    pub author: Author,
    pub root_cause: Option<String>,
    pub response: Option<String>,
    /// Of the closing itself.
    pub words: String,
}

/// The part that a person's words are kept in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteRecord {
    pub author: Author,
    pub words: String,
}

/// A fact that is durable.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Place of its main entry in the ledger.
    pub sequence: u64,
    /// The time of its entries.
    pub at: Timestamp,
    /// Of a run.
    pub run: Option<RunAnswer>,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct RunAnswer {
    pub outcome: Outcome,
    pub reason: Option<RunReason>,
    pub words: String,
    pub population: u32,
    /// Of the findings that do not pass: subject, status, message.
    pub findings: Vec<(String, String, String)>,
}
