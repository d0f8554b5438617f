//! A daemon whose wall clock jumps, driven turn by turn.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use jiff::SignedDuration;
use proptest::prelude::*;
use tokio::sync::mpsc;

use super::{Options, Service, Supervisor};
use crate::{
    clock::{Clock, SettableClock, VirtualClock},
    config,
    desk::{Line, Question, Status},
    domain::{AlertCause, ClockBelieved, ClockDoubt, ClockState, Entry, Event, MissedReason, Timestamp},
    ledger::Store,
    mail::Mail,
    recorder::{Author, NoteRecord},
    sandbox::CompileWhere,
};

/// Of which the kernel says nothing good, at first.
fn machine() -> SettableClock {
    SettableClock::new(VirtualClock::new(START.parse().unwrap()), ClockState::Unsynchronised)
}

struct World {
    folder: tempfile::TempDir,
    machine: Arc<SettableClock>,
    service: Option<Service>,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut world = Self { folder, machine: Arc::new(machine()), service: None };
        std::fs::write(world.file(), CONFIG).unwrap();
        world.start().await;
        world
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("evidenced.toml")
    }

    async fn start(&mut self) {
        let config = Arc::new(config::load(&self.file()).unwrap().config);
        let compile = CompileWhere::InProcess;
        let options = Options { cache_dir: None, compile, supervisor: Supervisor::default() };
        let clock = Arc::clone(&self.machine);
        self.service = Some(Service::open(config, &options, clock).await.unwrap());
    }

    fn service(&mut self) -> &mut Service {
        self.service.as_mut().unwrap()
    }

    /// As the loop of the daemon does it, in steps of so much time since boot.
    async fn live(&mut self, duration: Duration, step: Duration) {
        let end = self.machine.truth().now().plus(duration);
        while self.machine.truth().now() < end {
            self.machine.truth().advance(step);
            let service = self.service();
            service.observe_clock().await.unwrap();
            service.fire().await.unwrap();
            while let Some(ended) = service.next_ended().await {
                ended.unwrap();
            }
            service.tick().await.unwrap();
        }
    }

    async fn minutes(&mut self, minutes: u64) {
        self.live(Duration::from_secs(60 * minutes), Duration::from_secs(10)).await;
    }

    /// It is killed, with runs under way if `is_running`.
    async fn die(&mut self, is_running: bool) {
        if is_running {
            self.machine.truth().advance(Duration::from_secs(60));
            self.service().fire().await.unwrap();
        }
        let mut service = self.service.take().unwrap();
        service.firing.runs.shutdown().await;
        tokio::task::spawn_blocking(|| service.close_quietly()).await.unwrap().unwrap();
    }

    async fn ask(&mut self, question: Question) -> Line {
        self.ask_as(1000, question).await
    }

    async fn ask_as(&mut self, login_uid: u32, question: Question) -> Line {
        let (desk, mut asked) = self.service().desk();
        let author = Author { uid: 1001, login_uid: Some(login_uid), name: None };
        let (lines, mut answer) = mpsc::channel(8);
        let asking = tokio::spawn(async move { desk.answer(&author, question, lines).await });
        loop {
            tokio::select! {
                Some(line) = answer.recv() => {
                    asking.await.unwrap();
                    return line;
                }
                Some(asked) = asked.recv() => self.service().ask(asked).await,
            }
        }
    }

    /// One person proposes it, and another approves.
    async fn accept(&mut self) -> Line {
        let proposed = self.ask(Question::AcceptClock { reason: "compared with a watch".to_owned() }).await;
        let Line::Recorded { proposal: Some(proposal), .. } = proposed else { return proposed };
        let words = "compared with another".to_owned();
        let own = self.ask(Question::Approve { proposal, words: words.clone() }).await;
        assert!(matches!(own, Line::Refused { .. }), "{own:?}");
        self.ask_as(2000, Question::Approve { proposal, words }).await
    }

    async fn status(&mut self) -> Status {
        match self.ask(Question::Status).await {
            Line::Status(status) => *status,
            line => panic!("{line:?}"),
        }
    }

    fn entries(&mut self) -> Vec<Entry> {
        let ledger = Arc::clone(self.service().ledger());
        ledger.entries(0..ledger.head().size).map(|entry| Entry::from_bytes(&entry.unwrap().1).unwrap()).collect()
    }

    fn events(&mut self, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
        self.entries().into_iter().map(|entry| entry.event).filter(wanted).collect()
    }

    fn runs(&mut self) -> Vec<(Timestamp, bool)> {
        let run = |entry: Entry| match entry.event {
            Event::Run(run) => Some((run.slot.0, run.clock_in_doubt)),
            _ => None,
        };
        self.entries().into_iter().filter_map(run).collect()
    }

    fn missed(&mut self) -> BTreeMap<MissedReason, u64> {
        let mut missed = BTreeMap::new();
        for event in self.events(|event| matches!(event, Event::Missed(_))) {
            let Event::Missed(slots) = event else { continue };
            *missed.entry(slots.reason).or_default() += slots.count;
        }
        missed
    }

    /// Subjects of the mails about gaps in the monitoring.
    fn letters(&mut self) -> Vec<String> {
        let queued = self.events(|event| matches!(event, Event::AlertQueued { .. }));
        let ledger = Arc::clone(self.service().ledger());
        queued
            .into_iter()
            .filter_map(|event| match event {
                Event::AlertQueued { cause: AlertCause::MonitoringGap, mail, .. } => {
                    let mail = Mail::from_part(&ledger.part(&mail).unwrap().unwrap()).unwrap();
                    Some(mail.subject.trim_start_matches("[evidenced main] ").to_owned())
                }
                _ => None,
            })
            .collect()
    }

    /// The slots that have ended, each once and without a gap between them; how many there are.
    #[track_caller]
    fn slots_with_one_end(&mut self) -> usize {
        let mut ends = Vec::new();
        for entry in self.entries() {
            match entry.event {
                Event::Run(run) => ends.push(run.slot.0.as_millis()),
                Event::Missed(missed) => {
                    let slot = |at| missed.from.0.as_millis() + 60_000 * i64::try_from(at).unwrap();
                    ends.extend((0..missed.count).map(slot));
                }
                _ => {}
            }
        }
        ends.sort_unstable();
        let first = "2026-03-02T08:00:00Z".parse::<Timestamp>().unwrap().as_millis();
        let whole: Vec<_> = (0..).map(|at| first + 60_000 * at).take(ends.len()).collect();
        assert_eq!(ends, whole);
        ends.len()
    }
}

