//! `log`: to the run's log, never evidence.

use serde::{Deserialize, Serialize};

use super::{Halt, Host};
use crate::sandbox::ended::{Ended, Limit};

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

/// Text that cannot steer a terminal or forge a line: control and format characters become `\u{…}`.
pub(in crate::sandbox) fn escaped(text: &str) -> String {
    let is_plain = |letter: char| !letter.is_control() && !is_format(letter);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    text.chars().fold(String::with_capacity(text.len() + 16), |mut safe, letter| {
        match letter {
            letter if is_plain(letter) => safe.push(letter),
            '\n' => safe.push_str("\\n"),
            '\t' => safe.push_str("\\t"),
            '\r' => safe.push_str("\\r"),
            letter => safe.extend(letter.escape_unicode()),
        }
        safe
    })
}

/// Marks that reorder or hide what stands beside them (Unicode UAX #9, and line and paragraph separators).
const fn is_format(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_escaped() {
        assert_eq!(escaped("\u{1b}[2J\u{7}a\nb\u{202e}c ä"), "\\u{1b}[2J\\u{7}a\\nb\\u{202e}c ä");
        assert_eq!(escaped("plain"), "plain");
    }

    #[test]
    fn lines_are_kept_up_to_the_limit() {
        let mut book = LogBook::new(40);
        book.write(LogLevel::Info, "abcd").unwrap();
        book.write(LogLevel::Warn, "efgh").unwrap();
        assert_eq!(book.write(LogLevel::Info, ""), Err(Limit::Log(40)));
        assert_eq!(book.into_lines().len(), 2);
    }
}
