//! Checks that read events: what each run is asked about, and which runs follow at once.

use super::{Ended, Service};
use crate::{
    domain::{Control, SlotTime, Timestamp},
    ledger::Store as _,
    schedule::{Coverage, Portion, goal, portion},
};

impl Service {
    /// Starts a further run of the slot if its check reads events and has not caught up with them. Until the last of
    /// them has ended the slot counts as running, so that no other run of the control is asked about the same events.
    pub(super) fn goes_on(&mut self, ended: &Ended) -> bool {
        let Ended { control, slot, portion: Some(portion), result: Ok(_), asked: None } = ended else { return false };
        if self.firing.queue.is_stopping() || self.firing.disk_is_full {
            return false;
        }
        let Some(control) = self.catalogue.control(control).filter(|control| control.enabled).cloned() else {
            return false;
        };
        let covered = self.ledger.state().control(&control.id).and_then(|state| state.covered_until);
        if !covered.is_some_and(|covered| portion.goes_on(covered)) {
            return false;
        }
        let Some(next) = self.portion(&control, |_| portion.goal) else { return false };
        self.start_asked_about(&control, *slot, Some(next), None);
        true
    }

    /// What the first run of a slot that starts now is asked about, if its check reads events.
    pub(super) fn portion_of(&self, control: &Control, slot: SlotTime, is_scheduled: bool) -> Option<Portion> {
        // Of several slots that run late each has the events that it would have had in time; the last has the rest.
        let others_follow = is_scheduled && self.firing.is_late(&control.id);
        let as_of = |now: Timestamp| if others_follow { slot.0.min(now) } else { now };
        self.portion(control, |now| goal(&control.check.interval, as_of(now)))
    }

    /// What is next, up to a goal.
    fn portion(&self, control: &Control, goal: impl FnOnce(Timestamp) -> Timestamp) -> Option<Portion> {
        // One that does not fit ends as an error, whatever it is asked about.
        let shelved = self.firing.shelf.plugin(&control.check.plugin).ok()?;
        if !shelved.plugin.description().needs.interval {
            return None;
        }
        let coverage = match self.ledger.state().control(&control.id) {
            Some(state) => Coverage { covered_until: state.covered_until, known_from: state.events_known_from() },
            None => Coverage::default(),
        };
        let now = self.clock.now();
        let window_start = self.catalogue.window_start(&control.id, now);
        Some(portion(&control.check.interval, coverage, window_start, now, goal(now)))
    }
}
