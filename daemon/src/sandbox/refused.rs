//! What a plugin's schema refuses of a configuration, key by key: so that each can be told at its line.

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::nearest;

/// One key of a control's `config` that its plugin does not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedKey {
    /// From `config` down; members of lists by their number. Empty: the table as a whole.
    pub path: Vec<String>,
    pub message: String,
    /// What to do about it, where the schema tells.
    pub hint: Option<String>,
}

/// `` `config.max_age_days`: what is wrong ``.
impl std::fmt::Display for RefusedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("`config")?;
        self.path.iter().try_for_each(|key| write!(f, ".{key}"))?;
        write!(f, "`: {}", self.message)
    }
}

/// All of them, in the order of the schema.
pub(super) fn refused_keys(schema: &Value, validator: &Validator, config: &Value) -> Vec<RefusedKey> {
    validator.iter_errors(config).flat_map(|error| keys_of(schema, &error)).collect()
}

fn keys_of(schema: &Value, error: &ValidationError<'_>) -> Vec<RefusedKey> {
    let at = error.instance_path().to_string();
    let path: Vec<String> = at.split('/').skip(1).map(unescaped).collect();
    let keyword = error.schema_path().to_string();
    let properties = keyword.rsplit_once('/').and_then(|(object, _)| schema.pointer(object)?.get("properties"));
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = || properties.and_then(Value::as_object).into_iter().flat_map(|known| known.keys());
            let of_key = |key: &String| RefusedKey {
                path: path.iter().chain([key]).cloned().collect(),
                message: "the plugin knows no such key".to_owned(),
                hint: match nearest(key, known().map(String::as_str)) {
                    Some(meant) => Some(format!("did you mean `{meant}`?")),
                    None => named(known()).map(|names| format!("the keys here are {names}")),
                },
            };
            unexpected.iter().map(of_key).collect()
        }
        ValidationErrorKind::Required { property: Value::String(key) } => {
            let about = properties.and_then(|known| known.get(key)?.get("description")?.as_str());
            vec![RefusedKey {
                path,
                message: format!("the key `{key}` is missing"),
                hint: about.map(|about| format!("`{key}`: {about}")),
            }]
        }
        _ => vec![RefusedKey { path, message: error.to_string(), hint: None }],
    }
}

fn named<'k>(keys: impl Iterator<Item = &'k String>) -> Option<String> {
    let names: Vec<_> = keys.map(|key| format!("`{key}`")).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// A part of a JSON Pointer (RFC 6901) as the key that it stands for.
fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_key_is_told_where_it_stands_and_with_what_was_meant() {
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["url"],
            "properties": {
                "url": { "type": "string", "description": "Where it is." },
                "max_age_days": { "type": "integer" },
                "golden": { "type": "array", "items": { "$ref": "#/$defs/question" } },
            },
            "$defs": { "question": { "type": "object", "additionalProperties": false, "properties": { "a~/b": {} } } },
        });
        let validator = jsonschema::validator_for(&schema).unwrap();
        let told = |config: Value| {
            let keys = refused_keys(&schema, &validator, &config);
            keys.iter().map(|key| (key.to_string(), key.hint.clone().unwrap_or_default())).collect::<Vec<_>>()
        };
        let check = |config: Value, expected: &[(&str, &str)]| {
            let told = told(config.clone());
            let told: Vec<_> = told.iter().map(|(key, hint)| (key.as_str(), hint.as_str())).collect();
            assert_eq!(told, expected, "{config}");
        };
        check(json!({ "url": "u", "max_age_days": 1 }), &[]);
        check(json!({}), &[("`config`: the key `url` is missing", "`url`: Where it is.")]);
        check(
            json!({ "url": "u", "max_age": 1 }),
            &[("`config.max_age`: the plugin knows no such key", "did you mean `max_age_days`?")],
        );
        check(
            json!({ "url": "u", "max_age_days": "x" }),
            &[("`config.max_age_days`: \"x\" is not of type \"integer\"", "")],
        );
        check(
            json!({ "url": "u", "golden": [{}, { "a~/b": 1, "else": 2 }] }),
            &[("`config.golden.1.else`: the plugin knows no such key", "the keys here are `a~/b`")],
        );
    }
}
