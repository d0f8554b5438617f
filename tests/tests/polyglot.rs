//! One check in every language, from what `evidenced plugin new` writes to the report: all say the same about the same
//! world, to the byte, and ask the same of it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, LazyLock},
    time::Instant,
};

use evidenced::{
    author::workbench,
    domain::{Digest, Limits},
    gate::Answered,
    sandbox::{
        Comparison, CompileWhere, Ended, InputBytes, Nowhere, Plugin, PluginKind, ReplaySpec, RunSpec, Sandbox, World,
        compare, report_bytes,
    },
};
use evidenced_contract::{
    Certificate, Exchange, Extensions, FailureKind, HistoryError, HistoryPoint, HttpError, HttpRequest, HttpResponse,
    Input, Interval, Peer, Report, Request, SlotCounts, Status, Timings,
};
use evidenced_tests::{
    daemon::binary,
    plugins::Layout,
    polyglot::{Checked, LANGUAGES, project},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// What a language with an interpreter takes long to compile is compiled once, by whoever comes first: this test or
/// `evidenced plugin test`.
static SANDBOX: LazyLock<Arc<Sandbox>> =
    LazyLock::new(|| workbench(CompileWhere::InProcess, Some(cache().join("evidenced/plugins"))).unwrap());

/// What `evidenced plugin` takes for the user's own.
fn cache() -> PathBuf {
    Layout::of_this_checkout().target.join("polyglot/cache")
}

const NOW: &str = "2026-03-02T06:00:03.120Z";

#[test]
fn one_check_in_every_language_says_the_same_and_asks_the_same() {
    let layout = Layout::of_this_checkout();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut table = String::new();
    let _infallible = writeln!(
        table,
        "{:<15}{:<11}{:<19}{:>8}{:>11}{:>12}{:>12}",
        "language", "check", "kind", "make", "size", "first run", "run"
    );
    let mut firsts: BTreeMap<String, (String, Told)> = BTreeMap::new();
    let mut problems = Vec::new();
    for checked in [Checked::Endpoint, Checked::Users] {
        for language in LANGUAGES {
            let made = match project(&layout, language, checked) {
                Ok(made) => made,
                Err(error) => {
                    problems.push(format!("{language}, {}: {error:#}", checked.name()));
                    continue;
                }
            };
            if let Err(why) = its_own_cases_pass(&made.folder) {
                problems.push(format!("{language}, {}: {why}", checked.name()));
            }
            let bytes = fs::read(&made.wasm).unwrap();
            let began = Instant::now();
            let plugin = SANDBOX.load(&bytes).unwrap_or_else(|error| panic!("{language}: {error}"));
            assert_eq!(plugin.warning(), None, "{language} describes itself");
            described(language, checked, &plugin);
            let mut first = None;
            let mut took = Vec::new();
            for scene in checked_scenes(checked) {
                let told = runtime.block_on(run(&plugin, &scene));
                first.get_or_insert_with(|| began.elapsed());
                took.push(told.took);
                (scene.expects)(language, &told.ended);
                let key = format!("{} {}", checked.name(), scene.name);
                match firsts.get(&key) {
                    None => {
                        firsts.insert(key, (language.to_owned(), told));
                    }
                    Some((before, other)) => {
                        assert_eq!(told.words, other.words, "{key}: {language} and {before} report differently");
                        assert_eq!(told.calls, other.calls, "{key}: {language} and {before} ask differently");
                    }
                }
            }
            took.sort();
            let kind = match plugin.kind() {
                PluginKind::Component => "component",
                PluginKind::CommandModule => "command",
                PluginKind::CommandComponent => "command component",
            };
            let _infallible = writeln!(
                table,
                "{language:<15}{:<11}{kind:<19}{:>6.1} s{:>8} KB{:>9.0} ms{:>9.1} ms",
                checked.name(),
                made.took.as_secs_f64(),
                bytes.len().div_ceil(1024),
                first.unwrap_or_default().as_secs_f64() * 1e3,
                took[took.len() / 2].as_secs_f64() * 1e3,
            );
        }
    }
    // The runner shows it when all is done.
    print(&table);
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[expect(clippy::print_stdout, reason = "the table is what people want to see")]
fn print(table: &str) {
    println!("{table}");
}

fn its_own_cases_pass(folder: &Path) -> Result<(), String> {
    let mut test = Command::new(binary());
    test.args(["plugin", "test", "."]).current_dir(folder).env("XDG_CACHE_HOME", cache());
    let output = test.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&said).into_owned()) }
}

