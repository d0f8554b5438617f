use std::fmt::Write;

use clap::{Args, Subcommand, ValueEnum};

use super::{
    Context, ExitStatus,
    ask::{ask, write},
    moment,
    moment::minute,
    table::table,
};
use crate::{
    desk::{ExceptionLine, Line, Question},
    domain::{ControlId, ExceptionId, ExceptionState, LocalDay, NoteKind, escaped},
    recorder::zone,
};

/// Cases about controls that fail: list them, look at one, acknowledge it, write to it, close it.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example:\n  evidenced exceptions\n  evidenced exceptions show EX-2026-0007\n  evidenced exceptions ack EX-2026-0007 \
                  'seen, the key is rotated tomorrow'\n  evidenced exceptions note EX-2026-0007 --about root-cause 'the \
                  rotation job had lost its role'\n  evidenced exceptions close EX-2026-0007 --root-cause 'the rotation job \
                  had lost its role' --response 'the role is back, and its loss is alerted'"
)]
pub(super) struct ExceptionsArguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: ListArguments,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// All of them, recovered and closed ones too.
    #[command(
        after_help = "Example:\n  evidenced exceptions list\n  evidenced exceptions list --state overdue --exit-code"
    )]
    List(ListArguments),
    /// One, with its subjects and notes.
    #[command(after_help = "Example:\n  evidenced exceptions show EX-2026-0007")]
    Show {
        /// The exception, such as EX-2026-0007; `evidenced exceptions` lists them.
        id: ExceptionId,
    },
    /// Say that a person has seen it.
    #[command(
        after_help = "Example:\n  evidenced exceptions ack EX-2026-0007 --until 2026-03-09 'seen, the key is rotated on Monday'"
    )]
    Ack {
        /// The exception, such as EX-2026-0007; `evidenced exceptions` lists them.
        id: ExceptionId,
        /// What is to be kept of it, in quotes; your name is added.
        words: String,
        /// The day by whose end it is fixed, or a moment; nobody is reminded before. Without it, the time to fix.
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
    },
    /// Write a root cause, a response, a corrective action or a remark to it.
    #[command(
        after_help = "Example:\n  evidenced exceptions note EX-2026-0007 --about root-cause 'the rotation job had lost its role'"
    )]
    Note {
        /// The exception, such as EX-2026-0007; `evidenced exceptions` lists them.
        id: ExceptionId,
        /// What the words are about.
        #[arg(long, value_enum, default_value = "remark")]
        about: About,
        /// What is to be kept, in quotes; your name is added.
        words: String,
    },
    /// Propose to close it: the test passes again, and root cause and response are given, here or in notes before. It is
    /// closed when another person approves.
    #[command(
        after_help = "Example:\n  evidenced exceptions close EX-2026-0007 --root-cause 'the rotation job had lost its role' \
                      --response 'the role is back, and its loss is alerted'"
    )]
    Close {
        id: ExceptionId,
        /// Why it failed.
        #[arg(long, value_name = "TEXT")]
        root_cause: Option<String>,
        /// What was done about it.
        #[arg(long, value_name = "TEXT")]
        response: Option<String>,
        /// Of the closing itself: who reviewed it, say.
        #[arg(default_value = "closed")]
        words: String,
    },
}

#[derive(Debug, Args)]
struct ListArguments {
    /// Only those in this state.
    #[arg(long, value_enum)]
    state: Option<StateArgument>,
    /// Only those of this control.
    #[arg(long)]
    control: Option<ControlId>,
    /// Exit with 1 when any is listed.
    #[arg(long)]
    exit_code: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StateArgument {
    Open,
    Overdue,
    Recovered,
    Closed,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum About {
    RootCause,
    Response,
    CorrectiveAction,
    Remark,
}

impl ExceptionsArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        match self.action.unwrap_or(Action::List(self.list)) {
            Action::List(arguments) => list(context, &arguments),
            Action::Show { id } => show(context, id),
            Action::Ack { id, words, until } => ack(context, id, words, until.as_deref()),
            Action::Note { id, about, words } => {
                let about = match about {
                    About::RootCause => NoteKind::RootCause,
                    About::Response => NoteKind::Response,
                    About::CorrectiveAction => NoteKind::CorrectiveAction,
                    About::Remark => NoteKind::Remark,
                };
                write(context, Question::Note { id, about, words })
            }
            Action::Close { id, root_cause, response, words } => {
                write(context, Question::Close { id, root_cause, response, words })
            }
        }
    }
}

