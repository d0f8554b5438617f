//! The append-only log of everything that happened, its evidence, and the view that is folded from it.
//!
//! In: batches of entries and parts. Out: receipts once they are durable; entries, parts, proofs, the folded state.
//! Only this room knows sled.
//! Must not know: what an entry means.
//!
//! FORMAT.md, beside this file, describes every byte on disk. A commit is one frame in the *journal*, one
//! fdatasync, and then folded; what is in the journal is sealed later into *packs* (entries) and *segments* (parts).

mod error;
mod fold;
mod options;
mod part;
mod store;

mod merkle;
mod note;
mod wire;

mod disk;
mod folder;
mod frame;
mod index;
mod journal;

mod pack;
mod sealed;
mod segment;
mod slot_columns;
mod slots;
mod snapshot;
mod view;

mod embedded;
mod opening;
mod read;
mod rollup;
mod seal;
mod slot_index;
mod space;

mod backup;
mod erase;

mod findings;
mod named;
mod noted;
mod refold;
mod verify;
mod witness;

#[cfg(test)]
mod tests;

pub use disk::{Disk, DiskFile, OpenMode, RealDisk};
pub use embedded::Ledger;
pub use erase::StoredParts;
pub use error::{Damage, LedgerError};
pub use fold::{Fold, Row};
pub use folder::network_file_system;
pub use merkle::{Hash, includes, is_consistent, leaf_hash};
pub use note::{NoteKey, NoteVerifier};
pub use options::{Access, Background, NetworkFileSystem, OpeningStep, Options, Progressing, ViewPlace};
pub use part::{EvidenceClass, Part};
pub use read::EntryCursor;
pub use slot_index::{SlotOrder, SlotReader};
pub use space::{Space, Usage};
pub use store::{Batch, Entries, Head, Receipt, StateGuard, Store};
pub use verify::{Depth, Progress, Verification};
pub use witness::Witness;
