//! A daemon that dies at any moment, under a virtual clock: every slot has exactly one end.

use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use proptest::prelude::*;

use super::{Options, Service, Supervisor};
use crate::{
    clock::{Clock, DoubtChange, VirtualClock},
    config,
    domain::{ClockDoubt, ClockState, ControlId, Entry, Event, MissedReason, ScheduleSpec, Timestamp},
    ledger::Store,
    recorder::ControlPart,
    sandbox::CompileWhere,
};

const CONTROLS: usize = 5;

/// What happens to the daemon next.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// It lives on for milliseconds.
    Live(u64),
    /// It is killed, and started again after milliseconds.
    Die(u64),
    /// It is killed with runs under way, and started again after milliseconds.
    DieRunning(u64),
    /// Another configuration is read: a threshold, or the schedule, is another one.
    Reload { schedule: bool },
    /// The controls leave, and come back after milliseconds.
    Leave(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (1..4000_u64).prop_map(Act::Live),
        2 => (0..2500_u64).prop_map(Act::Die),
        2 => (0..2500_u64).prop_map(Act::DieRunning),
        1 => any::<bool>().prop_map(|schedule| Act::Reload { schedule }),
        1 => (0..2500_u64).prop_map(Act::Leave),
    ]
}

/// A time that never stands still: each look at it is a millisecond later.
#[derive(Debug, Clone)]
struct Hasty(VirtualClock);

impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        self.0.advance(Duration::from_millis(1));
        self.0.now()
    }

    fn boot(&self) -> Duration {
        self.0.boot()
    }

    fn kernel_state(&self) -> ClockState {
        self.0.kernel_state()
    }

    fn doubt(&self) -> Option<ClockDoubt> {
        self.0.doubt()
    }

    fn restart(&self, newest_entry: Option<Timestamp>, was_in_doubt: bool) -> Option<ClockDoubt> {
        self.0.restart(newest_entry, was_in_doubt)
    }

    fn observe(&self) -> Option<DoubtChange> {
        self.0.observe()
    }

    fn accept(&self) -> Option<DoubtChange> {
        self.0.accept()
    }

    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'_, ()> {
        self.0.sleep_until(deadline)
    }
}

struct World {
    folder: tempfile::TempDir,
    clock: VirtualClock,
    every: u64,
    confirmations: u32,
    /// Less room than this is left.
    floor: &'static str,
    service: Option<Service>,
}

impl World {
    async fn new() -> Self {
        let clock = VirtualClock::new("2026-11-24T17:59:50Z".parse().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let mut world = Self { folder, clock, every: 1, confirmations: 1, floor: "1MiB", service: None };
        world.write(CONTROLS);
        world.start().await;
        world
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("evidenced.toml")
    }

    /// No plugin is there: each run ends at once, as an error of the control, and is recorded.
    fn write(&self, controls: usize) {
        let mut text = format!(
            "organization = \"Test\"\nmonitoring.enabled = false\nstate_dir = \"{}\"\nfree_space_floor = \"{}\"\n\n[runner]\nconcurrency = 2\n",
            self.folder.path().join("state").display(),
            self.floor
        );
        let (every, confirmations) = (self.every, self.confirmations);
        for number in 0..controls {
            write!(
                text,
                "\n[[control]]\nid = \"C-{number}\"\ntitle = \"t\"\nfamily = \"security\"\nowner = \"o\"\n\
                 severity = \"low\"\nplugin = \"nobody\"\nevery = \"{every}s\"\nconfirmations = {confirmations}\n"
            )
            .unwrap();
        }
        std::fs::write(self.file(), text).unwrap();
    }

    async fn start(&mut self) {
        let config = Arc::new(config::load(&self.file()).unwrap().config);
        let compile = CompileWhere::InProcess;
        let options = Options { cache_dir: None, compile, supervisor: Supervisor::default() };
        let clock = Arc::new(Hasty(self.clock.clone()));
        self.service = Some(Service::open(config, &options, clock).await.unwrap());
    }

    fn service(&mut self) -> &mut Service {
        self.service.as_mut().unwrap()
    }

    async fn live(&mut self, millis: u64) {
        let end = self.clock.now().plus(Duration::from_millis(millis));
        while self.clock.now() < end {
            self.service().fire().await.unwrap();
            while let Some(ended) = self.service().next_ended().await {
                ended.unwrap();
            }
            let next = self.service().firing.next_deadline().map_or(end, |next| next.min(end));
            self.clock.advance_to(next);
        }
    }

    async fn die(&mut self, away: u64) {
        let mut service = self.service.take().unwrap();
        service.firing.runs.shutdown().await;
        tokio::task::spawn_blocking(|| service.close_quietly()).await.unwrap().unwrap();
        self.clock.advance(Duration::from_millis(away));
        self.start().await;
    }

    async fn reload(&mut self, controls: usize) {
        self.write(controls);
        let file = self.file();
        let (desk, _) = self.service().desk();
        self.service().reload(&file, &desk).await.unwrap();
    }

    async fn act(&mut self, act: Act) {
        match act {
            Act::Live(millis) => self.live(millis).await,
            Act::Die(away) => self.die(away).await,
            Act::DieRunning(away) => {
                self.clock.advance(Duration::from_millis(900));
                self.service().fire().await.unwrap();
                self.die(away).await;
            }
            Act::Reload { schedule } => {
                if schedule {
                    self.every = 3 - self.every;
                } else {
                    self.confirmations = 3 - self.confirmations;
                }
                self.reload(CONTROLS).await;
            }
            Act::Leave(away) => {
                self.reload(1).await;
                self.live(away).await;
                self.reload(CONTROLS).await;
            }
        }
    }

    fn entries(&mut self) -> Vec<Entry> {
        let ledger = Arc::clone(self.service().ledger());
        ledger.entries(0..ledger.head().size).map(|entry| Entry::from_bytes(&entry.unwrap().1).unwrap()).collect()
    }
}

/// One control's life, as the ledger tells it.
#[derive(Default)]
struct Life {
    /// From when on the schedule had which period; `None`: the control was not there.
    periods: Vec<(Timestamp, Option<i64>)>,
    /// How often each slot, in milliseconds, has an end.
    ends: BTreeMap<i64, u32>,
}

impl Life {
    fn of(world: &mut World, control: &ControlId) -> Self {
        let mut life = Self::default();
        let mut of_version = BTreeMap::new();
        for entry in world.entries() {
            let at = entry.at;
            match entry.event {
                Event::ControlDefined { control: id, version, control_part, .. } if id == *control => {
                    let part = world.service().ledger().part(&control_part).unwrap().unwrap();
                    let ControlPart { control, .. } = serde_json::from_slice(&part).unwrap();
                    let ScheduleSpec::Every(period) = control.check.schedule else { panic!("{control:?}") };
                    let period = i64::try_from(period.as_millis()).unwrap();
                    of_version.insert(version, period);
                    life.periods.push((at, Some(period)));
                }
                Event::ControlRetired { control: id } if id == *control => life.periods.push((at, None)),
                Event::Run(run) if run.control == *control => life.end(run.slot.0.as_millis()),
                Event::Missed(missed) if missed.control == *control => {
                    let period = of_version[&missed.version];
                    let slots =
                        (0..missed.count).map(|at| missed.from.0.as_millis() + period * i64::try_from(at).unwrap());
                    slots.for_each(|slot| life.end(slot));
                }
                _ => {}
            }
        }
        life
    }

