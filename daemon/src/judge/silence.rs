//! A silence has ended: what it kept from people and is so still, is told.

use std::collections::BTreeSet;

use super::{Alert, ControlState, Decision, OpenException, Testing, ending::ending};
use crate::domain::{AlertCause, ControlId, ExceptionId, ExceptionRecord, SlotTime, Timestamp};

/// What a silence kept from people, of one control.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Withheld {
    pub alerts: u32,
    /// The first exception that was said to have recovered: the only one that may have been told before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recovered: Option<ExceptionId>,
    /// It was tested again, after it had not been since then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tested_again: Option<SlotTime>,
    /// An exception passed its time to fix.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub overdue: bool,
    /// It began to flap.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub flapping: bool,
    /// It stopped flapping, which it was said to do since then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub steady: Option<SlotTime>,
    /// The end of the statement that was said to expire.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expiring: Option<SlotTime>,
    /// The ends of exclusions.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub endings: BTreeSet<SlotTime>,
}

impl Withheld {
    /// Counts one more alert.
    pub fn add(&mut self, cause: AlertCause, exception: Option<ExceptionId>, since: Option<SlotTime>) {
        self.alerts = self.alerts.saturating_add(1);
        match cause {
            AlertCause::Recovered => self.recovered = self.recovered.or(exception),
            AlertCause::TestedAgain => self.tested_again = self.tested_again.or(since),
            AlertCause::Overdue => self.overdue = true,
            AlertCause::Flapping => self.flapping = true,
            // What nobody was told of need not be told to be over.
            AlertCause::Steady if self.flapping => self.flapping = false,
            AlertCause::Steady => self.steady = self.steady.or(since),
            AlertCause::Expiring => self.expiring = since.or(self.expiring),
            AlertCause::ExclusionEnds => self.endings.extend(since),
            _ => {}
        }
    }

    /// Adds what another silence kept, that ends at the same time.
    pub fn merge(&mut self, other: &Self) {
        self.alerts = self.alerts.saturating_add(other.alerts);
        self.recovered = self.recovered.or(other.recovered);
        self.tested_again = self.tested_again.or(other.tested_again);
        self.overdue |= other.overdue;
        self.flapping |= other.flapping;
        self.steady = self.steady.or(other.steady);
        self.expiring = self.expiring.max(other.expiring);
        self.endings.extend(&other.endings);
    }
}

/// What is told of a control when the silence over it has ended. What began and ended within it is not; `record` is of
/// the exception that recovered within it.
pub fn decide_unsilenced(
    state: &ControlState,
    control: &ControlId,
    withheld: &Withheld,
    record: Option<&ExceptionRecord>,
    now: Timestamp,
) -> Decision {
    let mut decision = Decision::default();
    if state.retired {
        return decision;
    }
    let stated = withheld.expiring.map(|SlotTime(until)| until);
    if let Some(until) = stated.filter(|until| state.attested_until == Some(*until) && *until > now) {
        decision.alerts.push(ending(AlertCause::Expiring, control, until));
    }
    let endings = withheld.endings.iter().map(|SlotTime(until)| *until).filter(|until| *until > now);
    decision.alerts.extend(endings.map(|until| ending(AlertCause::ExclusionEnds, control, until)));
    let slot = |since| state.accounted.or(state.judged).unwrap_or(since);
    match (state.testing, withheld.tested_again) {
        (Testing::Untested { since, told: false, .. }, _) => {
            decision.alerts.push(Alert::new(AlertCause::NotTested, control, slot(since), since));
        }
        // Who was told that it went untested is told that it is over.
        (Testing::Tested | Testing::Lapsing { .. }, Some(since)) => {
            decision.alerts.push(Alert::new(AlertCause::TestedAgain, control, slot(since), since));
        }
        _ => {}
    }
    if let (Some(exception), Some(record)) = (withheld.recovered, record)
        && record.first_alert.is_some()
    {
        let subjects = record.subjects.keys().copied().collect();
        decision.alerts.push(Alert {
            exception: Some(exception),
            due: Some(record.due),
            subjects,
            ..Alert::new(AlertCause::Recovered, control, slot(record.first_slot), record.first_slot)
        });
    }
    match (state.flapping, state.open_exception()) {
        (Some(since), _) if withheld.flapping => {
            let count = u32::try_from(state.changes.len()).unwrap_or(u32::MAX);
            decision.alerts.push(Alert { count, ..Alert::new(AlertCause::Flapping, control, slot(since), since) });
        }
        // It is told when it has kept to one state.
        (Some(_), _) => {}
        (None, Some(open)) => failing(&mut decision, control, withheld, open, slot(open.first_slot)),
        (None, None) => {
            let over = withheld.steady.map(|since| Alert::new(AlertCause::Steady, control, slot(since), since));
            decision.alerts.extend(over);
        }
    }
    decision
}

/// What people do not know of an exception that is open.
fn failing(decision: &mut Decision, control: &ControlId, withheld: &Withheld, open: &OpenException, slot: SlotTime) {
    let untold: Vec<_> =
        open.subjects.iter().filter(|(_, since)| Some(**since) > open.told_to).map(|(subject, _)| *subject).collect();
    let all = || open.subjects.keys().copied().collect();
    let (cause, subjects) = if withheld.steady.is_some() {
        (AlertCause::Steady, all())
    } else if open.told_to.is_none() {
        (AlertCause::AlreadyFailing, untold)
    } else if !untold.is_empty() {
        (AlertCause::MoreSubjects, untold)
    } else if withheld.overdue && open.overdue {
        (AlertCause::Overdue, all())
    } else {
        return;
    };
    decision.alerts.push(Alert { subjects, ..Alert::of_exception(cause, control, slot, open) });
}