fn ack(context: &Context, id: ExceptionId, words: String, until: Option<&str>) -> anyhow::Result<ExitStatus> {
    let until = match until {
        None => None,
        Some(text) => {
            let Some(loaded) = context.load()? else { return Ok(ExitStatus::Usage) };
            let zone = zone(&loaded.config.timezone);
            // A day is promised with its end.
            Some(match text.parse::<jiff::civil::Date>() {
                Ok(day) => LocalDay::from_date(day).next().start(&zone),
                Err(_) => moment::parse(text, &zone, "--until")?,
            })
        }
    };
    write(context, Question::Acknowledge { id, until, words })
}

fn list(context: &Context, arguments: &ListArguments) -> anyhow::Result<ExitStatus> {
    let only = arguments.state.map(|state| match state {
        StateArgument::Open => ExceptionState::Open,
        StateArgument::Overdue => ExceptionState::Overdue,
        StateArgument::Recovered => ExceptionState::Recovered,
        StateArgument::Closed => ExceptionState::Closed,
    });
    let mut exceptions = Vec::new();
    let refused = ask(context, Question::Exceptions { only }, |line| {
        if let Line::Exception(exception) = line
            && arguments.control.as_ref().is_none_or(|control| *control == exception.control)
        {
            if context.printer.is_json() {
                context.printer.object(&exception)?;
            }
            exceptions.push(exception);
        }
        Ok(())
    })?;
    if let Some(refused) = refused {
        return Ok(refused);
    }
    if !context.printer.is_json() {
        let rows: Vec<_> = exceptions.iter().map(|exception| row(exception)).collect();
        let head = ["exception", "control", "state", "failing since", "fix until", "recovered", "subjects"];
        context.printer.text(&table(&head, &rows))?;
    }
    Ok(if arguments.exit_code && !exceptions.is_empty() { ExitStatus::No } else { ExitStatus::Done })
}

fn row(exception: &ExceptionLine) -> Vec<String> {
    vec![
        exception.id.to_string(),
        exception.control.to_string(),
        exception.state.as_str().to_owned(),
        moment::slot(exception.first_slot),
        minute(exception.due),
        exception.recovered.map(moment::slot).unwrap_or_default(),
        exception.subject_count.to_string(),
    ]
}

fn show(context: &Context, id: ExceptionId) -> anyhow::Result<ExitStatus> {
    let mut shown = Ok(());
    let refused = ask(context, Question::Exception { id }, |line| {
        if let Line::Exception(exception) = line {
            shown = if context.printer.is_json() {
                context.printer.object(&exception)
            } else {
                context.printer.text(&words(&exception)).map_err(Into::into)
            };
        }
        Ok(())
    })?;
    shown?;
    Ok(refused.unwrap_or(ExitStatus::Done))
}

fn words(exception: &ExceptionLine) -> String {
    let ExceptionLine { id, control, .. } = exception;
    let mut text = format!("{id}  {control}  {}\n", exception.state.as_str());
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _infallible = writeln!(text, "  {name:<14} {value}");
        }
    };
    fact("failing since", Some(moment::slot(exception.first_slot)));
    fact("opened", Some(minute(exception.opened)));
    fact("fix until", Some(minute(exception.due)));
    fact("acknowledged", exception.acknowledged.map(minute));
    fact("overdue", exception.overdue.map(minute));
    fact("recovered", exception.recovered.map(moment::slot));
    fact("closed", exception.closed.map(minute));
    let subjects: Vec<_> = exception
        .subjects
        .iter()
        .map(|subject| {
            let ended = subject.ended.as_ref().map(|(why, slot)| format!("{why} {}", moment::slot(*slot)));
            vec![
                format!("  {}", subject.subject),
                moment::slot(subject.first_seen),
                moment::slot(subject.last_seen),
                ended.unwrap_or_default(),
            ]
        })
        .collect();
    if !subjects.is_empty() {
        text.push('\n');
        text.push_str(&table(&["  subject", "first seen", "last seen", "ended"], &subjects));
    }
    for note in &exception.notes {
        let _infallible = write!(
            text,
            "\n  {} {} by {}\n    {}\n",
            minute(note.at),
            note.about,
            escaped(&note.author),
            escaped(&note.words)
        );
    }
    text
}
