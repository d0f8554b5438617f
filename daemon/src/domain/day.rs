use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::{MissedReason, Outcome, RunReason, SlotTime};

/// What happened to one control on one local day.
///
/// Rows of one control add up: those of a week to the week, and a row that came in after its day was closed to the
/// row that was closed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DayRow {
    /// Slots that ran in time.
    #[serde(skip_serializing_if = "is_zero")]
    pub run: u64,
    /// Slots that ran late.
    #[serde(skip_serializing_if = "is_zero")]
    pub late: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub missed: BTreeMap<MissedReason, u64>,
    /// Slots by the outcome of their run: these four add up to `run` + `late`.
    #[serde(skip_serializing_if = "is_zero")]
    pub pass: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub fail: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub error: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub not_applicable: u64,
    /// Those of `error`, by why; rows of early versions do not say.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub erring: BTreeMap<RunReason, Erring>,
    /// Runs beyond the first of their slot: a check that reads events catches up with several.
    #[serde(skip_serializing_if = "is_zero")]
    pub further: u64,
    /// Failing runs, confirmed or not, further ones included.
    #[serde(skip_serializing_if = "is_zero")]
    pub deviations: u64,
    /// The first few of them, to be listed and replayed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deviating: Vec<Deviation>,
    /// Time within an exception. Over the days it adds up to the exceptions' lengths: what is known only after its
    /// day was closed stands in a later row, and may be negative there.
    #[serde(skip_serializing_if = "no_time")]
    pub failing_ms: i64,
    /// Time within a spell without a good result; counted as `failing_ms` is.
    #[serde(skip_serializing_if = "no_time")]
    pub untested_ms: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub opened: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub recovered: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub population: Option<PopulationRange>,
}

/// Slots whose runs could not test for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erring {
    pub slots: u64,
    /// The earliest of them.
    pub first: SlotTime,
}

impl Erring {
    pub fn and(self, other: Self) -> Self {
        Self { slots: self.slots + other.slots, first: self.first.min(other.first) }
    }
}

/// One failing run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deviation {
    pub slot: SlotTime,
    /// The place of the run in the ledger.
    pub sequence: u64,
}

/// The sizes of the population that the runs with a result saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PopulationRange {
    pub min: u32,
    pub max: u32,
    pub last: u32,
}

impl PopulationRange {
    pub const fn of(population: u32) -> Self {
        Self { min: population, max: population, last: population }
    }

    /// The range of both; `later` has the last word.
    pub fn and(self, later: Self) -> Self {
        Self { min: self.min.min(later.min), max: self.max.max(later.max), last: later.last }
    }
}

impl DayRow {
    /// How many deviations a day lists; all of them are counted, and a control that fails all day has an exception.
    pub const DEVIATIONS_LISTED_MAX: usize = 8;

    /// Slots, however they ended.
    pub fn due(&self) -> u64 {
        self.run + self.late + self.missed_total()
    }

    pub fn missed_total(&self) -> u64 {
        self.missed.values().sum()
    }

    /// Slots with a good result: the control was tested, however the test went.
    pub const fn tested(&self) -> u64 {
        self.pass + self.fail + self.not_applicable
    }

    /// Counts how a slot's first run ended.
    pub fn count_outcome(&mut self, slot: SlotTime, outcome: Outcome, reason: Option<RunReason>) {
        if let (Outcome::Error, Some(reason)) = (outcome, reason) {
            self.err(reason, Erring { slots: 1, first: slot });
        }
        match outcome {
            Outcome::Pass => self.pass += 1,
            Outcome::Fail => self.fail += 1,
            Outcome::NotApplicable => self.not_applicable += 1,
            Outcome::Error => self.error += 1,
        }
    }

    fn err(&mut self, reason: RunReason, erring: Erring) {
        self.erring.entry(reason).and_modify(|before| *before = before.and(erring)).or_insert(erring);
    }

    /// Adds a later row of the same control. The list of deviations keeps the first `listed_max`.
    pub fn add(&mut self, later: &Self, listed_max: usize) {
        self.run += later.run;
        self.late += later.late;
        for (reason, slots) in &later.missed {
            *self.missed.entry(*reason).or_default() += slots;
        }
        self.pass += later.pass;
        self.fail += later.fail;
        self.error += later.error;
        self.not_applicable += later.not_applicable;
        later.erring.iter().for_each(|(reason, erring)| self.err(*reason, *erring));
        self.further += later.further;
        self.deviations += later.deviations;
        let room = listed_max.saturating_sub(self.deviating.len());
        self.deviating.extend(later.deviating.iter().take(room));
        self.failing_ms += later.failing_ms;
        self.untested_ms += later.untested_ms;
        self.opened += later.opened;
        self.recovered += later.recovered;
        self.population = match (self.population, later.population) {
            (Some(mine), Some(later)) => Some(mine.and(later)),
            (mine, later) => later.or(mine),
        };
    }
}

// Serde asks for references.
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

const fn no_time(millis: &i64) -> bool {
    *millis == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_add_up_and_the_later_population_is_the_last() {
        let mut day = DayRow { run: 2, pass: 2, population: Some(PopulationRange::of(5)), ..DayRow::default() };
        day.missed.insert(MissedReason::Down, 3);
        let mut later = DayRow { late: 1, error: 1, failing_ms: -7, ..DayRow::default() };
        later.missed.insert(MissedReason::Down, 1);
        later.population = Some(PopulationRange::of(3));
        day.add(&later, 8);
        assert_eq!((day.due(), day.tested(), day.missed_total(), day.failing_ms), (7, 2, 4, -7));
        assert_eq!(day.population, Some(PopulationRange { min: 3, max: 5, last: 3 }));
    }

    #[test]
    fn errors_add_up_by_reason_and_the_earliest_slot_is_the_first() {
        let slot = |hour: i64| SlotTime(crate::domain::Timestamp::from_millis(hour * 3_600_000));
        let mut day = DayRow::default();
        day.count_outcome(slot(3), Outcome::Error, Some(RunReason::Denied));
        day.count_outcome(slot(4), Outcome::Error, Some(RunReason::Timeout));
        // It ran late.
        day.count_outcome(slot(2), Outcome::Error, Some(RunReason::Denied));
        day.count_outcome(slot(5), Outcome::Fail, Some(RunReason::Incomplete));
        let denied = |slots, first| (RunReason::Denied, Erring { slots, first: slot(first) });
        let timeout = |slots, first| (RunReason::Timeout, Erring { slots, first: slot(first) });
        assert_eq!(day.erring, BTreeMap::from([denied(2, 2), timeout(1, 4)]));
        assert_eq!((day.error, day.fail), (3, 1));
        let mut week = day.clone();
        week.add(&day, 0);
        assert_eq!(week.erring, BTreeMap::from([denied(4, 2), timeout(2, 4)]));
        let text = serde_json::to_string(&day).unwrap();
        assert!(text.contains(r#""erring":{"denied":{"slots":2,"first":"1970-01-01T02:00:00.000Z"},"#), "{text}");
        assert_eq!(serde_json::from_str::<DayRow>(&text).unwrap(), day);
    }

    #[test]
    fn a_row_says_only_what_is_not_zero() {
        let row = DayRow { run: 1, pass: 1, ..DayRow::default() };
        assert_eq!(serde_json::to_string(&row).unwrap(), r#"{"run":1,"pass":1}"#);
        assert_eq!(serde_json::from_str::<DayRow>(r#"{"run":1,"pass":1}"#).unwrap(), row);
    }
}
