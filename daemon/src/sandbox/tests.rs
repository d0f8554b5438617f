//! Both kinds of plugin, end to end.

use super::{testing::*, *};

#[tokio::test]
async fn a_component_reports() {
    let result = run_body("(global.get $report)").await;
    let Ended::Report(report) = &result.ended else { panic!("{}", result.ended) };
    assert_eq!((report.population, report.findings.len(), report.findings[0].subject.as_str()), (1, 1, "a"));
    assert_eq!(report.findings[0].measurements[0].value, 1.0);
    assert_eq!(result.ended.reason(), None);
    assert!(result.peak_memory >= 2 << 16);
}

#[tokio::test]
async fn a_component_fails_with_its_kind() {
    let result = run_body("(global.get $failure)").await;
    assert_eq!(result.ended.to_string(), "denied: no");
    assert_eq!(result.ended.reason(), Some(crate::domain::RunReason::Denied));
}

/// A checker that writes to its log, reads an input, keeps a state and asks over HTTP; the status of the answer decides.
fn busy() -> Plugin {
    load(&Checker {
        imports: r#"
            (import "evidenced:check/log@1.0.0" "write" (func $log (param i32 i32 i32)))
            (import "evidenced:check/inputs@1.0.0" "read" (func $read (param i32 i32 i32)))
            (import "evidenced:check/inputs@1.0.0" "open" (func $open (param i32 i32 i32)))
            (import "evidenced:check/inputs@1.0.0" "[method]reader.read" (func $piece (param i32 i32 i32)))
            (import "evidenced:check/inputs@1.0.0" "[resource-drop]reader" (func $drop_reader (param i32)))
            (import "evidenced:check/state@1.0.0" "set" (func $set (param i32 i32 i32 i32 i32)))
            (import "evidenced:check/state@1.0.0" "get" (func $get (param i32 i32 i32)))
            (import "evidenced:check/http@1.0.0" "send"
                (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#,
        fields: r#"
            (data (i32.const 16) "keys")
            (data (i32.const 32) "GEThttps://a/")"#,
        // Answers of the host lie at 256: a tag, then address and length.
        run: r#"
            (call $read (i32.const 16) (i32.const 4) (i32.const 256))
            (if (i32.load8_u (i32.const 256)) (then (return (global.get $failure))))
            (call $log (i32.const 1) (i32.load (i32.const 260)) (i32.load (i32.const 264)))
            (call $open (i32.const 16) (i32.const 4) (i32.const 256))
            (if (i32.load8_u (i32.const 256)) (then (return (global.get $failure))))
            (call $piece (i32.load (i32.const 260)) (i32.const 3) (i32.const 272))
            (call $set (i32.const 16) (i32.const 4) (i32.load (i32.const 276)) (i32.load (i32.const 280)) (i32.const 288))
            (call $drop_reader (i32.load (i32.const 260)))
            (call $get (i32.const 16) (i32.const 4) (i32.const 256))
            (call $log (i32.const 2) (i32.load (i32.const 260)) (i32.load (i32.const 264)))
            (call $send (i32.const 32) (i32.const 3) (i32.const 35) (i32.const 10) (i32.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512))
            (if (result i32) (i32.load8_u (i32.const 512))
                (then (global.get $failure)) (else (global.get $report)))"#,
        needs: [false, true, false],
        ..Checker::default()
    })
}

fn busy_spec(status: u16) -> RunSpec {
    let mut given = spec(Town::default().with("https://a/", status, b"body"));
    given.inputs.push(input("keys", b"k1,k2"));
    given
}

#[tokio::test]
async fn a_component_uses_what_it_is_given() {
    let result = SANDBOX.run(&busy(), busy_spec(200)).await;
    assert!(matches!(result.ended, Ended::Report(_)), "{}", result.ended);
    let lines: Vec<_> = result.log.iter().map(|line| (line.level, line.message.as_str())).collect();
    assert_eq!(lines, [(LogLevel::Info, "k1,k2"), (LogLevel::Warn, "k1,")]);
    assert_eq!(result.state_after.unwrap()["keys"], b"k1,");
    assert_eq!(result.transcript.calls.len(), 5, "{:?}", result.transcript.calls);
}

#[tokio::test]
async fn what_changes_though_the_answer_is_the_same_lies_apart() {
    let first = SANDBOX.run(&busy(), busy_spec(200)).await.transcript;
    let second = SANDBOX.run(&busy(), busy_spec(200)).await.transcript;
    assert_eq!(first.calls_json(), second.calls_json());
    assert!(!String::from_utf8(first.calls_json()).unwrap().contains("today"));
    assert!(String::from_utf8(first.volatile_json()).unwrap().contains("today"));
    let again = Transcript::from_parts(&first.calls_json(), &first.volatile_json(), first.blobs.clone()).unwrap();
    assert_eq!(again, first);
}

#[tokio::test]
async fn a_replay_is_identical_and_asks_nobody() {
    let plugin = busy();
    for status in [200, 500] {
        let given = busy_spec(status);
        let live = SANDBOX.run(&plugin, given.clone()).await;
        let again = SANDBOX.replay(&plugin, seen(&given), &live.transcript).await;
        assert_eq!(compare(&live.ended, &again.ended), Comparison::Identical);
        assert_eq!((again.transcript, again.state_after, again.log), (live.transcript, live.state_after, live.log));
    }
}

#[tokio::test]
async fn what_the_transcript_does_not_answer_cannot_be_told() {
    let plugin = busy();
    let given = busy_spec(200);
    let live = SANDBOX.run(&plugin, given.clone()).await;
    let again = SANDBOX.replay(&plugin, seen(&given), &Transcript::default()).await;
    let unanswered = "cannot tell: the transcript has no answer to GET https://a/".to_owned();
    assert_eq!(compare(&live.ended, &again.ended), Comparison::CannotTell(unanswered));
    let failed = SANDBOX.run(&plugin, busy_spec(500)).await;
    assert!(matches!(compare(&live.ended, &failed.ended), Comparison::Different { .. }));
    let by_time = Ended::Limit(Limit::Wall(1000));
    assert_eq!(compare(&by_time, &live.ended), Comparison::NotReperformable("limit wall (1 s)".to_owned()));
}

#[tokio::test]
async fn a_command_is_replayed_round_by_round() {
    let ask = r#"{"ask":[{"id":"a","http":{"method":"GET","url":"https://a/"}}]}"#;
    let report = r#"{"summary":"s","population":1,"findings":[{"subject":"a","status":"fail","message":"m"}]}"#;
    let plugin = load_bytes(&script(&[ask, report]));
    let given = spec(Town::default().with("https://a/", 200, b"body"));
    let live = SANDBOX.run(&plugin, given.clone()).await;
    let again = SANDBOX.replay(&plugin, seen(&given), &live.transcript).await;
    assert_eq!(compare(&live.ended, &again.ended), Comparison::Identical);
    assert_eq!(again.log, live.log, "it reads the same to the byte");
}

#[tokio::test]
async fn a_run_can_be_stopped() {
    let plugin = load(&Checker { run: "(loop $l (br $l)) unreachable", ..Checker::default() });
    let given = spec(Nowhere);
    let stop = given.stop.clone();
    let (result, ()) = tokio::join!(SANDBOX.run(&plugin, given), async {
        tokio::task::yield_now().await;
        stop.cancel();
    });
    assert_eq!(result.ended, Ended::Stopped);
}

#[tokio::test]
async fn an_undeclared_capability_is_named() {
    let plugin = load(&Checker {
        imports: r#"(import "evidenced:check/state@1.0.0" "remove" (func $remove (param i32 i32)))"#,
        run: "(call $remove (i32.const 0) (i32.const 0)) unreachable",
        ..Checker::default()
    });
    let result = SANDBOX.run(&plugin, spec(Nowhere)).await;
    assert_eq!(result.ended, Ended::Undeclared("state"));
    assert_eq!(result.ended.reason(), Some(crate::domain::RunReason::GrantMissing));
}

#[tokio::test]
async fn a_component_may_be_made_of_several_with_memories_of_their_own() {
    let text = r#"(component
        (core module $memory (memory 1))
        (core instance (instantiate $memory))
        (core instance (instantiate $memory))
        (core module $program (memory 1) (func (export "run") (result i32) (i32.const 0)))
        (core instance $program (instantiate $program))
        (func $run (result (result)) (canon lift (core func $program "run")))
        (instance $run (export "run" (func $run)))
        (export "wasi:cli/run@0.2.0" (instance $run)))"#;
    let plugin = load_bytes(&wat::parse_str(text).unwrap());
    let result = SANDBOX.run(&plugin, spec(Nowhere)).await;
    assert_eq!(result.ended.to_string(), "broken report: the plugin printed no report");
    assert_eq!(result.peak_memory, 3 << 16);
}

#[test]
fn a_component_that_asks_while_it_describes_itself_is_nameless() {
    let plugin = load(&Checker {
        imports: r#"(import "evidenced:check/log@1.0.0" "write" (func $log (param i32 i32 i32)))"#,
        describe: Some("(call $log (i32.const 0) (i32.const 0) (i32.const 0)) (global.get $description)"),
        run: "unreachable",
        ..Checker::default()
    });
    assert!(plugin.warning().unwrap().contains("log"), "{:?}", plugin.warning());
    assert_eq!(plugin.description_for("stem").name, "stem");
}

#[test]
fn what_is_no_plugin_is_refused_by_its_own_words() {
    let wit = include_str!("../../../plugin-sdk/wit/check.wit");
    let load = |bytes: &[u8]| SANDBOX.load(bytes).unwrap_err().to_string();
    assert!(load(b"garbage").starts_with("not a WebAssembly file"));
    assert!(load(b"\0asm\x01\0\0\0garbage").starts_with("damaged WebAssembly"));
    assert!(load(&wat::parse_str("(module)").unwrap()).starts_with("neither a check nor a command"));
    assert!(load(&wat::parse_str("(component)").unwrap()).starts_with("neither a check nor a command"));
    let foreign = r#"(module (import "env" "f" (func)) (func (export "_start")))"#;
    assert!(load(&wat::parse_str(foreign).unwrap()).starts_with("it imports `env.f`"));

    let newer = wit.replace("evidenced:check@1.0.0", "evidenced:check@1.1.0");
    let module = r#"(module
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "evidenced:check/checker@1.1.0#describe") (result i32) unreachable)
        (func (export "evidenced:check/checker@1.1.0#run") (param i32) (result i32) unreachable))"#;
    let refused = load(&component(module, &newer));
    assert!(
        refused.contains("`evidenced:check/") && refused.contains("1.1.0") && refused.contains("1.0.0"),
        "{refused}"
    );
    let sockets = r#"(component (import "wasi:sockets/network@0.2.0" (instance)))"#;
    assert!(load(&wat::parse_str(sockets).unwrap()).contains("use `evidenced:check/http`"));
}

