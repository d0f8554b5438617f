//! Whether there is room to record what runs would find.

use std::time::Duration;

use super::Service;
use crate::{
    domain::Timestamp,
    ledger::LedgerError,
    recorder::{Fact, RecorderError, Room},
};

/// Room that has lasted for so long is there again, for whoever was told that there is none.
const ROOM_LASTS: Duration = Duration::from_secs(3600);

impl Service {
    /// Below the floor no runs start, and their slots are recorded as missed (`disk-full`) in the room that was
    /// reserved for it. To be asked at the start and before slots are fired.
    pub(super) fn look_at_disk(&mut self) -> Result<(), LedgerError> {
        let space = self.ledger.free_space()?;
        let floor = self.catalogue.config().free_space_floor_bytes.unwrap_or_else(|| space.default_floor());
        let is_full = !space.leaves(floor);
        let needed = floor.saturating_add(space.reserve_lacks);
        if is_full && !self.firing.disk_is_full {
            let (free_mib, needed_mib) = (space.free >> 20, needed >> 20);
            tracing::error!(free_mib, needed_mib, "no runs start: less room than is needed is left on the disk");
        }
        if !is_full && self.firing.disk_is_full {
            tracing::info!(free_mib = space.free >> 20, "runs start again: there is room on the disk");
        }
        self.firing.disk_is_full = is_full;
        self.firing.room = (space.free, needed);
        if is_full { self.ledger.release_reserve() } else { self.ledger.keep_reserve() }
    }

    /// The same, for the turns of the daemon's loop: it goes on where the room is not known, and says so once. People are
    /// told that there is none, and that there is again.
    pub(super) async fn watch_disk(&mut self) -> Result<(), RecorderError> {
        let looked = self.look_at_disk();
        if let (Err(error), true) = (&looked, self.firing.disk_is_known) {
            tracing::error!(error = error as &dyn std::error::Error, "the room on the disk is not known");
        }
        self.firing.disk_is_known = looked.is_ok();
        let (free_bytes, needed_bytes) = self.firing.room;
        let room = match self.firing.room_told.news(self.firing.disk_is_full, self.clock.now()) {
            None => return Ok(()),
            Some(News::Gone) => Room::Gone { free_bytes, needed_bytes },
            Some(News::Back { since, until }) => Room::Back { since, until, free_bytes },
        };
        self.recorder.record(Fact::Room(room)).await.map(|_| ())
    }
}

/// What people were told of the room: that it went, and that it came back once that has lasted. In between they are told
/// nothing, however often a disk goes over the brink.
#[derive(Debug, Default)]
pub(super) struct RoomTold {
    gone: Option<Timestamp>,
    /// Since when there has been room again.
    back: Option<Timestamp>,
}

#[derive(Debug, PartialEq, Eq)]
enum News {
    Gone,
    Back { since: Timestamp, until: Timestamp },
}

impl RoomTold {
    /// As the ledger knows it: since when people were told that there is none.
    pub(super) const fn since(gone: Option<Timestamp>) -> Self {
        Self { gone, back: None }
    }

    fn news(&mut self, is_full: bool, now: Timestamp) -> Option<News> {
        match (self.gone, is_full) {
            (None, false) => None,
            (None, true) => {
                *self = Self { gone: Some(now), back: None };
                Some(News::Gone)
            }
            (Some(_), true) => {
                self.back = None;
                None
            }
            (Some(since), false) => {
                let until = *self.back.get_or_insert(now);
                if now.since(until) < ROOM_LASTS {
                    return None;
                }
                *self = Self::default();
                Some(News::Back { since, until })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_once_however_often_the_disk_goes_over_the_brink() {
        let minute = |minutes: u64| Timestamp::EPOCH.plus(Duration::from_secs(60 * minutes));
        let back = |since, until| Some(News::Back { since: minute(since), until: minute(until) });
        let mut told = RoomTold::default();
        let story = [
            (0, false, None),
            (5, true, Some(News::Gone)),
            (6, true, None),
            (10, false, None),
            (50, true, None),
            (60, false, None),
            (119, false, None),
            (120, false, back(5, 60)),
            (121, false, None),
            (200, true, Some(News::Gone)),
        ];
        for (at, is_full, news) in story {
            assert_eq!(told.news(is_full, minute(at)), news, "minute {at}");
        }
    }
}
