//! Webhooks and heartbeats of a real daemon, and at the other end a small HTTP peer that answers as it is told: it is no
//! Slack and no PagerDuty, and what those make of a body is not tested here.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use evidenced_tests::{
    daemon::{Daemon, wait_for},
    plugin,
};
use serde_json::Value;

use crate::signals::noop;

/// A key as Standard Webhooks have it.
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A name in paths that nobody but the peer may see.
const HIDDEN: &str = "hunter2-T00-B00";

/// What a peer got.
#[derive(Debug, Clone)]
struct Got {
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or_else(|| panic!("no {name} in {self:?}"), |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// How it answers.
#[derive(Debug, Clone, Copy)]
enum Mode {
    Status(u16),
    /// 503, and when to come back.
    Busy(&'static str),
    /// The connection ends when everything was read, and before an answer.
    Drop,
    Slow(Duration),
}

struct Peer {
    port: u16,
    got: Arc<Mutex<Vec<Got>>>,
    modes: Arc<Mutex<VecDeque<Mode>>>,
    /// What an inference server says.
    inference: Arc<Mutex<u16>>,
}

impl Peer {
    fn start() -> Self {
        Self::on(TcpListener::bind(("127.0.0.1", 0)).unwrap())
    }

    fn on(listener: TcpListener) -> Self {
        let port = listener.local_addr().unwrap().port();
        let peer = Self { port, got: Arc::default(), modes: Arc::default(), inference: Arc::new(Mutex::new(200)) };
        let (got, modes, inference) = (Arc::clone(&peer.got), Arc::clone(&peer.modes), Arc::clone(&peer.inference));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (got, modes, inference) = (Arc::clone(&got), Arc::clone(&modes), Arc::clone(&inference));
                thread::spawn(move || {
                    let Some(request) = read(&stream) else { return };
                    if request.path.starts_with("/v2/models") {
                        return infer(stream, *inference.lock().unwrap());
                    }
                    got.lock().unwrap().push(request);
                    let mode = modes.lock().unwrap().pop_front().unwrap_or(Mode::Status(200));
                    answer(stream, mode);
                });
            }
        });
        peer
    }

    /// For the next requests; then all is taken.
    fn answers(&self, modes: &[Mode]) {
        self.modes.lock().unwrap().extend(modes);
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// The requests to this path, once there are so many.
    fn wait_for(&self, path: &str, count: usize) -> Vec<Got> {
        wait_for(&format!("{count} requests to {path}"), || {
            let got: Vec<_> = self.got().into_iter().filter(|got| got.path.starts_with(path)).collect();
            (got.len() >= count).then_some(got)
        })
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }
}

/// A whole request; `None` for a connection that says nothing.
fn read(stream: &TcpStream) -> Option<Got> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some(Got { path, headers, body: String::from_utf8(body).unwrap() })
}

fn answer(mut stream: TcpStream, mode: Mode) {
    let (status, more) = match mode {
        Mode::Status(status) => (status, String::new()),
        Mode::Busy(after) => (503, format!("retry-after: {after}\r\n")),
        Mode::Drop => return,
        Mode::Slow(time) => {
            thread::sleep(time);
            (200, String::new())
        }
    };
    // Whoever asked may have gone.
    let _ = write!(stream, "HTTP/1.1 {status} So\r\n{more}content-length: 2\r\nconnection: close\r\n\r\nok");
}

fn infer(mut stream: TcpStream, status: u16) {
    let body = r#"{"model_name":"iris","outputs":[{"name":"predict","shape":[1],"datatype":"INT64","data":[0]}]}"#;
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} So\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
}

/// Mail into files, and a recipient with these keys.
fn tables(recipient: &str) -> String {
    format!(
        "[mail]\ntransport = \"directory\"\ndirectory = \"mail\"\nfrom = \"evidenced@example.com\"\n\n\
         [[recipient]]\nid = \"ops\"\nfamilies = [\"*\"]\nseverity = \"low\"\nmails_per_hour = \"unlimited\"\n{recipient}\n"
    )
}

/// A webhook whose URL is a secret in a file.
fn webhook(daemon: &Daemon, kind: &str, url: &str, more: &str) -> String {
    daemon.write(&format!("{kind}.url"), url);
    format!("{{ kind = \"{kind}\", url = {{ file = \"{kind}.url\" }}{more} }}")
}

/// An alert about the daemon itself comes up at once: the files are refused, `number` times in another way.
fn refuse(daemon: &Daemon, good: &str, number: usize) {
    daemon.configure(&format!("{good}\nwrong_{number} = 1\n"));
    daemon.signal("HUP");
    wait_for("the refusal", || daemon.log().contains(&format!("wrong_{number}")).then_some(()));
}

