//! What an author of plugins does, by the real command: start, inspect, test, run, record, measure, document.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};

use evidenced_tests::{daemon::binary, fixture, planted::random, plugin};
use serde_json::Value;

const SAMPLES: [&str; 5] =
    ["sample-rust", "sample-c-component", "sample-javascript", "sample-c-command", "sample-c-command-component"];
const INVENTORY: &str = "k1 10\nk2 100\nk3 90\n";

/// The command in a folder, whose caches are its own.
fn evidenced(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.arg("plugin").args(words).current_dir(folder).stdin(Stdio::null());
    command.env("XDG_CACHE_HOME", folder.join(".cache")).output().expect("the program can be started")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn succeed(output: Output) -> String {
    assert!(output.status.success(), "{}\n{}", out(&output), talk(&output));
    out(&output)
}

/// A server that takes each request for its URL, and answers `200`, a number and what it was sent as `Authorization`.
/// A scripted peer: it speaks HTTP/1.1 as far as this needs.
fn server(body: impl Fn(&str) -> String + Send + 'static) -> String {
    answering("200 OK", body)
}

fn answering(status: &'static str, body: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            let sent = head.iter().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("authorization").then(|| value.to_owned())
            });
            let sent = sent.unwrap_or_default();
            let body = body(&sent);
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nx-echo: {sent}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            // Whoever asked may be gone.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn a_mistake_says_what_to_do_next() {
    let place = tempfile::tempdir().unwrap();
    let refused = |words: &[&str], code: i32| {
        let output = evidenced(place.path(), words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", talk(&output));
        talk(&output)
    };
    assert!(refused(&["new", "--lang", "cobol", "a"], 2).contains("take one of rust, go, python"));
    assert!(refused(&["new", "--lang", "rust", "Api_Keys"], 2).contains("a name starts with a letter from a to z"));
    fs::create_dir(place.path().join("taken")).unwrap();
    let sdk = place.path().join("sdk");
    fs::create_dir_all(sdk.join("wat/template")).unwrap();
    fs::write(sdk.join("wat/template/check.wat"), "(module)").unwrap();
    let taken = refused(&["new", "--lang", "wat", "--sdk", "sdk", "taken"], 3);
    assert!(taken.contains("taken is there already; nothing was written"), "{taken}");
    assert!(refused(&["test", "taken"], 3).contains("run `make` there first"));
    fs::copy(fixture("noop"), place.path().join("taken/one.wasm")).unwrap();
    assert!(refused(&["test", "taken"], 3).contains("there are no cases in taken/cases"));
    fs::copy(fixture("noop"), place.path().join("taken/two.wasm")).unwrap();
    assert!(refused(&["test", "taken"], 3).contains("one.wasm, two.wasm: name the one that is meant"));
    assert!(refused(&["run", "nowhere.wasm"], 3).contains("there is no nowhere.wasm"));
    assert!(refused(&["run", "taken/one.wasm", "--config", "[]"], 3).contains("cannot read []"));
    let credential = refused(&["run", "taken/one.wasm", "--credential", "https://a.example=bearer:token"], 2);
    assert!(credential.contains("add `--allow-host https://a.example`"), "{credential}");
}

#[test]
fn a_run_is_recorded_and_the_case_plays_it_again_whatever_the_kind() {
    let place = tempfile::tempdir().unwrap();
    let url = server(|_| "90\n".to_owned());
    fs::write(place.path().join("inventory.txt"), INVENTORY).unwrap();
    let config = format!("{{\"url\":\"{url}/keys\"}}");
    let mut texts = Vec::new();
    for name in SAMPLES {
        let folder = place.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::copy(fixture(name), folder.join("sample.wasm")).unwrap();
        let run = |more: &[&str]| {
            let words = ["run", ".", "--config", &config, "--input", "inventory=../inventory.txt"];
            evidenced(&folder, &[&words, more].concat())
        };
        // Nothing is reached that was not allowed.
        let refused = run(&[]);
        assert_eq!(refused.status.code(), Some(3), "{name}: {}", out(&refused));
        assert!(out(&refused).contains("[[control.grant]]"), "{name}: {}", out(&refused));
        assert!(talk(&refused).contains("`--allow-host URL`"), "{name}: {}", talk(&refused));
        let now = "2026-03-02T06:00:03.120Z";
        let ran = run(&["--allow-host", &url, "--now", now, "--record", "cases/live.toml"]);
        assert_eq!(ran.status.code(), Some(1), "{name}: {}{}", out(&ran), talk(&ran));
        assert!(out(&ran).starts_with("fail\n1 of 3 are too old\n"), "{name}: {}", out(&ran));
        let tested = succeed(evidenced(&folder, &["test", "."]));
        assert!(tested.contains("ok          live.toml") && tested.contains("1 of 1 cases passed"), "{name}: {tested}");
        let text = fs::read_to_string(folder.join("cases/live.toml")).unwrap();
        texts.push(text.split("[expect]").nth(1).unwrap().to_owned());
        // A second one into the same file is no accident of the first.
        assert!(talk(&run(&["--allow-host", &url, "--record", "cases/live.toml"])).contains("is there already"));
    }
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
}

