use serde::{Deserialize, Serialize};

use crate::{Digest, Exchange, Extensions, Instant};

/// What a run is told. The only source of time and randomness.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Request {
    pub control: String,
    /// Digest of the control's definition: two runs with the same one promise the same thing.
    pub definition: Digest,
    /// The scheduled time. A late run has `now` well after `slot`.
    pub slot: Instant,
    /// The only clock during the whole run.
    pub now: Instant,
    pub interval: Option<Interval>,
    pub config: serde_json::Value,
    pub inputs: Vec<Input>,
    /// The only randomness.
    #[serde(with = "hex_seed")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub seed: [u8; 32],
    pub limits: Limits,
    #[serde(default)]
    pub extensions: Extensions,
}

/// Events with `from` <= time < `until`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Interval {
    pub from: Instant,
    pub until: Instant,
}

/// What remains to the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Limits {
    pub wall_ms: u32,
    pub memory_bytes: u32,
    pub report_bytes: u32,
    pub requests: u32,
    pub response_bytes: u32,
}

/// Information produced by the entity: where an input's bytes came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Input {
    pub name: String,
    pub source: String,
    pub query: String,
    pub media_type: String,
    pub observed: Instant,
    pub bytes: u64,
    pub rows: Option<u32>,
    /// What the source itself says that there is; a difference to `rows` is the plugin's to judge.
    pub source_total: Option<u32>,
    pub digest: Digest,
    /// HTTP inputs only.
    pub http: Option<Exchange>,
}

mod hex_seed {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(seed: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
        use std::fmt::Write;
        let text = seed.iter().fold(String::with_capacity(64), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a String cannot fail");
            text
        });
        to.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(from)?;
        let wrong = || D::Error::custom("a seed is 64 hexadecimal digits");
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut seed = [0; 32];
        for (byte, at) in seed.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())?;
        }
        Ok(seed)
    }
}
