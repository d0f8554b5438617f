//! Contract 1.0 is frozen: its text, and what a plugin that was built for it sees.

use std::{collections::BTreeMap, fs, sync::Arc};

use evidenced::{
    domain::{Digest, Limits},
    gate::Answered,
    sandbox::{
        Comparison, Ended, InputBytes, PluginKind, ReplaySpec, RunSpec, Sandbox, SandboxSettings, World, compare,
    },
};
use evidenced_contract::{
    Exchange, Extensions, HistoryError, HistoryPoint, HttpError, HttpRequest, HttpResponse, Input, Interval, Peer,
    Request, SlotCounts, Status, Timings,
};
use evidenced_tests::{fixture, plugins::Layout};
use tokio_util::sync::CancellationToken;

/// A changed comment is a changed promise too. What is new comes as a new version beside this one.
#[test]
fn the_text_of_contract_1_0_is_frozen() {
    let root = Layout::of_this_checkout().root;
    let frozen = fs::read_to_string(root.join("tests/golden/contract-1.0/check.wit")).unwrap();
    let current = fs::read_to_string(root.join("plugin-sdk/wit/check.wit")).unwrap();
    assert!(current == frozen, "plugin-sdk/wit/check.wit differs from what plugins were built for");
    let digest = Digest::of(frozen.as_bytes()).to_string();
    assert_eq!(digest, FROZEN, "tests/golden/contract-1.0/check.wit was changed");
}

/// Of the text as it was released.
const FROZEN: &str = "sha256:f2197e78f889c11c3243c76e88413e57118c9c5448492c2abccfe8580d6b4735";

#[tokio::test]
async fn a_plugin_for_contract_1_0_that_uses_all_of_it_still_says_what_it_said() {
    let sandbox = Sandbox::new(SandboxSettings::default()).unwrap();
    let plugin = sandbox.load(&fs::read(fixture("contract-1-0")).unwrap()).unwrap();
    assert_eq!((plugin.kind(), plugin.warning()), (PluginKind::Component, None));
    let description = plugin.description();
    assert_eq!((description.version.as_str(), description.contract.as_str()), ("1.0.0", "1.0"));
    assert_eq!(description.extensions["example:note"], serde_json::json!(1));
    let needs = &description.needs;
    assert!(needs.tls && needs.state && needs.history && needs.interval);

    let seen = || ReplaySpec {
        request: request(),
        inputs: vec![rows()],
        state: BTreeMap::from([("count".to_owned(), vec![4])]),
        limits: Limits::default_for(true),
    };
    let ReplaySpec { request, inputs, state, limits } = seen();
    let (world, stop) = (Arc::new(Outside), CancellationToken::new());
    let ran = sandbox.run(&plugin, RunSpec { request, inputs, state, limits, world, stop }).await;
    let Ended::Report(report) = &ran.ended else { panic!("{}", ran.ended) };
    let said: Vec<_> = report.findings.iter().map(|finding| (&*finding.subject, &*finding.message)).collect();
    assert_eq!(
        said,
        [
            ("request", "TEST-01 2026-03-02T06:00:00.000Z 2026-03-02T06:00:03.120Z 32"),
            ("limits", "true"),
            ("http", "true 200 /one, 404 /two, not 403"),
            ("tls", "1 peers"),
            ("inputs", "6 bytes, \"a\\nb\\nc\", 2 pieces, unknown true, rows 6"),
            ("state", "4, set true, keys count"),
            ("history", "2 points, 9 slots"),
        ]
    );
    let first = &report.findings[0];
    assert_eq!((first.status, first.label.as_deref(), first.attention), (Status::Pass, Some("REQUEST"), false));
    assert_eq!((first.measurements[0].value, first.measurements[0].limit), (1.0, Some(2.0)));
    assert_eq!(report.covered_until.as_deref(), Some("2026-03-02T05:55:00.000Z"));
    assert_eq!((report.attachments[0].name.as_str(), &*report.attachments[0].body), ("note.txt", &b"kept"[..]));
    assert_eq!(report.extensions["example:note"], serde_json::json!(2));
    assert_eq!(ran.state_after, Some(BTreeMap::from([("count".to_owned(), vec![5])])));
    assert_eq!(ran.log[0].message, "begun");
    let again = sandbox.replay(&plugin, seen(), &ran.transcript).await;
    assert_eq!(compare(&ran.ended, &again.ended), Comparison::Identical);
}

