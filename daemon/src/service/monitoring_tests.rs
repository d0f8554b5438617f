//! The daemon tests itself, turn by turn under a virtual clock: what it finds, who is told, and that a replay agrees.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{Options, Service, Supervisor, Turns, slots_told::slots_told};
use crate::{
    clock::VirtualClock,
    config,
    domain::{BuiltIn, Digest, Entry, Event, Outcome, RunEntry, Timestamp},
    ledger::Store,
    mail::Mail,
    recorder::{Catalogue, PluginFacts},
    replay::{Replayed, Replayer},
    sandbox::{CompileWhere, testing::says},
};

const HOUR: Duration = Duration::from_secs(3600);

/// A plugin whose one subject is always so.
fn always(status: &str) -> Vec<u8> {
    let report = format!(
        r#"{{"summary":"looked","population":1,"population_query":"all","listing":"every-subject","findings":[{{"subject":"k1","status":"{status}","message":"seen"}}]}}"#
    );
    says(r#"{"name":"says","version":"1.0.0"}"#, &report)
}

/// A case in which the key must fail, as a plugin that says `fail` does.
const NEGATIVE: &str =
    "now = \"2026-03-01T00:00:00.000Z\"\n[expect]\ntext = '''\nlooked\npopulation: 1 by all\nfail k1: seen\n'''\n";

struct World {
    folder: tempfile::TempDir,
    clock: VirtualClock,
}

impl World {
    /// One control an hour for each plugin, which says this.
    fn with(plugins: &[(&str, &str)]) -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap(), clock: VirtualClock::new(at("2026-03-01T00:10:00")) };
        let mut text = format!(
            "organization = \"Test\"\nstate_dir = \"{}\"\nfree_space_floor = \"1MiB\"\nplugin_dirs = [\".\"]\n\
             [monitoring]\nowner = \"compliance\"\n\
             [mail]\ntransport = \"directory\"\ndirectory = \"mail\"\nfrom = \"evidenced@example.com\"\n\
             [[recipient]]\nid = \"all\"\nemail = [\"all@example.com\"]\nfamilies = [\"*\"]\nseverity = \"low\"\n",
            world.path("state").display()
        );
        for (number, (name, status)) in plugins.iter().enumerate() {
            std::fs::write(world.path(&format!("{name}.wasm")), always(status)).unwrap();
            text.push_str(&format!(
                "[[control]]\nid = \"C-{number}\"\ntitle = \"t\"\nfamily = \"security\"\nowner = \"o\"\nseverity = \"low\"\n\
                 plugin = \"{name}\"\nevery = \"1h\"\n"
            ));
        }
        std::fs::write(world.path("evidenced.toml"), text).unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn case(&self, plugin: &str) {
        let folder = self.path(&format!("{plugin}.cases"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("an_old_key_fails.toml"), NEGATIVE).unwrap();
    }

    async fn open(&self) -> Service {
        let config = config::load(&self.path("evidenced.toml")).unwrap_or_else(|refused| panic!("{refused}")).config;
        let compile = CompileWhere::InProcess;
        let options = Options { cache_dir: None, compile, supervisor: Supervisor::default() };
        Service::open(Arc::new(config), &options, Arc::new(self.clock.clone())).await.unwrap()
    }

    /// A daemon that lives until then, and stops.
    async fn live(&self, until: &str) {
        let mut service = self.open().await;
        self.live_in(&mut service, until).await;
        service.close().await.unwrap();
    }

    async fn live_in(&self, service: &mut Service, until: &str) {
        let mut turns = Turns::new(service, &self.clock);
        turns.until(service, at(until), &mut |_| ()).await.unwrap();
        turns.stop().await.unwrap();
    }
}

fn at(text: &str) -> Timestamp {
    format!("{text}Z").parse().unwrap()
}

fn entries(service: &Service) -> Vec<(u64, Entry)> {
    let ledger = service.ledger();
    let entry = |entry: Result<(u64, Vec<u8>), _>| entry.map(|(at, bytes)| (at, Entry::from_bytes(&bytes).unwrap()));
    ledger.entries(0..ledger.head().size).map(|found| entry(found).unwrap()).collect()
}

fn runs(service: &Service, built_in: BuiltIn) -> Vec<(u64, RunEntry)> {
    let of = |(sequence, entry): (u64, Entry)| match entry.event {
        Event::Run(run) if run.control.as_str() == built_in.control() => Some((sequence, run)),
        _ => None,
    };
    entries(service).into_iter().filter_map(of).collect()
}

/// Subjects of mails about a control of the daemon's own, without reminders.
fn subjects(service: &Service, built_in: BuiltIn) -> Vec<String> {
    let queued = entries(service).into_iter().filter_map(|(_, entry)| match entry.event {
        Event::AlertQueued { mail, .. } => Some(mail),
        _ => None,
    });
    let mails = queued.map(|part| Mail::from_part(&service.ledger().part(&part).unwrap().unwrap()).unwrap().subject);
    let subjects = mails.map(|subject| subject.trim_start_matches("[evidenced main] ").to_owned());
    subjects.filter(|subject| subject.contains(built_in.control()) && !subject.contains("REMINDER")).collect()
}

async fn assert_replays(service: &Service, built_in: BuiltIn) {
    let mut replayer = Replayer::new(Arc::clone(service.ledger()), Arc::clone(&service.sandbox));
    for (sequence, run) in runs(service, built_in) {
        assert_eq!(replayer.replay(sequence).await.unwrap(), Replayed::Identical, "{run:?}");
    }
}

#[tokio::test]
async fn a_daemon_that_was_away_too_long_finds_it_tells_it_once_and_recovers_when_it_is_a_month_old() {
    let world = World::with(&[("says-pass", "pass")]);
    world.live("2026-03-06T00:10:00").await;
    world.clock.advance(30 * HOUR);
    world.live("2026-03-12T00:10:00").await;
    let mut service = world.open().await;
    world.live_in(&mut service, "2026-04-07T00:40:00").await;

    let runs = runs(&service, BuiltIn::MonitoringRan);
    let slot = |run: &RunEntry| run.slot.to_string()[..10].to_owned();
    let of = |outcome| runs.iter().filter(move |(_, run)| run.outcome == outcome).map(|(_, run)| slot(run));
    let failed: Vec<_> = of(Outcome::Fail).collect();
    assert_eq!((failed.len(), failed[0].as_str(), failed[29].as_str()), (30, "2026-03-07", "2026-04-05"));
    // On the first day no other control has had a slot.
    assert_eq!(of(Outcome::NotApplicable).collect::<Vec<_>>(), ["2026-03-01"]);
    assert_eq!(
        of(Outcome::Pass).collect::<Vec<_>>(),
        ["2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05", "2026-04-06", "2026-04-07"]
    );
    let told = subjects(&service, BuiltIn::MonitoringRan);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("FAILED MON-01 ") && told[1].starts_with("RECOVERED MON-01 "), "{told:?}");
    assert_replays(&service, BuiltIn::MonitoringRan).await;
    service.close().await.unwrap();
}

