//! What entries say of files beside them: the closed days of rollups, and that checkpoints were signed.

use std::collections::HashMap;

use crate::domain::{Digest, Entry, Event};

/// Gathered while every entry is read.
#[derive(Default)]
pub(super) struct Noted {
    /// Rollups that entries name, with the entry.
    pub(super) closed_days: HashMap<Digest, u64>,
    /// Entries that say that a checkpoint was signed behind them.
    checkpoints: Vec<u64>,
}

impl Noted {
    /// Parsing every entry would take most of the time.
    pub(super) fn look_at(&mut self, sequence: u64, entry: &[u8]) {
        const KIND: &[u8] = b"\"kind\":\"";
        let mut kinds = entry.windows(KIND.len()).enumerate().filter(|(_, window)| *window == KIND);
        let is_of_note = kinds.any(|(at, _)| {
            let kind = &entry[at + KIND.len()..];
            kind.starts_with(b"day-closed\"") || kind.starts_with(b"checkpoint\"")
        });
        if !is_of_note {
            return;
        }
        match Entry::from_bytes(entry).map(|entry| entry.event) {
            Ok(Event::DayClosed { rollup, .. }) => {
                self.closed_days.insert(rollup, sequence);
            }
            Ok(Event::Checkpoint { .. }) => self.checkpoints.push(sequence),
            Ok(_) | Err(_) => {}
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.closed_days.extend(other.closed_days);
        self.checkpoints.extend(other.checkpoints);
    }

    /// Where the file `checkpoint` must reach at least. A crash may come between the newest such entry and the file.
    pub(super) fn signed_at_least(&self) -> Option<u64> {
        let mut sequences = self.checkpoints.clone();
        sequences.sort_unstable();
        sequences.iter().rev().nth(1).copied()
    }
}
