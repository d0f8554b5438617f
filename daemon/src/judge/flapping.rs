//! A control that changes between passing and failing more often than people can be told.

use super::{Alert, ControlState, Decision, Policy};
use crate::domain::{AlertCause, ControlId, Event, RunEntry, SlotTime, Timestamp, WithheldReason};

/// What a run changed, if it changed anything, is told, or begins flapping, or is withheld while it lasts.
pub(super) fn changed(decision: &mut Decision, state: &ControlState, policy: &Policy, now: Timestamp, run: &RunEntry) {
    let is_change = |event: &Event| matches!(event, Event::ExceptionOpened { .. } | Event::ExceptionRecovered { .. });
    let changes = decision.events.iter().filter(|event| is_change(event)).count() + recent(state, policy, now);
    let begins = state.flapping.is_none()
        && decision.events.iter().any(is_change)
        && changes >= policy.flapping.changes as usize;
    if state.flapping.is_none() && !begins {
        return;
    }
    let told = std::mem::take(&mut decision.alerts);
    for alert in told {
        match alert.cause {
            AlertCause::Failed | AlertCause::AlreadyFailing | AlertCause::MoreSubjects | AlertCause::Recovered => {
                decision.events.push(Event::AlertWithheld {
                    cause: alert.cause,
                    control: alert.control,
                    exception: alert.exception,
                    why: WithheldReason::Flapping,
                    silence: None,
                    since: None,
                });
            }
            _ => decision.alerts.push(alert),
        }
    }
    if begins {
        let control = &run.control;
        decision.events.push(Event::FlappingStarted { control: control.clone(), slot: run.slot });
        let since = SlotTime(state.changes.iter().copied().find(|at| is_recent(*at, policy, now)).unwrap_or(now));
        decision.alerts.push(Alert {
            count: u32::try_from(changes).unwrap_or(u32::MAX),
            ..Alert::new(AlertCause::Flapping, control, run.slot, since)
        });
    }
}

/// When flapping ends, if nothing changes before.
pub(super) fn settles(state: &ControlState, policy: &Policy) -> Option<Timestamp> {
    let SlotTime(since) = state.flapping?;
    Some(state.changes.last().copied().unwrap_or(since).plus(policy.flapping.within))
}

/// Flapping has ended: what the control stands at is told.
pub(super) fn settled(
    decision: &mut Decision,
    state: &ControlState,
    control: &ControlId,
    policy: &Policy,
    now: Timestamp,
) {
    let (Some(since), Some(settles)) = (state.flapping, settles(state, policy)) else { return };
    if now < settles {
        return;
    }
    let slot = state.judged.unwrap_or(since);
    decision.events.push(Event::FlappingEnded { control: control.clone(), slot });
    decision.alerts.push(match state.open_exception() {
        Some(open) => Alert {
            subjects: open.subjects.keys().copied().collect(),
            ..Alert::of_exception(AlertCause::Steady, control, slot, open)
        },
        None => Alert::new(AlertCause::Steady, control, slot, since),
    });
}

fn recent(state: &ControlState, policy: &Policy, now: Timestamp) -> usize {
    state.changes.iter().filter(|at| is_recent(**at, policy, now)).count()
}

fn is_recent(at: Timestamp, policy: &Policy, now: Timestamp) -> bool {
    at <= now && now.since(at) < policy.flapping.within
}
