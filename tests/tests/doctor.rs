//! `evidenced doctor`: what it sees with a daemon and without, and that looking leaves no trace with anybody.

use std::{
    fs,
    io::Read as _,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use evidenced_tests::{
    daemon::{Answer, Daemon},
    fixture, plugin,
};
use serde_json::Value;

use crate::smtp::Server;

/// Something that takes connections, and keeps what it was told.
struct Ear {
    port: u16,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Ear {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&heard);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut bytes = Vec::new();
                stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                let _ = stream.read_to_end(&mut bytes);
                to.lock().unwrap().push(bytes);
            }
        });
        Self { port, heard }
    }
}

/// A control that reaches `port` of this machine with a token.
fn control(daemon: &Daemon, port: u16) -> String {
    plugin("inference-uptime");
    fs::write(daemon.path("token"), "hunter2").unwrap();
    fs::set_permissions(daemon.path("token"), fs::Permissions::from_mode(0o600)).unwrap();
    format!(
        r#"
[[credential]]
id     = "token"
kind   = "bearer"
secret = {{ file = "token" }}

[[source]]
id         = "inference"
urls       = ["http://127.0.0.1:{port}"]
methods    = ["POST"]
addresses  = ["127.0.0.0/8"]
credential = "token"

[[control]]
id       = "AVL-01"
title    = "Inference answers a real request"
family   = "availability"
owner    = "serving"
severity = "low"
plugin   = "inference-uptime"
schedule = "0 0 1 1 *"
sources  = ["inference"]

[control.config]
endpoint = "http://127.0.0.1:{port}"
protocol = "openai"
model    = "assistant"
golden   = [{{ prompt = "How much is 2 + 2?", contains = "4" }}]
"#
    )
}

/// What was seen of an aspect: levels, and all that was said.
#[track_caller]
fn seen<'a>(answer: &'a Answer, aspect: &str) -> Vec<(&'a str, String)> {
    let of = answer.lines.iter().filter(|line| line["aspect"] == aspect);
    let all: Vec<_> = of.map(|line| (line["level"].as_str().unwrap(), line.to_string())).collect();
    assert!(!all.is_empty(), "nothing of {aspect} in {:?}", answer.lines);
    all
}

#[track_caller]
fn assert_all(answer: &Answer, aspect: &str, level: &str) {
    for (found, line) in seen(answer, aspect) {
        assert_eq!(found, level, "{line}");
    }
}

/// Whatever is not well comes with what to do about it, and what is well with nothing.
#[track_caller]
fn assert_advised(answer: &Answer) {
    for line in &answer.lines {
        assert_eq!(line["level"] == "ok", line["advice"] == Value::Null, "{line}");
    }
}

#[test]
fn a_sound_installation_is_sound_with_and_without_a_daemon_and_nobody_was_told_a_secret_or_sent_a_mail() {
    let mut daemon = Daemon::new();
    let (mail, ear) = (Server::start("starttls"), Ear::start());
    fs::set_permissions(mail.place.path().join("password"), fs::Permissions::from_mode(0o600)).unwrap();
    daemon.configure(&[mail.tables(), control(&daemon, ear.port)].concat());

    let before = daemon.ask(&["doctor"]);
    assert_eq!(before.code(), 0, "{before:?}");
    assert_all(&before, "daemon", "warn");
    assert_all(&before, "mail", "ok");
    assert!(!daemon.path("state").exists(), "looking makes nothing");
    assert_advised(&before);

    daemon.start();
    let answer = daemon.ask(&["doctor"]);
    assert_eq!(answer.code(), 0, "{answer:?}");
    for aspect in ["state-dir", "file-system", "free-space", "ledger", "key", "plugin", "credential", "source", "mail"]
    {
        assert_all(&answer, aspect, "ok");
    }
    for aspect in ["recipient", "socket", "daemon"] {
        assert_all(&answer, aspect, "ok");
    }
    // The configuration of these tests says that the daemon shall not test itself.
    let configuration = seen(&answer, "configuration");
    let odd: Vec<_> = configuration.iter().filter(|(level, _)| *level != "ok").collect();
    assert!(odd.len() == 1 && odd[0].0 == "warn" && odd[0].1.contains("does not test itself"), "{odd:?}");
    assert_advised(&answer);
    assert_eq!(daemon.terminate().code(), Some(0));

    let after = daemon.ask(&["doctor"]);
    assert_eq!(after.code(), 0, "{after:?}");
    assert_all(&after, "daemon", "warn");
    for aspect in ["state-dir", "ledger", "key", "plugin", "credential", "source", "mail"] {
        assert_all(&after, aspect, "ok");
    }
    let heard = ear.heard.lock().unwrap();
    assert_eq!(heard.len(), 3, "{heard:?}");
    assert!(heard.iter().all(Vec::is_empty), "nothing is asked of a source: {heard:?}");
    assert!(mail.taken().is_empty());
    assert!(!mail.commands().iter().any(|command| command.contains("RCPT")), "{:?}", mail.commands());
    for answer in [before, answer, after] {
        assert!(!format!("{answer:?}").contains("hunter2"));
    }
}

#[test]
fn what_is_wrong_is_told_with_what_to_do_and_ends_with_1() {
    let mut daemon = Daemon::new();
    let mail = Server::start("starttls");
    // Nobody listens there any more.
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    daemon.configure(&[mail.tables(), control(&daemon, port)].concat());
    daemon.start();
    fs::write(mail.place.path().join("password"), "wrong").unwrap();
    fs::write(daemon.path("token"), "").unwrap();
    fs::set_permissions(daemon.path("state/key"), fs::Permissions::from_mode(0o644)).unwrap();

    let answer = daemon.ask(&["doctor"]);
    assert_eq!(answer.code(), 1, "{answer:?}");
    assert_all(&answer, "source", "bad");
    let login = seen(&answer, "mail");
    assert!(login.iter().any(|(level, line)| *level == "bad" && line.contains("username")), "{login:?}");
    let token = seen(&answer, "credential");
    assert!(token.iter().any(|(level, line)| *level == "bad" && line.contains("empty")), "{token:?}");
    let keys = seen(&answer, "key");
    assert!(keys.iter().any(|(level, line)| *level == "bad" && line.contains("chmod 0600")), "{keys:?}");
    assert_advised(&answer);
    let said = daemon.command(&["doctor"]).output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(text.contains("bad   source") && text.contains("→ "), "{text}");
}

#[test]
fn a_refused_file_is_told_with_its_line_and_what_is_in_force_is_looked_at() {
    let mut daemon = Daemon::new();
    fixture("noop");
    let control = |key: &str| {
        format!(
            "[[control]]\nid = \"SEC-01\"\ntitle = \"Nothing is looked at\"\nfamily = \"security\"\nowner = \"platform\"\n\
             severity = \"low\"\nplugin = \"noop\"\n{key} = \"1h\"\n"
        )
    };
    daemon.configure(&control("evry"));
    let answer = daemon.ask(&["doctor"]);
    assert_eq!(answer.code(), 2, "{answer:?}");
    let refused = seen(&answer, "configuration");
    assert!(refused.iter().any(|(level, line)| *level == "bad" && line.contains("evidenced.toml:")), "{refused:?}");

    daemon.configure(&control("every"));
    daemon.start();
    daemon.configure(&control("evry"));
    let answer = daemon.ask(&["doctor"]);
    assert_eq!(answer.code(), 2, "{answer:?}");
    assert_all(&answer, "plugin", "ok");
    assert_all(&answer, "recipient", "bad");
}