#[test]
fn an_input_by_http_that_does_not_count_tells_how_it_was_answered() {
    let place = tempfile::tempdir().unwrap();
    let url = answering("404 Not Found", |_| "no".to_owned());
    let output = evidenced(
        place.path(),
        &[
            "run",
            fixture("sample-rust").to_str().unwrap(),
            "--config",
            &format!("{{\"url\": \"{url}\"}}"),
            "--input",
            &format!("inventory={url}/health"),
            "--allow-host",
            &url,
            "--record",
            "cases/gone.toml",
            "--json",
        ],
    );
    let ran: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", talk(&output)));
    assert_eq!(ran["inputs"][0]["http"]["status"], 404, "{ran}");
    let case = fs::read_to_string(place.path().join("cases/gone.toml")).unwrap();
    assert!(case.contains("status = 404\n") && case.contains("error = \"status 404\"\n"), "{case}");
}

#[test]
fn what_differs_is_shown_and_an_update_keeps_the_rest_of_the_case() {
    let place = tempfile::tempdir().unwrap();
    fs::copy(fixture("noop"), place.path().join("noop.wasm")).unwrap();
    fs::create_dir(place.path().join("cases")).unwrap();
    let case = "# why it is here\nnow = \"2026-03-02T06:00:00.000Z\"\n\n[expect]   # by hand\ntext = '''\nsomething\npopulation: 1 by nothing\n'''\n";
    let path = place.path().join("cases/a.toml");
    fs::write(&path, case).unwrap();
    let output = evidenced(place.path(), &["test"]);
    assert_eq!(output.status.code(), Some(1), "{}", talk(&output));
    let shown = out(&output);
    assert!(
        shown.contains("differs     a.toml") && shown.contains("    - something\n    + nothing was done\n"),
        "{shown}"
    );
    assert!(shown.ends_with("1 of 1 cases failed\n"), "{shown}");
    assert_eq!(fs::read_to_string(&path).unwrap(), case);
    let updated = succeed(evidenced(place.path(), &["test", "--update"]));
    assert!(updated.contains("    - something\n"), "the difference comes first: {updated}");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# why it is here\nnow") && text.contains("[expect]   # by hand\n"), "{text}");
    assert_eq!(succeed(evidenced(place.path(), &["test"])).lines().last(), Some("1 of 1 cases passed"));
}

#[test]
fn no_secret_is_in_what_is_shown_and_recorded_though_the_server_repeats_it() {
    let place = tempfile::tempdir().unwrap();
    let secret = format!("PLANTED{}", random(20));
    fs::write(place.path().join("token"), &secret).unwrap();
    fs::write(place.path().join("inventory.txt"), INVENTORY).unwrap();
    // In a header, and in a body that the check tells as an error.
    for (name, body) in [("header", None), ("body", Some("who are you? "))] {
        let url = server(move |sent| body.map_or("90\n".to_owned(), |body| format!("{body}{sent}")));
        let record = format!("cases/{name}.toml");
        let output = evidenced(
            place.path(),
            &[
                "run",
                fixture("sample-rust").to_str().unwrap(),
                "--config",
                &format!("{{\"url\":\"{url}/keys\"}}"),
                "--input",
                "inventory=inventory.txt",
                "--allow-host",
                &url,
                "--credential",
                &format!("{url}=bearer:token"),
                "--record",
                &record,
            ],
        );
        let text = fs::read_to_string(place.path().join(&record)).unwrap_or_else(|_| panic!("{}", talk(&output)));
        assert!(text.contains("***"), "the server repeated it: {text}");
        for seen in [&text, &out(&output), &talk(&output)] {
            assert!(!seen.contains(&secret), "{seen}");
        }
    }
}

