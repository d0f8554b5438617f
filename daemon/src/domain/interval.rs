//! Which events a run of a check is asked about.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// Events with `from` <= time < `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventInterval {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// How the time that events come from is handed out to the runs of a check that reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntervalRules {
    /// Events arrive this late: no run is asked about younger ones.
    pub lag: Duration,
    /// How far back the first run of a control looks, if its window does not begin later.
    pub lookback: Duration,
    /// No interval is longer: what is left over is asked about in further runs.
    pub max_interval: Duration,
    /// So much of what is covered is asked about again, for what arrived later still.
    pub overlap: Duration,
}

impl Default for IntervalRules {
    fn default() -> Self {
        let day = Duration::from_secs(86_400);
        Self { lag: Duration::from_secs(300), lookback: day, max_interval: day, overlap: Duration::ZERO }
    }
}

impl IntervalRules {
    /// What is written in no configuration is in no definition: these values stand for it for ever.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
