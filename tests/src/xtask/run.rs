//! Running cargo and what it built.

use std::{
    env,
    ffi::OsStr,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result};
use evidenced_tests::plugins::Layout;

/// One call of cargo in the workspace, with the user's own terminal.
pub(crate) struct Cargo(Command);

impl Cargo {
    pub(crate) fn new(layout: &Layout, word: &str) -> Self {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.arg(word).current_dir(&layout.root).env("CARGO_TARGET_DIR", &layout.target);
        Self(command)
    }

    pub(crate) fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, arguments: I) -> Self {
        self.0.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Whether it ended well.
    pub(crate) fn succeeds(mut self) -> Result<bool> {
        Ok(self.0.status().context("cannot start cargo")?.success())
    }
}

/// Runs a subcommand of the daemon's binary with the words of `$ARGS`.
pub(crate) fn daemon(layout: &Layout, word: &str) -> Result<ExitCode> {
    let binary = layout.target.join("release/evidenced");
    let mut command = Command::new(&binary);
    command.arg(word).args(words_of("ARGS")).current_dir(&layout.root);
    let status = command.status().with_context(|| format!("cannot start {}", binary.display()))?;
    Ok(exit_code(status))
}

/// The words of an environment variable, cut at white space.
pub(crate) fn words_of(variable: &str) -> Vec<String> {
    env::var(variable).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// The child's own exit code; a child that was killed ends as 1.
pub(crate) fn exit_code(status: std::process::ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// A line for the person who started this.
#[expect(clippy::print_stderr, reason = "the build's own tool talks to the person who started it")]
pub(crate) fn report(line: &str) {
    eprintln!("{line}");
}
