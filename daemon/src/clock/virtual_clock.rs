//! A time that stands still until somebody moves it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, oneshot};

use super::{Clock, DoubtChange};
use crate::domain::{ClockDoubt, ClockState, Timestamp};

/// One virtual time; clones are handles to the same.
///
/// Whoever moves it decides how far: [`step`](Self::step) goes to the next sleeper and wakes it alone, so that a
/// driver which waits for [`asleep`](Self::asleep) in between lets everything happen at its own time and in the same
/// order every time. [`advance_to`](Self::advance_to) jumps: those whose time has come wake in the order of their
/// times, and all of them see the new time.
#[derive(Debug, Clone)]
pub struct VirtualClock {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// A sleeper came.
    came: Notify,
}

#[derive(Debug)]
struct State {
    start: Timestamp,
    now: Timestamp,
    /// Sleepers with the same deadline wake in the order in which they fell asleep.
    next_number: u64,
    sleepers: BTreeMap<(Timestamp, u64), oneshot::Sender<()>>,
}

impl VirtualClock {
    pub fn new(now: Timestamp) -> Self {
        let state = State { start: now, now, next_number: 0, sleepers: BTreeMap::new() };
        Self { inner: Arc::new(Inner { state: Mutex::new(state), came: Notify::new() }) }
    }

    /// Moves the time forward and wakes whose time has come. It never goes back: an earlier time changes nothing.
    pub fn advance_to(&self, to: Timestamp) {
        let mut state = self.state();
        state.now = state.now.max(to);
        while state.sleepers.first_key_value().is_some_and(|(&(deadline, _), _)| deadline <= state.now) {
            state.wake_first();
        }
    }

    pub fn advance(&self, by: Duration) {
        let to = self.now().plus(by);
        self.advance_to(to);
    }

    /// Moves the time to the earliest deadline and wakes that one sleeper. `None`: nobody sleeps.
    pub fn step(&self) -> Option<Timestamp> {
        let mut state = self.state();
        let deadline = state.wake_first()?;
        state.now = state.now.max(deadline);
        Some(deadline)
    }

    /// The earliest time for which somebody sleeps.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.state().sleepers.first_key_value().map(|(&(deadline, _), _)| deadline)
    }

    pub fn sleepers(&self) -> usize {
        self.state().sleepers.len()
    }

    /// Ends when at least so many sleep.
    pub async fn asleep(&self, count: usize) {
        loop {
            let came = self.inner.came.notified();
            if self.sleepers() >= count {
                return;
            }
            came.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake_first(&mut self) -> Option<Timestamp> {
        let ((deadline, _), sleeper) = self.sleepers.pop_first()?;
        // Why the error is dropped: a sleeper that is being dropped needs no waking.
        let _ = sleeper.send(());
        Some(deadline)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.state().now
    }

    fn boot(&self) -> Duration {
        let state = self.state();
        state.now.since(state.start)
    }

    fn kernel_state(&self) -> ClockState {
        ClockState::Virtual
    }

    fn doubt(&self) -> Option<ClockDoubt> {
        None
    }

    fn restart(&self, _newest_entry: Option<Timestamp>, _was_in_doubt: bool) -> Option<ClockDoubt> {
        None
    }

    fn observe(&self) -> Option<DoubtChange> {
        None
    }

    fn accept(&self) -> Option<DoubtChange> {
        None
    }

    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Some((sleeper, woken)) = self.fall_asleep(deadline) else { return };
            // Why the error is dropped: the sender goes away only with the clock, which this sleep holds.
            let _ = woken.await;
            drop(sleeper);
        })
    }
}

impl VirtualClock {
    /// `None`: the time has come already.
    fn fall_asleep(&self, deadline: Timestamp) -> Option<(Sleeper<'_>, oneshot::Receiver<()>)> {
        let mut state = self.state();
        if deadline <= state.now {
            return None;
        }
        let key = (deadline, state.next_number);
        state.next_number += 1;
        let (wake, woken) = oneshot::channel();
        state.sleepers.insert(key, wake);
        drop(state);
        self.inner.came.notify_waiters();
        Some((Sleeper { clock: self, key }, woken))
    }
}

/// Leaves the list when its sleep is dropped before its time.
struct Sleeper<'c> {
    clock: &'c VirtualClock,
    key: (Timestamp, u64),
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.clock.state().sleepers.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minutes: u64) -> Timestamp {
        Timestamp::EPOCH.plus(Duration::from_secs(60 * minutes))
    }

    /// A task that wakes every so many minutes and writes down when it did.
    async fn tick(clock: VirtualClock, every: u64, until: u64, name: char, log: Arc<Mutex<String>>) {
        for at in (every..=until).step_by(every as usize) {
            clock.sleep_until(minute(at)).await;
            let now = clock.now().since(Timestamp::EPOCH).as_secs() / 60;
            log.lock().unwrap().push_str(&format!("{name}{now} "));
        }
    }

    #[tokio::test]
    async fn steps_let_everything_happen_at_its_time_and_in_order() {
        let clock = VirtualClock::new(Timestamp::EPOCH);
        let log = Arc::new(Mutex::new(String::new()));
        let a = tokio::spawn(tick(clock.clone(), 2, 6, 'a', Arc::clone(&log)));
        clock.asleep(1).await;
        let b = tokio::spawn(tick(clock.clone(), 3, 6, 'b', Arc::clone(&log)));
        clock.asleep(2).await;
        while clock.next_wake().is_some_and(|at| at < minute(6)) {
            clock.step();
            clock.asleep(2).await;
        }
        assert_eq!(*log.lock().unwrap(), "a2 b3 a4 ");
        // Both sleep until 6 now; b fell asleep first.
        clock.step();
        b.await.unwrap();
        clock.step();
        a.await.unwrap();
        assert_eq!(*log.lock().unwrap(), "a2 b3 a4 b6 a6 ");
        assert_eq!(clock.step(), None);
    }

    #[tokio::test]
    async fn a_jump_wakes_all_whose_time_has_come() {
        let clock = VirtualClock::new(Timestamp::EPOCH);
        let sleeps = [5, 3, 9].map(|at| {
            let clock = clock.clone();
            tokio::spawn(async move { clock.sleep_until(minute(at)).await })
        });
        clock.asleep(3).await;
        clock.advance(Duration::from_secs(300));
        let [five, three, nine] = sleeps;
        five.await.unwrap();
        three.await.unwrap();
        assert_eq!((clock.sleepers(), clock.next_wake()), (1, Some(minute(9))));
        assert_eq!((clock.now(), clock.boot()), (minute(5), Duration::from_secs(300)));
        clock.advance_to(minute(1));
        assert_eq!(clock.now(), minute(5), "time does not go back");
        clock.advance_to(minute(9));
        nine.await.unwrap();
    }

    #[tokio::test]
    async fn a_dropped_sleep_is_forgotten() {
        let clock = VirtualClock::new(Timestamp::EPOCH);
        let sleep = clock.sleep_until(minute(1));
        tokio::select! {
            biased;
            () = sleep => panic!("nobody moved the time"),
            () = clock.asleep(1) => {}
        }
        assert_eq!(clock.sleepers(), 0);
        clock.sleep_until(minute(0)).await;
    }
}
