use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::Period;
use crate::domain::{
    ControlId, DayRow, Digest, ExceptionId, ExceptionRecord, ExceptionState, Family, LocalDay, MissedReason, RunReason,
    Severity, SlotTime, Timestamp,
};

/// What a summary is made of, beside the rows of days.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    pub period: &'a Period,
    /// Lengths of what lasts still are counted up to here.
    pub as_of: Timestamp,
    /// The controls in scope; rows and exceptions of others are left out.
    pub controls: &'a BTreeMap<ControlId, ControlFacts>,
    pub exceptions: &'a BTreeMap<ExceptionId, ExceptionRecord>,
    pub outages: &'a [OutageFacts],
}

/// A control as it is presented now, and the versions that it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ControlFacts {
    pub title: String,
    pub owner: String,
    pub family: Family,
    pub severity: Severity,
    pub criteria: Vec<String>,
    pub retired: bool,
    /// People state how it stands: it has no scheduled tests.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub attested: bool,
    /// Until when what they stated last holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attested_until: Option<Timestamp>,
    /// The first slot without a good result, if it is untested now.
    pub untested_since: Option<SlotTime>,
    /// As configured now, and those that people decided on, of whatever time.
    pub exclusions: Vec<ExclusionFacts>,
    /// In order.
    pub versions: Vec<VersionFacts>,
}

/// A subject, or many, that a control does not judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExclusionFacts {
    /// `*` stands for any text.
    pub subject: String,
    pub reason: String,
    /// Of one of the configuration: a URL or commit that nobody has looked at.
    pub approval: Option<String>,
    /// `None`: it never ends.
    pub until: Option<Timestamp>,
    /// `None`: it is of the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided: Option<DecidedFacts>,
}

/// How two people decided on an exclusion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DecidedFacts {
    pub exclusion: u64,
    pub from: Timestamp,
    pub author: String,
    pub approver: String,
    /// Before its time.
    pub ended: Option<Timestamp>,
}

impl ExclusionFacts {
    /// Whether it was in force at some time of a period, as far as that is known: one of the configuration is as it is
    /// now.
    pub fn concerns(&self, period: &Period) -> bool {
        let ended = self.decided.as_ref().and_then(|decided| decided.ended);
        let end = self.until.into_iter().chain(ended).min();
        let begins = self.decided.as_ref().is_none_or(|decided| decided.from < period.end);
        begins && end.is_none_or(|end| period.start < end)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct VersionFacts {
    pub version: u32,
    pub at: Timestamp,
    pub definition: Digest,
    pub plugin: Option<Digest>,
    /// The entry that defined it.
    pub sequence: u64,
}

/// A time in which nothing was tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OutageFacts {
    pub from: Timestamp,
    pub to: Timestamp,
    /// `Shutdown`, `Down` or `Clock`.
    pub reason: MissedReason,
    /// Slots that fell into it.
    pub missed: u64,
}

/// The numbers of a period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    pub period: Period,
    pub as_of: Timestamp,
    pub headline: Headline,
    /// By id.
    pub controls: Vec<ControlSummary>,
    /// In the order of [`Family::ALL`]; those with a control.
    pub families: Vec<FamilySummary>,
    pub criteria: Vec<CriterionSummary>,
    /// Open at some time of the period, by id.
    pub exceptions: Vec<ExceptionSummary>,
    pub gaps: Vec<Gap>,
    pub outages: Vec<OutageFacts>,
    /// Tests without a result, by control, reason and days in a row; the earliest [`ERRORS_LISTED_MAX`].
    pub errors: Vec<ErrorStretch>,
    /// Tests without a result that are in none of these.
    pub errors_unlisted: u64,
    /// New versions in the period, in order of time.
    pub changes: Vec<Change>,
    /// Days of the period before `as_of` that no control has a row of.
    pub days_without_rows: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Headline {
    /// Controls with a scheduled test.
    pub controls: u64,
    /// Those with results, none of which was a fail or an error.
    pub passed_all: u64,
    /// Open at some time of the period.
    pub exceptions: u64,
    /// Stretches of days on which slots were missed, but for those of disabled controls.
    pub gaps: u64,
    pub total: DayRow,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ControlSummary {
    pub control: ControlId,
    #[serde(flatten)]
    pub facts: ControlFacts,
    /// Its rows, added up; lists the first [`DEVIATIONS_LISTED_MAX`] deviations.
    pub total: DayRow,
    /// Open at some time of the period.
    pub exceptions: u64,
    #[serde(rename = "failing_ms", serialize_with = "millis")]
    pub failing: Duration,
    #[serde(rename = "untested_ms", serialize_with = "millis")]
    pub untested: Duration,
    /// One for each day of the period.
    #[serde(serialize_with = "marks")]
    pub days: Vec<DayMark>,
}

/// The worst that a day holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DayMark {
    /// No slot was due.
    #[default]
    NotDue,
    Disabled,
    NotApplicable,
    Pass,
    /// Some slots were missed, others passed.
    Gap,
    /// Some tests could not be done.
    Error,
    /// No slot gave a result.
    NotTested,
    Deviation,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FamilySummary {
    pub family: Family,
    pub controls: u64,
    pub passed_all: u64,
    pub exceptions: u64,
    /// Untested for a time of the period.
    pub untested: u64,
    pub total: DayRow,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CriterionSummary {
    pub criterion: String,
    pub controls: Vec<ControlId>,
    pub exceptions: u64,
    pub total: DayRow,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExceptionSummary {
    pub exception: ExceptionId,
    pub control: ControlId,
    pub state: ExceptionState,
    pub first_slot: SlotTime,
    pub opened: Timestamp,
    pub due: Timestamp,
    pub acknowledged: Option<Timestamp>,
    pub recovered: Option<SlotTime>,
    pub closed: Option<Timestamp>,
    /// Subjects that failed at some time.
    pub subjects: u64,
    /// From the first failing slot to the one that passed, or to now.
    #[serde(rename = "length_ms", serialize_with = "millis")]
    pub length: Duration,
    /// The part of it inside the period.
    #[serde(rename = "in_period_ms", serialize_with = "millis")]
    pub in_period: Duration,
    #[serde(rename = "overdue_ms", serialize_with = "millis")]
    pub overdue: Duration,
    /// A root cause and a response are noted.
    pub answered: bool,
}

/// Days in a row on which slots were missed for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    #[serde(serialize_with = "date")]
    pub from: LocalDay,
    #[serde(serialize_with = "date")]
    pub to: LocalDay,
    pub reason: MissedReason,
    pub slots: u64,
    pub controls: u64,
}

/// Days in a row on which tests of a control gave no result for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorStretch {
    pub control: ControlId,
    /// `None`: the records of the days do not say.
    pub reason: Option<RunReason>,
    #[serde(serialize_with = "date")]
    pub from: LocalDay,
    #[serde(serialize_with = "date")]
    pub to: LocalDay,
    /// The first slot, if the records of the days say it.
    pub first: Option<SlotTime>,
    pub slots: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub control: ControlId,
    #[serde(flatten)]
    pub version: VersionFacts,
    pub what: &'static str,
}

/// What an auditor will ask about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Questions {
    /// Controls of whose scheduled tests less than 99 % gave a result.
    pub low_coverage: Vec<ControlId>,
    /// Controls in scope without any scheduled test.
    pub never_due: Vec<ControlId>,
    /// Exceptions without a root cause or a response.
    pub unanswered: Vec<ExceptionId>,
    /// Controls whose promise changed within the period.
    pub redefined: Vec<ControlId>,
}

/// Stretches of errors that a summary lists; all are counted.
pub const ERRORS_LISTED_MAX: usize = 1000;

/// Deviations that a summary lists of one control; all are counted.
pub const DEVIATIONS_LISTED_MAX: usize = 100;

impl DayMark {
    pub(super) fn of(row: &DayRow) -> Self {
        let disabled = row.missed.get(&MissedReason::Disabled).copied().unwrap_or(0);
        if row.due() == 0 && row.deviations == 0 {
            Self::NotDue
        } else if row.deviations > 0 {
            Self::Deviation
        } else if row.due() == disabled {
            Self::Disabled
        } else if row.tested() == 0 {
            Self::NotTested
        } else if row.error > 0 {
            Self::Error
        } else if row.missed_total() > disabled {
            Self::Gap
        } else if row.pass == 0 {
            Self::NotApplicable
        } else {
            Self::Pass
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotDue => "not due",
            Self::Disabled => "disabled",
            Self::NotApplicable => "not applicable",
            Self::Pass => "passed",
            Self::Gap => "passed, some slots missed",
            Self::Error => "some tests without a result",
            Self::NotTested => "not tested",
            Self::Deviation => "deviation",
        }
    }
}

impl ControlSummary {
    /// It was tested, and no test failed or stayed without an answer.
    pub const fn passed_all(&self) -> bool {
        if self.facts.attested {
            return !self.went_untested() && self.failing.is_zero();
        }
        self.total.tested() > 0 && self.total.deviations == 0 && self.total.error == 0
    }

