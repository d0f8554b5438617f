//! The files of a configuration as JSON Schema, for editors: what may be written where, and what it means.
//!
//! In: the parts that lie beside this file, written by hand, and what plugins say that they take. Out: one document of
//! draft-07. A file may hold any part of a configuration, and the parser has the last word: what the schema refuses, the
//! parser refuses too. A test holds the two against each other, key by key and word by word.
//!
//! The parts are JSON Schema with three words of our own: `exactly_one`, `one_of` (of which the first key that is there says
//! which others may be) and `kinds` (the same by the key `kind`). Their references to `shapes.json` are filled in.
//!
//! It is made for taplo, which stands behind Even Better TOML, as version 0.9 was found to work:
//! - It knows draft-07 and nothing newer: what stands beside a `$ref` is not looked at. So shapes are filled in.
//! - It looks for keys to offer and texts to show in `properties`, `items`, `anyOf`, `oneOf`, `allOf`, and not in `if`,
//!   `then`, `else`; and leaves out whatever has an `allOf` beside it. So what depends on a value stands within `then`
//!   (see [`hide`]), and what may be offered in an `anyOf` that is always met.
//! - It shows a value that no branch of `oneOf` or `anyOf` takes as wrong in all, and does not say what is wrong. So nothing is
//!   checked by them that can be checked otherwise.
//! - It marks the whole table for a key that `additionalProperties: false` refuses, and the key itself for one that a schema
//!   refuses (see [`unknown_key`]).

mod plugins;

use serde_json::{Map, Value, json};

use super::{
    expanded::toml,
    templates::{CONTROL_KEYS, KEYS_OF_A_CHECK, may_be_default},
};
use crate::domain::Family;

pub use plugins::PluginSchema;

const SHAPES: &str = include_str!("shapes.json");
const DAEMON: &str = include_str!("daemon.json");
const RECIPIENTS: &str = include_str!("recipients.json");
const SOURCES: &str = include_str!("sources.json");
const CONTROLS: &str = include_str!("controls.json");
const INPUTS: &str = include_str!("inputs.json");

/// Where a reference into the parts points, and where one into the document does.
const PARTS: &str = "#/$defs/";
const DEFINITIONS: &str = "#/definitions/";

/// A place that a row of `for_each` fills.
const PLACEHOLDER: &str = r"\{[A-Za-z_][A-Za-z0-9_-]*\}";
/// Of texts that may be anything but empty; a placeholder is one.
const ANY_TEXT: &str = r"\S";

/// The schema of `evidenced.toml` and of the files in `conf.d`.
#[derive(Debug, Clone)]
pub struct Schema(Value);

impl Schema {
    /// What holds without any plugin: what a plugin is told may be anything.
    pub fn base() -> Self {
        let shapes = part(SHAPES);
        let mut controls = part(CONTROLS);
        let mut definitions = part(INPUTS);
        for (key, part) in controls.iter_mut().chain(definitions.iter_mut()) {
            finish(part, &shapes, Texts::MayBeFilled);
            tell_values(key, part);
        }
        add_controls(&controls, &shapes, &mut definitions);
        let mut properties = Map::new();
        for text in [DAEMON, RECIPIENTS, SOURCES] {
            for (key, mut property) in part(text) {
                finish(&mut property, &shapes, Texts::AsWritten);
                tell_values(&key, &mut property);
                properties.insert(key, property);
            }
        }
        for name in ["control", "template"] {
            let description = &definitions[name]["description"];
            let reference = format!("{DEFINITIONS}{name}");
            let list = json!({ "type": "array", "description": description, "items": { "$ref": reference } });
            properties.insert(name.to_owned(), list);
        }
        properties.insert("defaults".to_owned(), json!({ "$ref": format!("{DEFINITIONS}defaults") }));
        Self(json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "evidenced",
            "description": "The configuration of evidenced: evidenced.toml, and each file of conf.d beside it.",
            "type": "object",
            "properties": properties,
            "additionalProperties": unknown_key(),
            "definitions": definitions,
        }))
    }

    /// The document.
    pub const fn as_json(&self) -> &Value {
        &self.0
    }
}

/// What is true of every part: it is compiled in.
fn part(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).expect("the parts beside this file are JSON objects")
}

