use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use super::{Flapping, ReportedEvents};
use crate::domain::{
    AlertCause, Digest, Event, EventInterval, Evidence, ExceptionId, ExceptionSubjects, Family, MissedReason,
    MissedSlots, Outcome, RunEntry, Severity, SlotTime, SubjectNumber, Timestamp,
};

/// What the entries so far say of one control: all that is needed to judge the next result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlState {
    /// How many entries were applied: a decision holds only for the revision that it was made on.
    pub revision: u64,
    /// Of the definition; counts from 1.
    pub version: u32,
    pub definition: Digest,
    /// Digest of the plugin's bytes; `None` if they could not be read.
    pub plugin: Option<Digest>,
    pub family: Family,
    pub severity: Severity,
    pub enabled: bool,
    /// It left the configuration.
    pub retired: bool,
    /// Part: the control as configured.
    pub control_part: Digest,
    pub phase: Phase,
    /// No run was evaluated since the control came, was enabled, or got a new definition: what fails now failed
    /// already.
    pub fresh: bool,
    pub testing: Testing,
    /// When exceptions opened and recovered, oldest first; so many as a policy may look back over.
    pub changes: Vec<Timestamp>,
    /// It changes too often to be told, since the run of this slot.
    pub flapping: Option<SlotTime>,
    /// The newest slot that ended, as run or missed.
    pub accounted: Option<SlotTime>,
    /// The newest slot that a run was judged for.
    pub judged: Option<SlotTime>,
    /// The newest slot with a good result.
    pub last_good: Option<SlotTime>,
    pub last_run: Option<LastRun>,
    /// The number that the next new subject gets.
    pub next_subject: u32,
    /// Events are judged up to here; before the first report, where the first run of all was asked to begin.
    pub covered_until: Option<Timestamp>,
    /// The newest reports about events, the newest last: an event that one of them names was counted.
    pub reported: Vec<ReportedEvents>,
    /// The newest evidence that was kept: what is the same again is not kept twice.
    pub evidence: Option<KeptEvidence>,
    /// Part: the plugin's own state.
    pub plugin_state: Option<Digest>,
    /// Of an attested control: until when the newest statement holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attested_until: Option<Timestamp>,
    /// When it was stated, and when people were last told that it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attested: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiring_told: Option<Timestamp>,
    /// The ends of exclusions that people were told of and that have not come.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub endings_told: BTreeSet<Timestamp>,
}

/// Where a control stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    Passing,
    /// It failed, and that is not confirmed yet.
    Suspect {
        first: SlotTime,
        fails: u32,
        /// The subjects that failed, each with the slot in which it first did.
        subjects: BTreeMap<SubjectNumber, SlotTime>,
    },
    Failing(OpenException),
}

/// The exception of a control that fails now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenException {
    pub id: ExceptionId,
    pub first_slot: SlotTime,
    pub due: Timestamp,
    pub overdue: bool,
    /// When it was decided.
    pub opened: Timestamp,
    /// How often people were reminded of it, and when last.
    pub reminders: u32,
    pub reminded: Option<Timestamp>,
    /// Acknowledged: until then nobody is reminded.
    pub promised: Option<Timestamp>,
    /// The newest slot in which a subject joined.
    pub newest_join: Option<SlotTime>,
    /// Mails have named the subjects that joined up to this slot.
    pub told_to: Option<SlotTime>,
    /// Runs since the first failing one, and those of them that failed.
    pub tests: u64,
    pub failing_tests: u64,
    /// When a mail said that there are more of them.
    pub more_told: Option<Timestamp>,
    /// The subjects that fail now, and since which slot. Not serialised: the record of the exception holds it, and
    /// whoever loads this state fills it in from there.
    #[serde(skip)]
    pub subjects: BTreeMap<SubjectNumber, SlotTime>,
}

/// Whether the control's tests give results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Testing {
    Tested,
    /// The newest due slots gave no good result.
    Lapsing {
        since: SlotTime,
        slots: u64,
    },
    /// Long enough that it counts as untested.
    Untested {
        since: SlotTime,
        slots: u64,
        /// A mail of its own has said so.
        told: bool,
    },
}

impl Testing {
    /// How many due slots in a row gave no good result, up to now.
    pub const fn slots_without_result(self) -> u64 {
        match self {
            Self::Tested => 0,
            Self::Lapsing { slots, .. } | Self::Untested { slots, .. } => slots,
        }
    }

