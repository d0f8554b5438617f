use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// The one way to print. A reader that went away (a broken pipe) is no error.
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
        forgive_broken_pipe(writeln!(io::stdout().lock(), "{line}"))
    }

    /// Text of several lines, as it is.
    pub fn text(&self, text: &str) -> io::Result<()> {
        forgive_broken_pipe(io::stdout().lock().write_all(text.as_bytes()))
    }

    /// One JSON object on one line.
    pub fn object(&self, object: &impl Serialize) -> anyhow::Result<()> {
        Ok(self.line(serde_json::to_string(object)?)?)
    }

    /// Talk: what is being done, for a person.
    pub fn talk(&self, words: impl std::fmt::Display) {
        // Why the error is dropped: there is nobody left to tell.
        let _ = writeln!(io::stderr().lock(), "{words}");
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

fn forgive_broken_pipe(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
