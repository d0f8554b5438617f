//! What an entry may tell, a closed list of kinds.

use serde::{Deserialize, Serialize};

use super::{
    Act, AlertCause, ClockBelieved, ClockDoubt, ClockState, ControlId, Departure, Digest, Dropped, Evidence,
    ExceptionId, ExceptionSubjects, Family, HeldAlert, LocalDay, MissedSlots, NoteKind, PluginRefused, RecipientId,
    RunEntry, Severity, Silence, SlotTime, SubjectNumber, SuspectedSubjects, Timestamp, WindowId, WithheldReason,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// The first entry of an epoch.
    LedgerOpened {
        /// Name of the log in its checkpoints.
        origin: String,
        /// Ed25519 public key, hexadecimal.
        key: String,
    },
    DaemonStarted {
        software: String,
    },
    DaemonStopped,
    ConfigurationAccepted {
        /// Part: the expanded configuration.
        configuration: Digest,
        /// IANA names of the zones whose days are rolled up; `days` of runs are in this order.
        rollup_zones: Vec<String>,
    },
    ConfigurationRefused {
        /// Part: the errors.
        errors: Digest,
    },
    /// A control, or a new version of it: its definition or its plugin changed.
    ControlDefined {
        control: ControlId,
        /// Counts from 1 within the control.
        version: u32,
        definition: Digest,
        /// Digest of the plugin's bytes; `None` if they could not be read.
        plugin: Option<Digest>,
        family: Family,
        severity: Severity,
        enabled: bool,
        /// Part: the control as configured.
        control_part: Digest,
    },
    /// Title, owner, severity, criteria or `enabled` changed; the definition did not.
    ControlPresented {
        control: ControlId,
        family: Family,
        severity: Severity,
        enabled: bool,
        control_part: Digest,
    },
    /// It left the configuration.
    ControlRetired {
        control: ControlId,
    },
    /// Numbers for subjects that were seen for the first time: `first`, `first` + 1, …
    SubjectsNamed {
        control: ControlId,
        first: SubjectNumber,
        count: u32,
        /// Part: a JSON array of their texts.
        subjects: Digest,
    },
    Run(RunEntry),
    Missed(MissedSlots),
    /// Subjects that failed for the first time in a run that confirms nothing yet.
    SubjectsSuspected(SuspectedSubjects),
    ExceptionOpened {
        exception: ExceptionId,
        control: ControlId,
        /// The first failing slot; with confirmations it is earlier than the one that opened it.
        first_slot: SlotTime,
        /// After this time the exception is overdue.
        due: Timestamp,
    },
    SubjectsJoined(ExceptionSubjects),
    SubjectsLeft {
        why: Departure,
        #[serde(flatten)]
        subjects: ExceptionSubjects,
    },
    ExceptionOverdue {
        exception: ExceptionId,
        control: ControlId,
    },
    /// The test passes again; the case itself is closed by people.
    ExceptionRecovered {
        exception: ExceptionId,
        control: ControlId,
        /// The slot whose run passed.
        slot: SlotTime,
    },
    ExceptionAcknowledged {
        exception: ExceptionId,
        control: ControlId,
        /// Until when whoever acknowledged it promises that it is fixed; no reminder comes before.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until: Option<Timestamp>,
        /// Part: author and words.
        note: Digest,
    },
    ExceptionNoted {
        exception: ExceptionId,
        control: ControlId,
        about: NoteKind,
        note: Digest,
    },
    ExceptionClosed {
        exception: ExceptionId,
        control: ControlId,
        note: Digest,
    },
    /// The control has gone untested.
    WentUntested {
        control: ControlId,
        /// The first due slot without a good result.
        since: SlotTime,
    },
    TestedAgain {
        control: ControlId,
        slot: SlotTime,
    },
    AlertQueued {
        /// Counts over the whole ledger.
        alert: u64,
        cause: AlertCause,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        control: Option<ControlId>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        exception: Option<ExceptionId>,
        /// Part: the rendered mail, its envelope addresses, and what goes to webhooks, by their names.
        mail: Digest,
        /// How many addresses and webhooks it goes to; deliveries are numbered from 0.
        deliveries: u32,
        /// Who reads them.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        recipients: Vec<RecipientId>,
        /// The held alerts that it tells, as stretches of their numbers, both ends inclusive.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        tells: Vec<(u64, u64)>,
    },
    AlertHeld(HeldAlert),
    /// An alert that becomes no mail.
    AlertWithheld {
        cause: AlertCause,
        control: ControlId,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        exception: Option<ExceptionId>,
        why: WithheldReason,
        /// By which silence.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        silence: Option<u64>,
        /// What it would have told from (or the end that it would have told of), for an alert that is told when the
        /// silence ends.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        since: Option<SlotTime>,
    },
    /// People are reminded of an exception that is open still.
    ExceptionReminded {
        exception: ExceptionId,
        control: ControlId,
    },
    /// From here on the control's changes between passing and failing are not told one by one.
    FlappingStarted {
        control: ControlId,
        slot: SlotTime,
    },
    FlappingEnded {
        control: ControlId,
        slot: SlotTime,
    },
    Delivered {
        alert: u64,
        delivery: u32,
        attempts: u32,
    },
    /// Refused for good by the mail server or the webhook; kept as a dead letter and reported.
    DeliveryRefused {
        alert: u64,
        delivery: u32,
        attempts: u32,
        /// SMTP reply code, or HTTP status.
        code: u16,
    },
    /// Every hour, also when nothing happened.
    Checkpoint {
        /// Entries before this one.
        size: u64,
        root: Digest,
        clock: ClockState,
    },
    /// The wall clock is not believed: until it is again, everything goes by the time since boot.
    ClockDoubted {
        doubt: ClockDoubt,
    },
    ClockBelieved(ClockBelieved),
    /// Less room than is needed is left on the disk: no runs start.
    DiskFull {
        free_bytes: u64,
        needed_bytes: u64,
    },
    /// There is room again, and has been for a while.
    DiskHasRoom {
        free_bytes: u64,
    },
    /// The counts of one day are final.
    DayClosed {
        /// Index into `rollup_zones`.
        zone: u32,
        day: LocalDay,
        /// The end of the day: times of failing are counted up to here.
        until: Timestamp,
        /// Digest of the rollup file.
        rollup: Digest,
    },
    WindowOpened {
        window: WindowId,
        /// Part: the window as configured.
        window_part: Digest,
    },
    Erased {
        part: Digest,
        /// Part: what is left of it, where one text was taken out of a list of many.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        left: Option<Digest>,
    },
    /// A person has silenced controls.
    Silenced {
        /// Counts over the whole ledger.
        silence: u64,
        #[serde(flatten)]
        what: Silence,
        /// Part: author and words.
        note: Digest,
    },
    SilenceEnded {
        silence: u64,
        /// Part: who ended it before its time, and why.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        note: Option<Digest>,
    },
    /// Needs a second person: it has no effect yet.
    Proposed {
        /// Counts over the whole ledger.
        proposal: u64,
        act: Act,
        /// Part: author and words.
        note: Digest,
    },
    /// By a second person; what it has effected stands behind it in the same batch.
    Approved {
        proposal: u64,
        /// Part: who approved it, and their words.
        note: Digest,
    },
    ProposalDropped {
        proposal: u64,
        why: Dropped,
        note: Digest,
    },
    /// Two people decided that a control does not judge a subject; the version that the control becomes by it stands
    /// behind it in the same batch.
    Excluded {
        /// Counts over the whole ledger.
        exclusion: u64,
        /// What was approved: it has who wanted it, and who approved it.
        proposal: u64,
        control: ControlId,
        /// Part: the subject, in which `*` stands for any text.
        subject_part: Digest,
        until: Timestamp,
        /// Part: author and words of the proposal.
        note: Digest,
    },
    /// An exclusion is none any more: a person ended it before its time, or it was over and left the definition with
    /// another change.
    ExclusionEnded {
        exclusion: u64,
        control: ControlId,
        /// Part: who ended it before its time, and why.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        note: Option<Digest>,
    },
    /// A person stated how a control stands; the run before it in the batch holds what they stated.
    Attested {
        control: ControlId,
        /// Until when it holds.
        until: Timestamp,
        /// Part: author and words.
        note: Digest,
    },
    /// People are told that the statement that holds until then expires.
    AttestationExpiring {
        control: ControlId,
        until: Timestamp,
    },
    /// People are told that exclusions end then: their subjects are tested again.
    ExclusionEnding {
        control: ControlId,
        until: Timestamp,
    },
    /// A newer file of a plugin was refused: the one that was in use goes on.
    PluginRefused(PluginRefused),
    /// What the plugin of a control had kept for itself is forgotten.
    StateReset {
        control: ControlId,
        note: Digest,
    },
}

