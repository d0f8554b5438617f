use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::Period;
use crate::domain::{
    ControlId, DayRow, Digest, ExceptionId, ExceptionRecord, ExceptionState, Family, LocalDay, MissedReason, NoteKind,
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
    /// The first slot without a good result, if it is untested now.
    pub untested_since: Option<SlotTime>,
    /// In order.
    pub versions: Vec<VersionFacts>,
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

/// The daemon did not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OutageFacts {
    pub from: Timestamp,
    pub to: Timestamp,
    /// It was stopped, and did not die.
    pub stopped: bool,
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
    /// Untested now.
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

/// Deviations that a summary lists of one control; all are counted.
pub const DEVIATIONS_LISTED_MAX: usize = 100;

/// Adds up the rows of a period. They may come in any order, and several of one day and control: those are added.
/// Rows of other days or controls are left out.
pub fn summarize(scope: &Scope<'_>, rows: impl IntoIterator<Item = (LocalDay, ControlId, DayRow)>) -> Summary {
    let mut tally = Tally::new(scope);
    for (day, control, row) in rows {
        tally.add(day, &control, &row);
    }
    tally.finish()
}

/// What is added up while the rows go by.
struct Tally<'a> {
    scope: &'a Scope<'a>,
    index: BTreeMap<&'a ControlId, usize>,
    controls: Vec<(DayRow, Vec<DayMark>)>,
    missed: BTreeMap<(MissedReason, LocalDay), (u64, Vec<usize>)>,
    days_with_rows: BTreeSet<LocalDay>,
}

impl<'a> Tally<'a> {
    fn new(scope: &'a Scope<'a>) -> Self {
        let days = scope.period.length_days();
        Self {
            scope,
            index: scope.controls.keys().enumerate().map(|(place, control)| (control, place)).collect(),
            controls: vec![(DayRow::default(), vec![DayMark::default(); days]); scope.controls.len()],
            missed: BTreeMap::new(),
            days_with_rows: BTreeSet::new(),
        }
    }

    fn add(&mut self, day: LocalDay, control: &ControlId, row: &DayRow) {
        let (true, Some(place)) = (self.scope.period.contains(day), self.index.get(control).copied()) else { return };
        let (total, marks) = &mut self.controls[place];
        total.add(row, DEVIATIONS_LISTED_MAX);
        if let Some(mark) = usize::try_from(day.0 - self.scope.period.from.0).ok().and_then(|day| marks.get_mut(day)) {
            *mark = (*mark).max(DayMark::of(row));
        }
        for (reason, slots) in &row.missed {
            let (sum, controls) = self.missed.entry((*reason, day)).or_default();
            *sum += slots;
            controls.push(place);
        }
        self.days_with_rows.insert(day);
    }

    fn finish(self) -> Summary {
        let Scope { period, as_of, .. } = *self.scope;
        let exceptions = exceptions(self.scope);
        let mut of_control: BTreeMap<&ControlId, u64> = BTreeMap::new();
        for exception in &exceptions {
            *of_control.entry(&exception.control).or_default() += 1;
        }
        let gaps = gaps(&self.missed);
        let mut controls = Vec::with_capacity(self.controls.len());
        for ((control, facts), (total, days)) in self.scope.controls.iter().zip(self.controls) {
            controls.push(ControlSummary {
                control: control.clone(),
                facts: facts.clone(),
                exceptions: of_control.get(control).copied().unwrap_or(0),
                failing: Duration::from_millis(u64::try_from(total.failing_ms).unwrap_or(0)),
                untested: Duration::from_millis(u64::try_from(total.untested_ms).unwrap_or(0)),
                total,
                days,
            });
        }
        let mut headline = Headline {
            exceptions: exceptions.len() as u64,
            gaps: gaps.iter().filter(|gap| gap.reason != MissedReason::Disabled).count() as u64,
            ..Headline::default()
        };
        for control in &controls {
            headline.controls += u64::from(control.total.due() > 0);
            headline.passed_all += u64::from(control.passed_all());
            headline.total.add(&control.total, 0);
        }
        let last = period.to.min(day_before(as_of, period));
        let days_so_far = u64::try_from(last.0 - period.from.0 + 1).unwrap_or(0);
        let outage_touches = |outage: &&OutageFacts| outage.from < period.end && outage.to > period.start;
        Summary {
            period: period.clone(),
            as_of,
            headline,
            families: families(&controls),
            criteria: criteria(&controls),
            gaps,
            outages: self.scope.outages.iter().filter(outage_touches).copied().collect(),
            changes: changes(self.scope),
            days_without_rows: days_so_far.saturating_sub(self.days_with_rows.range(..=last).count() as u64),
            controls,
            exceptions,
        }
    }
}