fn request() -> Request {
    Request {
        control: "TEST-01".to_owned(),
        definition: Digest::of(b"definition").to_string(),
        slot: "2026-03-02T06:00:00.000Z".to_owned(),
        now: "2026-03-02T06:00:03.120Z".to_owned(),
        interval: Some(during()),
        config: serde_json::json!({ "url": "https://api.example.com/" }),
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

fn during() -> Interval {
    Interval { from: "2026-03-01T05:55:00.000Z".to_owned(), until: "2026-03-02T05:55:00.000Z".to_owned() }
}

fn rows() -> InputBytes {
    let text = b"a\nb\nc\n";
    InputBytes {
        input: Input {
            name: "rows".to_owned(),
            source: "file:/rows".to_owned(),
            query: String::new(),
            media_type: "text/plain".to_owned(),
            observed: "2026-03-02T06:00:03.000Z".to_owned(),
            bytes: text.len() as u64,
            rows: Some(3),
            source_total: None,
            digest: Digest::of(text).to_string(),
            http: None,
        },
        bytes: Ok(text[..].into()),
        events: None,
    }
}

/// A server that knows `/one`, has lost `/two` and lets nobody see `/three`.
struct Outside;

type Later<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl World for Outside {
    fn send_all<'a>(&'a self, requests: Vec<HttpRequest>) -> Later<'a, Vec<Answered>> {
        let answer = |request: &HttpRequest| {
            let path = request.url.strip_prefix("https://api.example.com").unwrap();
            let status = match path {
                "/one" => 200,
                "/two" => 404,
                _ => 403,
            };
            let timings = Timings::default();
            let exchange = Exchange { status, headers: Vec::new(), timings, peer: None, attempts: 1 };
            let response = HttpResponse { exchange, body: path.as_bytes().to_vec() };
            let counts = status == 200 || request.accept.contains(&status);
            Answered::from(if counts { Ok(response) } else { Err(HttpError::Status(Box::new(response))) })
        };
        Box::pin(std::future::ready(requests.iter().map(answer).collect()))
    }

    fn handshake<'a>(&'a self, host: String, port: u16) -> Later<'a, Result<Vec<Result<Peer, HttpError>>, HttpError>> {
        let peer = Peer {
            address: format!("{host}:{port}"),
            protocol: "TLSv1.3".to_owned(),
            cipher: "TLS13_AES_256_GCM_SHA384".to_owned(),
            untrusted: None,
            chain: Vec::new(),
        };
        Box::pin(std::future::ready(Ok(vec![Ok(peer)])))
    }

    fn points<'a>(
        &'a self,
        _: Option<String>,
        _: String,
        _: Interval,
    ) -> Later<'a, Result<Vec<HistoryPoint>, HistoryError>> {
        let point = |hour: u8| HistoryPoint {
            slot: format!("2026-03-01T{hour:02}:00:00.000Z"),
            subject: "k1".to_owned(),
            status: Status::Pass,
            value: 1.0,
        };
        Box::pin(std::future::ready(Ok(vec![point(6), point(7)])))
    }

    fn slots_in<'a>(&'a self, _: Option<String>, _: Interval) -> Later<'a, Result<SlotCounts, HistoryError>> {
        Box::pin(std::future::ready(Ok(SlotCounts { due: 9, ..SlotCounts::default() })))
    }
}
