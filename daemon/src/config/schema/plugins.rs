//! What plugins say that they take -> what the schema says of `config`.
//!
//! A plugin is told the tables of defaults, templates and a control laid on each other, with the values of a row in them. An
//! editor sees one of these tables. So what is required is not asked for in a table that others may complete, a text with
//! a placeholder is taken for any value, and whatever depends on the whole (`not`, `if`) is left to `check-config`.

use serde_json::{Map, Value, json};

use super::{DEFINITIONS, PLACEHOLDER, Schema, hide, unknown_key};
use crate::domain::PluginName;

/// A plugin, and what it takes.
#[derive(Debug, Clone, Copy)]
pub struct PluginSchema<'p> {
    pub name: &'p PluginName,
    /// Controls name it by the path of its file, and not by its name.
    pub is_named_by_path: bool,
    /// In one sentence, as it says itself.
    pub summary: &'p str,
    /// A JSON Schema of any draft from 6 on; null: any configuration.
    pub config_schema: &'p Value,
}

/// Keywords whose value is a schema.
const SCHEMA: [&str; 4] = ["additionalProperties", "additionalItems", "propertyNames", "contains"];
/// Keywords whose value has a schema by each name.
const SCHEMAS_BY_NAME: [&str; 4] = ["properties", "patternProperties", "$defs", "definitions"];
/// Keywords that name a schema or its language, that draft-07 checks and later drafts do not, or that only later ones know.
const LEFT_OUT: [&str; 10] = [
    "$schema",
    "$id",
    "id",
    "$anchor",
    "$vocabulary",
    "format",
    "unevaluatedProperties",
    "unevaluatedItems",
    "minContains",
    "maxContains",
];
/// Keywords that ask a table for what another one may have.
const OF_WHOLE_TABLES: [&str; 5] =
    ["required", "minProperties", "dependentRequired", "dependentSchemas", "dependencies"];
/// Keywords by which one value depends on another, that a row or another table may give.
const OF_WHOLE_VALUES: [&str; 4] = ["not", "if", "then", "else"];

/// What a copy of a plugin's schema is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Copy {
    /// To offer keys and to show what they mean; it checks nothing.
    Shown,
    /// To check a table that others may complete.
    Part,
    /// To check what nothing is laid on: items of a list.
    Whole,
}

impl Schema {
    /// Adds what a plugin takes. An error: why its schema cannot be used here; then nothing is added.
    pub fn add_plugin(&mut self, plugin: PluginSchema<'_>) -> Result<(), String> {
        let PluginSchema { name, is_named_by_path, summary, config_schema } = plugin;
        let described = json!({ "description": format!("`{name}`: {summary}") });
        let mut definitions = Map::new();
        if config_schema.is_object() {
            for copy in [Copy::Shown, Copy::Part, Copy::Whole] {
                definitions.insert(copy.name(name), copied(config_schema, config_schema, copy, name)?);
            }
            // A plugin's own description of a table in general says less than its summary.
            let shown = &mut definitions[&Copy::Shown.name(name)];
            shown["description"] = described["description"].clone();
            name_the_plugin(shown, name);
            check(&definitions, name)?;
        }
        let Self(document) = self;
        let known = &mut document["definitions"];
        for table in ["control", "template"] {
            let properties = &mut known[table]["properties"];
            let word = json!({ "const": name, "description": described["description"] });
            if !is_named_by_path {
                offer(&mut properties["plugin"], word);
            }
            if definitions.is_empty() {
                continue;
            }
            let reference = |copy: Copy| json!({ "$ref": format!("{DEFINITIONS}{}", pointer_step(&copy.name(name))) });
            offer(&mut properties["config"], reference(Copy::Shown));
            let is_it = if is_named_by_path {
                json!({ "pattern": format!(r"(^|/){}\.wasm$", name.as_str().replace('.', r"\.")) })
            } else {
                json!({ "const": name })
            };
            let is_it = json!({ "properties": { "plugin": is_it }, "required": ["plugin"] });
            let then = json!({ "properties": { "config": reference(Copy::Part) } });
            hide(&mut known[table], json!({ "if": is_it, "then": then }));
        }
        if let Value::Object(known) = known {
            known.extend(definitions);
        }
        Ok(())
    }
}

impl Copy {
    fn name(self, plugin: &PluginName) -> String {
        match self {
            Self::Shown => format!("plugin.{plugin}"),
            Self::Part => format!("plugin.{plugin}.part"),
            Self::Whole => format!("plugin.{plugin}.whole"),
        }
    }
}

/// Adds an alternative that an editor may offer; whatever else is written is taken, too.
fn offer(schema: &mut Value, alternative: Value) {
    match &mut schema["anyOf"] {
        Value::Array(known) => known.insert(known.len().saturating_sub(1), alternative),
        none => *none = json!([alternative, true]),
    }
}

/// Each key is offered beside those of other plugins: it says whose it is.
fn name_the_plugin(schema: &mut Value, name: &PluginName) {
    for property in schema["properties"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        if let Value::Object(property) = property {
            let said = property.get("description").and_then(Value::as_str).unwrap_or_default();
            let mut told = format!("`{name}`: {said}");
            if let Some(default) = property.get("default") {
                told.push_str(&format!("\n\nDefault: `{}`", super::toml(default)));
            }
            property.insert("description".to_owned(), json!(told));
        }
    }
}

