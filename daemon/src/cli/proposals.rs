use clap::Args;

use super::{
    Context, ExitStatus,
    ask::{ask, write},
    moment::minute,
    table::table,
};
use crate::{
    desk::{Line, ProposalLine, ProposalState, Question},
    domain::{Act, Silence},
};

/// What one person proposed and another is to approve.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  evidenced proposals\n  evidenced proposals --all")]
pub(super) struct ProposalsArguments {
    /// Also those that were approved, rejected or withdrawn.
    #[arg(long)]
    all: bool,
    /// Exit with 1 when any waits.
    #[arg(long)]
    exit_code: bool,
}

/// Agree to what another person proposed: it has effect from now on.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  evidenced approve 7 --reason 'read the ticket, root cause is plausible'\n\nAn erasure that was \
                  interrupted is taken up again by approving it again."
)]
pub(super) struct ApproveArguments {
    #[command(flatten)]
    answer: Answer,
}

/// Reject what another person proposed, or withdraw what you did.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  evidenced reject 7 --reason 'the response does not say who watches it now'")]
pub(super) struct RejectArguments {
    #[command(flatten)]
    answer: Answer,
}

#[derive(Debug, Args)]
struct Answer {
    /// The number of the proposal; `evidenced proposals` has it.
    proposal: u64,
    /// Why; your name is added.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl ApproveArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let Answer { proposal, reason } = self.answer;
        write(context, Question::Approve { proposal, words: reason })
    }
}

impl RejectArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let Answer { proposal, reason } = self.answer;
        write(context, Question::Drop { proposal, words: reason })
    }
}

impl ProposalsArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let mut proposals = Vec::new();
        let refused = ask(context, Question::Proposals { all: self.all }, |line| {
            if let Line::Proposal(proposal) = line {
                proposals.push(*proposal);
            }
            Ok(())
        })?;
        if let Some(refused) = refused {
            return Ok(refused);
        }
        if context.printer.is_json() {
            proposals.iter().try_for_each(|proposal| context.printer.object(proposal))?;
        } else if proposals.is_empty() {
            context.printer.talk("nothing waits for approval");
        } else {
            let rows: Vec<_> = proposals.iter().map(row).collect();
            context.printer.text(&table(&["proposal", "state", "made", "by", "what", "reason"], &rows))?;
        }
        let waits = proposals.iter().any(|proposal| proposal.state == ProposalState::Proposed);
        Ok(if self.exit_code && waits { ExitStatus::No } else { ExitStatus::Done })
    }
}

fn row(proposal: &ProposalLine) -> Vec<String> {
    let state = match &proposal.ended {
        Some((who, at, _)) => format!("{} by {who} {}", proposal.state.as_str(), minute(*at)),
        None => proposal.state.as_str().to_owned(),
    };
    vec![
        proposal.proposal.to_string(),
        state,
        minute(proposal.at),
        proposal.author.clone(),
        words(proposal),
        proposal.words.clone(),
    ]
}

fn words(proposal: &ProposalLine) -> String {
    match &proposal.act {
        Act::Exclude { control, until, .. } => {
            let subject = proposal.subject.as_deref().unwrap_or_default();
            format!("exclude {subject} from {control} until {}", minute(*until))
        }
        Act::Silence(Silence { controls, from, until }) => {
            let controls: Vec<_> = controls.iter().map(ToString::to_string).collect();
            format!("silence {} from {} until {}", controls.join(" "), minute(*from), minute(*until))
        }
        Act::CloseException { exception, control } => format!("close {exception} of {control}"),
        Act::AcceptClock => "believe the clock".to_owned(),
        Act::Erase { .. } => "erase a subject from the evidence".to_owned(),
    }
}
