//! A check that reads events, in a real daemon under a virtual clock: what its runs are asked about.

use std::{fmt::Write as _, path::PathBuf, sync::Arc, time::Duration};

use super::{Options, Service, Supervisor};
use crate::{
    clock::{Clock, VirtualClock},
    config,
    desk::SlotLine,
    domain::{Entry, Event, EventInterval, RunEntry, RunReason, Timestamp},
    ledger::Store,
    replay::{Replayed, Replayer},
    sandbox::CompileWhere,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A command that finds the end of its interval in its request and reports that it has covered everything.
fn covers_all() -> Vec<u8> {
    const DESCRIPTION: &str =
        r#"{"name":"events","version":"1.0.0","needs":{"interval":true,"inputs":[{"name":"log","optional":true}]}}"#;
    const REPORT: &str =
        r#"{"summary":"read","population":1,"findings":[],"covered_until":"________________________"}"#;
    let covered = 2048 + REPORT.find("____").unwrap();
    let text = format!(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 4)
            (global $len (mut i32) (i32.const 0))
            (data (i32.const 1024) "{description}")
            (data (i32.const 2048) "{report}")
            (func $say (param $at i32) (param $count i32)
                (i32.store (i32.const 0) (local.get $at))
                (i32.store (i32.const 4) (local.get $count))
                (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable)))
            (func (export "_start") (local $at i32)
                (block $end (loop $more
                    (i32.store (i32.const 0) (i32.add (i32.const 65536) (global.get $len)))
                    (i32.store (i32.const 4) (i32.const 4096))
                    (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
                    (br_if $end (i32.eqz (i32.load (i32.const 8))))
                    (global.set $len (i32.add (global.get $len) (i32.load (i32.const 8))))
                    (br $more)))
                (if (i32.eqz (global.get $len))
                    (then (call $say (i32.const 1024) (i32.const {description_length})) (return)))
                (local.set $at (i32.const 65536))
                (loop $seek
                    ;; "until":
                    (if (i64.ne (i64.load (local.get $at)) (i64.const 0x3a226c69746e7522))
                        (then
                            (local.set $at (i32.add (local.get $at) (i32.const 1)))
                            (br $seek))))
                (i64.store (i32.const {covered}) (i64.load offset=9 (local.get $at)))
                (i64.store offset=8 (i32.const {covered}) (i64.load offset=17 (local.get $at)))
                (i64.store offset=16 (i32.const {covered}) (i64.load offset=25 (local.get $at)))
                (call $say (i32.const 2048) (i32.const {report_length}))))"#,
        description = DESCRIPTION.replace('"', "\\22"),
        report = REPORT.replace('"', "\\22"),
        description_length = DESCRIPTION.len(),
        report_length = REPORT.len(),
    );
    wat::parse_str(text).unwrap()
}

struct World {
    folder: tempfile::TempDir,
    clock: VirtualClock,
    service: Option<Service>,
}

