//! Standard streams: input is given, output is kept for a command and goes to the log for a checker, standard error is
//! the log.

use crate::sandbox::{
    ended::{Ended, Limit},
    host::{
        Halt, Host,
        log::{LogBook, LogLevel},
    },
};

/// A stream that can be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

pub(super) struct Stdin {
    bytes: Vec<u8>,
    at: usize,
}

impl Stdin {
    pub(super) const fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn read(&mut self, max: usize) -> &[u8] {
        let end = self.bytes.len().min(self.at.saturating_add(max));
        let from = std::mem::replace(&mut self.at, end);
        &self.bytes[from..end]
    }
}

/// What becomes of standard output.
pub(super) enum Output {
    Kept { bytes: Vec<u8>, limit: usize },
    Log(Lines),
}

impl Host {
    /// Ends the run when the output, or the log, is over its limit.
    pub(super) fn wasi_write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Halt> {
        let Self { wasi: Some(wasi), log, report_bytes, .. } = self else { return Ok(()) };
        let written = match (stream, &mut wasi.stdout) {
            (Stream::Stderr, _) => wasi.stderr.write(bytes, log),
            (Stream::Stdout, Output::Log(lines)) => lines.write(bytes, log),
            (Stream::Stdout, Output::Kept { bytes: kept, limit }) => {
                if kept.len().saturating_add(bytes.len()) > *limit {
                    Err(Limit::Report((*report_bytes).into()))
                } else {
                    kept.extend_from_slice(bytes);
                    Ok(())
                }
            }
        };
        written.map_err(|limit| self.end(Ended::Limit(limit)))
    }

    /// What was written after the last line end is a line too. A full log is noted as the end of the run.
    pub(in crate::sandbox) fn wasi_finish_lines(&mut self) -> Result<(), Halt> {
        let Self { wasi: Some(wasi), log, .. } = self else { return Ok(()) };
        let mut finished = wasi.stderr.finish(log);
        if let Output::Log(lines) = &mut wasi.stdout {
            finished = finished.and(lines.finish(log));
        }
        finished.map_err(|limit| self.end(Ended::Limit(limit)))
    }
}

/// A stream of text, cut into lines for the log.
#[derive(Default)]
pub(super) struct Lines {
    unfinished: Vec<u8>,
    last: String,
}

impl Lines {
    /// A line that never ends is cut here, so that it is counted against the log's limit.
    const LINE_BYTES: usize = 8 << 10;

    /// The last line that is not blank.
    pub(super) fn last(&self) -> &str {
        &self.last
    }

    /// Writes the lines that these bytes end. Blank ones too, so that a flood of them meets the limit.
    fn write(&mut self, mut bytes: &[u8], log: &mut LogBook) -> Result<(), Limit> {
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
                self.end_line(log)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, log: &mut LogBook) -> Result<(), Limit> {
        if self.unfinished.is_empty() { Ok(()) } else { self.end_line(log) }
    }

    fn end_line(&mut self, log: &mut LogBook) -> Result<(), Limit> {
        let line = String::from_utf8_lossy(&self.unfinished);
        if !line.trim().is_empty() {
            line.trim().clone_into(&mut self.last);
        }
        let written = log.write(LogLevel::Info, &line);
        self.unfinished.clear();
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(log: LogBook) -> Vec<String> {
        log.into_lines().into_iter().map(|line| line.message).collect()
    }

    #[test]
    fn what_is_written_is_cut_into_lines() {
        let (mut lines, mut log) = (Lines::default(), LogBook::new(1 << 20));
        lines.write(b"one\ntw", &mut log).unwrap();
        lines.write(b"o\n\n three ", &mut log).unwrap();
        lines.finish(&mut log).unwrap();
        lines.finish(&mut log).unwrap();
        assert_eq!((messages(log).join("|").as_str(), lines.last()), ("one|two|| three ", "three"));
    }

    #[test]
    fn lines_that_never_end_and_lines_that_hold_nothing_meet_the_limit() {
        let (mut lines, mut log) = (Lines::default(), LogBook::new(1 << 20));
        lines.write(&vec![b'x'; 3 * Lines::LINE_BYTES], &mut log).unwrap();
        assert_eq!(messages(log).len(), 3);
        assert_eq!(lines.write(&vec![b'\n'; 1000], &mut LogBook::new(1000)), Err(Limit::Log(1000)));
    }
}
