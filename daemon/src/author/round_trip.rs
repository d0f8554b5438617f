//! A recording is written, read back, and says the same: for whatever a run may have seen.

use std::collections::BTreeMap;

use evidenced_cases::{
    Case, CaseLimits, Recording, Script, ScriptedCall, ScriptedHandshake, ScriptedPoints, ScriptedSlots,
};
use evidenced_contract::{
    Auth, Certificate, Exchange, Extensions, HistoryError, HistoryPoint, HttpError, HttpResponse, Input, Interval,
    Limits, Peer, Request, SlotCounts, Status, Timings,
};
use proptest::{collection::vec, option, prelude::*};
use serde_json::{Value, json};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_a_run_saw_can_be_written_as_a_case(recording in recordings()) {
        let text = recording.to_toml().unwrap_or_else(|error| panic!("{error}\n{recording:#?}"));
        let case = Case::parse(&text).unwrap();
        prop_assert_eq!(case.script(), &recording.script, "{}", text);
        prop_assert_eq!(case.inputs(), recording.inputs.as_slice());
        prop_assert_eq!(case.state(), &recording.state);
        prop_assert_eq!((case.expected(), case.limits()), (recording.expected.as_str(), recording.limits));
        let inputs = recording.inputs.iter().map(|(facts, _)| facts.clone()).collect();
        prop_assert_eq!(case.request(), &Request { inputs, ..recording.request });
    }
}

fn recordings() -> impl Strategy<Value = Recording> {
    let script = (vec(calls(), 0..3), vec(handshakes(), 0..2), vec(points(), 0..2), vec(slots(), 0..2));
    let script = script.prop_map(|(calls, handshakes, points, slots)| Script { calls, handshakes, points, slots });
    let state = proptest::collection::btree_map("[a-z.é \"]{1,6}", bytes(), 0..3);
    let limits = option::of(1_u32..9).prop_map(|requests| CaseLimits { requests, ..CaseLimits::default() });
    (requests(), vec(inputs(), 0..3), state, limits, script, text()).prop_map(
        |(request, inputs, state, limits, script, expected)| {
            let state: BTreeMap<_, _> = state;
            Recording { request, inputs, state, limits, script, expected }
        },
    )
}

fn requests() -> impl Strategy<Value = Request> {
    (config(), option::of(intervals()), any::<[u8; 32]>(), any::<bool>()).prop_map(
        |(config, interval, seed, is_plain)| Request {
            control: if is_plain { "TEST-01".to_owned() } else { "SEC-09".to_owned() },
            definition: format!("sha256:{}", "7".repeat(64)),
            slot: "2026-03-02T06:00:00.000Z".to_owned(),
            now: "2026-03-02T06:00:03.120Z".to_owned(),
            interval,
            config,
            inputs: Vec::new(),
            seed,
            limits: Limits { wall_ms: 0, memory_bytes: 0, report_bytes: 0, requests: 0, response_bytes: 0 },
            extensions: if is_plain {
                Extensions::new()
            } else {
                Extensions::from_iter([("a:b".to_owned(), json!([1]))])
            },
        },
    )
}

/// Also what TOML cannot hold.
fn config() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e12..1e12).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[a-z ]{0,3}", inner, 0..3).prop_map(Value::from_iter),
        ]
    });
    proptest::collection::btree_map("[a-z]{1,4}", tree, 0..3).prop_map(Value::from_iter)
}

fn inputs() -> impl Strategy<Value = (Input, Result<Vec<u8>, String>)> {
    let content = prop_oneof![3 => bytes().prop_map(Ok), 1 => text().prop_map(Err)];
    (content, option::of(exchanges()), option::of(0_u32..9)).prop_map(|(content, http, rows)| {
        let input = Input {
            name: "inventory".to_owned(),
            source: "https://a.example/inventory".to_owned(),
            query: "select 1\nfrom t".to_owned(),
            media_type: "text/csv".to_owned(),
            observed: "2026-03-02T06:00:02.000Z".to_owned(),
            bytes: content.as_ref().map_or(0, |bytes: &Vec<u8>| bytes.len() as u64),
            rows,
            source_total: rows,
            digest: format!("sha256:{}", "1".repeat(64)),
            http,
        };
        (input, content)
    })
}

fn calls() -> impl Strategy<Value = ScriptedCall> {
    let auth = prop_oneof![Just(Auth::Granted), Just(Auth::Anonymous), Just(Auth::Named("other".to_owned()))];
    let answer = prop_oneof![
        3 => (exchanges(), bytes()).prop_map(|(exchange, body)| Ok(HttpResponse { exchange, body })),
        1 => faults().prop_map(Err),
    ];
    (option::of(bytes()), option::of(auth), headers(), vec(any::<u16>(), 0..2), answer, any::<u32>()).prop_map(
        |(body, auth, sent, accepts, answer, timeout_ms)| ScriptedCall {
            method: if body.is_some() { "POST".to_owned() } else { "GET".to_owned() },
            url: "https://a.example/keys?page=1".to_owned(),
            body,
            auth,
            sent,
            timeout_ms,
            accepts,
            answer,
        },
    )
}

