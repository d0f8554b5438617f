//! What a verification has found so far.

use std::collections::{HashMap, HashSet};

use super::{LedgerError, embedded::with_sources, error::Damage, noted::Noted};
use crate::domain::Digest;

#[derive(Default)]
pub(super) struct Findings {
    pub(super) faults: Vec<String>,
    pub(super) first_wrong: Option<u64>,
    pub(super) segments: u64,
    pub(super) parts: u64,
    pub(super) erased: u64,
    pub(super) unreferenced: u64,
    pub(super) rollups: u64,
    /// What entries say of files beside them.
    pub(super) noted: Noted,
    /// Parts that lie in files of their own.
    pub(super) files: HashMap<Digest, ()>,
    /// Packs of which not all segments could be read: nobody can say which parts they hold.
    pub(super) unread: HashSet<u64>,
}

impl Findings {
    pub(super) fn fault(&mut self, fault: String) {
        // A disk that has died would fill the memory; the first hundred say enough.
        if self.faults.len() < 100 {
            self.faults.push(fault);
        }
    }

    /// A part is there with its content: no entry may say that it was erased.
    pub(super) fn still_there(&mut self, part: &Digest, place: impl FnOnce() -> String) {
        if let Some(entry) = self.noted.erased.get(part) {
            let fault = format!("entry {entry} says that part {part} was erased, and it is still in {}", place());
            self.fault(fault);
        }
    }

    /// Damage is an answer; anything else stops.
    pub(super) fn take<T>(&mut self, result: Result<T, LedgerError>) -> Result<Option<T>, LedgerError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_damage() => {
                if let LedgerError::Damaged(Damage { entry: Some(entry), .. }) = &error {
                    self.first_wrong = Some(self.first_wrong.map_or(*entry, |known| known.min(*entry)));
                }
                self.fault(with_sources(&error));
                Ok(None)
            }
            Err(LedgerError::Io { source, path, what }) if source.kind() == std::io::ErrorKind::NotFound => {
                self.fault(format!("cannot {what} `{}`: the file is missing", path.display()));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
