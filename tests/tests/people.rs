//! What people decide at the command line: silences, and what waits for a second person.
//!
//! A second person is another user of the machine: that one is tried where there are users, in the booted Debian of
//! `systemd.rs`.

use std::fs;

use evidenced_tests::{
    daemon::{Daemon, wait_for},
    plugins::{self, Layout},
};
use serde_json::Value;

/// A key that is too old, and a control that fails because of it.
const CONTROL: &str = r#"
[mail]
transport = "directory"
directory = "mail"

[alerts]
group = "0s"

[[recipient]]
id       = "compliance"
email    = ["compliance@example.com"]
families = ["*"]
severity = "low"

[[control]]
id       = "SEC-01"
title    = "Keys are rotated"
family   = "security"
owner    = "platform"
severity = "high"
plugin   = "key-rotation"
schedule = "0 0 29 2 *"
config   = { max_age_days = 90 }

[[control.input]]
name = "inventory"
file = "keys.json"
"#;

fn key(owner: &str) -> String {
    format!(
        r#"[{{ "id": "AKIA0001", "owner": "{owner}", "active": true, "created": "2020-01-01T00:00:00Z", "last_used": null }}]"#
    )
}

fn daemon() -> Daemon {
    plugins::build(&Layout::of_this_checkout()).unwrap();
    let mut daemon = Daemon::new();
    daemon.configure(CONTROL);
    daemon.write("keys.json", &key("ci-deploy"));
    daemon.start();
    daemon
}

/// Subjects of the mails that were sent.
fn subjects(daemon: &Daemon) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(files) = fs::read_dir(daemon.path("mail")) else { return found };
    for file in files {
        let text = fs::read_to_string(file.unwrap().path()).unwrap_or_default();
        let subject = text.lines().find_map(|line| line.strip_prefix("Subject: "));
        found.extend(subject.map(|subject| subject.trim_start_matches("[evidenced test] ").to_owned()));
    }
    found.sort();
    found
}

fn number(answer: &Value, name: &str) -> u64 {
    answer[name].as_u64().unwrap_or_else(|| panic!("no {name} in {answer}"))
}

#[test]
fn a_silence_is_begun_listed_and_ended_and_then_what_fails_is_told() {
    let daemon = daemon();
    let refused = daemon.ask(&["silence", "AVL-*", "--for", "4h", "--reason", "the cluster is moved"]);
    assert_eq!(refused.code(), 2);
    assert!(refused.stderr.contains("no control is called `AVL-*`"), "{}", refused.stderr);
    let begun = daemon.ask(&["silence", "SEC-*", "--for", "4h", "--reason", "the keys are moved"]).done();
    let silence = number(&begun[0], "silence").to_string();
    assert_eq!(daemon.ask(&["check", "SEC-01"]).code(), 1);
    assert_eq!(daemon.exceptions()[0]["state"], "open");
    let listed = daemon.ask(&["silence", "list"]).done();
    assert_eq!(listed[0]["withheld"], serde_json::json!([["SEC-01", 1]]));
    assert_eq!(listed[0]["words"], "the keys are moved");
    assert!(subjects(&daemon).iter().all(|subject| !subject.contains("SEC-01")));

    daemon.ask(&["silence", "end", &silence, "--reason", "done early"]).done();
    wait_for("the mail of what fails", || {
        subjects(&daemon).contains(&"ALREADY FAILING SEC-01 Keys are rotated".to_owned()).then_some(())
    });
    assert!(daemon.ask(&["silence", "list"]).done().is_empty());
    assert_eq!(daemon.ask(&["silence", "list", "--all"]).done().len(), 1);
    daemon.ask(&["verify", "--deep"]).done();
}