impl DayMark {
    fn of(row: &DayRow) -> Self {
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
        self.total.tested() > 0 && self.total.deviations == 0 && self.total.error == 0
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

fn exceptions(scope: &Scope<'_>) -> Vec<ExceptionSummary> {
    let Scope { period, as_of, .. } = *scope;
    let mut summaries = Vec::new();
    for (exception, record) in scope.exceptions {
        let end = record.recovered.map_or(as_of, |recovery| recovery.slot.0).max(record.first_slot.0);
        let from = record.first_slot.0;
        let touches = from < period.end && (end > period.start || record.recovered.is_none());
        if !touches || !scope.controls.contains_key(&record.control) {
            continue;
        }
        summaries.push(ExceptionSummary {
            exception: *exception,
            control: record.control.clone(),
            state: record.state(),
            first_slot: record.first_slot,
            opened: record.opened,
            due: record.due,
            acknowledged: record.acknowledged,
            recovered: record.recovered.map(|recovery| recovery.slot),
            closed: record.closed,
            subjects: record.subjects.len() as u64,
            length: end.since(from),
            in_period: end.min(period.end).since(from.max(period.start)),
            overdue: end.since(record.due),
            answered: record.has_note(NoteKind::RootCause) && record.has_note(NoteKind::Response),
        });
    }
    summaries
}

fn gaps(missed: &BTreeMap<(MissedReason, LocalDay), (u64, Vec<usize>)>) -> Vec<Gap> {
    let mut gaps: Vec<(Gap, BTreeSet<usize>)> = Vec::new();
    for ((reason, day), (slots, controls)) in missed {
        match gaps.last_mut() {
            Some((gap, all)) if gap.reason == *reason && gap.to.next() == *day => {
                gap.to = *day;
                gap.slots += slots;
                all.extend(controls);
            }
            _ => {
                let gap = Gap { from: *day, to: *day, reason: *reason, slots: *slots, controls: 0 };
                gaps.push((gap, controls.iter().copied().collect()));
            }
        }
    }
    let mut gaps: Vec<_> =
        gaps.into_iter().map(|(gap, controls)| Gap { controls: controls.len() as u64, ..gap }).collect();
    gaps.sort_by_key(|gap| (gap.from, gap.reason));
    gaps
}

fn families(controls: &[ControlSummary]) -> Vec<FamilySummary> {
    let of_family = |family| {
        let mut members = controls.iter().filter(|control| control.facts.family == family).peekable();
        members.peek()?;
        let mut summary =
            FamilySummary { family, controls: 0, passed_all: 0, exceptions: 0, untested: 0, total: DayRow::default() };
        for control in members {
            summary.controls += 1;
            summary.passed_all += u64::from(control.passed_all());
            summary.exceptions += control.exceptions;
            summary.untested += u64::from(control.facts.untested_since.is_some());
            summary.total.add(&control.total, 0);
        }
        Some(summary)
    };
    Family::ALL.into_iter().filter_map(of_family).collect()
}

fn criteria(controls: &[ControlSummary]) -> Vec<CriterionSummary> {
    let mut criteria: BTreeMap<&str, CriterionSummary> = BTreeMap::new();
    for control in controls {
        for criterion in &control.facts.criteria {
            let summary = criteria.entry(criterion).or_insert_with(|| CriterionSummary {
                criterion: criterion.clone(),
                controls: Vec::new(),
                exceptions: 0,
                total: DayRow::default(),
            });
            summary.controls.push(control.control.clone());
            summary.exceptions += control.exceptions;
            summary.total.add(&control.total, 0);
        }
    }
    criteria.into_values().collect()
}

const DEFINITION_CHANGED: &str = "definition changed";

fn changes(scope: &Scope<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    for (control, facts) in scope.controls {
        let mut before: Option<&VersionFacts> = None;
        for version in &facts.versions {
            let what = match before {
                None => "first defined",
                Some(before) if before.definition != version.definition => DEFINITION_CHANGED,
                Some(before) if before.plugin != version.plugin => "plugin changed",
                Some(_) => "defined again",
            };
            if (scope.period.start..scope.period.end).contains(&version.at) {
                changes.push(Change { control: control.clone(), version: *version, what });
            }
            before = Some(version);
        }
    }
    changes.sort_by_key(|change| change.version.sequence);
    changes
}

/// The last whole day of the period's zone before `as_of`, counted by the period's own bounds: days of 24 h are near
/// enough to tell how many have gone by, but for the hour in which a clock is changed.
fn day_before(as_of: Timestamp, period: &Period) -> LocalDay {
    let days = as_of.since(period.start).as_secs() / 86_400;
    LocalDay(period.from.0.saturating_add(i32::try_from(days).unwrap_or(i32::MAX)).saturating_sub(1))
}

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