const START: &str = "2026-03-02T07:59:30Z";
const HOUR: Duration = Duration::from_secs(3600);

/// No plugin is there: each run ends at once, as an error of the control, and is recorded.
const CONFIG: &str = r#"
organization = "Test"
monitoring.enabled = false
timezone = "UTC"
state_dir = "state"
[mail]
transport = "directory"
directory = "mail"
from = "evidenced@example.com"
[[recipient]]
id = "all"
email = ["all@example.com"]
families = ["*"]
severity = "low"
summaries = ["weekly"]
[[control]]
id = "C-1"
title = "t"
family = "security"
owner = "o"
severity = "low"
plugin = "nobody"
every = "1m"
"#;

const DOUBTED: &str = "CLOCK IN DOUBT times of tests are not certain";
const BELIEVED: &str = "CLOCK BELIEVED AGAIN tests go by it from now on";

#[tokio::test]
async fn while_the_clock_is_in_doubt_runs_go_on_by_boot_time_and_are_marked() {
    let mut world = World::new().await;
    world.minutes(5).await;
    world.machine.set_wall(SignedDuration::from_hours(3));
    world.minutes(10).await;
    let runs = world.runs();
    assert_eq!(runs.len(), 15);
    assert!(runs.iter().all(|(slot, in_doubt)| *in_doubt == (*slot >= "2026-03-02T08:05:00Z".parse().unwrap())));
    assert_eq!(world.missed(), BTreeMap::new());
    let doubted = world.events(|event| matches!(event, Event::ClockDoubted { .. }));
    assert_eq!(doubted, [Event::ClockDoubted { doubt: ClockDoubt::JumpedForward { by_s: 10_800 } }]);
    assert_eq!(world.letters(), [DOUBTED]);
    let status = world.status().await;
    assert_eq!(status.clock_doubt.unwrap().doubt, ClockDoubt::JumpedForward { by_s: 10_800 });
    assert_eq!(world.slots_with_one_end(), 15);
}