#[test]
fn what_needs_a_second_person_waits_for_one() {
    let mut daemon = daemon();
    assert_eq!(daemon.ask(&["check", "SEC-01"]).code(), 1);
    daemon.write("keys.json", &key("ci-deploy").replace("2020-01-01T00:00:00Z", &an_hour_ago()));
    assert_eq!(daemon.ask(&["check", "SEC-01"]).code(), 0);
    let id = daemon.exceptions()[0]["id"].as_str().unwrap().to_owned();
    let close = ["exceptions", "close", &id, "--root-cause", "a forgotten job", "--response", "the job is gone"];
    let closing = number(&daemon.ask(&close).done()[0], "proposal").to_string();
    assert_eq!(daemon.exceptions()[0]["state"], "recovered", "it has no effect yet");
    let again = daemon.ask(&close);
    assert_eq!(again.code(), 2);
    assert!(again.stderr.contains("waits for approval already"), "{}", again.stderr);
    let own = daemon.ask(&["approve", &closing, "--reason", "I agree with myself"]);
    assert_eq!(own.code(), 2);
    assert!(own.stderr.contains("another person must approve it"), "{}", own.stderr);
    wait_for("the mail to who may approve", || {
        subjects(&daemon).contains(&format!("APPROVAL WANTED to close {id} of SEC-01")).then_some(())
    });

    let erase = ["erase", "AKIA0001", "--reason", "request 17"];
    let erasing = daemon.ask(&erase).done().remove(0);
    assert!(number(&erasing, "found") > 0);
    let erasing = number(&erasing, "proposal").to_string();
    assert_eq!(daemon.ask(&["proposals", "--exit-code"]).code(), 1);
    // What waits, waits also after a restart, and for a command that finds no daemon.
    daemon.terminate();
    for (proposal, act) in [(&closing, "close-exception"), (&erasing, "erase")] {
        let listed = daemon.ask(&["proposals"]).done();
        assert!(listed.iter().any(|line| line["act"] == act && line["state"] == "proposed"), "{listed:?}");
        daemon.ask(&["reject", proposal, "--reason", "I think again"]).done();
    }
    let ended: Vec<_> =
        daemon.ask(&["proposals", "--all"]).done().into_iter().map(|line| line["state"].clone()).collect();
    assert_eq!(ended, ["withdrawn", "withdrawn"]);
    let refused = daemon.ask(&["state", "reset", "SEC-01", "--reason", "a new baseline"]);
    assert!(refused.stderr.contains("keeps no state"), "{}", refused.stderr);
    daemon.ask(&["verify", "--deep"]).done();
}

#[test]
fn an_exclusion_is_proposed_listed_and_withdrawn() {
    let daemon = daemon();
    let short = ["exclude", "SEC-01", "AKIA0001", "--until", "2099-06-30", "--reason", "not ours"];
    let refused = daemon.ask(&short);
    assert_eq!(refused.code(), 2);
    assert!(refused.stderr.contains("at least 20 characters"), "{}", refused.stderr);
    let why = "the key of a supplier that leaves in June";
    let exclude = ["exclude", "SEC-01", "AKIA0001", "--until", "2099-06-30", "--reason", why];
    let proposal = number(&daemon.ask(&exclude).done()[0], "proposal").to_string();
    let own = daemon.ask(&["approve", &proposal, "--reason", "I agree with myself"]);
    assert!(own.stderr.contains("another person must approve it"), "{}", own.stderr);
    let listed = daemon.ask(&["proposals"]).done();
    assert_eq!((&listed[0]["subject"], &listed[0]["words"]), (&Value::from("AKIA0001"), &Value::from(why)));
    assert_eq!(listed[0]["until"], "2099-07-01T00:00:00.000Z", "the day is inclusive");
    assert!(daemon.ask(&["exclusions"]).done().is_empty());
    assert_eq!(daemon.ask(&["check", "SEC-01"]).code(), 1, "it is judged still");
    let ended = daemon.ask(&["exclude", "--end", "SEC-01", "AKIA0001"]);
    assert_eq!(ended.code(), 2);
    assert!(ended.stderr.contains("nobody excludes this subject"), "{}", ended.stderr);
    daemon.ask(&["reject", &proposal, "--reason", "they have left already"]).done();
    daemon.ask(&["verify", "--deep"]).done();
}

/// A key of today is never too old.
fn an_hour_ago() -> String {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() - 3600;
    jiff::Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap().to_string()
}