#[test]
fn compiled_code_is_kept_and_only_what_this_daemon_wrote_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let open = |key: u8| {
        let cache_dir = Some(folder.path().to_owned());
        Sandbox::new(SandboxSettings { cache_dir, cache_key: [key; 32], concurrency: 1, ..SandboxSettings::default() })
            .unwrap()
    };
    let bytes = Checker { run: "(global.get $report)", ..Checker::default() }.component();
    let first = open(1).load(&bytes).unwrap();
    let files = || {
        let mut files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    };
    assert_eq!(files().len(), 2, "code and description");
    let kept = std::fs::read(&files()[1]).unwrap();

    let second = open(1).load(&bytes).unwrap();
    assert_eq!((second.description(), second.digest()), (first.description(), first.digest()));

    // A file that was changed, or written with another key, is made again.
    let mut damaged = kept.clone();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(&files()[1], &damaged).unwrap();
    open(1).load(&bytes).unwrap();
    assert_eq!(std::fs::read(&files()[1]).unwrap(), kept);
    open(2).load(&bytes).unwrap();
    assert_ne!(std::fs::read(&files()[1]).unwrap()[..32], kept[..32]);
}

#[test]
fn code_that_only_compiles_fits_the_engine_that_runs() {
    use std::hash::{Hash as _, Hasher as _};
    let hash = |engine: &wasmtime::Engine| {
        let mut hasher = std::hash::DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    };
    assert_eq!(hash(&engine::engine(None).unwrap()), hash(&SANDBOX.engine));
    let bytes = Checker { run: "(global.get $report)", ..Checker::default() }.component();
    let code = engine::engine(None).unwrap().precompile_component(&bytes).unwrap();
    cache::trusted_component(&SANDBOX.engine, &code).unwrap();
}

