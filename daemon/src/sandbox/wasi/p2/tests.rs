//! WASI of a check that is a component: each thing as it is given, as it is refused, and at its limit.

use std::time::Duration;

use super::*;
use crate::sandbox::{
    Ended, LoadError, LogLine, Nowhere, RunResult, RunSpec,
    testing::{Checker, SANDBOX, component_on_wasi, input, seen, spec},
};

/// What every test may call; a component imports of it what it calls.
const IMPORTS: &str = r#"
    (import "wasi:clocks/wall-clock@0.2.3" "now" (func $wall (param i32)))
    (import "wasi:clocks/monotonic-clock@0.2.3" "now" (func $now (result i64)))
    (import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func $after (param i64) (result i32)))
    (import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-instant" (func $at (param i64) (result i32)))
    (import "wasi:io/poll@0.2.3" "[method]pollable.block" (func $block (param i32)))
    (import "wasi:io/poll@0.2.3" "[method]pollable.ready" (func $ready (param i32) (result i32)))
    (import "wasi:io/poll@0.2.3" "[resource-drop]pollable" (func $drop_pollable (param i32)))
    (import "wasi:io/poll@0.2.3" "poll" (func $poll (param i32 i32 i32)))
    (import "wasi:random/random@0.2.3" "get-random-u64" (func $random (result i64)))
    (import "wasi:random/random@0.2.3" "get-random-bytes" (func $random_bytes (param i64 i32)))
    (import "wasi:cli/environment@0.2.3" "get-environment" (func $environment (param i32)))
    (import "wasi:cli/environment@0.2.3" "get-arguments" (func $arguments (param i32)))
    (import "wasi:cli/exit@0.2.3" "exit" (func $exit (param i32)))
    (import "wasi:cli/stdin@0.2.3" "get-stdin" (func $stdin (result i32)))
    (import "wasi:cli/stdout@0.2.3" "get-stdout" (func $stdout (result i32)))
    (import "wasi:cli/stderr@0.2.3" "get-stderr" (func $stderr (result i32)))
    (import "wasi:io/streams@0.2.3" "[method]input-stream.read" (func $read (param i32 i64 i32)))
    (import "wasi:io/streams@0.2.3" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))
    (import "wasi:io/streams@0.2.3" "[method]output-stream.write-zeroes" (func $zeroes (param i32 i64 i32)))
    (import "wasi:filesystem/preopens@0.2.3" "get-directories" (func $folders (param i32)))
    (import "wasi:filesystem/types@0.2.3" "[method]descriptor.open-at"
        (func $open (param i32 i32 i32 i32 i32 i32 i32)))
    (import "wasi:filesystem/types@0.2.3" "[method]descriptor.read" (func $file_read (param i32 i64 i64 i32)))
    (import "wasi:filesystem/types@0.2.3" "[method]descriptor.write" (func $file_write (param i32 i32 i32 i64 i32)))
    (import "wasi:filesystem/types@0.2.3" "[method]descriptor.unlink-file-at" (func $unlink (param i32 i32 i32 i32)))
    (import "wasi:filesystem/types@0.2.3" "[method]descriptor.read-directory" (func $list (param i32 i32)))
    (import "wasi:filesystem/types@0.2.3" "[method]directory-entry-stream.read-directory-entry"
        (func $entry (param i32 i32)))"#;

/// A check with this body of `run`. `$must` traps unless it is given 1, so that a test sees at which line.
fn check(fields: &str, run: &str) -> Vec<u8> {
    let fields = format!("(func $must (param i32) (if (i32.eqz (local.get 0)) (then unreachable))) {fields}");
    component_on_wasi(&Checker { imports: IMPORTS, fields: &fields, run, ..Checker::default() }.module())
}

async fn run_with(fields: &str, run: &str, spec: RunSpec) -> RunResult {
    let plugin = SANDBOX.load(&check(fields, run)).unwrap_or_else(|fault| panic!("{fault}"));
    let result = SANDBOX.run(&plugin, spec.clone()).await;
    let again = SANDBOX.replay(&plugin, seen(&spec), &result.transcript).await;
    assert_eq!((&again.ended, &again.log), (&result.ended, &result.log), "a replay is the same");
    result
}

