//! `tests/hostile`: plugins that mean harm. Each ends as its own error, while another check runs on time beside it, and
//! its memory comes back.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::Arc,
    time::Duration,
};

use super::{testing::*, *};
use crate::{
    domain::{Grant, Limits, Scheme},
    gate::{Budget, Gate, GateSettings},
};

#[path = "../../../tests/src/hostile.rs"]
#[allow(unreachable_pub, dead_code, reason = "it is a module of the end-to-end tests, which use all of it")]
pub(super) mod folder;

/// Each of the folder, by name; but those that need a whole daemon.
#[test]
fn every_hostile_plugin_ends_as_its_own_error() {
    let executor = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let sandbox = Sandbox::new(SandboxSettings { concurrency: 4, ..SandboxSettings::default() }).unwrap();
    let port = a_server_that_sends_on();
    let cases = folder::cases(port);
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in cases.iter().filter(|case| !case.is_of_daemon) {
        for bytes in forms_of(case) {
            let told = executor.block_on(run_beside_a_sibling(&sandbox, &bytes, case.wall(), port));
            wrong.extend(check(case, &told));
            assert_eq!(sandbox.memory_used(), 0, "{}: memory comes back", case.name);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_two_cases_end_in_the_same_words_unless_the_folder_says_so() {
    let cases = folder::cases(1);
    let mut first = std::collections::BTreeMap::new();
    for case in &cases {
        let before = first.entry(&case.outcomes[0]).or_insert(&case.name);
        let named = case.same_as.as_ref().unwrap_or(&case.name);
        let is_free = *before == &case.name || case.same_as.is_some();
        assert!(is_free, "{} ends as {before} does: give it words of its own, or say `same as`", case.name);
        let other = cases.iter().find(|other| other.name == *named);
        assert_eq!(other.map(|other| &other.outcomes[0]), Some(&case.outcomes[0]), "{}", case.name);
    }
}

/// How it ended in the first line, then its log.
type Told = (String, Vec<LogLine>);

/// What is not as it must be.
fn check(case: &folder::Case, (ended, log): &Told) -> Vec<String> {
    let name = &case.name;
    let mut wrong = Vec::new();
    if !case.outcomes.contains(ended) {
        wrong.push(format!("{name}: {ended}"));
    }
    for words in &case.log {
        if !log.iter().any(|line| line.message.contains(words)) {
            wrong.push(format!("{name}: no `{words}` in {log:?}"));
        }
    }
    let is_plain = |line: &LogLine| !line.message.chars().any(char::is_control);
    assert!(log.iter().all(is_plain), "{name}: control characters in its log");
    wrong
}

async fn run_beside_a_sibling(sandbox: &Arc<Sandbox>, bytes: &[u8], wall: Duration, port: u16) -> Told {
    let sibling = sandbox.load(&Checker { run: "(global.get $report)", ..Checker::default() }.component()).unwrap();
    let hostile = match sandbox.load(bytes) {
        Ok(hostile) => hostile,
        Err(refused) => return (refused.to_string(), Vec::new()),
    };
    let limits = Limits { wall, ..Limits::default_for(true) };
    let world = Live::new(door(port, &limits), Arc::new(Nowhere));
    let spec = RunSpec { limits, inputs: vec![input("a", b"a")], ..spec(world) };
    let runs = Arc::clone(sandbox);
    let running = tokio::spawn(async move { runs.run(&hostile, spec).await });
    for _ in 0..20 {
        let result = sandbox.run(&sibling, testing::spec(Nowhere)).await;
        assert!(matches!(result.ended, Ended::Report(_)), "the sibling: {}", result.ended);
        assert!(result.took < Duration::from_secs(1), "the sibling took {:?}", result.took);
    }
    let result = running.await.unwrap();
    assert!(result.ended.reason().is_some(), "an error, never a pass or a fail");
    assert!(result.took < Duration::from_secs(15), "{:?}", result.took);
    (result.ended.to_string(), result.log)
}

/// A program as a module also as a component.
fn forms_of(case: &folder::Case) -> Vec<Vec<u8>> {
    let source = case.file.as_ref().unwrap();
    let bytes = source.bytes();
    match source {
        folder::Source::Program(text)
            if text.contains("wasi_snapshot_preview1") && !text.contains("(component") && !case.is_module =>
        {
            vec![adapted(&bytes), bytes]
        }
        _ => vec![bytes],
    }
}

/// What a control that may ask one server on this machine gets.
fn door(port: u16, limits: &Limits) -> crate::gate::Door {
    let settings = GateSettings {
        credentials: Vec::new(),
        proxy: None,
        ca: Vec::new(),
        ca_of_sources: Vec::new(),
        rates: Vec::new(),
        now: Arc::new(|| crate::domain::Timestamp::EPOCH),
    };
    let grant = Grant {
        scheme: Scheme::Http,
        host: "127.0.0.1".into(),
        port,
        methods: vec!["GET".into()],
        credential: None,
        named_credentials: Vec::new(),
        client_certificate: None,
        addresses: vec!["127.0.0.0/8".parse().unwrap()],
        region: None,
        service: None,
        source: None,
    };
    let budget = Budget {
        requests: limits.requests,
        response_bytes: limits.response_bytes,
        deadline: crate::clock::timer_now() + limits.wall,
    };
    Arc::new(Gate::new(settings).unwrap()).for_run("SEC-01".parse().unwrap(), vec![grant].into(), budget)
}

/// Answers every request with a redirect to the address where clouds give out credentials.
fn a_server_that_sends_on() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // One read holds the whole of these short requests.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(
                b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\nContent-Length: 0\r\n\r\n",
            );
        }
    });
    port
}