#[tokio::test]
async fn slots_that_the_clock_leaps_over_are_missed_when_it_is_synchronised_for_five_minutes() {
    let mut world = World::new().await;
    world.minutes(5).await;
    world.machine.set_wall(SignedDuration::from_hours(3));
    world.minutes(10).await;
    world.machine.set_kernel_state(ClockState::Synchronised);
    world.minutes(4).await;
    assert_eq!(world.missed(), BTreeMap::new());
    world.minutes(4).await;
    assert_eq!(world.missed(), BTreeMap::from([(MissedReason::Clock, 180)]));
    assert_eq!(world.letters(), [DOUBTED, BELIEVED]);
    assert_eq!(world.status().await.clock_doubt, None);
    assert_eq!(world.runs().last(), Some(&("2026-03-02T11:22:00Z".parse().unwrap(), false)));
    assert_eq!(world.slots_with_one_end(), 23 + 180);
    let untested = world.events(|event| {
        matches!(event, Event::AlertQueued { cause: AlertCause::NotTested, .. }) && event.control().is_some()
    });
    assert_eq!(untested.len(), 1, "of the missing plugin, and not again of the clock");
    let state = world.service().ledger().state();
    let outage = *state.outages().values().last().unwrap();
    assert_eq!((outage.reason, outage.missed), (MissedReason::Clock, 180));
}

#[tokio::test]
async fn a_person_ends_the_doubt_and_the_ledger_keeps_who_and_why() {
    let mut world = World::new().await;
    assert!(matches!(world.accept().await, Line::Refused { .. }), "nothing is in doubt");
    world.minutes(30).await;
    world.machine.set_wall(SignedDuration::from_mins(-10));
    world.minutes(10).await;
    assert_eq!(world.runs().len(), 40);
    let Line::Recorded { sequence, .. } = world.accept().await else { panic!("refused") };
    let entry = world.entries().swap_remove(usize::try_from(sequence).unwrap());
    assert_eq!(entry.at, "2026-03-02T08:29:30Z".parse().unwrap(), "the wall clock's time, which is the earlier one");
    let Event::ClockBelieved(ClockBelieved { before, note: Some(note) }) = entry.event else { panic!("{entry:?}") };
    assert_eq!(before, "2026-03-02T08:39:30Z".parse().unwrap());
    let part = world.service().ledger().part(&note).unwrap().unwrap();
    let NoteRecord { author, words } = serde_json::from_slice(&part).unwrap();
    assert_eq!((author.uid, author.login_uid, words.as_str()), (1001, Some(2000), "compared with another"));
    assert_eq!(world.letters(), [DOUBTED, BELIEVED]);

    // What ran by boot time has ended; the first slot after it is the next.
    world.minutes(10).await;
    assert_eq!(world.runs().len(), 40);
    world.minutes(10).await;
    assert_eq!(world.runs().len(), 50);
    assert_eq!(world.slots_with_one_end(), 50);
    assert_eq!(world.missed(), BTreeMap::new());

    // A start believes what was accepted.
    world.machine.set_wall(SignedDuration::from_mins(-10));
    world.die(false).await;
    world.start().await;
    assert_eq!(world.status().await.clock_doubt, None);
}

#[tokio::test]
async fn a_clock_before_the_newest_entry_is_in_doubt_at_the_start() {
    let mut world = World::new().await;
    world.minutes(5).await;
    world.die(false).await;
    // A machine whose clock begins in 1970 until a time server is heard; it was off for two hours.
    world.machine.truth().advance(2 * HOUR);
    world.machine.set_wall(SignedDuration::from_hours(-20_000 * 24));
    world.start().await;
    world.minutes(3).await;
    assert_eq!(world.missed(), BTreeMap::new(), "nobody knows how long it was away");
    assert_eq!(world.letters(), [DOUBTED]);
    assert_eq!(world.runs().len(), 8);
    world.machine.set_wall(SignedDuration::ZERO);
    world.machine.set_kernel_state(ClockState::Synchronised);
    world.minutes(7).await;
    // It came at 10:04:30. By boot time 08:05 to 08:12 ran.
    assert_eq!(world.missed(), BTreeMap::from([(MissedReason::Down, 112), (MissedReason::Clock, 8)]));
    assert_eq!(world.letters(), [DOUBTED, BELIEVED]);
    world.slots_with_one_end();
}

