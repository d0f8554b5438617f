//! When the wall clock is not believed.
//!
//! Wall time and boot time part by more than 30 s; or at start the wall clock is before the newest entry of the
//! ledger, or more than 7 days after it while the kernel says that it is not synchronised. The doubt ends when the
//! clock has been synchronised for 5 minutes, or when a person accepts it.

use std::time::Duration;

use crate::domain::{ClockDoubt, ClockState, Timestamp};

/// All clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    pub wall: Timestamp,
    /// Time since boot, sleep included.
    pub boot: Duration,
    pub kernel: ClockState,
}

/// What an observation brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoubtChange {
    Began(ClockDoubt),
    /// From now on the wall clock is believed again. Slots between the two times are missed (`clock`).
    Ended {
        /// What everything went by until now.
        before: Timestamp,
        after: Timestamp,
    },
}

/// Wall and boot time may part by this much (steps of a time server after boot, leap seconds).
const PARTING_MAX: Duration = Duration::from_secs(30);
/// A daemon that was off for longer than this asks the kernel whether to believe the wall clock.
const UNSYNCHRONISED_GAP_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The wall clock is believed again when it has been synchronised for so long.
const SYNCHRONISED_FOR: Duration = Duration::from_secs(5 * 60);

/// Compares the clocks over time. Pure: it is given the readings.
#[derive(Debug, Clone)]
pub struct Watch {
    /// A time that was believed, and the time since boot at which it was.
    anchor: (Timestamp, Duration),
    doubt: Option<ClockDoubt>,
    /// Since when, in boot time, the kernel has called the clock synchronised without a break.
    synchronised_since: Option<Duration>,
}

impl Watch {
    /// The rule at start. `newest_entry`: when the newest entry of the ledger was decided; `was_in_doubt`: a doubt that
    /// the ledger knows of has not ended. In doubt, time goes on from the newest entry: what the wall clock says lies
    /// between the two may never have been.
    pub fn start(reading: Reading, newest_entry: Option<Timestamp>, was_in_doubt: bool) -> Self {
        let wall = reading.wall;
        let doubt = newest_entry.and_then(|newest| {
            let ahead = wall.since(newest);
            if wall < newest {
                Some(ClockDoubt::BehindLedger { by_s: newest.since(wall).as_secs() })
            } else if was_in_doubt {
                Some(ClockDoubt::Unsettled)
            } else if reading.kernel == ClockState::Unsynchronised && ahead > UNSYNCHRONISED_GAP_MAX {
                Some(ClockDoubt::FarAhead { by_s: ahead.as_secs() })
            } else {
                None
            }
        });
        let time = newest_entry.filter(|_| doubt.is_some()).unwrap_or(wall);
        Self { anchor: (time, reading.boot), doubt, synchronised_since: synchronised(reading, None) }
    }

    /// The rule while it runs.
    pub fn observe(&mut self, reading: Reading) -> Option<DoubtChange> {
        self.synchronised_since = synchronised(reading, self.synchronised_since);
        if self.doubt.is_none() {
            let doubt = self.parting(reading.wall, reading.boot)?;
            self.doubt = Some(doubt);
            // What was synchronised before the clock jumped says nothing about where it jumped to.
            self.synchronised_since = synchronised(reading, None);
            return Some(DoubtChange::Began(doubt));
        }
        let since = self.synchronised_since?;
        if reading.boot.saturating_sub(since) >= SYNCHRONISED_FOR { self.accept(reading) } else { None }
    }

    /// Believes the wall clock. `None` if it was believed.
    pub fn accept(&mut self, reading: Reading) -> Option<DoubtChange> {
        self.doubt?;
        let before = self.now(reading.wall, reading.boot);
        self.anchor = (reading.wall, reading.boot);
        self.doubt = None;
        Some(DoubtChange::Ended { before, after: reading.wall })
    }

    pub const fn doubt(&self) -> Option<ClockDoubt> {
        self.doubt
    }

    /// The time to go by: the wall clock, or boot time from the anchor if the wall clock is in doubt or would be
    /// after the next observation.
    pub fn now(&self, wall: Timestamp, boot: Duration) -> Timestamp {
        if self.doubt.is_some() || self.parting(wall, boot).is_some() { self.by_boot(boot) } else { wall }
    }

    fn by_boot(&self, boot: Duration) -> Timestamp {
        let (time, at) = self.anchor;
        time.plus(boot.saturating_sub(at))
    }

    fn parting(&self, wall: Timestamp, boot: Duration) -> Option<ClockDoubt> {
        let expected = self.by_boot(boot);
        let forward = wall.since(expected);
        let back = expected.since(wall);
        if forward > PARTING_MAX {
            Some(ClockDoubt::JumpedForward { by_s: forward.as_secs() })
        } else if back > PARTING_MAX {
            Some(ClockDoubt::JumpedBack { by_s: back.as_secs() })
        } else {
            None
        }
    }
}

