//! A silence has ended: what it kept from people and is so still, is told.

use super::{Alert, ControlState, Decision, Testing};
use crate::domain::{AlertCause, ControlId, ExceptionId, ExceptionRecord, SlotTime};

/// What a silence kept from people, of one control.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Withheld {
    pub alerts: u32,
    /// The newest exception that was said to have recovered.
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
}

impl Withheld {
    /// Counts one more alert.
    pub fn add(&mut self, cause: AlertCause, exception: Option<ExceptionId>, since: Option<SlotTime>) {
        self.alerts = self.alerts.saturating_add(1);
        match cause {
            AlertCause::Recovered => self.recovered = exception,
            AlertCause::TestedAgain => self.tested_again = since,
            AlertCause::NotTested => self.tested_again = None,
            AlertCause::Overdue => self.overdue = true,
            AlertCause::Flapping => self.flapping = true,
            AlertCause::Steady => self.flapping = false,
            _ => {}
        }
    }
}

/// What is told of a control when the silence over it has ended. What began and ended within it is not; `record` is of
/// the exception that recovered within it.
pub fn decide_unsilenced(
    state: &ControlState,
    control: &ControlId,
    withheld: &Withheld,
    record: Option<&ExceptionRecord>,
) -> Decision {
    let mut decision = Decision::default();
    if state.retired {
        return decision;
    }
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
    if let (true, Some(since)) = (withheld.flapping, state.flapping) {
        let count = u32::try_from(state.changes.len()).unwrap_or(u32::MAX);
        decision.alerts.push(Alert { count, ..Alert::new(AlertCause::Flapping, control, slot(since), since) });
        return decision;
    }
    if let Some(open) = state.open_exception() {
        let untold =
            open.subjects.iter().filter(|(_, since)| Some(**since) > open.told_to).map(|(subject, _)| *subject);
        let untold: Vec<_> = untold.collect();
        let cause = if open.told_to.is_none() { AlertCause::AlreadyFailing } else { AlertCause::MoreSubjects };
        if open.told_to.is_none() || !untold.is_empty() {
            let alert = Alert::of_exception(cause, control, slot(open.first_slot), open);
            decision.alerts.push(Alert { subjects: untold, ..alert });
        } else if withheld.overdue && open.overdue {
            let alert = Alert::of_exception(AlertCause::Overdue, control, slot(open.first_slot), open);
            decision.alerts.push(Alert { subjects: open.subjects.keys().copied().collect(), ..alert });
        }
    } else if let (Some(exception), Some(record)) = (withheld.recovered, record)
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
    decision
}
