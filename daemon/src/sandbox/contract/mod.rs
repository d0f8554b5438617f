//! The published versions of the contract, one file each; inside the room only the plain types of
//! `evidenced-contract` are spoken.

pub(super) mod v1;

/// Versions of `evidenced:check/checker` that this host runs; of several that a plugin exports the last in this list
/// is taken.
pub(super) const CHECKERS: &[&str] = &["evidenced:check/checker@1.0.0"];

/// The newest version, as people write it.
pub(super) const KNOWN: &str = "1.0.0";
