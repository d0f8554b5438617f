use clap::Args;

use super::{
    Context, ExitStatus,
    ask::{ask, write, write_by},
    moment::minute,
    table::table,
};
use crate::{
    config::until,
    desk::{ExclusionLine, Line, Question},
    domain::ControlId,
    recorder::zone,
};

/// Propose that a control judges a subject no more for a time, or end that.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  evidenced exclude SEC-01 AKIA0001 --until 2026-09-30 --reason 'the key of a supplier that leaves \
                  in September, risk 42'\n  evidenced exclude --end SEC-01 AKIA0001 --reason 'they have left'\n  evidenced \
                  exclusions\n\nIt has no effect until another person approves it; then the control becomes another version. \
                  Ending one needs nobody else. Those of the configuration (`exclude`) begin and end there."
)]
pub(super) struct ExcludeArguments {
    control: ControlId,
    /// As it stands in the evidence; `*` stands for any text.
    subject: String,
    /// Until when: a day, inclusive, or a time. From then on it is tested again.
    #[arg(long, value_name = "TIME", required_unless_present = "end", conflicts_with = "end")]
    until: Option<String>,
    /// End it now.
    #[arg(long)]
    end: bool,
    /// Why, in at least 20 characters; your name is added. It may be left out with --end.
    #[arg(long, value_name = "TEXT", required_unless_present = "end")]
    reason: Option<String>,
}

/// Subjects that controls do not judge, with who says so and why.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  evidenced exclusions\n  evidenced exclusions --all")]
pub(super) struct ExclusionsArguments {
    /// Also those that are over or were ended.
    #[arg(long)]
    all: bool,
}

impl ExcludeArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let Self { control, subject, until: end, end: ends, reason } = self;
        if ends {
            let words = reason.unwrap_or_else(|| "ended without a reason given".to_owned());
            return write(context, Question::EndExclusion { control, subject, words });
        }
        let Some(loaded) = context.load()? else { return Ok(ExitStatus::Usage) };
        let zone = zone(loaded.config.control(&control).map_or(&loaded.config.timezone, |known| &known.check.timezone));
        let end = end.unwrap_or_default();
        let Some(until) = until(&end, &zone) else {
            context
                .printer
                .talk(format_args!("--until `{end}` is no time; write 2026-06-30 (inclusive) or 2026-06-30T12:00:00Z"));
            return Ok(ExitStatus::Usage);
        };
        let words = reason.unwrap_or_default();
        write_by(context, loaded, Question::Exclude { control, subject, until, words })
    }
}

impl ExclusionsArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let mut exclusions = Vec::new();
        let refused = ask(context, Question::Exclusions { all: self.all }, |line| {
            if let Line::Exclusion(exclusion) = line {
                exclusions.push(*exclusion);
            }
            Ok(())
        })?;
        if context.printer.is_json() {
            exclusions.iter().try_for_each(|exclusion| context.printer.object(exclusion))?;
        } else if refused.is_none() && exclusions.is_empty() {
            context.printer.talk("nothing is excluded");
        } else if refused.is_none() {
            let rows: Vec<_> = exclusions.iter().map(row).collect();
            context.printer.text(&table(&["control", "subject", "state", "until", "approval", "reason"], &rows))?;
        }
        Ok(refused.unwrap_or(ExitStatus::Done))
    }
}

fn row(exclusion: &ExclusionLine) -> Vec<String> {
    let approval = match (&exclusion.decided, &exclusion.claimed) {
        (Some(decided), _) => format!("by {}, wanted by {} ({})", decided.approver, decided.author, decided.exclusion),
        (None, Some(claimed)) => format!("claimed: {claimed}"),
        (None, None) => "none".to_owned(),
    };
    let ended = exclusion.decided.as_ref().and_then(|decided| decided.ended.as_ref());
    let state = match ended {
        Some((who, at, _)) => format!("ended by {who} {}", minute(*at)),
        None => exclusion.state.as_str().to_owned(),
    };
    vec![
        exclusion.control.to_string(),
        exclusion.subject.clone(),
        state,
        exclusion.until.map_or_else(|| "never".to_owned(), minute),
        approval,
        exclusion.reason.clone(),
    ]
}