fn synchronised(reading: Reading, since: Option<Duration>) -> Option<Duration> {
    match reading.kernel {
        ClockState::Synchronised | ClockState::Virtual => since.or(Some(reading.boot)),
        ClockState::Unsynchronised => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ClockState::{Synchronised, Unsynchronised};

    const START: i64 = 1_780_000_000;

    /// `wall` in seconds from a fixed start, `boot` in seconds.
    fn reading(wall: i64, boot: u64, kernel: ClockState) -> Reading {
        Reading { wall: time(wall), boot: Duration::from_secs(boot), kernel }
    }

    fn time(seconds: i64) -> Timestamp {
        Timestamp::from_millis((START + seconds) * 1000)
    }

    #[test]
    fn a_start_after_the_newest_entry_is_believed() {
        for (newest, kernel) in [
            (None, Unsynchronised),
            (Some(0), Unsynchronised),
            (Some(-600_000), Unsynchronised),
            (Some(-6_000_000), Synchronised),
        ] {
            let watch = Watch::start(reading(0, 10, kernel), newest.map(time), false);
            assert_eq!(watch.doubt(), None, "{newest:?} {kernel:?}");
            assert_eq!(watch.now(time(5), Duration::from_secs(15)), time(5));
        }
    }

    #[test]
    fn a_start_before_the_newest_entry_goes_on_from_that_entry() {
        let watch = Watch::start(reading(-90, 10, Synchronised), Some(time(0)), false);
        assert_eq!(watch.doubt(), Some(ClockDoubt::BehindLedger { by_s: 90 }));
        assert_eq!(watch.now(time(-85), Duration::from_secs(15)), time(5));
    }

    #[test]
    fn a_start_long_after_the_newest_entry_is_doubted_if_the_kernel_doubts_it() {
        let week = 7 * 86_400;
        let start = |wall| Watch::start(reading(wall, 10, Unsynchronised), Some(time(0)), false);
        assert_eq!(start(week).doubt(), None);
        let watch = start(week + 1);
        assert_eq!(watch.doubt(), Some(ClockDoubt::FarAhead { by_s: week as u64 + 1 }));
        assert_eq!(watch.now(time(week + 6), Duration::from_secs(15)), time(5), "from the newest entry on");
    }

    #[test]
    fn a_restart_settles_no_doubt() {
        let mut watch = Watch::start(reading(3600, 10, Synchronised), Some(time(0)), true);
        assert_eq!(watch.doubt(), Some(ClockDoubt::Unsettled));
        assert_eq!(watch.observe(reading(3605, 15, Synchronised)), None);
        assert_eq!(watch.now(time(3605), Duration::from_secs(15)), time(5));
        let ended = watch.observe(reading(3900, 310, Synchronised));
        assert_eq!(ended, Some(DoubtChange::Ended { before: time(300), after: time(3900) }));
    }

    #[test]
    fn clocks_that_part_by_more_than_30_seconds_are_in_doubt_and_boot_time_goes_on() {
        let mut watch = Watch::start(reading(0, 10, Synchronised), None, false);
        assert_eq!(watch.observe(reading(90, 70, Synchronised)), None);
        assert_eq!(watch.observe(reading(30, 70, Synchronised)), None);
        let jump = reading(3600, 70, Synchronised);
        assert_eq!(watch.now(jump.wall, jump.boot), time(60), "already before it is observed");
        let doubt = ClockDoubt::JumpedForward { by_s: 3540 };
        assert_eq!(watch.observe(jump), Some(DoubtChange::Began(doubt)));
        assert_eq!(watch.observe(reading(3610, 80, Synchronised)), None);
        assert_eq!(watch.now(time(3610), Duration::from_secs(80)), time(70));

        let mut back = Watch::start(reading(0, 10, Synchronised), None, false);
        let doubt = ClockDoubt::JumpedBack { by_s: 31 };
        assert_eq!(back.observe(reading(29, 70, Synchronised)), Some(DoubtChange::Began(doubt)));
    }

    #[test]
    fn doubt_ends_after_five_minutes_of_unbroken_synchronisation() {
        let mut watch = Watch::start(reading(0, 0, Synchronised), None, false);
        watch.observe(reading(1000, 100, Synchronised));
        assert_eq!(watch.observe(reading(1200, 300, Synchronised)), None);
        assert_eq!(watch.observe(reading(1250, 350, Unsynchronised)), None);
        assert_eq!(watch.observe(reading(1260, 360, Synchronised)), None);
        assert_eq!(watch.observe(reading(1559, 659, Synchronised)), None);
        let ended = watch.observe(reading(1560, 660, Synchronised));
        assert_eq!(ended, Some(DoubtChange::Ended { before: time(660), after: time(1560) }));
        assert_eq!(watch.doubt(), None);
        assert_eq!(watch.now(time(1570), Duration::from_secs(670)), time(1570));
    }

    #[test]
    fn an_accepted_clock_is_believed_at_once() {
        let mut watch = Watch::start(reading(-90, 10, Unsynchronised), Some(time(0)), false);
        let ended = watch.accept(reading(-80, 20, Unsynchronised));
        assert_eq!(ended, Some(DoubtChange::Ended { before: time(10), after: time(-80) }));
        assert_eq!(watch.accept(reading(-80, 20, Unsynchronised)), None);
    }

    #[test]
    fn a_machine_that_slept_is_not_in_doubt() {
        let mut watch = Watch::start(reading(0, 10, Synchronised), None, false);
        assert_eq!(watch.observe(reading(86_400, 86_410, Synchronised)), None);
        assert_eq!(watch.now(time(86_400), Duration::from_secs(86_410)), time(86_400));
    }
}
