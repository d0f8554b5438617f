//! `make bench`: builds, then lets the benchmark of the tests' crate measure.

use std::process::ExitCode;

use anyhow::Result;
use evidenced_tests::plugins::{self, Layout};

use crate::{
    build,
    run::{Cargo, words_of},
};

pub(crate) fn run(layout: &Layout) -> Result<ExitCode> {
    build(layout)?;
    plugins::build_fixtures(layout)?;
    let bench =
        Cargo::new(layout, "run").args(["--quiet", "--release", "--package", "evidenced-tests", "--bin", "bench"]);
    let passed = bench.args(["--"]).args(words_of("ARGS")).succeeds()?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