#[tokio::test]
async fn a_clock_far_after_the_newest_entry_that_nobody_vouches_for_is_in_doubt_at_the_start() {
    let mut world = World::new().await;
    world.minutes(5).await;
    world.die(false).await;
    world.machine.set_wall(SignedDuration::from_hours(30 * 24));
    world.start().await;
    world.minutes(10).await;
    let summaries = |event: &Event| matches!(event, Event::AlertQueued { cause: AlertCause::Summary(_), .. });
    assert_eq!(world.missed(), BTreeMap::new());
    assert_eq!(world.events(summaries), []);
    assert!(world.runs()[5..].iter().all(|(_, in_doubt)| *in_doubt));
    world.accept().await;
    world.minutes(1).await;
    assert_eq!(world.events(summaries).len(), 1);
    let missed = world.missed();
    assert_eq!(missed[&MissedReason::Clock], 10);
    assert_eq!(missed[&MissedReason::Down], 30 * 24 * 60 - 10);
    world.slots_with_one_end();
}

#[tokio::test]
async fn no_day_is_closed_while_the_clock_is_in_doubt() {
    let mut world = World::new().await;
    let step = Duration::from_secs(60);
    world.live(5 * step, step).await;
    world.machine.set_wall(SignedDuration::from_hours(-1));
    world.live(20 * HOUR, step).await;
    let closed = |event: &Event| matches!(event, Event::DayClosed { .. });
    assert_eq!(world.events(closed), []);
    world.machine.set_wall(SignedDuration::ZERO);
    world.accept().await;
    world.live(step, step).await;
    assert_eq!(world.events(closed).len(), 1);
    world.slots_with_one_end();
}

#[tokio::test]
async fn a_doubt_outlives_a_restart_and_is_told_once() {
    let mut world = World::new().await;
    world.minutes(5).await;
    world.machine.set_wall(SignedDuration::from_hours(1));
    world.minutes(5).await;
    world.die(true).await;
    world.start().await;
    world.minutes(5).await;
    assert_eq!(world.machine.doubt(), Some(ClockDoubt::Unsettled));
    assert_eq!(world.letters().iter().filter(|subject| *subject == DOUBTED).count(), 1);
    assert!(world.runs().last().unwrap().1);
    world.accept().await;
    world.slots_with_one_end();
}

/// What happens to the clock, and to the daemon.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// Minutes go by.
    Live(u64),
    /// The wall clock is set to so many seconds ahead of the truth.
    Set(i64),
    Synchronise(bool),
    Accept,
    Die {
        is_running: bool,
        away: u64,
    },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (1..8_u64).prop_map(Act::Live),
        3 => (-900..2000_i64).prop_map(Act::Set),
        1 => any::<bool>().prop_map(Act::Synchronise),
        1 => Just(Act::Accept),
        1 => (any::<bool>(), 0..900_u64).prop_map(|(is_running, away)| Act::Die { is_running, away }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_slot_has_one_end_whatever_the_clock_does(acts in prop::collection::vec(act(), 1..14)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for act in acts {
                match act {
                    Act::Live(minutes) => world.minutes(minutes).await,
                    Act::Set(ahead) => world.machine.set_wall(SignedDuration::from_secs(ahead)),
                    Act::Synchronise(is) => {
                        let state = if is { ClockState::Synchronised } else { ClockState::Unsynchronised };
                        world.machine.set_kernel_state(state);
                    }
                    Act::Accept => drop(world.accept().await),
                    Act::Die { is_running, away } => {
                        world.die(is_running).await;
                        world.machine.truth().advance(Duration::from_secs(away));
                        world.start().await;
                    }
                }
            }
            world.minutes(1).await;
            world.accept().await;
            world.minutes(2).await;
            world.slots_with_one_end();
        });
    }
}
