//! What becomes of the slots that fell into a time without the daemon, and which runs are late.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::{Agenda, Schedule, Stretch, missed, slots::just_after};
use crate::domain::{CatchUp, ControlId, SlotTime, Timestamp};

/// All slots of a control that are past and unaccounted for: each is either in `missed` or in `run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// They will not run. With the reason of the down time they become entries.
    pub missed: Vec<Stretch>,
    /// They run now, in this order, one after the other; whether late, [`is_late`] says when they start.
    pub run: Vec<SlotTime>,
    /// All slots up to here are in one of the two; the agenda goes on after it.
    pub accounted: Timestamp,
}

/// Sorts the slots later than `last_accounted` whose planned start is past at `now`.
///
/// A slot that is due and waits for its jitter is not past: it starts as planned.
pub fn plan_start(
    control: &ControlId,
    schedule: &Schedule,
    last_accounted: Timestamp,
    now: Timestamp,
    catch_up: CatchUp,
    zones: &[TimeZone],
) -> Backlog {
    let last_past = match schedule.previous_before(just_after(now)) {
        Some(newest) if Agenda::planned_start(control, schedule, newest.slot) <= now => Some(newest.slot),
        Some(pending) => schedule.previous_before(pending.slot.0).map(|firing| firing.slot),
        None => None,
    };
    let Some(last_past) = last_past.filter(|slot| slot.0 > last_accounted) else {
        return Backlog { missed: Vec::new(), run: Vec::new(), accounted: last_accounted };
    };
    let after_last = just_after(last_past.0);
    let (missed_before, run) = match catch_up {
        CatchUp::None => (after_last, Vec::new()),
        CatchUp::Latest => (last_past.0, vec![last_past]),
        CatchUp::All => {
            let all = schedule.slots(just_after(last_accounted)..after_last).map(|firing| firing.slot);
            (last_accounted, all.collect())
        }
    };
    Backlog { missed: missed(schedule, last_accounted, missed_before, zones), run, accounted: last_past.0 }
}

/// Whether a run of `slot` that starts at `started` is late: later than `late_after`, or once the next slot is due.
pub fn is_late(slot: SlotTime, started: Timestamp, next_slot: Option<SlotTime>, late_after: Option<Duration>) -> bool {
    let next_is_due = next_slot.is_some_and(|next| started >= next.0);
    next_is_due || late_after.is_some_and(|limit| started.since(slot.0) > limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ScheduleSpec;

    fn at(text: &str) -> Timestamp {
        format!("2026-03-{text}Z").parse().unwrap()
    }

    /// A check at 06:00 UTC every day was last seen on the 2nd; the daemon starts at `now`.
    #[track_caller]
    fn check(now: &str, catch_up: CatchUp, missed: &[u64], run: &[&str]) {
        let schedule = Schedule::in_zone(&ScheduleSpec::Cron("0 6 * * *".into()), TimeZone::UTC).unwrap();
        let control = "SEC-01".parse().unwrap();
        let backlog = plan_start(&control, &schedule, at("02T06:00"), at(now), catch_up, &[TimeZone::UTC]);
        assert_eq!(backlog.missed.iter().map(|stretch| stretch.count).collect::<Vec<_>>(), missed);
        let expected: Vec<_> = run.iter().map(|slot| SlotTime(at(slot))).collect();
        assert_eq!(backlog.run, expected);
    }

    #[test]
    fn nothing_is_missed_before_the_next_slot() {
        for catch_up in [CatchUp::None, CatchUp::Latest, CatchUp::All] {
            check("02T06:00", catch_up, &[], &[]);
            check("03T05:59:59.999", catch_up, &[], &[]);
        }
    }

    #[test]
    fn a_slot_that_waits_for_its_jitter_is_not_missed() {
        check("03T06:00", CatchUp::None, &[], &[]);
        check("04T06:00", CatchUp::None, &[1], &[]);
    }

    #[test]
    fn the_policy_says_which_slots_run_after_a_down_time() {
        check("05T12:00", CatchUp::None, &[3], &[]);
        check("05T12:00", CatchUp::Latest, &[2], &["05T06:00"]);
        check("05T12:00", CatchUp::All, &[], &["03T06:00", "04T06:00", "05T06:00"]);
        check("03T12:00", CatchUp::Latest, &[], &["03T06:00"]);
    }

    #[test]
    fn a_run_is_late_after_its_limit_or_when_the_next_slot_is_due() {
        let slot = SlotTime(at("02T06:00"));
        let next = Some(SlotTime(at("02T06:05")));
        let limit = Some(Duration::from_secs(60));
        assert!(!is_late(slot, at("02T06:00"), next, limit));
        assert!(!is_late(slot, at("02T06:01"), next, limit));
        assert!(is_late(slot, at("02T06:01:00.001"), next, limit));
        assert!(!is_late(slot, at("02T06:04:59.999"), next, None));
        assert!(is_late(slot, at("02T06:05"), next, None));
        assert!(!is_late(slot, at("09T06:05"), None, None));
    }
}
