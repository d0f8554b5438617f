//! Whether there is room to record what runs would find.

use super::Service;
use crate::ledger::LedgerError;

impl Service {
    /// Below the floor no runs start, and their slots are recorded as missed (`disk-full`) in the room that was
    /// reserved for it. To be asked at the start and before slots are fired.
    pub(super) fn look_at_disk(&mut self) -> Result<(), LedgerError> {
        let space = self.ledger.free_space()?;
        let floor = self.catalogue.config().free_space_floor_bytes.unwrap_or_else(|| space.default_floor());
        let is_full = !space.leaves(floor);
        if is_full && !self.firing.disk_is_full {
            let (free_mib, needed_mib) = (space.free >> 20, floor.saturating_add(space.reserve_lacks) >> 20);
            tracing::error!(free_mib, needed_mib, "no runs start: less room than is needed is left on the disk");
        }
        if !is_full && self.firing.disk_is_full {
            tracing::info!(free_mib = space.free >> 20, "runs start again: there is room on the disk");
        }
        self.firing.disk_is_full = is_full;
        if is_full { self.ledger.release_reserve() } else { self.ledger.keep_reserve() }
    }

    /// The same, for the turns of the daemon's loop: it goes on where the room is not known, and says so once.
    pub(super) fn watch_disk(&mut self) {
        let looked = self.look_at_disk();
        if let (Err(error), true) = (&looked, self.firing.disk_is_known) {
            tracing::error!(error = error as &dyn std::error::Error, "the room on the disk is not known");
        }
        self.firing.disk_is_known = looked.is_ok();
    }
}
