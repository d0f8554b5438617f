//! What can be asked, and the lines of the answers. The shapes of answers are promised to scripts.

use serde::{Deserialize, Serialize};

use super::{ExclusionLine, ProposalLine, ReplayTally, ReplayedRun, SilenceLine, Verified};
use crate::{
    doctor::Observation,
    domain::{
        ControlId, CredentialId, Digest, EventInterval, ExceptionId, ExceptionState, NoteKind, Outcome, PluginName,
        RunReason, Severity, Silence, SlotTime, Timestamp, WindowId,
    },
    fold::DoubtSince,
    recorder::Recorded,
};

/// One question; its answer is a number of lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Question {
    Status,
    /// Slots of a control, oldest first.
    Results {
        control: ControlId,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    },
    Exceptions {
        only: Option<ExceptionState>,
    },
    Exception {
        id: ExceptionId,
    },
    /// A person has seen it.
    Acknowledge {
        id: ExceptionId,
        /// Until when it is to be fixed: no reminder comes before.
        #[serde(default)]
        until: Option<Timestamp>,
        words: String,
    },
    Note {
        id: ExceptionId,
        about: NoteKind,
        words: String,
    },
    /// A person closes it, with what was not noted before.
    Close {
        id: ExceptionId,
        root_cause: Option<String>,
        response: Option<String>,
        words: String,
    },
    /// Runs the check now and records the result.
    Check {
        control: ControlId,
    },
    /// The files of a window's report.
    Report {
        window: WindowId,
        formats: Vec<ReportFormat>,
    },
    /// Recomputes the whole ledger.
    Verify {
        /// Also its state.
        deep: bool,
        /// Text that somebody kept, with a signed checkpoint in it, to compare with.
        against: Option<String>,
    },
    /// Re-performs one run, or all, or those of a control.
    Replay {
        run: Option<u64>,
        control: Option<ControlId>,
    },
    /// A person says that the wall clock is right.
    AcceptClock {
        reason: String,
    },
    /// Mails about controls are withheld for a time.
    Silence {
        what: Silence,
        words: String,
    },
    EndSilence {
        silence: u64,
        words: String,
    },
    Silences {
        /// Also those that have ended.
        all: bool,
    },
    Proposals {
        all: bool,
    },
    Approve {
        proposal: u64,
        words: String,
    },
    /// Rejects a proposal, or withdraws one's own.
    Drop {
        proposal: u64,
        words: String,
    },
    /// What a plugin has kept for itself is forgotten.
    ResetState {
        control: ControlId,
        words: String,
    },
    /// A person states how a control stands.
    Attest {
        control: ControlId,
        passes: bool,
        until: Option<Timestamp>,
        file: Option<AttestedFile>,
        words: String,
    },
    /// Proposes that a control judges a subject no more.
    Exclude {
        control: ControlId,
        subject: String,
        until: Timestamp,
        words: String,
    },
    EndExclusion {
        control: ControlId,
        subject: String,
        words: String,
    },
    Exclusions {
        /// Also those that are not in force any more.
        all: bool,
    },
    /// Proposes that a text is erased from the evidence.
    Erase {
        subject: String,
        words: String,
    },
    /// The daemon reads its files again, as at SIGHUP, and says what that came to.
    Reload,
    /// The daemon looks at itself and at what it needs.
    Examine {
        /// The version of whoever asks.
        software: String,
    },
}

impl Question {
    /// Whether nothing is recorded of it. Then the store alone can answer it, but for [`Self::Examine`], which is about a
    /// daemon that runs.
    pub const fn only_reads(&self) -> bool {
        match self {
            Self::Status
            | Self::Results { .. }
            | Self::Exceptions { .. }
            | Self::Exception { .. }
            | Self::Report { .. }
            | Self::Verify { .. }
            | Self::Replay { .. }
            | Self::Silences { .. }
            | Self::Proposals { .. }
            | Self::Exclusions { .. }
            | Self::Examine { .. } => true,
            Self::Acknowledge { .. }
            | Self::Note { .. }
            | Self::Close { .. }
            | Self::Check { .. }
            | Self::AcceptClock { .. }
            | Self::Silence { .. }
            | Self::EndSilence { .. }
            | Self::Approve { .. }
            | Self::Drop { .. }
            | Self::ResetState { .. }
            | Self::Attest { .. }
            | Self::Exclude { .. }
            | Self::EndExclusion { .. }
            | Self::Erase { .. }
            | Self::Reload => false,
        }
    }
}

