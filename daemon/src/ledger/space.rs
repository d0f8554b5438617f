//! The room that is left on the disk, and the reserve that is kept for recording that there is none.

use std::{fs, path::Path};

use super::{Fold, Ledger, LedgerError, folder::RESERVE};

/// What the file system of the ledger says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that this user may still write.
    pub free: u64,
    pub total: u64,
    /// Bytes that the reserve would take, if it is not there.
    pub reserve_lacks: u64,
}

impl Space {
    /// Of the file system that a state folder lies on.
    pub fn of(state: &Path) -> Result<Self, LedgerError> {
        let found = rustix::fs::statvfs(state).map_err(|error| LedgerError::io("look at", state)(error.into()))?;
        Ok(Self {
            free: found.f_bavail * found.f_frsize,
            total: found.f_blocks * found.f_frsize,
            reserve_lacks: if holds_reserve(&state.join(RESERVE)) { 0 } else { RESERVE_BYTES },
        })
    }

    /// Below this no runs start: 2 % of the disk, at least 256 MiB and at most 4 GiB.
    pub fn default_floor(&self) -> u64 {
        (self.total / 50).clamp(256 << 20, 4 << 30)
    }

    /// Whether this floor and the reserve are free. A reserve that was given away must fit again first: else what it
    /// gave would count as room for runs, which fill it, and nothing would be left to record with.
    pub const fn leaves(&self, floor: u64) -> bool {
        self.free >= floor.saturating_add(self.reserve_lacks)
    }
}

/// What the files of a ledger take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub journal: u64,
    pub packs: u64,
    pub evidence: u64,
    pub parts: u64,
    pub rollups: u64,
    pub view: u64,
}

impl Usage {
    pub const fn total(&self) -> u64 {
        self.journal + self.packs + self.evidence + self.parts + self.rollups + self.view
    }
}

impl<F: Fold> Ledger<F> {
    pub fn free_space(&self) -> Result<Space, LedgerError> {
        Space::of(&self.core.layout.root)
    }

    /// Bytes on disk, by kind. Walks the folders.
    pub fn usage(&self) -> Result<Usage, LedgerError> {
        let layout = &self.core.layout;
        Ok(Usage {
            journal: size_of(&layout.journal())?,
            packs: size_of(&layout.packs())?,
            evidence: size_of(&layout.evidence())?,
            parts: size_of(&layout.parts())?,
            rollups: size_of(&layout.rollups())?,
            view: size_of(&layout.view())?,
        })
    }

    /// Makes sure that the reserve is there: room that [`Ledger::release_reserve`] gives back.
    pub fn keep_reserve(&self) -> Result<(), LedgerError> {
        let path = self.core.layout.reserve();
        if holds_reserve(&path) {
            return Ok(());
        }
        let make = || {
            let file = fs::File::create(&path)?;
            let allocated = rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, RESERVE_BYTES);
            if allocated.is_err() {
                // A file system that cannot reserve gets bytes.
                let zeros = vec![0; 1 << 20];
                for _ in 0..RESERVE_BYTES >> 20 {
                    std::io::Write::write_all(&mut &file, &zeros)?;
                }
            }
            file.sync_all()
        };
        make().map_err(|error| {
            // Half a reserve only takes room from the entries.
            drop(fs::remove_file(&path));
            LedgerError::io("reserve room in", &path)(error)
        })
    }

    /// Gives the reserved room to whoever must record that the disk is full. Fine if it was given already.
    pub fn release_reserve(&self) -> Result<(), LedgerError> {
        let path = self.core.layout.reserve();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LedgerError::io("remove", &path)(error)),
            _ => Ok(()),
        }
    }
}

fn holds_reserve(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.len() == RESERVE_BYTES)
}

fn size_of(dir: &Path) -> Result<u64, LedgerError> {
    let walk = || {
        let mut bytes = 0;
        let mut dirs = vec![dir.to_owned()];
        while let Some(dir) = dirs.pop() {
            let entries = match fs::read_dir(&dir) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                match entry.metadata() {
                    Ok(found) if found.is_dir() => dirs.push(entry.path()),
                    Ok(found) => bytes += found.len(),
                    // Sealed and removed while we walk.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(bytes)
    };
    walk().map_err(LedgerError::io("measure", dir))
}

const RESERVE_BYTES: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_two_percent_within_bounds() {
        let floor = |total| Space { free: 0, total, reserve_lacks: 0 }.default_floor();
        assert_eq!(floor(1 << 30), 256 << 20);
        assert_eq!(floor(50 << 30), 1 << 30);
        assert_eq!(floor(1 << 50), 4 << 30);
    }

    /// Giving the reserve away made room above the floor, so runs started, which took it; by turns of some seconds,
    /// until nothing was left to record a missed slot in.
    #[test]
    fn the_room_of_a_reserve_that_was_given_away_is_no_room_for_runs() {
        let floor = 256 << 20;
        let space = |free_mib: u64, reserve_lacks| Space { free: free_mib << 20, total: 1 << 30, reserve_lacks };
        assert!(space(256, 0).leaves(floor));
        assert!(!space(255, 0).leaves(floor));
        let given = space(255 + 64, RESERVE_BYTES);
        assert!(!given.leaves(floor), "what it gave is still for recording");
        assert!(space(256 + 64, RESERVE_BYTES).leaves(floor), "it fits again");
        assert!(!space(1 << 20, 0).leaves(u64::MAX));
    }
}
