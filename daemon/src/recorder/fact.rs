use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Catalogue;
use crate::{
    domain::{
        ClockDoubt, ClockState, ControlId, Digest, Event, ExceptionId, MissedReason, MissedSlots, Outcome, PluginName,
        RunReason, Silence, Timestamp,
    },
    fold::State,
    judge::PersonDoes,
    ledger::{Ledger, Store},
    mail::PluginFaultFacts,
    runner::{Finished, RefusedPlugin},
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
    /// A person decided something, or proposes to.
    Acted(Box<Acting>),
    /// Parts of the evidence are erased, as was approved.
    Erase(Box<Erasing>),
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
    /// A newer file of a plugin is refused, and the one that was in use goes on.
    PluginRefused(Box<PluginRefusal>),
    /// The daemon was away; the missed slots themselves are facts of their own.
    Gap(Box<Gap>),
    /// There is too little room on the disk, or enough again.
    Room(Room),
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
            | Self::Acted(_)
            | Self::Erase(_)
            | Self::Configured { .. }
            | Self::ConfigurationRefused { .. }
            | Self::PluginFault(_)
            | Self::PluginRefused(_)
            | Self::Gap(_)
            | Self::Room(_)
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
            | Self::Acted(_)
            | Self::Erase(_)
            | Self::Configured { .. }
            | Self::ConfigurationRefused { .. }
            | Self::PluginFault(_)
            | Self::PluginRefused(_)
            | Self::Gap(_)
            | Self::Room(_)
            | Self::ClockDoubted(_)
            | Self::ClockBelieved(_)
            | Self::Tick { .. } => true,
        }
    }
}

/// A newer file of a plugin that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginRefusal {
    pub plugin: PluginName,
    pub refused: RefusedPlugin,
    /// The controls that go on with the plugin that was in use.
    pub controls: Vec<ControlId>,
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

/// How it stands with the disk that the records lie on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// No runs start any more.
    Gone { free_bytes: u64, needed_bytes: u64 },
    /// Runs start again: there was no room between these two times.
    Back { since: Timestamp, until: Timestamp, free_bytes: u64 },
}

/// The wall clock is believed again; the slots that fell into the doubt are facts of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belief {
    /// What everything went by until now.
    pub before: Timestamp,
    /// Who says so, and why; `None`: it was synchronised for long enough.
    pub said: Option<NoteRecord>,
    /// The proposal that said so, and that this approves.
    pub proposal: Option<u64>,
    pub missed: Vec<(ControlId, u64)>,
}

/// Who did something: taken from the socket's peer, never from what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    pub uid: u32,
    /// The uid that logged in, so that sudo hides nobody.
    pub login_uid: Option<u32>,
    /// What that person was called when it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Author {
    /// The user that logged in, if the kernel knows; else the one that asked.
    pub fn person(&self) -> u32 {
        self.login_uid.unwrap_or(self.uid)
    }

    pub fn is_same_person(&self, other: &Self) -> bool {
        // Where one of the two came without a login, the same user may be the same person.
        let unknown = self.login_uid.is_none() || other.login_uid.is_none();
        self.person() == other.person() || (unknown && self.uid == other.uid)
    }

    /// For people to read.
    pub fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| crate::access::user_name(self.person()))
    }
}

/// What a person does that may need a second one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    pub author: Author,
    pub words: String,
    pub does: Does,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Does {
    Silence(Silence),
    EndSilence(u64),
    AcceptClock,
    /// Wants a text out of the evidence.
    Erase {
        target: String,
    },
    ResetState(ControlId),
    Attest(Attestation),
    Exclude(Excluding),
    EndExclusion {
        control: ControlId,
        subject: String,
    },
    /// Of a proposal; what it effects stands behind it.
    Approve(u64),
    Drop(u64),
}

/// A person states how a control stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    pub control: ControlId,
    pub passes: bool,
    /// `None`: for as long as the control says.
    pub until: Option<Timestamp>,
    /// What was looked at: its name and content.
    pub file: Option<(String, Vec<u8>)>,
}

/// A control is to judge a subject no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excluding {
    pub control: ControlId,
    /// `*` stands for any text.
    pub subject: String,
    /// From here on it is judged again.
    pub until: Timestamp,
}

/// Parts that are erased because of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasing {
    pub proposal: u64,
    /// The text that is to go.
    pub target: String,
    /// They hold the text.
    pub parts: Vec<Digest>,
    /// They have no content any more, and no entry says so: an earlier erasure was cut off.
    pub gone: Vec<Digest>,
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

impl NoteRecord {
    /// `None`: it was erased, or cannot be read.
    pub fn read(ledger: &Ledger<State>, note: &Digest) -> Option<Self> {
        serde_json::from_slice(&ledger.part(note).ok()??).ok()
    }
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
    /// What was proposed and waits for a second person.
    pub proposal: Option<u64>,
    pub silence: Option<u64>,
}

impl Recorded {
    /// An entry of which no more need be said.
    pub(super) const fn entry(sequence: u64, at: Timestamp) -> Self {
        Self { sequence, at, run: None, proposal: None, silence: None }
    }
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
