//! The wall clock of a run, and the thread that makes endless loops look at it.
//!
//! The only place of the room that measures time: a limit on real time cannot be tested against an injected
//! one, since a plugin burns real time.

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use wasmtime::Engine;

use crate::clock::{Stopwatch, stopwatch};

/// How long a plugin may keep a thread of the daemon before others get it.
pub(super) const SLICE: Duration = Duration::from_millis(5);

/// Started with a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch {
    started: Stopwatch,
    wall: Duration,
}

impl Watch {
    pub(super) fn start(wall: Duration) -> Self {
        Self { started: stopwatch(), wall }
    }

    pub(super) fn took(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn left(&self) -> Duration {
        self.wall.saturating_sub(self.took())
    }

    pub(super) fn is_over(&self) -> bool {
        self.took() >= self.wall
    }

    pub(super) const fn wall(&self) -> Duration {
        self.wall
    }
}

/// The thread that moves the engine's epoch while plugins run; it sleeps while none does.
#[derive(Debug)]
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    running: AtomicUsize,
    asleep: AtomicBool,
    stop: AtomicBool,
    lock: Mutex<()>,
    wake: Condvar,
}

impl Ticker {
    pub(super) fn start(engine: Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let ticking = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("plugin-epoch".to_owned()).spawn(move || ticking.tick(&engine))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Ticks while the answer lives.
    pub(super) fn while_running(&self) -> Running {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::SeqCst) {
            let _held = self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.shared.wake.notify_one();
        }
        Running(Arc::clone(&self.shared))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        {
            let _held = self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.shared.wake.notify_one();
        }
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been printed by then, and there is nothing left to tick.
            let _ = thread.join();
        }
    }
}

/// At least one plugin runs.
#[derive(Debug)]
pub(super) struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    /// Idle slices before the thread sleeps: runs often follow one another closely, and waking costs a system call.
    const IDLE_SLICES: u32 = 20;

    fn tick(&self, engine: &Engine) {
        let mut idle = 0;
        let mut held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.stop.load(Ordering::SeqCst) {
            idle = if self.running.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
            if idle > Self::IDLE_SLICES {
                // A run that starts here either sees `asleep` and waits for the lock to notify, or is seen below.
                self.asleep.store(true, Ordering::SeqCst);
                if self.running.load(Ordering::SeqCst) == 0 && !self.stop.load(Ordering::SeqCst) {
                    held = self.wake.wait(held).unwrap_or_else(PoisonError::into_inner);
                }
                self.asleep.store(false, Ordering::SeqCst);
                idle = 0;
            } else {
                (held, _) = self.wake.wait_timeout(held, SLICE).unwrap_or_else(PoisonError::into_inner);
                engine.increment_epoch();
            }
        }
    }
}