#[tokio::test]
async fn the_first_slot_without_an_end_is_told_however_long_ago_it_was() {
    let world = World::with(&[("says-pass", "pass")]);
    // By the ledger of a daemon that lived until then, in a month in which no slot ended.
    let next_due = async |until: &str| {
        let mut service = world.open().await;
        world.live_in(&mut service, until).await;
        let month = at("2026-06-01T00:00:00")..at("2026-07-01T00:00:00");
        let told = slots_told(service.ledger(), &["C-0".to_owned()], &month, 1 << 20, &|| false).unwrap();
        service.close().await.unwrap();
        let told: serde_json::Value = serde_json::from_slice(&told.bytes).unwrap();
        assert_eq!(told["controls"][0]["counts"]["due"], 0);
        told["controls"][0]["next_due"].clone()
    };
    // It never had one.
    assert_eq!(next_due("2026-03-01T00:10:01").await, "2026-03-01T01:00:00.000Z");
    assert_eq!(next_due("2026-03-01T05:30:00").await, "2026-03-01T06:00:00.000Z");
    let file = world.path("evidenced.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("every = \"1h\"", "every = \"1h\"\nenabled = false");
    std::fs::write(&file, text).unwrap();
    assert_eq!(next_due("2026-03-01T05:40:00").await, serde_json::Value::Null);
}

