//! The page of a plugin for who configures it, from what it says of itself: Markdown.

use std::fmt::Write as _;

use evidenced_contract::Description;
use serde_json::{Map, Value};

/// Deeper schemas are told by what they are called.
const DEPTH_MAX: usize = 6;

/// Name, what it tests, each key of its configuration, what it needs.
pub fn page(description: &Description) -> String {
    let Description { name, version, summary, config_schema, needs, .. } = description;
    let mut page = format!("# {name} {version}\n\n");
    if !summary.is_empty() {
        let _infallible = writeln!(page, "{}\n", summary.trim());
    }
    page.push_str("## Configuration\n\n");
    let mut keys = Vec::new();
    gather(config_schema, config_schema, "", DEPTH_MAX, &mut keys);
    if keys.is_empty() {
        page.push_str(if config_schema.is_null() { "Any: the plugin has no schema.\n" } else { "None.\n" });
    } else {
        page.push_str("| key | type | default | meaning |\n| --- | --- | --- | --- |\n");
        for Key { path, kind, default, meaning } in &keys {
            let _infallible = writeln!(page, "| `{path}` | {} | {} | {} |", cell(kind), cell(default), cell(meaning));
        }
    }
    page.push_str("\n## What it needs\n\n");
    let mut wants = Vec::new();
    for input in &needs.inputs {
        let kind = if input.media_type.is_empty() { String::new() } else { format!(" ({})", input.media_type) };
        let optional = if input.optional { ", if there is one" } else { "" };
        wants.push(format!("the input `{}`{kind}{optional}: a `[[control.input]]`", input.name));
    }
    for pointer in &needs.hosts {
        let key = pointer.trim_start_matches('/').replace('/', ".");
        wants.push(format!("the hosts of the URLs in `{key}`: a source or a `[[control.grant]]`"));
    }
    for (wanted, what) in [
        (needs.tls, "to look at certificates of hosts that are granted (`tls`)"),
        (needs.state, "to keep a little between its runs (`state`)"),
        (needs.history, "earlier results: its own, and of controls that `history` names"),
        (needs.interval, "the run's interval: it reads events, each once"),
    ] {
        if wanted {
            wants.push(what.to_owned());
        }
    }
    if wants.is_empty() {
        page.push_str("Nothing beside its configuration.\n");
    }
    for want in wants {
        let _infallible = writeln!(page, "- {want}");
    }
    page
}

/// One row of the table.
struct Key {
    path: String,
    kind: String,
    default: String,
    meaning: String,
}

fn gather(schema: &Value, root: &Value, path: &str, depth: usize, keys: &mut Vec<Key>) {
    let schema = resolved(schema, root);
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    if depth == 0 {
        return;
    }
    let required = schema.get("required").and_then(Value::as_array);
    for (name, written) in properties {
        let member = resolved(written, root);
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let is_required = required.is_some_and(|required| required.iter().any(|key| key == name));
        // What stands beside a reference is said of this key, and comes first.
        let default = match written.get("default").or_else(|| member.get("default")) {
            Some(default) => format!("`{default}`"),
            None if is_required => "required".to_owned(),
            None => "–".to_owned(),
        };
        let told = [(written, "description"), (member, "description"), (written, "title"), (member, "title")];
        let meaning = told.into_iter().find_map(|(schema, key)| text(schema, key)).unwrap_or_default();
        keys.push(Key { path: path.clone(), kind: kind(member, root), default, meaning });
        gather(member, root, &path, depth - 1, keys);
        if let Some(items) = member.get("items") {
            gather(items, root, &format!("{path}[]"), depth - 1, keys);
        }
    }
}

/// What a `$ref` of the same document names. A ring of them ends at its first step.
fn resolved<'v>(schema: &'v Value, root: &'v Value) -> &'v Value {
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}