async fn run(run: &str) -> RunResult {
    run_with("", run, spec(Nowhere)).await
}

#[track_caller]
fn reported(result: &RunResult) {
    assert!(matches!(result.ended, Ended::Report(_)), "{}", result.ended);
}

fn messages(log: &[LogLine]) -> Vec<&str> {
    log.iter().map(|line| line.message.as_str()).collect()
}

#[tokio::test]
async fn the_wall_clock_is_the_request_s_and_the_monotonic_one_counts_its_readings() {
    let body = r#"
        (call $wall (i32.const 256))
        (call $must (i64.eq (i64.load (i32.const 256)) (i64.const 1772431203)))
        (call $must (i32.eq (i32.load (i32.const 264)) (i32.const 120000000)))
        (call $must (i64.eq (call $now) (i64.const 1000)))
        (call $must (i64.eq (call $now) (i64.const 2000)))
        (global.get $report)"#;
    reported(&run(body).await);
}

#[tokio::test]
async fn waiting_for_a_time_returns_at_once_and_moves_the_clock() {
    let body = r#"
        (local $hour i32)
        (local.set $hour (call $after (i64.const 3600000000000)))
        (call $must (i32.eqz (call $ready (local.get $hour))))
        (call $block (local.get $hour))
        (call $must (call $ready (local.get $hour)))
        (call $must (i64.ge_u (call $now) (i64.const 3600000000000)))
        (call $must (call $ready (call $at (i64.const 5))))
        (global.get $report)"#;
    let mut spec = spec(Nowhere);
    spec.limits.wall = Duration::from_secs(7200);
    let result = run_with("", body, spec).await;
    reported(&result);
    assert!(result.took < Duration::from_secs(60), "{:?}", result.took);
}

#[tokio::test]
async fn of_several_times_the_first_is_waited_for() {
    let body = r#"
        (i32.store (i32.const 256) (call $after (i64.const 2000000)))
        (i32.store (i32.const 260) (call $after (i64.const 1000000)))
        (call $poll (i32.const 256) (i32.const 2) (i32.const 512))
        (call $must (i32.eq (i32.load (i32.const 516)) (i32.const 1)))
        (call $must (i32.eq (i32.load (i32.load (i32.const 512))) (i32.const 1)))
        (call $must (i64.eq (call $now) (i64.const 1001000)))
        (global.get $report)"#;
    reported(&run(body).await);
}

#[tokio::test]
async fn waiting_past_the_limit_ends_the_run_without_waiting() {
    let result = run("(call $block (call $after (i64.const -1))) unreachable").await;
    assert_eq!(result.ended.to_string(), "limit wall (20 s)");
    assert!(result.took < Duration::from_secs(10), "{:?}", result.took);
    let result = run("(call $poll (i32.const 0) (i32.const 0) (i32.const 512)) unreachable").await;
    assert_eq!(result.ended.to_string(), "the plugin trapped: it polled an empty list, which is never ready");
}

#[tokio::test]
async fn a_loop_that_looks_until_it_is_time_ends() {
    let body = r#"
        (local $soon i32)
        (local.set $soon (call $after (i64.const 1000000)))
        (loop $again (br_if $again (i32.eqz (call $ready (local.get $soon)))))
        (global.get $report)"#;
    reported(&run(body).await);
}

