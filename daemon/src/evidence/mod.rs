//! What a run saw and said, as parts of the ledger, and back again.
//!
//! In: how a run ended, its transcript, inputs and state. Out: parts, of which what did not change since the run
//! before is not written again; and from parts the run, ready to be re-performed.
//! Must not know: what the result means, where parts are kept.

mod pack;
mod redact;
mod unpack;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use evidenced_contract::{Failure, Input, Report};
use serde::{Deserialize, Serialize};

use crate::domain::{Digest, EventCounts, RunReason, TranscriptClass};

pub use pack::{Packed, Seen, pack, state_json};
pub use unpack::{EvidenceError, Unpacked, state_from_json, unpack, unpack_record};

/// The part that stands for a run: what is new in it is written here, what repeats is named by digest.
///
/// Canonical JSON, so that two runs that saw and said the same have equal bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    pub ended: EndedRecord,
    /// How much of what it saw was kept.
    #[serde(skip_serializing_if = "TranscriptClass::is_full", default)]
    pub transcript: TranscriptClass,
    /// Bytes of each content that was not kept, where that much is said of it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub sizes: BTreeMap<Digest, u64>,
    /// Content: the calls of the transcript. `None`: there were none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub calls: Option<Digest>,
    /// What differs from answer to answer though the answer is the same.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub volatile: Option<serde_json::Value>,
    /// Facts of the inputs; their bytes are contents.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub inputs: Vec<InputRecord>,
    /// Content: the plugin's state before the run, key to base64.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state: Option<Digest>,
    /// Where each content lies: digest of the content to digest of the part.
    pub parts: BTreeMap<Digest, Digest>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndedRecord {
    Report(Report),
    Failure(Failure),
    /// Neither: a limit, a trap, a broken report, a fault of the plugin's file.
    Other {
        reason: RunReason,
        words: String,
        is_deterministic: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputRecord {
    pub input: Input,
    /// Why there are no bytes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unreadable: Option<String>,
    /// Of an input by `events`: what was read, and what is left of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub events: Option<EventCounts>,
}

impl EndedRecord {
    /// One line for a person.
    pub fn words(&self) -> &str {
        match self {
            Self::Report(report) => &report.summary,
            Self::Failure(failure) => &failure.message,
            Self::Other { words, .. } => words,
        }
    }
}