impl World {
    /// A daemon with one control, which has these keys besides.
    async fn with(keys: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("events.wasm"), covers_all()).unwrap();
        let mut world = Self { folder, clock: VirtualClock::new(at("2026-03-02T00:10:00")), service: None };
        world.write(keys);
        world.start().await;
        world
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("evidenced.toml")
    }

    fn write(&self, keys: &str) {
        let mut text = format!(
            "organization = \"Test\"\nmonitoring.enabled = false\nstate_dir = \"{}\"\nfree_space_floor = \"1MiB\"\n",
            self.folder.path().join("state").display()
        );
        writeln!(
            text,
            "[[control]]\nid = \"CNF-03\"\ntitle = \"t\"\nfamily = \"confidentiality\"\nowner = \"o\"\nplugin = \
             \"./events.wasm\"\nevery = \"6h\"\n{keys}"
        )
        .unwrap();
        std::fs::write(self.file(), text).unwrap();
    }

    async fn start(&mut self) {
        let config = Arc::new(config::load(&self.file()).unwrap().config);
        let compile = CompileWhere::InProcess;
        let options = Options { cache_dir: None, compile, supervisor: Supervisor::default() };
        self.service = Some(Service::open(config, &options, Arc::new(self.clock.clone())).await.unwrap());
        self.settle().await;
    }

    async fn stop(&mut self, time: Duration) {
        self.service.take().unwrap().close().await.unwrap();
        self.clock.advance(time);
    }

    fn service(&mut self) -> &mut Service {
        self.service.as_mut().unwrap()
    }

    async fn settle(&mut self) {
        loop {
            self.service().fire().await.unwrap();
            let Some(ended) = self.service().next_ended().await else { break };
            ended.unwrap();
        }
    }

    /// Lives on, from one thing that is due to the next.
    async fn live(&mut self, time: Duration) {
        let end = self.clock.now().plus(time);
        while let Some(next) = self.service().firing.next_deadline().filter(|next| *next <= end) {
            self.clock.advance_to(next.max(self.clock.now()));
            self.settle().await;
        }
        self.clock.advance_to(end);
    }

    fn runs(&mut self) -> Vec<(u64, RunEntry)> {
        let ledger = self.service().ledger();
        let events = ledger.entries(0..ledger.head().size).map(|entry| {
            let (sequence, bytes) = entry.unwrap();
            (sequence, Entry::from_bytes(&bytes).unwrap().event)
        });
        events
            .filter_map(|(sequence, event)| if let Event::Run(run) = event { Some((sequence, run)) } else { None })
            .collect()
    }

    fn intervals(&mut self) -> Vec<EventInterval> {
        self.runs().into_iter().filter_map(|(_, run)| run.interval).collect()
    }

    fn results(&mut self) -> Vec<SlotLine> {
        let mut lines = Vec::new();
        let range = Timestamp::from_millis(i64::MIN)..Timestamp::from_millis(i64::MAX);
        let (desk, _) = self.service().desk();
        let mut take = |line| {
            lines.push(line);
            true
        };
        let id = "CNF-03".parse().unwrap();
        desk.results(&id, range, &mut take).unwrap();
        let mut newest = desk.latest_slots(&id, 10_000).unwrap();
        newest.reverse();
        assert_eq!(newest, lines);
        lines
    }
}

fn at(text: &str) -> Timestamp {
    format!("{text}Z").parse().unwrap()
}

#[tokio::test]
async fn each_run_is_asked_about_what_the_one_before_has_not_covered() {
    let mut world = World::with("interval = { lag = \"10m\", lookback = \"3h\" }").await;
    world.live(24 * HOUR).await;
    let runs = world.runs();
    assert_eq!(runs.len(), 4);
    let first = runs[0].1.interval.unwrap();
    assert_eq!(first.from, runs[0].1.now.minus(3 * HOUR));
    for (before, after) in runs.iter().zip(&runs[1..]) {
        assert_eq!(before.1.covered_until, after.1.interval.map(|interval| interval.from));
    }
    for (_, run) in &runs {
        assert_eq!(run.interval.unwrap().until, run.now.minus(10 * MINUTE));
        assert_eq!(run.covered_until, Some(run.interval.unwrap().until));
    }
    assert!(world.results().iter().all(|line| line.further.is_empty() && line.interval.is_some()));
}

#[tokio::test]
async fn after_an_outage_further_intervals_are_run_at_once_until_the_control_has_caught_up() {
    let mut world = World::with("interval = { max_interval = \"1d\" }").await;
    world.live(7 * HOUR).await;
    world.stop(4 * 24 * HOUR).await;
    let back = world.clock.now();
    world.start().await;
    let runs = world.runs();
    let late: Vec<_> = runs.iter().filter(|(_, run)| run.now >= back).collect();
    assert_eq!(late.len(), 5);
    assert!(late.iter().all(|(_, run)| run.slot == late[0].1.slot));
    let intervals = world.intervals();
    for (before, after) in intervals.iter().zip(&intervals[1..]) {
        assert_eq!(before.until, after.from);
        assert!(after.until.since(after.from) <= 24 * HOUR);
    }
    assert_eq!(intervals.last().unwrap().until, world.clock.now().minus(5 * MINUTE));
    // One line a slot, whatever it took.
    let results = world.results();
    let line = results.iter().find(|line| line.slot == late[0].1.slot).unwrap();
    assert_eq!((line.sequence, line.further.len()), (late[0].0, 4));
    assert_eq!(line.further.iter().map(|run| run.sequence).collect::<Vec<_>>()[3], late[4].0);
    assert_eq!(results.iter().filter(|line| line.slot == late[0].1.slot).count(), 1);
    // Each of them is performed again as it was.
    let service = world.service();
    let mut replayer = Replayer::new(Arc::clone(service.ledger()), Arc::clone(&service.sandbox));
    for (sequence, _) in runs {
        assert_eq!(replayer.replay(sequence).await.unwrap(), Replayed::Identical);
    }
}