#[test]
fn inspect_explains_what_is_a_plugin_and_what_is_none() {
    let place = tempfile::tempdir().unwrap();
    let look = |path: &Path| -> (Option<i32>, Value) {
        let output = evidenced(place.path(), &["inspect", path.to_str().unwrap(), "--json"]);
        let found = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", talk(&output)));
        (output.status.code(), found)
    };
    for (name, kind) in [
        ("sample-rust", "check (component)"),
        ("sample-c-command", "command (WASI preview 1 module)"),
        ("sample-c-command-component", "command (wasi:cli component)"),
    ] {
        let (code, found) = look(&fixture(name));
        assert_eq!((code, found["kind"].as_str()), (Some(0), Some(kind)), "{found}");
        assert!(found["contract"].as_str().is_some_and(|version| version.starts_with("1.0")), "{found}");
        assert_eq!(found["description"]["needs"]["hosts"][0], "/url", "{found}");
        assert!(found["digest"].as_str().unwrap().starts_with("sha256:") && found["signature"].is_null(), "{found}");
        assert!(found["memory_bytes"].as_u64() >= Some(65_536), "{found}");
    }
    let newer = "(component (instance $i) (export \"evidenced:check/checker@1.7.0\" (instance $i)))";
    let sockets = "(component (import \"wasi:sockets/tcp@0.2.0\" (instance)) (instance $i)
                    (export \"evidenced:check/checker@1.0.0\" (instance $i)))";
    let half = "(module (@custom \"component-type:check\" \"\") (memory 1))";
    for (name, bytes, expected) in [
        ("empty", Vec::new(), ["an empty file", "build the plugin"]),
        ("garbage", b"#!/bin/sh\n".to_vec(), ["not a WebAssembly file", "build the plugin"]),
        (
            "newer",
            wat::parse_str(newer).unwrap(),
            ["written for `evidenced:check/checker@1.7.0`", "knows contract 1.0"],
        ),
        ("sockets", wat::parse_str(sockets).unwrap(), ["wasi:sockets/tcp@0.2.0", "--stub-wasi"]),
        ("half", wat::parse_str(half).unwrap(), ["never made a component", "evidenced plugin componentize"]),
        ("nothing", wat::parse_str("(module)").unwrap(), ["neither a check nor a command", "_start"]),
    ] {
        let path = place.path().join(format!("{name}.wasm"));
        fs::write(&path, bytes).unwrap();
        let (code, found) = look(&path);
        let told = found["refused"].to_string();
        assert_eq!(code, Some(1), "{name}: {found}");
        assert!(expected.iter().all(|words| told.contains(words)), "{name}: {told}");
    }
    fs::write(place.path().join("empty.wasm.sig"), "").unwrap();
    assert_eq!(look(&place.path().join("empty.wasm")).1["signature"]["verified"], false);
    let words = succeed(evidenced(place.path(), &["inspect", fixture("sample-rust").to_str().unwrap()]));
    assert!(words.contains("imports     evidenced:check/http@1.0.0: asks hosts that its control grants"), "{words}");
}

#[test]
fn a_plugin_is_documented_and_measured() {
    let place = tempfile::tempdir().unwrap();
    let keys = plugin("key-rotation");
    let page = succeed(evidenced(place.path(), &["docs", keys.to_str().unwrap()]));
    assert!(page.starts_with("# key-rotation ") && page.contains("| `max_age_days` | "), "{page}");
    assert!(page.contains("- the hosts of the URLs in `endpoint`"), "{page}");
    let measured = succeed(evidenced(place.path(), &["bench", keys.to_str().unwrap(), "--json"]));
    let measured: Value = serde_json::from_str(&measured).unwrap();
    for time in ["compile_ms", "load_ms", "instantiate_ms", "run_ms"] {
        assert!(measured[time].as_f64().is_some_and(|ms| ms > 0.0), "{measured}");
    }
    assert!(measured["peak_memory_bytes"].as_u64() > Some(65_536), "{measured}");
}

#[test]
fn a_core_module_becomes_the_component_that_the_build_makes() {
    let place = tempfile::tempdir().unwrap();
    let module = wat::parse_str("(module (func (export \"_start\")) (memory (export \"memory\") 1))").unwrap();
    fs::write(place.path().join("core.wasm"), module).unwrap();
    let refused = evidenced(place.path(), &["componentize", "core.wasm", "-o", "out.wasm"]);
    assert!(talk(&refused).contains("`--command` makes it"), "{}", talk(&refused));
    succeed(evidenced(place.path(), &["componentize", "core.wasm", "-o", "out.wasm", "--command"]));
    let again = evidenced(place.path(), &["componentize", "out.wasm", "-o", "more.wasm"]);
    assert!(talk(&again).contains("it is a component already"), "{}", talk(&again));
    for (language, file) in [("c", "check.h"), ("go", "wit_exports.go")] {
        succeed(evidenced(place.path(), &["bindings", "--lang", language, language]));
        assert!(place.path().join(language).join(file).exists());
    }
}
