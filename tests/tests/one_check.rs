//! One check, written in Rust, in C, in JavaScript and as commands in C: in the real sandbox all say the same about the
//! same world.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, LazyLock},
};

use evidenced::{
    domain::{Digest, Limits},
    gate::Answered,
    sandbox::{
        Comparison, Ended, InputBytes, Nowhere, Plugin, PluginKind, ReplaySpec, RunSpec, Sandbox, SandboxSettings,
        World, compare, report_bytes,
    },
};
use evidenced_contract::{
    Exchange, Extensions, FailureKind, HistoryError, HistoryPoint, HttpError, HttpRequest, HttpResponse, Input,
    Interval, Peer, Request, SlotCounts, Status, Timings,
};
use evidenced_tests::{fixture, plugin};
use tokio_util::sync::CancellationToken;

const SAMPLES: [(&str, PluginKind); 5] = [
    ("sample-rust", PluginKind::Component),
    ("sample-c-component", PluginKind::Component),
    ("sample-javascript", PluginKind::Component),
    ("sample-c-command", PluginKind::CommandModule),
    ("sample-c-command-component", PluginKind::CommandComponent),
];
const URL: &str = "https://limits.example.com/keys";
const INVENTORY: &str = "k1 10\nk2 100\nk3 90\n";

static SANDBOX: LazyLock<Arc<Sandbox>> = LazyLock::new(|| Sandbox::new(SandboxSettings::default()).unwrap());

/// A server that answers one URL with one status, and knows nothing else.
struct Server {
    status: u16,
    body: &'static str,
}

impl Server {
    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        assert_eq!((request.method.as_str(), request.url.as_str()), ("GET", URL));
        let exchange =
            Exchange { status: self.status, headers: Vec::new(), timings: Timings::default(), peer: None, attempts: 1 };
        let response = HttpResponse { exchange, body: self.body.into() };
        if self.status == 200 { Ok(response) } else { Err(HttpError::Status(Box::new(response))) }
    }
}

type Later<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl World for Server {
    fn send_all<'a>(&'a self, requests: Vec<HttpRequest>) -> Later<'a, Vec<Answered>> {
        Box::pin(async move { requests.iter().map(|request| self.answer(request).into()).collect() })
    }

    fn handshake<'a>(&'a self, host: String, port: u16) -> Later<'a, Result<Vec<Result<Peer, HttpError>>, HttpError>> {
        Nowhere.handshake(host, port)
    }

    fn points<'a>(
        &'a self,
        control: Option<String>,
        measurement: String,
        during: Interval,
    ) -> Later<'a, Result<Vec<HistoryPoint>, HistoryError>> {
        Nowhere.points(control, measurement, during)
    }

    fn slots_in<'a>(
        &'a self,
        control: Option<String>,
        during: Interval,
    ) -> Later<'a, Result<SlotCounts, HistoryError>> {
        Nowhere.slots_in(control, during)
    }
}

fn request() -> Request {
    Request {
        control: "TEST-01".to_owned(),
        definition: Digest::of(b"definition").to_string(),
        slot: "2026-03-02T06:00:00.000Z".to_owned(),
        now: "2026-03-02T06:00:03.120Z".to_owned(),
        interval: None,
        config: serde_json::json!({ "url": URL }),
        inputs: Vec::new(),
        seed: [7; 32],
        limits: evidenced_contract::Limits {
            wall_ms: 0,
            memory_bytes: 0,
            report_bytes: 0,
            requests: 0,
            response_bytes: 0,
        },
        extensions: Extensions::new(),
    }
}

fn inventory() -> InputBytes {
    InputBytes {
        input: Input {
            name: "inventory".to_owned(),
            source: "file:/srv/inventory".to_owned(),
            query: String::new(),
            media_type: "text/plain".to_owned(),
            observed: "2026-03-02T06:00:03.000Z".to_owned(),
            bytes: INVENTORY.len() as u64,
            rows: Some(3),
            source_total: None,
            digest: Digest::of(INVENTORY.as_bytes()).to_string(),
            http: None,
        },
        bytes: Ok(INVENTORY.as_bytes().into()),
        events: None,
    }
}

fn load(path: &Path) -> Plugin {
    SANDBOX.load(&fs::read(path).unwrap()).unwrap()
}

