//! The JSON form of the contract as JSON Schema 2020-12, generated from the types that the host parses with.

use schemars::{
    JsonSchema, Schema,
    generate::SchemaSettings,
    transform::{RecursiveTransform, Transform},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Ask, CommandReport, CommandRequest, Description, Failure};

/// What a command reads from standard input. Members that a later host adds are to be ignored.
pub fn request() -> Value {
    // What the host writes: members that it leaves out are optional, all others are there.
    of::<CommandRequest>(SchemaSettings::draft2020_12().for_serialize())
}

/// What a command prints: a report, a failure, or questions.
pub fn output() -> Value {
    of::<Printed>(SchemaSettings::draft2020_12())
}

/// What a command prints when it is called with `--describe`.
pub fn description() -> Value {
    of::<Description>(SchemaSettings::draft2020_12())
}

fn of<T: JsonSchema>(settings: SchemaSettings) -> Value {
    settings.with_transform(RecursiveTransform(Bounds)).into_generator().into_root_schema_for::<T>().into()
}

/// Says the range of an integer by its bounds: the name of a format alone binds no validator.
#[derive(Debug, Clone)]
struct Bounds;

impl Transform for Bounds {
    fn transform(&mut self, schema: &mut Schema) {
        let maximum = match schema.get("format").and_then(Value::as_str) {
            Some("uint16") => u64::from(u16::MAX),
            Some("uint32") => u64::from(u32::MAX),
            _ => return,
        };
        schema.insert("maximum".to_owned(), maximum.into());
    }
}

/// The three shapes of [`crate::parse_output`], which tells them apart by their members and so says better what is wrong.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Printed {
    Report(CommandReport),
    Failure(PrintedFailure),
    Ask(PrintedAsk),
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PrintedFailure {
    failure: Failure,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PrintedAsk {
    ask: Vec<Ask>,
    /// At most 1 MiB of any JSON; it comes back unchanged.
    #[serde(default)]
    memo: Value,
}
