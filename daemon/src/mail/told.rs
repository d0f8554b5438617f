//! What a letter tells, for programs: the members that a webhook sends beside the words for people.

use serde::{Deserialize, Serialize};

use super::{
    CheckpointFacts, ControlFacts, ExceptionFacts, FailedFacts, Letter, Letterhead, Period, SteadyFacts, SubjectFacts,
    TestFacts, clean,
};
use crate::domain::{AlertCause, ControlId, Detail, Digest, ExceptionId, Severity, SlotTime, SummaryKind, Timestamp};

/// So many subjects are named; how many there are is told all the same.
const SUBJECTS_MAX: usize = 50;

const TEXT_CHARS_MAX: usize = 300;

/// One alert. A letter tells one; one that tells held alerts together tells several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) cause: AlertCause,
    /// The subject of its mail, without the instance.
    pub(super) headline: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) control: Option<ToldControl>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) exception: Option<ExceptionId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) slot: Option<SlotTime>,
    /// Since when it is so: the first failing slot, the first without a result, the begin of a gap.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) since: Option<Timestamp>,
    /// Fixed later than this, it is overdue; or the end that is told before it comes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) due: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) counts: Option<ToldCounts>,
    /// The failing subjects, the first of them; none where only counts are told.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(super) subjects: Vec<ToldSubject>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) checkpoint: Option<(u64, Digest)>,
    /// The newest signed note, which summaries carry.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ToldControl {
    pub(super) id: ControlId,
    pub(super) title: String,
    pub(super) severity: Severity,
    pub(super) owner: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct ToldCounts {
    pub(super) population: u32,
    pub(super) failing: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ToldSubject {
    pub(super) subject: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) label: Option<String>,
    pub(super) message: String,
    pub(super) since: SlotTime,
}

impl Told {
    pub(super) fn bare(cause: AlertCause, headline: &str) -> Self {
        Self {
            cause,
            headline: clean::line(headline, TEXT_CHARS_MAX),
            control: None,
            exception: None,
            slot: None,
            since: None,
            due: None,
            counts: None,
            subjects: Vec::new(),
            checkpoint: None,
            note: None,
        }
    }

    /// What `letter` tells, whose subject is `headline`.
    pub(super) fn of(letter: &Letter, headline: &str, head: &Letterhead) -> Self {
        let told = |cause| Self::bare(cause, headline);
        match letter {
            Letter::Failed(facts) => told(AlertCause::Failed).failed(facts, &facts.subjects, head),
            Letter::AlreadyFailing(facts) => told(AlertCause::AlreadyFailing).failed(facts, &facts.subjects, head),
            Letter::Overdue(facts) => told(AlertCause::Overdue).failed(facts, &facts.subjects, head),
            Letter::MoreSubjects(facts) => told(AlertCause::MoreSubjects).failed(&facts.failed, &facts.joined, head),
            Letter::Reminder(facts) => told(AlertCause::Reminder).failed(&facts.failed, &facts.failed.subjects, head),
            Letter::Steady(SteadyFacts::Failing(facts)) => {
                told(AlertCause::Steady).failed(facts, &facts.subjects, head)
            }
            Letter::Steady(SteadyFacts::Passing { control, test, since }) => {
                Self { since: Some(since.0), ..told(AlertCause::Steady) }.of_test(control, test)
            }
            Letter::Flapping(facts) => {
                Self { since: Some(facts.since.0), ..told(AlertCause::Flapping) }.of_test(&facts.control, &facts.test)
            }
            Letter::Recovered(facts) => {
                told(AlertCause::Recovered).of_test(&facts.control, &facts.test).of_exception(&facts.exception)
            }
            Letter::TestedAgain(facts) => Self { since: Some(facts.since.0), ..told(AlertCause::TestedAgain) }
                .of_test(&facts.control, &facts.test),
            Letter::NotTested(facts) => {
                let checkpoint = facts.evidence.as_ref().and_then(|evidence| evidence.checkpoint);
                Self {
                    control: Some(ToldControl::of(&facts.control)),
                    since: Some(facts.since.0),
                    ..told(AlertCause::NotTested)
                }
                .at(checkpoint)
            }
            Letter::MonitoringGap(facts) => {
                Self { since: Some(facts.from), ..told(AlertCause::MonitoringGap) }.at(facts.checkpoint)
            }
            Letter::RoomGone(facts) => {
                Self { since: Some(facts.at), ..told(AlertCause::MonitoringGap) }.at(facts.checkpoint)
            }
            Letter::RoomBack(facts) => {
                Self { since: Some(facts.since), ..told(AlertCause::MonitoringGap) }.at(facts.checkpoint)
            }
            Letter::ClockDoubted(facts) => {
                Self { since: Some(facts.at), ..told(AlertCause::MonitoringGap) }.at(facts.checkpoint)
            }
            Letter::ClockBelieved(facts) => {
                Self { since: Some(facts.since), ..told(AlertCause::MonitoringGap) }.at(facts.checkpoint)
            }
            Letter::FirstResults(facts) => {
                Self { since: Some(facts.started), ..told(AlertCause::FirstResults) }.at(facts.checkpoint)
            }
            Letter::ConfigurationRefused(facts) => {
                Self { since: Some(facts.at), ..told(AlertCause::ConfigurationRefused) }
            }
            Letter::Proposed(facts) => Self { since: Some(facts.at), ..told(AlertCause::Proposed) },
            Letter::Expiring(facts) => Self {
                control: Some(ToldControl::of(&facts.control)),
                since: Some(facts.stated),
                due: Some(facts.until),
                ..told(AlertCause::Expiring)
            },
            Letter::ExclusionEnds(facts) => Self {
                control: Some(ToldControl::of(&facts.control)),
                due: Some(facts.until),
                ..told(AlertCause::ExclusionEnds)
            },
            Letter::PluginFault(facts) => Self { since: Some(facts.at), ..told(AlertCause::PluginFault) },
            Letter::PluginRefused(facts) => Self { since: Some(facts.at), ..told(AlertCause::PluginRefused) },
            Letter::Summary(facts) => {
                let kind = match facts.period {
                    Period::Week { .. } => SummaryKind::Weekly,
                    Period::Month { .. } => SummaryKind::Monthly,
                    Period::Quarter { .. } => SummaryKind::Quarterly,
                    Period::Window { .. } => SummaryKind::Window,
                };
                Self { note: facts.checkpoint.clone(), ..told(AlertCause::Summary(kind)) }
            }
        }
    }

