//! The schema says what the parser does, and no other thing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use serde_json::{Map, Value, json};

use super::{Folder, accepted::EXAMPLE, refused::CASES};
use crate::config::{
    Schema, credentials, noted,
    templates::{CONTROL_KEYS, may_be_default},
};

pub(super) static BASE: LazyLock<Schema> = LazyLock::new(Schema::base);
static VALIDATOR: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::validator_for(BASE.as_json()).unwrap());

/// What is written seldom: tables and words that let the parser ask for what it asks nobody else.
const SELDOM: &str = include_str!("seldom.toml");

/// Each table that is read, by the name that its section has, and where the schema has its keys.
const TABLES: [(&str, &str); 34] = [
    ("the configuration", "/properties"),
    ("[runner]", "/properties/runner/properties"),
    ("[network]", "/properties/network/properties"),
    ("[access]", "/properties/access/properties"),
    ("[web]", "/properties/web/properties"),
    ("[heartbeat]", "/properties/heartbeat/properties"),
    ("[mail]", "/properties/mail/properties"),
    ("[alerts]", "/properties/alerts/properties"),
    ("storm", "/properties/alerts/properties/storm/properties"),
    ("flapping", "/properties/alerts/properties/flapping/properties"),
    ("[plugins]", "/properties/plugins/properties"),
    ("[monitoring]", "/properties/monitoring/properties"),
    ("limits of [monitoring]", "/properties/monitoring/properties/limits/properties"),
    ("[[window]]", "/properties/window/items/properties"),
    ("[[recipient]]", "/properties/recipient/items/properties"),
    ("quiet", "/properties/recipient/items/properties/quiet/properties"),
    ("webhook", "/properties/recipient/items/properties/webhook/items/properties"),
    ("[[credential]]", "/properties/credential/items/properties"),
    ("[[source]]", "/properties/source/items/properties"),
    ("a secret", "/properties/mail/properties/password/properties"),
    ("a secret", "/properties/heartbeat/properties/url/properties"),
    ("[[control]]", "/definitions/control/properties"),
    ("limits", "/definitions/control/properties/limits/properties"),
    ("interval", "/definitions/control/properties/interval/properties"),
    ("an exclusion", "/definitions/exclusion/properties"),
    ("[[control.grant]]", "/definitions/grant/properties"),
    ("[[control.input]]", "/definitions/input/properties"),
    ("events", "/definitions/input/properties/events/properties"),
    ("a filter of events", "/definitions/input/properties/events/properties/filter/items/properties"),
    ("sql", "/definitions/input/properties/sql/properties"),
    ("prometheus", "/definitions/input/properties/prometheus/properties"),
    ("s3", "/definitions/input/properties/s3/properties"),
    ("ldap", "/definitions/input/properties/ldap/properties"),
    ("ledger", "/definitions/input/properties/ledger/properties"),
];

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// As editors have it: a date is text.
fn json_of(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(truth) => json!(truth),
        toml::Value::Datetime(time) => json!(time.to_string()),
        toml::Value::Array(items) => items.into_iter().map(json_of).collect(),
        toml::Value::Table(members) => {
            Value::Object(members.into_iter().map(|(key, value)| (key, json_of(value))).collect::<Map<_, _>>())
        }
    }
}

pub(super) fn faults(validator: &jsonschema::Validator, text: &str) -> Vec<String> {
    let document = json_of(toml::Value::Table(text.parse().unwrap()));
    validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[track_caller]
pub(super) fn assert_right(text: &str, name: &str) {
    let faults = faults(&VALIDATOR, text);
    assert!(faults.is_empty(), "{name}: {faults:#?}\n{text}");
}

/// The files of the cases that are refused.
fn refused_files() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    CASES.split("## ").skip(1).map(|case| {
        let (title, rest) = case.split_once('\n').unwrap();
        let (written, told) = rest.split_once("---\n").unwrap();
        (title, written, told)
    })
}

pub(super) fn files(folder: &str, extension: &str) -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|known| known == extension))
        .map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// Configurations of which everything is read, right or wrong.
