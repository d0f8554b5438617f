//! The counts of closed days: small immutable files, whose digests stand in entries.

use std::path::PathBuf;

use super::{
    Access, Fold, Ledger, LedgerError,
    disk::{OpenMode, create_dir_durably, read_if_there, write_atomically},
};
use crate::domain::{Digest, LocalDay};

impl<F: Fold> Ledger<F> {
    /// Makes the rollup of a day durable, before the entry that names its digest is committed. A crash in between
    /// leaves a file without an entry, which the next attempt replaces.
    pub fn write_rollup(&self, zone: &str, day: LocalDay, bytes: &[u8]) -> Result<Digest, LedgerError> {
        if self.core.options.access == Access::ReadOnly {
            return Err(LedgerError::ReadOnly);
        }
        let digest = Digest::of(bytes);
        let path = self.rollup_path(zone, day, &digest)?;
        let disk = &*self.core.layout.disk;
        create_dir_durably(disk, &self.core.layout.root, path.parent().expect("it has a folder"))?;
        write_atomically(disk, &path, OpenMode::Create, bytes)?;
        Ok(digest)
    }

    /// The bytes that were written; `None`, if the day was never closed in that zone with this digest.
    pub fn rollup(&self, zone: &str, day: LocalDay, digest: &Digest) -> Result<Option<Vec<u8>>, LedgerError> {
        read_if_there(&*self.core.layout.disk, &self.rollup_path(zone, day, digest)?)
    }

    /// A day that is closed again, with what came in late, gets a second file: the first one stays what it was.
    fn rollup_path(&self, zone: &str, day: LocalDay, digest: &Digest) -> Result<PathBuf, LedgerError> {
        // Names of time zones: letters, digits, `_`, `-`, `+`, and `/` between words.
        let is_word =
            |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-+".contains(&b));
        if !zone.split('/').all(is_word) {
            return Err(LedgerError::RollupName { text: zone.to_owned() });
        }
        Ok(self.core.layout.rollups().join(zone.replace('/', "=")).join(format!("{day}.{}", &digest.to_hex()[..16])))
    }
}
