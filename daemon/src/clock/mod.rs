//! The only place that reads a clock or sleeps.
//!
//! In: the machine's clocks, or a virtual time that a test or the demo moves. Out: `now`, sleeps until a time, and
//! whether the time is in doubt. The rule for that ([`Watch`]) is pure.
//! Must not know: what the time is used for.
//!
//! `now` is the time that the daemon goes by: the wall clock while it agrees with the time since boot, and the time
//! since boot once it does not. A step of the wall clock therefore never reaches a schedule.

mod doubt;
mod settable;
mod stopwatch;
mod system;
mod virtual_clock;

use std::{fmt, time::Duration};

use futures_util::future::BoxFuture;

pub use doubt::{DoubtChange, Reading, Watch};
pub use settable::SettableClock;
pub use stopwatch::{Stopwatch, real_pause, stopwatch, timer_now};
pub use system::SystemClock;
pub use virtual_clock::VirtualClock;

use crate::domain::{ClockDoubt, ClockState, Timestamp};

/// What tells the time. Shared by everything that acts in time.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time that everything goes by.
    fn now(&self) -> Timestamp;

    /// Time since the machine started, sleep included. It never goes back.
    fn boot(&self) -> Duration;

    /// What the kernel says of the wall clock.
    fn kernel_state(&self) -> ClockState;

    /// Whether the time is in doubt, and why.
    fn doubt(&self) -> Option<ClockDoubt>;

    /// Judges the clocks anew by what the ledger knows: when its newest entry was decided, and whether a doubt has not
    /// ended. To be called once the ledger is open, before anything goes by this clock. The doubt, if there is one.
    fn restart(&self, newest_entry: Option<Timestamp>, was_in_doubt: bool) -> Option<ClockDoubt>;

    /// Looks at the clocks and says whether a doubt began or ended. To be called about once a second.
    fn observe(&self) -> Option<DoubtChange>;

    /// A person says that the wall clock is right. `None` if nothing was in doubt.
    fn accept(&self) -> Option<DoubtChange>;

    /// Ends when [`now`](Self::now) has reached `deadline`. Safe to drop.
    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'_, ()>;
}