/// What somebody looked at who attests a control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttestedFile {
    pub name: String,
    #[serde(with = "base64_text")]
    pub content: Vec<u8>,
}

mod base64_text {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(content: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(content))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportFormat {
    Html,
    Json,
    Csv,
}

/// What taking up the files that were read again came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// The errors, if the configuration was refused.
    pub refused: Option<String>,
    /// Every plugin that enabled controls name, in order of name.
    pub plugins: Vec<PluginInUse>,
}

/// How it stands with one plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginInUse {
    pub plugin: PluginName,
    /// `None`: it cannot be used, and its controls are errors.
    pub digest: Option<Digest>,
    /// Why it cannot be used; or, with a digest, why a newer file was not taken.
    pub why: Option<String>,
}

/// One line of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "kebab-case")]
pub enum Line {
    Status(Box<Status>),
    Slot(Box<SlotLine>),
    Exception(Box<ExceptionLine>),
    Checked(Box<Checked>),
    /// How far something has come that takes long. What one cannot wait for is left out.
    Progress {
        done: u64,
        of: u64,
    },
    /// One file of a report.
    File {
        name: String,
        content: String,
    },
    /// The report is complete.
    Reported {
        /// Nothing deviated, and everything that was scheduled gave a result.
        is_clean: bool,
    },
    Verified(Box<Verified>),
    /// How one run came out.
    Replayed(ReplayedRun),
    /// How all of them did.
    Replays(ReplayTally),
    Reloaded(Box<Reloaded>),
    /// One thing that was looked at.
    Observed(Box<Observation>),
    /// Recorded, at this place in the ledger.
    Recorded {
        sequence: u64,
        /// It waits for a second person, under this number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proposal: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        silence: Option<u64>,
        /// Parts of the evidence that hold what is to be erased.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found: Option<u64>,
    },
    Silence(Box<SilenceLine>),
    Proposal(Box<ProposalLine>),
    Exclusion(Box<ExclusionLine>),
    /// So many parts of the evidence were erased.
    Erased {
        parts: u64,
        /// What holds the text still, and what can be done about it.
        in_use: Vec<String>,
    },
    /// Nothing was done; `problem` says whose fault it is.
    Refused {
        problem: Problem,
        message: String,
    },
    /// This daemon's ledger is another one than was asked about.
    OtherLedger,
    /// The last line.
    End,
}

impl Line {
    /// Where something was recorded.
    pub const fn recorded(recorded: &Recorded) -> Self {
        let Recorded { sequence, proposal, silence, .. } = *recorded;
        Self::Recorded { sequence, proposal, silence, found: None }
    }
}

/// Whose fault it is that there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Problem {
    /// What was asked does not exist, or makes no sense.
    Question,
    /// It could not be done.
    Daemon,
}

/// What `evidenced status` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub organization: String,
    pub instance: String,
    pub software: String,
    /// `false`: read from the store, no daemon answered.
    pub is_running: bool,
    /// The files are refused: the running configuration is the last one that was accepted.
    pub configuration_refused: bool,
    /// Keys that were changed in the configuration since the daemon started, and are in force after a restart.
    #[serde(default)]
    pub after_restart: Vec<String>,
    /// The wall clock is in doubt: everything goes by the time since boot.
    pub clock_doubt: Option<DoubtSince>,
    pub controls: Vec<ControlLine>,
    pub open_exceptions: u64,
    pub overdue_exceptions: u64,
    /// Recovered, and not closed by a person.
    pub unclosed_exceptions: u64,
    pub mails_waiting: u64,
    pub oldest_waiting: Option<Timestamp>,
    pub dead_letters: u64,
    /// Alerts that go out later, with others or at the end of somebody's quiet hours.
    #[serde(default)]
    pub alerts_held: u64,
    /// When the first of them is due.
    #[serde(default)]
    pub held_until: Option<Timestamp>,
    /// What waits for a second person.
    #[serde(default)]
    pub proposals: u64,
    /// Silences that are in force now.
    #[serde(default)]
    pub silences: u64,
    /// Exclusions that are in force now, of the configuration and by people.
    #[serde(default)]
    pub exclusions: u64,
    /// What is wrong with evidenced itself, in words; `/health` says the same.
    pub problems: Vec<String>,
    /// How it stands with `[heartbeat]`; `None` without one, and without a daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<PulseLine>,
    /// What was asked of each source since the daemon started; empty without one.
    #[serde(default)]
    pub sources: Vec<SourceLine>,
    pub entries: u64,
    pub root: Digest,
    pub last_entry: Option<Timestamp>,
}

/// Heartbeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PulseLine {
    /// When the newest one arrived.
    pub arrived: Option<Timestamp>,
    /// Since when none does, and why.
    pub failing_since: Option<Timestamp>,
    pub why: Option<String>,
}

/// What was asked of one source with one credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceLine {
    /// Its id, or the host and port of a grant in the long form.
    pub source: String,
    pub credential: Option<CredentialId>,
    /// Requests, the host's own repetitions included.
    pub requests: u64,
    /// Milliseconds that requests waited for their turn, all together.
    pub waited_ms: u64,
    /// Answers that asked to come back later.
    pub throttled: u64,
}

/// One control as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlLine {
    pub control: ControlId,
    pub title: String,
    pub family: String,
    pub severity: Severity,
    pub owner: String,
    /// `passing`, `suspect`, `failing`, `untested`, `disabled`, `new`.
    pub state: String,
    pub last_slot: Option<SlotTime>,
    pub last_outcome: Option<Outcome>,
    pub last_reason: Option<RunReason>,
    pub exception: Option<ExceptionId>,
    pub next_slot: Option<SlotTime>,
    /// Of a check that reads events: they are judged up to here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covered_until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlotState {
    Run,
    Late,
    Missed,
}

/// One slot; stretches are expanded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotLine {
    pub control: ControlId,
    pub slot: SlotTime,
    pub state: SlotState,
    pub outcome: Option<Outcome>,
    /// It ran by the time since boot, because the wall clock was in doubt.
    pub clock_in_doubt: bool,
    /// Why it was missed, or why the run is an error.
    pub reason: Option<String>,
    /// Its place in the ledger.
    pub sequence: u64,
    pub plugin: Option<PluginLine>,
    /// Counts the definitions and plugins of the control.
    #[serde(default)]
    pub control_version: u32,
    /// `false`: a person asked for it; it is no slot of the schedule, and no day counts it.
    #[serde(default = "yes")]
    pub scheduled: bool,
    /// Exclusions by people that were in force for it, by their numbers; those of the configuration are in its version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclusions: Vec<u64>,
    pub population: Option<u32>,
    pub failing: Option<u32>,
    /// Of a check that reads events: those that the run was asked about, `from` <= time < `until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<EventInterval>,
    /// Runs that followed at once on that of the slot, to catch up with events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<FurtherLine>,
    /// What cannot be told any more of this slot, or of the stretch that it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// A further run of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FurtherLine {
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its place in the ledger.
    pub sequence: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<u32>,
    pub interval: EventInterval,
}

/// The answer of a daemon that did not say so yet.
const fn yes() -> bool {
    true
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginLine {
    /// Empty if the part of the control was erased.
    pub name: String,
    /// What the plugin calls its version; `None` if that was not kept.
    #[serde(default)]
    pub version: Option<String>,
    pub digest: Option<Digest>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionLine {
    pub id: ExceptionId,
    pub control: ControlId,
    pub state: ExceptionState,
    /// How many subjects are or were in it; `subjects` has a line for each time that one came back.
    #[serde(default)]
    pub subject_count: u64,
    pub first_slot: SlotTime,
    pub opened: Timestamp,
    pub due: Timestamp,
    pub overdue: Option<Timestamp>,
    pub recovered: Option<SlotTime>,
    pub closed: Option<Timestamp>,
    pub acknowledged: Option<Timestamp>,
    pub subjects: Vec<SubjectLine>,
    pub notes: Vec<NoteLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectLine {
    /// `(erased)` if its text was.
    pub subject: String,
    pub first_seen: SlotTime,
    pub last_seen: SlotTime,
    /// Why its life in the exception ended, and with which slot.
    pub ended: Option<(String, SlotTime)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteLine {
    pub at: Timestamp,
    pub about: String,
    pub author: String,
    pub words: String,
}

/// What a check that was asked for came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    pub control: ControlId,
    pub outcome: Outcome,
    pub reason: Option<RunReason>,
    /// The plugin's summary, or why there is none.
    pub words: String,
    pub population: u32,
    /// Of the findings that do not pass: subject, status, message.
    pub findings: Vec<(String, String, String)>,
    pub sequence: u64,
}