fn read_all() -> noted::Noted {
    noted::take();
    let shown = files("packaging/config", "toml").into_iter().chain(files("packaging/config/conf.d", "toml"));
    let texts = shown.map(|(_, text)| text).chain([EXAMPLE.to_owned(), SELDOM.to_owned()]);
    let texts = texts.chain(examples().into_iter().map(|(_, text)| text));
    for text in texts.chain(refused_files().map(|(_, written, _)| written.to_owned())) {
        _ = Folder::with(&[("evidenced.toml", &text)]).load();
    }
    noted::take()
}

/// Configurations in the documentation; one of a control's tables alone gets its control.
pub(super) fn examples() -> Vec<(String, String)> {
    // Stories of `simulate`, recorded cases, a key of a plugin or a secret by itself, settings of editors.
    const OTHERS: [&str; 6] = ["fields =", "[[happening]]", "[expect]", "secret =", "[[rule]]", "#:schema"];
    let mut pages = files("docs", "md");
    pages.extend(files(".", "md"));
    for plugin in fs::read_dir(root().join("plugins")).unwrap() {
        pages.extend(files(plugin.unwrap().path().to_str().unwrap(), "md"));
    }
    let mut examples = Vec::new();
    for (page, text) in pages {
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            let has_line = |start: &str| block.lines().any(|line| line.starts_with(start));
            if OTHERS.into_iter().any(has_line) {
                continue;
            }
            let is_of_control = has_line("[[control.") || has_line("[control.");
            let control = if is_of_control && !has_line("[[control]]") { "[[control]]\nid = \"SEC-01\"\n" } else { "" };
            // Digests are too long for a page.
            let block = block.replace("sha256:…", &format!("sha256:{}", "0".repeat(64)));
            examples.push((page.clone(), format!("{control}{block}")));
        }
    }
    examples
}

/// The demo's, with what it fills in.
pub(super) fn demo() -> String {
    let text = include_str!("../../demo/evidenced.toml").replace("@ZONE@", "UTC");
    text.replace("@IAM@", "http://127.0.0.1:1").replace("@RESEARCH@", "http://127.0.0.1:2")
}

fn keys_at(pointer: &str) -> BTreeSet<&'static str> {
    let properties = BASE.as_json().pointer(pointer).and_then(Value::as_object);
    properties.unwrap_or_else(|| panic!("nothing at {pointer}")).keys().map(String::as_str).collect()
}

#[test]
fn every_key_that_is_read_is_in_the_schema_and_no_other() {
    let mut read: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (section, key) in read_all().keys {
        // Templates are taken apart before their keys are read.
        let section = if ["", "[[template]]"].contains(&section) { "[[control]]" } else { section };
        read.entry(section).or_default().insert(key);
    }
    // Rows are gone when a control is read.
    read.entry("[[control]]").or_default().insert("for_each");
    for (section, pointer) in TABLES {
        assert_eq!(read.get(section), Some(&keys_at(pointer)), "{section}");
    }
    let known: BTreeSet<_> = TABLES.map(|(section, _)| section).into();
    assert_eq!(read.into_keys().collect::<BTreeSet<_>>(), known);
}

#[test]
fn controls_templates_and_defaults_have_the_keys_that_they_may_have() {
    let those = |may_be: &dyn Fn(&str) -> bool| CONTROL_KEYS.into_iter().filter(|key| may_be(key)).collect();
    assert_eq!(keys_at("/definitions/control/properties"), those(&|_| true));
    assert_eq!(keys_at("/definitions/template/properties"), those(&|key| key != "for_each"));
    let of_family: BTreeSet<_> = those(&|key| may_be_default(key) && key != "family");
    assert_eq!(keys_at("/definitions/family_defaults/properties"), of_family);
    let families = crate::domain::Family::ALL.into_iter().map(|family| family.as_str());
    let defaults = of_family.into_iter().chain(["family"]).chain(families).collect();
    assert_eq!(keys_at("/definitions/defaults/properties"), defaults);
}

/// Calls `see` with each property below, and its key.
fn walk<'s>(schema: &'s Value, see: &mut impl FnMut(&'s str, &'s Value)) {
    match schema {
        Value::Object(members) => {
            for (key, member) in members {
                if key == "properties" {
                    member.as_object().unwrap().iter().for_each(|(key, property)| see(key, property));
                }
                walk(member, see);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, see)),
        _ => {}
    }
}

