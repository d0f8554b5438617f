use clap::{Args, Subcommand};

use super::{Context, ExitStatus, ask::write};
use crate::desk::Question;

/// The wall clock, when it is in doubt.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  evidenced clock accept --reason 'no time server can be reached; compared with two other \
                  clocks'\n\nWhether it is in doubt: evidenced status"
)]
pub(super) struct ClockArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say that it is right. Once another person has approved that, everything goes by it again; the ledger keeps who said
    /// so and why.
    Accept {
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

impl ClockArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let Action::Accept { reason } = self.action;
        write(context, Question::AcceptClock { reason })
    }
}
