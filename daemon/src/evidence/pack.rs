use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{EndedRecord, InputRecord, RunRecord, redact};
use crate::{
    domain::{Digest, TranscriptClass},
    ledger::{EvidenceClass, LedgerError, Part},
    sandbox::{InputBytes, Transcript},
};

/// What the newest run of a control left, so that the next one need not write it again.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    record: Option<SeenRecord>,
    /// Contents and the parts that hold them.
    parts: BTreeMap<Digest, Digest>,
}

#[derive(Debug, Clone, Copy)]
struct SeenRecord {
    /// Of the record's content.
    content: Digest,
    /// Of the same record as serde writes it, which takes a tenth of the time: if this is the same, so is the content.
    plain: Digest,
    /// The run that wrote it.
    sequence: u64,
}

impl Seen {
    /// What a record that was read back says.
    pub fn from_record(record: &RunRecord, sequence: u64) -> Self {
        let seen = SeenRecord { content: Digest::of(&canonical(record)), plain: plain(record), sequence };
        Self { record: Some(seen), parts: record.parts.clone() }
    }

    /// The run that `packed` stands for was written as `sequence`.
    pub fn note(&mut self, packed: &Packed, sequence: u64) {
        if let Packed::New { content, plain, contents, .. } = packed {
            self.record = Some(SeenRecord { content: *content, plain: *plain, sequence });
            self.parts.clone_from(contents);
        }
    }
}

/// A run as the ledger keeps it.
#[derive(Debug, Clone)]
pub enum Packed {
    /// To the byte the same as this run.
    SameAs(u64),
    New {
        /// Of the record, with its salt.
        record: Digest,
        /// Of the record's content.
        content: Digest,
        /// Of the record as serde writes it.
        plain: Digest,
        contents: BTreeMap<Digest, Digest>,
    },
}

/// Turns a run into parts that are new; what `seen` holds already is only named.
pub fn pack(
    ended: EndedRecord,
    transcript: &Transcript,
    inputs: &[InputBytes],
    state: &BTreeMap<String, Vec<u8>>,
    class: TranscriptClass,
    seen: &Seen,
) -> Result<(Packed, Vec<Part>), LedgerError> {
    let mut packing = Packing { seen, class, parts: Vec::new(), contents: BTreeMap::new(), sizes: BTreeMap::new() };
    let redacted;
    let told = match class {
        TranscriptClass::Full => transcript,
        TranscriptClass::Redacted | TranscriptClass::DigestOnly => {
            redacted = redact::redact(transcript);
            &redacted
        }
    };
    let calls = match (told.calls.is_empty(), class) {
        (true, _) => None,
        (false, TranscriptClass::Full | TranscriptClass::Redacted) => Some(packing.keep(&told.calls_json())?),
        (false, TranscriptClass::DigestOnly) => Some(packing.content(&transcript.calls_json())?),
    };
    for bytes in transcript.blobs.values() {
        packing.content(bytes)?;
    }
    let mut input_records = Vec::with_capacity(inputs.len());
    for input in inputs {
        if let Ok(bytes) = &input.bytes {
            packing.content(bytes)?;
        }
        let unreadable = input.bytes.as_ref().err().cloned();
        let events = input.events.clone();
        let mut input = input.input.clone();
        if let (false, Some(http)) = (class.is_full(), &mut input.http) {
            http.headers = redact::headers(&http.headers);
        }
        input_records.push(InputRecord { input, unreadable, events });
    }
    let state = if state.is_empty() { None } else { Some(packing.content(&state_json(state))?) };
    let volatile = (!told.volatile.is_empty() && class != TranscriptClass::DigestOnly)
        .then(|| serde_json::from_slice(&told.volatile_json()).expect("what was just written as JSON can be read"));
    let Packing { mut parts, contents, sizes, .. } = packing;
    let record =
        RunRecord { ended, transcript: class, sizes, calls, volatile, inputs: input_records, state, parts: contents };
    let plain = plain(&record);
    if let Some(last) = seen.record
        && last.plain == plain
    {
        return Ok((Packed::SameAs(last.sequence), Vec::new()));
    }
    let bytes = canonical(&record);
    let content = Digest::of(&bytes);
    if let Some(last) = seen.record
        && last.content == content
    {
        return Ok((Packed::SameAs(last.sequence), Vec::new()));
    }
    let part = Part::new(&bytes, EvidenceClass::Transcript)?;
    let digest = part.digest();
    parts.push(part);
    Ok((Packed::New { record: digest, content, plain, contents: record.parts }, parts))
}

/// The plugin's state as a content: JSON of key to base64, keys in order.
pub fn state_json(state: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let text: BTreeMap<_, _> = state.iter().map(|(key, value)| (key, STANDARD.encode(value))).collect();
    serde_json::to_vec(&text).expect("a map of texts is JSON")
}

fn canonical(record: &RunRecord) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(record).expect("a record is plain data; verdict() has refused what is not finite")
}

fn plain(record: &RunRecord) -> Digest {
    Digest::of(&serde_json::to_vec(record).expect("a record is plain data with text keys"))
}

struct Packing<'s> {
    seen: &'s Seen,
    class: TranscriptClass,
    parts: Vec<Part>,
    contents: BTreeMap<Digest, Digest>,
    sizes: BTreeMap<Digest, u64>,
}

impl Packing<'_> {
    /// A content that the class may say to leave out.
    fn content(&mut self, bytes: &[u8]) -> Result<Digest, LedgerError> {
        match self.class {
            TranscriptClass::Full => self.keep(bytes),
            TranscriptClass::Redacted => {
                let content = Digest::of(bytes);
                self.sizes.insert(content, bytes.len() as u64);
                Ok(content)
            }
            TranscriptClass::DigestOnly => Ok(Digest::of(bytes)),
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<Digest, LedgerError> {
        let content = Digest::of(bytes);
        if self.contents.contains_key(&content) {
            return Ok(content);
        }
        let part = match self.seen.parts.get(&content) {
            Some(part) => *part,
            None => {
                let part = Part::new(bytes, EvidenceClass::Transcript)?;
                let digest = part.digest();
                self.parts.push(part);
                digest
            }
        };
        self.contents.insert(content, part);
        Ok(content)
    }
}
