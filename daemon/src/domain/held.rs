//! Alerts that are told later, as entries have them.

use serde::{Deserialize, Serialize};

use super::{AlertCause, ControlId, Detail, Digest, ExceptionId, HoldReason, RecipientId, Severity, Timestamp};

/// An alert that some of its readers get later, together with others. What it says is written already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldAlert {
    /// Counts over the whole ledger.
    pub held: u64,
    pub cause: AlertCause,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub control: Option<ControlId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exception: Option<ExceptionId>,
    pub severity: Severity,
    /// The readers for whom it is held.
    pub recipients: Vec<RecipientId>,
    pub detail: Detail,
    pub why: HoldReason,
    pub until: Timestamp,
    /// Part: the letter, rendered but for its frame.
    pub letter: Digest,
}

impl HeldAlert {
    /// More readers are split over several entries, so that each stays under [`super::ENTRY_BYTES_MAX`].
    pub const RECIPIENTS_MAX: usize = 40;
    /// Stretches of held alerts that one mail may tell, for the same reason.
    pub const STRETCHES_MAX: usize = 20;
}
