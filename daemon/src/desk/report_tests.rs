//! What a report and a verification say of a ledger that a recorder wrote.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{
    Line, Question, ReportFormat, Verified,
    tests::{Bench, CONFIG, at, denied},
};
use crate::{
    domain::{ClockState, Event},
    evidence::testing::report,
    ledger::Store,
    mail::Mail,
    recorder::{Author, Fact},
    summary::report::HeldCheckpoint,
};
use evidenced_contract::Status;

const WINDOWS_AND_MAIL: &str = r#"
exclude = [{ subject = "legacy-*", reason = "migrated, see the risk register" }]
[[window]]
id = "first"
start = "2026-03-01"
end = "2026-03-02"
[[window]]
id = "rest"
start = "2026-03-03"
end = "2026-03-31"
[mail]
transport = "directory"
directory = "mail"
from = "evidenced@example.com"
[[recipient]]
id = "compliance"
email = ["compliance@example.com", "second@example.com"]
families = ["*"]
severity = "low"
summaries = ["weekly"]
"#;

/// A week in which a control passed, failed, and could not be tested; then its summary is queued.
fn after_a_week() -> Bench {
    let mut bench = Bench::with(&(CONFIG.to_owned() + WINDOWS_AND_MAIL));
    bench.record(1, vec![Fact::Event(Event::DaemonStarted { software: "0.1.0".to_owned() })]);
    bench.ran(at(2), true, report("a", Status::Fail));
    bench.ran(at(3), true, denied());
    bench.ran(at(4), true, denied());
    bench.ran(at(5), true, report("a", Status::Pass));
    bench.record(6, vec![Fact::Tick { clock: ClockState::Virtual }]);
    bench.record(10, vec![Fact::Tick { clock: ClockState::Virtual }]);
    bench
}

/// The number of the alert that the weekly summary is, and its mail.
fn weekly(bench: &Bench) -> (u64, Mail) {
    let state = bench.ledger.state();
    let mails = state.outbox().iter().map(|(alert, pending)| {
        (*alert, Mail::from_part(&bench.ledger.part(&pending.mail).unwrap().unwrap()).unwrap())
    });
    mails.into_iter().find(|(_, mail)| mail.subject.contains("Week 2026-W10")).expect("a summary is queued")
}

fn deliver(bench: &mut Bench, day: i64, alert: u64, delivery: u32) {
    bench.record(day, vec![Fact::Event(Event::Delivered { alert, delivery, attempts: 1 })]);
}

async fn asked(bench: &Bench, question: Question) -> Vec<Line> {
    let (lines, mut answer) = mpsc::channel(64);
    let desk = Arc::new(bench.desk());
    let author = Author { uid: 0, login_uid: None, name: None };
    let asking = async move { desk.answer(&author, question, lines).await };
    let mut told = Vec::new();
    let taking = async {
        while let Some(line) = answer.recv().await {
            told.push(line);
        }
    };
    tokio::join!(asking, taking);
    told
}

async fn verified(bench: &Bench) -> Verified {
    let lines = asked(bench, Question::Verify { deep: true, against: None }).await;
    match lines.into_iter().last() {
        Some(Line::Verified(verified)) => *verified,
        other => panic!("{other:?}"),
    }
}

async fn json(bench: &Bench, window: &str) -> serde_json::Value {
    let question = Question::Report { window: window.parse().unwrap(), formats: vec![ReportFormat::Json] };
    let lines = asked(bench, question).await;
    assert!(matches!(lines.last(), Some(Line::Reported { is_clean: false })), "{lines:?}");
    match &lines[0] {
        Line::File { name, content } if name == "report.json" => serde_json::from_str(content).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_checkpoint_is_held_by_who_has_got_the_summary_that_carries_it() {
    let mut bench = after_a_week();
    let (alert, mail) = weekly(&bench);
    assert_eq!(verified(&bench).await.held, [], "a mail that waits is in nobody's hands");

    deliver(&mut bench, 11, alert, 1);
    deliver(&mut bench, 12, alert, 0);
    let found = verified(&bench).await;
    assert_eq!(found.faults, Vec::<String>::new());
    let name = |address: &str| format!("compliance ({address})");
    let size = found.held[0].size;
    assert!(
        size > 0 && size < found.ledger.unwrap().entries && mail.text.contains(&format!("\n    {size}\n")),
        "{size}"
    );
    let held = |address, day| HeldCheckpoint { size, by: name(address), at: at(day) };
    assert_eq!(found.held, [held(&mail.to[1], 11), held(&mail.to[0], 12)]);

    let report = json(&bench, "rest").await;
    assert_eq!(report["proof"]["held"], serde_json::to_value(&found.held).unwrap());
    let standing = report["standing"].as_str().unwrap();
    assert!(standing.starts_with(&format!("Entries up to {size} were held by {} at ", found.held[0].by)), "{standing}");
    assert!(standing.ends_with("after them rest on the key alone."), "{standing}");
}

#[tokio::test]
async fn of_a_mail_that_was_erased_nobody_can_say_what_it_carried() {
    let mut bench = after_a_week();
    let (alert, _) = weekly(&bench);
    let part = bench.ledger.state().outbox()[&alert].mail;
    deliver(&mut bench, 11, alert, 0);
    assert_eq!(verified(&bench).await.held.len(), 1);
    bench.ledger.erase(&part).unwrap();
    bench.record(11, vec![Fact::Event(Event::Erased { part, left: None })]);
    let found = verified(&bench).await;
    assert_eq!((found.held, found.faults), (vec![], vec![]));
}

#[tokio::test]
async fn errors_are_listed_with_their_days_and_reasons() {
    let bench = after_a_week();
    let errors = &json(&bench, "rest").await["summary"]["errors"];
    let stretch = serde_json::json!([{
        "control": "SEC-01", "reason": "denied", "from": "2026-03-03", "to": "2026-03-04", "first": at(3), "slots": 2,
    }]);
    assert_eq!(*errors, stretch);

    let (_, mail) = weekly(&bench);
    for words in ["TESTS WITHOUT AN ANSWER", "3 Mar 2026, 06:00 UTC", "access denied", "legacy-*  never  migrated"] {
        assert!(mail.text.contains(words), "{words}: {}", mail.text);
    }
}

#[tokio::test]
async fn a_window_is_compared_with_the_one_before() {
    let bench = after_a_week();
    let rest = json(&bench, "rest").await;
    assert_eq!(rest["before_span"], serde_json::json!({ "window": "first" }));
    assert_eq!(rest["before"]["total"]["deviations"], 1);
    assert_eq!(rest["summary"]["headline"]["total"]["error"], 2);
    let first = json(&bench, "first").await;
    assert_eq!((&first["before"], &first["before_span"]), (&serde_json::Value::Null, &serde_json::Value::Null));
}
