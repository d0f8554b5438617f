//! The parts of WASI that tool-chains import whether a program uses them or not, inert and deterministic.
//!
//! In: the run's time, its seed, standard input, files in memory. Out: what was written. There is no file, no
//! environment, no sleep and no clock of this machine behind it; the same calls give the same answers. What they mean
//! is here, once; `p1` binds it to modules and `p2` to components.

mod files;
mod streams;

pub(super) mod p1;
pub(super) mod p2;

use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use wasmtime::component::ResourceTable;

pub(super) use self::files::{Folder, Unreadable};
use self::streams::{Lines, Output, Stdin};
use super::host::{Halt, Host};
use crate::domain::Timestamp;

/// One instance's view of WASI.
pub(super) struct Wasi {
    args: Vec<String>,
    clock: Clock,
    random: ChaCha20Rng,
    inputs: Folder,
    answers: Folder,
    /// Of preview 1.
    descriptors: p1::Descriptors,
    /// Of preview 2.
    handles: ResourceTable,
    stdin: Stdin,
    stdout: Output,
    stderr: Lines,
    exit: Option<i32>,
}

/// What an instance starts with.
pub(super) struct WasiStart {
    pub(super) args: Vec<String>,
    pub(super) now: Timestamp,
    pub(super) seed: [u8; 32],
    pub(super) stdin: Vec<u8>,
    /// Bytes of standard output; more ends the run. `None`: it goes to the log.
    pub(super) stdout_limit: Option<usize>,
    pub(super) inputs: Folder,
    pub(super) answers: Folder,
}

impl Wasi {
    pub(super) fn new(start: WasiStart) -> Self {
        Self {
            args: start.args,
            clock: Clock::at(start.now),
            random: ChaCha20Rng::from_seed(start.seed),
            descriptors: p1::Descriptors::new(start.inputs.clone(), start.answers.clone()),
            inputs: start.inputs,
            answers: start.answers,
            handles: p2::no_handles(),
            stdin: Stdin::new(start.stdin),
            stdout: match start.stdout_limit {
                Some(limit) => Output::Kept { bytes: Vec::new(), limit },
                None => Output::Log(Lines::default()),
            },
            stderr: Lines::default(),
            exit: None,
        }
    }

    /// The code that the program ended itself with, if it did.
    pub(super) const fn exit(&self) -> Option<i32> {
        self.exit
    }

    pub(super) const fn exit_with(&mut self, code: i32) {
        self.exit = Some(code);
    }

    /// What was written to standard output, where it is kept.
    pub(super) fn take_stdout(&mut self) -> Vec<u8> {
        match &mut self.stdout {
            Output::Kept { bytes, .. } => std::mem::take(bytes),
            Output::Log(_) => Vec::new(),
        }
    }

    /// The last line that was written to standard error and is not blank.
    pub(super) fn last_words(&self) -> &str {
        self.stderr.last()
    }

    fn fill_random(&mut self, bytes: &mut [u8]) {
        self.random.fill_bytes(bytes);
    }
}

impl Host {
    /// A plugin that sleeps longer than it may run would, on a real clock, have met its limit.
    fn wasi_slept(&mut self) -> Result<(), Halt> {
        let Some(wasi) = &self.wasi else { return Ok(()) };
        if u128::from(wasi.clock.monotonic_ns) > self.watch.wall().as_nanos() { Err(self.end_wall()) } else { Ok(()) }
    }
}

/// The wall clock stands still; the monotonic clock moves by what is slept, and by 1 µs a reading, so that a loop that
/// waits for time to pass ends.
struct Clock {
    /// Nanoseconds since 1970.
    wall_ns: u64,
    /// Nanoseconds since the start.
    monotonic_ns: u64,
}

impl Clock {
    const READING_NS: u64 = 1_000;
    /// What times are given in.
    const WALL_RESOLUTION_NS: u64 = 1_000_000;

    fn at(now: Timestamp) -> Self {
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        Self { wall_ns: millis.saturating_mul(1_000_000), monotonic_ns: 0 }
    }

    const fn read_monotonic(&mut self) -> u64 {
        self.monotonic_ns = self.monotonic_ns.saturating_add(Self::READING_NS);
        self.monotonic_ns
    }

    const fn sleep(&mut self, ns: u64) {
        self.monotonic_ns = self.monotonic_ns.saturating_add(ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_moves_by_reading_and_sleeping() {
        let mut clock = Clock::at("1970-01-01T00:00:01.000Z".parse().unwrap());
        assert_eq!((clock.read_monotonic(), clock.read_monotonic(), clock.wall_ns), (1_000, 2_000, 1_000_000_000));
        clock.sleep(500);
        assert_eq!(clock.read_monotonic(), 3_500);
    }
}
