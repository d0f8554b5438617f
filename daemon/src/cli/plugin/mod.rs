//! `evidenced plugin WORD`: one file a word.

mod keygen;
mod lock;
mod pull;
mod push;
mod registry;
mod sign;
mod update;
mod verify;

use clap::{Args, Subcommand};

use super::{Context, ExitStatus, fit, run};
use crate::sandbox::Sandbox;

/// Plugins: sign and verify them, pin them by a lock, bring them to a registry and back, update them.
#[derive(Debug, Args)]
pub(super) struct PluginArguments {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, Subcommand)]
enum Word {
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

/// A sandbox of this command's own, in which nothing is kept.
fn sandbox() -> anyhow::Result<std::sync::Arc<Sandbox>> {
    fit::sandbox(run::compile_in_child()?)
}
