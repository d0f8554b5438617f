//! What is due is started; what ends is recorded.

#[cfg(test)]
mod interval_properties;
mod intervals;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use tokio::task::JoinSet;

use super::{Service, disk::RoomTold};
use crate::{
    desk::{Asked, CheckNow},
    domain::{Control, ControlId, MissedReason, Overlap, SlotTime, Timestamp},
    fold::ControlRecord,
    ledger::Store,
    recorder::{Fact, Recorded, RecorderError, as_configured, excluded_from, excluding},
    runner::{Action, Executor, Order, Queue, Shelf},
    schedule::{Agenda, Portion, Schedule, Stretch, days_of, is_late, missed},
};

/// The agenda, the queue, and the runs under way.
pub(super) struct Firing {
    agenda: Agenda,
    queue: Queue,
    shelf: Arc<Shelf>,
    pub(super) runs: JoinSet<Ended>,
    /// Slots that were missed while the daemon was away and run now, late.
    late: Vec<(ControlId, SlotTime)>,
    /// Checks that people asked for while the control was running.
    asked: VecDeque<CheckNow>,
    /// Less room than the floor is left.
    pub(super) disk_is_full: bool,
    /// Bytes that are left on it, and that are needed.
    pub(super) room: (u64, u64),
    pub(super) room_told: RoomTold,
    /// Whether the newest look at the disk gave an answer.
    pub(super) disk_is_known: bool,
    /// Controls whose slots are not run, and up to where they are accounted for.
    disabled: BTreeMap<ControlId, Timestamp>,
    /// Slots that were missed while an earlier slot of their control was running or to run. They are recorded after it: of a
    /// slot that is recorded out of its turn, a start after a crash would conclude that all before it had ended.
    missed_meanwhile: BTreeMap<ControlId, Vec<(Stretch, MissedReason)>>,
    /// What was fired, or accounted for at the start.
    fired: Option<Fired>,
}

/// Up to where slots were fired.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fired {
    /// Every slot whose planned start is not later.
    Starts(Timestamp),
    /// Every slot that is not later, whether it was to wait for its jitter or not.
    Slots(Timestamp),
}

impl Fired {
    const fn until(self) -> Timestamp {
        match self {
            Self::Starts(until) | Self::Slots(until) => until,
        }
    }
}

/// A run that was recorded, or could not be.
pub(super) struct Ended {
    control: ControlId,
    slot: SlotTime,
    /// What it was asked about, if its check reads events.
    portion: Option<Portion>,
    result: Result<Recorded, RecorderError>,
    asked: Option<CheckNow>,
}

impl Firing {
    pub(super) fn new(concurrency: usize, shelf: Arc<Shelf>) -> Self {
        Self {
            agenda: Agenda::new(),
            queue: Queue::new(concurrency),
            shelf,
            runs: JoinSet::new(),
            late: Vec::new(),
            asked: VecDeque::new(),
            disk_is_full: false,
            room: (0, 0),
            room_told: RoomTold::default(),
            disk_is_known: true,
            disabled: BTreeMap::new(),
            missed_meanwhile: BTreeMap::new(),
            fired: None,
        }
    }

    pub(super) const fn shelf(&self) -> &Arc<Shelf> {
        &self.shelf
    }

    pub(super) fn use_shelf(&mut self, shelf: Arc<Shelf>) {
        self.shelf = shelf;
    }

    pub(super) fn run_late(&mut self, control: ControlId, slot: SlotTime) {
        self.late.push((control, slot));
    }

    /// A slot of the control is still to run, from the time without the daemon.
    fn is_late(&self, control: &ControlId) -> bool {
        self.late.iter().any(|(late, _)| late == control)
    }

