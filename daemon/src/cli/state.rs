use clap::{Args, Subcommand};

use super::{Context, ExitStatus, ask::write};
use crate::{desk::Question, domain::ControlId};

/// What plugins keep for themselves between runs.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  evidenced state reset CNF-03 --reason 'a new baseline after the move'")]
pub(super) struct StateArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Forget it: the next run begins as the first did. Results and evidence stay.
    Reset {
        control: ControlId,
        /// Why; your name is added.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

impl StateArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let Action::Reset { control, reason } = self.action;
        write(context, Question::ResetState { control, words: reason })
    }
}
