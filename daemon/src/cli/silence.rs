use std::time::Duration;

use clap::{Args, Subcommand};

use super::{
    Context, ExitStatus,
    ask::{ask, write, write_by},
    moment::{self, minute},
    table::table,
};
use crate::{
    clock::{Clock, SystemClock},
    config::duration,
    desk::{Line, Question, SilenceLine},
    domain::{ControlPattern, Silence, Timestamp},
    recorder::zone,
};

/// Stop mails about controls for a time; tests go on, and what fails is recorded.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Example:\n  evidenced silence 'AVL-*' --for 4h --reason 'the cluster is moved'\n  evidenced silence 'AVL-*' \
                  --from 2026-12-24T22:00 --until 2026-12-25T02:00 --reason 'planned maintenance'\n  evidenced silence \
                  list\n  evidenced silence end 3 --reason 'done early'\n\nOne of more than 24 hours has no effect until another \
                  person approves it. When it ends, what fails still is told."
)]
pub(super) struct SilenceArguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    begin: BeginArguments,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Those that are in force or planned.
    List {
        /// Also those that have ended.
        #[arg(long)]
        all: bool,
    },
    /// End one before its time.
    End {
        /// The number of the silence; `evidenced silence list` has it.
        silence: u64,
        /// Why; your name is added.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Debug, Args)]
struct BeginArguments {
    /// Ids of controls; `*` stands for any text.
    #[arg(required = true, value_name = "CONTROL")]
    controls: Vec<ControlPattern>,
    /// When it begins; without it, now.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// How long it lasts, such as 4h.
    #[arg(long = "for", value_name = "DURATION", required_unless_present = "until", conflicts_with = "until", value_parser = parse_duration)]
    length: Option<Duration>,
    /// When it ends.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Why; your name is added.
    #[arg(long, value_name = "TEXT", required = true)]
    reason: Option<String>,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "write a duration such as 90m, 4h or 2d".to_owned())
}

impl SilenceArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        match self.action {
            Some(Action::List { all }) => list(context, all),
            Some(Action::End { silence, reason }) => write(context, Question::EndSilence { silence, words: reason }),
            None => begin(context, self.begin),
        }
    }
}

fn begin(context: &Context, arguments: BeginArguments) -> anyhow::Result<ExitStatus> {
    let BeginArguments { controls, from, length, until, reason } = arguments;
    let Some(loaded) = context.load()? else { return Ok(ExitStatus::Usage) };
    let zone = zone(&loaded.config.timezone);
    let now = SystemClock::new().now();
    let time = |text: Option<String>, option| text.map(|text| moment::parse(&text, &zone, option)).transpose();
    let from = time(from, "--from")?;
    let begins: Timestamp = from.unwrap_or(now);
    let until = time(until, "--until")?.unwrap_or_else(|| begins.plus(length.unwrap_or_default()));
    let what = Silence { controls, from: begins, until };
    let question = Question::Silence { what, words: reason.unwrap_or_default() };
    write_by(context, loaded, question)
}

fn list(context: &Context, all: bool) -> anyhow::Result<ExitStatus> {
    let mut silences = Vec::new();
    let refused = ask(context, Question::Silences { all }, |line| {
        if let Line::Silence(silence) = line {
            silences.push(*silence);
        }
        Ok(())
    })?;
    if context.printer.is_json() {
        silences.iter().try_for_each(|silence| context.printer.object(silence))?;
    } else if refused.is_none() && silences.is_empty() {
        context.printer.talk("nothing is silenced");
    } else if refused.is_none() {
        let rows: Vec<_> = silences.iter().map(row).collect();
        context.printer.text(&table(&["silence", "controls", "from", "until", "withheld", "by", "reason"], &rows))?;
    }
    Ok(refused.unwrap_or(ExitStatus::Done))
}

fn row(silence: &SilenceLine) -> Vec<String> {
    let controls: Vec<_> = silence.controls.iter().map(ToString::to_string).collect();
    let until = match silence.ended {
        Some(ended) if ended < silence.until => format!("{} (ended {})", minute(silence.until), minute(ended)),
        Some(_) => format!("{} (over)", minute(silence.until)),
        None => minute(silence.until),
    };
    let withheld: u64 = silence.withheld.iter().map(|(_, alerts)| u64::from(*alerts)).sum();
    vec![
        silence.silence.to_string(),
        controls.join(" "),
        minute(silence.from),
        until,
        withheld.to_string(),
        silence.author.clone(),
        silence.words.clone(),
    ]
}
