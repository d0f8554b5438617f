//! What an operator does to a running daemon: stops it, has it read its files again, starts it a second time.

use std::{
    fs,
    io::Read as _,
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use evidenced_tests::{
    daemon::{Daemon, wait_for},
    fixture, plugin,
};
use serde_json::Value;

/// Mails become files: no server is needed here.
const MAIL: &str = r#"
[mail]
transport = "directory"
directory = "mail"
from      = "evidenced@example.com"

[[recipient]]
id       = "compliance"
email    = ["compliance@example.com"]
families = ["*"]
severity = "low"
"#;

pub(crate) fn noop(id: &str, more: &str) -> String {
    fixture("noop");
    format!(
        "\n[[control]]\nid = \"{id}\"\ntitle = \"Nothing is looked at\"\nfamily = \"security\"\nowner = \"platform\"\n\
         severity = \"low\"\nplugin = \"noop\"\nconfig = {{}}\n{more}\n"
    )
}

/// A server that takes connections and never answers.
struct Silence {
    port: u16,
}

impl Silence {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || swallow(stream));
            }
        });
        Self { port }
    }

    /// A control whose every run waits for it until `wall`.
    fn control(&self, id: &str, wall: &str) -> String {
        plugin("inference-uptime");
        let url = format!("http://127.0.0.1:{}", self.port);
        format!(
            r#"
[[source]]
id        = "silence"
urls      = ["{url}"]
methods   = ["POST"]
addresses = ["127.0.0.0/8"]

[[control]]
id       = "{id}"
title    = "Inference answers a real request"
family   = "availability"
owner    = "serving"
severity = "low"
plugin   = "inference-uptime"
every    = "1s"
sources  = ["silence"]
limits   = {{ wall = "{wall}" }}

[control.config]
endpoint = "{url}"
model    = "iris"
golden   = [{{ inputs = [{{ name = "predict", shape = [1, 4], datatype = "FP64", data = [5.1, 3.5, 1.4, 0.2] }}], outputs = [{{ name = "predict", data = [0] }}] }}]
"#
        )
    }
}

fn swallow(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
}