#[tokio::test]
async fn slots_that_all_run_late_have_the_events_that_they_would_have_had() {
    let mut world = World::with("catch_up = \"all\"").await;
    world.live(7 * HOUR).await;
    world.stop(24 * HOUR).await;
    world.start().await;
    let runs = world.runs();
    let late: Vec<_> = runs[1..].iter().map(|(_, run)| run).collect();
    assert_eq!(late.iter().map(|run| run.late).collect::<Vec<_>>(), [true, true, true, false]);
    for run in &late[..3] {
        assert_eq!(run.interval.unwrap().until, run.slot.0.minus(5 * MINUTE));
    }
    assert_eq!(late[3].interval.unwrap().until, world.clock.now().minus(5 * MINUTE));
    let intervals = world.intervals();
    assert!(intervals.windows(2).all(|pair| pair[0].until == pair[1].from));
}

#[tokio::test]
async fn a_new_definition_goes_on_where_the_old_one_ended() {
    let mut world = World::with("interval = { lag = \"10m\" }").await;
    world.live(7 * HOUR).await;
    let covered = world.runs()[0].1.covered_until.unwrap();
    world.write("confirmations = 2\ninterval = { lag = \"1h\", overlap = \"30m\" }");
    world.stop(MINUTE).await;
    world.start().await;
    world.live(6 * HOUR).await;
    let (_, run) = world.runs().pop().unwrap();
    assert_eq!(run.version, 2);
    let EventInterval { from, until } = run.interval.unwrap();
    assert_eq!((from, until), (covered.minus(30 * MINUTE), run.now.minus(HOUR)));
}

#[tokio::test]
async fn a_window_that_has_just_begun_has_no_events_of_before() {
    let mut world = World::with("[[window]]\nid = \"2026\"\nstart = \"2026-03-02\"\nend = \"2027-03-01\"").await;
    world.live(7 * HOUR).await;
    assert_eq!(world.intervals()[0].from, at("2026-03-02T00:00:00"));
}

#[tokio::test]
async fn a_check_that_reads_no_events_has_none_to_catch_up_with() {
    let mut world = World::with("").await;
    let report =
        br#"(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32))) (func (export "_start")))"#;
    world.stop(MINUTE).await;
    std::fs::write(world.folder.path().join("events.wasm"), wat::parse_bytes(report).unwrap()).unwrap();
    for keys in [
        "catch_up = \"all\"",
        "[[control.input]]\nname = \"log\"\nevents = { glob = \"log\", format = \"csv\", time = 1 }",
    ] {
        world.write(keys);
        world.start().await;
        world.live(6 * HOUR).await;
        let (_, run) = world.runs().pop().unwrap();
        assert_eq!((run.reason, run.interval), (Some(RunReason::ConfigRefused), None));
        world.stop(MINUTE).await;
    }
}

#[tokio::test]
async fn events_that_cannot_be_read_end_the_run_and_cover_nothing() {
    let keys =
        "[[control.input]]\nname = \"log\"\nevents = { glob = \"log*\", format = \"json-lines\", time = \"/t\" }";
    let mut world = World::with(keys).await;
    world.live(7 * HOUR).await;
    let (_, run) = world.runs().pop().unwrap();
    assert_eq!((run.reason, run.covered_until), (Some(RunReason::InputUnreadable), None));
    let from = run.interval.unwrap().from;
    let line = format!("{{\"t\":\"{}\"}}\n", run.now.minus(HOUR));
    std::fs::write(world.folder.path().join("log"), line).unwrap();
    world.live(6 * HOUR).await;
    let (sequence, run) = world.runs().remove(1);
    assert_eq!((run.reason, run.interval.unwrap().from), (None, from));
    let service = world.service();
    let mut replayer = Replayer::new(Arc::clone(service.ledger()), Arc::clone(&service.sandbox));
    assert_eq!(replayer.replay(sequence).await.unwrap(), Replayed::Identical);
}
