//! What a configuration would have scheduled and told, with a history that is made up or was recorded.
//!
//! In: a configuration, a time, and what each test would have come to. Out: every mail that people would have got, and
//! how the slots would have ended. Nothing is run and nobody is told: results come from the history, the ledger is one of
//! the simulation's own, and mails are counted as delivered at once.
//! Must not know: plugins, sources, the network, the ledger of the daemon but as a history.

mod history;
mod past;
mod story;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    config::Config,
    domain::{
        AlertCause, ClockState, ControlId, Digest, Entry, Event, MissedReason, MissedSlots, Outcome, SlotTime,
        Timestamp,
    },
    fold::State,
    judge::ControlState,
    ledger::{Ledger, LedgerError, Options, Store},
    mail::Mail,
    recorder::{Catalogue, Fact, Gap, Recorder, RecorderError},
    routing::next_due,
    runner::{Finished, Order},
    sandbox::Transcript,
    schedule::{Agenda, Schedule, Stretch, days_of, missed},
};

pub use history::{Came, History};
pub use past::Past;
pub use story::{Story, StoryError};

/// What time alone decides is looked at this often.
const TICK: Duration = Duration::from_secs(900);

/// Why there is no simulation.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    #[error("cannot make a folder for the simulation")]
    Folder(#[from] std::io::Error),
    #[error("the simulation's own ledger")]
    Ledger(#[from] LedgerError),
    #[error("something of the history is not recorded")]
    Recorder(#[from] RecorderError),
    #[error("an entry of the simulation's own ledger")]
    Entry(#[from] crate::domain::EntryError),
}

/// A mail that would have been sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub at: Timestamp,
    pub cause: AlertCause,
    pub control: Option<ControlId>,
    pub mail: Mail,
}

/// How the slots of a control would have ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slots {
    pub pass: u64,
    pub fail: u64,
    pub error: u64,
    pub not_applicable: u64,
    pub missed: u64,
}

/// What would have been.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Simulated {
    pub mails: Vec<Sent>,
    /// Alerts that became no mail.
    pub withheld: u64,
    pub slots: BTreeMap<ControlId, Slots>,
    pub entries: u64,
}

/// Lives from `from` to `to`; `seen` is told how far it has come.
pub fn simulate(
    config: &Arc<Config>,
    history: &mut dyn History,
    from: Timestamp,
    to: Timestamp,
    seen: &mut dyn FnMut(Timestamp),
) -> Result<Simulated, SimulationError> {
    let folder = tempfile::tempdir()?;
    let ledger = Arc::new(Ledger::open(folder.path(), Options::new("simulation"))?);
    let catalogue = Arc::new(Catalogue::new(Arc::clone(config), BTreeMap::new()));
    let recorder = Recorder::new(Arc::clone(&ledger), Arc::clone(&catalogue));
    let mut life = Life { recorder, ledger, catalogue, read: 0, simulated: Simulated::default() };
    life.begin(from)?;
    life.live(history, from, to, seen)?;
    let Life { ledger, recorder, mut simulated, .. } = life;
    simulated.entries = ledger.head().size;
    drop((recorder, ledger));
    Ok(simulated)
}

struct Life {
    recorder: Recorder,
    ledger: Arc<Ledger<State>>,
    catalogue: Arc<Catalogue>,
    /// Entries that were looked at.
    read: u64,
    simulated: Simulated,
}

impl Life {
    fn begin(&mut self, at: Timestamp) -> Result<(), SimulationError> {
        let origin = Event::LedgerOpened { origin: "simulation".to_owned(), key: String::new() };
        let started = Event::DaemonStarted { software: env!("CARGO_PKG_VERSION").to_owned() };
        let expanded = self.catalogue.config().expanded_json();
        let configured = Fact::Configured { catalogue: Arc::clone(&self.catalogue), expanded };
        self.record(at, vec![Fact::Event(origin), Fact::Event(started), configured])
    }

    fn live(
        &mut self,
        history: &mut dyn History,
        from: Timestamp,
        to: Timestamp,
        seen: &mut dyn FnMut(Timestamp),
    ) -> Result<(), SimulationError> {
        let mut agenda = Agenda::new();
        for control in self.catalogue.controls().filter(|control| control.enabled && !control.is_attested()) {
            // What was accepted can be read.
            let Ok(schedule) = Schedule::parse(&control.check.schedule, &control.check.timezone) else { continue };
            agenda.insert(control.id.clone(), schedule, from);
        }
        let mut next_tick = from;
        let mut away: Option<Timestamp> = None;
        loop {
            // A daemon that is down tells nothing.
            let held = if away.is_none() { next_due(self.ledger.state().held().values()) } else { None };
            let next_slot = agenda.next_deadline();
            let now = [next_slot, Some(next_tick), held].into_iter().flatten().min().unwrap_or(to).max(from);
            if now > to {
                return away.take().map_or(Ok(()), |since| self.come_back(since, to));
            }
            seen(now);
            let is_down = history.is_down(now);
            let mut facts = Vec::new();
            while let Some(due) = agenda.pop_due(now) {
                if !is_down {
                    facts.extend(self.fact(history, &due.control, due.slot, now));
                }
            }
            if is_down {
                away.get_or_insert(now);
            } else {
                if let Some(since) = away.take() {
                    self.come_back(since, now)?;
                }
                facts.extend(history.happens(now, &self.ledger.state()));
                self.record(now, facts)?;
                self.record(now, vec![Fact::Tick { clock: ClockState::Virtual }])?;
                self.deliver(now)?;
            }
            if now >= next_tick {
                next_tick = now.plus(TICK);
            }
        }
    }