    /// After `count` slots, the first of them `from`, without a good result.
    pub(super) fn lapsed(self, from: SlotTime, count: u64) -> Self {
        match self {
            Self::Tested => Self::Lapsing { since: from, slots: count },
            Self::Lapsing { since, slots } => {
                Self::Lapsing { since: since.min(from), slots: slots.saturating_add(count) }
            }
            Self::Untested { since, slots, told } => Self::Untested { since, slots: slots.saturating_add(count), told },
        }
    }
}

/// The newest run, whatever its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    pub sequence: u64,
    pub slot: SlotTime,
    pub at: Timestamp,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptEvidence {
    /// The run that it was kept for.
    pub sequence: u64,
    pub part: Digest,
}

impl ControlState {
    /// The state that a control begins with; `None` unless the event defines one.
    pub fn begin(event: &Event) -> Option<Self> {
        let Event::ControlDefined { version, definition, plugin, family, severity, enabled, control_part, .. } = event
        else {
            return None;
        };
        Some(Self {
            revision: 1,
            version: *version,
            definition: *definition,
            plugin: *plugin,
            family: *family,
            severity: *severity,
            enabled: *enabled,
            retired: false,
            control_part: *control_part,
            phase: Phase::Passing,
            fresh: true,
            testing: Testing::Tested,
            changes: Vec::new(),
            flapping: None,
            accounted: None,
            judged: None,
            last_good: None,
            last_run: None,
            next_subject: 0,
            covered_until: None,
            reported: Vec::new(),
            evidence: None,
            plugin_state: None,
            attested_until: None,
            attested: None,
            expiring_told: None,
            endings_told: BTreeSet::new(),
        })
    }

    pub const fn open_exception(&self) -> Option<&OpenException> {
        match &self.phase {
            Phase::Failing(open) => Some(open),
            Phase::Passing | Phase::Suspect { .. } => None,
        }
    }

    /// Since which slot a subject fails, as far as it is suspected already.
    pub fn suspected_since(&self, subject: SubjectNumber) -> Option<SlotTime> {
        match &self.phase {
            Phase::Suspect { subjects, .. } => subjects.get(&subject).copied(),
            Phase::Passing | Phase::Failing(_) => None,
        }
    }

    /// Whether a run tells something new about the control as it is now. If not it is only counted: it is of a
    /// version that was replaced while it ran, or of a slot before one that was judged.
    pub fn judges(&self, run: &RunEntry) -> bool {
        !self.retired && run.version == self.version && self.judged.is_none_or(|judged| run.slot >= judged)
    }

    /// A part was erased: whether it was the newest evidence, which is then none to go back to.
    pub fn forget_evidence(&mut self, part: &Digest) -> bool {
        let is_newest = self.evidence.is_some_and(|kept| kept.part == *part);
        if is_newest {
            self.revision += 1;
            self.evidence = None;
        }
        is_newest
    }

