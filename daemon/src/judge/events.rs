//! Of a check that reads events: up to where they are covered, and which of them were counted.

use serde::{Deserialize, Serialize};

use super::{ControlState, KeptEvidence};
use crate::domain::{Digest, EventInterval, RunEntry, Timestamp};

/// A report about events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedEvents {
    /// Where its interval began.
    pub from: Timestamp,
    /// Up to where it covered events.
    pub until: Timestamp,
    /// Part: the record of the run, with the report.
    pub record: Digest,
}

impl ControlState {
    /// Events that the last two reports named were counted.
    const REPORTED: usize = 2;
    /// Reports that do not even come to where the ones before have been take nothing away from what those are known for,
    /// up to so many.
    const REPORTED_MAX: usize = 8;

    /// A report about events moves what is covered; the plugin's own state moves with it, or neither does.
    pub(super) fn covered(&mut self, run: &RunEntry) {
        let before = self.covered_until;
        self.covered_until = before.max(run.covered_until);
        let (Some(EventInterval { from, .. }), Some(covered), Some(KeptEvidence { part, .. })) =
            (run.interval, run.covered_until, self.evidence)
        else {
            return;
        };
        self.reported.push(ReportedEvents { from, until: covered, record: part });
        let kept = if Some(covered) >= before { Self::REPORTED } else { Self::REPORTED_MAX };
        self.reported.drain(..self.reported.len().saturating_sub(kept));
    }

    /// Of events from here on up to what is covered it is known which were counted: one of the newest reports saw them.
    pub fn events_known_from(&self) -> Option<Timestamp> {
        let mut known = self.covered_until?;
        // Backwards from the end, as far as one report joins the next.
        while let Some(earlier) =
            self.reported.iter().filter(|one| one.until >= known && one.from < known).map(|one| one.from).min()
        {
            known = earlier;
        }
        Some(known)
    }

    /// The clock was set back to `at`: what was covered after it had not happened yet.
    pub fn clock_went_back(&mut self, at: Timestamp) -> bool {
        let ahead = self.covered_until.is_some_and(|covered| covered > at);
        if ahead {
            self.revision += 1;
            self.covered_until = Some(at);
        }
        ahead
    }
}
