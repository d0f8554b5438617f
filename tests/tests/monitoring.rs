//! The daemon tests itself: it finds a plugin that passes where it must fail, and tells, and a replay agrees.

use std::{fs, path::Path};

use evidenced_tests::{
    daemon::{Daemon, wait_for},
    fixture, plugin,
};
use serde_json::Value;

use crate::inputs::{MAIL, check};

/// Somebody would hold that `noop` finds fault with nothing.
const NEVER: &str = "now = \"2026-03-02T06:00:00.000Z\"\n[expect]\ntext = \"\"\"\nnothing was found\npopulation: 1 by nothing\n\
                     fail nothing: nothing was done\n\"\"\"\n";

fn control(id: &str, plugin: &Path, more: &str) -> String {
    format!(
        "\n[[control]]\nid = \"{id}\"\ntitle = \"{id}\"\nfamily = \"security\"\nowner = \"platform\"\nplugin = {plugin:?}\n\
         schedule = \"0 4 1 1 *\"\n{more}"
    )
}

fn mails(daemon: &Daemon, words: &str) -> Vec<String> {
    let entries = fs::read_dir(daemon.path("mail")).into_iter().flatten();
    let texts = entries.filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok());
    texts.map(|text| text.replace("\r\n ", " ")).filter(|text| text.contains(words)).collect()
}

#[test]
fn a_plugin_that_passes_where_it_must_fail_is_found_and_told() {
    let mut daemon = Daemon::new();
    // In a folder of its own, with a case in which it must fail.
    let noop = daemon.path("noop.wasm");
    fs::copy(fixture("noop"), &noop).unwrap();
    fs::create_dir(daemon.path("noop.cases")).unwrap();
    fs::write(daemon.path("noop.cases/nothing_fails.toml"), NEVER).unwrap();
    let everybody = "[alerts]\ngroup = \"0s\"\n[[recipient]]\nid = \"all\"\nemail = [\"all@example.com\"]\nfamilies = [\"*\"]\nseverity = \"low\"\n";
    let standard = ["inference-uptime", "key-rotation", "model-drift", "training-data-access"].map(|name| {
        // Its own case says what it is told: what this control says matters to its own runs alone.
        control(&format!("SEC-{name}"), &plugin(name), "")
    });
    let tables = [MAIL, everybody, &standard.concat(), &control("SEC-00", &noop, "")].concat();
    daemon.configure_with("monitoring.owner = \"compliance\"\n", &tables);
    let found = check(&daemon, "MON-03");
    assert_eq!((found["outcome"].as_str(), found["population"].as_u64()), (Some("fail"), Some(5)), "{found}");
    let findings = found["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{found}");
    assert_eq!(findings[0][0], "noop");
    let why = findings[0][2].as_str().unwrap();
    assert!(why.ends_with("nothing_fails.toml: expected `nothing was found`, came out `nothing was done`"), "{why}");

    // The daemon tells it, once it runs.
    daemon.start();
    assert_eq!(check(&daemon, "MON-03")["outcome"], "fail");
    assert_eq!(daemon.state_of("MON-03"), "failing");
    wait_for("the mail", || (!mails(&daemon, "FAILING MON-03 ").is_empty()).then_some(()));
    let first = check(&daemon, "MON-01");
    assert_eq!(first["outcome"], "not-applicable", "no other control has had a slot: {first}");

    // A plugin that fails as its case says is believed.
    let key_rotation = plugin("key-rotation");
    fs::copy(&key_rotation, &noop).unwrap();
    let cases = key_rotation.with_extension("cases");
    let case = fs::read_dir(&cases).unwrap().next().unwrap().unwrap().path();
    fs::copy(&case, daemon.path("noop.cases/nothing_fails.toml")).unwrap();
    daemon.signal("HUP");
    wait_for("a run that passes", || (check(&daemon, "MON-03")["outcome"] == "pass").then_some(()));
    assert_eq!(daemon.terminate().code(), Some(0));

    daemon.ask(&["verify", "--deep"]).done();
    let replayed = daemon.ask(&["replay", "--all"]).done();
    let tally: &Value = replayed.last().unwrap();
    assert_eq!(tally["identical"], tally["runs"], "{replayed:?}");
}