    /// Folds one entry of this control. Knows no thresholds and cannot fail.
    pub fn apply(&mut self, sequence: u64, at: Timestamp, event: &Event) {
        self.revision += 1;
        match event {
            Event::ControlDefined { version, definition, plugin, family, severity, enabled, control_part, .. } => {
                let new_promise = self.definition != *definition || self.retired;
                if new_promise {
                    self.begin_anew();
                }
                self.version = *version;
                self.definition = *definition;
                self.plugin = *plugin;
                self.retired = false;
                self.present(*family, *severity, *enabled, *control_part);
            }
            Event::ControlPresented { family, severity, enabled, control_part, .. } => {
                self.present(*family, *severity, *enabled, *control_part);
            }
            Event::ControlRetired { .. } => {
                self.retired = true;
                self.testing = Testing::Tested;
            }
            Event::SubjectsNamed { first, count, .. } => {
                self.next_subject = self.next_subject.max(first.0.saturating_add(*count));
            }
            Event::Run(run) => self.apply_run(sequence, at, run),
            Event::Missed(missed) => self.apply_missed(missed),
            Event::SubjectsSuspected(suspected) => {
                if let Phase::Suspect { subjects, .. } = &mut self.phase {
                    for subject in &suspected.subjects {
                        subjects.entry(*subject).or_insert(suspected.slot);
                    }
                }
            }
            Event::ExceptionOpened { exception, first_slot, due, .. } => {
                // The run that opens it was counted as the newest of those in a row.
                let fails = match self.phase {
                    Phase::Suspect { fails, .. } => u64::from(fails),
                    Phase::Passing | Phase::Failing(_) => 1,
                };
                self.phase = Phase::Failing(OpenException {
                    tests: fails,
                    failing_tests: fails,
                    id: *exception,
                    first_slot: *first_slot,
                    due: *due,
                    overdue: false,
                    opened: at,
                    reminders: 0,
                    reminded: None,
                    promised: None,
                    newest_join: None,
                    told_to: None,
                    more_told: None,
                    subjects: BTreeMap::new(),
                });
                self.fresh = false;
                self.changed(at);
            }
            Event::SubjectsJoined(joined) => {
                if let Some(open) = self.open_mut(joined) {
                    open.newest_join = open.newest_join.max(Some(joined.slot));
                    open.subjects.extend(joined.subjects.iter().map(|subject| (*subject, joined.slot)));
                }
            }
            Event::SubjectsLeft { subjects: left, .. } => {
                if let Some(open) = self.open_mut(left) {
                    for subject in &left.subjects {
                        open.subjects.remove(subject);
                    }
                }
            }
            Event::ExceptionOverdue { .. } => {
                if let Phase::Failing(open) = &mut self.phase {
                    open.overdue = true;
                }
            }
            Event::ExceptionRecovered { .. } => {
                self.phase = Phase::Passing;
                self.changed(at);
            }
            Event::ExceptionReminded { exception, .. } => {
                if let Some(open) = self.open_of(*exception) {
                    open.reminders = open.reminders.saturating_add(1);
                    open.reminded = Some(at);
                }
            }
            Event::FlappingStarted { slot, .. } => self.flapping = Some(*slot),
            Event::FlappingEnded { .. } => self.flapping = None,
            Event::WentUntested { since, .. } => {
                let slots = self.testing.slots_without_result();
                self.testing = Testing::Untested { since: *since, slots, told: false };
            }
            Event::TestedAgain { .. } => self.testing = Testing::Tested,
            // What was held was said when it was held.
            Event::AlertQueued { cause, tells, .. } if tells.is_empty() => self.apply_alert(at, *cause),
            Event::AlertQueued { .. } => {}
            Event::AlertHeld(held) => self.apply_alert(at, held.cause),
            Event::ExceptionAcknowledged { exception, until, .. } => {
                if let Some(open) = self.open_of(*exception) {
                    open.promised = Some(until.unwrap_or(open.due));
                }
            }
            // What else people add to an exception changes its record, not where the control stands.
            Event::ExceptionNoted { .. } | Event::ExceptionClosed { .. } => {}
            // The version that it becomes by it says what is judged.
            Event::Excluded { .. } | Event::ExclusionEnded { .. } => {}
            Event::AlertWithheld { cause, .. } => {
                // That there are more is not found out anew with each run.
                if let (AlertCause::MoreSubjects, Phase::Failing(open)) = (cause, &mut self.phase) {
                    open.more_told = Some(at);
                }
            }
            Event::StateReset { .. } => self.plugin_state = None,
            Event::Attested { until, .. } => {
                self.attested_until = Some(*until);
                self.attested = Some(at);
                self.expiring_told = None;
            }
            Event::AttestationExpiring { .. } => self.expiring_told = Some(at),
            Event::ExclusionEnding { until, .. } => {
                self.endings_told.retain(|end| *end > at);
                self.endings_told.insert(*until);
            }
            // These are of no control.
            Event::LedgerOpened { .. }
            | Event::DaemonStarted { .. }
            | Event::DaemonStopped
            | Event::ConfigurationAccepted { .. }
            | Event::ConfigurationRefused { .. }
            | Event::Delivered { .. }
            | Event::DeliveryRefused { .. }
            | Event::Checkpoint { .. }
            | Event::ClockDoubted { .. }
            | Event::DiskFull { .. }
            | Event::DiskHasRoom { .. }
            | Event::ClockBelieved(_)
            | Event::DayClosed { .. }
            | Event::WindowOpened { .. }
            | Event::Erased { .. }
            | Event::Silenced { .. }
            | Event::SilenceEnded { .. }
            | Event::Proposed { .. }
            | Event::Approved { .. }
            | Event::ProposalDropped { .. }
            | Event::PluginRefused(_) => {}
        }
    }

