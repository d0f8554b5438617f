use clap::Args;

use super::{Context, ExitStatus, ask::ask, moment, table::table};
use crate::{
    desk::{ControlLine, Line, PulseLine, Question, Status},
    fold::DoubtSince,
    mail::words::clock_doubt,
};

/// What is tested, and how each control stands.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  evidenced status\n  evidenced status --exit-code && echo all is well")]
pub(super) struct StatusArguments {
    /// Exit with 1 when a control fails or is untested, the configuration was refused, the clock is in doubt, or
    /// something is wrong with evidenced itself.
    #[arg(long)]
    exit_code: bool,
}

impl StatusArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let mut status = None;
        let refused = ask(context, Question::Status, |line| {
            if let Line::Status(answer) = line {
                status = Some(answer);
            }
            Ok(())
        })?;
        if let Some(refused) = refused {
            return Ok(refused);
        }
        let Some(status) = status else { anyhow::bail!("the daemon answered without a status") };
        if context.printer.is_json() {
            context.printer.object(&status)?;
        } else {
            context.printer.text(&words(&status))?;
        }
        let is_itself_well =
            !status.configuration_refused && status.clock_doubt.is_none() && status.problems.is_empty();
        let is_well = is_itself_well && status.controls.iter().all(is_well);
        Ok(if self.exit_code && !is_well { ExitStatus::No } else { ExitStatus::Done })
    }
}

fn is_well(control: &ControlLine) -> bool {
    !matches!(control.state.as_str(), "failing" | "suspect" | "untested")
}

fn words(status: &Status) -> String {
    let Status { organization, instance, software, entries, root, .. } = status;
    let daemon = if status.is_running { "running" } else { "not running (read from the store)" };
    let mut text = format!("{organization} · {instance} · evidenced {software} · {daemon}\n");
    if status.configuration_refused {
        text.push_str("the files of the configuration are refused: the last accepted configuration is used\n");
    }
    if !status.after_restart.is_empty() {
        let keys = status.after_restart.join(", ");
        text.push_str(&format!("changed in the configuration, in force after a restart: {keys}\n"));
    }
    if let Some(DoubtSince { since, doubt }) = status.clock_doubt {
        let why = clock_doubt(doubt);
        text.push_str(&format!("the clock is in doubt since {since}: {why}; runs go by the time since boot\n"));
    }
    text.push_str(&format!("{entries} entries, root {root}\n"));
    let open = status.open_exceptions;
    let overdue = status.overdue_exceptions;
    let exceptions = if open == 1 { "exception" } else { "exceptions" };
    let unclosed = status.unclosed_exceptions;
    text.push_str(&format!(
        "{open} open {exceptions}, {overdue} of them overdue; {unclosed} recovered and not closed\n"
    ));
    if status.mails_waiting > 0 || status.dead_letters > 0 {
        let since = status.oldest_waiting.map(|at| format!(" (the oldest since {at})")).unwrap_or_default();
        let (waiting, dead) = (status.mails_waiting, status.dead_letters);
        text.push_str(&format!("{waiting} deliveries by mail and webhook wait{since}, {dead} dead letters\n"));
    }
    if let Some(until) = status.held_until {
        let alerts = if status.alerts_held == 1 { "alert is" } else { "alerts are" };
        text.push_str(&format!("{} {alerts} held to go out later, the first at {until}\n", status.alerts_held));
    }
    if status.silences > 0 {
        text.push_str(&format!("{}: evidenced silence list\n", counted(status.silences, "silence", "in force")));
    }
    if status.exclusions > 0 {
        text.push_str(&format!("{}: evidenced exclusions\n", counted(status.exclusions, "exclusion", "in force")));
    }
    if status.proposals > 0 {
        text.push_str(&format!(
            "{}: evidenced proposals\n",
            counted(status.proposals, "proposal", "waiting for a second person")
        ));
    }
    if let Some(PulseLine { arrived, failing_since: Some(since), why }) = &status.heartbeat {
        let why = why.as_deref().unwrap_or_default();
        let newest = arrived.map_or_else(|| "none arrived yet".to_owned(), |at| format!("the newest arrived at {at}"));
        text.push_str(&format!("heartbeats do not arrive since {since}: {why}; {newest}\n"));
    }
    for problem in &status.problems {
        text.push_str(&format!("problem: {problem}\n"));
    }
    text.push('\n');
    let rows: Vec<_> = status.controls.iter().map(row).collect();
    text.push_str(&table(&["control", "state", "last slot", "outcome", "next slot", "title"], &rows));
    text
}

fn counted(count: u64, noun: &str, what: &str) -> String {
    if count == 1 { format!("1 {noun} {what}") } else { format!("{count} {noun}s {what}") }
}

fn row(control: &ControlLine) -> Vec<String> {
    let time = |slot: Option<crate::domain::SlotTime>| slot.map(moment::slot).unwrap_or_default();
    let exception = control.exception.map(|id| format!(" {id}")).unwrap_or_default();
    vec![
        control.control.to_string(),
        format!("{}{exception}", control.state),
        time(control.last_slot),
        match (control.last_outcome, control.last_reason) {
            (Some(outcome), Some(reason)) => format!("{}: {}", outcome.as_str(), reason.word()),
            (Some(outcome), None) => outcome.as_str().to_owned(),
            (None, _) => String::new(),
        },
        time(control.next_slot),
        control.title.clone(),
    ]
}