    /// A clock that went back makes nothing unfired.
    pub(super) fn note_fired(&mut self, fired: Fired) {
        if self.fired.is_none_or(|before| before.until() <= fired.until()) {
            self.fired = Some(fired);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.agenda.next_deadline()
    }

    /// Slots were planned.
    pub(super) fn has_agenda(&self) -> bool {
        self.fired.is_some()
    }

    pub(super) fn has_runs(&self) -> bool {
        !self.runs.is_empty()
    }
}

impl Service {
    /// Plans the next slot of every control that the configuration names.
    pub(super) fn plan(&mut self) {
        let now = self.clock.now();
        // Reading files and compiling plugins took time, in which slots came due.
        let fired = self.firing.fired.unwrap_or(Fired::Slots(now));
        let state = self.ledger.state();
        self.firing.agenda = Agenda::new();
        let were_disabled = std::mem::take(&mut self.firing.disabled);
        for control in self.catalogue.controls() {
            let record = state.control_record(&control.id);
            if !control.enabled {
                // What never ran has no slots that could be missed.
                if let Some(SlotTime(accounted)) = record.and_then(|record| record.state.accounted) {
                    self.firing.disabled.insert(control.id.clone(), accounted);
                }
                continue;
            }
            if control.is_attested() {
                continue;
            }
            match Schedule::parse(&control.check.schedule, &control.check.timezone) {
                Ok(schedule) => {
                    let accounted = record.and_then(ControlRecord::accounted_until).unwrap_or(now);
                    let id = control.id.clone();
                    match were_disabled.get(&id).map_or(fired, |until| Fired::Slots(*until)) {
                        Fired::Starts(until) => self.firing.agenda.resume(id, schedule, accounted, until),
                        Fired::Slots(until) => self.firing.agenda.insert(id, schedule, accounted.max(until)),
                    }
                }
                Err(error) => {
                    tracing::error!(control = %control.id, %error, "a schedule that was accepted cannot be read")
                }
            }
        }
    }

    /// Starts what is due now, and records what is missed.
    pub(super) async fn fire(&mut self) -> Result<(), RecorderError> {
        let mut actions = Vec::new();
        self.fire_late(&mut actions);
        let now = self.clock.now();
        self.firing.note_fired(Fired::Starts(now));
        self.pop_until(now, &mut actions);
        self.act(actions).await
    }

    /// What the schedules up to now had due until `until` is started or missed, also what waits for its jitter: from
    /// then on other schedules are the rule.
    pub(super) async fn fire_to_the_end(&mut self, until: Timestamp) -> Result<(), RecorderError> {
        if self.firing.agenda.is_empty() {
            return Ok(());
        }
        let mut actions = Vec::new();
        self.fire_late(&mut actions);
        self.firing.note_fired(Fired::Slots(until));
        self.firing.agenda.release(until);
        self.pop_until(until, &mut actions);
        self.act(actions).await
    }

    /// One after the other: late slots of one control must not take each other's place in the queue.
    fn fire_late(&mut self, actions: &mut Vec<Action>) {
        for (control, slot) in std::mem::take(&mut self.firing.late) {
            if self.firing.queue.is_busy(&control) {
                self.firing.late.push((control, slot));
            } else {
                actions.extend(self.firing.queue.due(&control, slot, Overlap::QueueOne));
            }
        }
    }

    fn pop_until(&mut self, until: Timestamp, actions: &mut Vec<Action>) {
        while let Some(due) = self.firing.agenda.pop_due(until) {
            let Some(control) = self.catalogue.control(&due.control) else {
                // It leaves the configuration.
                let reason = MissedReason::Disabled;
                actions.push(Action::Miss { control: due.control, slot: due.slot, reason });
                continue;
            };
            if self.firing.disk_is_full {
                let reason = MissedReason::DiskFull;
                actions.push(Action::Miss { control: due.control, slot: due.slot, reason });
                continue;
            }
            if self.firing.is_late(&due.control) {
                let reason = MissedReason::Overlap;
                actions.push(Action::Miss { control: due.control, slot: due.slot, reason });
                continue;
            }
            actions.extend(self.firing.queue.due(&due.control, due.slot, control.check.overlap));
        }
    }

    /// Does what a person asked for.
    pub async fn ask(&mut self, asked: Asked) {
        match asked {
            Asked::Check(check) => self.check_now(check).await,
            Asked::AcceptClock(accept) => self.accept_clock(accept).await,
            Asked::Examine(examine) => self.examine(examine),
            // Who reads files for a living does it beside the firing of slots (`live`); nobody else is asked.
            Asked::Reload(_) => {}
        }
    }

    async fn check_now(&mut self, asked: CheckNow) {
        let Some(control) = self.catalogue.control(&asked.control).cloned() else {
            // Whoever asked may have gone.
            let _ = asked.answer.send(Err(RecorderError::UnknownControl(asked.control)));
            return;
        };
        let slot = SlotTime(self.clock.now());
        if self.firing.queue.occupy(&control.id, slot) {
            self.start(&control, slot, Some(asked));
        } else {
            self.firing.asked.push_back(asked);
        }
    }