/// `control`, `template`, and what they may have by default: the same keys, but for a few each.
fn add_controls(keys: &Map<String, Value>, shapes: &Map<String, Value>, definitions: &mut Map<String, Value>) {
    let some = |may_be: &dyn Fn(&str) -> bool| {
        let known = CONTROL_KEYS.into_iter().filter(|key| may_be(key));
        known.filter_map(|key| Some((key.to_owned(), keys.get(key)?.clone()))).collect::<Map<_, _>>()
    };
    let table = |properties: Map<String, Value>| {
        let unknown = unknown_key();
        json!({ "type": "object", "properties": properties, "additionalProperties": unknown })
    };
    let mut control = table(some(&|_| true));
    control["required"] = json!(["id"]);
    control["description"] = json!("[[control]]: a promise of the company, and how it is tested.");
    hide(&mut control, only_one_schedule());
    hide(&mut control, attested_alone());
    let mut template = table(some(&|key| key != "for_each"));
    template["required"] = json!(["id"]);
    template["description"] = json!("[[template]]: what several controls share; they name it by `template`.");
    let mut id = json!({
        "$ref": format!("{PARTS}text"), "description": "What controls name it by.", "examples": ["endpoint"],
    });
    finish(&mut id, shapes, Texts::AsWritten);
    tell_values("id", &mut id);
    template["properties"]["id"] = id;
    hide(&mut template, only_one_schedule());
    let mut defaults = table(some(&may_be_default));
    let mut of_family = table(some(&|key| may_be_default(key) && key != "family"));
    of_family["description"] = json!("What controls of this family have if they say nothing else.");
    definitions.insert("family_defaults".to_owned(), of_family);
    for family in Family::ALL.into_iter().map(Family::as_str) {
        defaults["properties"][family] = json!({ "$ref": format!("{DEFINITIONS}family_defaults") });
    }
    defaults["description"] =
        json!("[defaults]: what every control has if it says nothing else; [defaults.security]: of a family.");
    for (name, definition) in [("control", control), ("template", template), ("defaults", defaults)] {
        definitions.insert(name.to_owned(), definition);
    }
}

fn only_one_schedule() -> Value {
    without("schedule", ["every"], "a key beside `schedule`")
}

fn attested_alone() -> Value {
    without("attested", KEYS_OF_A_CHECK, "a key beside `attested`")
}

/// Where there is one key, others are refused, and each is called so.
fn without<'k>(key: &str, others: impl IntoIterator<Item = &'k str>, what: &str) -> Value {
    let refused = |key: &str| (key.to_owned(), json!({ "not": { "title": what } }));
    let others: Map<_, _> = others.into_iter().map(refused).collect();
    json!({ "if": { "required": [key] }, "then": { "properties": others } })
}

/// Whether texts may hold a placeholder for what a row says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Texts {
    AsWritten,
    MayBeFilled,
}

/// Makes of a part as it is written what it means in draft-07.
fn finish(schema: &mut Value, shapes: &Map<String, Value>, texts: Texts) {
    let Value::Object(members) = schema else { return };
    fill_in(members, shapes);
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        for (key, property) in properties {
            finish(property, shapes, texts);
            tell_values(key, property);
        }
    }
    let description = members.get("description").cloned();
    if let Some(items) = members.get_mut("items") {
        finish(items, shapes, texts);
        // Over the header of a table, that of the item is shown, and not that of the list.
        if let (Value::Object(items), Some(description)) = (items, description)
            && items.contains_key("properties")
        {
            items.entry("description").or_insert(description);
        }
    }
    if members.contains_key("properties") && !members.contains_key("additionalProperties") {
        members.insert("additionalProperties".to_owned(), unknown_key());
    }
    one_word_or_several(members);
    if texts == Texts::MayBeFilled {
        take_placeholders(members);
    }
    let conditions = conditions(members);
    for condition in conditions {
        hide(schema, condition);
    }
}

/// A shape in place of the reference to it; what is written beside the reference goes before.
fn fill_in(members: &mut Map<String, Value>, shapes: &Map<String, Value>) {
    let Some(Value::String(reference)) = members.get("$ref") else { return };
    let name = reference.strip_prefix(PARTS).unwrap_or_default();
    match shapes.get(name) {
        Some(Value::Object(shape)) => {
            members.remove("$ref");
            for (key, value) in shape {
                members.entry(key.as_str()).or_insert_with(|| value.clone());
            }
        }
        _ => {
            let definition = json!(format!("{DEFINITIONS}{name}"));
            members.insert("$ref".to_owned(), definition);
        }
    }
}

/// What people are shown is the description alone: it also says the default and an example.
fn tell_values(key: &str, schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    let mut more = String::new();
    if let Some(default) = members.get("default") {
        more.push_str(&format!("\n\nDefault: `{}`", toml(default)));
    }
    if let Some(Value::Array(examples)) = members.get("examples") {
        let examples: Vec<_> = examples.iter().map(|example| format!("`{key} = {}`", toml(example))).collect();
        more.push_str(&format!("\n\nExample: {}", examples.join(", ")));
    }
    if let Some(Value::String(description)) = members.get_mut("description") {
        description.push_str(&more);
    }
}