/// A copy of `schema`, a part of `whole`, that stands in draft-07 below the definitions.
fn copied(schema: &Value, whole: &Value, copy: Copy, plugin: &PluginName) -> Result<Value, String> {
    let Value::Object(members) = schema else { return Ok(schema.clone()) };
    let mut made = Map::new();
    let mut all_of = Vec::new();
    let has = |key: &str| members.contains_key(key);
    for (key, value) in members {
        let key = key.as_str();
        let of_value = |value: &Value, copy: Copy| copied(value, whole, copy, plugin).map(|made| fillable(made, copy));
        let all = |value: &Value| -> Result<Vec<Value>, String> {
            value.as_array().into_iter().flatten().map(|value| copied(value, whole, copy, plugin)).collect()
        };
        let is_checked = copy != Copy::Shown;
        match key {
            "$ref" => {
                let place = local(value.as_str().unwrap_or_default(), whole)?;
                let reference = json!(format!("{DEFINITIONS}{}{place}", pointer_step(&copy.name(plugin))));
                // What stands beside a reference counts in later drafts, and in this one not.
                all_of.push(json!({ "$ref": reference }));
            }
            "$dynamicRef" | "$recursiveRef" => return Err(format!("it uses `{key}`")),
            _ if LEFT_OUT.contains(&key) => {}
            "contains" if has("minContains") || has("maxContains") => {}
            _ if copy == Copy::Part && OF_WHOLE_TABLES.contains(&key) => {}
            _ if is_checked && OF_WHOLE_VALUES.contains(&key) => {}
            "additionalProperties" if value == &Value::Bool(false) => _ = made.insert(key.to_owned(), unknown_key()),
            "items" if has("prefixItems") => {
                _ = made.insert("additionalItems".to_owned(), of_value(value, copy.below_a_list())?)
            }
            "prefixItems" | "items" => {
                let items = match value {
                    Value::Array(items) => Value::Array(
                        items.iter().map(|item| of_value(item, copy.below_a_list())).collect::<Result<_, _>>()?,
                    ),
                    item => of_value(item, copy.below_a_list())?,
                };
                made.insert("items".to_owned(), items);
            }
            // Of a text with a placeholder nobody knows which of the branches it will be.
            "oneOf" | "anyOf" if is_checked => all_of.push(json!({ "anyOf": all(value)? })),
            "allOf" if is_checked => all_of.extend(all(value)?),
            "oneOf" | "anyOf" | "allOf" => _ = made.insert(key.to_owned(), json!(all(value)?)),
            _ if SCHEMA.contains(&key) => _ = made.insert(key.to_owned(), of_value(value, copy)?),
            _ if SCHEMAS_BY_NAME.contains(&key) => {
                let mut by_name = Map::new();
                for (name, value) in value.as_object().into_iter().flatten() {
                    // Definitions are no values: where they are referred to, one is.
                    let is_definition = key == "$defs" || key == "definitions";
                    let made = if is_definition { copied(value, whole, copy, plugin)? } else { of_value(value, copy)? };
                    by_name.insert(name.clone(), made);
                }
                made.insert(key.to_owned(), Value::Object(by_name));
            }
            _ => _ = made.insert(key.to_owned(), value.clone()),
        }
    }
    match (all_of.len(), copy) {
        (0, _) => {}
        (1, _) if made.is_empty() => return Ok(all_of.remove(0)),
        // What has an `allOf` is itself not looked at.
        (_, Copy::Shown) => match made.get_mut("anyOf") {
            Some(Value::Array(known)) => known.extend(all_of),
            _ => _ = made.insert("anyOf".to_owned(), Value::Array(all_of)),
        },
        (_, Copy::Part | Copy::Whole) => _ = made.insert("allOf".to_owned(), Value::Array(all_of)),
    }
    Ok(Value::Object(made))
}

impl Copy {
    /// Lists are not laid on each other: their items are whole.
    const fn below_a_list(self) -> Self {
        match self {
            Self::Shown => Self::Shown,
            Self::Part | Self::Whole => Self::Whole,
        }
    }
}

/// A value of the schema, or a text that a row makes one of.
fn fillable(schema: Value, copy: Copy) -> Value {
    if copy == Copy::Shown || !schema.is_object() {
        return schema;
    }
    json!({ "if": { "type": "string", "pattern": PLACEHOLDER }, "else": schema })
}

/// Where a reference of a plugin's schema points within it, as a JSON Pointer.
fn local(reference: &str, whole: &Value) -> Result<String, String> {
    let elsewhere = || format!("it refers to `{reference}`, which is not in it");
    let id = whole["$id"].as_str().unwrap_or_default().trim_end_matches('#');
    let fragment = match reference.split_once('#') {
        Some((base, fragment)) if base.is_empty() || base == id => fragment,
        None if reference == id && !id.is_empty() => "",
        _ => return Err(elsewhere()),
    };
    if fragment.is_empty() || fragment.starts_with('/') {
        return Ok(fragment.to_owned());
    }
    let named = ["$defs", "definitions"].into_iter().filter_map(|key| Some((key, whole[key].as_object()?)));
    for (key, definitions) in named {
        let anchored = definitions.iter().find(|(_, definition)| definition["$anchor"] == fragment);
        if let Some((name, _)) = anchored {
            return Ok(format!("/{key}/{}", pointer_step(name)));
        }
    }
    Err(elsewhere())
}

/// RFC 6901, section 3.
fn pointer_step(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Whether the copies are a schema: one that is none would make the whole document useless.
fn check(definitions: &Map<String, Value>, plugin: &PluginName) -> Result<(), String> {
    let copies = [Copy::Shown, Copy::Part, Copy::Whole]
        .map(|copy| json!({ "$ref": format!("{DEFINITIONS}{}", pointer_step(&copy.name(plugin))) }));
    let document = json!({ "definitions": definitions, "allOf": copies });
    let options = jsonschema::options().with_draft(jsonschema::Draft::Draft7);
    options.build(&document).map(|_| ()).map_err(|error| format!("its schema is none of draft-07: {error}"))
}