fn handshakes() -> impl Strategy<Value = ScriptedHandshake> {
    let seen = vec(prop_oneof![peers().prop_map(Ok), faults().prop_map(Err)], 0..3);
    let answer = prop_oneof![seen.prop_map(Ok), faults().prop_map(Err)];
    answer.prop_map(|answer| ScriptedHandshake { host: "a.example".to_owned(), port: 443, answer })
}

fn points() -> impl Strategy<Value = ScriptedPoints> {
    let point = (text(), -1e6..1e6).prop_map(|(subject, value)| HistoryPoint {
        slot: "2026-03-01T06:00:00.000Z".to_owned(),
        subject,
        status: Status::NotApplicable,
        value,
    });
    let answer = prop_oneof![vec(point, 0..3).prop_map(Ok), history_faults().prop_map(Err)];
    (option::of("[A-Z]{3}-01"), option::of(intervals()), answer).prop_map(|(control, during, answer)| ScriptedPoints {
        control,
        measurement: "age".to_owned(),
        during,
        answer,
    })
}

fn slots() -> impl Strategy<Value = ScriptedSlots> {
    let counts = any::<[u32; 8]>().prop_map(|[due, run, late, pass, fail, error, not_applicable, missed]| SlotCounts {
        due,
        run,
        late,
        pass,
        fail,
        error,
        not_applicable,
        missed,
    });
    let answer = prop_oneof![counts.prop_map(Ok), history_faults().prop_map(Err)];
    (option::of("[A-Z]{3}-01"), option::of(intervals()), answer).prop_map(|(control, during, answer)| ScriptedSlots {
        control,
        during,
        answer,
    })
}

fn exchanges() -> impl Strategy<Value = Exchange> {
    let timings = prop_oneof![
        (0.0..1e6).prop_map(|total| Timings { total, ..Timings::default() }),
        (0.0..1e6, 0.0..1e6).prop_map(|(resolve, total)| Timings { resolve, total, ..Timings::default() }),
    ];
    (100_u16..600, headers(), timings, option::of(peers()), 1_u32..4)
        .prop_map(|(status, headers, timings, peer, attempts)| Exchange { status, headers, timings, peer, attempts })
}

fn peers() -> impl Strategy<Value = Peer> {
    let certificate = (text(), vec(text(), 0..2)).prop_map(|(subject, names)| Certificate {
        subject,
        issuer: "CN=CA".to_owned(),
        serial: "0a".to_owned(),
        names,
        not_before: "2026-01-01T00:00:00.000Z".to_owned(),
        not_after: "2026-04-01T00:00:00.000Z".to_owned(),
        key: "EC P-256".to_owned(),
        digest: format!("sha256:{}", "2".repeat(64)),
    });
    (option::of(text()), vec(certificate, 0..3)).prop_map(|(untrusted, chain)| Peer {
        address: "[2001:db8::1]:443".to_owned(),
        protocol: "TLSv1.3".to_owned(),
        cipher: "TLS13_AES_256_GCM_SHA384".to_owned(),
        untrusted,
        chain,
    })
}

/// A status is no fault here, but the answer of a call.
fn faults() -> impl Strategy<Value = HttpError> {
    prop_oneof![
        text().prop_map(HttpError::Refused),
        text().prop_map(HttpError::Unreachable),
        Just(HttpError::Timeout),
        text().prop_map(HttpError::Tls),
        Just(HttpError::Limit("response-bytes".to_owned())),
    ]
}

fn history_faults() -> impl Strategy<Value = HistoryError> {
    prop_oneof![text().prop_map(HistoryError::Refused), any::<u32>().prop_map(HistoryError::TooMany)]
}

fn intervals() -> impl Strategy<Value = Interval> {
    Just(Interval { from: "2026-03-01T06:00:00.000Z".to_owned(), until: "2026-03-02T06:00:00.000Z".to_owned() })
}

fn headers() -> impl Strategy<Value = Vec<(String, String)>> {
    vec(("[a-z-]{1,8}", text()), 0..3)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![2 => text().prop_map(String::into_bytes), 1 => vec(any::<u8>(), 0..12)]
}

/// Lines, quotes, line ends of other systems, and what steers a terminal.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z '\"\\\\\n\r\t\u{1b}é]{0,12}",
        Just("'''\n\"\"\"\n".to_owned()),
        Just("\n\nx\r\n".to_owned()),
        "\\PC{0,8}"
    ]
}
