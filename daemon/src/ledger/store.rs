use std::{ops::Range, sync::RwLockReadGuard};

use serde::{Deserialize, Serialize};

use super::{Fold, LedgerError, Part, merkle::Hash};
use crate::domain::{ControlId, Digest, Entry};

/// A log of entries with their evidence and the state that is folded from them.
///
/// Implemented by [`super::Ledger`], which is embedded; every implementation passes the conformance suite of this
/// room's tests.
pub trait Store<F: Fold>: Send + Sync {
    /// Appends the batch, all of it or nothing. It is durable when this returns, and folded into [`Store::state`].
    fn commit(&self, batch: Batch) -> Result<Receipt, LedgerError>;

    /// The head that holds what the receipt stands for; `None` while it has no numbers yet.
    fn sequenced(&self, receipt: &Receipt) -> Option<Head>;

    fn head(&self) -> Head;

    /// Exact bytes with their sequence, in order; ends at the head of the moment of the call.
    fn entries(&self, range: Range<u64>) -> Entries<'_>;

    /// The content of a part, without its salt. `None`: it was erased, or never was.
    fn part(&self, digest: &Digest) -> Result<Option<Vec<u8>>, LedgerError>;

    /// The state of the moment. Hold it briefly: a commit waits for it after its fdatasync.
    fn state(&self) -> StateGuard<'_, F>;

    /// RFC 6962 audit path of entry `sequence` in the tree of the first `size` entries.
    fn inclusion_proof(&self, sequence: u64, size: u64) -> Result<Vec<Hash>, LedgerError>;

    /// RFC 6962 proof that the tree of `older` entries is a prefix of that of `newer`.
    fn consistency_proof(&self, older: u64, newer: u64) -> Result<Vec<Hash>, LedgerError>;
}

/// Entries in order: `(sequence, exact bytes)`.
pub type Entries<'a> = Box<dyn Iterator<Item = Result<(u64, Vec<u8>), LedgerError>> + Send + 'a>;

/// The folded state, for reading.
pub type StateGuard<'a, F> = RwLockReadGuard<'a, F>;

/// What becomes durable together.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// At least one.
    pub entries: Vec<Entry>,
    /// What the entries name by digest.
    pub parts: Vec<Part>,
    /// The versions that the batch was judged on; if one has moved on, the batch is refused.
    pub expect: Vec<(ControlId, u64)>,
}

/// Proof of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Sequence of the batch's first entry.
    pub first: u64,
    /// How many entries it has.
    pub count: u64,
    /// The head right after it.
    pub head: Head,
}

/// How far the log reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How many entries there are.
    pub size: u64,
    /// Merkle tree hash of all of them (RFC 6962, section 2.1).
    pub root: Hash,
}
