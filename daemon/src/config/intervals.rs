//! `interval`: how a check that reads events is asked about them.

use super::{diagnostics::Errors, quantities::Period, section::Section};
use crate::domain::IntervalRules;

/// The rules of a control; what is not written has its default.
pub(super) fn interval_rules(section: &Section<'_>, errors: &mut Errors) -> IntervalRules {
    let mut rules = IntervalRules::default();
    let Some(section) = section.table("interval", "interval", errors) else { return rules };
    if let Some(lag) = section.duration("lag", errors) {
        rules.lag = lag.value;
    }
    if let Some(lookback) = section.time_span("lookback", errors) {
        rules.lookback = lookback.value;
    }
    if let Some(max_interval) = section.time_span("max_interval", errors) {
        rules.max_interval = max_interval.value;
    }
    if let Some(overlap) = section.duration("overlap", errors) {
        rules.overlap = overlap.value;
        // At least half of each interval is new, or an outage would be caught up with for ever.
        if rules.overlap.saturating_mul(2) > rules.max_interval {
            let range = format!("at most half of `max_interval`, which is {}", Period(rules.max_interval));
            errors.add_out_of_range(overlap.at, "overlap", &range);
        }
    }
    section.finish(errors);
    rules
}
