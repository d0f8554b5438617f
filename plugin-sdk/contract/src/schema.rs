//! The JSON form of the contract as JSON Schema 2020-12, generated from the types that the host parses with.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Ask, CommandReport, CommandRequest, Description, Failure};

/// What a command reads from standard input. Members that a later host adds are to be ignored.
pub fn request() -> Value {
    // What the host writes: members that it leaves out are optional, all others are there.
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<CommandRequest>().into()
}

/// What a command prints: a report, a failure, or questions.
pub fn output() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Printed>().into()
}

/// What a command prints when it is called with `--describe`.
pub fn description() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Description>().into()
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
