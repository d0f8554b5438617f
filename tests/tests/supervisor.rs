//! What a supervisor hears of the daemon over its socket: the messages of sd_notify(3).

use std::{
    fs,
    os::unix::net::UnixDatagram,
    path::Path,
    time::{Duration, Instant},
};

use evidenced_tests::{
    daemon::{Daemon, PATIENCE, wait_for},
    fixture,
};

/// A daemon that is told of a supervisor, and the supervisor's ear.
struct Supervised {
    daemon: Daemon,
    socket: UnixDatagram,
    /// All that was heard, a message a line; lines of one message are put together.
    heard: Vec<String>,
}

impl Supervised {
    fn new() -> Self {
        let mut daemon = Daemon::new();
        let path = daemon.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        daemon.set("NOTIFY_SOCKET", path.display());
        Self { daemon, socket, heard: Vec::new() }
    }

    fn configure(&self, more: &str) {
        fixture("noop");
        self.daemon.configure(&format!(
            "[[control]]\nid = \"SEC-01\"\ntitle = \"Nothing is looked at\"\nfamily = \"security\"\nowner = \"platform\"\n\
             severity = \"low\"\nplugin = \"noop\"\nevery = \"1s\"\n{more}\n"
        ));
    }

    /// Listens until a message has this line, and returns the messages since the last call.
    #[track_caller]
    fn hear(&mut self, line: &str) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut since = Vec::new();
        let mut bytes = [0; 4096];
        loop {
            if let Ok(length) = self.socket.recv(&mut bytes) {
                let message = String::from_utf8(bytes[..length].to_vec()).unwrap();
                self.heard.push(message.clone());
                let is_it = message.lines().any(|one| one == line);
                since.push(message);
                if is_it {
                    return since;
                }
            }
            assert!(Instant::now() < deadline, "no `{line}` in {:?}\n{}", self.heard, self.daemon.log());
        }
    }
}

#[track_caller]
fn value<'m>(message: &'m str, name: &str) -> &'m str {
    let found = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name} in {message:?}"))
}

fn says(messages: &[String], line: &str) -> bool {
    messages.iter().any(|message| message.lines().any(|one| one == line))
}

#[test]
fn a_start_says_how_far_it_is_and_is_ready_once_the_daemon_answers() {
    let mut supervised = Supervised::new();
    supervised.configure("");
    supervised.daemon.launch();
    let said = supervised.hear("READY=1");
    let (ready, before) = said.split_last().unwrap();
    let extended: Vec<u64> =
        before.iter().map(|message| value(message, "EXTEND_TIMEOUT_USEC").parse().unwrap()).collect();
    assert!(extended.iter().all(|within| *within >= 30_000_000), "{before:?}");
    let steps = ["opening the ledger", "loading the plugin noop", "recording the configuration"];
    for step in steps {
        assert!(says(before, &format!("STATUS={step}")), "{step}: {before:?}");
    }
    assert_eq!(value(ready, "STATUS"), "1 control, 0 open exceptions");
    // Ready is no promise: whoever is told so may ask at once.
    assert_eq!(supervised.daemon.status()["is_running"], true);
    assert_eq!(supervised.daemon.terminate().code(), Some(0));
}

#[test]
fn a_reload_and_a_stop_are_said_and_a_refused_file_stands_in_the_status() {
    let mut supervised = Supervised::new();
    supervised.configure("");
    supervised.daemon.launch();
    supervised.hear("READY=1");

    supervised.configure("confirmations = 2");
    supervised.daemon.signal("HUP");
    let reloading = supervised.hear("RELOADING=1").pop().unwrap();
    let moment: u64 = value(&reloading, "MONOTONIC_USEC").parse().unwrap();
    assert!(moment > 0);
    let ready = supervised.hear("READY=1").pop().unwrap();
    assert_eq!(value(&ready, "STATUS"), "1 control, 0 open exceptions");

    supervised.configure("confirmatoins = 2");
    supervised.daemon.signal("HUP");
    supervised.hear("RELOADING=1");
    let ready = supervised.hear("READY=1").pop().unwrap();
    assert!(value(&ready, "STATUS").contains("refused, the last accepted one is in force"), "{ready}");

    supervised.daemon.signal("TERM");
    let stopping = supervised.hear("STOPPING=1").pop().unwrap();
    assert!(value(&stopping, "EXTEND_TIMEOUT_USEC").parse::<u64>().unwrap() >= 20_000_000);
    assert_eq!(supervised.daemon.wait_until_it_ends().code(), Some(0));
}

#[test]
fn the_loop_gives_signs_of_life_when_they_are_asked_for_and_else_none() {
    let mut supervised = Supervised::new();
    supervised.configure("");
    supervised.daemon.launch();
    supervised.hear("READY=1");
    let runs = supervised.daemon.results("SEC-01").len();
    wait_for("some slots", || (supervised.daemon.results("SEC-01").len() > runs + 2).then_some(()));
    supervised.daemon.signal("TERM");
    assert!(!says(&supervised.hear("STOPPING=1"), "WATCHDOG=1"), "{:?}", supervised.heard);
    supervised.daemon.wait_until_it_ends();

    supervised.daemon.set("WATCHDOG_USEC", 30_000_000);
    supervised.daemon.launch();
    supervised.hear("READY=1");
    // More than one: it is the loop that turns, and not the start that says it.
    for _ in 0..3 {
        supervised.hear("WATCHDOG=1");
    }
}

/// Deleting the view costs a fold of all entries, and no more.
#[test]
fn a_ledger_that_is_folded_anew_asks_for_time() {
    let mut supervised = Supervised::new();
    supervised.configure("");
    supervised.daemon.launch();
    supervised.hear("READY=1");
    let entries = wait_for("some entries", || {
        let entries = supervised.daemon.status()["entries"].as_u64().unwrap();
        (entries > 5).then_some(entries)
    });
    assert_eq!(supervised.daemon.terminate().code(), Some(0));
    let view: &Path = &supervised.daemon.path("state/view");
    fs::remove_dir_all(view).unwrap();
    supervised.daemon.launch();
    let said = supervised.hear("READY=1");
    let read = said
        .iter()
        .any(|message| message.contains("reading the journal: ") && message.contains("EXTEND_TIMEOUT_USEC="));
    assert!(read, "{said:?}");
    assert!(supervised.daemon.status()["entries"].as_u64().unwrap() > entries);
}

#[test]
fn a_supervisor_that_is_gone_keeps_nobody_from_work() {
    let mut daemon = Daemon::new();
    daemon.set("NOTIFY_SOCKET", daemon.path("nowhere").display());
    fixture("noop");
    daemon.configure("");
    daemon.start();
    assert!(daemon.log().contains("cannot be told how things stand"), "{}", daemon.log());
    assert_eq!(daemon.terminate().code(), Some(0));
}
