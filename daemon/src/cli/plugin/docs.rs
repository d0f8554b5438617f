use std::path::PathBuf;

use clap::Args;

use super::{Context, ExitStatus, load, sandbox};
use crate::author::page;

/// Write the page of a plugin, as Markdown: every key of its configuration, and what it needs.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  evidenced plugin docs api-keys.wasm > api-keys.md")]
pub(super) struct DocsArguments {
    /// A plugin's file, or a project's folder.
    plugin: PathBuf,
}

impl DocsArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let (target, plugin) = load(&*sandbox()?, &self.plugin)?;
        if let Some(warning) = plugin.warning() {
            context.printer.talk(warning);
        }
        let page = page(&plugin.description_for(&target.stem()));
        if context.printer.is_json() {
            context.printer.object(&serde_json::json!({ "markdown": page }))?;
        } else {
            context.printer.text(&page)?;
        }
        Ok(ExitStatus::Done)
    }
}