impl Event {
    /// The parts that it names. Where `erased` names one, that one is gone.
    pub fn parts(&self) -> impl Iterator<Item = Digest> + use<> {
        let (one, other) = match self {
            Self::ConfigurationAccepted { configuration: part, .. }
            | Self::ConfigurationRefused { errors: part }
            | Self::ControlDefined { control_part: part, .. }
            | Self::ControlPresented { control_part: part, .. }
            | Self::SubjectsNamed { subjects: part, .. }
            | Self::ExceptionAcknowledged { note: part, .. }
            | Self::ExceptionNoted { note: part, .. }
            | Self::ExceptionClosed { note: part, .. }
            | Self::AlertQueued { mail: part, .. }
            | Self::AlertHeld(HeldAlert { letter: part, .. })
            | Self::WindowOpened { window_part: part, .. }
            | Self::Silenced { note: part, .. }
            | Self::Approved { note: part, .. }
            | Self::ProposalDropped { note: part, .. }
            | Self::Attested { note: part, .. }
            | Self::PluginRefused(PluginRefused { words: part, .. })
            | Self::StateReset { note: part, .. } => (Some(*part), None),
            Self::Proposed {
                act: Act::Erase { target: text } | Act::Exclude { subject_part: text, .. }, note, ..
            }
            | Self::Excluded { subject_part: text, note, .. } => (Some(*note), Some(*text)),
            Self::Proposed { note, .. } => (Some(*note), None),
            Self::Erased { left: part, .. }
            | Self::SilenceEnded { note: part, .. }
            | Self::ExclusionEnded { note: part, .. } => (*part, None),
            Self::ClockBelieved(ClockBelieved { note, .. }) => (*note, None),
            Self::Run(RunEntry { evidence: Evidence::Part(part), plugin_state, .. }) => (Some(*part), *plugin_state),
            Self::Run(RunEntry { evidence: Evidence::SameAs(_), plugin_state, .. }) => (None, *plugin_state),
            Self::LedgerOpened { .. }
            | Self::DaemonStarted { .. }
            | Self::DaemonStopped
            | Self::ControlRetired { .. }
            | Self::Missed(_)
            | Self::SubjectsSuspected(_)
            | Self::ExceptionOpened { .. }
            | Self::SubjectsJoined(_)
            | Self::SubjectsLeft { .. }
            | Self::ExceptionOverdue { .. }
            | Self::ExceptionRecovered { .. }
            | Self::WentUntested { .. }
            | Self::TestedAgain { .. }
            | Self::AlertWithheld { .. }
            | Self::ExceptionReminded { .. }
            | Self::FlappingStarted { .. }
            | Self::FlappingEnded { .. }
            | Self::Delivered { .. }
            | Self::DeliveryRefused { .. }
            | Self::Checkpoint { .. }
            | Self::ClockDoubted { .. }
            | Self::DiskFull { .. }
            | Self::DiskHasRoom { .. }
            | Self::DayClosed { .. }
            | Self::AttestationExpiring { .. }
            | Self::ExclusionEnding { .. } => (None, None),
        };
        one.into_iter().chain(other)
    }

