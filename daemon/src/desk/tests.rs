//! What is answered from a real ledger that a recorder wrote.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use evidenced_contract::{Failure, FailureKind, Status};

use super::{Desk, SlotLine, SlotState};
use crate::{
    clock::VirtualClock,
    config::{self, Config},
    domain::{Digest, Event, MissedReason, MissedSlots, RunReason, SlotTime, Timestamp},
    evidence::{EndedRecord, testing::report},
    fold::State,
    judge::PersonDoes,
    ledger::{Ledger, Options, Store},
    recorder::{Author, Catalogue, Fact, PluginFacts, Recorder, RecorderError},
    runner::{Finished, Order},
    sandbox::{CompileWhere, Transcript},
    schedule::{Schedule, missed},
};

pub(super) const CONFIG: &str = r#"
organization = "Example AI"
monitoring.enabled = false
timezone = "UTC"
state_dir = "state"
[[control]]
id = "SEC-01"
title = "Keys are rotated"
family = "security"
owner = "platform"
severity = "high"
plugin = "key-rotation"
schedule = "0 6 * * *"
"#;

pub(super) struct Bench {
    pub(super) config: Arc<Config>,
    pub(super) ledger: Arc<Ledger<State>>,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) recorder: Recorder,
    pub(super) _folder: tempfile::TempDir,
}

impl Bench {
    /// SEC-01 is tested daily by a plugin that says it is 1.2.0.
    pub(super) fn new() -> Self {
        Self::with(CONFIG)
    }

    /// The same, by another configuration.
    pub(super) fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("evidenced.toml");
        std::fs::write(&file, config).unwrap();
        let config = Arc::new(config::load(&file).unwrap().config);
        let ledger = Arc::new(Ledger::open(&config.state_dir, Options::new("example.com/test")).unwrap());
        let bytes: Arc<[u8]> = Arc::from(&b"a plugin"[..]);
        let facts = PluginFacts { version: "1.2.0".to_owned(), digest: Digest::of(&bytes), bytes };
        let plugins = BTreeMap::from([("key-rotation".parse().unwrap(), facts)]);
        let catalogue = Arc::new(Catalogue::new(Arc::clone(&config), plugins));
        let recorder = Recorder::new(Arc::clone(&ledger), Arc::clone(&catalogue));
        let mut bench = Self { config, ledger, catalogue, recorder, _folder: folder };
        let origin = Event::LedgerOpened { origin: "example.com/test".into(), key: String::new() };
        let configured =
            Fact::Configured { catalogue: bench.catalogue.clone(), expanded: bench.config.expanded_json() };
        bench.record(1, vec![Fact::Event(origin), configured]);
        bench
    }

    pub(super) fn record(&mut self, day: i64, facts: Vec<Fact>) {
        for answer in self.recorder.record(at(day), facts) {
            answer.unwrap();
        }
    }

    pub(super) fn ran(&mut self, slot: Timestamp, is_scheduled: bool, ended: EndedRecord) {
        let id = "SEC-01".parse().unwrap();
        let order = Order {
            control: self.catalogue.control(&id).unwrap().clone(),
            definition: self.catalogue.definition(&id).unwrap(),
            version: 1,
            slot: SlotTime(slot),
            is_scheduled,
            is_late: false,
            interval: None,
            seed_from: (1, Digest([0; 32])),
            state: BTreeMap::new(),
        };
        let finished = Finished {
            order,
            now: slot,
            clock_in_doubt: false,
            took: Duration::ZERO,
            ended,
            transcript: Transcript::default(),
            inputs: Vec::new(),
            new_state: None,
        };
        for answer in self.recorder.record(slot, vec![Fact::Ran(Box::new(finished))]) {
            answer.unwrap();
        }
    }

    /// The slots of some days are missed.
    pub(super) fn missed(&mut self, from: i64, to: i64) -> MissedSlots {
        let check = &self.config.controls[0].check;
        let schedule = Schedule::parse(&check.schedule, &check.timezone).unwrap();
        let stretch = missed(&schedule, at(from - 1), at(to + 1), self.catalogue.zones()).remove(0);
        stretch.into_missed("SEC-01".parse().unwrap(), 1, MissedReason::Down)
    }

    pub(super) fn desk(&self) -> Desk {
        let clock = Arc::new(VirtualClock::new(at(20)));
        Desk::new(Arc::clone(&self.ledger), Arc::clone(&self.catalogue), clock, CompileWhere::InProcess, None)
    }

    fn results(&self) -> Vec<SlotLine> {
        let (desk, id) = (self.desk(), "SEC-01".parse().unwrap());
        let mut lines = Vec::new();
        desk.results(&id, Timestamp::ever(), &mut |line| {
            lines.push(line);
            true
        })
        .unwrap();
        for count in [1, lines.len(), 100] {
            let mut newest = desk.latest_slots(&id, count).unwrap();
            newest.reverse();
            assert_eq!(
                newest,
                lines[lines.len().saturating_sub(count)..],
                "the page tells the same of the newest {count}"
            );
        }
        lines
    }

    fn erase_control(&mut self) {
        let part = self.ledger.state().control(&"SEC-01".parse().unwrap()).unwrap().control_part;
        self.ledger.erase(&part).unwrap();
    }
}