/// Python's own HMAC says what the signature is.
fn signature(got: &Got) -> String {
    let script = "import base64,hashlib,hmac,sys;key=base64.b64decode(sys.argv[1][6:]);\
                  print('v1,'+base64.b64encode(hmac.new(key,sys.stdin.buffer.read(),hashlib.sha256).digest()).decode())";
    let mut child = Command::new("python3")
        .args(["-c", script, KEY])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let signed = format!("{}.{}.{}", got.header("webhook-id"), got.header("webhook-timestamp"), got.body);
    child.stdin.take().unwrap().write_all(signed.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

/// Nothing that the daemon says or writes in clear holds the secret part of a URL.
fn assert_hidden(daemon: &Daemon) {
    let log = daemon.log();
    assert!(!log.contains(HIDDEN) && !log.contains("MfKQ9r8"), "{log}");
    let status = daemon.status().to_string();
    assert!(!status.contains(HIDDEN), "{status}");
    let mut folders = vec![daemon.path("state")];
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
            if file.is_dir() {
                folders.push(file);
                continue;
            }
            let bytes = fs::read(&file).unwrap_or_default();
            for secret in [HIDDEN.as_bytes(), b"MfKQ9r8GKYqr"] {
                assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", file.display());
            }
        }
    }
}

#[test]
fn what_is_not_taken_is_sent_again_with_the_same_id_and_body() {
    let (mut daemon, peer) = (Daemon::new(), Peer::start());
    daemon.write("key", KEY);
    let webhook = webhook(&daemon, "generic", &peer.url(HIDDEN), ", secret = { file = \"key\" }");
    let good = tables(&format!("webhook = [{webhook}]")) + &noop("SEC-01", "every = \"1h\"");
    daemon.configure(&good);
    daemon.start();
    peer.answers(&[Mode::Busy("1"), Mode::Drop, Mode::Slow(Duration::from_secs(2))]);
    refuse(&daemon, &good, 1);
    let got = peer.wait_for("/", 3);
    wait_for("the delivery", || (daemon.status()["mails_waiting"] == 0).then_some(()));
    for one in &got {
        assert_eq!(one.path, format!("/{HIDDEN}"));
        assert_eq!(one.header("content-type"), "application/json");
        for name in ["evidenced-id", "idempotency-key"] {
            assert_eq!(one.header(name), got[0].header("evidenced-id"));
        }
        assert_eq!(one.body, got[0].body, "what was frozen");
        assert_eq!(one.header("webhook-signature"), signature(one), "each try signs its own time");
        assert_eq!(one.header("webhook-id"), got[0].header("evidenced-id").replace('.', "_"));
    }
    let times: Vec<i64> = got.iter().map(|one| one.header("webhook-timestamp").parse().unwrap()).collect();
    assert!(times[1] - times[0] >= 4 && times[2] - times[1] >= 9, "{times:?}");
    let body = got[0].json();
    assert_eq!(body["cause"], "configuration-refused");
    assert_eq!(body["id"], got[0].header("evidenced-id"));
    assert!(body["text"].as_str().unwrap().contains("wrong_1"), "{body}");
    // A recipient with nothing but a webhook gets no mail, and a slow answer was waited for.
    assert!(!daemon.path("mail").exists());
    assert_eq!(peer.got().len(), 3);
    assert_eq!(daemon.status()["dead_letters"], 0);
    assert_hidden(&daemon);
    assert_eq!(daemon.terminate().code(), Some(0));
    daemon.ask(&["verify", "--deep"]).done();
}

#[test]
fn what_is_refused_for_good_is_a_dead_letter_and_mail_goes_on() {
    let (mut daemon, peer) = (Daemon::new(), Peer::start());
    let webhook = webhook(&daemon, "slack", &peer.url(HIDDEN), "");
    let recipient = format!("email = [\"ops@example.com\"]\nwebhook = [{webhook}]");
    let good = tables(&recipient) + &noop("SEC-01", "every = \"1h\"");
    daemon.configure(&good);
    daemon.start();
    peer.answers(&[Mode::Status(400), Mode::Status(410)]);
    for number in 1..=3 {
        refuse(&daemon, &good, number);
        peer.wait_for("/", number);
    }
    let status = wait_for("two dead letters", || {
        let status = daemon.status();
        (status["dead_letters"] == 2 && status["mails_waiting"] == 0).then_some(status)
    });
    let problems = status["problems"].to_string();
    assert!(problems.contains("mails or webhooks refused for good by their servers in the last day: 2"), "{problems}");
    assert_eq!(fs::read_dir(daemon.path("mail")).unwrap().count(), 3);
    let got = peer.got();
    assert_eq!(got.len(), 3, "what was refused is not tried again");
    let body = got[2].json();
    assert!(body["text"].as_str().unwrap().contains("CONFIGURATION REFUSED"), "{body}");
    assert!(body["blocks"].as_array().unwrap().len() > 2);
    assert_hidden(&daemon);
}

