use serde::{Deserialize, Serialize};

use crate::Extensions;

/// What a plugin is and needs. Pure: it depends on the plugin's bytes alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Description {
    pub name: String,
    pub version: String,
    #[serde(default)]
    pub summary: String,
    /// JSON Schema 2020-12 of the configuration; `null` = any object.
    #[serde(default)]
    pub config_schema: serde_json::Value,
    #[serde(default)]
    pub needs: Needs,
    /// The contract it was written for; a command's only (a component's export names it).
    #[serde(default = "first_contract")]
    pub contract: String,
    #[serde(default)]
    pub extensions: Extensions,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Needs {
    pub inputs: Vec<InputNeed>,
    /// JSON Pointers of configuration keys whose values are URLs that the plugin will call.
    pub hosts: Vec<String>,
    pub tls: bool,
    pub state: bool,
    pub history: bool,
    /// The check reads events: it gets `request.interval` and answers `report.covered_until`.
    pub interval: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InputNeed {
    pub name: String,
    #[serde(default)]
    pub media_type: String,
    #[serde(default)]
    pub optional: bool,
}

fn first_contract() -> String {
    crate::CONTRACT_VERSION.to_owned()
}
