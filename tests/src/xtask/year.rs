//! `make year`: a year of 60 controls passes, and its story is printed.
#![expect(clippy::print_stdout, reason = "the story is what was asked for")]

use std::{
    fs,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result};
use evidenced_tests::{
    fixture,
    plugins::{self, Layout},
    year,
};

use crate::{build, run::report};

/// Ends well if every slot and every mail is as it should be, and the ledger verifies.
pub(crate) fn run(layout: &Layout) -> Result<ExitCode> {
    build(layout)?;
    plugins::build_fixtures(layout)?;
    let dir = layout.target.join("year");
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    let lived = year::live(&dir, &layout.target.join("plugins"), &fixture("rows"))?;
    println!("{}", year::table(&lived));
    let problems = lived.problems();
    problems.iter().for_each(|problem| report(problem));
    let binary = layout.target.join("release/evidenced");
    let mut verify = Command::new(&binary);
    verify.args(["verify", "--deep", "--config"]).arg(&lived.config_file);
    let verified = verify.status().with_context(|| format!("cannot start {}", binary.display()))?;
    Ok(if problems.is_empty() && verified.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
