//! What is said to be wrong with evidenced itself.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::{Desk, Live};
use crate::{
    clock::VirtualClock,
    config,
    domain::{ClockState, Event},
    ledger::{Ledger, Options},
    recorder::{self, Catalogue, Fact, Handle, Recorder},
    sandbox::CompileWhere,
};

const CONFIG: &str = r#"
organization = "Example AI"
monitoring.enabled = false
state_dir = "state"
[mail]
transport = "directory"
directory = "mail"
from = "evidenced@example.com"
[[recipient]]
id = "ops"
email = ["ops@example.com", "night@example.com"]
families = ["*"]
severity = "low"
"#;

/// A desk and its recorder; no mail goes out.
struct Bench {
    desk: Desk,
    recorder: Handle,
    clock: VirtualClock,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("evidenced.toml");
        std::fs::write(&file, CONFIG).unwrap();
        let config = Arc::new(config::load(&file).unwrap().config);
        let ledger = Arc::new(Ledger::open(&config.state_dir, Options::new("example.com/test")).unwrap());
        let catalogue = Arc::new(Catalogue::new(config, BTreeMap::new()));
        let clock = VirtualClock::new("2026-03-02T06:00:00Z".parse().unwrap());
        let (recorder, _) =
            recorder::start(Recorder::new(Arc::clone(&ledger), Arc::clone(&catalogue)), Arc::new(clock.clone()))
                .unwrap();
        let (asks, _) = mpsc::channel(1);
        let live = Live { recorder: recorder.clone(), traffic: Arc::new(Vec::new), pulse: Arc::new(|| None), asks };
        let desk = Desk::new(ledger, catalogue, Arc::new(clock.clone()), CompileWhere::InProcess, Some(live));
        let bench = Self { desk, recorder, clock, _folder: folder };
        bench.record(Fact::Tick { clock: ClockState::Virtual }).await;
        bench
    }

    async fn record(&self, fact: Fact) {
        self.recorder.record(fact).await.unwrap();
    }

    /// An hour goes by, in which the daemon enters its checkpoint.
    async fn hour(&self) {
        self.clock.advance(Duration::from_secs(3600));
        self.record(Fact::Tick { clock: ClockState::Virtual }).await;
    }
}

#[tokio::test]
async fn mails_that_wait_for_more_than_an_hour_are_a_problem_until_they_are_out() {
    let bench = Bench::new().await;
    bench.record(Fact::ConfigurationRefused { errors: "error: no\n".to_owned(), count: 1 }).await;
    bench.hour().await;
    assert_eq!(bench.desk.problems(), [""; 0]);
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(
        bench.desk.problems(),
        ["mails or webhooks are stuck: 2 wait, the oldest since 2026-03-02T06:00:00.000Z"]
    );
    assert_eq!(bench.desk.status().problems, bench.desk.problems());
    for delivery in 0..2 {
        bench.record(Fact::Event(Event::Delivered { alert: 0, delivery, attempts: 9 })).await;
    }
    assert_eq!(bench.desk.problems(), [""; 0]);
}

#[tokio::test]
async fn a_mail_that_was_refused_for_good_is_a_problem_for_a_day() {
    let bench = Bench::new().await;
    bench.record(Fact::ConfigurationRefused { errors: "error: no\n".to_owned(), count: 1 }).await;
    bench.record(Fact::Event(Event::DeliveryRefused { alert: 0, delivery: 0, attempts: 1, code: 550 })).await;
    bench.record(Fact::Event(Event::Delivered { alert: 0, delivery: 1, attempts: 1 })).await;
    for _ in 0..24 {
        assert_eq!(bench.desk.problems(), ["mails or webhooks refused for good by their servers in the last day: 1"]);
        bench.hour().await;
    }
    bench.hour().await;
    assert_eq!(bench.desk.problems(), [""; 0]);
}

#[tokio::test]
async fn a_checkpoint_of_more_than_two_hours_ago_is_a_problem() {
    let bench = Bench::new().await;
    bench.clock.advance(Duration::from_secs(7201));
    assert_eq!(
        bench.desk.problems(),
        ["the newest checkpoint is of 2026-03-02T06:00:00.000Z, more than two hours ago"]
    );
}
