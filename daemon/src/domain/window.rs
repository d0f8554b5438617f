use serde::{Deserialize, Serialize};

use super::{ControlId, LocalDay, WindowId};

/// The period under examination. Windows of several audits may overlap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub id: WindowId,
    /// Both days are inclusive.
    pub start: LocalDay,
    pub end: LocalDay,
    /// IANA name.
    pub timezone: String,
    /// `None`: every control.
    pub controls: Option<Vec<ControlId>>,
}
