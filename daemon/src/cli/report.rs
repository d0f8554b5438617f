use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::{Context, ExitStatus, Loaded, run};
use crate::{
    clock::{Clock, SystemClock},
    config::Config,
    desk::build_report,
    domain::{Timestamp, WindowId},
    fold::State,
    ledger::Ledger,
    summary::report::{Report, render_csv, render_html, render_json},
};

/// Writes what happened in an observation window: slots, deviations, exceptions, gaps, coverage, the checkpoint.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  evidenced report --window 2026 -o ./report\n  evidenced report --window 2026 --format csv -o ./report"
)]
pub(super) struct ReportArguments {
    /// The window's id.
    #[arg(long)]
    window: WindowId,
    /// Which files; all of them if it is left out.
    #[arg(long, value_enum)]
    format: Vec<Format>,
    /// The folder that they are written to.
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    output: PathBuf,
    /// Exit with 1 when the window has deviations, exceptions or slots that were not performed.
    #[arg(long)]
    exit_code: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Html,
    Json,
    Csv,
}

impl ReportArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let Some(Loaded { config, .. }) = context.load()? else { return Ok(ExitStatus::Usage) };
        let Some(window) = config.window(&self.window) else {
            let known: Vec<_> = config.windows.iter().map(|window| window.id.to_string()).collect();
            context.printer.talk(format_args!(
                "error: there is no window {}; there are: {}",
                self.window,
                known.join(", ")
            ));
            return Ok(ExitStatus::Usage);
        };
        let ledger = run::open_for_reading(&config)?;
        let report = build_report(&ledger, &config, window, SystemClock::new().now())?;
        let formats = if self.format.is_empty() { vec![Format::Html, Format::Json, Format::Csv] } else { self.format };
        for path in write_files(&report, &formats, &self.output)? {
            context.printer.file(&path)?;
        }
        Ok(if self.exit_code && !is_clean(&report) { ExitStatus::No } else { ExitStatus::Done })
    }
}

/// Nothing deviated, and everything that was scheduled gave a result.
fn is_clean(report: &Report) -> bool {
    let headline = &report.summary.headline;
    headline.exceptions == 0 && headline.total.deviations == 0 && headline.total.tested() == headline.total.due()
}

/// Every file of a window's report.
pub(super) fn write(
    ledger: &Ledger<State>,
    config: &Config,
    window: &WindowId,
    now: Timestamp,
    output: &Path,
) -> anyhow::Result<()> {
    let window = config.window(window).with_context(|| format!("there is no window {window}"))?;
    let report = build_report(ledger, config, window, now)?;
    write_files(&report, &[Format::Html, Format::Json, Format::Csv], output)?;
    Ok(())
}

fn write_files(report: &Report, formats: &[Format], output: &Path) -> anyhow::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(output).with_context(|| format!("cannot make {}", output.display()))?;
    let mut files = Vec::new();
    for format in formats {
        match format {
            Format::Html => files.push(("report.html".to_owned(), render_html(report))),
            Format::Json => files.push(("report.json".to_owned(), render_json(report))),
            Format::Csv => {
                files.extend(render_csv(report).into_iter().map(|file| (file.name.to_owned(), file.content)))
            }
        }
    }
    let mut written = Vec::new();
    for (name, text) in files {
        let path = output.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        written.push(path);
    }
    Ok(written)
}