#[tokio::test]
async fn handles_that_are_given_back_are_free_and_too_many_end_the_run() {
    let body = |drop: &str| {
        format!(
            "(local $left i32)
            (local.set $left (i32.const 20000))
            (loop $again
                ({drop} (call $after (i64.const 1)))
                (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                (br_if $again (local.get $left)))
            (global.get $report)"
        )
    };
    reported(&run(&body("call $drop_pollable")).await);
    let result = run(&body("drop")).await;
    assert_eq!(result.ended.to_string(), "limit handles (10000)");
    assert_eq!(result.ended.reason(), Some(crate::domain::RunReason::LimitTables));
}

#[tokio::test]
async fn randomness_comes_of_the_seed() {
    use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
    let mut given = rand_chacha::ChaCha20Rng::from_seed([7; 32]);
    let body = format!(
        "(call $must (i64.eq (call $random) (i64.const {})))
        (call $random_bytes (i64.const 8) (i32.const 256))
        (call $must (i32.eq (i32.load (i32.const 260)) (i32.const 8)))
        (call $must (i64.eq (i64.load (i32.load (i32.const 256))) (i64.const {})))
        (global.get $report)",
        given.next_u64(),
        given.next_u64()
    );
    reported(&run(&body).await);
    let result = run("(call $random_bytes (i64.const -1) (i32.const 256)) unreachable").await;
    assert_eq!(result.ended.to_string(), "limit call (16 MiB in one call of the host)");
}

#[tokio::test]
async fn there_is_no_environment_no_argument_and_no_input_stream() {
    let body = r#"
        (call $environment (i32.const 256))
        (call $must (i32.eqz (i32.load (i32.const 260))))
        (call $arguments (i32.const 256))
        (call $must (i32.eqz (i32.load (i32.const 260))))
        (call $read (call $stdin) (i64.const 10) (i32.const 256))
        (call $must (i32.load8_u (i32.const 256)))
        (call $must (i32.eq (i32.load8_u (i32.const 260)) (i32.const 1)))
        (global.get $report)"#;
    reported(&run(body).await);
}

#[tokio::test]
async fn both_output_streams_go_to_the_log_up_to_its_limit() {
    let text = r#"(data (i32.const 64) "said\nthought")"#;
    let body = r#"
        (call $write (call $stdout) (i32.const 64) (i32.const 12) (i32.const 256))
        (call $must (i32.eqz (i32.load8_u (i32.const 256))))
        (call $write (call $stderr) (i32.const 69) (i32.const 7) (i32.const 256))
        (global.get $report)"#;
    let result = run_with(text, body, spec(Nowhere)).await;
    reported(&result);
    assert_eq!(messages(&result.log), ["said", "thought", "thought"]);

    let mut limited = spec(Nowhere);
    limited.limits.log_bytes = 20_000;
    let flood = "(call $zeroes (call $stdout) (i64.const 65536) (i32.const 256)) unreachable";
    assert_eq!(run_with("", flood, limited).await.ended.to_string(), "limit log (20000 bytes)");
    let result = run("(call $zeroes (call $stdout) (i64.const -1) (i32.const 256)) unreachable").await;
    let words = "the plugin trapped: it wrote more zeroes than the stream said it takes at once";
    assert_eq!(result.ended.to_string(), words);
}

#[tokio::test]
async fn a_check_that_exits_has_failed_with_its_last_words() {
    let text = r#"(data (i32.const 64) "no such bucket")"#;
    let body = r#"
        (call $write (call $stderr) (i32.const 64) (i32.const 14) (i32.const 256))
        (call $exit (i32.const 1))
        unreachable"#;
    let result = run_with(text, body, spec(Nowhere)).await;
    assert_eq!(result.ended.to_string(), "internal: exited with 1: no such bucket");
    let result = run("(call $exit (i32.const 0)) unreachable").await;
    assert_eq!(result.ended.to_string(), "internal: exited with 0", "it has judged nothing");
}

/// `$root` is `/inputs`, with the one file `a`.
async fn run_on_files(body: &str) -> RunResult {
    let fields = r#"
        (data (i32.const 64) "a../ab")
        (global $root (mut i32) (i32.const 0))"#;
    let body = format!(
        "(call $folders (i32.const 256))
        (call $must (i32.eq (i32.load (i32.const 260)) (i32.const 2)))
        (global.set $root (i32.load (i32.load (i32.const 256))))
        {body}
        (global.get $report)"
    );
    let mut spec = spec(Nowhere);
    spec.inputs.push(input("a", b"content"));
    run_with(fields, &body, spec).await
}

#[tokio::test]
async fn inputs_are_files_that_can_be_listed_and_read() {
    let body = r#"
        (call $list (global.get $root) (i32.const 512))
        (call $entry (i32.load (i32.const 516)) (i32.const 768))
        (call $must (i32.eq (i32.load8_u (i32.const 772)) (i32.const 1)))
        (call $must (i32.eq (i32.load8_u (i32.const 776)) (i32.const 6)))
        (call $must (i32.eq (i32.load8_u (i32.load (i32.const 780))) (i32.const 97)))
        (call $entry (i32.load (i32.const 516)) (i32.const 768))
        (call $must (i32.eqz (i32.load8_u (i32.const 772))))
        (call $open (global.get $root) (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 0) (i32.const 1)
            (i32.const 512))
        (call $must (i32.eqz (i32.load8_u (i32.const 512))))
        (call $file_read (i32.load (i32.const 516)) (i64.const -1) (i64.const 3) (i32.const 768))
        (call $must (i32.eqz (i32.load8_u (i32.const 768))))
        (call $write (call $stderr) (i32.load (i32.const 772)) (i32.load (i32.const 776)) (i32.const 1008))
        (call $must (i32.load8_u (i32.const 780)))"#;
    let result = run_on_files(body).await;
    reported(&result);
    assert_eq!(messages(&result.log), ["tent"]);
}

#[tokio::test]
async fn nothing_else_can_be_opened_and_nothing_written() {
    // Path, its length, flags of opening, flags of the descriptor, and the error.
    for (path, open, flags, error) in
        [((69, 1), 0, 1, 20), ((65, 4), 0, 1, 31), ((67, 2), 0, 1, 31), ((69, 1), 1, 2, 33), ((64, 1), 0, 2, 33)]
    {
        let (at, len) = path;
        let body = format!(
            "(call $open (global.get $root) (i32.const 0) (i32.const {at}) (i32.const {len}) (i32.const {open})
                (i32.const {flags}) (i32.const 512))
            (call $must (i32.load8_u (i32.const 512)))
            (call $must (i32.eq (i32.load8_u (i32.const 516)) (i32.const {error})))"
        );
        reported(&run_on_files(&body).await);
    }
    let body = r#"
        (call $unlink (global.get $root) (i32.const 64) (i32.const 1) (i32.const 512))
        (call $must (i32.load8_u (i32.const 512)))
        (call $must (i32.eq (i32.load8_u (i32.const 513)) (i32.const 33)))
        (call $file_write (global.get $root) (i32.const 64) (i32.const 1) (i64.const 0) (i32.const 512))
        (call $must (i32.load8_u (i32.const 512)))
        (call $must (i32.eq (i32.load8_u (i32.const 520)) (i32.const 33)))"#;
    reported(&run_on_files(body).await);
}