fn described(language: &str, checked: Checked, plugin: &Plugin) {
    let description = plugin.description();
    assert_eq!((&*description.name, &*description.version), (checked.name(), "0.1.0"), "{language}");
    let (summary, inputs, hosts): (_, &[&str], &[&str]) = match checked {
        Checked::Endpoint => (
            "An HTTPS endpoint answers as expected, in time, and its certificate does not expire soon",
            &["endpoint"],
            &[],
        ),
        Checked::Users => ("Every key of every user is young", &[], &["/url"]),
    };
    assert_eq!(description.summary, summary, "{language}");
    let needs = &description.needs;
    assert_eq!(needs.inputs.iter().map(|input| &*input.name).collect::<Vec<_>>(), inputs, "{language}");
    assert_eq!(needs.hosts, hosts, "{language}");
    assert!(!(needs.tls || needs.state || needs.history || needs.interval), "{language}: {needs:?}");
    let refuses = |config: Value| {
        let validator = jsonschema::validator_for(&description.config_schema).unwrap();
        !validator.is_valid(&config)
    };
    assert!(refuses(json!({})) && refuses(json!({ "else": 1 })), "{language}: {}", description.config_schema);
}

/// A world, and what the check must say of it.
struct Scene {
    name: &'static str,
    config: Value,
    inputs: Vec<InputBytes>,
    world: Server,
    expects: fn(&str, &Ended),
}

/// How a run ended, and what it asked of the network.
struct Told {
    ended: Ended,
    words: String,
    calls: Vec<Value>,
    took: std::time::Duration,
}

/// Runs and replays.
async fn run(plugin: &Plugin, scene: &Scene) -> Told {
    let seen = || ReplaySpec {
        request: request(scene.config.clone()),
        inputs: scene.inputs.clone(),
        state: BTreeMap::new(),
        limits: Limits::default_for(true),
    };
    let ReplaySpec { request, inputs, state, limits } = seen();
    let world = Arc::new(scene.world.clone());
    let ran = SANDBOX.run(plugin, RunSpec { request, inputs, state, limits, world, stop: CancellationToken::new() });
    let ran = ran.await;
    let again = SANDBOX.replay(plugin, seen(), &ran.transcript).await;
    assert_eq!(compare(&ran.ended, &again.ended), Comparison::Identical, "{}: {:?}", scene.name, ran.log);
    let mut calls: Vec<Value> = serde_json::from_slice(&ran.transcript.calls_json()).unwrap();
    // A command finds its inputs as files, and a component asks for them.
    calls.retain(|call| !call["call"].as_str().unwrap_or_default().starts_with("inputs."));
    let words = match &ran.ended {
        Ended::Report(report) => String::from_utf8(report_bytes(report).unwrap()).unwrap(),
        other => format!("{other}: {:?}", ran.log),
    };
    Told { ended: ran.ended, words, calls, took: ran.took }
}

