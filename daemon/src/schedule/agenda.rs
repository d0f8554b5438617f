//! Which control is due next: one structure for all of them, not a task each.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use super::{Schedule, slots::just_after};
use crate::domain::{ControlId, Digest, SlotTime, Timestamp};

/// The next slot of every control, in the order of their planned starts.
///
/// An ordered set and not a heap, because controls are replaced and removed at every reload; both cost the same.
/// With 100,000 controls, taking the next one and planning its following slot takes a few microseconds.
#[derive(Debug, Default)]
pub struct Agenda {
    controls: HashMap<ControlId, Planned>,
    order: BTreeSet<(Timestamp, SlotTime, ControlId)>,
}

#[derive(Debug)]
struct Planned {
    schedule: Schedule,
    /// `None`: the calendar is at its end.
    next: Option<(Timestamp, SlotTime)>,
}

/// A slot whose planned start has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub control: ControlId,
    pub slot: SlotTime,
    /// When it was to start: the slot and its jitter.
    pub start: Timestamp,
    /// The one after it, which makes a run of this one late.
    pub next_slot: Option<SlotTime>,
}

/// No start is delayed longer, however long the period: who writes 06:00 expects about 06:00.
const JITTER_MAX: Duration = Duration::from_secs(60);

impl Agenda {
    pub fn new() -> Self {
        Self::default()
    }

    /// Plans the first slot later than `after`; replaces what was planned for the control.
    pub fn insert(&mut self, control: ControlId, schedule: Schedule, after: Timestamp) {
        self.remove(&control);
        let slot = schedule.next_after(after).map(|firing| firing.slot);
        self.plan(control, schedule, slot);
    }

    /// Plans the first slot later than `accounted` whose planned start is later than `started_until`: what was due
    /// before but waits for its jitter is still to come. Replaces what was planned for the control.
    pub fn resume(&mut self, control: ControlId, schedule: Schedule, accounted: Timestamp, started_until: Timestamp) {
        // Jitter is shorter than a period: one slot at most waits for it.
        let waits = schedule
            .previous_before(just_after(started_until))
            .map(|firing| firing.slot)
            .filter(|slot| slot.0 > accounted && Self::planned_start(&control, &schedule, *slot) > started_until);
        let after = waits.map_or(accounted.max(started_until), |slot| Timestamp::from_millis(slot.0.as_millis() - 1));
        self.insert(control, schedule, after);
    }

    /// What is due and waits for its jitter waits no longer.
    pub fn release(&mut self, now: Timestamp) {
        let soon = self.order.iter().take_while(|(start, _, _)| *start <= now.plus(JITTER_MAX));
        let waiting: Vec<_> = soon.filter(|(start, slot, _)| *start > now && slot.0 <= now).cloned().collect();
        for (start, slot, control) in waiting {
            self.order.remove(&(start, slot, control.clone()));
            if let Some(planned) = self.controls.get_mut(&control) {
                planned.next = Some((now, slot));
            }
            self.order.insert((now, slot, control));
        }
    }

    /// Whether the control was there.
    pub fn remove(&mut self, control: &ControlId) -> bool {
        let Some(planned) = self.controls.remove(control) else { return false };
        if let Some((start, slot)) = planned.next {
            self.order.remove(&(start, slot, control.clone()));
        }
        true
    }

