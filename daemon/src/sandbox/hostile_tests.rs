//! `tests/hostile`: plugins that mean harm. Each ends as its own error, while another check runs on time beside it, and
//! its memory comes back.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    path::Path,
    sync::Arc,
    time::Duration,
};

use super::{testing::*, *};
use crate::{
    domain::{Grant, Limits, Scheme},
    gate::{Budget, Gate, GateSettings},
};

/// Each of the folder, by name.
#[test]
fn every_hostile_plugin_ends_as_its_own_error() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/hostile");
    let mut names: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(names.len() >= 12, "{names:?}");
    let executor = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let sandbox = Sandbox::new(SandboxSettings { concurrency: 4, ..SandboxSettings::default() }).unwrap();
    let port = a_server_that_sends_on();
    for name in names {
        let expected = std::fs::read_to_string(folder.join(&name).join("expected.txt")).unwrap();
        for bytes in forms_of(&folder.join(&name), port) {
            let told = executor.block_on(run_beside_a_sibling(&sandbox, &bytes, port));
            check(&name, &expected, &told);
            assert_eq!(sandbox.memory_used(), 0, "{name}: memory comes back");
        }
    }
}

/// How it ended in the first line, then its log.
type Told = (String, Vec<LogLine>);

#[track_caller]
fn check(name: &str, expected: &str, (ended, log): &Told) {
    let mut lines = expected.lines();
    assert_eq!(Some(ended.as_str()), lines.next(), "{name}");
    for line in lines {
        let words = line.strip_prefix("log: ").unwrap();
        assert!(log.iter().any(|line| line.message.contains(words)), "{name}: no `{words}` in {log:?}");
    }
    let is_plain = |line: &LogLine| !line.message.chars().any(char::is_control);
    assert!(log.iter().all(is_plain), "{name}: control characters in its log");
}

async fn run_beside_a_sibling(sandbox: &Arc<Sandbox>, bytes: &[u8], port: u16) -> Told {
    let sibling = sandbox.load(&Checker { run: "(global.get $report)", ..Checker::default() }.component()).unwrap();
    let hostile = match sandbox.load(bytes) {
        Ok(hostile) => hostile,
        Err(refused) => return (refused.to_string(), Vec::new()),
    };
    let limits = Limits { wall: Duration::from_millis(500), ..Limits::default_for(true) };
    let world = Live::new(door(port, &limits), Arc::new(Nowhere));
    let spec = RunSpec { limits, ..spec(world) };
    let runs = Arc::clone(sandbox);
    let running = tokio::spawn(async move { runs.run(&hostile, spec).await });
    for _ in 0..20 {
        let result = sandbox.run(&sibling, testing::spec(Nowhere)).await;
        assert!(matches!(result.ended, Ended::Report(_)), "the sibling: {}", result.ended);
        assert!(result.took < Duration::from_secs(1), "the sibling took {:?}", result.took);
    }
    let result = running.await.unwrap();
    assert!(result.ended.reason().is_some(), "an error, never a pass or a fail");
    assert!(result.took < Duration::from_secs(10), "{:?}", result.took);
    (result.ended.to_string(), result.log)
}

/// A component if it exports the checker, else a command, as a module and as a component; or bytes as they are.
fn forms_of(folder: &Path, port: u16) -> Vec<Vec<u8>> {
    let Ok(text) = std::fs::read_to_string(folder.join("plugin.wat")) else {
        return vec![std::fs::read(folder.join("plugin.bytes")).unwrap()];
    };
    // All five characters of the port are replaced, so that lengths stay what they are.
    let text = text.replace("PPPPP", &format!("{port:05}"));
    if text.contains("evidenced:check/checker@") {
        return vec![component_on_wasi(&text)];
    }
    let module = wat::parse_str(&text).unwrap();
    if text.contains("wasi_snapshot_preview1") { vec![adapted(&module), module] } else { vec![module] }
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
