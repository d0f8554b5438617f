//! What the passing of time alone decides: overdue, untested, checkpoints, days that end, summaries that are due.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Recorded, Recorder, RecorderError,
    draft::Draft,
    fact::{Gap, Room},
    letters::Letters,
};
use crate::{
    domain::{AlertCause, ClockState, ControlId, Event, LocalDay, Timestamp},
    fold::{ClosingDay, State},
    judge::{decide_exclusions_end, decide_expired, decide_expiring, decide_time},
    ledger::Store,
    mail::{GapFacts, Letter, RoomBackFacts, RoomGoneFacts},
    summary::encode_day,
};

/// A checkpoint is entered this often, also when nothing happened: health is that one is not older than two hours.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(3600);

/// A day is closed this long after its end, so that runs that began before midnight are counted in it.
const DAY_GRACE: Duration = Duration::from_secs(3600);

impl Recorder {
    pub(super) fn tick(&mut self, draft: &mut Draft, clock: ClockState) -> Result<Recorded, RecorderError> {
        let sequence = draft.next_sequence();
        let state = self.ledger.state();
        // First in its batch, so that the size that it names is its own place and replays find its root there.
        let newest = state.head().checkpoint;
        // One from before a clock that went back would keep the next away for as long as it went back.
        let is_due = |last: Timestamp| draft.at() < last || draft.at().since(last) >= CHECKPOINT_EVERY;
        if newest.is_none_or(|newest| is_due(newest.at)) {
            let (size, root) = draft.base();
            draft.push(Event::Checkpoint { size, root, clock })?;
        }
        // No day is known to be over while the clock is in doubt.
        let is_in_doubt = state.head().doubt.is_some();
        if !is_in_doubt {
            // Behind nothing but the checkpoint: what else this batch decides belongs to the day after.
            self.close_days(draft, &state)?;
        }
        let letters = Letters { catalogue: &self.catalogue, state: &state, ledger: &self.ledger, new_names: None };
        letters.release(draft)?;
        letters.end_silences(draft)?;
        let mut by_people: BTreeMap<&ControlId, Vec<Timestamp>> = BTreeMap::new();
        for record in state.exclusions().values().filter(|record| record.is_in_force(draft.at())) {
            by_people.entry(&record.control).or_default().push(record.until);
        }
        for (control, record) in state.controls() {
            let Some(policy) = self.catalogue.policy(control) else { continue };
            let mut decision = decide_time(&record.state, control, policy, draft.at());
            if let (Some(configured), Some(newest)) = (self.catalogue.control(control), record.versions.last()) {
                let (now, defined, known) = (draft.at(), newest.at, &record.state);
                if configured.is_attested() {
                    decision.append(decide_expired(known, control, defined, now));
                    decision.append(decide_expiring(known, control, policy, now));
                }
                let by_people = by_people.get(control).into_iter().flatten().copied();
                let ends = configured.check.exclude.iter().filter_map(|exclusion| exclusion.until).chain(by_people);
                decision.append(decide_exclusions_end(known, control, policy, defined, ends, now));
            }
            if !decision.is_empty() {
                draft.expect(control, record.state.revision);
                self.write(draft, &state, decision)?;
            }
        }
        if !is_in_doubt {
            self.first_results(draft, &state)?;
            self.summaries(draft, &state)?;
        }
        Ok(Recorded::entry(sequence, draft.at()))
    }

    /// Days that are over, in every zone, become files; their digests become entries.
    fn close_days(&self, draft: &mut Draft, state: &State) -> Result<(), RecorderError> {
        let config = self.catalogue.config();
        for (place, name) in (0..).zip(&config.rollup_zones) {
            let Some(number) = state.zone(name) else { continue };
            let zone = super::catalogue::zone(name);
            let before = LocalDay::of(draft.at().minus(DAY_GRACE), &zone);
            for ClosingDay { day, until, rows } in state.closing(number, before, |day| day.next().start(&zone)) {
                // Durable before the entry that names it; a crash in between leaves a file that nothing names.
                let rollup = self.ledger.write_rollup(name, day, &encode_day(name, day, until, &rows))?;
                draft.push(Event::DayClosed { zone: place, day, until, rollup })?;
            }
        }
        Ok(())
    }

    /// The disk is full, or is so no more. What is known already is no news.
    pub(super) fn room(&mut self, draft: &mut Draft, room: Room) -> Result<Recorded, RecorderError> {
        let state = self.ledger.state();
        let sequence = draft.next_sequence();
        let event = match room {
            Room::Gone { free_bytes, needed_bytes } => Event::DiskFull { free_bytes, needed_bytes },
            Room::Back { free_bytes, .. } => Event::DiskHasRoom { free_bytes },
        };
        if state.head().disk_full.is_some() == matches!(event, Event::DiskFull { .. }) {
            return Ok(Recorded::entry(sequence, draft.at()));
        }
        draft.push(event)?;
        let (size, root) = draft.base();
        let checkpoint = Some(crate::mail::CheckpointFacts { size, root });
        let letter = match room {
            Room::Gone { free_bytes, needed_bytes } => {
                let folder = self.catalogue.config().state_dir.display().to_string();
                Letter::RoomGone(RoomGoneFacts { at: draft.at(), folder, free_bytes, needed_bytes, checkpoint })
            }
            Room::Back { since, until, free_bytes } => {
                Letter::RoomBack(RoomBackFacts { since, until, free_bytes, checkpoint })
            }
        };
        self.tell_operators(draft, &state, &letter, AlertCause::MonitoringGap)?;
        Ok(Recorded::entry(sequence, draft.at()))
    }

    /// The daemon was away.
    pub(super) fn gap(&mut self, draft: &mut Draft, gap: Gap) -> Result<Recorded, RecorderError> {
        let state = self.ledger.state();
        let sequence = draft.next_sequence();
        let Gap { from, to, reason, missed, caught_up } = gap;
        let (size, root) = draft.base();
        let checkpoint = Some(crate::mail::CheckpointFacts { size, root });
        let letter = Letter::MonitoringGap(GapFacts { from, to, reason, missed, caught_up, checkpoint });
        self.tell_operators(draft, &state, &letter, AlertCause::MonitoringGap)?;
        Ok(Recorded::entry(sequence, draft.at()))
    }
}
