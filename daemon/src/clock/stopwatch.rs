//! Real time that is no time of day: how long something took, and pauses of real network traffic.
//!
//! A virtual clock has no part in it, because a real server does not answer sooner in a test.

use std::time::{Duration, Instant};

/// Measures how long something takes. Suspended time does not count.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

/// Starts one.
#[expect(clippy::disallowed_methods, reason = "a span of real time, never a time of a schedule")]
pub fn stopwatch() -> Stopwatch {
    Stopwatch(Instant::now())
}

impl Stopwatch {
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// What is left of `limit`; zero once it is over.
    pub fn left_of(self, limit: Duration) -> Duration {
        limit.saturating_sub(self.elapsed())
    }

    /// When it was started.
    pub const fn started(self) -> Instant {
        self.0
    }

    /// The moment at which it will show `after`.
    pub fn deadline(self, after: Duration) -> Instant {
        // Forty years stand for a limit that no moment can be given for.
        self.0.checked_add(after).unwrap_or(self.0 + Duration::from_secs(40 * 366 * 86_400))
    }
}

/// The moment by which tokio's timers go: for deadlines of real traffic that are waited for with `sleep_until` and
/// `timeout_at`. Where a test pauses the timers, it stands still with them.
#[expect(clippy::disallowed_methods, reason = "a moment of real time, never a time of a schedule")]
pub fn timer_now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// Waits in real time: between two tries of a request, say. Whatever waits for a time of a schedule, or would wait
/// in a demo too, sleeps by its [`Clock`](super::Clock).
#[expect(clippy::disallowed_methods, reason = "a pause of real traffic, never of a schedule")]
pub async fn real_pause(pause: Duration) {
    tokio::time::sleep(pause).await;
}
