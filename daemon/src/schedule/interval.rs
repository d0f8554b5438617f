//! Which events each run of a check is asked about.

use crate::domain::{EventInterval, IntervalRules, Timestamp};

/// What is known of the events of a control before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Events are covered up to here; before the first report, where coverage begins. `None`: it was never asked.
    pub covered_until: Option<Timestamp>,
    /// From here on it is known which events were counted.
    pub known_from: Option<Timestamp>,
}

/// What one run is asked about, and what is to follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    pub interval: EventInterval,
    /// Earlier events are covered already; it is asked about some of them again for those that arrived late.
    pub new_from: Timestamp,
    /// Whoever covers events up to here has caught up.
    pub goal: Timestamp,
}

/// The time up to which a run may be asked about events at `now`.
pub fn goal(rules: &IntervalRules, now: Timestamp) -> Timestamp {
    now.minus(rules.lag)
}

/// What the next run is asked about. `window_start` is the start of the window that examines the control.
///
/// No interval ends before it begins: should `goal` lie before what is covered (the clock went back, `lag` grew), there
/// is nothing new in it.
pub fn portion(
    rules: &IntervalRules,
    coverage: Coverage,
    window_start: Option<Timestamp>,
    now: Timestamp,
    goal: Timestamp,
) -> Portion {
    let new_from = coverage.covered_until.unwrap_or_else(|| {
        let lookback = now.minus(rules.lookback);
        window_start.map_or(lookback, |start| start.max(lookback))
    });
    // Of events before `known_from` nobody could say whether they were counted.
    let known_from = coverage.known_from.unwrap_or(new_from);
    let from = new_from.minus(rules.overlap).max(known_from).min(new_from);
    let until = from.plus(rules.max_interval).min(goal).max(new_from);
    Portion { interval: EventInterval { from, until }, new_from, goal }
}

impl Portion {
    /// Whether a further run is to follow at once on one that covered events until `covered`.
    ///
    /// Who covers less than half of what was new in its interval goes on with the next slot: a source that gives its
    /// events little by little would be asked without end.
    pub fn goes_on(&self, covered: Timestamp) -> bool {
        let new = self.interval.until.since(self.new_from);
        let done = covered.since(self.new_from);
        covered < self.goal && !done.is_zero() && done.saturating_mul(2) >= new
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn hour(hour: i64) -> Timestamp {
        Timestamp::from_millis(hour * 3_600_000)
    }

    /// Hours throughout: what is covered and known, where the window starts, what time it is, and what is asked.
    #[track_caller]
    fn check(
        rules: &IntervalRules,
        covered: Option<i64>,
        known: Option<i64>,
        window: Option<i64>,
        now: i64,
        asked: [i64; 2],
    ) {
        let coverage = Coverage { covered_until: covered.map(hour), known_from: known.map(hour) };
        let portion = portion(rules, coverage, window.map(hour), hour(now), goal(rules, hour(now)));
        let EventInterval { from, until } = portion.interval;
        assert_eq!([from, until].map(|at| at.as_millis() / 3_600_000), asked, "{portion:?}");
        assert!(from <= portion.new_from && portion.new_from <= until, "{portion:?}");
    }

    #[test]
    fn the_first_interval_begins_with_the_window_or_the_lookback() {
        let rules = IntervalRules { lag: HOUR, ..IntervalRules::default() };
        check(&rules, None, None, None, 100, [76, 99]);
        check(&rules, None, None, Some(50), 100, [76, 99]);
        check(&rules, None, None, Some(90), 100, [90, 99]);
        // It begins within the lag.
        check(&rules, None, None, Some(100), 100, [100, 100]);
    }

    #[test]
    fn an_interval_begins_where_the_last_report_ended_and_is_no_longer_than_it_may_be() {
        let rules = IntervalRules { lag: HOUR, ..IntervalRules::default() };
        check(&rules, Some(90), None, Some(0), 100, [90, 99]);
        check(&rules, Some(10), None, None, 100, [10, 34]);
        // The clock went back.
        check(&rules, Some(100), None, None, 90, [100, 100]);
    }

    #[test]
    fn an_overlap_goes_back_no_further_than_what_was_counted_is_known() {
        let rules = IntervalRules { lag: HOUR, overlap: 6 * HOUR, ..IntervalRules::default() };
        check(&rules, Some(90), Some(50), None, 100, [84, 99]);
        check(&rules, Some(90), Some(88), None, 100, [88, 99]);
        check(&rules, Some(90), None, None, 100, [90, 99]);
        check(&rules, Some(10), Some(0), None, 100, [4, 28]);
    }

    #[test]
    fn who_covers_half_goes_on_at_once_until_it_has_caught_up() {
        let rules = IntervalRules { lag: HOUR, overlap: 6 * HOUR, ..IntervalRules::default() };
        let coverage = Coverage { covered_until: Some(hour(10)), known_from: Some(hour(0)) };
        let portion = portion(&rules, coverage, None, hour(100), hour(99));
        for (covered, goes_on) in [(28, true), (19, true), (18, false), (10, false), (4, false)] {
            assert_eq!(portion.goes_on(hour(covered)), goes_on, "{covered}");
        }
        let last = Portion { goal: hour(28), ..portion };
        assert!(!last.goes_on(hour(28)));
        assert!(last.goes_on(hour(27)));
    }
}
