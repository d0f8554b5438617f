//! The facts of each letter, resolved to words by whoever holds them.

use evidenced_contract::Measurement;
use jiff::tz::TimeZone;

use super::SummaryFacts;
use crate::domain::{
    Act, ClockDoubt, ControlId, Counts, Departure, Detail, Digest, ExceptionId, Family, MissedReason, PluginName,
    RunReason, Severity, SlotTime, Timestamp, WindowId,
};
use crate::judge::Flapping;

/// What is told to people, and everything that is needed to tell it.
#[derive(Debug, Clone, PartialEq)]
pub enum Letter {
    /// The control failed, confirmed.
    Failed(FailedFacts),
    /// It failed already when the alert was switched on.
    AlreadyFailing(FailedFacts),
    /// Subjects joined an open exception.
    MoreSubjects(MoreSubjectsFacts),
    NotTested(NotTestedFacts),
    TestedAgain(TestedAgainFacts),
    /// The time to fix has passed.
    Overdue(FailedFacts),
    /// Open, and nobody has answered.
    Reminder(ReminderFacts),
    Flapping(FlappingFacts),
    Steady(SteadyFacts),
    Recovered(RecoveredFacts),
    MonitoringGap(GapFacts),
    /// The wall clock is in doubt.
    RoomGone(RoomGoneFacts),
    RoomBack(RoomBackFacts),
    ClockDoubted(ClockDoubtedFacts),
    ClockBelieved(ClockBelievedFacts),
    FirstResults(FirstResultsFacts),
    ConfigurationRefused(RefusedFacts),
    PluginFault(PluginFaultFacts),
    PluginRefused(PluginRefusedFacts),
    /// Something waits for a second person.
    Proposed(ProposedFacts),
    /// What a person stated expires soon.
    Expiring(ExpiringFacts),
    ExclusionEnds(ExclusionEndsFacts),
    /// Weekly, monthly, quarterly or of a whole window, as its period says.
    Summary(Box<SummaryFacts>),
}

