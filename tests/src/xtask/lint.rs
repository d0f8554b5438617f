//! `make lint`: everything that must hold for the text of the project. All of it is looked at before it says no.

use std::process::{Command, ExitCode};

use anyhow::Result;
use evidenced_tests::plugins::Layout;

use crate::run::{Cargo, report};

pub(crate) fn run(layout: &Layout) -> Result<ExitCode> {
    let mut wrong = Vec::new();
    let mut look = |what: &'static str, cargo: Cargo| -> Result<()> {
        report(&format!("{:>12} {what}", "Checking"));
        if !cargo.succeeds()? {
            wrong.push(what);
        }
        Ok(())
    };
    look("formatting", Cargo::new(layout, "fmt").args(["--all", "--check"]))?;
    let clippy = Cargo::new(layout, "clippy").args(["--quiet", "--workspace", "--all-targets"]);
    look("clippy", clippy.args(["--", "--deny", "warnings"]))?;
    // The rooms are private, and what their head comments link to is what a reader of the code looks for.
    let documentation = Cargo::new(layout, "doc").args(["--quiet", "--workspace", "--no-deps"]);
    let documentation = documentation.args(["--document-private-items"]);
    look("documentation", documentation.env("RUSTDOCFLAGS", "--deny warnings"))?;
    if has_deny() || install_deny(layout)? {
        let deny = |words: &[&str]| Cargo::new(layout, "deny").args(["--config", ".cargo/deny.toml"]).args(words);
        look("licences and sources", deny(&["check", "bans", "licenses", "sources"]))?;
        if deny(&["fetch", "db"]).succeeds()? {
            look("advisories", deny(&["--offline", "check", "advisories"]))?;
        } else {
            report("warning: the database of advisories cannot be reached: they were not looked at");
        }
    } else {
        report("warning: cargo-deny is not here and cannot be installed: licences and advisories were not looked at");
    }
    if wrong.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    report(&format!("error: {} did not pass", wrong.join(", ")));
    Ok(ExitCode::FAILURE)
}

fn has_deny() -> bool {
    Command::new("cargo-deny").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Costs minutes, once.
fn install_deny(layout: &Layout) -> Result<bool> {
    report(&format!("{:>12} cargo-deny, which takes some minutes, once", "Installing"));
    Cargo::new(layout, "install").args(["--quiet", "--locked", "cargo-deny"]).succeeds()
}
