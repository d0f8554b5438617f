//! The parts of WASI that tool-chains import whether a program uses them or not, inert and deterministic.
//!
//! In: the run's time, its seed, standard input, files in memory. Out: what was written. There is no file, no
//! environment, no sleep and no clock of this machine behind it; the same calls give the same answers.

mod abi;
mod descriptors;
mod files;
mod links;
mod p1;

use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};

use self::descriptors::Descriptors;
pub(super) use self::files::{Folder, Unreadable};
pub(super) use self::links::link;
use crate::domain::Timestamp;

/// One instance's view of WASI.
pub(super) struct Wasi {
    args: Vec<String>,
    clock: Clock,
    random: ChaCha20Rng,
    descriptors: Descriptors,
    stdin: Stdin,
    stdout: Vec<u8>,
    stdout_limit: usize,
    stderr: Lines,
    exit: Option<i32>,
}

/// What an instance starts with.
pub(super) struct WasiStart {
    pub(super) args: Vec<String>,
    pub(super) now: Timestamp,
    pub(super) seed: [u8; 32],
    pub(super) stdin: Vec<u8>,
    /// Bytes of standard output; more ends the run.
    pub(super) stdout_limit: usize,
    pub(super) inputs: Folder,
    pub(super) answers: Folder,
}

impl Wasi {
    pub(super) fn new(start: WasiStart) -> Self {
        Self {
            args: start.args,
            clock: Clock::at(start.now),
            random: ChaCha20Rng::from_seed(start.seed),
            descriptors: Descriptors::new(start.inputs, start.answers),
            stdin: Stdin { bytes: start.stdin, at: 0 },
            stdout: Vec::new(),
            stdout_limit: start.stdout_limit,
            stderr: Lines::default(),
            exit: None,
        }
    }

    /// The code of `proc_exit`, if it was called.
    pub(super) const fn exit(&self) -> Option<i32> {
        self.exit
    }

    pub(super) fn take_stdout(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.stdout)
    }

    /// The last line that was written to standard error and is not blank.
    pub(super) fn last_words(&self) -> &str {
        &self.stderr.last
    }

    /// What was written to standard error after its last line end.
    pub(super) fn take_unfinished_line(&mut self) -> Option<String> {
        self.stderr.finish()
    }

    fn fill_random(&mut self, bytes: &mut [u8]) {
        self.random.fill_bytes(bytes);
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

struct Stdin {
    bytes: Vec<u8>,
    at: usize,
}

impl Stdin {
    fn read(&mut self, max: usize) -> &[u8] {
        let end = self.bytes.len().min(self.at.saturating_add(max));
        let from = std::mem::replace(&mut self.at, end);
        &self.bytes[from..end]
    }
}

/// Standard error, cut into lines.
#[derive(Default)]
struct Lines {
    unfinished: Vec<u8>,
    last: String,
}

impl Lines {
    /// A line that never ends is cut here, so that it is counted against the log's limit.
    const LINE_BYTES: usize = 8 << 10;

    /// The lines that these bytes end.
    fn write(&mut self, mut bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        while !bytes.is_empty() {
            let room = Self::LINE_BYTES - self.unfinished.len();
            let part = &bytes[..bytes.len().min(room)];
            let (taken, ends) = match part.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at, true),
                None => (part.len(), part.len() == room),
            };
            self.unfinished.extend_from_slice(&part[..taken]);
            let skipped = usize::from(part.get(taken) == Some(&b'\n'));
            bytes = &bytes[taken + skipped..];
            if ends {
                lines.extend(self.finish());
            }
        }
        lines
    }

    fn finish(&mut self) -> Option<String> {
        if self.unfinished.is_empty() {
            return None;
        }
        let line = String::from_utf8_lossy(&self.unfinished).into_owned();
        self.unfinished.clear();
        if !line.trim().is_empty() {
            line.trim().clone_into(&mut self.last);
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_error_is_cut_into_lines() {
        let mut lines = Lines::default();
        assert_eq!(lines.write(b"one\ntw"), ["one"]);
        assert_eq!(lines.write(b"o\n\n three "), ["two"]);
        assert_eq!(lines.finish().unwrap(), " three ");
        assert_eq!(lines.last, "three");
        let endless = vec![b'x'; 3 * Lines::LINE_BYTES];
        assert_eq!(lines.write(&endless).len(), 3);
        assert_eq!(lines.finish(), None);
    }

    #[test]
    fn the_monotonic_clock_moves_by_reading_and_sleeping() {
        let mut clock = Clock::at("1970-01-01T00:00:01.000Z".parse().unwrap());
        assert_eq!((clock.read_monotonic(), clock.read_monotonic(), clock.wall_ns), (1_000, 2_000, 1_000_000_000));
        clock.sleep(500);
        assert_eq!(clock.read_monotonic(), 3_500);
    }
}
