//! The slots that fell into a time without the daemon.

use jiff::tz::TimeZone;

use super::Service;
use crate::{
    domain::{Control, ControlId, MissedReason, SlotTime, Timestamp},
    ledger::Store,
    recorder::{ControlPart, Fact, Gap, RecorderError, zone},
    schedule::{Schedule, missed, plan_start},
};

/// A time without the daemon that ends now.
pub(super) struct Absence {
    /// When it last wrote what only a daemon at work writes.
    last_alive: Timestamp,
    /// It was stopped, and did not die.
    was_stopped: bool,
}

/// A control as the ledger knew it before this start.
struct Known {
    id: ControlId,
    version: u32,
    control: Control,
    /// Every slot up to here has ended.
    accounted: Timestamp,
}

impl Service {
    /// `None`: there was no daemon before. To be asked before its start is recorded.
    pub(super) fn absence(&self) -> Option<Absence> {
        let state = self.ledger.state();
        let head = state.head();
        let last_alive = if head.stopped { head.last_at } else { head.alive };
        Some(Absence { last_alive: last_alive.or(head.started)?, was_stopped: head.stopped })
    }

    /// Records every slot that is past and has no end: as missed, by the schedules that were in force; what is to run
    /// late is queued. The gap, if the daemon was away at all.
    ///
    /// Slots that were due while it still lived were interrupted; later ones fell into its absence.
    pub(super) async fn account_for(&mut self, absence: Absence) -> Result<Option<Gap>, RecorderError> {
        let now = self.clock.now();
        self.firing.fired_until = Some(now);
        let Absence { last_alive, was_stopped } = absence;
        let zones: Vec<_> = self.zones_in_force();
        let mut gap = Gap { from: last_alive, to: now, reason: MissedReason::Down, missed: Vec::new(), caught_up: 0 };
        for known in self.known() {
            let Ok(schedule) = Schedule::parse(&known.control.check.schedule, &known.control.check.timezone) else {
                continue;
            };
            let backlog = plan_start(&known.id, &schedule, known.accounted, now, self.catch_up(&known), &zones);
            let first_to_run = backlog.run.first().copied();
            // A daemon that was stopped had no run under way.
            let interrupted_until = if was_stopped { known.accounted } else { last_alive.max(known.accounted) };
            let until = first_to_run.map_or_else(|| just_after(backlog.accounted), |slot| slot.0);
            let mut count = 0;
            for (reason, after, before) in [
                (MissedReason::Interrupted, known.accounted, just_after(interrupted_until).min(until)),
                (MissedReason::Down, interrupted_until, until),
            ] {
                for stretch in missed(&schedule, after, before, &zones) {
                    count += stretch.count;
                    let missed = stretch.into_missed(known.id.clone(), known.version, reason);
                    self.recorder.record(Fact::Missed(missed)).await?;
                }
            }
            if count > 0 {
                gap.missed.push((known.id.clone(), count));
            }
            gap.caught_up += backlog.run.len() as u64;
            for slot in backlog.run {
                self.firing.run_late(known.id.clone(), slot);
            }
        }
        let is_empty = gap.missed.is_empty() && gap.caught_up == 0;
        Ok((!is_empty).then_some(gap))
    }

    /// What happens to past slots of a control that the new configuration may have changed.
    fn catch_up(&self, known: &Known) -> crate::domain::CatchUp {
        match self.catalogue.control(&known.id) {
            Some(control) if control.enabled && control.check == known.control.check => control.check.catch_up,
            Some(_) | None => crate::domain::CatchUp::None,
        }
    }

    fn zones_in_force(&self) -> Vec<TimeZone> {
        let state = self.ledger.state();
        let head = state.head();
        head.rolled.iter().filter_map(|number| head.zones.get(*number as usize)).map(|name| zone(name)).collect()
    }

    fn known(&self) -> Vec<Known> {
        let state = self.ledger.state();
        let mut known = Vec::new();
        for (id, record) in state.controls() {
            let control = &record.state;
            if control.retired || !control.enabled {
                continue;
            }
            // Without its part nobody can say what was due.
            let Ok(Some(bytes)) = self.ledger.part(&control.control_part) else {
                tracing::error!(control = %id, "the part of this control cannot be read: its missed slots are unknown");
                continue;
            };
            let Ok(part) = serde_json::from_slice::<ControlPart>(&bytes) else { continue };
            let defined = record.versions.last().map(|version| version.at);
            let accounted = control.accounted.map(|SlotTime(at)| at).max(defined).unwrap_or(Timestamp::EPOCH);
            known.push(Known { id: id.clone(), version: control.version, control: part.control, accounted });
        }
        known
    }
}

fn just_after(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis() + 1)
}
