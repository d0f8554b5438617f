//! What the schema makes of what plugins say that they take.

use std::fs;

use serde_json::{Value, json};

use super::schema::{BASE, demo, examples, faults, files, root};
use crate::config::{PluginSchema, Schema};

/// The schema with the plugins of this tree.
fn with_plugins() -> Schema {
    let mut schema = Schema::base();
    for name in ["inference-uptime", "key-rotation", "model-drift", "training-data-access"] {
        let text = fs::read_to_string(root().join("plugins").join(name).join("config.schema.json")).unwrap();
        let name = name.parse().unwrap();
        let config_schema = &serde_json::from_str(&text).unwrap();
        let plugin = PluginSchema { name: &name, is_named_by_path: false, summary: "Tests it", config_schema };
        schema.add_plugin(plugin).unwrap();
    }
    schema
}

#[test]
fn what_a_plugin_takes_is_checked_where_it_is_named() {
    let schema = with_plugins();
    let validator = jsonschema::validator_for(schema.as_json()).unwrap();
    for (name, text) in files("packaging/config/conf.d", "toml").into_iter().chain(examples()) {
        assert_eq!(faults(&validator, &text), [""; 0], "{name}");
    }
    assert_eq!(faults(&validator, &demo()), [""; 0]);
    let control = |plugin: &str, more: &str| {
        let text = format!("[[control]]\nid = \"SEC-01\"\nplugin = \"{plugin}\"\n{more}\n");
        faults(&validator, &text).join("\n")
    };
    // A plugin that is not known takes anything; what is missing, another table may have.
    assert_eq!(control("other", "config = { anything = 1 }"), "");
    assert_eq!(control("inference-uptime", "config = { protocol = \"openai\" }"), "");
    assert_eq!(control("key-rotation", "config = { max_age_days = 90 }"), "");
    assert_eq!(
        control("key-rotation", "config = { max_age_dayz = 90 }"),
        "/control/0/config/max_age_dayz: {\"title\":\"an unknown key\"} is not allowed for 90"
    );
    assert!(control("key-rotation", "config = { max_age_days = \"90\" }").contains("is not of type"));
    // Below a reference, and in a list, of which every item is whole.
    let golden = |item: &str| control("inference-uptime", &format!("config = {{ golden = [{item}] }}"));
    assert_eq!(golden("{ prompt = \"2 + 2\", max_tokens = 3 }"), "");
    assert!(golden("{ prompt = \"2 + 2\", max_token = 3 }").contains("config/golden/0"));
    assert!(golden("{ contains = \"4\" }").contains("config/golden/0"));
    // What a row says may be of any kind.
    assert_eq!(control("key-rotation", "config = { max_age_days = \"{days}\" }"), "");
    assert_eq!(golden("\"{question}\""), "");
    assert!(control("key-rotation", "config = { \"max_age_dayz\" = \"{days}\" }").contains("max_age_dayz"));
}

#[test]
fn what_cannot_stand_in_the_schema_is_left_out_of_it() {
    let name = "odd".parse().unwrap();
    let add = |is_named_by_path: bool, config_schema: Value| {
        let mut schema = Schema::base();
        let config_schema = &config_schema;
        let added = schema.add_plugin(PluginSchema { name: &name, is_named_by_path, summary: "", config_schema });
        if added.is_err() {
            assert_eq!(schema.as_json(), BASE.as_json());
        }
        added.map(|()| jsonschema::validator_for(schema.as_json()).unwrap())
    };
    let refused = |added: Result<jsonschema::Validator, String>| added.map(|_| ()).unwrap_err();
    let elsewhere = add(false, json!({ "$ref": "https://example.com/schema.json" }));
    assert_eq!(refused(elsewhere), "it refers to `https://example.com/schema.json`, which is not in it");
    assert!(refused(add(false, json!({ "$ref": "#/$defs/none" }))).starts_with("its schema is none of draft-07"));
    assert!(refused(add(false, json!({ "type": "text" }))).starts_with("its schema is none of draft-07"));
    assert!(refused(add(false, json!({ "properties": { "a": { "$dynamicRef": "#a" } } }))).contains("$dynamicRef"));
    // By its id, by an anchor, to the whole; and pairs as later drafts write them.
    let validator = add(
        true,
        json!({
            "$id": "https://example.com/odd.json",
            "properties": {
                "by_id": { "$ref": "https://example.com/odd.json#/$defs/word", "minLength": 2 },
                "by_anchor": { "$ref": "#word" },
                "inner": { "$ref": "#" },
                "pair": { "type": "array", "prefixItems": [{ "type": "string" }, { "type": "integer" }], "items": false },
            },
            "additionalProperties": false,
            "$defs": { "word": { "$anchor": "word", "type": "string" } },
        }),
    );
    let validator = validator.unwrap();
    let config = |plugin: &str, config: &str| {
        faults(&validator, &format!("[[control]]\nid = \"a\"\nplugin = \"{plugin}\"\nconfig = {{ {config} }}\n")).len()
    };
    let path = "/opt/plugins/odd.wasm";
    assert_eq!(config(path, "by_id = \"ab\", by_anchor = \"b\", inner = { inner = {} }, pair = [\"a\", 1]"), 0);
    for wrong in [
        "by_id = 1",
        "by_id = \"a\"",
        "by_anchor = 1",
        "inner = { outer = 1 }",
        "pair = [1, 1]",
        "pair = [\"a\", 1, 1]",
    ] {
        assert_eq!(config(path, wrong), 1, "{wrong}");
    }
    assert_eq!(config("odd", "outer = 1"), 0, "a plugin of that name is another one");
}