#[test]
fn what_waits_for_a_webhook_is_tried_at_once_after_a_restart_and_nothing_is_lost() {
    let mut daemon = Daemon::new();
    // A port that nobody listens on until later.
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let teams = webhook(&daemon, "teams", &format!("http://127.0.0.1:{port}/{HIDDEN}"), "");
    let recipient = format!("email = [\"ops@example.com\"]\nwebhook = [{teams}]");
    let good = tables(&recipient) + &noop("SEC-01", "every = \"1h\"");
    daemon.configure(&good);
    daemon.start();
    for number in 1..=2 {
        refuse(&daemon, &good, number);
    }
    // The mails are out, and what is for the webhook waits: one way that is closed holds up no other.
    wait_for("two mails", || {
        let mails = fs::read_dir(daemon.path("mail")).map_or(0, |folder| folder.count());
        (mails == 2 && daemon.status()["mails_waiting"] == 2).then_some(())
    });
    assert_hidden(&daemon);
    daemon.kill();
    daemon.configure(&good);
    let peer = Peer::on(TcpListener::bind(("127.0.0.1", port)).unwrap());
    daemon.start();
    let got = peer.wait_for("/", 2);
    wait_for("no delivery to wait", || (daemon.status()["mails_waiting"] == 0).then_some(()));
    let mut told: Vec<_> = got.iter().map(|one| one.body.contains("wrong_1")).collect();
    told.sort_unstable();
    assert_eq!(told, [false, true]);
    assert_ne!(got[0].header("evidenced-id"), got[1].header("evidenced-id"));
    let card = &got[0].json()["attachments"][0];
    assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
    assert_eq!(daemon.terminate().code(), Some(0));
    daemon.ask(&["verify", "--deep"]).done();
}

/// A webhook that is taken out of the configuration cannot be called; what waits for it is told as a dead letter.
#[test]
fn what_waits_for_a_webhook_that_is_no_more_is_a_dead_letter() {
    let mut daemon = Daemon::new();
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let slack = webhook(&daemon, "slack", &format!("http://127.0.0.1:{port}/{HIDDEN}"), "");
    let rest = noop("SEC-01", "every = \"1h\"");
    let good = tables(&format!("email = [\"ops@example.com\"]\nwebhook = [{slack}]")) + &rest;
    daemon.configure(&good);
    daemon.start();
    refuse(&daemon, &good, 1);
    wait_for("a delivery that waits", || (daemon.status()["mails_waiting"] == 1).then_some(()));
    daemon.configure(&(tables("email = [\"ops@example.com\"]") + &rest));
    daemon.signal("HUP");
    wait_for("a dead letter", || {
        let status = daemon.status();
        (status["dead_letters"] == 1 && status["mails_waiting"] == 0).then_some(())
    });
    assert_hidden(&daemon);
}

#[test]
fn an_exception_is_one_incident_that_is_triggered_acknowledged_and_resolved() {
    plugin("inference-uptime");
    let (mut daemon, peer) = (Daemon::new(), Peer::start());
    daemon.write("routing", &format!("{HIDDEN}\n"));
    let pager = webhook(&daemon, "pagerduty", &peer.url("v2/enqueue"), ", secret = { file = \"routing\" }");
    let url = format!("http://127.0.0.1:{}", peer.port);
    let control = format!(
        r#"
[[source]]
id        = "inference"
urls      = ["{url}"]
methods   = ["POST"]
addresses = ["127.0.0.0/8"]

[[control]]
id       = "AVL-01"
title    = "Inference answers a real request"
family   = "availability"
owner    = "serving"
severity = "critical"
plugin   = "inference-uptime"
schedule = "0 0 29 2 *"
sources  = ["inference"]

[control.config]
endpoint = "{url}"
model    = "iris"
golden   = [{{ inputs = [{{ name = "predict", shape = [1, 4], datatype = "FP64", data = [5.1, 3.5, 1.4, 0.2] }}], outputs = [{{ name = "predict", data = [0] }}] }}]
"#
    );
    daemon.configure(&(tables(&format!("webhook = [{pager}]")) + &control));
    daemon.start();
    *peer.inference.lock().unwrap() = 500;
    daemon.ask(&["check", "AVL-01"]);
    let exception = daemon.exceptions()[0]["id"].as_str().unwrap().to_owned();
    let trigger = peer.wait_for("/v2/enqueue", 1)[0].json();
    daemon.ask(&["exceptions", "ack", &exception, "on it"]).done();
    let acknowledge = peer.wait_for("/v2/enqueue", 2)[1].json();
    *peer.inference.lock().unwrap() = 200;
    daemon.ask(&["check", "AVL-01"]).done();
    let resolve = peer.wait_for("/v2/enqueue", 3)[2].json();
    for (event, action) in [(&trigger, "trigger"), (&acknowledge, "acknowledge"), (&resolve, "resolve")] {
        assert_eq!(event["event_action"], action);
        assert_eq!(event["routing_key"], HIDDEN);
        assert_eq!(event["dedup_key"], trigger["dedup_key"]);
    }
    assert!(trigger["dedup_key"].as_str().unwrap().ends_with(&exception), "{trigger}");
    assert_eq!(trigger["payload"]["severity"], "critical");
    assert_eq!(trigger["payload"]["component"], "AVL-01");
    wait_for("no delivery to wait", || (daemon.status()["mails_waiting"] == 0).then_some(()));
    assert_hidden(&daemon);
    assert_eq!(daemon.terminate().code(), Some(0));
    daemon.ask(&["verify", "--deep"]).done();
}

