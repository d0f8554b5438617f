//! `log`: to the run's log, never evidence.

use serde::{Deserialize, Serialize};

use super::{Halt, Host};
use crate::{
    domain::escaped,
    sandbox::ended::{Ended, Limit},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// One line, safe to print: control characters are escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    pub level: LogLevel,
    pub message: String,
}

/// The lines of one run. Over its limit the run ends (*limit log*), as over every other: a log that was cut in silence
/// would hide the line that matters.
#[derive(Debug)]
pub(in crate::sandbox) struct LogBook {
    lines: Vec<LogLine>,
    left: u32,
    limit: u32,
}

impl LogBook {
    /// Counted for each line, so that empty ones are not free.
    const LINE_BYTES: usize = 16;

    pub(in crate::sandbox) const fn new(limit: u32) -> Self {
        Self { lines: Vec::new(), left: limit, limit }
    }

    pub(in crate::sandbox) fn into_lines(self) -> Vec<LogLine> {
        self.lines
    }

    pub(in crate::sandbox) fn write(&mut self, level: LogLevel, message: &str) -> Result<(), Limit> {
        let message = escaped(message);
        let cost = u32::try_from(message.len() + Self::LINE_BYTES).unwrap_or(u32::MAX);
        self.left = self.left.checked_sub(cost).ok_or(Limit::Log(u64::from(self.limit)))?;
        self.lines.push(LogLine { level, message });
        Ok(())
    }
}

impl Host {
    pub(in crate::sandbox) fn log_write(&mut self, level: LogLevel, message: &str) -> Result<(), Halt> {
        self.log.write(level, message).map_err(|limit| self.end(Ended::Limit(limit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_up_to_the_limit() {
        let mut book = LogBook::new(40);
        book.write(LogLevel::Info, "abcd").unwrap();
        book.write(LogLevel::Warn, "efgh").unwrap();
        assert_eq!(book.write(LogLevel::Info, ""), Err(Limit::Log(40)));
        assert_eq!(book.into_lines().len(), 2);
    }
}
