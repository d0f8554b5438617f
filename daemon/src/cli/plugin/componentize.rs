use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::{Context, ExitStatus};
use crate::author::{Shape, componentize};

/// Make a component of a core module, for languages whose tools make none.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  evidenced plugin componentize plugin.core.wasm -o api-keys.wasm\n\nThe contract's WIT is put into a module \
                  that carries none (Go); preview 1 of WASI is adapted only where the module imports it. Imports of \
                  `evidenced:check` stay those that the module has."
)]
pub(super) struct ComponentizeArguments {
    /// The core module.
    module: PathBuf,
    /// Where the component is written.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// A file or folder with a world `check` of your own, which a module without WIT is given instead of the contract's.
    #[arg(long, value_name = "PATH", conflicts_with = "command")]
    wit: Option<PathBuf>,
    /// Make a `wasi:cli` component of a preview-1 program instead of a check.
    #[arg(long)]
    command: bool,
}

impl ComponentizeArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let module = std::fs::read(&self.module).with_context(|| format!("cannot read {}", self.module.display()))?;
        let shape = if self.command { Shape::Command } else { Shape::Check };
        let made =
            componentize(&module, shape, self.wit.as_deref()).with_context(|| self.module.display().to_string())?;
        std::fs::write(&self.output, &made.component)
            .with_context(|| format!("cannot write {}", self.output.display()))?;
        context.printer.file(&self.output)?;
        if made.embedded_wit {
            context.printer.talk("the module carried no WIT: that of the contract was put into it");
        }
        if made.adapted {
            context.printer.talk("the module imports WASI preview 1: it was adapted to 0.2");
        }
        Ok(ExitStatus::Done)
    }
}
