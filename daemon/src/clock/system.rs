//! The machine's clocks.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use rustix::time::{ClockId, clock_gettime};

use super::{Clock, DoubtChange, Reading, Watch, real_pause};
use crate::domain::{ClockDoubt, ClockState, Timestamp};

/// The clocks of this machine, and the watch over them.
#[derive(Debug)]
pub struct SystemClock {
    watch: Mutex<Watch>,
}

/// A sleep looks at the clocks this often, because tokio's timers stand still while the machine sleeps: after it
/// wakes, no slot starts later than this.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl SystemClock {
    /// A clock that believes the wall clock unless it jumps. Whoever writes to a ledger calls
    /// [`restart`](Clock::restart) once it is open.
    #[expect(clippy::new_without_default, reason = "it reads the machine's clocks, which a default does not")]
    pub fn new() -> Self {
        Self { watch: Mutex::new(Watch::start(reading(), None, false)) }
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        // Nothing panics while it holds the lock, and a reading is whole at any time.
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // What the kernel knows of its clock is asked for where it is judged, and not with each look at the time.
        let (wall, boot) = (wall(), boot());
        self.watch().now(wall, boot)
    }

    fn boot(&self) -> Duration {
        boot()
    }

    fn kernel_state(&self) -> ClockState {
        kernel_state()
    }

    fn doubt(&self) -> Option<ClockDoubt> {
        self.watch().doubt()
    }

    fn restart(&self, newest_entry: Option<Timestamp>, was_in_doubt: bool) -> Option<ClockDoubt> {
        let mut watch = self.watch();
        *watch = Watch::start(reading(), newest_entry, was_in_doubt);
        watch.doubt()
    }

    fn observe(&self) -> Option<DoubtChange> {
        self.watch().observe(reading())
    }

    fn accept(&self) -> Option<DoubtChange> {
        self.watch().accept(reading())
    }

    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                let left = deadline.since(self.now());
                if left.is_zero() {
                    return;
                }
                real_pause(left.min(LOOK_EVERY)).await;
            }
        })
    }
}

fn reading() -> Reading {
    Reading { wall: wall(), boot: boot(), kernel: kernel_state() }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
fn wall() -> Timestamp {
    Timestamp::from_jiff(jiff::Timestamp::now())
}

fn boot() -> Duration {
    let since = clock_gettime(ClockId::Boottime);
    Duration::try_from(since).unwrap_or_default()
}

/// Synchronised if the kernel's bound on the error of the clock, which grows until a time server is heard, is below
/// its maximum of 16 s (adjtimex(2), `maxerror`). The flag `STA_UNSYNC` is no help: some daemons set it to keep the
/// kernel from writing to the hardware clock. A sandbox may forbid the call (`ProtectClock` of systemd does): then
/// nobody vouches for the clock.
#[expect(unsafe_code, reason = "no maintained safe interface reads adjtimex(2)")]
fn kernel_state() -> ClockState {
    const ERROR_MAX_US: libc::c_long = 16_000_000;
    // SAFETY: `timex` is a C structure of integers, for which all zeroes is a value; with `modes` 0 the call only
    // fills it in.
    let (result, maxerror) = unsafe {
        let mut answer: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut answer), answer.maxerror)
    };
    if result >= 0 && maxerror < ERROR_MAX_US { ClockState::Synchronised } else { ClockState::Unsynchronised }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_go_forward_and_agree() {
        let clock = SystemClock::new();
        let (now, boot) = (clock.now(), clock.boot());
        assert!(now > "2026-01-01T00:00:00Z".parse().unwrap());
        assert!(boot > Duration::ZERO);
        assert!(clock.now() >= now && clock.boot() >= boot);
        assert_eq!(clock.observe(), None);
        assert_eq!(clock.doubt(), None);
    }

    #[test]
    fn a_ledger_from_the_future_brings_the_clock_in_doubt() {
        let clock = SystemClock::new();
        let future = clock.now().plus(Duration::from_secs(3600));
        assert!(matches!(clock.restart(Some(future), false), Some(ClockDoubt::BehindLedger { .. })));
        assert!(clock.now() >= future);
        assert!(matches!(clock.accept(), Some(DoubtChange::Ended { .. })));
        assert!(clock.now() < future);
    }

    #[tokio::test]
    async fn a_time_that_is_past_needs_no_sleep() {
        let clock = SystemClock::new();
        clock.sleep_until(clock.now()).await;
        let soon = clock.now().plus(Duration::from_millis(3));
        clock.sleep_until(soon).await;
        assert!(clock.now() >= soon);
    }
}
