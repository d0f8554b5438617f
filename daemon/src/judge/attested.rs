//! A control that a person attests: what they state holds until it expires, and then it is not tested.

use super::{Alert, ControlState, Decision, Testing};
use crate::domain::{AlertCause, ControlId, Event, SlotTime, Timestamp};

/// What the passing of time decides about an attested control. `defined`: since when it is promised as it is now; what
/// nobody has attested since was not tested.
pub fn decide_expired(state: &ControlState, control: &ControlId, defined: Timestamp, now: Timestamp) -> Decision {
    let tested = state.last_good.map(|SlotTime(slot)| slot);
    let since = state.attested_until.max(tested).map_or(defined, |known| known.max(defined));
    let is_known = matches!(state.testing, Testing::Untested { .. });
    if state.retired || !state.enabled || is_known || now < since {
        return Decision::default();
    }
    let since = SlotTime(since);
    Decision {
        events: vec![Event::WentUntested { control: control.clone(), since }],
        alerts: vec![Alert::new(AlertCause::NotTested, control, since, since)],
    }
}