/// The slots of the schedule, in milliseconds, in order: what a person asked for lies between whole seconds.
pub(crate) fn scheduled(results: &[Value]) -> Vec<i64> {
    let slots = results.iter().map(|line| line["slot"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap());
    let mut slots: Vec<_> = slots.map(|slot| slot.as_millisecond()).filter(|slot| slot % 1000 == 0).collect();
    slots.sort_unstable();
    slots
}

/// Every second from the first slot to the last is there, and once.
#[track_caller]
pub(crate) fn assert_every_second_once(control: &str, results: &[Value]) {
    let slots = scheduled(results);
    for pair in slots.windows(2) {
        let at = jiff::Timestamp::from_millisecond(pair[0]).unwrap();
        assert_eq!(pair[1] - pair[0], 1000, "{control}: the slot after {at} is missing, or it is there twice");
    }
}

fn mails(daemon: &Daemon, words: &str) -> usize {
    let Ok(folder) = fs::read_dir(daemon.path("mail")) else { return 0 };
    let files = folder.map(|file| fs::read_to_string(file.unwrap().path()).unwrap_or_default());
    files.filter(|text| text.lines().any(|line| line.starts_with("Subject:") && line.contains(words))).count()
}

#[test]
fn a_stop_ends_with_0_and_accounts_for_what_was_under_way() {
    let mut daemon = Daemon::new();
    let silence = Silence::start();
    daemon.configure(&[MAIL, &silence.control("AVL-01", "2s"), &noop("SEC-01", "every = \"1s\"")].concat());
    daemon.start();
    wait_for("some slots", || (scheduled(&daemon.results("SEC-01")).len() > 3).then_some(()));
    let ended = daemon.terminate();
    assert_eq!(ended.code(), Some(0), "{}", daemon.log());
    for control in ["AVL-01", "SEC-01"] {
        assert_every_second_once(control, &daemon.results(control));
    }
    daemon.ask(&["verify", "--deep"]).done();
    daemon.start();
    wait_for("a run after the stop", || {
        let results = daemon.results("SEC-01");
        let down = results.iter().position(|line| line["reason"] == "down" || line["reason"] == "shutdown");
        let after = results.iter().rposition(|line| line["state"] == "run");
        (after > down).then_some(())
    });
    daemon.kill();
    daemon.start();
    wait_for("the gap", || (scheduled(&daemon.results("AVL-01")).len() > 3).then_some(()));
    for control in ["AVL-01", "SEC-01"] {
        assert_every_second_once(control, &daemon.results(control));
    }
}

#[test]
fn a_slot_whose_run_was_killed_is_accounted_for_although_later_ones_were_missed_meanwhile() {
    let mut daemon = Daemon::new();
    let silence = Silence::start();
    // Each run takes some seconds, in which the slots after it overlap.
    daemon.configure(&[MAIL, &silence.control("AVL-01", "4s"), &noop("SEC-01", "every = \"1s\"")].concat());
    daemon.start();
    wait_for("a run and its overlaps", || (scheduled(&daemon.results("AVL-01")).len() > 3).then_some(()));
    // Now in the middle of the next run, and sure to be past the start of a slot after it: the newest past slot runs late.
    let seen = scheduled(&daemon.results("SEC-01")).len();
    wait_for("three more seconds", || (scheduled(&daemon.results("SEC-01")).len() >= seen + 3).then_some(()));
    daemon.kill();
    daemon.start();
    let interrupted = wait_for("the start to account for it", || {
        let results = daemon.results("AVL-01");
        results.iter().any(|line| line["reason"] == "interrupted").then_some(results)
    });
    assert_every_second_once("AVL-01", &interrupted);
    daemon.ask(&["verify", "--deep"]).done();
}

#[test]
fn a_reload_of_a_broken_file_changes_nothing_and_says_so_and_a_good_one_is_taken() {
    let mut daemon = Daemon::new();
    let first = [MAIL, &noop("SEC-01", "every = \"1s\"")].concat();
    daemon.configure(&first);
    daemon.start();
    wait_for("a run", || (scheduled(&daemon.results("SEC-01")).len() > 1).then_some(()));

    let good = fs::read_to_string(daemon.path("evidenced.toml")).unwrap();
    daemon.configure(&[&first, &*noop("SEC-02", "evry = \"1s\"")].concat());
    daemon.signal("HUP");
    // Commands read the file as well: what is asked of the running daemon must not depend on it.
    let status = wait_for("the refusal", || {
        let answer = daemon.ask(&["status"]);
        answer.lines.into_iter().find(|status| status["configuration_refused"] == true)
    });
    assert_eq!(status["controls"].as_array().unwrap().len(), 1, "{status}");
    wait_for("the alert", || (mails(&daemon, "CONFIGURATION REFUSED") == 1).then_some(()));

    daemon.write("evidenced.toml", &good);
    let before = scheduled(&daemon.results("SEC-01")).len();
    wait_for("the old control to go on", || (scheduled(&daemon.results("SEC-01")).len() > before + 1).then_some(()));

    daemon.configure(&[&first, &*noop("SEC-02", "every = \"1s\"")].concat());
    daemon.signal("HUP");
    wait_for("the new control", || {
        let answer = daemon.ask(&["results", "SEC-02"]);
        (answer.status.success() && scheduled(&answer.lines).len() > 1).then_some(())
    });
    assert_eq!(daemon.status()["configuration_refused"], false);
    for control in ["SEC-01", "SEC-02"] {
        assert_every_second_once(control, &daemon.results(control));
    }
    assert_eq!(daemon.terminate().code(), Some(0));
    daemon.ask(&["verify", "--deep"]).done();
}

#[test]
fn a_start_with_a_refused_file_runs_the_last_accepted_configuration_and_without_one_ends_with_2() {
    let mut daemon = Daemon::new();
    let first = [MAIL, &noop("SEC-01", "every = \"1s\"")].concat();
    let broken = [&first, "\n[[control]]\nid = 7\n"].concat();

    daemon.configure(&broken);
    daemon.launch();
    assert_eq!(daemon.wait_until_it_ends().code(), Some(2), "{}", daemon.log());
    assert!(daemon.log().contains("evidenced.toml:"), "{}", daemon.log());

    daemon.configure(&first);
    daemon.start();
    wait_for("a run", || (scheduled(&daemon.results("SEC-01")).len() > 1).then_some(()));
    assert_eq!(daemon.terminate().code(), Some(0));

    daemon.configure(&broken);
    daemon.start();
    let status = daemon.ask(&["status"]).lines.remove(0);
    assert_eq!(status["configuration_refused"], true, "{status}");
    assert_eq!(status["controls"][0]["control"], "SEC-01", "{status}");
    wait_for("the alert", || (mails(&daemon, "CONFIGURATION REFUSED") == 1).then_some(()));
    daemon.configure(&first);
    let before = scheduled(&daemon.results("SEC-01")).len();
    wait_for("it to run", || (scheduled(&daemon.results("SEC-01")).len() > before).then_some(()));
    assert_eq!(daemon.terminate().code(), Some(0));
}

#[test]
fn a_second_daemon_on_the_same_state_is_refused_and_the_first_one_goes_on() {
    let mut daemon = Daemon::new();
    daemon.configure(&[MAIL, &noop("SEC-01", "every = \"1s\"")].concat());
    daemon.start();
    let began = Instant::now();
    let second = daemon.command(&["run"]).output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(3), "{said}");
    assert!(said.contains("another process") && said.contains("state"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(10));
    // Its socket is still the first one's.
    assert_eq!(daemon.status()["is_running"], true);
    let before = scheduled(&daemon.results("SEC-01")).len();
    wait_for("the first one to go on", || (scheduled(&daemon.results("SEC-01")).len() > before).then_some(()));
    assert_eq!(daemon.terminate().code(), Some(0));
}

/// Waits until the program takes the signals that are sent to it: before that it is not yet the daemon that runs.
fn wait_until_it_listens(daemon: &mut Daemon) {
    wait_for("the daemon to listen", || {
        if let Some(ended) = daemon.ended() {
            panic!("the daemon ended with {ended} at its start:\n{}", daemon.log());
        }
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
        // SIGHUP is the first of the mask.
        (u64::from_str_radix(caught, 16).unwrap() & 1 == 1).then_some(())
    });
}

#[test]
fn a_storm_of_reloads_while_it_starts_neither_ends_it_nor_is_forgotten() {
    let mut daemon = Daemon::new();
    let mut controls = [MAIL, &noop("SEC-00", "every = \"1s\"")].concat();
    for round in 1..6 {
        daemon.configure(&controls);
        daemon.launch();
        wait_until_it_listens(&mut daemon);
        // The first start compiles the plugin: it listens long before it can answer.
        assert!(round > 1 || !daemon.path("evidenced.sock").exists(), "it listens from the first moment on");
        // It has read its files, or is about to: if it has, it is to read them again.
        let control = format!("SEC-{round:02}");
        controls.push_str(&noop(&control, "every = \"1s\""));
        daemon.configure(&controls);
        wait_for("the daemon to answer", || {
            for _ in 0..20 {
                daemon.signal("HUP");
            }
            assert!(daemon.ended().is_none(), "{}", daemon.log());
            let answer = daemon.ask(&["status"]);
            answer.lines.first().is_some_and(|status| status["is_running"] == true).then_some(())
        });
        wait_for("the control that was added meanwhile", || {
            let answer = daemon.ask(&["results", &control]);
            (answer.status.success() && !scheduled(&answer.lines).is_empty()).then_some(())
        });
        // What came is read, and then it is quiet again.
        assert_eq!(daemon.terminate().code(), Some(0), "{}", daemon.log());
    }
    assert_every_second_once("SEC-00", &daemon.results("SEC-00"));
    daemon.ask(&["verify", "--deep"]).done();
}

#[test]
fn a_stop_while_it_starts_ends_it_in_order() {
    let mut daemon = Daemon::new();
    daemon.configure(&[MAIL, &noop("SEC-01", "every = \"1s\"")].concat());
    for signal in ["TERM", "INT", "TERM"] {
        daemon.launch();
        wait_until_it_listens(&mut daemon);
        daemon.signal(signal);
        let ended = daemon.wait_until_it_ends();
        assert_eq!(ended.code(), Some(0), "SIG{signal}: {}", daemon.log());
    }
    daemon.start();
    wait_for("some slots", || {
        let answer = daemon.ask(&["results", "SEC-01"]);
        (answer.status.success() && scheduled(&answer.lines).len() > 2).then_some(())
    });
    assert_eq!(daemon.terminate().code(), Some(0));
    assert_every_second_once("SEC-01", &daemon.results("SEC-01"));
    daemon.ask(&["verify", "--deep"]).done();
}

#[test]
fn what_a_reload_cannot_bring_into_force_is_told_until_the_restart() {
    let mut daemon = Daemon::new();
    let first = [MAIL, &noop("SEC-01", "every = \"1s\"")].concat();
    daemon.configure(&first);
    daemon.start();
    assert_eq!(daemon.status()["after_restart"], serde_json::json!([]));
    let other = first.clone() + "\n[runner]\nconcurrency = 3\n[web]\nlisten = \"127.0.0.1:8420\"\n";
    daemon.configure(&other);
    daemon.signal("HUP");
    let keys = serde_json::json!(["web.listen", "runner.concurrency"]);
    wait_for("the keys", || (daemon.status()["after_restart"] == keys).then_some(()));
    let words = String::from_utf8(daemon.command(&["status"]).output().unwrap().stdout).unwrap();
    let line = "changed in the configuration, in force after a restart: web.listen, runner.concurrency";
    assert!(words.lines().any(|found| found == line), "{words}");
    // Read once more without a change it is still so; written as it was it is in force.
    daemon.signal("HUP");
    wait_for("a run", || (scheduled(&daemon.results("SEC-01")).len() > 1).then_some(()));
    assert_eq!(daemon.status()["after_restart"], keys);
    daemon.configure(&first);
    daemon.signal("HUP");
    wait_for("nothing to wait for", || (daemon.status()["after_restart"] == serde_json::json!([])).then_some(()));
    daemon.configure(&other);
    daemon.signal("HUP");
    wait_for("the keys", || (daemon.status()["after_restart"] == keys).then_some(()));
    assert_eq!(daemon.terminate().code(), Some(0));
    daemon.configure(&first);
    daemon.start();
    assert_eq!(daemon.status()["after_restart"], serde_json::json!([]));
}

#[test]
fn mail_that_waits_goes_out_by_the_way_that_a_reload_names() {
    let mut daemon = Daemon::new();
    // A file where the folder should be: no mail can be written. The first one is that the files are refused.
    fs::write(daemon.path("mail"), "").unwrap();
    let first = [MAIL, &noop("SEC-01", "every = \"1s\"")].concat();
    daemon.configure(&first);
    daemon.start();
    daemon.configure(&first.replace("every", "evry"));
    daemon.signal("HUP");
    wait_for("a mail that waits", || {
        let answer = daemon.ask(&["status"]);
        answer.lines.first().filter(|status| status["mails_waiting"] == 1).map(|_| ())
    });
    let other = first.replace("\"mail\"", "\"other\"").replace("evidenced@example.com", "controls@example.com");
    daemon.configure(&other);
    daemon.signal("HUP");
    wait_for("the mail", || (daemon.status()["mails_waiting"] == 0).then_some(()));
    let mails: Vec<_> = fs::read_dir(daemon.path("other")).unwrap().map(|file| file.unwrap().path()).collect();
    let texts: Vec<_> = mails.iter().map(|mail| fs::read_to_string(mail).unwrap()).collect();
    let is_it = |text: &&String| text.contains("CONFIGURATION REFUSED") && text.contains("<controls@example.com>");
    assert_eq!(texts.iter().filter(is_it).count(), 1, "{texts:?}");
    assert_eq!(daemon.terminate().code(), Some(0));
    daemon.ask(&["verify", "--deep"]).done();
}

#[test]
fn a_plugin_whose_file_was_replaced_is_a_new_version_after_a_reload() {
    let mut daemon = Daemon::new();
    let control = noop("SEC-01", "every = \"1s\"").replace("plugin = \"noop\"", "plugin = \"./probe.wasm\"");
    let mut bytes = fs::read(fixture("noop")).unwrap();
    fs::write(daemon.path("probe.wasm"), &bytes).unwrap();
    daemon.configure(&[MAIL, &control].concat());
    daemon.start();
    let digest = |line: &Value| line["plugin"]["digest"].as_str().map(str::to_owned);
    let newest = |daemon: &Daemon| {
        let results = daemon.results("SEC-01");
        results.iter().rfind(|line| line["state"] == "run").and_then(digest)
    };
    let first = wait_for("a run", || newest(&daemon));
    // A section that means nothing makes it another file.
    bytes.extend([0, 5, 4, b'n', b'o', b't', b'e']);
    let other = daemon.path("other.wasm");
    fs::write(&other, &bytes).unwrap();
    fs::rename(&other, daemon.path("probe.wasm")).unwrap();
    let before = daemon.results("SEC-01").len();
    wait_for("more runs", || (daemon.results("SEC-01").len() > before + 1).then_some(()));
    assert_eq!(newest(&daemon), Some(first.clone()), "what was loaded is in force until it is told to look");

    // The configuration itself is as it was.
    daemon.signal("HUP");
    let second = wait_for("a run of the other one", || newest(&daemon).filter(|digest| *digest != first));
    let results = daemon.results("SEC-01");
    let digests: Vec<_> = results.iter().filter(|line| line["state"] == "run").filter_map(digest).collect();
    let changed = digests.iter().position(|digest| *digest == second).unwrap();
    assert!(digests[..changed].iter().all(|digest| *digest == first), "{digests:?}");
    assert!(digests[changed..].iter().all(|digest| *digest == second), "{digests:?}");
    assert_eq!(daemon.terminate().code(), Some(0));
    daemon.ask(&["verify", "--deep"]).done();
}