#[tokio::test]
async fn what_is_of_an_earlier_window_is_left_to_that_one() {
    let world = World::with(&[("says-pass", "pass")]);
    let file = world.path("evidenced.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let windows = "[[window]]\nid = \"a\"\nstart = \"2026-03-01\"\nend = \"2026-03-06\"\n\
                   [[window]]\nid = \"b\"\nstart = \"2026-03-07\"\nend = \"2026-03-31\"\n";
    std::fs::write(&file, text + windows).unwrap();
    world.live("2026-03-04T00:10:00").await;
    world.clock.advance(30 * HOUR);
    let mut service = world.open().await;
    world.live_in(&mut service, "2026-03-09T00:40:00").await;
    let outcomes: Vec<_> = runs(&service, BuiltIn::MonitoringRan).iter().map(|(_, run)| run.outcome).collect();
    let (none, pass, fail) = (Outcome::NotApplicable, Outcome::Pass, Outcome::Fail);
    // The days before, those in which the gap is seen, of which the last is the first of the new window, and the others of that.
    assert_eq!(outcomes, [none, pass, pass, fail, fail, fail, pass, pass]);
    service.close().await.unwrap();
}

#[tokio::test]
async fn a_plugin_that_passes_where_it_must_fail_is_found_and_told_and_so_is_one_of_which_nobody_knows() {
    let world = World::with(&[("says-fail", "fail"), ("says-pass", "pass"), ("unknown", "pass")]);
    world.case("says-fail");
    world.case("says-pass");
    let mut service = world.open().await;
    world.live_in(&mut service, "2026-03-01T02:10:00").await;

    let runs = runs(&service, BuiltIn::PluginsCanFail);
    let run = &runs[0].1;
    assert_eq!(
        (runs.len(), run.outcome, run.population, run.counts.fail, run.counts.pass),
        (1, Outcome::Fail, 3, 2, 1)
    );
    let told = subjects(&service, BuiltIn::PluginsCanFail);
    assert!(told.len() == 1 && told[0].starts_with("ALREADY FAILING MON-03 "), "{told:?}");
    assert_replays(&service, BuiltIn::PluginsCanFail).await;

    // When each has a case in which it fails, all is well again.
    std::fs::write(world.path("says-pass.wasm"), always("fail")).unwrap();
    std::fs::write(world.path("unknown.wasm"), always("fail")).unwrap();
    world.case("unknown");
    service.close().await.unwrap();
    let mut service = world.open().await;
    world.live_in(&mut service, "2026-04-01T01:10:00").await;
    let last = self::runs(&service, BuiltIn::PluginsCanFail).pop().unwrap().1;
    assert_eq!((last.outcome, last.counts.pass), (Outcome::Pass, 3));
    assert_replays(&service, BuiltIn::PluginsCanFail).await;
    service.close().await.unwrap();
}

#[tokio::test]
async fn a_run_of_another_rule_is_not_judged_by_this_one() {
    let world = World::with(&[("says-pass", "pass")]);
    let mut service = world.open().await;
    // As a release would have it whose rule differs.
    let name = BuiltIn::MonitoringRan.plugin().parse().unwrap();
    let other: Arc<[u8]> = Arc::from(&b"another rule"[..]);
    let facts = PluginFacts { version: "0.0.9".to_owned(), digest: Digest::of(&other), bytes: other };
    let config = Arc::clone(service.catalogue().config());
    service.catalogue = Arc::new(Catalogue::new(config, [(name, facts)].into()));
    service.configure().await.unwrap();
    world.live_in(&mut service, "2026-03-01T00:40:00").await;

    let (sequence, _) = runs(&service, BuiltIn::MonitoringRan).remove(0);
    let mut replayer = Replayer::new(Arc::clone(service.ledger()), Arc::clone(&service.sandbox));
    let replayed = replayer.replay(sequence).await.unwrap();
    let Replayed::NotReperformable(why) = replayed else { panic!("{replayed:?}") };
    assert!(why.starts_with("it was judged by a rule of evidenced 0.0.9 (sha256:"), "{why}");
    drop(replayer);
    service.close().await.unwrap();
}

#[tokio::test]
async fn who_takes_it_out_is_warned_and_the_controls_retire() {
    let world = World::with(&[("says-pass", "pass")]);
    world.live("2026-03-02T00:40:00").await;
    let file = world.path("evidenced.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("[monitoring]\n", "[monitoring]\nenabled = false\n");
    std::fs::write(&file, text).unwrap();
    let warnings = config::load(&file).unwrap().warnings;
    assert_eq!(warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(), ["monitoring-off"]);
    let mut service = world.open().await;
    world.live_in(&mut service, "2026-03-04T00:40:00").await;
    assert_eq!(runs(&service, BuiltIn::MonitoringRan).len(), 2);
    let retired =
        entries(&service).into_iter().filter(|(_, entry)| matches!(entry.event, Event::ControlRetired { .. }));
    assert_eq!(retired.count(), 2);
    service.close().await.unwrap();
}
