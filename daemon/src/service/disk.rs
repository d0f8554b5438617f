//! Whether there is room to record what runs would find.

use super::Service;
use crate::ledger::LedgerError;

impl Service {
    /// Below the floor no runs start, and their slots are recorded as missed (`disk-full`) in the room that was
    /// reserved for it. To be asked at the start and every now and then.
    pub(super) fn look_at_disk(&mut self) -> Result<(), LedgerError> {
        let space = self.ledger.free_space()?;
        let floor = self.catalogue.config().free_space_floor_bytes.unwrap_or_else(|| space.default_floor());
        // What the reserve gives back is room to record in, not room to run in: it is needed once more to end.
        let floor = if self.firing.disk_is_full { floor.saturating_add(crate::ledger::RESERVE_BYTES) } else { floor };
        let is_full = space.free < floor;
        if is_full && !self.firing.disk_is_full {
            let (free_mib, floor_mib) = (space.free >> 20, floor >> 20);
            tracing::error!(free_mib, floor_mib, "no runs start: less room than the floor is left on the disk");
        }
        self.firing.disk_is_full = is_full;
        if is_full { self.ledger.release_reserve() } else { self.ledger.keep_reserve() }
    }
}
