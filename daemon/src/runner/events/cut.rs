//! Which events of all that were read belong to a run.

use std::path::Path;

use jiff::Timestamp;

use super::{EventsError, Halt};
use crate::domain::EventInterval;

/// What is known of an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// `None`: it does not say, or not so that it could be understood.
    pub(super) at: Option<Timestamp>,
    /// Whether it passes the filter.
    pub(super) passes: bool,
}

/// What is kept of the events.
pub(super) struct Cut<'r> {
    from: Timestamp,
    until: Timestamp,
    bytes_max: u64,
    halt: &'r Halt,
    kept: Vec<u8>,
    /// Of each event its time and where it lies.
    events: Vec<(Timestamp, std::ops::Range<usize>)>,
    /// The time of the event before, in this file.
    before: Option<Timestamp>,
    /// Those at the beginning of the file that do not say when they were.
    leading: Vec<(Vec<u8>, bool)>,
    leading_bytes: u64,
    /// Events, or lines that should have been some.
    pub(super) seen: u64,
    pub(super) undated: u64,
}

impl<'r> Cut<'r> {
    pub(super) fn new(interval: EventInterval, bytes_max: u64, halt: &'r Halt) -> Self {
        Self {
            from: interval.from.to_jiff(),
            until: interval.until.to_jiff(),
            bytes_max,
            halt,
            kept: Vec::new(),
            events: Vec::new(),
            before: None,
            leading: Vec::new(),
            leading_bytes: 0,
            seen: 0,
            undated: 0,
        }
    }

    /// A file begins.
    pub(super) fn begin(&mut self) {
        self.before = None;
        self.leading.clear();
        self.leading_bytes = 0;
    }

    /// An event that does not say when it was goes with the one before it in its file, at the beginning of a file with the
    /// one after it: so it is in one interval like any other.
    pub(super) fn take(&mut self, raw: &[u8], Known { at, passes }: Known) -> Result<(), EventsError> {
        self.seen += 1;
        match (at, self.before) {
            (Some(at), _) => {
                self.before = Some(at);
                for (raw, passes) in std::mem::take(&mut self.leading) {
                    self.keep(at, true, passes, &raw)?;
                }
                self.keep(at, false, passes, raw)
            }
            (None, Some(before)) => self.keep(before, true, passes, raw),
            (None, None) => {
                self.leading.push((raw.to_vec(), passes));
                self.leading_bytes += raw.len() as u64;
                if self.leading_bytes > self.bytes_max { Err(EventsError::Limit(self.bytes_max)) } else { Ok(()) }
            }
        }
    }

    /// A file has ended.
    ///
    /// # Errors
    /// None of its events says when it was.
    pub(super) fn end(&mut self, path: &Path, field: &str) -> Result<(), EventsError> {
        let lines = self.leading.len();
        if lines == 0 {
            Ok(())
        } else {
            Err(EventsError::NoTime { path: path.to_owned(), field: field.to_owned(), lines })
        }
    }

    pub(super) fn is_before_the_end(&self, at: Timestamp) -> bool {
        at < self.until
    }

    pub(super) fn halted(&self) -> Result<(), EventsError> {
        self.halt.check()
    }

    fn keep(&mut self, at: Timestamp, is_undated: bool, passes: bool, raw: &[u8]) -> Result<(), EventsError> {
        if !passes || at < self.from || at >= self.until {
            return Ok(());
        }
        let start = self.kept.len();
        if (start + raw.len() + 1) as u64 > self.bytes_max {
            return Err(EventsError::Limit(self.bytes_max));
        }
        self.kept.extend_from_slice(raw);
        self.kept.push(b'\n');
        self.events.push((at, start..self.kept.len()));
        self.undated += u64::from(is_undated);
        Ok(())
    }

    /// The events in order of time, those of the same time as they were read; how many they are.
    pub(super) fn finish(mut self, header: Option<Vec<u8>>) -> (Vec<u8>, u64) {
        let count = self.events.len() as u64;
        let is_sorted = self.events.is_sorted_by_key(|(at, _)| *at);
        if is_sorted && header.is_none() {
            return (self.kept, count);
        }
        self.events.sort_by_key(|(at, _)| *at);
        let mut bytes = header.unwrap_or_default();
        bytes.reserve_exact(self.kept.len());
        for (_, place) in self.events {
            bytes.extend_from_slice(&self.kept[place]);
        }
        (bytes, count)
    }
}