#[test]
fn every_word_that_is_read_is_in_the_schema_and_no_other() {
    let words_of = |schema: &Value| -> Option<Vec<String>> {
        let words = [&schema["enum"], &schema["items"]["enum"], &schema["anyOf"][0]["enum"]].into_iter();
        let words = words.filter_map(Value::as_array).next()?.iter().filter_map(Value::as_str);
        // A star is no family.
        Some(words.filter(|word| *word != "*").map(str::to_owned).collect())
    };
    let mut offered = BTreeSet::new();
    walk(BASE.as_json(), &mut |key, property| {
        offered.extend(words_of(property).map(|words| (key.to_owned(), words)));
    });
    assert_eq!(offered, read_all().words);
}

#[test]
fn kinds_of_credentials_have_the_keys_that_the_parser_gives_them() {
    let conditions = BASE.as_json().pointer("/properties/credential/items/then/allOf").unwrap();
    let conditions: BTreeMap<_, _> = conditions
        .as_array()
        .unwrap()
        .iter()
        .map(|condition| {
            (condition["if"]["properties"]["kind"]["const"].as_str().unwrap(), &condition["then"]["properties"])
        })
        .collect();
    assert_eq!(conditions.len(), credentials::KINDS.len());
    for (word, kind) in credentials::KINDS {
        let keys = credentials::KEYS.iter().filter(|(_, kinds)| kinds.contains(&kind)).map(|(key, _)| *key);
        let expected: BTreeSet<&str> = keys.chain(["id", "kind"]).collect();
        let refused = |key: &&str| conditions[word][*key]["not"].is_object();
        let keys = keys_at("/properties/credential/items/properties").into_iter();
        assert_eq!(keys.filter(|key| !refused(key)).collect::<BTreeSet<_>>(), expected, "{word}");
    }
}

#[test]
fn every_key_is_described() {
    walk(BASE.as_json(), &mut |key, property| {
        // Conditions, and tables that stand elsewhere.
        let is_condition = property.get("type").is_none() && property.get("description").is_none();
        if is_condition || property.get("$ref").is_some() {
            return;
        }
        let description = property["description"].as_str().unwrap_or_default();
        assert!(description.len() > 10 && description.contains(' '), "{key}: {property}");
        assert!(property.get("type").is_some() || property.get("enum").is_some(), "{key}: {property}");
        let validator = jsonschema::validator_for(&with_definitions(property)).unwrap();
        let values = property["examples"].as_array().into_iter().flatten().chain(property.get("default"));
        for value in values {
            assert!(validator.is_valid(value), "{key}: {value}");
        }
    });
}

fn with_definitions(schema: &Value) -> Value {
    let mut schema = schema.clone();
    schema["definitions"] = BASE.as_json()["definitions"].clone();
    schema
}

#[test]
fn what_the_package_the_demo_and_the_documentation_show_is_right() {
    for (name, text) in files("packaging/config", "toml").into_iter().chain(files("packaging/config/conf.d", "toml")) {
        assert_right(&text, &name);
    }
    assert_right(&demo(), "demo");
    assert_right(SELDOM, "what is written seldom");
    let examples = examples();
    assert!(examples.len() > 15, "{}", examples.len());
    for (page, text) in examples {
        assert_right(&text, &page);
    }
}

#[test]
fn the_schema_refuses_what_the_parser_refuses_for_its_form() {
    // In texts that the schema does not read, or by other tables than the one that is wrong.
    const ELSEWHERE: [&str; 0] = [];
    let mut cases = 0;
    for (title, written, told) in refused_files() {
        let of_form =
            ["unknown-key", "wrong-type", "unknown-value", "bad-duration", "bad-size", "bad-rate", "plain-secret"];
        let is_of_form = of_form.iter().any(|code| told.contains(&format!("error[{code}]")));
        if !is_of_form || ELSEWHERE.contains(&title) {
            continue;
        }
        cases += 1;
        assert!(!faults(&VALIDATOR, written).is_empty(), "{title}\n{written}\n{told}");
    }
    assert!(cases > 20, "{cases}");
}
