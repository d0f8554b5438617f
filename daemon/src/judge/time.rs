use std::time::Duration;

use super::{Alert, ControlState, Decision, OpenException, Policy, Refused, Testing, flapping, reminder};
use crate::domain::{
    AlertCause, ControlId, Event, MissedReason, MissedSlots, Outcome, RunEntry, RunReason, SlotTime, Timestamp,
};

/// A control without a good result is untested this long after the first due slot that gave none, however rare its
/// slots are.
pub const UNTESTED_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Records slots that did not run. Slots in which nothing was decided may be recorded in any order, each once.
pub fn decide_missed(
    state: &ControlState,
    policy: &Policy,
    now: Timestamp,
    missed: &MissedSlots,
) -> Result<Decision, Refused> {
    let MissedSlots { from, to, count, .. } = *missed;
    if count == 0 || from > to || (count == 1 && from != to) {
        return Err(Refused::NoStretch { from, to, count });
    }
    if let Some(judged) = state.judged.filter(|judged| (from..=to).contains(judged)) {
        return Err(Refused::SlotJudged(judged));
    }
    let days = missed.days.iter().map(Vec::len).sum();
    if days > MissedSlots::DAYS_MAX {
        return Err(Refused::TooManyDays(days));
    }
    let mut decision = Decision { events: vec![Event::Missed(missed.clone())], alerts: Vec::new() };
    let slot = state.accounted.max(Some(to)).unwrap_or(to);
    let why = Why { slot, reason: None, missed: Some(missed.reason) };
    went_untested(&mut decision, state.testing_after(missed), &missed.control, policy, now, why);
    if missed.reason != MissedReason::Disabled {
        untested_and_untold(&mut decision, state, &missed.control, why);
    }
    Ok(decision)
}

/// What the passing of time alone has decided: an exception is overdue or people are to be reminded of it, a control has
/// gone untested or flaps no more. May be asked as
/// often as one likes, and need not be before [`deadline`].
pub fn decide_time(state: &ControlState, control: &ControlId, policy: &Policy, now: Timestamp) -> Decision {
    let mut decision = Decision::default();
    if state.retired {
        return decision;
    }
    if let Some(open) = state.open_exception() {
        let slot = state.accounted.unwrap_or(open.first_slot);
        overdue(&mut decision, control, open, slot, now);
        if state.flapping.is_none() {
            reminder::remind(&mut decision, control, open, slot, policy, now);
        }
    }
    flapping::settled(&mut decision, state, control, policy, now);
    let why = |since| Why { slot: state.accounted.unwrap_or(since), reason: None, missed: None };
    match state.testing {
        Testing::Lapsing { since, .. } => {
            went_untested(&mut decision, state.testing, control, policy, now, why(since));
        }
        Testing::Untested { since, .. } if errs_since(state).is_some_and(|slot| now >= too_long(slot, policy)) => {
            untested_and_untold(&mut decision, state, control, why(since));
        }
        Testing::Tested | Testing::Untested { .. } => {}
    }
    decision
}

/// When [`decide_time`] has something to decide, should nothing else happen before.
pub fn deadline(state: &ControlState, policy: &Policy) -> Option<Timestamp> {
    if state.retired {
        return None;
    }
    let overdue =
        state.open_exception().filter(|open| !open.overdue).map(|open| open.due.plus(Duration::from_millis(1)));
    let untested = match state.testing {
        Testing::Lapsing { since, .. } => Some(too_long(since, policy)),
        Testing::Untested { told: false, .. } => errs_since(state).map(|slot| too_long(slot, policy)),
        Testing::Tested | Testing::Untested { told: true, .. } => None,
    };
    let reminder = state.open_exception().filter(|_| state.flapping.is_none());
    let reminder = reminder.and_then(|open| reminder::next(open, policy));
    let steady = flapping::settles(state, policy);
    overdue.into_iter().chain(untested).chain(reminder).chain(steady).min()
}

pub(super) fn overdue(
    decision: &mut Decision,
    control: &ControlId,
    open: &OpenException,
    slot: SlotTime,
    now: Timestamp,
) {
    if open.overdue || now <= open.due {
        return;
    }
    decision.events.push(Event::ExceptionOverdue { exception: open.id, control: control.clone() });
    decision.alerts.push(Alert {
        subjects: open.subjects.keys().copied().collect(),
        ..Alert::of_exception(AlertCause::Overdue, control, slot, open)
    });
}

/// Whether a judged run ends or lengthens the time without a good result.
pub(super) fn tested_or_not(
    decision: &mut Decision,
    state: &ControlState,
    policy: &Policy,
    now: Timestamp,
    run: &RunEntry,
) {
    match (run.outcome, state.testing) {
        (Outcome::Error, _) => {
            let why = Why { slot: run.slot, reason: run.reason, missed: None };
            went_untested(decision, state.testing.lapsed(run.slot, 1), &run.control, policy, now, why);
            if errs_since(state).is_some() {
                untested_and_untold(decision, state, &run.control, why);
            }
        }
        (_, Testing::Untested { since, told, .. }) => {
            let control = run.control.clone();
            decision.events.push(Event::TestedAgain { control: control.clone(), slot: run.slot });
            // Who was not told that it went untested need not be told that it is over.
            if !told {
                return;
            }
            decision.alerts.push(Alert::new(AlertCause::TestedAgain, &run.control, run.slot, since));
        }
        (_, Testing::Tested | Testing::Lapsing { .. }) => {}
    }
}

/// What made it so, for the mail.
#[derive(Clone, Copy)]
struct Why {
    slot: SlotTime,
    reason: Option<RunReason>,
    missed: Option<MissedReason>,
}

fn went_untested(
    decision: &mut Decision,
    testing: Testing,
    control: &ControlId,
    policy: &Policy,
    now: Timestamp,
    why: Why,
) {
    let Testing::Lapsing { since, slots } = testing else { return };
    if slots < u64::from(policy.untested_after_slots) && now < too_long(since, policy) {
        return;
    }
    decision.events.push(Event::WentUntested { control: control.clone(), since });
    decision.alerts.push(not_tested(control, since, why));
}

/// The slot of the newest run if it was an error and nothing was missed since: one error after a time without the daemon
/// may be of a network that is not there yet.
fn errs_since(state: &ControlState) -> Option<SlotTime> {
    let last = state.last_run.filter(|last| last.outcome == Outcome::Error)?;
    (state.accounted == Some(last.slot)).then_some(last.slot)
}

/// Of a gap of the daemon one letter tells for all controls; of one that cannot be tested after it either, that letter has
/// not said so.
fn untested_and_untold(decision: &mut Decision, state: &ControlState, control: &ControlId, why: Why) {
    if let Testing::Untested { since, told: false, .. } = state.testing {
        decision.alerts.push(not_tested(control, since, why));
    }
}

fn not_tested(control: &ControlId, since: SlotTime, why: Why) -> Alert {
    let Why { slot, reason, missed } = why;
    Alert { reason, missed, ..Alert::new(AlertCause::NotTested, control, slot, since) }
}

fn too_long(since: SlotTime, policy: &Policy) -> Timestamp {
    since.0.plus(UNTESTED_AFTER).plus(policy.wall)
}
