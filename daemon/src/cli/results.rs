use clap::Args;

use super::{Context, ExitStatus, ask::ask_by, moment, table::table};
use crate::{
    config::Config,
    desk::{FurtherLine, Line, Question, SlotLine, SlotState},
    domain::{ControlId, Timestamp},
    recorder::zone,
};

/// Every slot of a control, oldest first: run, late or missed; and what was asked for by hand.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  evidenced results SEC-01 --from 2026-03-01\n  evidenced results SEC-01 --json")]
pub(super) struct ResultsArguments {
    /// Its id, such as SEC-01.
    control: ControlId,
    /// The first moment, inclusive: RFC 3339, or a day or time of the clocks of the control's zone.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// The end, exclusive, written the same way.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

impl ResultsArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let Some(loaded) = context.load()? else { return Ok(ExitStatus::Usage) };
        let question = match self.question(&loaded.config) {
            Ok(question) => question,
            Err(error) => {
                context.printer.error(&error);
                return Ok(ExitStatus::Usage);
            }
        };
        let mut rows = Vec::new();
        let mut unknown = None;
        let refused = ask_by(context, loaded, question, |line| {
            let Line::Slot(slot) = line else { return Ok(()) };
            if context.printer.is_json() {
                return context.printer.object(&slot);
            }
            // Once for a stretch, and not for each of its slots.
            if slot.unknown.is_some() && unknown != slot.unknown {
                context.printer.talk(slot.unknown.as_deref().unwrap_or_default());
            }
            unknown.clone_from(&slot.unknown);
            rows.push(row(&slot));
            rows.extend(slot.further.iter().map(further));
            Ok(())
        })?;
        if refused.is_none() && !context.printer.is_json() {
            context.printer.text(&table(&["slot", "state", "outcome", "reason", "failing", "sequence"], &rows))?;
        }
        Ok(refused.unwrap_or(ExitStatus::Done))
    }

    fn question(self, config: &Config) -> anyhow::Result<Question> {
        let control = config.control(&self.control);
        let zone = zone(control.map_or(&config.timezone, |control| &control.check.timezone));
        let at = |text: Option<String>, option| text.map(|text| moment::parse(&text, &zone, option)).transpose();
        let (from, to): (Option<Timestamp>, _) = (at(self.from, "--from")?, at(self.to, "--to")?);
        if from.zip(to).is_some_and(|(from, to)| to < from) {
            anyhow::bail!("--to is earlier than --from: they name the end, exclusive, and the start, inclusive");
        }
        Ok(Question::Results { control: self.control, from, to })
    }
}

fn further(run: &FurtherLine) -> Vec<String> {
    vec![
        String::new(),
        "further".to_owned(),
        run.outcome.as_str().to_owned(),
        run.reason.clone().unwrap_or_default(),
        failing(run.failing, run.population),
        run.sequence.to_string(),
    ]
}

fn failing(failing: Option<u32>, population: Option<u32>) -> String {
    match (failing, population) {
        (Some(failing), Some(population)) => format!("{failing} of {population}"),
        _ => String::new(),
    }
}

fn row(slot: &SlotLine) -> Vec<String> {
    let state = match slot.state {
        SlotState::Run if !slot.scheduled => "by hand",
        SlotState::Run => "run",
        SlotState::Late => "late",
        SlotState::Missed => "missed",
    };
    let doubt = slot.clock_in_doubt.then(|| "clock in doubt".to_owned());
    let excluded = slot.exclusions.iter().map(|number| format!("exclusion {number} in force"));
    let reason = slot.reason.clone().into_iter().chain(doubt).chain(excluded).collect::<Vec<_>>().join(", ");
    vec![
        moment::slot(slot.slot),
        state.to_owned(),
        slot.outcome.map(|outcome| outcome.as_str().to_owned()).unwrap_or_default(),
        reason,
        failing(slot.failing, slot.population),
        slot.sequence.to_string(),
    ]
}