/// 06:00 of a day of March 2026.
pub(super) fn at(day: i64) -> Timestamp {
    let first: Timestamp = "2026-03-01T06:00:00Z".parse().unwrap();
    Timestamp::from_millis(first.as_millis() + (day - 1) * 86_400_000)
}

pub(super) fn denied() -> EndedRecord {
    EndedRecord::Failure(Failure { kind: FailureKind::Denied, message: "401".to_owned(), source: None })
}

#[test]
fn a_slot_names_the_version_that_its_plugin_gave_itself() {
    let mut bench = Bench::new();
    bench.ran(at(2), true, report("a", Status::Pass));
    let line = &bench.results()[0];
    let plugin = line.plugin.as_ref().unwrap();
    assert_eq!((plugin.name.as_str(), plugin.version.as_deref()), ("key-rotation", Some("1.2.0")));
    assert_eq!((plugin.digest, line.control_version), (Some(Digest::of(b"a plugin")), 1));
}

#[test]
fn a_check_by_hand_is_told_apart_from_a_slot() {
    let mut bench = Bench::new();
    bench.ran(at(2), true, report("a", Status::Pass));
    let by_hand = at(2).plus(Duration::from_millis(90_500));
    bench.ran(by_hand, false, report("a", Status::Pass));
    let told: Vec<_> = bench.results().iter().map(|line| (line.slot.0, line.scheduled)).collect();
    assert_eq!(told, [(at(2), true), (by_hand, false)]);
}

#[test]
fn the_reason_of_an_error_stands_in_the_status() {
    let mut bench = Bench::new();
    bench.ran(at(2), true, denied());
    assert_eq!(bench.desk().status().controls[0].last_reason, Some(RunReason::Denied));
    bench.ran(at(3), true, report("a", Status::Pass));
    assert_eq!(bench.desk().status().controls[0].last_reason, None);
}

#[test]
fn a_subject_that_came_back_is_one_subject() {
    let mut bench = Bench::new();
    let two = |second| {
        let EndedRecord::Report(mut two) = report("a", Status::Fail) else { unreachable!() };
        let EndedRecord::Report(more) = report("b", second) else { unreachable!() };
        two.findings.extend(more.findings);
        two.population = 2;
        EndedRecord::Report(two)
    };
    for (day, second) in [(2, Status::Fail), (3, Status::Pass), (4, Status::Fail)] {
        bench.ran(at(day), true, two(second));
    }
    let exception = &bench.desk().exceptions(None)[0];
    assert_eq!((exception.subjects.len(), exception.subject_count), (3, 2));
}

#[test]
fn a_note_without_a_word_is_refused() {
    let mut bench = Bench::new();
    bench.ran(at(2), true, report("a", Status::Fail));
    let exception = bench.desk().exceptions(None)[0].id;
    let author = Author { uid: 0, login_uid: None, name: None };
    let said = Fact::Said { exception, does: PersonDoes::Acknowledge { until: None }, author, words: " \n".to_owned() };
    let answers = bench.recorder.record(at(3), vec![said]);
    assert!(matches!(answers[0], Err(RecorderError::NoWords)), "{:?}", answers[0]);
}

#[test]
fn a_stretch_is_told_slot_by_slot() {
    let mut bench = Bench::new();
    let stretch = bench.missed(2, 5);
    bench.record(6, vec![Fact::Missed(stretch)]);
    let told: Vec<_> = bench.results().iter().map(|line| (line.slot.0, line.state, line.unknown.clone())).collect();
    assert_eq!(told, [2, 3, 4, 5].map(|day| (at(day), SlotState::Missed, None)));
}

#[test]
fn a_stretch_that_the_schedule_does_not_give_any_more_says_so() {
    let mut bench = Bench::new();
    // As if the zone had sprung over a slot when it was recorded.
    let stretch = MissedSlots { count: 3, ..bench.missed(2, 5) };
    bench.record(6, vec![Fact::Missed(stretch)]);
    let lines = bench.results();
    assert_eq!(lines.len(), 4);
    let why = lines[0].unknown.as_deref().unwrap();
    assert!(why.starts_with("3 slots were missed from 2026-03-02T06:00:00.000Z to 2026-03-05"), "{why}");
    assert!(why.contains("it would have been 4"), "{why}");
}

#[test]
fn an_erased_control_takes_no_other_answer_away() {
    let mut bench = Bench::new();
    bench.ran(at(2), true, report("a", Status::Pass));
    let stretch = bench.missed(3, 6);
    bench.record(7, vec![Fact::Missed(stretch)]);
    bench.erase_control();
    let lines = bench.results();
    let told: Vec<_> = lines.iter().map(|line| (line.slot.0, line.unknown.is_some())).collect();
    assert_eq!(told, [(at(2), false), (at(3), true), (at(6), true)]);
    let why = lines[1].unknown.as_deref().unwrap();
    assert!(why.contains("4 slots were missed") && why.ends_with("it was erased"), "{why}");
    assert_eq!(lines[0].plugin.as_ref().unwrap().version, None);
}
