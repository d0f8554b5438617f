//! `make test` and `make test-all`: one profile and one set of compiled dependencies for the daemon and for all tests.

use std::process::{Command, ExitCode};

use anyhow::Result;
use evidenced_tests::plugins::{self, Layout};

use crate::{
    build,
    run::{Cargo, words_of},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Usual,
    /// With the tests that take long, which look at `EVIDENCED_TEST_ALL`.
    Everything,
}

/// Builds, then runs every test. The runner's own closing lines are the last that is printed.
pub(crate) fn run(layout: &Layout, extent: Extent) -> Result<ExitCode> {
    build(layout)?;
    plugins::build_fixtures(layout)?;
    let cargo = if has_nextest() {
        Cargo::new(layout, "nextest").args(["run", "--workspace", "--no-fail-fast"])
    } else {
        Cargo::new(layout, "test").args(["--workspace", "--no-fail-fast"])
    };
    let passed = with_extent(cargo.args(words_of("ARGS")), extent).succeeds()?;
    // nextest runs no examples in documentation.
    let examples = Cargo::new(layout, "test").args(["--doc", "--quiet", "--package", "evidenced-plugin"]);
    let passed = if has_nextest() && words_of("ARGS").is_empty() { examples.succeeds()? && passed } else { passed };
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The test of the package alone, said aloud.
pub(crate) fn run_systemd(layout: &Layout) -> Result<ExitCode> {
    build(layout)?;
    let cargo = Cargo::new(layout, "test").args(["--workspace", "--test", "main"]);
    let passed = cargo.args(["--", "--nocapture", "systemd::"]).succeeds()?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn with_extent(cargo: Cargo, extent: Extent) -> Cargo {
    match extent {
        Extent::Usual => cargo,
        Extent::Everything => cargo.env("EVIDENCED_TEST_ALL", "1"),
    }
}

fn has_nextest() -> bool {
    Command::new("cargo-nextest").arg("--version").output().is_ok_and(|output| output.status.success())
}