#[test]
fn what_is_not_given_is_refused_by_its_name_with_what_to_do() {
    let refused = |import: &str, export: &str| {
        let text = format!(r#"(component (import "{import}" (instance $i)) (export "{export}" (instance $i)))"#);
        match SANDBOX.load(&wat::parse_str(text).unwrap()) {
            Err(LoadError::UnsupportedImport { import: named, hint }) => {
                assert_eq!(named, import);
                hint
            }
            other => panic!("{import}: {other:?}"),
        }
    };
    let [check, command] = ["evidenced:check/checker@1.0.0", "wasi:cli/run@0.2.0"];
    assert!(refused("wasi:sockets/tcp@0.2.9", check).contains("`--stub-wasi`"));
    assert!(refused("wasi:http/outgoing-handler@0.2.0", check).contains("`evidenced:check/http`"));
    assert!(refused("wasi:http/outgoing-handler@0.2.0", command).contains("`ask`"));
    assert!(refused("evidenced:check/http@1.0.0", command).contains("`ask`"));
    for unknown in
        ["wasi:clocks/monotonic-clock@0.3.0", "wasi:keyvalue/store@0.2.0", "wasi:clocks/wall-clock@0.2.0-rc1"]
    {
        assert!(refused(unknown, check).contains("version 0.2"), "{unknown}");
    }
}

#[test]
fn every_interface_that_is_given_is_defined() {
    let linker = &SANDBOX.linkers.program;
    for name in INTERFACES {
        let text = format!(r#"(component (import "{name}@0.2.0" (instance)))"#);
        let component = wasmtime::component::Component::new(&SANDBOX.engine, wat::parse_str(text).unwrap()).unwrap();
        linker.instantiate_pre(&component).unwrap_or_else(|fault| panic!("{name}: {fault:#}"));
    }
}
