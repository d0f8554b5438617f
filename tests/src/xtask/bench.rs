//! `make bench`: builds, then lets the benchmark of the tests' crate measure.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};
use evidenced_tests::plugins::{self, Layout};

use crate::{
    build,
    run::{exit_code, words_of},
};

pub(crate) fn run(layout: &Layout) -> Result<ExitCode> {
    build(layout)?;
    plugins::build_fixtures(layout)?;
    let binary = layout.target.join("release/bench");
    let mut bench = Command::new(&binary);
    let status = bench.args(words_of("ARGS")).current_dir(&layout.root).status();
    Ok(exit_code(status.with_context(|| format!("cannot start {}", binary.display()))?))
}
