//! `make bench`: measures what users pay for: time, bytes, memory. Nothing fails here; a figure that misses its goal
//! is marked.
//!
//! `ROUNDS=N` makes every measurement N times as long. Words in `ARGS` choose parts, by the names of the modules.
#![expect(clippy::print_stdout, reason = "it prints what it has measured")]

mod daemon;
mod events;
mod figure;
mod full_path;
mod machine;
mod probe;
mod results;
mod rig;
mod run;
mod steady;
mod year;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use evidenced_tests::plugins::Layout;

use figure::Figures;

/// What every part is given.
struct Bench {
    /// A folder of its own on the disk that is measured; removed at the end.
    dir: PathBuf,
    target: PathBuf,
    rounds: u32,
}

fn main() -> Result<()> {
    let layout = Layout::of_this_checkout();
    let dir =
        tempfile::Builder::new().prefix("bench-").tempdir_in(&layout.target).context("no folder to measure in")?;
    let rounds = std::env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1_u32).max(1);
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let bench = Bench { dir: dir.path().to_owned(), target: layout.target.clone(), rounds };

    println!("{}\n", machine::describe(&bench.dir));
    let mut figures = Figures::default();
    type Part = fn(&Bench, &mut Figures) -> Result<()>;
    let parts: [(&str, Part); 8] = [
        ("run", run::measure),
        ("full_path", full_path::measure),
        ("steady", steady::measure),
        ("results", results::measure),
        ("probe", probe::measure),
        ("year", year::measure),
        ("daemon", daemon::measure),
        ("events", events::measure),
    ];
    for (name, measure) in parts {
        if chosen.is_empty() || chosen.iter().any(|word| word == name) {
            measure(&bench, &mut figures).with_context(|| format!("measuring `{name}`"))?;
        }
    }
    let file = layout.target.join("bench.json");
    figures.write(&file)?;
    println!("\n{}", file.display());
    Ok(())
}

impl Bench {
    /// A new folder for one part.
    fn folder(&self, name: &str) -> Result<PathBuf> {
        make(&self.dir.join(name))
    }
}

fn make(dir: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir.to_owned())
}
