//! What people exclude, in a real daemon under a virtual clock: runs go by it, and so do their replays.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::{Options, Service, Supervisor};
use crate::{
    clock::{Clock, VirtualClock},
    config,
    desk::{Line, Question},
    domain::{Entry, Event, Outcome, RunEntry, Timestamp},
    ledger::Store,
    recorder::Author,
    replay::{Replayed, Replayer},
    sandbox::{CompileWhere, testing::says},
};

const HOUR: Duration = Duration::from_secs(3600);

/// A command that says the same each time: one subject fails, one passes, and both are all there is.
fn one_fails() -> Vec<u8> {
    const REPORT: &str = r#"{"summary":"two keys","population":2,"listing":"every-subject","findings":[{"subject":"k","status":"fail","message":"old"},{"subject":"other","status":"pass","message":"new"}]}"#;
    says(r#"{"name":"keys","version":"1.0.0"}"#, REPORT)
}

async fn settle(service: &mut Service) {
    loop {
        service.fire().await.unwrap();
        let Some(ended) = service.next_ended().await else { break };
        ended.unwrap();
    }
}

async fn ask(service: &Service, uid: u32, question: Question) -> Line {
    let (desk, _) = service.desk();
    let (lines, mut answer) = mpsc::channel(64);
    desk.answer(&Author { uid, login_uid: None, name: None }, question, lines).await;
    let mut last = None;
    while let Some(line) = answer.recv().await {
        last = Some(line);
    }
    last.unwrap()
}

fn runs(service: &Service) -> Vec<(u64, RunEntry)> {
    let ledger = service.ledger();
    let entries = ledger.entries(0..ledger.head().size).map(|entry| entry.unwrap());
    entries
        .filter_map(|(sequence, bytes)| match Entry::from_bytes(&bytes).unwrap().event {
            Event::Run(run) => Some((sequence, run)),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn runs_with_and_without_an_exclusion_are_performed_again_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("keys.wasm"), one_fails()).unwrap();
    let file = folder.path().join("evidenced.toml");
    let text = format!(
        "organization = \"Test\"\nmonitoring.enabled = false\nstate_dir = \"{}\"\nfree_space_floor = \"1MiB\"\n[[control]]\nid = \"SEC-01\"\ntitle = \
         \"t\"\nfamily = \"security\"\nowner = \"o\"\nplugin = \"./keys.wasm\"\nevery = \"1h\"\n",
        folder.path().join("state").display()
    );
    std::fs::write(&file, text).unwrap();
    let config = Arc::new(config::load(&file).unwrap().config);
    let clock = VirtualClock::new("2026-03-02T00:10:00Z".parse::<Timestamp>().unwrap());
    let options = || Options { cache_dir: None, compile: CompileWhere::InProcess, supervisor: Supervisor::default() };
    let mut service = Service::open(Arc::clone(&config), &options(), Arc::new(clock.clone())).await.unwrap();
    let hours = async |service: &mut Service, hours: u32| {
        for _ in 0..hours {
            clock.advance(HOUR);
            settle(service).await;
        }
    };
    hours(&mut service, 2).await;
    let exclude = Question::Exclude {
        control: "SEC-01".parse().unwrap(),
        subject: "k".to_owned(),
        until: clock.now().plus(3 * HOUR + HOUR / 2),
        words: "the supplier leaves within hours".to_owned(),
    };
    let Line::Recorded { proposal: Some(proposal), .. } = ask(&service, 41_001, exclude).await else { panic!() };
    hours(&mut service, 1).await;
    let approve = Question::Approve { proposal, words: "they do".to_owned() };
    let Line::Recorded { .. } = ask(&service, 41_002, approve).await else { panic!() };
    hours(&mut service, 1).await;
    // It is in force after a restart, too, and what was planned goes on.
    service.close().await.unwrap();
    let mut service = Service::open(config, &options(), Arc::new(clock.clone())).await.unwrap();
    settle(&mut service).await;
    hours(&mut service, 3).await;

    let runs = runs(&service);
    let told: Vec<_> = runs.iter().map(|(_, run)| (run.version, run.outcome, run.counts.excluded)).collect();
    let (fails, passes) = ((1, Outcome::Fail, 0), (2, Outcome::Pass, 1));
    assert_eq!(told, [fails, fails, fails, passes, passes, (2, Outcome::Fail, 0), (2, Outcome::Fail, 0)]);
    let (desk, _) = service.desk();
    let mut newest = desk.latest_slots(&"SEC-01".parse().unwrap(), 4).unwrap();
    newest.reverse();
    let in_force: Vec<_> = newest.iter().map(|slot| slot.exclusions.clone()).collect();
    assert_eq!(in_force, [vec![0], vec![0], vec![], vec![]]);
    let mut replayer = Replayer::new(Arc::clone(service.ledger()), Arc::clone(&service.sandbox));
    for (sequence, _) in runs {
        assert_eq!(replayer.replay(sequence).await.unwrap(), Replayed::Identical);
    }
}