    /// Waits for one run to end; `None` when none is under way.
    pub async fn next_ended(&mut self) -> Option<Result<(), RecorderError>> {
        let ended = match self.firing.runs.join_next().await? {
            Ok(ended) => ended,
            // A bug of ours: the control would stay occupied for ever, so the daemon must not go on.
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        Some(self.ended(ended).await)
    }

    async fn ended(&mut self, ended: Ended) -> Result<(), RecorderError> {
        if self.goes_on(&ended) {
            return Ok(());
        }
        let Ended { control, result, asked, .. } = ended;
        self.miss_meanwhile(&control).await?;
        let actions = self.firing.queue.finished(&control);
        self.act(actions).await?;
        if let Some(at) = self.firing.asked.iter().position(|waiting| waiting.control == control)
            && let Some(waiting) = self.firing.asked.remove(at)
        {
            self.check_now(waiting).await;
        }
        let fatal = match (&result, &asked) {
            (Err(RecorderError::Refused(refused)), None) => {
                tracing::warn!(%control, %refused, "a run was not recorded");
                None
            }
            (Err(RecorderError::UnknownControl(_)), _) | (Err(_), Some(_)) | (Ok(_), _) => None,
            (Err(_), None) => result.as_ref().err().map(ToString::to_string),
        };
        if let Some(asked) = asked {
            // Whoever asked may have gone.
            let _ = asked.answer.send(result);
            return Ok(());
        }
        if fatal.is_some() { result.map(|_| ()) } else { Ok(()) }
    }

    async fn act(&mut self, actions: Vec<Action>) -> Result<(), RecorderError> {
        for action in actions {
            match action {
                Action::Start { control, slot } => match self.catalogue.control(&control).cloned() {
                    Some(control) => self.start(&control, slot, None),
                    // It left the configuration while its slot waited for room.
                    None => {
                        let more = self.firing.queue.finished(&control);
                        self.miss(&control, slot, MissedReason::Disabled).await?;
                        self.miss_meanwhile(&control).await?;
                        Box::pin(self.act(more)).await?;
                    }
                },
                Action::Miss { control, slot, reason } => {
                    let stretch = Stretch::first(slot, days_of(slot, self.catalogue.zones()));
                    self.miss_in_turn(control, stretch, reason).await?;
                }
            }
        }
        Ok(())
    }

    /// Records missed slots, now or once the earlier slots that are to run are recorded.
    pub(super) async fn miss_in_turn(
        &mut self,
        control: ControlId,
        stretch: Stretch,
        reason: MissedReason,
    ) -> Result<(), RecorderError> {
        let Firing { queue, .. } = &self.firing;
        if queue.runs_before(&control, stretch.from)
            || queue.waits_before(&control, stretch.from)
            || self.firing.is_late(&control)
        {
            self.firing.missed_meanwhile.entry(control).or_default().push((stretch, reason));
            return Ok(());
        }
        self.miss_stretch(&control, stretch, reason).await
    }

    /// Records what was missed while earlier slots were to run, once all of those are recorded.
    async fn miss_meanwhile(&mut self, control: &ControlId) -> Result<(), RecorderError> {
        if self.firing.is_late(control) {
            return Ok(());
        }
        let mut missed = self.firing.missed_meanwhile.remove(control).unwrap_or_default();
        missed.sort_by_key(|(stretch, _)| stretch.from);
        for (stretch, reason) in missed {
            if self.firing.queue.waits_before(control, stretch.from) {
                self.firing.missed_meanwhile.entry(control.clone()).or_default().push((stretch, reason));
            } else {
                self.miss_stretch(control, stretch, reason).await?;
            }
        }
        Ok(())
    }

    async fn miss(&self, control: &ControlId, slot: SlotTime, reason: MissedReason) -> Result<(), RecorderError> {
        self.miss_stretch(control, Stretch::first(slot, days_of(slot, self.catalogue.zones())), reason).await
    }

    async fn miss_stretch(
        &self,
        control: &ControlId,
        stretch: Stretch,
        reason: MissedReason,
    ) -> Result<(), RecorderError> {
        let Some(version) = self.ledger.state().control(control).map(|state| state.version) else { return Ok(()) };
        let missed = stretch.into_missed(control.clone(), version, reason);
        match self.recorder.record(Fact::Missed(missed)).await {
            // Its run was recorded while it was being given up.
            Err(RecorderError::Refused(refused)) => {
                tracing::warn!(%control, %refused, "a missed slot was not recorded");
                Ok(())
            }
            recorded => recorded.map(|_| ()),
        }
    }

    fn start(&mut self, control: &Arc<Control>, slot: SlotTime, asked: Option<CheckNow>) {
        let portion = self.portion_of(control, slot, asked.is_none());
        self.start_asked_about(control, slot, portion, asked);
    }

    fn start_asked_about(
        &mut self,
        control: &Arc<Control>,
        slot: SlotTime,
        portion: Option<Portion>,
        asked: Option<CheckNow>,
    ) {
        let mut order = self.order(control, slot, asked.is_none());
        order.interval = portion.map(|portion| portion.interval);
        let executor: Arc<Executor> = Arc::clone(&self.executor);
        let shelf = Arc::clone(&self.firing.shelf);
        let recorder = self.recorder.clone();
        let control = control.id.clone();
        self.firing.runs.spawn(async move {
            let finished = executor.run(&shelf, order).await;
            let result = recorder.record(Fact::Ran(Box::new(finished))).await;
            Ended { control, slot, portion, result, asked }
        });
    }

    fn order(&self, control: &Arc<Control>, slot: SlotTime, is_scheduled: bool) -> Order {
        let next = self.firing.agenda.next_slot(&control.id);
        let (version, definition, excluded, state_part, seed_from) = {
            let state = self.ledger.state();
            let known = state.control(&control.id);
            let checkpoint = state.head().checkpoint.map(|checkpoint| (checkpoint.size, checkpoint.root));
            (
                known.map_or(1, |known| known.version),
                known.map(|known| known.definition),
                excluded_from(&state, &control.id),
                known.and_then(|known| known.plugin_state),
                checkpoint.unwrap_or((0, crate::domain::Digest([0; 32]))),
            )
        };
        let state = state_part.and_then(|part| match self.ledger.part(&part) {
            Ok(Some(bytes)) => crate::evidence::state_from_json(&bytes).ok(),
            Ok(None) | Err(_) => None,
        });
        let control = match excluded.as_slice() {
            [] => Arc::clone(control),
            some => Arc::new(excluding(control, some.iter().filter_map(|one| as_configured(&self.ledger, one)))),
        };
        let definition = definition.or_else(|| self.catalogue.definition(&control.id));
        Order {
            definition: definition.unwrap_or_else(|| control.check.definition()),
            version,
            slot,
            is_scheduled,
            // Where a later slot is to run late too, the next one was due long ago.
            is_late: is_scheduled
                && (self.firing.is_late(&control.id)
                    || is_late(slot, self.clock.now(), next, control.check.late_after)),
            control,
            interval: None,
            seed_from,
            state: state.unwrap_or_default(),
        }
    }

    /// Accounts for the slots of disabled controls up to now.
    pub(super) async fn account_for_disabled(&mut self) -> Result<(), RecorderError> {
        let now = self.clock.now();
        for (id, accounted) in self.firing.disabled.clone() {
            let Some(control) = self.catalogue.control(&id).cloned() else { continue };
            let Ok(schedule) = Schedule::parse(&control.check.schedule, &control.check.timezone) else { continue };
            let Some(version) = self.ledger.state().control(&id).map(|state| state.version) else { continue };
            for stretch in missed(&schedule, accounted, now, self.catalogue.zones()) {
                let to = stretch.to.0;
                let fact = Fact::Missed(stretch.into_missed(id.clone(), version, MissedReason::Disabled));
                self.recorder.record(fact).await?;
                self.firing.disabled.insert(id.clone(), to);
            }
        }
        Ok(())
    }

    /// Starts nothing more; what waits is missed.
    pub(super) async fn stop_firing(&mut self) -> Result<(), RecorderError> {
        self.firing.agenda = Agenda::new();
        let late = std::mem::take(&mut self.firing.late).into_iter();
        let late = late.map(|(control, slot)| Action::Miss { control, slot, reason: MissedReason::Shutdown });
        let actions = late.chain(self.firing.queue.stop()).collect();
        self.act(actions).await?;
        // What waited for a late slot to run waits for nothing any more.
        let mut waiting: Vec<_> = self.firing.missed_meanwhile.keys().cloned().collect();
        waiting.retain(|control| !self.firing.queue.is_busy(control));
        for control in waiting {
            self.miss_meanwhile(&control).await?;
        }
        Ok(())
    }

    /// Ends the runs under way at once; their slots are missed.
    pub(super) async fn abort_runs(&mut self) -> Result<(), RecorderError> {
        let running: Vec<_> = self.firing.queue.running().map(|(control, slot)| (control.clone(), slot)).collect();
        self.firing.runs.shutdown().await;
        for (control, slot) in running {
            self.miss(&control, slot, MissedReason::Shutdown).await?;
            self.miss_meanwhile(&control).await?;
        }
        Ok(())
    }
}