/// Runs a plugin on a server, replays the run, and returns how both ended and what the run asked of the network: a
/// command finds its inputs as files, and a component asks for them.
async fn run(plugin: &Plugin, server: Server) -> (Ended, Vec<serde_json::Value>) {
    let spec = RunSpec {
        request: request(),
        inputs: vec![inventory()],
        state: BTreeMap::new(),
        limits: Limits::default_for(true),
        world: Arc::new(server),
        stop: CancellationToken::new(),
    };
    let ran = SANDBOX.run(plugin, spec).await;
    let seen = ReplaySpec {
        request: request(),
        inputs: vec![inventory()],
        state: BTreeMap::new(),
        limits: Limits::default_for(true),
    };
    let again = SANDBOX.replay(plugin, seen, &ran.transcript).await;
    assert_eq!(compare(&ran.ended, &again.ended), Comparison::Identical, "{:?}", ran.log);
    let mut calls: Vec<serde_json::Value> = serde_json::from_slice(&ran.transcript.calls_json()).unwrap();
    calls.retain(|call| call["call"] != "inputs.read-text");
    (ran.ended, calls)
}

#[tokio::test]
async fn one_check_says_the_same_in_every_language_and_asks_the_same() {
    let mut reports = Vec::new();
    for (name, kind) in SAMPLES {
        let plugin = load(&fixture(name));
        assert_eq!(plugin.kind(), kind, "{name}");
        let (ended, calls) = run(&plugin, Server { status: 200, body: "90\n" }).await;
        let Ended::Report(report) = ended else { panic!("{name}: {ended}") };
        let statuses: Vec<_> = report.findings.iter().map(|finding| finding.status).collect();
        assert_eq!(statuses, [Status::Pass, Status::Fail, Status::Pass], "{name}");
        assert_eq!(report.summary, "1 of 3 are too old", "{name}");
        reports.push((name, String::from_utf8(report_bytes(&report).unwrap()).unwrap(), calls));
    }
    let (_, report, calls) = &reports[0];
    for (name, other_report, other_calls) in &reports {
        assert_eq!(other_report, report, "{name}");
        assert_eq!(other_calls, calls, "{name}");
    }
}

#[tokio::test]
async fn one_check_that_is_denied_fails_the_same_in_every_language() {
    for (name, _) in SAMPLES {
        let (ended, _) = run(&load(&fixture(name)), Server { status: 403, body: "no" }).await;
        let Ended::Failure(failure) = ended else { panic!("{name}: {ended}") };
        assert_eq!(failure.kind, FailureKind::Denied, "{name}");
        assert_eq!(failure.message, "limit: status 403", "{name}");
        assert_eq!(failure.source.as_deref(), Some(URL), "{name}");
    }
}

#[tokio::test]
async fn one_check_describes_itself_the_same_in_every_language() {
    for (name, _) in SAMPLES {
        let plugin = load(&fixture(name));
        assert_eq!(plugin.warning(), None, "{name}");
        let description = plugin.description();
        assert_eq!((description.name.as_str(), description.version.as_str()), ("sample", "0.1.0"), "{name}");
        assert_eq!(description.summary, "One small check, written in every language", "{name}");
        assert_eq!(description.needs.hosts, ["/url"], "{name}");
        assert_eq!(description.needs.inputs[0].name, "inventory", "{name}");
    }
}

#[tokio::test]
async fn the_standard_plugins_describe_themselves_by_their_file_names() {
    for name in ["inference-uptime", "key-rotation"] {
        let plugin = load(&plugin(name));
        let description = plugin.description();
        assert_eq!(description.name, name);
        assert!(jsonschema::validator_for(&description.config_schema).is_ok(), "{name}");
        assert_eq!(description.needs.hosts, ["/endpoint"], "{name}");
    }
}

#[test]
fn a_component_imports_only_what_its_check_uses() {
    let noop = fs::read(fixture("noop")).unwrap();
    let text = String::from_utf8_lossy(&noop);
    assert!(noop.len() < 150_000, "a check that does nothing has {} bytes", noop.len());
    assert!(text.contains("evidenced:check/log@1.0.0"));
    for unused in ["http", "tls", "inputs", "state", "history"] {
        assert!(!text.contains(&format!("evidenced:check/{unused}@1.0.0")), "{unused}");
    }
}
