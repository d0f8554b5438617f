use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::RunRecord;
use crate::{
    domain::Digest,
    sandbox::{InputBytes, Transcript, TranscriptError},
};

/// Why a run's evidence cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    #[error("part {0} is not in the ledger: it was dropped by retention or erased")]
    Gone(Digest),
    #[error("part {0} cannot be read: {1}")]
    Unreadable(Digest, String),
    #[error("the record of the run is damaged")]
    Record(#[source] serde_json::Error),
    #[error("content {0} is not what its part holds")]
    Other(Digest),
    #[error("the record of the run names content {0}, and no part for it")]
    Unnamed(Digest),
    #[error("the state before the run is damaged")]
    State,
    #[error("the transcript is damaged")]
    Transcript(#[from] TranscriptError),
}

/// A run as it was, without its plugin and configuration.
#[derive(Debug)]
pub struct Unpacked {
    pub record: RunRecord,
    pub transcript: Transcript,
    pub inputs: Vec<InputBytes>,
    pub state: BTreeMap<String, Vec<u8>>,
}

/// The record alone: what the run said, without what it saw.
pub fn unpack_record(
    part: &Digest,
    read: impl Fn(&Digest) -> Result<Option<Vec<u8>>, String>,
) -> Result<RunRecord, EvidenceError> {
    serde_json::from_slice(&read_part(part, &read)?).map_err(EvidenceError::Record)
}

/// Everything; each content is checked against its digest.
pub fn unpack(
    part: &Digest,
    read: impl Fn(&Digest) -> Result<Option<Vec<u8>>, String>,
) -> Result<Unpacked, EvidenceError> {
    let record = unpack_record(part, &read)?;
    let mut contents = BTreeMap::new();
    for (content, part) in &record.parts {
        let bytes = read_part(part, &read)?;
        if Digest::of(&bytes) != *content {
            return Err(EvidenceError::Other(*content));
        }
        contents.insert(*content, Bytes::from(bytes));
    }
    let content = |digest: &Digest| contents.get(digest).cloned().ok_or(EvidenceError::Unnamed(*digest));
    let state = match &record.state {
        Some(digest) => state_from_json(&content(digest)?)?,
        None => BTreeMap::new(),
    };
    let mut inputs = Vec::with_capacity(record.inputs.len());
    for input in &record.inputs {
        let bytes = match &input.unreadable {
            Some(why) => Err(why.clone()),
            None => {
                let digest = input.input.digest.parse().map_err(|_| EvidenceError::Other(*part))?;
                Ok(Arc::from(&*content(&digest)?))
            }
        };
        inputs.push(InputBytes { input: input.input.clone(), bytes, events: input.events.clone() });
    }
    let calls = record.calls.as_ref().map(content).transpose()?.unwrap_or_else(|| Bytes::from_static(b"[]"));
    let volatile = record.volatile.as_ref().map_or_else(|| "[]".to_owned(), ToString::to_string);
    let transcript = Transcript::from_parts(&calls, volatile.as_bytes(), contents)?;
    Ok(Unpacked { record, transcript, inputs, state })
}

/// The plugin's state from its content.
pub fn state_from_json(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, EvidenceError> {
    let text: BTreeMap<String, String> = serde_json::from_slice(bytes).map_err(|_| EvidenceError::State)?;
    let decode = |(key, value): (String, String)| Ok((key, STANDARD.decode(value).map_err(|_| EvidenceError::State)?));
    text.into_iter().map(decode).collect()
}

fn read_part(
    digest: &Digest,
    read: &impl Fn(&Digest) -> Result<Option<Vec<u8>>, String>,
) -> Result<Vec<u8>, EvidenceError> {
    match read(digest) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(EvidenceError::Gone(*digest)),
        Err(why) => Err(EvidenceError::Unreadable(*digest, why)),
    }
}