    /// Whether the period says anything of it.
    pub fn is_in_scope(&self) -> bool {
        self.total.due() > 0 || (self.facts.attested && !self.facts.retired)
    }

    /// For a time of the period so many slots in a row gave no result that nobody can say whether it worked.
    pub const fn went_untested(&self) -> bool {
        !self.untested.is_zero()
    }
}

impl Summary {
    /// What an auditor will ask about.
    pub fn questions(&self) -> Questions {
        let low = |control: &&ControlSummary| control.total.tested() * 100 < control.total.due() * 99;
        let ids = |controls: &mut dyn Iterator<Item = &ControlSummary>| {
            controls.map(|control| control.control.clone()).collect::<Vec<_>>()
        };
        let unanswered = self.exceptions.iter().filter(|exception| !exception.answered);
        let redefined: BTreeSet<_> = self
            .changes
            .iter()
            .filter(|change| change.what == DEFINITION_CHANGED)
            .map(|change| change.control.clone())
            .collect();
        Questions {
            low_coverage: ids(&mut self.controls.iter().filter(low)),
            never_due: ids(&mut self.controls.iter().filter(|control| control.total.due() == 0)),
            unanswered: unanswered.map(|exception| exception.exception).collect(),
            redefined: redefined.into_iter().collect(),
        }
    }
}

pub(super) const DEFINITION_CHANGED: &str = "definition changed";

fn millis<S: serde::Serializer>(length: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
}

pub(super) fn date<S: serde::Serializer>(day: &LocalDay, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(day)
}

/// One letter a day: a year is a line.
#[expect(clippy::ptr_arg, reason = "serde hands over the field")]
fn marks<S: serde::Serializer>(days: &Vec<DayMark>, to: S) -> Result<S::Ok, S::Error> {
    let letter = |mark: &DayMark| match mark {
        DayMark::NotDue => '-',
        DayMark::Disabled => 'x',
        DayMark::NotApplicable => 'n',
        DayMark::Pass => 'p',
        DayMark::Gap => 'g',
        DayMark::Error => 'e',
        DayMark::NotTested => 'u',
        DayMark::Deviation => 'd',
    };
    to.collect_str(&days.iter().map(letter).collect::<String>())
}
