//! Slots that did not run, ready for the ledger.

use jiff::tz::TimeZone;

use super::{Schedule, slots::just_after};
use crate::domain::{ControlId, DayCount, LocalDay, MissedReason, MissedSlots, SlotTime, Timestamp};

/// An unbroken run of slots, short enough for one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// First and last slot, both inclusive.
    pub from: SlotTime,
    pub to: SlotTime,
    pub count: u64,
    /// For each zone the days that the slots fall on.
    pub days: Vec<Vec<DayCount>>,
}

/// No stretch is longer, so that a reader who looks for a month does not have to read a year.
const DAYS_MAX: usize = 60;
/// Over all zones.
const DAY_COUNTS_MAX: usize = MissedSlots::DAYS_MAX;

impl Stretch {
    pub fn into_missed(self, control: ControlId, version: u32, reason: MissedReason) -> MissedSlots {
        let Self { from, to, count, days } = self;
        MissedSlots { control, version, reason, from, to, count, days }
    }

    /// Of one slot, by its days.
    pub fn first(slot: SlotTime, days: Vec<LocalDay>) -> Self {
        let days = days.into_iter().map(|day| vec![DayCount { day, slots: 1 }]).collect();
        Self { from: slot, to: slot, count: 1, days }
    }

    fn has_room_for(&self, new_days: usize) -> bool {
        let longest = self.days.iter().map(Vec::len).max().unwrap_or(0);
        let total: usize = self.days.iter().map(Vec::len).sum();
        new_days == 0 || longest < DAYS_MAX && total + new_days <= DAY_COUNTS_MAX
    }

    fn push(&mut self, slot: SlotTime, days: impl Iterator<Item = LocalDay>) {
        self.to = slot;
        self.count += 1;
        for (counts, day) in self.days.iter_mut().zip(days) {
            match counts.last_mut() {
                Some(last) if last.day == day => last.slots += 1,
                _ => counts.push(DayCount { day, slots: 1 }),
            }
        }
    }
}

/// The slots later than `after` and earlier than `before`, in order, as stretches of at most 60 days; empty if
/// there are none. `zones` are the rollup zones, in their order; there may be up to a hundred of them.
pub fn missed(schedule: &Schedule, after: Timestamp, before: Timestamp, zones: &[TimeZone]) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut calendars: Vec<Calendar<'_>> = zones.iter().map(Calendar::new).collect();
    for firing in schedule.slots(just_after(after)..before) {
        let slot = firing.slot;
        let mut new_days = 0;
        for calendar in &mut calendars {
            new_days += usize::from(calendar.advance(slot.0));
        }
        let days = calendars.iter().map(|calendar| calendar.day);
        match stretches.last_mut() {
            Some(last) if last.has_room_for(new_days) => last.push(slot, days),
            _ => stretches.push(Stretch::first(slot, days.collect())),
        }
    }
    stretches
}

/// The day on which a slot counts in each zone.
pub fn days_of(slot: SlotTime, zones: &[TimeZone]) -> Vec<LocalDay> {
    zones.iter().map(|zone| LocalDay::of(slot.0, zone)).collect()
}

/// A zone's day at slots that only go forward: it asks the zone once a day and not once a slot.
struct Calendar<'z> {
    zone: &'z TimeZone,
    day: LocalDay,
    /// Slots before this one are of `day`; a zone whose clocks went back over midnight comes back to a day that
    /// it left, and is asked at each change.
    until: Timestamp,
}

impl<'z> Calendar<'z> {
    fn new(zone: &'z TimeZone) -> Self {
        Self { zone, day: LocalDay(i32::MIN), until: Timestamp::from_millis(i64::MIN) }
    }

    /// Whether `at` is of another day than the time before.
    fn advance(&mut self, at: Timestamp) -> bool {
        if at < self.until {
            return false;
        }
        let day = LocalDay::of(at, self.zone);
        let change = self.zone.following(at.to_jiff()).next().map(|change| Timestamp::from_jiff(change.timestamp()));
        let midnight = day.next().start(self.zone);
        // A midnight that lies behind came twice, and the day goes on until the zone's next change at most.
        let midnight = if midnight > at { midnight } else { just_after(at) };
        self.until = change.map_or(midnight, |change| change.min(midnight));
        std::mem::replace(&mut self.day, day) != day
    }
}