    /// The daemon starts again: what it has missed is recorded, and told as one gap.
    fn come_back(&mut self, since: Timestamp, now: Timestamp) -> Result<(), SimulationError> {
        let started = Event::DaemonStarted { software: env!("CARGO_PKG_VERSION").to_owned() };
        self.record(now, vec![Fact::Event(started)])?;
        let catalogue = Arc::clone(&self.catalogue);
        let before = Timestamp::from_millis(since.as_millis() - 1);
        let mut counts = Vec::new();
        for control in catalogue.controls().filter(|control| control.enabled) {
            let Ok(schedule) = Schedule::parse(&control.check.schedule, &control.check.timezone) else { continue };
            let mut count = 0;
            for stretch in missed(&schedule, before, now, catalogue.zones()) {
                count += stretch.count;
                let missed = stretch.into_missed(control.id.clone(), self.version(&control.id), MissedReason::Down);
                self.record(now, vec![Fact::Missed(missed)])?;
            }
            if count > 0 {
                self.simulated.slots.entry(control.id.clone()).or_default().missed += count;
                counts.push((control.id.clone(), count));
            }
        }
        let gap = Gap { from: since, to: now, reason: MissedReason::Down, missed: counts, caught_up: 0 };
        self.record(now, vec![Fact::Gap(Box::new(gap))])
    }

    fn version(&self, control: &ControlId) -> u32 {
        self.ledger.state().control(control).map_or(1, |state: &ControlState| state.version)
    }

    /// What a slot comes to.
    fn fact(&mut self, history: &mut dyn History, id: &ControlId, slot: SlotTime, now: Timestamp) -> Option<Fact> {
        let control = Arc::clone(self.catalogue.control(id)?);
        let version = self.version(id);
        match history.came(&control, slot) {
            Came::Ended(ended) => {
                let order = Order {
                    definition: self.catalogue.definition(id)?,
                    control,
                    version,
                    slot,
                    is_scheduled: true,
                    is_late: false,
                    interval: None,
                    seed_from: (0, Digest([0; 32])),
                    state: BTreeMap::new(),
                };
                Some(Fact::Ran(Box::new(Finished {
                    order,
                    now,
                    clock_in_doubt: false,
                    took: Duration::ZERO,
                    ended: *ended,
                    transcript: Transcript::default(),
                    inputs: Vec::new(),
                    new_state: None,
                })))
            }
            Came::Missed(reason) => {
                self.simulated.slots.entry(id.clone()).or_default().missed += 1;
                let stretch = Stretch::first(slot, days_of(slot, self.catalogue.zones()));
                let missed: MissedSlots = stretch.into_missed(id.clone(), version, reason);
                Some(Fact::Missed(missed))
            }
        }
    }

    fn record(&mut self, now: Timestamp, facts: Vec<Fact>) -> Result<(), SimulationError> {
        for recorded in self.recorder.record(now, facts) {
            recorded?;
        }
        self.look()
    }

    /// Takes note of the runs and mails that were recorded since.
    fn look(&mut self) -> Result<(), SimulationError> {
        let size = self.ledger.head().size;
        let mut new = Vec::new();
        for entry in self.ledger.entries(self.read..size) {
            new.push(Entry::from_bytes(&entry?.1)?);
        }
        self.read = size;
        for Entry { at, event, .. } in new {
            match event {
                Event::AlertQueued { cause, control, mail, .. } => {
                    let Some(part) = self.ledger.part(&mail)? else { continue };
                    // It was rendered a moment ago by this program.
                    let Ok(mail) = Mail::from_part(&part) else { continue };
                    self.simulated.mails.push(Sent { at, cause, control, mail });
                }
                Event::Run(run) => {
                    let slots = self.simulated.slots.entry(run.control).or_default();
                    match run.outcome {
                        Outcome::Pass => slots.pass += 1,
                        Outcome::Fail => slots.fail += 1,
                        Outcome::Error => slots.error += 1,
                        Outcome::NotApplicable => slots.not_applicable += 1,
                    }
                }
                Event::AlertWithheld { .. } => self.simulated.withheld += 1,
                _ => {}
            }
        }
        Ok(())
    }

    /// Every mail arrives at once.
    fn deliver(&mut self, now: Timestamp) -> Result<(), SimulationError> {
        let waiting: Vec<_> = {
            let state = self.ledger.state();
            let of = |(alert, pending): (&u64, &crate::fold::Pending)| {
                let alert = *alert;
                pending
                    .waiting()
                    .map(move |delivery| Event::Delivered { alert, delivery, attempts: 1 })
                    .collect::<Vec<_>>()
            };
            state.outbox().iter().flat_map(of).collect()
        };
        if waiting.is_empty() { Ok(()) } else { self.record(now, waiting.into_iter().map(Fact::Event).collect()) }
    }
}
