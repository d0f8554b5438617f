//! `evidenced plugin WORD`: what authors of plugins do, without a daemon. One file a word.

mod bench;
mod bindings;
mod componentize;
mod docs;
mod inspect;
mod new;
mod run;
mod test;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::{Context, ExitStatus, run::child_compiler};
use crate::{
    author::{Target, workbench},
    sandbox::{Plugin, Sandbox},
};

/// Write, build, try and look at a plugin.
#[derive(Debug, Args)]
pub(super) struct PluginArguments {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, Subcommand)]
enum Word {
    New(new::NewArguments),
    Componentize(componentize::ComponentizeArguments),
    Bindings(bindings::BindingsArguments),
    Test(test::TestArguments),
    // The largest by far.
    Run(Box<run::RunArguments>),
    Inspect(inspect::InspectArguments),
    Bench(bench::BenchArguments),
    Docs(docs::DocsArguments),
}

impl PluginArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        match self.word {
            Word::New(arguments) => arguments.run(context),
            Word::Componentize(arguments) => arguments.run(context),
            Word::Bindings(arguments) => arguments.run(context),
            Word::Test(arguments) => arguments.run(context),
            Word::Run(arguments) => arguments.run(context),
            Word::Inspect(arguments) => arguments.run(context),
            Word::Bench(arguments) => arguments.run(context),
            Word::Docs(arguments) => arguments.run(context),
        }
    }
}

/// The sandbox of these commands: compiled in a child as the daemon does it, and kept in the user's cache.
fn sandbox() -> anyhow::Result<std::sync::Arc<Sandbox>> {
    Ok(workbench(child_compiler()?, cache())?)
}

/// Where compiled plugins are kept; none for a user without a home.
fn cache() -> Option<PathBuf> {
    let of_user = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let of_home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
    of_user.filter(|path| path.is_absolute()).or_else(of_home).map(|cache| cache.join("evidenced/plugins"))
}

/// The plugin that is meant, loaded.
fn load(sandbox: &Sandbox, path: &Path) -> anyhow::Result<(Target, Plugin)> {
    let target = Target::find(path)?;
    let plugin = sandbox.load(&target.bytes()?).with_context(|| target.file.display().to_string())?;
    Ok((target, plugin))
}