/// A list of words, or one of them alone.
fn one_word_or_several(members: &mut Map<String, Value>) {
    if members.get("type").is_none_or(|kind| !kind.is_array()) {
        return;
    }
    if let Some(words) = members.remove("enum") {
        members.insert("pattern".to_owned(), json!(pattern_of(&words)));
        members.insert("items".to_owned(), json!({ "enum": words }));
    }
}

/// Words, and texts of some form, may also be a text that a row fills.
fn take_placeholders(members: &mut Map<String, Value>) {
    if let Some(words) = members.remove("enum") {
        members.insert("type".to_owned(), json!("string"));
        members.insert("pattern".to_owned(), json!(pattern_of(&words)));
        members.insert("anyOf".to_owned(), json!([{ "enum": words }, true]));
    }
    if let Some(Value::String(pattern)) = members.get_mut("pattern")
        && pattern != ANY_TEXT
    {
        pattern.push_str(&format!("|{PLACEHOLDER}"));
    }
}

fn pattern_of(words: &Value) -> String {
    let words: Vec<_> = words.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    format!("^({})$", words.iter().map(|word| word.replace('*', r"\*")).collect::<Vec<_>>().join("|"))
}

/// What our own words mean. Each is said key by key, so that the key is marked which is wrong.
fn conditions(members: &mut Map<String, Value>) -> Vec<Value> {
    let words = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let keys: Vec<String> =
        members.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned().collect();
    let others = |known: &[String]| keys.iter().filter(|key| !known.contains(key)).cloned().collect::<Vec<_>>();
    let mut conditions = Vec::new();
    if let Some(alternatives) = members.remove("exactly_one") {
        let alternatives = words(&alternatives);
        conditions.push(at_least_one(&alternatives));
        for (at, key) in alternatives.iter().enumerate() {
            let later = alternatives[at + 1..].iter().map(String::as_str);
            conditions.push(without(key, later, &format!("a key beside `{key}`")));
        }
    }
    if let Some(Value::Object(alternatives)) = members.remove("one_of") {
        let mut all: Vec<String> = alternatives.keys().cloned().collect();
        // What is asked for where none is there: web servers are what most sources are.
        all.sort_by_key(|key| key != "urls");
        conditions.push(at_least_one(&all));
        for (key, of_key) in &alternatives {
            let mut known = words(of_key);
            known.extend(["id".to_owned(), key.clone()]);
            let others = others(&known);
            conditions.push(without(
                key,
                others.iter().map(String::as_str),
                &format!("a key that a source with `{key}` has not"),
            ));
        }
    }
    if let Some(Value::Object(kinds)) = members.remove("kinds") {
        for (kind, of_kind) in &kinds {
            let mut known = words(&of_kind["required"]);
            known.extend(words(&of_kind["optional"]));
            known.extend(["id".to_owned(), "kind".to_owned()]);
            let refused = json!({ "not": { "title": "a key of another kind" } });
            let mut properties: Map<_, _> = others(&known).into_iter().map(|key| (key, refused.clone())).collect();
            properties.extend(of_kind["properties"].as_object().cloned().unwrap_or_default());
            let required = words(&of_kind["required"]);
            let is_it = json!({ "properties": { "kind": { "const": kind } }, "required": ["kind"] });
            conditions.push(json!({ "if": is_it, "then": { "properties": properties, "required": required } }));
        }
    }
    conditions
}

/// Where there is none of the keys, the first is missed.
fn at_least_one(keys: &[String]) -> Value {
    let any: Vec<_> = keys.iter().map(|key| json!({ "required": [key] })).collect();
    json!({ "if": { "not": { "anyOf": any } }, "then": { "required": &keys[..keys.len().min(1)] } })
}

/// Adds a schema that must hold besides, where taplo does not look for what it could offer: it would find nothing else.
fn hide(schema: &mut Value, condition: Value) {
    match schema.pointer_mut("/then/allOf") {
        Some(Value::Array(all)) => all.push(condition),
        _ => {
            schema["if"] = json!(true);
            schema["then"] = json!({ "allOf": [condition] });
        }
    }
}

/// Refuses a key, and calls it so: what `not` refuses is told with the schema that stands there.
fn unknown_key() -> Value {
    json!({ "not": { "title": "an unknown key" } })
}