    fn failed(self, facts: &FailedFacts, subjects: &[SubjectFacts], head: &Letterhead) -> Self {
        let shown = match head.detail {
            Detail::Full => subjects.len().min(SUBJECTS_MAX),
            Detail::Counts => 0,
        };
        let told = self.of_test(&facts.control, &facts.test).of_exception(&facts.exception);
        Self { subjects: subjects[..shown].iter().map(ToldSubject::of).collect(), ..told }
    }

    fn of_test(self, control: &ControlFacts, test: &TestFacts) -> Self {
        let counts = ToldCounts { population: test.population, failing: test.counts.fail };
        let control = Some(ToldControl::of(control));
        Self { control, slot: Some(test.slot), counts: Some(counts), ..self }.at(test.evidence.checkpoint)
    }

    fn of_exception(self, exception: &ExceptionFacts) -> Self {
        Self { exception: Some(exception.id), since: Some(exception.since.0), due: Some(exception.due), ..self }
    }

    fn at(self, checkpoint: Option<CheckpointFacts>) -> Self {
        Self { checkpoint: checkpoint.map(|CheckpointFacts { size, root }| (size, root)), ..self }
    }
}

impl ToldControl {
    fn of(control: &ControlFacts) -> Self {
        Self {
            id: control.id.clone(),
            title: clean::line(&control.title, TEXT_CHARS_MAX),
            severity: control.severity,
            owner: clean::line(&control.owner, TEXT_CHARS_MAX),
        }
    }
}

impl ToldSubject {
    fn of(subject: &SubjectFacts) -> Self {
        Self {
            subject: clean::line(&subject.subject, TEXT_CHARS_MAX),
            label: subject.label.as_ref().map(|label| clean::line(label, TEXT_CHARS_MAX)),
            message: clean::line(&subject.message, TEXT_CHARS_MAX),
            since: subject.since,
        }
    }
}

/// As the word of a cause stands in JSON: `failed`, `summary-weekly`.
pub(super) fn cause_word(cause: AlertCause) -> String {
    match cause {
        AlertCause::Failed => "failed",
        AlertCause::AlreadyFailing => "already-failing",
        AlertCause::MoreSubjects => "more-subjects",
        AlertCause::NotTested => "not-tested",
        AlertCause::TestedAgain => "tested-again",
        AlertCause::Overdue => "overdue",
        AlertCause::Recovered => "recovered",
        AlertCause::MonitoringGap => "monitoring-gap",
        AlertCause::ConfigurationRefused => "configuration-refused",
        AlertCause::Reminder => "reminder",
        AlertCause::Flapping => "flapping",
        AlertCause::Steady => "steady",
        AlertCause::PluginFault => "plugin-fault",
        AlertCause::PluginRefused => "plugin-refused",
        AlertCause::FirstResults => "first-results",
        AlertCause::Proposed => "proposed",
        AlertCause::Expiring => "expiring",
        AlertCause::ExclusionEnds => "exclusion-ends",
        AlertCause::Several => "several",
        AlertCause::IncidentUpdate => "incident-update",
        AlertCause::Summary(SummaryKind::Weekly) => "summary-weekly",
        AlertCause::Summary(SummaryKind::Monthly) => "summary-monthly",
        AlertCause::Summary(SummaryKind::Quarterly) => "summary-quarterly",
        AlertCause::Summary(SummaryKind::Window) => "summary-window",
    }
    .to_owned()
}
