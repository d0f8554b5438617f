use std::{
    io::{self, IsTerminal, Write},
    path::Path,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::domain::{escaped, escaped_json, escaped_lines};

/// The one way to print. A reader that went away (a broken pipe) is no error.
///
/// Subjects, messages and notes come from outside: nothing that steers a terminal is printed as it is.
#[derive(Debug)]
pub struct Printer {
    json: bool,
}

impl Printer {
    pub const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether `--json` was given.
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// Whether somebody looks: progress bars and colour only then.
    pub fn is_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// One line of data.
    pub fn line(&self, line: impl std::fmt::Display) -> io::Result<()> {
        written(writeln!(io::stdout().lock(), "{}", escaped(&line.to_string())))
    }

    /// Text of several lines. Line ends stay: who puts text from outside into a line of it escapes that first.
    pub fn text(&self, text: &str) -> io::Result<()> {
        written(io::stdout().lock().write_all(escaped_lines(text).as_bytes()))
    }

    /// One JSON object on one line.
    pub fn object(&self, object: &impl Serialize) -> anyhow::Result<()> {
        Ok(written(writeln!(io::stdout().lock(), "{}", escaped_json(&serde_json::to_string(object)?)))?)
    }

    /// One JSON document: on one line with `--json`, else on several, for people who open it.
    pub fn document(&self, document: &impl Serialize) -> anyhow::Result<()> {
        if self.json {
            return self.object(document);
        }
        let text = serde_json::to_string_pretty(document)?;
        let lines: Vec<_> = text.lines().map(escaped_json).collect();
        Ok(written(writeln!(io::stdout().lock(), "{}", lines.join("\n")))?)
    }

    /// A file that was written.
    pub fn file(&self, path: &Path) -> anyhow::Result<()> {
        if self.json {
            return self.object(&serde_json::json!({ "written": path.to_string_lossy() }));
        }
        Ok(self.line(path.display())?)
    }

    /// Talk: what is being done, for a person.
    pub fn talk(&self, words: impl std::fmt::Display) {
        // Why the error is dropped: there is nobody left to tell.
        let _ = writeln!(io::stderr().lock(), "{}", escaped_lines(&words.to_string()));
    }

    /// A progress bar on standard error; on no terminal it is silent. A length of 0 is not known yet.
    pub fn progress(&self, length: u64, what: &'static str) -> ProgressBar {
        if !self.is_terminal() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} {msg} {eta}");
        let bar = ProgressBar::new(length).with_message(what);
        match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    /// An error and its causes, once.
    pub fn error(&self, error: &anyhow::Error) {
        self.talk(format_args!("error: {error:#}"));
    }
}

/// What became of a write to standard output.
fn written(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(io::Error::new(error.kind(), format!("cannot write to standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}