/// What every letter of one instance shares.
#[derive(Debug, Clone, PartialEq)]
pub struct Letterhead {
    pub organization: String,
    /// Stands in every subject: `[evidenced prod] …`.
    pub instance: String,
    /// Times are shown in it.
    pub zone: TimeZone,
    /// Base of the status page's addresses, without a slash at its end; `None`: no links.
    pub page: Option<String>,
    pub detail: Detail,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ControlFacts {
    pub id: ControlId,
    /// The promise, as the configuration states it.
    pub title: String,
    pub family: Family,
    pub severity: Severity,
    pub criteria: Vec<String>,
    pub owner: String,
    /// How often it is tested, in words; see [`super::words::schedule`].
    pub schedule: String,
    /// What to do when it fails, as the configuration states it.
    pub remediation: Option<String>,
}

/// One run, and where its evidence lies.
#[derive(Debug, Clone, PartialEq)]
pub struct TestFacts {
    pub slot: SlotTime,
    /// The check's own summary.
    pub seen: String,
    pub population: u32,
    pub counts: Counts,
    /// Why not everything was looked at.
    pub incomplete: Option<String>,
    pub evidence: EvidenceFacts,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ProposedFacts {
    pub proposal: u64,
    pub act: Act,
    /// That it is about, if the act names it by a part.
    pub subject: Option<String>,
    pub at: Timestamp,
    pub author: String,
    pub words: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ExpiringFacts {
    pub control: ControlFacts,
    /// When a person stated how it stands, and until when that holds.
    pub stated: Timestamp,
    pub until: Timestamp,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ExclusionEndsFacts {
    pub control: ControlFacts,
    pub until: Timestamp,
    pub at: Timestamp,
    /// At least one; all end together.
    pub exclusions: Vec<ExcludedFacts>,
}

/// What a control does not judge.
#[derive(Debug, Clone, PartialEq)]
pub struct ExcludedFacts {
    /// `*` stands for any text.
    pub subject: String,
    pub reason: String,
    pub approval: ApprovalFacts,
}

/// Who says that a subject is out of scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApprovalFacts {
    /// The configuration: a URL or commit that nobody has looked at.
    Claimed(Option<String>),
    /// Two people.
    Decided { exclusion: u64, author: String, approver: String },
}

impl ApprovalFacts {
    pub(super) fn words(&self) -> String {
        match self {
            Self::Claimed(None) => "none".to_owned(),
            Self::Claimed(Some(approval)) => format!("claimed: {approval}"),
            Self::Decided { exclusion, author, approver } => {
                format!("by {approver}, wanted by {author} (exclusion {exclusion})")
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceFacts {
    /// Sequence of the run's entry; a run is named by it.
    pub run: u64,
    pub plugin: PluginName,
    pub plugin_version: String,
    pub plugin_digest: Option<Digest>,
    /// The newest one when the mail was written.
    pub checkpoint: Option<CheckpointFacts>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointFacts {
    /// Entries under the root.
    pub size: u64,
    pub root: Digest,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ExceptionFacts {
    pub id: ExceptionId,
    /// The first failing slot.
    pub since: SlotTime,
    /// Fixed later than this, it is overdue.
    pub due: Timestamp,
    /// The promised time to fix in words; see [`super::words::within`].
    pub within: String,
    /// The windows whose reports will list it.
    pub windows: Vec<WindowId>,
}

/// One failing subject.
#[derive(Debug, Clone, PartialEq)]
pub struct SubjectFacts {
    pub subject: String,
    pub label: Option<String>,
    /// What the check says of it.
    pub message: String,
    pub measurements: Vec<Measurement>,
    /// Failing since.
    pub since: SlotTime,
    /// When it was true at its source.
    pub as_of: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FailedFacts {
    pub control: ControlFacts,
    pub test: TestFacts,
    pub exception: ExceptionFacts,
    /// All of them; the mail shows the first and attaches a list of the rest.
    pub subjects: Vec<SubjectFacts>,
    /// Failing tests in a row before people are told; 1 = at once.
    pub confirmations: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct MoreSubjectsFacts {
    pub failed: FailedFacts,
    /// Those that joined since the last mail of this exception.
    pub joined: Vec<SubjectFacts>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ReminderFacts {
    pub failed: FailedFacts,
    pub at: Timestamp,
    /// The date that whoever acknowledged it has promised; `None`: nobody has.
    pub promised: Option<Timestamp>,
    /// Others than before are reminded too.
    pub escalated: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FlappingFacts {
    pub control: ControlFacts,
    pub test: TestFacts,
    /// Openings and recoveries since then.
    pub changes: u32,
    pub since: SlotTime,
    pub rule: Flapping,
}

/// What a control stands at that flapped until now.
#[derive(Debug, Clone, PartialEq)]
pub enum SteadyFacts {
    Failing(FailedFacts),
    Passing {
        control: ControlFacts,
        test: TestFacts,
        /// When it began to flap.
        since: SlotTime,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct RecoveredFacts {
    pub control: ControlFacts,
    /// The run that passed.
    pub test: TestFacts,
    pub exception: ExceptionFacts,
    /// Runs that failed while the exception was open, and all runs in that time.
    pub failing_tests: u64,
    pub tests: u64,
    pub ended: Vec<EndedSubject>,
}

/// How a subject's life in an exception ended.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedSubject {
    pub subject: String,
    pub label: Option<String>,
    pub since: SlotTime,
    pub until: SlotTime,
    pub why: Departure,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NotTestedFacts {
    pub control: ControlFacts,
    /// The first due slot without a good result.
    pub since: SlotTime,
    /// Due slots without a good result up to now.
    pub slots: u64,
    pub last_good: Option<SlotTime>,
    pub cause: Cause,
    /// The system that the cause speaks of, such as a host.
    pub source: Option<String>,
    /// What the check or the host said.
    pub message: Option<String>,
    /// Of the newest run, if there was one.
    pub evidence: Option<EvidenceFacts>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Run(RunReason),
    Missed(MissedReason),
    /// No statement of a person holds.
    Unattested,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TestedAgainFacts {
    pub control: ControlFacts,
    pub test: TestFacts,
    /// Whether the test passed, failed or had nothing to assess.
    pub outcome: crate::domain::Outcome,
    /// The first due slot without a good result.
    pub since: SlotTime,
    /// Due slots without a good result.
    pub slots: u64,
}

/// A time in which nothing was observed.
#[derive(Debug, Clone, PartialEq)]
pub struct GapFacts {
    pub from: Timestamp,
    pub to: Timestamp,
    pub reason: MissedReason,
    /// Controls with missed slots, and how many.
    pub missed: Vec<(ControlId, u64)>,
    /// Slots that ran late after the gap.
    pub caught_up: u64,
    pub checkpoint: Option<CheckpointFacts>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RoomGoneFacts {
    pub at: Timestamp,
    /// Where the records lie.
    pub folder: String,
    pub free_bytes: u64,
    pub needed_bytes: u64,
    pub checkpoint: Option<CheckpointFacts>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RoomBackFacts {
    /// There was none between these two times.
    pub since: Timestamp,
    pub until: Timestamp,
    pub free_bytes: u64,
    pub checkpoint: Option<CheckpointFacts>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ClockDoubtedFacts {
    /// By what everything goes now.
    pub at: Timestamp,
    pub doubt: ClockDoubt,
    pub checkpoint: Option<CheckpointFacts>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ClockBelievedFacts {
    pub since: Timestamp,
    /// What everything went by until now, and what it goes by from now on.
    pub before: Timestamp,
    pub after: Timestamp,
    /// Why a person accepted the clock; `None`: it was synchronised for long enough.
    pub accepted: Option<String>,
    /// Controls with slots that fell into it and did not run, and how many.
    pub missed: Vec<(ControlId, u64)>,
    pub checkpoint: Option<CheckpointFacts>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FirstResultsFacts {
    /// The daemon, for the first time.
    pub started: Timestamp,
    /// The worst first.
    pub controls: Vec<FirstRow>,
    pub checkpoint: Option<CheckpointFacts>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FirstRow {
    pub id: ControlId,
    pub title: String,
    pub result: FirstResult,
}

/// The worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FirstResult {
    Fails(ExceptionId),
    /// It failed, less often in a row than opens an exception.
    Unconfirmed,
    NotTested,
    NotDueYet,
    NothingToAssess,
    Passes,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RefusedFacts {
    pub at: Timestamp,
    /// All errors, as `check-config` prints them.
    pub errors: String,
    /// How many there are.
    pub error_count: u64,
    /// Since when the configuration that goes on was in force; `None`: none was ever accepted.
    pub running_since: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PluginFaultFacts {
    pub at: Timestamp,
    pub plugin: PluginName,
    pub reason: RunReason,
    /// What is wrong with the file, where.
    pub message: String,
    /// The controls that cannot be tested because of it.
    pub controls: Vec<ControlId>,
}

/// A newer file of a plugin was refused.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginRefusedFacts {
    pub at: Timestamp,
    pub plugin: PluginName,
    pub reason: RunReason,
    /// What is wrong with the file, where.
    pub message: String,
    /// The bytes that go on, those that were refused, and those that the lock names instead.
    pub in_use: Digest,
    pub found: Digest,
    pub locked: Option<Digest>,
    /// The controls that go on with the plugin that was in use.
    pub controls: Vec<ControlId>,
}