#[test]
fn what_a_plugin_says_of_itself_is_short_or_nothing() {
    let long = "v".repeat(2_000);
    let hosts = vec!["/url"; 1_000];
    for (description, why) in [
        (serde_json::json!({ "name": "a", "version": long }), "its `version` has 2000 bytes; at most 100 are taken"),
        (serde_json::json!({ "name": "a\r\nBcc: b" }), "its `name` has a line end or another control in it"),
        (serde_json::json!({ "name": "a", "summary": long }), "its `summary` has 2000 bytes; at most 1000 are taken"),
        (
            serde_json::json!({ "name": "a", "needs": { "hosts": hosts } }),
            "it needs more than 100 inputs, or keys of hosts",
        ),
        (
            serde_json::json!({ "name": "a", "needs": { "hosts": [long] } }),
            "a name in its `needs` has 2000 bytes; at most 1000 are taken",
        ),
    ] {
        let plugin = load_bytes(&says(&description.to_string(), "{}"));
        assert_eq!(plugin.warning(), Some(format!("the plugin cannot describe itself: {why}").as_str()));
        assert_eq!((plugin.description().version.as_str(), plugin.description().needs.hosts.len()), ("0", 0));
    }
}

#[tokio::test]
async fn a_failure_is_no_longer_than_a_report() {
    // err(failure): its message is 2 MiB.
    let body = r"(memory.fill (i32.const 65536) (i32.const 97) (i32.const 2097152))
        (i32.store8 (i32.const 0) (i32.const 1))
        (i32.store (i32.const 4) (i32.const 0))
        (i32.store (i32.const 8) (i32.const 65536))
        (i32.store (i32.const 12) (i32.const 2097152))
        (i32.store (i32.const 16) (i32.const 0))
        (i32.const 0)";
    let run = format!("(drop (memory.grow (i32.const 64))) {body}");
    assert_eq!(run_body(&run).await.ended.to_string(), "limit report (1 MiB)");
}

#[test]
fn a_check_with_other_functions_than_the_contract_says_so() {
    let text = r#"(component
        (core module $nothing (func (export "f")))
        (core instance $nothing (instantiate $nothing))
        (func $f (canon lift (core func $nothing "f")))
        (instance $checker (export "describe" (func $f)) (export "run" (func $f)))
        (export "evidenced:check/checker@1.0.0" (instance $checker)))"#;
    let refused = SANDBOX.load(&wat::parse_str(text).unwrap()).err().unwrap();
    assert!(matches!(refused, LoadError::OtherTypes { .. }), "{refused}");
    assert_eq!(refused.reason(), crate::domain::RunReason::PluginUnsupported);
}
