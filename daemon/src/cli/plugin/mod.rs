//! `evidenced plugin WORD`: what is done with plugins: by their authors, without a daemon, and by those who run them. One
//! file a word.

mod bench;
mod bindings;
mod componentize;
mod docs;
mod inspect;
mod keygen;
mod lock;
mod new;
mod pull;
mod push;
mod registry;
mod run;
mod sign;
mod test;
mod update;
mod verify;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::{Context, ExitStatus, run::compile_in_child};
use crate::{
    author::{Target, workbench},
    sandbox::{Plugin, Sandbox},
};

/// Plugins: write, build, try and look at them; sign and pin them, bring them to a registry and back, update them.
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
    Keygen(keygen::KeygenArguments),
    Sign(sign::SignArguments),
    Verify(verify::VerifyArguments),
    Lock(lock::LockArguments),
    Push(push::PushArguments),
    Pull(pull::PullArguments),
    Update(update::UpdateArguments),
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
            Word::Keygen(arguments) => arguments.run(context),
            Word::Sign(arguments) => arguments.run(context),
            Word::Verify(arguments) => arguments.run(context),
            Word::Lock(arguments) => arguments.run(context),
            Word::Push(arguments) => arguments.run(context),
            Word::Pull(arguments) => arguments.run(context),
            Word::Update(arguments) => arguments.run(context),
        }
    }
}

/// The sandbox of these commands: compiled in a child as the daemon does it, and kept in the user's cache.
fn sandbox() -> anyhow::Result<std::sync::Arc<Sandbox>> {
    Ok(workbench(compile_in_child()?, cache())?)
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
