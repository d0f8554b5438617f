//! The lines of answers about what is proven: verification, and runs that were performed again. Their shapes are
//! promised to scripts.

use serde::{Deserialize, Serialize};

use crate::{domain::Digest, ledger::Witness, summary::report::HeldCheckpoint};

/// What `evidenced verify` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// `None`: what is damaged kept the ledger from being opened.
    pub ledger: Option<VerifiedLedger>,
    /// The first entry that is not as it was written, where that is known.
    pub first_wrong: Option<u64>,
    /// Empty, if all is well.
    pub faults: Vec<String>,
    /// How the checkpoint that somebody kept stands to the ledger; `None`, if it was not asked for.
    pub witness: Option<Witness>,
    /// Checkpoints that others have got by mail, the one that covers most first.
    pub held: Vec<HeldCheckpoint>,
}

/// What a ledger holds that was recomputed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedLedger {
    pub entries: u64,
    pub root: Digest,
    pub packs: u64,
    pub parts: u64,
    pub erased: u64,
    pub rollups: u64,
    /// Entries that the newest signed checkpoint covers.
    pub checkpoint_size: Option<u64>,
}

/// How one run came out when it was performed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayedRun {
    pub run: u64,
    pub replay: ReplayWord,
    /// `None`: identical.
    pub why: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayWord {
    Identical,
    Different,
    /// It was ended by time or by the host, or its transcript was not kept.
    NotReperformable,
    /// The replay asked what the transcript does not answer.
    CannotTell,
    /// It could not be performed again.
    Failed,
}

impl ReplayWord {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Different => "different",
            Self::NotReperformable => "not-reperformable",
            Self::CannotTell => "cannot-tell",
            Self::Failed => "failed",
        }
    }
}

/// How many runs came out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayTally {
    pub runs: u64,
    pub identical: u64,
    pub different: u64,
    pub not_reperformable: u64,
    pub cannot_tell: u64,
    pub failed: u64,
}