    /// Takes the first slot whose planned start is not later than `now` and plans the control's next one. Slots
    /// come in the order of their starts, then of the slots, then of the names of the controls.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<Due> {
        if self.next_deadline()? > now {
            return None;
        }
        let (start, slot, control) = self.order.pop_first()?;
        let planned = self.controls.remove(&control).expect("what is in the order is in the map");
        let next_slot = planned.schedule.next_after(slot.0).map(|firing| firing.slot);
        self.plan(control.clone(), planned.schedule, next_slot);
        Some(Due { control, slot, start, next_slot })
    }

    /// When [`pop_due`](Self::pop_due) has something next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.order.first().map(|&(start, _, _)| start)
    }

    /// The slot that is planned for the control.
    pub fn next_slot(&self, control: &ControlId) -> Option<SlotTime> {
        self.controls.get(control)?.next.map(|(_, slot)| slot)
    }

    pub fn len(&self) -> usize {
        self.controls.len()
    }

    pub fn is_empty(&self) -> bool {
        self.controls.is_empty()
    }

    /// When a slot is to start: up to a tenth of the period after it, so that what is due at the same minute does
    /// not all start at the same moment. Always the same for the same control and slot.
    pub fn planned_start(control: &ControlId, schedule: &Schedule, slot: SlotTime) -> Timestamp {
        let period = match schedule.next_after(slot.0) {
            Some(next) => next.slot.0.since(slot.0),
            None => JITTER_MAX,
        };
        let longest = (period / 10).min(JITTER_MAX);
        let [a, b, c, d, ..] = Digest::of(control.as_str().as_bytes()).0;
        let share = u64::from(u32::from_be_bytes([a, b, c, d]));
        let longest = u64::try_from(longest.as_millis()).expect("at most a minute");
        slot.0.plus(Duration::from_millis((longest * share) >> 32))
    }

    fn plan(&mut self, control: ControlId, schedule: Schedule, slot: Option<SlotTime>) {
        let next = slot.map(|slot| (Self::planned_start(&control, &schedule, slot), slot));
        if let Some((start, slot)) = next {
            self.order.insert((start, slot, control.clone()));
        }
        self.controls.insert(control, Planned { schedule, next });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ScheduleSpec;
    use jiff::tz::TimeZone;

    fn every(seconds: u64) -> Schedule {
        Schedule::in_zone(&ScheduleSpec::Every(Duration::from_secs(seconds)), TimeZone::UTC).unwrap()
    }

    fn id(text: &str) -> ControlId {
        text.parse().unwrap()
    }

    fn minute(minutes: u64) -> Timestamp {
        Timestamp::EPOCH.plus(Duration::from_secs(60 * minutes))
    }

    #[test]
    fn a_replaced_or_removed_control_is_due_no_more() {
        let mut agenda = Agenda::new();
        agenda.insert(id("a"), every(60), minute(0));
        agenda.insert(id("b"), every(60), minute(0));
        agenda.insert(id("a"), every(3600), minute(0));
        assert_eq!(agenda.len(), 2);
        assert!(agenda.remove(&id("b")));
        assert!(!agenda.remove(&id("b")));
        assert_eq!(agenda.pop_due(minute(59)), None);
        let due = agenda.pop_due(minute(62)).unwrap();
        assert_eq!(
            (due.control, due.slot, due.next_slot),
            (id("a"), SlotTime(minute(60)), Some(SlotTime(minute(120))))
        );
        assert_eq!(agenda.next_slot(&id("a")), Some(SlotTime(minute(120))));
    }

    #[test]
    fn each_slot_is_popped_once_also_after_a_long_sleep() {
        let mut agenda = Agenda::new();
        agenda.insert(id("a"), every(60), minute(0));
        let popped: Vec<_> = std::iter::from_fn(|| agenda.pop_due(minute(10))).map(|due| due.slot).collect();
        assert_eq!(popped, (1..10).map(|at| SlotTime(minute(at))).collect::<Vec<_>>());
    }

    #[test]
    fn what_waits_for_its_jitter_can_be_released() {
        let mut agenda = Agenda::new();
        agenda.insert(id("a"), every(600), minute(0));
        agenda.insert(id("b"), every(600), minute(10));
        assert_eq!(agenda.pop_due(minute(10)), None);
        agenda.release(minute(10));
        let due = agenda.pop_due(minute(10)).unwrap();
        assert_eq!((due.control, due.slot, due.start), (id("a"), SlotTime(minute(10)), minute(10)));
        assert_eq!(agenda.pop_due(minute(19)), None);
        assert_eq!(agenda.next_slot(&id("a")), Some(SlotTime(minute(20))));
    }

    #[test]
    fn an_empty_agenda_has_no_deadline() {
        assert_eq!(Agenda::new().next_deadline(), None);
        assert_eq!(Agenda::new().pop_due(minute(1)), None);
    }
}
