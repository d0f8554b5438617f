use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    Change, ControlSummary, CriterionSummary, DEVIATIONS_LISTED_MAX, DayMark, ERRORS_LISTED_MAX, ErrorStretch,
    ExceptionSummary, FamilySummary, Gap, Headline, OutageFacts, Period, Scope, Summary, VersionFacts,
    numbers::DEFINITION_CHANGED,
};
use crate::domain::{ControlId, DayRow, Family, LocalDay, MissedReason, NoteKind, RunReason, SlotTime, Timestamp};

/// Adds up the rows of a period. They may come in any order, and several of one day and control: those are added.
/// Rows of other days or controls are left out.
pub fn summarize(scope: &Scope<'_>, rows: impl IntoIterator<Item = (LocalDay, ControlId, DayRow)>) -> Summary {
    let mut tally = Tally::new(scope);
    for (day, control, row) in rows {
        tally.add(day, &control, &row);
    }
    tally.finish()
}

/// By the place of the control, by reason and day: how many tests gave no result, and the first slot of them.
type ErringDays = BTreeMap<(usize, Option<RunReason>, LocalDay), (u64, Option<SlotTime>)>;

/// What is added up while the rows go by.
struct Tally<'a> {
    scope: &'a Scope<'a>,
    index: BTreeMap<&'a ControlId, usize>,
    controls: Vec<(DayRow, Vec<DayMark>)>,
    missed: BTreeMap<(MissedReason, LocalDay), (u64, Vec<usize>)>,
    erring: ErringDays,
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
            erring: BTreeMap::new(),
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
        let explained: u64 = row.erring.values().map(|erring| erring.slots).sum();
        let unexplained = row.error.saturating_sub(explained);
        let reasons = row.erring.iter().map(|(reason, erring)| (Some(*reason), erring.slots, Some(erring.first)));
        for (reason, slots, first) in reasons.chain([(None, unexplained, None)]).filter(|(_, slots, _)| *slots > 0) {
            let (sum, earliest) = self.erring.entry((place, reason, day)).or_insert((0, first));
            *sum += slots;
            *earliest = (*earliest).into_iter().chain(first).min();
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
        let mut errors = errors(self.scope, &self.erring);
        let unlisted = errors.split_off(errors.len().min(ERRORS_LISTED_MAX));
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
            headline.controls += u64::from(control.is_in_scope());
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
            errors,
            errors_unlisted: unlisted.iter().map(|stretch| stretch.slots).sum(),
            changes: changes(self.scope),
            days_without_rows: days_so_far.saturating_sub(self.days_with_rows.range(..=last).count() as u64),
            controls,
            exceptions,
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

/// In order of time.
fn errors(scope: &Scope<'_>, erring: &ErringDays) -> Vec<ErrorStretch> {
    let ids: Vec<_> = scope.controls.keys().collect();
    let mut stretches: Vec<(usize, ErrorStretch)> = Vec::new();
    for ((place, reason, day), (slots, first)) in erring {
        match stretches.last_mut() {
            Some((of, stretch)) if *of == *place && stretch.reason == *reason && stretch.to.next() == *day => {
                stretch.to = *day;
                stretch.slots += slots;
            }
            _ => {
                let control = ids[*place].clone();
                let (from, to, first) = (*day, *day, *first);
                stretches.push((*place, ErrorStretch { control, reason: *reason, from, to, first, slots: *slots }));
            }
        }
    }
    let mut errors: Vec<_> = stretches.into_iter().map(|(_, stretch)| stretch).collect();
    // By control where days are the same: they stand so already.
    errors.sort_by_key(|stretch| (stretch.from, stretch.first));
    errors
}

fn families(controls: &[ControlSummary]) -> Vec<FamilySummary> {
    let of_family = |family| {
        let mut members = controls.iter().filter(|control| control.facts.family == family).peekable();
        members.peek()?;
        let mut summary =
            FamilySummary { family, controls: 0, passed_all: 0, exceptions: 0, untested: 0, total: DayRow::default() };
        for control in members {
            summary.controls += u64::from(control.is_in_scope());
            summary.passed_all += u64::from(control.passed_all());
            summary.exceptions += control.exceptions;
            summary.untested += u64::from(control.went_untested());
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
