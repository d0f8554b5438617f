//! What a plugin may reach, and what it refuses, as people read it before the first run.

use evidenced_tests::daemon::Daemon;
use serde_json::Value;

const CONTROLS: &str = r#"
[[credential]]
id     = "aws-audit"
kind   = "aws-sigv4"
secret = { file = "secret" }

[[source]]
id         = "iam"
urls       = ["https://iam.amazonaws.com", "https://sts.amazonaws.com"]
methods    = ["POST"]
credential = "aws-audit"
region     = "us-east-1"

[[control]]
id       = "SEC-01"
title    = "Keys are rotated"
family   = "security"
owner    = "platform"
severity = "high"
plugin   = "key-rotation"
schedule = "0 6 * * *"
sources  = ["iam"]
config   = { max_age_days = 90 }
input    = [{ name = "else", file = "keys.json" }]
"#;

fn daemon(more: &str) -> Daemon {
    let daemon = Daemon::new();
    daemon.write("keys.json", "[]");
    daemon.write("secret", "AKIDEXAMPLE:secret\n");
    daemon.configure(&format!("{CONTROLS}{more}"));
    daemon
}

fn control(id: &str, more: &str) -> String {
    format!(
        "[[control]]\nid = \"{id}\"\ntitle = \"t\"\nfamily = \"security\"\nowner = \"o\"\nseverity = \"low\"\nevery = \"1h\"\n{more}"
    )
}

/// Those of one control: kind, declared, granted, effective, and the beginning of what it is.
fn grants(lines: &[Value], control: &str) -> Vec<(String, bool, bool, bool, String)> {
    let of = lines.iter().filter(|line| line["control"] == control && line["kind"] != "limits");
    let truth = |line: &Value, name: &str| line[name].as_bool().unwrap();
    let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    of.map(|line| {
        let what = text(line, "what").split([' ', '(']).next().unwrap_or_default().to_owned();
        (text(line, "kind"), truth(line, "declared"), truth(line, "granted"), truth(line, "effective"), what)
    })
    .collect()
}

#[test]
fn a_review_reads_what_each_plugin_may_reach_and_what_is_granted_in_vain() {
    let daemon = daemon("");
    let answer = daemon.ask(&["check-config", "--grants"]);
    assert_eq!(answer.code(), 0);
    let expected = [
        ("host", true, true, true, "https://iam.amazonaws.com:443"),
        ("host", false, true, false, "https://sts.amazonaws.com:443"),
        ("input", false, true, false, "else:"),
    ];
    let expected = expected.map(|(kind, one, two, three, what)| (kind.to_owned(), one, two, three, what.to_owned()));
    assert_eq!(grants(&answer.done(), "SEC-01"), expected);
}

#[test]
fn a_plugin_that_needs_more_than_is_granted_is_told_before_the_first_run() {
    let more = control(
        "SEC-02",
        "plugin = \"key-rotation\"\nconfig.endpoint = \"https://iam.example.com\"\nconfig.max_age_days = 1\n",
    );
    let daemon = daemon(&more);
    let answer = daemon.ask(&["check-config", "--grants"]);
    assert_eq!(answer.code(), 2);
    let missing = ("host".to_owned(), true, false, false, "https://iam.example.com".to_owned());
    assert!(grants(&answer.lines, "SEC-02").contains(&missing), "{:?}", answer.lines);
    let told = answer.lines.iter().find(|line| line["code"] == "grant-missing").unwrap();
    assert!(told["message"].as_str().unwrap().contains("needs what SEC-02 does not grant: https://iam.example.com"));
}

#[test]
fn what_a_plugin_refuses_of_its_configuration_is_told_at_the_line_of_each_key() {
    let questions = "[[control.config.golden]]\nprompt = \"2 + 2\"\ncontain = \"4\"\n";
    let more = control("SEC-02", "plugin = \"key-rotation\"\nsources = [\"iam\"]\nconfig.max_age = 90\n")
        + &control(
            "AVL-01",
            &format!("plugin = \"inference-uptime\"\n[control.config]\nendpoint = 7\nmodel = \"iris\"\n{questions}"),
        );
    let daemon = daemon(&more);
    let answer = daemon.ask(&["check-config", "--quiet"]);
    assert_eq!(answer.code(), 2);
    let text = std::fs::read_to_string(daemon.path("evidenced.toml")).unwrap();
    let told: Vec<_> = answer
        .lines
        .iter()
        .filter(|line| line["code"] == "config-refused")
        .map(|line| {
            let at = usize::try_from(line["line"].as_u64().unwrap()).unwrap();
            (
                text.lines().nth(at - 1).unwrap(),
                line["message"].as_str().unwrap(),
                line["hint"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    let of = |beginning: &str| told.iter().find(|(line, ..)| line.starts_with(beginning)).copied();
    let (_, message, hint) = of("config.max_age").unwrap_or_else(|| panic!("{told:?}"));
    assert!(message.ends_with("refuses `config.max_age`: the plugin knows no such key"), "{message}");
    assert_eq!(hint, "did you mean `max_age_days`?");
    assert!(of("endpoint = 7").is_some(), "{told:?}");
    assert!(told.iter().any(|(_, message, _)| message.contains("`config.golden.0")), "{told:?}");
}
