//! What the ledger keeps for ever.
//!
//! An entry holds numbers, enumerations, digests, configured ids and subject numbers: no text from a plugin and
//! no person's name. Texts lie in *parts*, which an entry names by digest and which can be erased.
//!
//! An entry holds what was *decided* (an exception opened, a subject joined it, an alert is queued), so that the
//! state of everything is a fold over entries that knows no threshold, no clock and no configuration.

use serde::{Deserialize, Serialize};

use super::{Event, Timestamp, canonical, run_bytes::run_bytes};

/// An entry's bytes are canonical JSON (RFC 8785) and no longer than this.
pub const ENTRY_BYTES_MAX: usize = 4096;

/// One line of the ledger. Its place there is its *sequence*, which is not written in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Version of the entry's form; older ones are lifted by one pure function each.
    pub v: u32,
    /// When it was decided. Never earlier than the entry before, but for a clock in doubt.
    pub at: Timestamp,
    #[serde(flatten)]
    pub event: Event,
}

#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    #[error("not an entry: {0}")]
    Malformed(#[source] serde_json::Error),
    #[error("an entry of version {found}; this program knows up to {known}")]
    Newer { found: u32, known: u32 },
    #[error("an entry of {0} bytes; at most {ENTRY_BYTES_MAX} are allowed")]
    TooLong(usize),
}

impl Entry {
    pub const VERSION: u32 = 1;

    pub const fn new(at: Timestamp, event: Event) -> Self {
        Self { v: Self::VERSION, at, event }
    }

    /// The exact bytes that are hashed and kept.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        let bytes = match &self.event {
            Event::Run(run) => run_bytes(self.v, self.at, run),
            _ => canonical::to_bytes(self),
        };
        let bytes = bytes.map_err(EntryError::Malformed)?;
        if bytes.len() > ENTRY_BYTES_MAX { Err(EntryError::TooLong(bytes.len())) } else { Ok(bytes) }
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        let Version { v } = serde_json::from_slice(bytes).map_err(EntryError::Malformed)?;
        if v > Self::VERSION {
            return Err(EntryError::Newer { found: v, known: Self::VERSION });
        }
        serde_json::from_slice(bytes).map_err(EntryError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Counts, Evidence, LocalDay, Outcome, RunEntry, SlotTime};

    fn run() -> Entry {
        let at: Timestamp = "2026-03-02T06:00:03.120Z".parse().unwrap();
        Entry::new(
            at,
            Event::Run(RunEntry {
                control: "SEC-01".parse().unwrap(),
                version: 3,
                slot: SlotTime("2026-03-02T06:00:00.000Z".parse().unwrap()),
                now: at,
                clock_in_doubt: false,
                took_ms: 12,
                late: false,
                days: vec![LocalDay(20514)],
                outcome: Outcome::Fail,
                reason: None,
                incomplete: false,
                population: 48,
                counts: Counts { pass: 47, fail: 1, ..Counts::default() },
                seed_size: 7,
                interval: None,
                repeated: 0,
                covered_until: None,
                plugin_state: None,
                evidence: Evidence::SameAs(5),
            }),
        )
    }

    #[test]
    fn an_entry_is_canonical_and_round_trips() {
        let bytes = run().to_bytes().unwrap();
        assert_eq!(
            std::str::from_utf8(&bytes).unwrap(),
            concat!(
                r#"{"at":"2026-03-02T06:00:03.120Z","control":"SEC-01","counts":{"attention":0,"error":0,"excluded":0,"#,
                r#""fail":1,"not_applicable":0,"pass":47},"days":[20514],"evidence":{"same-as":5},"incomplete":false,"#,
                r#""kind":"run","late":false,"now":"2026-03-02T06:00:03.120Z","outcome":"fail","population":48,"#,
                r#""seed_size":7,"slot":"2026-03-02T06:00:00.000Z","took_ms":12,"v":1,"version":3}"#,
            )
        );
        assert_eq!(Entry::from_bytes(&bytes).unwrap(), run());
    }

    #[test]
    fn a_newer_entry_is_refused_with_both_versions() {
        let mut newer = run();
        newer.v = 2;
        let error = Entry::from_bytes(&newer.to_bytes().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "an entry of version 2; this program knows up to 1");
    }
}