    fn apply_run(&mut self, sequence: u64, at: Timestamp, run: &RunEntry) {
        let judges = self.judges(run);
        // A run that a person asked for is of no slot of the schedule.
        if !run.days.is_empty() {
            self.accounted = self.accounted.max(Some(run.slot));
        }
        self.last_run = Some(LastRun { sequence, slot: run.slot, at, outcome: run.outcome });
        if let Evidence::Part(part) = run.evidence {
            self.evidence = Some(KeptEvidence { sequence, part });
        }
        if let Some(EventInterval { from, .. }) = run.interval {
            // A run that covers nothing says at least where coverage begins.
            self.covered_until.get_or_insert(from);
        }
        if !judges {
            return;
        }
        self.judged = Some(run.slot);
        self.covered(run);
        self.plugin_state = run.plugin_state.or(self.plugin_state);
        if run.outcome == Outcome::Error {
            self.testing = self.testing.lapsed(run.slot, 1);
            return;
        }
        self.last_good = Some(run.slot);
        if let Testing::Lapsing { .. } = self.testing {
            self.testing = Testing::Tested;
        }
        if let Phase::Failing(open) = &mut self.phase {
            open.tests += 1;
            open.failing_tests += u64::from(run.outcome == Outcome::Fail);
        }
        match (run.outcome, &mut self.phase) {
            (Outcome::Fail, Phase::Suspect { fails, .. }) => *fails += 1,
            (Outcome::Fail, Phase::Passing) => {
                self.phase = Phase::Suspect { first: run.slot, fails: 1, subjects: BTreeMap::new() };
            }
            (Outcome::Fail, Phase::Failing(_)) => self.fresh = false,
            (_, phase) => {
                if let Phase::Suspect { .. } = phase {
                    *phase = Phase::Passing;
                }
                self.fresh = false;
            }
        }
    }

    fn apply_missed(&mut self, missed: &MissedSlots) {
        self.accounted = self.accounted.max(Some(missed.to));
        self.testing = self.testing_after(missed);
    }

    /// Missed slots leave a control without a good result, unless people decided that it is not to be tested, or a
    /// later slot has one.
    pub(super) fn testing_after(&self, missed: &MissedSlots) -> Testing {
        let after_good = self.last_good.is_none_or(|good| missed.from > good);
        if missed.reason != MissedReason::Disabled && after_good && !self.retired {
            self.testing.lapsed(missed.from, missed.count)
        } else {
            self.testing
        }
    }

    /// What mails have said is known from their entries, so that nothing is said twice.
    fn apply_alert(&mut self, at: Timestamp, cause: AlertCause) {
        if cause == AlertCause::NotTested
            && let Testing::Untested { told, .. } = &mut self.testing
        {
            *told = true;
        }
        let judged = self.judged;
        let Phase::Failing(open) = &mut self.phase else { return };
        match cause {
            AlertCause::Failed | AlertCause::AlreadyFailing | AlertCause::Steady => open.told_to = judged,
            AlertCause::MoreSubjects => {
                open.told_to = judged;
                open.more_told = Some(at);
            }
            AlertCause::NotTested
            | AlertCause::TestedAgain
            | AlertCause::Overdue
            | AlertCause::Reminder
            | AlertCause::Flapping
            | AlertCause::Recovered
            | AlertCause::MonitoringGap
            | AlertCause::ConfigurationRefused
            | AlertCause::PluginFault
            | AlertCause::PluginRefused
            | AlertCause::FirstResults
            | AlertCause::Proposed
            | AlertCause::Expiring
            | AlertCause::ExclusionEnds
            | AlertCause::Several
            | AlertCause::IncidentUpdate
            | AlertCause::Summary(_) => {}
        }
    }

    /// Another promise, or the same one after it was gone: fails that were not confirmed confirm nothing now.
    fn begin_anew(&mut self) {
        self.fresh = true;
        if let Phase::Suspect { .. } = self.phase {
            self.phase = Phase::Passing;
        }
    }

    fn present(&mut self, family: Family, severity: Severity, enabled: bool, control_part: Digest) {
        self.family = family;
        self.severity = severity;
        self.control_part = control_part;
        if enabled && !self.enabled {
            self.begin_anew();
        }
        if let (false, Testing::Lapsing { .. }) = (enabled, self.testing) {
            // Not to be tested was decided by people.
            self.testing = Testing::Tested;
        }
        self.enabled = enabled;
    }

    fn changed(&mut self, at: Timestamp) {
        self.changes.retain(|change| at.since(*change) <= Flapping::WITHIN_MAX);
        if self.changes.len() == Flapping::CHANGES_MAX as usize {
            self.changes.remove(0);
        }
        self.changes.push(at);
    }

    fn open_mut(&mut self, subjects: &ExceptionSubjects) -> Option<&mut OpenException> {
        self.open_of(subjects.exception)
    }

    fn open_of(&mut self, exception: ExceptionId) -> Option<&mut OpenException> {
        match &mut self.phase {
            Phase::Failing(open) if open.id == exception => Some(open),
            Phase::Failing(_) | Phase::Passing | Phase::Suspect { .. } => None,
        }
    }
}
