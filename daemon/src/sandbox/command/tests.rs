//! The round protocol, rule by rule, for modules and for components.

use crate::{
    domain::{Limits, RunReason},
    sandbox::{testing::*, *},
};

const REPORT: &str = r#"{"summary":"s","population":1,"findings":[{"subject":"a","status":"pass","message":"m"}]}"#;

async fn run(rounds: &[&str]) -> RunResult {
    let town = Town::default().with("https://a/", 200, b"body").with("https://a/bin", 200, b"\xff").with(
        "https://a/no",
        403,
        b"denied",
    );
    run_both(&script(rounds), spec(town)).await
}

/// How a command ends that prints this.
#[track_caller]
fn check(rounds: &[&str], expected: &str) {
    let executor = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let result = executor.block_on(run(rounds));
    assert_eq!(result.ended.to_string(), expected, "{rounds:?}");
}

#[tokio::test]
async fn a_command_reports_and_describes_itself() {
    let plugin = load_bytes(&script(&[REPORT]));
    assert_eq!(plugin.kind(), PluginKind::CommandModule);
    assert_eq!((plugin.description().name.as_str(), plugin.description().version.as_str()), ("script", "1.2.3"));
    assert_eq!((plugin.description().needs.state, plugin.warning()), (true, None));
    let result = SANDBOX.run(&plugin, spec(Nowhere)).await;
    let Ended::Report(report) = &result.ended else { panic!("{}", result.ended) };
    assert_eq!(report.listing, evidenced_contract::Listing::EverySubject);
    let request: serde_json::Value = serde_json::from_str(&result.log[0].message).unwrap();
    assert_eq!((request["contract"].as_str(), request["round"].as_u64()), (Some("1.0"), Some(1)));
    assert_eq!(request["limits"]["requests"], 2000);
    assert_eq!(request["seed"], "07".repeat(32));
}

#[tokio::test]
async fn answers_come_back_in_the_next_round_with_the_memo() {
    let ask = r#"{"ask":[
        {"id":"text","http":{"method":"GET","url":"https://a/"}},
        {"id":"bin","http":{"method":"GET","url":"https://a/bin"}},
        {"id":"b64","http":{"method":"GET","url":"https://a/bin","as":"base64"}},
        {"id":"file","http":{"method":"GET","url":"https://a/","as":"file"}},
        {"id":"no","http":{"method":"GET","url":"https://a/no"}},
        {"id":"out","http":{"method":"GET","url":"https://b/"}},
        {"id":"cert","tls":{"host":"town.example","port":443}},
        {"id":"up","history":{"measurement":"up","from":"2026-01-01T00:00:00.000Z","until":"2026-02-01T00:00:00.000Z"}},
        {"id":"slots","slots":{"control":"AVL-01","from":"2026-01-01T00:00:00.000Z","until":"2026-02-01T00:00:00.000Z"}}
        ],"memo":{"at":[1,2]}}"#;
    let result = run(&[ask, REPORT]).await;
    assert!(matches!(result.ended, Ended::Report(_)), "{}", result.ended);
    let request: serde_json::Value = serde_json::from_str(&result.log[1].message).unwrap();
    assert_eq!(request["round"], 2);
    assert_eq!(request["memo"], serde_json::json!({ "at": [1, 2] }));
    assert_eq!(request["limits"]["requests"], 2000 - 7);
    let answer = |id: &str| {
        let answers = request["answers"].as_array().unwrap();
        answers.iter().find(|answer| answer["id"] == id).unwrap_or_else(|| panic!("no answer `{id}`")).clone()
    };
    assert_eq!(answer("text")["ok"]["body"], "body");
    assert_eq!(answer("bin")["error"]["kind"], "bad-input");
    assert_eq!(answer("b64")["ok"]["body_base64"], "/w==");
    assert_eq!(answer("file")["ok"]["path"], "/answers/file");
    assert_eq!((&answer("no")["error"]["status"], &answer("no")["error"]["body"]), (&403.into(), &"denied".into()));
    assert_eq!(answer("out")["error"]["kind"], "refused");
    assert_eq!(answer("cert")["ok"][0]["ok"]["protocol"], "TLSv1.3");
    assert_eq!(answer("cert")["ok"][1]["error"]["kind"], "timeout");
    assert_eq!(answer("up")["ok"][0]["value"], 0.5);
    assert_eq!(answer("slots")["error"]["kind"], "refused");
    assert_eq!(result.transcript.calls.len(), 9);
}

