use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::{Context, ExitStatus, ask::ask};
use crate::{
    desk::{Line, Question, ReportFormat},
    domain::WindowId,
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
        let formats = self.format.into_iter().map(Format::asked).collect();
        let mut is_clean = None;
        let refused = ask(context, question(self.window, formats), |line| {
            match line {
                Line::File { name, content } => context.printer.file(&write(&self.output, &name, &content)?)?,
                Line::Reported { is_clean: answer } => is_clean = Some(answer),
                _ => {}
            }
            Ok(())
        })?;
        if let Some(refused) = refused {
            return Ok(refused);
        }
        let is_clean = is_clean.context("the answer ended before the report was complete")?;
        Ok(if self.exit_code && !is_clean { ExitStatus::No } else { ExitStatus::Done })
    }
}

impl Format {
    const fn asked(self) -> ReportFormat {
        match self {
            Self::Html => ReportFormat::Html,
            Self::Json => ReportFormat::Json,
            Self::Csv => ReportFormat::Csv,
        }
    }
}

/// Without formats, all of them.
pub(super) fn question(window: WindowId, mut formats: Vec<ReportFormat>) -> Question {
    if formats.is_empty() {
        formats.extend([ReportFormat::Html, ReportFormat::Json, ReportFormat::Csv]);
    }
    Question::Report { window, formats }
}

/// Writes one file of a report into a folder, which is made if it is not there.
pub(super) fn write(folder: &Path, name: &str, content: &str) -> anyhow::Result<PathBuf> {
    // It comes from a daemon, and must not lead elsewhere.
    let name = Path::new(name).file_name().context("a file of the report has no name")?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join(name);
    std::fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
