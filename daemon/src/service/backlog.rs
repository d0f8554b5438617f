//! The slots that fell into a time without the daemon.

use std::ops::Range;

use anyhow::Context as _;
use jiff::tz::TimeZone;

use super::{Service, firing::Fired};
use crate::{
    domain::{CatchUp, Control, ControlId, MissedReason, Timestamp},
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

/// A version of a control, as the ledger knew it before this start, some of whose slots may have no end.
struct Known {
    id: ControlId,
    version: u32,
    control: Control,
    /// Every slot up to here has ended.
    accounted: Timestamp,
    /// Another version followed, or the control left; `None`: this one is in force.
    until: Option<Timestamp>,
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
        self.firing.note_fired(Fired::Starts(now));
        let Absence { last_alive, was_stopped } = absence;
        let zones: Vec<_> = self.zones_in_force();
        let mut gap = Gap { from: last_alive, to: now, reason: MissedReason::Down, missed: Vec::new(), caught_up: 0 };
        for known in self.known() {
            let check = &known.control.check;
            if known.control.is_attested() {
                continue;
            }
            let schedule = match Schedule::parse(&check.schedule, &check.timezone) {
                Ok(schedule) => schedule,
                Err(error) => {
                    tracing::error!(
                        control = %known.id, version = known.version, %error,
                        "the schedule of this control cannot be read: its missed slots are unknown"
                    );
                    continue;
                }
            };
            // Of an earlier version only what was under way when the next one came has no end.
            if let Some(until) = known.until {
                let before = just_after(until);
                self.miss_between(&known, &schedule, MissedReason::Interrupted, known.accounted..before, &mut gap)
                    .await?;
                continue;
            }
            let backlog = plan_start(&known.id, &schedule, known.accounted, now, self.catch_up(&known), &zones);
            let first_to_run = backlog.run.first().copied();
            // A daemon that was stopped had no run under way.
            let interrupted_until = if was_stopped { known.accounted } else { last_alive.max(known.accounted) };
            let until = first_to_run.map_or_else(|| just_after(backlog.accounted), |slot| slot.0);
            let interrupted = known.accounted..just_after(interrupted_until).min(until);
            self.miss_between(&known, &schedule, MissedReason::Interrupted, interrupted, &mut gap).await?;
            self.miss_between(&known, &schedule, MissedReason::Down, interrupted_until..until, &mut gap).await?;
            gap.caught_up += backlog.run.len() as u64;
            for slot in backlog.run {
                self.firing.run_late(known.id.clone(), slot);
            }
        }
        let is_empty = gap.missed.is_empty() && gap.caught_up == 0;
        Ok((!is_empty).then_some(gap))
    }

    /// Records the slots later than the start of `span` and earlier than its end as missed.
    async fn miss_between(
        &self,
        known: &Known,
        schedule: &Schedule,
        reason: MissedReason,
        span: Range<Timestamp>,
        gap: &mut Gap,
    ) -> Result<(), RecorderError> {
        for stretch in missed(schedule, span.start, span.end, &self.zones_in_force()) {
            match gap.missed.last_mut() {
                Some((control, count)) if *control == known.id => *count += stretch.count,
                _ => gap.missed.push((known.id.clone(), stretch.count)),
            }
            let missed = stretch.into_missed(known.id.clone(), known.version, reason);
            self.recorder.record(Fact::Missed(missed)).await?;
            self.supervisor.progress(|| format!("recording what {} has missed", known.id));
        }
        Ok(())
    }

    /// What happens to past slots of a control that the new configuration may have changed.
    fn catch_up(&self, known: &Known) -> CatchUp {
        match self.catalogue.control(&known.id) {
            Some(control) if known.until.is_none() && control.enabled && control.check == known.control.check => {
                control.check.catch_up
            }
            Some(_) | None => CatchUp::None,
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
            for (version, accounted, until) in record.unaccounted() {
                // Without its part nobody can say what was due.
                let part = self.ledger.part(&version.control_part).map_err(anyhow::Error::from);
                let part = part.and_then(|bytes| bytes.context("it was erased"));
                let control = match part.and_then(|bytes| Ok(serde_json::from_slice::<ControlPart>(&bytes)?.control)) {
                    Ok(control) => control,
                    Err(error) => {
                        tracing::error!(
                            control = %id, version = version.version, error = %format_args!("{error:#}"),
                            "the part of this control cannot be read: its missed slots are unknown"
                        );
                        continue;
                    }
                };
                if control.enabled {
                    known.push(Known { id: id.clone(), version: version.version, control, accounted, until });
                }
            }
        }
        known
    }
}

fn just_after(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis() + 1)
}
