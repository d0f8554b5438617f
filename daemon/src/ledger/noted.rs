//! What entries say of files beside them: the parts that they name, those that were erased, the closed days of rollups,
//! and that checkpoints were signed.

use std::{collections::HashMap, sync::LazyLock};

use memchr::memmem::Finder;

use crate::domain::{Digest, Entry, Event};

/// Gathered while every entry is read.
#[derive(Default)]
pub(super) struct Noted {
    /// Rollups that entries name, with the entry.
    pub(super) closed_days: HashMap<Digest, u64>,
    /// Entries that say that a checkpoint was signed behind them.
    checkpoints: Vec<u64>,
    /// Parts that entries name and that were not found yet, with the first such entry.
    pub(super) named: HashMap<Digest, u64>,
    /// Parts that were found without their content, with an entry that names them, where one is known.
    pub(super) gone: HashMap<Digest, Option<u64>>,
    /// Parts of which entries say that they were erased, with the entry.
    pub(super) erased: HashMap<Digest, u64>,
}

impl Noted {
    /// Parsing every entry would take most of the time.
    pub(super) fn look_at(&mut self, sequence: u64, entry: &[u8]) {
        match kind(entry) {
            Some(b"run") => {
                for part in parts_of_run(entry) {
                    self.name(part, sequence);
                }
            }
            // They name nothing.
            Some(b"missed" | b"delivered") => {}
            Some(_) | None => self.parse(sequence, entry),
        }
    }

    fn parse(&mut self, sequence: u64, entry: &[u8]) {
        // Folding again names entries that cannot be read.
        let Ok(Entry { event, .. }) = Entry::from_bytes(entry) else { return };
        for part in event.parts() {
            self.name(part, sequence);
        }
        match event {
            Event::DayClosed { rollup, .. } => {
                self.closed_days.insert(rollup, sequence);
            }
            Event::Checkpoint { .. } => self.checkpoints.push(sequence),
            Event::Erased { part, .. } => {
                self.erased.insert(part, sequence);
            }
            _ => {}
        }
    }

    fn name(&mut self, part: Digest, sequence: u64) {
        let first = self.named.entry(part).or_insert(sequence);
        *first = sequence.min(*first);
    }

    /// A part was found with its content.
    pub(super) fn hold(&mut self, part: &Digest) {
        self.named.remove(part);
    }

    /// A part was found without it.
    pub(super) fn miss_content(&mut self, part: Digest) {
        let named = self.named.remove(&part);
        let entry = self.gone.entry(part).or_default();
        *entry = entry.or(named);
    }

    pub(super) fn add(&mut self, other: Self) {
        self.closed_days.extend(other.closed_days);
        self.checkpoints.extend(other.checkpoints);
        self.erased.extend(other.erased);
        for (part, sequence) in other.named {
            self.name(part, sequence);
        }
        for (part, named) in other.gone {
            let entry = self.gone.entry(part).or_default();
            *entry = entry.or(named);
        }
    }

    /// Where the file `checkpoint` must reach at least. A crash may come between the newest such entry and the file.
    pub(super) fn signed_at_least(&self) -> Option<u64> {
        let mut sequences = self.checkpoints.clone();
        sequences.sort_unstable();
        sequences.iter().rev().nth(1).copied()
    }
}

/// The word behind the first `kind`, which is that of a run, whatever else is in it: entries are canonical, no other
/// member of a run is called so, and a quotation mark inside of a text has a stroke before it.
fn kind(entry: &[u8]) -> Option<&[u8]> {
    let word = behind(&KIND, entry)?;
    Some(&word[..memchr::memchr(b'"', word)?])
}

/// What [`Event::parts`] gives of a run.
fn parts_of_run(entry: &[u8]) -> impl Iterator<Item = Digest> {
    let digest = |finder: &Finder<'_>| {
        let text = behind(finder, entry)?.get(..DIGEST_CHARS)?;
        std::str::from_utf8(text).ok()?.parse().ok()
    };
    [digest(&EVIDENCE), digest(&PLUGIN_STATE)].into_iter().flatten()
}

fn behind<'e>(finder: &Finder<'_>, entry: &'e [u8]) -> Option<&'e [u8]> {
    finder.find(entry).map(|at| &entry[at + finder.needle().len()..])
}

static KIND: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\"kind\":\""));
static EVIDENCE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\"evidence\":{\"part\":\""));
static PLUGIN_STATE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\"plugin_state\":\""));

/// `sha256:` and the digits.
const DIGEST_CHARS: usize = 7 + 64;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_look_at_the_bytes_of_an_entry_finds_what_parsing_it_does() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/entries-v1.jsonl");
        let lines = std::fs::read_to_string(path).unwrap();
        let mut with_parts = 0;
        for line in lines.lines() {
            let mut noted = Noted::default();
            noted.look_at(7, line.as_bytes());
            let event = Entry::from_bytes(line.as_bytes()).unwrap().event;
            let parts: BTreeSet<Digest> = event.parts().collect();
            assert_eq!(noted.named.keys().copied().collect::<BTreeSet<_>>(), parts, "{line}");
            with_parts += usize::from(!parts.is_empty());
            // What else begins like a part is the name of something that is no part.
            let others = ["definition", "plugin", "root", "rollup", "in_use", "found", "locked"];
            let named = others.iter().filter(|key| line.contains(&format!("\"{key}\":\"sha256:"))).count();
            let erased = usize::from(matches!(event, Event::Erased { .. }));
            assert_eq!(noted.erased.len(), erased);
            assert_eq!(line.matches("\"sha256:").count(), parts.len() + named + erased, "{line}");
        }
        assert!(with_parts > 50);
    }
}
