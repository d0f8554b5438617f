//! Holds configurations against the schema of a plugin: in a child process under resource limits, since a schema is a
//! program of a kind, and a short one can be made that no machine evaluates to its end.

use std::{process::ExitCode, time::Duration};

use serde_json::Value;

use super::{
    Sandbox,
    compile::{ChildFault, CompileLimits, CompileWhere, answer_as_child, ask_child},
    refused::{RefusedKey, refused_keys},
};

/// What it may cost to hold all configurations of one plugin against its schema. An honest one takes milliseconds.
const LIMITS: CompileLimits =
    CompileLimits { wall: Duration::from_secs(20), cpu_seconds: 2, memory_bytes: 1 << 30, code_bytes: 16 << 20 };

/// Why the schema of a plugin cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    #[error("is no JSON Schema: {0}")]
    NoSchema(String),
    #[error("asks for too much: to hold configurations against it took more than {0}")]
    Limit(String),
    #[error("could not be looked at: {0}")]
    Broken(String),
}

impl Sandbox {
    /// What is wrong with each configuration by a plugin's schema, in their order. Blocks; call it where blocking is
    /// allowed.
    ///
    /// # Errors
    /// The schema is none, or costs more than it may.
    pub fn held_against(&self, schema: &Value, configs: &[&Value]) -> Result<Vec<Vec<RefusedKey>>, SchemaError> {
        let CompileWhere::Child { program, .. } = self.compiler.place() else {
            return held_against(schema, configs.iter().copied()).map_err(SchemaError::NoSchema);
        };
        // A line each: no value lies deeper than it does by itself.
        let lines: Vec<String> = [schema].iter().chain(configs).map(|value| value.to_string()).collect();
        let told =
            ask_child(program, "__schema", &LIMITS, lines.join("\n").as_bytes()).map_err(|fault| match fault {
                ChildFault::Refused(why) => SchemaError::NoSchema(why),
                ChildFault::Limit(which) => SchemaError::Limit(which),
                ChildFault::Broken(why) => SchemaError::Broken(why),
            })?;
        serde_json::from_slice(&told).map_err(|error| SchemaError::Broken(error.to_string()))
    }
}

fn held_against<'a>(schema: &Value, configs: impl Iterator<Item = &'a Value>) -> Result<Vec<Vec<RefusedKey>>, String> {
    let validator = jsonschema::validator_for(schema).map_err(|error| error.to_string())?;
    Ok(configs.map(|config| refused_keys(schema, &validator, config)).collect())
}

/// The hidden subcommand `__schema`: a schema and configurations on standard input, a line each; what is wrong with each
/// of these on standard output.
pub fn schema_child_main(memory_bytes: u64, cpu_seconds: u64) -> ExitCode {
    answer_as_child(memory_bytes, cpu_seconds, |bytes| {
        let lines = bytes.split(|byte| *byte == b'\n').map(serde_json::from_slice);
        let values: Vec<Value> = lines.collect::<Result<_, _>>()?;
        let (schema, configs) = values.split_first().ok_or_else(|| std::io::Error::other("no schema came"))?;
        Ok(match held_against(schema, configs.iter()) {
            Ok(told) => Ok(serde_json::to_vec(&told)?),
            Err(why) => Err(why),
        })
    })
}
