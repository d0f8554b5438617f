//! A machine under a virtual time, whose wall clock somebody can set.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use jiff::SignedDuration;

use super::{Clock, DoubtChange, Reading, VirtualClock, Watch};
use crate::domain::{ClockDoubt, ClockState, Timestamp};

/// The true time, which is also that since boot, is a [`VirtualClock`] and only goes on. The wall clock is ahead of it, or
/// behind, and the kernel vouches for it or does not. What everything goes by is decided by the rule of the real clock.
#[derive(Debug)]
pub struct SettableClock {
    truth: VirtualClock,
    /// By which the wall clock is ahead of the truth.
    ahead_ms: AtomicI64,
    kernel: Mutex<ClockState>,
    watch: Mutex<Watch>,
}

impl SettableClock {
    /// A machine whose wall clock is right.
    pub fn new(truth: VirtualClock, kernel: ClockState) -> Self {
        let first = Reading { wall: truth.now(), boot: truth.boot(), kernel };
        let watch = Mutex::new(Watch::start(first, None, false));
        Self { truth, ahead_ms: AtomicI64::new(0), kernel: Mutex::new(kernel), watch }
    }

    /// What moves the time on.
    pub const fn truth(&self) -> &VirtualClock {
        &self.truth
    }

    /// Sets the wall clock so far ahead of the true time, or behind it if negative.
    pub fn set_wall(&self, ahead: SignedDuration) {
        self.ahead_ms.store(i64::try_from(ahead.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// From now on the kernel says this of the wall clock.
    pub fn set_kernel_state(&self, state: ClockState) {
        *lock(&self.kernel) = state;
    }

    fn reading(&self) -> Reading {
        let wall = self.truth.now().as_millis().saturating_add(self.ahead_ms.load(Ordering::SeqCst));
        Reading { wall: Timestamp::from_millis(wall), boot: self.truth.boot(), kernel: *lock(&self.kernel) }
    }
}

/// A panic elsewhere leaves neither of the two half written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Clock for SettableClock {
    fn now(&self) -> Timestamp {
        let reading = self.reading();
        lock(&self.watch).now(reading.wall, reading.boot)
    }

    fn boot(&self) -> Duration {
        self.truth.boot()
    }

    fn kernel_state(&self) -> ClockState {
        *lock(&self.kernel)
    }

    fn doubt(&self) -> Option<ClockDoubt> {
        lock(&self.watch).doubt()
    }

    fn restart(&self, newest_entry: Option<Timestamp>, was_in_doubt: bool) -> Option<ClockDoubt> {
        let reading = self.reading();
        let mut watch = lock(&self.watch);
        *watch = Watch::start(reading, newest_entry, was_in_doubt);
        watch.doubt()
    }

    fn observe(&self) -> Option<DoubtChange> {
        let reading = self.reading();
        lock(&self.watch).observe(reading)
    }

    fn accept(&self) -> Option<DoubtChange> {
        let reading = self.reading();
        lock(&self.watch).accept(reading)
    }

    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // The wall clock may be set while somebody sleeps.
            loop {
                let now = self.now();
                if deadline <= now {
                    return;
                }
                self.truth.sleep_until(self.truth.now().plus(deadline.since(now))).await;
            }
        })
    }
}