#[test]
fn every_rule_has_its_own_words() {
    check(&[""], "broken report: the plugin printed no report");
    check(
        &["nothing to see"],
        "broken report: the plugin printed something that is not JSON: expected ident at line 1 column 2",
    );
    check(&["[1]"], "broken report: the plugin printed more than one JSON object, or none");
    check(&[&format!("{REPORT}{REPORT}")], "broken report: the plugin printed more than one JSON object, or none");
    check(
        &[r#"{"ask":[],"memo":null}"#],
        "broken report: the plugin asked nothing: an `ask` holds at least one question",
    );
    check(
        &[r#"{"ask":[{"id":"A"}],"memo":null}"#],
        "broken report: the plugin asked with the id \"A\": an id is 1 to 64 characters of a-z, 0-9 and -",
    );
    check(
        &[r#"{"ask":[{"id":"a"}],"memo":null}"#],
        "broken report: the plugin asked nothing under `a`: one of http, tls, history, slots is needed",
    );
    check(
        &[r#"{"ask":[{"id":"a","tls":{"host":"h","port":1},"http":{"method":"GET","url":"u"}}]}"#],
        "broken report: the plugin asked several things under `a`: each question has its own id",
    );
    let again = r#"{"ask":[{"id":"a","tls":{"host":"town.example","port":1}}]}"#;
    check(&[again, again], "broken report: the plugin asked `a` again: ids are unique over all rounds");
    check(
        &[r#"{"ask":[{"id":"a","http":{"method":"GET","url":"u","body":"","body_base64":""}}]}"#],
        "broken report: the plugin asked `a` with both `body` and `body_base64`",
    );
    check(
        &[r#"{"ask":[{"id":"a","http":{"method":"GET","url":"u","body_base64":"?"}}]}"#],
        "broken report: the plugin asked `a` with a `body_base64` that is not base64",
    );
    check(&[r#"{"failure":{"kind":"denied","message":"no"}}"#], "denied: no");
}

#[tokio::test]
async fn rounds_end() {
    let ask = |id: u32| format!(r#"{{"ask":[{{"id":"q{id}","tls":{{"host":"town.example","port":1}}}}]}}"#);
    let rounds: Vec<String> = (0..3).map(ask).collect();
    let rounds: Vec<&str> = rounds.iter().map(String::as_str).collect();
    let mut spec = spec(Town::default());
    spec.limits.rounds = 3;
    let result = run_both(&script(&rounds), spec).await;
    assert_eq!(result.ended.to_string(), "limit rounds (3)");
    assert_eq!(result.transcript.calls.len(), 2, "what nobody would read is not asked");
}

#[tokio::test]
async fn state_is_given_and_kept() {
    let report = REPORT.trim_end_matches('}').to_owned() + r#","state":{"set":{"new":"Mg=="},"remove":["old"]}}"#;
    let mut given = spec(Nowhere);
    given.state.insert("old".into(), b"1".to_vec());
    let result = run_both(&script(&[&report]), given.clone()).await;
    assert!(result.log[0].message.contains(r#""state":{"old":"MQ=="}"#));
    assert_eq!(result.state_after.unwrap(), std::collections::BTreeMap::from([("new".into(), b"2".to_vec())]));
    given.limits.state_bytes = 1;
    given.state.clear();
    let result = run_both(&script(&[&report]), given).await;
    assert_eq!(result.ended.to_string(), "limit state (1 bytes)");
    assert_eq!(result.state_after, None);
}

#[tokio::test]
async fn an_exit_other_than_zero_is_a_failure_with_the_last_words() {
    let text = r#"(data (i32.const 1024) "first\nno such bucket\n\n")"#;
    let code =
        command("", text, "(call $write (i32.const 2) (i32.const 1024) (i32.const 22)) (call $exit (i32.const 3))");
    let result = run_both(&code, spec(Nowhere)).await;
    assert_eq!(result.ended.to_string(), "internal: exited with 3: no such bucket");
    assert_eq!(result.ended.reason(), Some(RunReason::Internal));
    assert_eq!(result.log.len(), 3, "the blank line too");
}

#[tokio::test]
async fn exit_zero_is_success() {
    let field = format!(r#"(data (i32.const 1024) "{}")"#, REPORT.replace('"', "\\22"));
    let start =
        format!("(call $write (i32.const 1) (i32.const 1024) (i32.const {})) (call $exit (i32.const 0))", REPORT.len());
    let result = run_both(&command("", &field, &start), spec(Nowhere)).await;
    assert!(matches!(result.ended, Ended::Report(_)), "{}", result.ended);
}

#[tokio::test]
async fn a_plugin_that_cannot_describe_itself_runs_and_is_found_out() {
    let plugin = load_bytes(&command("", "", "unreachable"));
    assert_eq!((plugin.description_for("stem").name.as_str(), plugin.description().version.as_str()), ("stem", "0"));
    assert!(plugin.warning().unwrap().contains("unreachable"), "{:?}", plugin.warning());
    let result = SANDBOX.run(&plugin, spec(Nowhere)).await;
    assert_eq!(result.ended.reason(), Some(RunReason::Trap));
}

#[tokio::test]
async fn inputs_and_answers_are_files_and_nothing_can_be_written() {
    // Opens `/inputs/a` by descriptor 3, writes it to the log, then tries to create a file beside it.
    let imports = r#"
        (import "wasi_snapshot_preview1" "path_open"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))"#;
    let fields = r#"(data (i32.const 1024) "./anew")"#;
    let start = r#"
        (if (call $open (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 3) (i32.const 0)
                (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)) (then (call $exit (i32.const 100))))
        (i32.store (i32.const 0) (i32.const 2048)) (i32.store (i32.const 4) (i32.const 100))
        (if (call $fd_read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8))
            (then (call $exit (i32.const 101))))
        (call $write (i32.const 2) (i32.const 2048) (i32.load (i32.const 8)))
        (call $exit (call $open (i32.const 3) (i32.const 0) (i32.const 1026) (i32.const 4) (i32.const 1)
            (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))"#;
    let mut spec = spec(Nowhere);
    spec.inputs.push(input("a", b"content"));
    let result = run_both(&command(imports, fields, start), spec).await;
    assert_eq!(result.log[0].message, "content");
    assert_eq!(result.ended.to_string(), "internal: exited with 69: content", "69 is ROFS");
}

#[tokio::test]
async fn sleeping_takes_no_time_and_past_the_limit_ends_the_run() {
    let imports =
        r#"(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))"#;
    let start = r#"
        (i32.store (i32.const 1040) (i32.const 1))
        (i64.store (i32.const 1048) (i64.const 5000000000))
        (loop $again
            (if (call $poll (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 16)) (then unreachable))
            (br $again))"#;
    let mut spec = spec(Nowhere);
    spec.limits = Limits { wall: std::time::Duration::from_secs(3600), ..spec.limits };
    let result = run_both(&command(imports, "", start), spec).await;
    assert_eq!(result.ended.to_string(), "limit wall (3600 s)");
    assert!(result.took.as_secs() < 60);
}

#[tokio::test]
async fn clocks_and_randomness_are_the_request_s() {
    let imports = r#"
        (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))"#;
    let start = r#"
        (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 1024)))
        (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 1032)))
        (drop (call $random (i32.const 1040) (i32.const 8)))
        (if (i64.ne (i64.load (i32.const 1024)) (i64.const 1772431203120000000)) (then (call $exit (i32.const 1))))
        (if (i64.ne (i64.load (i32.const 1032)) (i64.const 1000)) (then (call $exit (i32.const 2))))
        (if (i64.ne (i64.load (i32.const 1040)) (i64.const RANDOM)) (then (call $exit (i32.const 3))))"#;
    use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
    let random = rand_chacha::ChaCha20Rng::from_seed([7; 32]).next_u64();
    let start = start.replace("RANDOM", &random.to_string());
    let result = run_both(&command(imports, "", &start), spec(Nowhere)).await;
    assert_eq!(result.ended.to_string(), "broken report: the plugin printed no report");
}