#[test]
fn heartbeats_arrive_while_all_is_well_and_a_failing_one_is_told_and_tried_once_more() {
    let (mut daemon, peer) = (Daemon::new(), Peer::start());
    daemon.write("beat", &peer.url(HIDDEN));
    let heartbeat = "[heartbeat]\nurl = { file = \"beat\" }\nevery = \"10m\"\n\n";
    let rest = tables("email = [\"ops@example.com\"]") + &noop("SEC-01", "every = \"1h\"");
    daemon.configure(&(heartbeat.to_owned() + &rest));
    peer.answers(&[Mode::Status(500)]);
    daemon.start();
    let got = peer.wait_for("/", 1);
    assert!(got[0].body.is_empty());
    let failing = wait_for("a heartbeat that fails", || {
        let heartbeat = daemon.status()["heartbeat"].clone();
        heartbeat["failing_since"].is_string().then_some(heartbeat)
    });
    assert_eq!(failing["why"], "it was answered with 500");
    // Not in ten minutes: with the next tick.
    peer.wait_for("/", 2);
    wait_for("a heartbeat that arrived", || {
        let heartbeat = daemon.status()["heartbeat"].clone();
        (heartbeat["arrived"].is_string() && heartbeat["failing_since"].is_null()).then_some(())
    });
    assert_eq!(peer.got().len(), 2);
    assert_hidden(&daemon);
    // Without the table nothing is called any more.
    daemon.configure(&rest);
    daemon.signal("HUP");
    wait_for("the reload", || daemon.status()["heartbeat"].is_null().then_some(()));
}

#[test]
fn doctor_knocks_at_each_host_and_sends_nothing() {
    let (daemon, peer) = (Daemon::new(), Peer::start());
    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    daemon.write("key", "too short");
    daemon.write("beat", &peer.url(HIDDEN));
    let slack = webhook(&daemon, "slack", &peer.url(HIDDEN), "");
    let teams = webhook(&daemon, "teams", &format!("http://127.0.0.1:{closed}/{HIDDEN}"), "");
    let generic = webhook(&daemon, "generic", &peer.url("plain"), ", secret = { file = \"key\" }");
    let recipient = format!("webhook = [{slack}, {teams}, {generic}]");
    let heartbeat = "[heartbeat]\nurl = { file = \"beat\" }\n\n";
    daemon.configure(&(heartbeat.to_owned() + &tables(&recipient) + &noop("SEC-01", "every = \"1h\"")));
    let seen = daemon.ask(&["doctor"]).lines;
    let of = |aspect: &str, about: &str| {
        let found = seen.iter().find(|line| line["aspect"] == aspect && line["about"] == about);
        found.unwrap_or_else(|| panic!("no {aspect} {about} in {seen:?}")).clone()
    };
    assert_eq!(of("webhook", "ops/slack")["level"], "ok");
    assert_eq!(of("webhook", "ops/teams")["level"], "bad");
    assert_eq!(of("webhook", "ops/generic")["found"], "its secret is no key to sign with");
    assert_eq!(of("heartbeat", "[heartbeat]")["level"], "ok");
    assert_eq!(of("credential", "ops/slack url")["level"], "warn", "everybody may read the file of the test");
    assert!(!format!("{seen:?}").contains(HIDDEN));
    assert!(peer.got().is_empty());
}