/// The type in words, with its bounds.
fn kind(schema: &Value, root: &Value) -> String {
    if let Some(one_of) = schema.get("enum").and_then(Value::as_array) {
        return one_of.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    }
    if let Some(only) = schema.get("const") {
        return format!("`{only}`");
    }
    let others = ["oneOf", "anyOf"].into_iter().find_map(|word| schema.get(word)?.as_array());
    if let Some(others) = others {
        return others.iter().map(|other| kind(resolved(other, root), root)).collect::<Vec<_>>().join(" or ");
    }
    let name = match schema.get("type") {
        Some(Value::String(name)) if name == "array" => {
            let items = schema.get("items").map(|items| kind(resolved(items, root), root));
            items.map_or_else(|| "list".to_owned(), |items| format!("list of {items}"))
        }
        Some(Value::String(name)) if name == "object" => "table".to_owned(),
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    };
    let bounds = bounds(schema);
    if bounds.is_empty() { name } else { format!("{name}, {}", bounds.join(", ")) }
}

fn bounds(schema: &Value) -> Vec<String> {
    let empty = Map::new();
    let schema = schema.as_object().unwrap_or(&empty);
    let words = [
        ("minimum", "at least "),
        ("exclusiveMinimum", "more than "),
        ("maximum", "at most "),
        ("exclusiveMaximum", "less than "),
        ("minLength", "at least this long: "),
        ("maxLength", "at most this long: "),
        ("minItems", "at least this many: "),
        ("maxItems", "at most this many: "),
        ("format", "format "),
        ("pattern", "like "),
    ];
    let told = |value: &Value| match value {
        Value::String(text) => format!("`{text}`"),
        other => other.to_string(),
    };
    words.into_iter().filter_map(|(key, word)| Some(format!("{word}{}", told(schema.get(key)?)))).collect()
}

fn text(schema: &Value, key: &str) -> Option<String> {
    Some(schema.get(key)?.as_str()?.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A cell is one line, and holds no border.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_has_every_key_with_its_type_default_and_meaning_and_what_is_needed() {
        let description: Description = serde_json::from_value(json!({
            "name": "api-keys", "version": "1.2.0", "summary": "Keys are young",
            "config_schema": {
                "type": "object", "required": ["url"], "$defs": { "age": { "type": "integer", "minimum": 0 } },
                "properties": {
                    "url": { "type": "string", "format": "uri", "description": "Where the keys\n are listed" },
                    "max_age_days": { "$ref": "#/$defs/age", "default": 90 },
                    "mode": { "enum": ["a|b", "c"] },
                    "groups": { "type": "array", "items": { "type": "object", "required": ["id"], "properties": {
                        "id": { "type": "string" } } } },
                    "either": { "oneOf": [{ "type": "string" }, { "type": "null" }] },
                },
            },
            "needs": { "hosts": ["/url"], "tls": true, "inputs": [{ "name": "inventory", "media_type": "text/csv", "optional": true }] },
        }))
        .unwrap();
        let page = page(&description);
        for line in [
            "# api-keys 1.2.0",
            "Keys are young",
            "| `url` | string, format `uri` | required | Where the keys are listed |",
            "| `max_age_days` | integer, at least 0 | `90` |  |",
            "| `mode` | `\"a\\|b\"`, `\"c\"` | – |  |",
            "| `groups` | list of table | – |  |",
            "| `groups[].id` | string | required |  |",
            "| `either` | string or null | – |  |",
            "- the input `inventory` (text/csv), if there is one: a `[[control.input]]`",
            "- the hosts of the URLs in `url`: a source or a `[[control.grant]]`",
            "- to look at certificates of hosts that are granted (`tls`)",
        ] {
            assert!(page.lines().any(|other| other == line), "{line}\n{page}");
        }
    }

    #[test]
    fn a_schema_that_names_itself_comes_to_an_end() {
        let schema = json!({ "properties": { "more": { "$ref": "#" } }, "type": "object" });
        let mut keys = Vec::new();
        gather(&schema, &schema, "", DEPTH_MAX, &mut keys);
        assert_eq!(keys.len(), DEPTH_MAX);
    }
}
