//! What is about to end is told before: a person's statement, and an exclusion.

use std::{collections::BTreeSet, time::Duration};

use super::{Alert, ControlState, Decision, Policy, reminder::morning_before};
use crate::domain::{AlertCause, ControlId, Event, SlotTime, Timestamp};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// So long before its end it is told, if it lasts at least [`LONG`]: time enough to look, and a last word.
const BEFORE: [Duration; 2] = [DAY.saturating_mul(14), DAY.saturating_mul(3)];

/// What lasts less is told when half of it is left, and when a tenth is.
const LONG: Duration = DAY.saturating_mul(28);

/// Tells that what a person stated expires: twice at most, and not once somebody has stated it anew. What became due
/// while nobody could be told is told once.
pub fn decide_expiring(state: &ControlState, control: &ControlId, policy: &Policy, now: Timestamp) -> Decision {
    let mut decision = Decision::default();
    let (Some(stated), Some(until)) = (state.attested, state.attested_until) else { return decision };
    if state.retired || !state.enabled || until <= now {
        return decision;
    }
    let lasts = until.since(stated);
    let due = if lasts >= LONG {
        BEFORE.map(|before| morning_before(until.minus(before), &policy.calendar))
    } else {
        [lasts / 2, lasts / 10].map(|before| until.minus(before))
    };
    let newest = due.into_iter().filter(|due| *due <= now).max();
    if newest.is_some_and(|due| state.expiring_told.is_none_or(|told| told < due)) {
        decision.events.push(Event::AttestationExpiring { control: control.clone(), until });
        decision.alerts.push(ending(AlertCause::Expiring, control, until));
    }
    decision
}

/// Tells that exclusions end: of each end once. `defined`: since when they are promised as they are now; `ends`: of all
/// that have one.
pub fn decide_exclusions_end(
    state: &ControlState,
    control: &ControlId,
    policy: &Policy,
    defined: Timestamp,
    ends: impl Iterator<Item = Timestamp>,
    now: Timestamp,
) -> Decision {
    let mut decision = Decision::default();
    if state.retired || !state.enabled {
        return decision;
    }
    let ends: BTreeSet<_> = ends.filter(|end| *end > now && !state.endings_told.contains(end)).collect();
    for until in ends {
        let [before, _] = BEFORE;
        let due = match until.minus(before) {
            due if due > defined => morning_before(due, &policy.calendar).max(defined),
            // Who has just written it knows when it ends.
            _ => until.minus(until.since(defined) / 2),
        };
        if due <= now {
            decision.events.push(Event::ExclusionEnding { control: control.clone(), until });
            decision.alerts.push(ending(AlertCause::ExclusionEnds, control, until));
        }
    }
    decision
}

/// Its end stands in the places of the slot and of the beginning, neither of which it has.
pub(super) fn ending(cause: AlertCause, control: &ControlId, until: Timestamp) -> Alert {
    Alert { due: Some(until), ..Alert::new(cause, control, SlotTime(until), SlotTime(until)) }
}
