use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// What is asked, and what is to be answered. The schema beside says it to people.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Without a slash at the end.
    #[serde(deserialize_with = "one_or_more")]
    pub(crate) endpoint: Vec<String>,
    pub(crate) model: String,
    #[serde(default)]
    pub(crate) protocol: Protocol,
    pub(crate) version: Option<String>,
    #[serde(deserialize_with = "at_least_one")]
    pub(crate) golden: Vec<Golden>,
    #[serde(default = "max_latency_ms")]
    pub(crate) max_latency_ms: f64,
    #[serde(default = "min_certificate_days")]
    pub(crate) min_certificate_days: f64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Protocol {
    /// V2, as KServe, Triton, Seldon and MLServer speak it.
    #[default]
    OpenInference,
    /// `/v1/chat/completions`.
    Openai,
}

/// A question whose answer is known.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Golden {
    Tensors(GoldenTensors),
    Prompt(GoldenPrompt),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GoldenTensors {
    pub inputs: Vec<Tensor>,
    /// Empty: any answer that is not empty.
    #[serde(default)]
    pub outputs: Vec<Expected>,
    /// Numbers may differ by so much.
    #[serde(default)]
    pub tolerance: f64,
}

/// As the protocol writes it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tensor {
    pub name: String,
    pub shape: Vec<u64>,
    pub datatype: String,
    pub data: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    pub name: String,
    pub data: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GoldenPrompt {
    pub prompt: String,
    /// In any case; absent: any answer that is not empty.
    pub contains: Option<String>,
    #[serde(default = "max_tokens")]
    pub max_tokens: u32,
}

fn one_or_more<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }
    let endpoints = match OneOrMore::deserialize(from)? {
        OneOrMore::One(endpoint) => vec![endpoint],
        OneOrMore::More(endpoints) => endpoints,
    };
    if endpoints.is_empty() || endpoints.iter().any(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
        return Err(serde::de::Error::custom("an endpoint is a URL with http:// or https://"));
    }
    Ok(endpoints.into_iter().map(|url| url.trim_end_matches('/').to_owned()).collect())
}

fn at_least_one<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Golden>, D::Error> {
    let golden = Vec::deserialize(from)?;
    if golden.is_empty() {
        return Err(serde::de::Error::custom("at least one golden question is needed: health alone proves no model"));
    }
    Ok(golden)
}

/// The promise of AVL-01 in the catalogue.
fn max_latency_ms() -> f64 {
    5_000.0
}

/// A week is time enough to renew a certificate before it is an outage.
fn min_certificate_days() -> f64 {
    7.0
}

fn max_tokens() -> u32 {
    16
}
