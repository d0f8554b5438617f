use std::path::PathBuf;

use clap::Args;

use super::{Context, ExitStatus};
use crate::author::{BindingsLanguage, write_bindings};

/// Write the bindings that the contract's WIT generates.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  evidenced plugin bindings --lang c kit/bindings")]
pub(super) struct BindingsArguments {
    /// c or go.
    #[arg(long, value_name = "LANGUAGE")]
    lang: BindingsLanguage,
    /// The folder; it is made if it is not there, and files of the same names are replaced.
    directory: PathBuf,
}

impl BindingsArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        for path in write_bindings(self.lang, &self.directory)? {
            context.printer.file(&path)?;
        }
        Ok(ExitStatus::Done)
    }
}
