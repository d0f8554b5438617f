//! The tool behind the Makefile: `make WORD` is `cargo xtask WORD`. Everything that it makes lies under `target/`.

mod bench;
mod lint;
mod run;
mod test;
mod year;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use evidenced_tests::plugins::{self, Layout};

use run::{daemon, report};

#[derive(Parser)]
#[command(name = "xtask", about = "Builds, tests, measures and shows evidenced")]
struct Arguments {
    #[command(subcommand)]
    word: Word,
}

#[derive(Subcommand)]
enum Word {
    /// The daemon in target/release, each standard plugin in target/plugins
    Build,
    /// Builds, then runs the demo; ARGS="--exit" ends it when it has shown everything
    Demo,
    /// Builds, then runs every test, in the dev profile
    Test,
    /// `test` with the slow rounds of the crash tests as well; ROUNDS=N says how many
    TestAll,
    /// Builds, then measures; writes target/bench.json
    Bench,
    /// Builds, then lets a year of 60 controls pass and prints its story; what is kept of it is in target/year
    Year,
    /// Formatting, clippy, documentation, licences and advisories
    Lint,
    /// A Debian package, in target/package
    Package,
    /// Builds the package, then tests it in a container that is booted by systemd; wants root
    TestSystemd,
    /// The JSON Schemas of what commands read and print, in target/schema
    Schema,
}

fn main() -> ExitCode {
    match run(Arguments::parse().word) {
        Ok(code) => code,
        Err(error) => {
            report(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(word: Word) -> Result<ExitCode> {
    let layout = Layout::of_this_checkout();
    match word {
        Word::Build => build(&layout)?,
        Word::Demo => {
            build(&layout)?;
            return daemon(&layout, "demo");
        }
        Word::Test => return test::run(&layout, test::Extent::Usual),
        Word::TestAll => return test::run(&layout, test::Extent::Everything),
        Word::Bench => return bench::run(&layout),
        Word::Year => return year::run(&layout),
        Word::Lint => return lint::run(&layout),
        Word::Package => {
            build(&layout)?;
            let package = evidenced_tests::package::build(&layout, &layout.target.join("release/evidenced"))?;
            report(&format!("{}", package.display()));
        }
        Word::TestSystemd => return test::run_systemd(&layout),
        Word::Schema => {
            for file in evidenced_tests::schema::write(&layout.target.join("schema"))? {
                report(&format!("{}", file.display()));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// All plugins. The daemon was built with this tool: the Makefile selects the whole workspace, since cargo unifies
/// features over a selection and another one would compile most dependencies again.
fn build(layout: &Layout) -> Result<()> {
    plugins::build(layout)
}