    /// The control that it is about.
    pub const fn control(&self) -> Option<&ControlId> {
        match self {
            Self::ControlDefined { control, .. }
            | Self::ControlPresented { control, .. }
            | Self::ControlRetired { control }
            | Self::SubjectsNamed { control, .. }
            | Self::Run(RunEntry { control, .. })
            | Self::Missed(MissedSlots { control, .. })
            | Self::SubjectsSuspected(SuspectedSubjects { control, .. })
            | Self::ExceptionOpened { control, .. }
            | Self::SubjectsJoined(ExceptionSubjects { control, .. })
            | Self::SubjectsLeft { subjects: ExceptionSubjects { control, .. }, .. }
            | Self::ExceptionOverdue { control, .. }
            | Self::ExceptionRecovered { control, .. }
            | Self::ExceptionAcknowledged { control, .. }
            | Self::ExceptionNoted { control, .. }
            | Self::ExceptionClosed { control, .. }
            | Self::AlertWithheld { control, .. }
            | Self::ExceptionReminded { control, .. }
            | Self::FlappingStarted { control, .. }
            | Self::FlappingEnded { control, .. }
            | Self::WentUntested { control, .. }
            | Self::TestedAgain { control, .. }
            | Self::Attested { control, .. }
            | Self::Excluded { control, .. }
            | Self::ExclusionEnded { control, .. }
            | Self::AttestationExpiring { control, .. }
            | Self::ExclusionEnding { control, .. }
            | Self::StateReset { control, .. } => Some(control),
            Self::AlertQueued { control, .. } | Self::AlertHeld(HeldAlert { control, .. }) => control.as_ref(),
            Self::LedgerOpened { .. }
            | Self::DaemonStarted { .. }
            | Self::DaemonStopped
            | Self::ConfigurationAccepted { .. }
            | Self::ConfigurationRefused { .. }
            | Self::Delivered { .. }
            | Self::DeliveryRefused { .. }
            | Self::Checkpoint { .. }
            | Self::ClockDoubted { .. }
            | Self::DiskFull { .. }
            | Self::DiskHasRoom { .. }
            | Self::ClockBelieved(_)
            | Self::DayClosed { .. }
            | Self::WindowOpened { .. }
            | Self::Erased { .. }
            | Self::Silenced { .. }
            | Self::SilenceEnded { .. }
            | Self::Proposed { .. }
            | Self::Approved { .. }
            | Self::ProposalDropped { .. }
            | Self::PluginRefused(_) => None,
        }
    }
}
