//! Commands while a daemon runs: they are its clients, and need to reach nothing but its socket.

use std::{fs, path::Path, process::Command};

use evidenced_tests::{
    daemon::{Daemon, binary},
    fixture,
};
use serde_json::Value;

/// A control that is tested when somebody asks, so that the ledger stands still between.
const STILL: &str = r#"
[[window]]
id    = "all"
start = "2020-01-01"
end   = "2099-12-31"

[[control]]
id       = "SEC-01"
title    = "Nothing is looked at"
family   = "security"
owner    = "platform"
severity = "low"
plugin   = "noop"
schedule = "0 0 29 2 *"
config   = {}
"#;

/// The same configuration, by which only the socket can be found: a state folder that is not there.
fn write_client(daemon: &Daemon) {
    let text = fs::read_to_string(daemon.path("evidenced.toml")).unwrap();
    daemon.write("client.toml", &text.replace("state_dir = \"state\"", "state_dir = \"nowhere\""));
}

/// What a command says by a configuration, and how it ends.
fn said(daemon: &Daemon, config: &str, words: &[&str]) -> (Option<i32>, Vec<Value>, String) {
    let mut command = Command::new(binary());
    let output = command.args(words).arg("--json").arg("--config").arg(daemon.path(config)).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output.status.code(), lines, String::from_utf8(output.stderr).unwrap())
}

/// The files of a report, without the time at which it was made.
fn report(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let content = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        if path.extension().is_some_and(|extension| extension == "json") {
            let mut json: Value = serde_json::from_str(&text).unwrap();
            json["produced"].take();
            json["summary"]["as_of"].take();
            return json.to_string();
        }
        // A page says it in words; what it counts stands in the others.
        if path.extension().is_some_and(|extension| extension == "html") { String::new() } else { text }
    };
    files.iter().map(|path| (name(path), content(path))).collect()
}

#[test]
fn who_reaches_only_the_socket_is_answered_as_who_reads_the_state() {
    fixture("noop");
    let mut daemon = Daemon::new();
    daemon.configure(STILL);
    daemon.start();
    write_client(&daemon);
    let checked: Vec<_> = (0..3).map(|_| daemon.ask(&["check", "SEC-01"]).done().remove(0)).collect();
    let run = checked[1]["sequence"].to_string();
    let other = daemon.path("other.txt");
    fs::write(&other, "a letter without a checkpoint").unwrap();
    let questions: &[&[&str]] = &[
        &["verify"],
        &["verify", "--deep"],
        &["verify", "--against", other.to_str().unwrap()],
        &["replay", "--all"],
        &["replay", "--all", "--control", "SEC-01"],
        &["replay", &run],
        &["replay", "0"],
        &["replay", "--all", "--control", "SEC-02"],
        &["report", "--window", "none", "-o", "none"],
        &["results", "SEC-01"],
    ];
    let by_socket: Vec<_> = questions.iter().map(|words| said(&daemon, "client.toml", words)).collect();
    let (a, b) = (daemon.path("report-a"), daemon.path("report-b"));
    let (code, written, _) =
        said(&daemon, "client.toml", &["report", "--window", "all", "-o", a.to_str().unwrap(), "--exit-code"]);
    assert_eq!((code, written.len()), (Some(0), 12));

    // Killed, so that it says nothing more.
    daemon.kill();
    for (words, by_socket) in questions.iter().zip(by_socket) {
        assert_eq!(by_socket, said(&daemon, "evidenced.toml", words), "{words:?}");
    }
    let (code, ..) = said(&daemon, "evidenced.toml", &["report", "--window", "all", "-o", b.to_str().unwrap()]);
    assert_eq!(code, Some(0));
    assert_eq!(report(&a), report(&b));

    // The answers are the daemon's: without it nobody has any.
    for words in [&["verify"][..], &["replay", "--all"], &["report", "--window", "all", "-o", "none"]] {
        let (code, _, talk) = said(&daemon, "client.toml", words);
        assert_eq!(code, Some(3), "{words:?}: {talk}");
        assert!(talk.contains("cannot read the ledger in "), "{talk}");
    }
}

#[test]
fn who_verifies_a_copy_is_not_told_of_the_daemons_own_ledger() {
    fixture("noop");
    let mut daemon = Daemon::new();
    daemon.configure(STILL);
    daemon.start();
    daemon.ask(&["check", "SEC-01"]).done();
    let copied = Command::new("cp").arg("-r").args([daemon.path("state"), daemon.path("copy")]).status().unwrap();
    assert!(copied.success());
    let text = fs::read_to_string(daemon.path("evidenced.toml")).unwrap();
    daemon.write("copy.toml", &text.replace("state_dir = \"state\"", "state_dir = \"copy\""));
    daemon.ask(&["check", "SEC-01"]).done();

    let entries = |config| {
        let (code, lines, talk) = said(&daemon, config, &["verify"]);
        assert_eq!(code, Some(0), "{talk}");
        lines[0]["entries"].as_u64().unwrap()
    };
    let (of_copy, of_daemon) = (entries("copy.toml"), entries("evidenced.toml"));
    assert!(of_copy < of_daemon, "{of_copy} {of_daemon}");
}