fn request(config: Value) -> Request {
    Request {
        control: "TEST-01".to_owned(),
        definition: Digest::of(b"definition").to_string(),
        slot: "2026-03-02T06:00:00.000Z".to_owned(),
        now: NOW.to_owned(),
        interval: None,
        config,
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

fn checked_scenes(checked: Checked) -> Vec<Scene> {
    match checked {
        Checked::Endpoint => endpoint_scenes(),
        Checked::Users => users_scenes(),
    }
}

fn report(language: &str, ended: &Ended) -> Report {
    let Ended::Report(report) = ended else { panic!("{language}: {ended}") };
    report.clone()
}

fn statuses(language: &str, ended: &Ended) -> Vec<Status> {
    report(language, ended).findings.iter().map(|finding| finding.status).collect()
}

fn fails(language: &str, ended: &Ended, kind: FailureKind, message: &str, source: Option<&str>) {
    let Ended::Failure(failure) = ended else { panic!("{language}: {ended}") };
    assert_eq!((failure.kind, &*failure.message, failure.source.as_deref()), (kind, message, source), "{language}");
}

fn endpoint_scenes() -> Vec<Scene> {
    let config = json!({ "max_latency_ms": 500, "min_certificate_days": 30 });
    let scene = |name, exchange: Option<Exchange>, expects| Scene {
        name,
        config: config.clone(),
        inputs: vec![endpoint(exchange)],
        world: Server::default(),
        expects,
    };
    let with = |status, total, peer| Some(exchange(status, total, peer));
    vec![
        scene("good", with(200, 120.5, Some(peer("2026-06-01T00:00:00.000Z", None))), |language, ended| {
            assert_eq!(statuses(language, ended), [Status::Pass; 3], "{language}");
            let report = report(language, ended);
            assert_eq!(report.summary, "0 of 3 did not pass", "{language}");
            assert_eq!(report.findings[2].message, "valid for 90 more days, at least 30 are wanted", "{language}");
        }),
        scene(
            "slow, broken, expired",
            with(503, 500.25, Some(peer("2026-02-28T06:00:03.119Z", None))),
            |language, ended| {
                assert_eq!(statuses(language, ended), [Status::Fail; 3], "{language}");
                let report = report(language, ended);
                let messages: Vec<_> = report.findings.iter().map(|finding| &*finding.message).collect();
                let expected = ["answered 503, expected 200", "at most 500 ms are allowed", "expired 3 days ago"];
                assert_eq!(messages, expected, "{language}");
            },
        ),
        scene("at the limits", with(200, 500.0, Some(peer("2026-04-01T06:00:03.120Z", None))), |language, ended| {
            assert_eq!(statuses(language, ended), [Status::Pass; 3], "{language}");
        }),
        scene(
            "a millisecond less",
            with(200, 1e-7, Some(peer("2026-04-01T06:00:03.119Z", None))),
            |language, ended| {
                assert_eq!(statuses(language, ended), [Status::Pass, Status::Pass, Status::Fail], "{language}");
            },
        ),
        scene(
            "not trusted",
            with(200, 3.0, Some(peer("2026-06-01T00:00:00.000Z", Some("\"Größe\" is no\u{2028}\troot\u{1f600}")))),
            |language, ended| {
                let report = report(language, ended);
                let told = (report.findings[2].status, &*report.findings[2].message);
                assert_eq!(told, (Status::Fail, "not trusted: \"Größe\" is no\u{2028}\troot\u{1f600}"), "{language}");
            },
        ),
        scene("no certificate", with(204, 3.0, None), |language, ended| {
            assert_eq!(statuses(language, ended), [Status::Fail, Status::Pass, Status::Error], "{language}");
        }),
        scene("a file", None, |language, ended| {
            let message = "input `endpoint` is no answer of a server: give it by `http`";
            fails(language, ended, FailureKind::BadInput, message, None);
        }),
        Scene {
            name: "no input",
            config: json!({ "status": 404, "max_latency_ms": 1, "min_certificate_days": 0 }),
            inputs: Vec::new(),
            world: Server::default(),
            expects: |language, ended| {
                fails(language, ended, FailureKind::BadInput, "input `endpoint` is missing", None);
            },
        },
    ]
}

fn endpoint(http: Option<Exchange>) -> InputBytes {
    InputBytes {
        input: Input {
            name: "endpoint".to_owned(),
            source: "https://api.example.com/health".to_owned(),
            query: String::new(),
            media_type: "application/json".to_owned(),
            observed: "2026-03-02T06:00:03.000Z".to_owned(),
            bytes: 2,
            rows: None,
            source_total: None,
            digest: Digest::of(b"{}").to_string(),
            http,
        },
        bytes: Ok(b"{}"[..].into()),
        events: None,
    }
}

fn exchange(status: u16, total: f64, peer: Option<Peer>) -> Exchange {
    let timings = Timings { total, ..Timings::default() };
    Exchange { status, headers: vec![("x-a".to_owned(), "b\"c".to_owned())], timings, peer, attempts: 1 }
}

fn peer(not_after: &str, untrusted: Option<&str>) -> Peer {
    Peer {
        address: "192.0.2.1:443".to_owned(),
        protocol: "TLSv1.3".to_owned(),
        cipher: "TLS13_AES_256_GCM_SHA384".to_owned(),
        untrusted: untrusted.map(str::to_owned),
        chain: ["CN=api.example.com", "CN=Example Root"]
            .map(|subject| Certificate {
                subject: subject.to_owned(),
                issuer: "CN=Example Root".to_owned(),
                serial: "01".to_owned(),
                names: vec!["api.example.com".to_owned()],
                not_before: "2026-01-01T00:00:00.000Z".to_owned(),
                not_after: if subject == "CN=api.example.com" { not_after } else { "2036-01-01T00:00:00.000Z" }
                    .to_owned(),
                key: "EC P-256".to_owned(),
                digest: Digest::of(subject.as_bytes()).to_string(),
            })
            .into(),
    }
}

const API: &str = "https://api.example.com/v1";

/// Two hundred users on three pages, and what goes wrong.
fn users_scenes() -> Vec<Scene> {
    let scene = |name, world: Server, expects| Scene {
        name,
        config: json!({ "url": API, "max_age_days": 90 }),
        inputs: Vec::new(),
        world,
        expects,
    };
    vec![
        scene("all answer", Server::with_users(), |language, ended| {
            let report = report(language, ended);
            // Two keys each; those of every fifth user are old.
            assert_eq!(report.population, 400, "{language}");
            let failing = report.findings.iter().filter(|finding| finding.status == Status::Fail).count();
            assert_eq!((failing, &*report.summary), (40, "40 of 400 did not pass"), "{language}");
            let first = &report.findings[0];
            assert_eq!((&*first.subject, &*first.message), ("u000/k1", "created 91 days ago, at most 90 are allowed"));
            assert_eq!(first.measurements[0].limit, Some(90.0), "{language}");
        }),
        scene(
            "some are not told",
            Server::with_users().refusing("/users/u003/keys", 403).refusing("/users/u199/keys", 500).lost("/users/u100/keys"),
            |language, ended| {
                let report = report(language, ended);
                let errors: Vec<_> = report
                    .findings
                    .iter()
                    .filter(|finding| finding.status == Status::Error)
                    .map(|finding| (&*finding.subject, &*finding.message))
                    .collect();
                let expected = [
                    ("u003", "keys: status 403"),
                    ("u100", "keys: unreachable: nobody \"there\""),
                    ("u199", "keys: status 500"),
                ];
                assert_eq!(errors, expected, "{language}");
                assert_eq!((report.population, &*report.summary), (397, "42 of 397 did not pass"), "{language}");
            },
        ),
        scene("page two is denied", Server::with_users().refusing("/users?page=2", 401), |language, ended| {
            let page = format!("{API}/users?page=2");
            fails(language, ended, FailureKind::Denied, "users: status 401", Some(&page));
        }),
        scene("page one is slow", Server::with_users().refusing("/users?page=1", 504), |language, ended| {
            let page = format!("{API}/users?page=1");
            fails(language, ended, FailureKind::Timeout, "users: status 504", Some(&page));
        }),
        scene("nobody knows the last page", Server::with_users().saying("/users?page=3", r#"{"users":[]}"#), |language, ended| {
            let page = format!("{API}/users?page=3");
            let message = "users: the answer does not say whether it is the last page";
            fails(language, ended, FailureKind::BadInput, message, Some(&page));
        }),
        scene(
            "written otherwise",
            Server::default()
                .saying("/users?page=1", "\n{ \"next\" : null,\t\"total\": 1, \"users\": [ { \"name\": \"\\\"id\\\":\\\"x\\\"\", \"id\" : \"\\u0061-\\u0062\" } ] }\n")
                .saying("/users/a-b/keys", "{\"keys\":[{\"note\":{\"created\":[1,{\"id\":2}]},\"created\":\"2026-03-02T06:00:03.120Z\",\"id\":\"k\"}]}"),
            |language, ended| {
                let report = report(language, ended);
                assert_eq!(report.findings.len(), 1, "{language}: {:?}", report.findings);
                let first = &report.findings[0];
                let told = (&*first.subject, first.status, first.measurements[0].value);
                assert_eq!(told, ("a-b/k", Status::Pass, 0.0), "{language}");
            },
        ),
    ]
}

/// A server that answers what it was told to, and knows nothing else.
#[derive(Clone, Default)]
struct Server(BTreeMap<String, Result<(u16, String), String>>);

impl Server {
    fn with_users() -> Self {
        let mut server = Self::default();
        let users: Vec<_> = (0..200).map(|number| format!("u{number:03}")).collect();
        for (at, page) in users.chunks(80).enumerate() {
            let next = if at < 2 { json!(at + 2) } else { Value::Null };
            let users: Vec<_> = page.iter().map(|id| json!({ "id": id })).collect();
            server =
                server.saying(&format!("/users?page={}", at + 1), &json!({ "users": users, "next": next }).to_string());
        }
        for (number, id) in users.iter().enumerate() {
            // 91 days and 3.12 s before the run, or 30 days to the millisecond.
            let old = if number % 5 == 0 { "2025-12-01T06:00:00.000Z" } else { "2026-01-31T06:00:03.120Z" };
            let keys = json!({ "keys": [{ "id": "k1", "created": old }, { "id": "k2", "created": "2026-03-02T06:00:00.000Z" }] });
            server = server.saying(&format!("/users/{id}/keys"), &keys.to_string());
        }
        server
    }

    fn saying(mut self, path: &str, body: &str) -> Self {
        self.0.insert(path.to_owned(), Ok((200, body.to_owned())));
        self
    }

    fn refusing(mut self, path: &str, status: u16) -> Self {
        self.0.insert(path.to_owned(), Ok((status, "no".to_owned())));
        self
    }

    fn lost(mut self, path: &str) -> Self {
        self.0.insert(path.to_owned(), Err("nobody \"there\"".to_owned()));
        self
    }

    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        let path = request.url.strip_prefix(API).unwrap_or_else(|| panic!("asked {}", request.url));
        let known = self.0.get(path).unwrap_or_else(|| panic!("asked {path}"));
        let (status, body) = known.clone().map_err(HttpError::Unreachable)?;
        let response = HttpResponse { exchange: exchange(status, 1.0, None), body: body.into_bytes() };
        if status == 200 { Ok(response) } else { Err(HttpError::Status(Box::new(response))) }
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
        World::points(&Nowhere, control, measurement, during)
    }

    fn slots_in<'a>(
        &'a self,
        control: Option<String>,
        during: Interval,
    ) -> Later<'a, Result<SlotCounts, HistoryError>> {
        World::slots_in(&Nowhere, control, during)
    }
}

/// What the crates of the Rust kit inherit must be what they were tested with here.
#[test]
fn a_rust_project_inherits_what_the_kit_inherits_here() {
    let root = Layout::of_this_checkout().root;
    let table = |path: &str| -> toml::Table { fs::read_to_string(root.join(path)).unwrap().parse().unwrap() };
    let (ours, theirs) = (table("Cargo.toml"), table("plugin-sdk/rust/template/Cargo.toml.tmpl"));
    let (ours, theirs) = (&ours["workspace"], &theirs["workspace"]);
    for name in theirs["package"].as_table().unwrap().keys() {
        assert_eq!(ours["package"].get(name), theirs["package"].get(name), "{name}");
    }
    let mut compared = 0;
    for (name, dependency) in theirs["dependencies"].as_table().unwrap() {
        // Those of the kit lie elsewhere.
        if dependency.get("path").is_none() {
            assert_eq!(ours["dependencies"].get(name), Some(dependency), "{name}");
            compared += 1;
        }
    }
    assert!(compared > 3, "only {compared} were compared");
}
