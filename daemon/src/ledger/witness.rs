//! Signed checkpoints: who signed them, and whether one that somebody kept outside agrees with this ledger.

use serde::{Deserialize, Serialize};

use super::{Fold, Head, Ledger, LedgerError, NoteKey, NoteVerifier, embedded::Core};
use crate::domain::{Entry, Event};

/// How a checkpoint that somebody kept outside stands to this ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Witness {
    /// The first entries are those that it was signed over.
    Agrees(Head),
    /// It is signed, and the first entries are others: what it was signed over was changed.
    Contradicts(Head),
    /// It is signed over more entries than there are: some were taken away.
    Ahead(Head),
    /// No checkpoint that this ledger's key has signed is in the text.
    NotOurs,
}

impl<F: Fold> Ledger<F> {
    /// The head that a note of this ledger states; `None` if it is not signed by its key.
    pub fn signed_head(&self, note: &str) -> Option<Head> {
        self.core.named_verifier().ok()??.open_checkpoint(note)
    }

    /// Compares with a signed checkpoint that stands somewhere in `text`, such as the body of a mail.
    pub fn verify_witness(&self, text: &str) -> Result<Witness, LedgerError> {
        let Some(verifier) = self.core.named_verifier()? else { return Ok(Witness::NotOurs) };
        let Some(stated) = verifier.find_checkpoint(text) else { return Ok(Witness::NotOurs) };
        match self.core.root_at(stated.size) {
            Ok(root) if root == stated.root => Ok(Witness::Agrees(stated)),
            Ok(_) => Ok(Witness::Contradicts(stated)),
            Err(LedgerError::OutOfRange { .. }) => Ok(Witness::Ahead(stated)),
            Err(error) => Err(error),
        }
    }
}

impl<F: Fold> Core<F> {
    /// Whoever vouches for checkpoints of this ledger.
    pub(super) fn named_verifier(&self) -> Result<Option<NoteVerifier>, LedgerError> {
        Ok(self.verifier()?.or_else(|| self.key.as_ref().map(NoteKey::verifier)))
    }

    /// The key that the first entry names.
    pub(super) fn verifier(&self) -> Result<Option<NoteVerifier>, LedgerError> {
        if self.index().head().size == 0 {
            return Ok(None);
        }
        let first = self.entries_from(0)?.pop_front();
        let opened = first.and_then(|bytes| Entry::from_bytes(&bytes).ok());
        Ok(match opened.map(|entry| entry.event) {
            Some(Event::LedgerOpened { origin, key }) => {
                let key = hex::decode(key).ok().and_then(|key| key.try_into().ok());
                key.and_then(|key| NoteVerifier::new(&origin, &key))
            }
            _ => None,
        })
    }
}