    fn end(&mut self, slot: i64) {
        *self.ends.entry(slot).or_default() += 1;
    }

    /// What the schedules had due up to `until`.
    fn due(&self, until: Timestamp) -> Vec<i64> {
        let ends = self.periods.iter().skip(1).map(|(at, _)| *at).chain([until]);
        let spans = self.periods.iter().zip(ends);
        spans
            .filter_map(|((from, period), to)| Some((from.as_millis(), (*period)?, to.as_millis())))
            .flat_map(|(from, period, to)| (from + 1..=to).filter(move |at| at % period == 0))
            .collect()
    }
}

fn check(acts: &[Act]) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut world = World::new().await;
        for act in acts {
            world.act(*act).await;
        }
        let end = world.clock.now();
        world.live(4100).await;
        for control in (0..CONTROLS).map(|number| format!("C-{number}").parse::<ControlId>().unwrap()) {
            let life = Life::of(&mut world, &control);
            for slot in life.due(end) {
                let slot_time = Timestamp::from_millis(slot);
                prop_assert_eq!(life.ends.get(&slot), Some(&1), "{} at {}: {:?}", control, slot_time, life.periods);
            }
            prop_assert!(life.ends.values().all(|count| *count == 1), "{}: {:?}", control, life.ends);
        }
        Ok(())
    })
}

#[tokio::test]
async fn without_room_on_the_disk_nothing_runs_and_every_slot_is_accounted_for() {
    let mut world = World::new().await;
    world.live(2500).await;
    world.floor = "4000TiB";
    world.reload(CONTROLS).await;
    world.service().look_at_disk().unwrap();
    world.live(3000).await;
    let full = world.clock.now();
    // Also from the first moment after a start.
    world.die(0).await;
    world.live(2000).await;
    world.floor = "1MiB";
    world.reload(CONTROLS).await;
    world.service().look_at_disk().unwrap();
    world.live(3000).await;
    let control: ControlId = "C-1".parse().unwrap();
    let ran = |entry: &Entry| matches!(&entry.event, Event::Run(run) if run.control == control).then_some(entry.at);
    let (during, after): (Vec<_>, Vec<_>) = world.entries().iter().filter_map(ran).partition(|at| *at < full);
    assert!(during.len() >= 2 && after.len() >= 2, "{during:?} {after:?}");
    let missed = world.entries().into_iter().filter_map(|entry| match entry.event {
        Event::Missed(missed) if missed.control == control && missed.reason == MissedReason::DiskFull => {
            Some(missed.count)
        }
        _ => None,
    });
    assert!(missed.sum::<u64>() >= 4);
    let life = Life::of(&mut world, &control);
    assert!(life.due(full).into_iter().all(|slot| life.ends.get(&slot) == Some(&1)), "{:?}", life.ends);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_slot_has_one_end_whenever_the_daemon_dies(acts in prop::collection::vec(act(), 1..12)) {
        check(&acts)?;
    }
}
