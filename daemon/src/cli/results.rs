use clap::Args;

use super::{Context, ExitStatus, ask::ask, status::minute, table::table};
use crate::{
    desk::{Line, Question, SlotLine, SlotState},
    domain::{ControlId, Timestamp},
};

/// Every slot of a control, oldest first: run, late or missed.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  evidenced results SEC-01 --from 2026-03-01T00:00:00Z\n  evidenced results SEC-01 --json"
)]
pub(super) struct ResultsArguments {
    control: ControlId,
    /// First slot, inclusive (RFC 3339).
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Last slot, exclusive (RFC 3339).
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
}

impl ResultsArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let question = Question::Results { control: self.control, from: self.from, to: self.to };
        let mut rows = Vec::new();
        let refused = ask(context, question, |line| {
            match line {
                Line::Slot(slot) if context.printer.is_json() => context.printer.object(&slot)?,
                Line::Slot(slot) => rows.push(row(&slot)),
                _ => {}
            }
            Ok(())
        })?;
        if refused.is_none() && !context.printer.is_json() {
            context.printer.text(&table(&["slot", "state", "outcome", "reason", "failing", "sequence"], &rows))?;
        }
        Ok(refused.unwrap_or(ExitStatus::Done))
    }
}

fn row(slot: &SlotLine) -> Vec<String> {
    let state = match slot.state {
        SlotState::Run => "run",
        SlotState::Late => "late",
        SlotState::Missed => "missed",
    };
    let failing = match (slot.failing, slot.population) {
        (Some(failing), Some(population)) => format!("{failing} of {population}"),
        _ => String::new(),
    };
    vec![
        minute(&slot.slot.to_string()),
        state.to_owned(),
        slot.outcome.map(|outcome| outcome.as_str().to_owned()).unwrap_or_default(),
        slot.reason.clone().unwrap_or_default(),
        failing,
        slot.sequence.to_string(),
    ]
}
