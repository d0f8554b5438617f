//! How a command reaches the answers: the daemon's socket, or the store itself when no daemon runs.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::mpsc;

use super::{Context, ExitStatus, Loaded, run};
use crate::{
    clock::SystemClock,
    config::Config,
    desk::{Client, Desk, Folder, Line, Problem, Question, login_uid},
    recorder::Author,
    service::Service,
};

/// Asks, and gives each line of the answer to `take`. `Ok(Some(status))`: it was refused, and said so.
pub(super) fn ask(
    context: &Context,
    question: Question,
    take: impl FnMut(Line) -> anyhow::Result<()>,
) -> anyhow::Result<Option<ExitStatus>> {
    match context.load()? {
        Some(loaded) => ask_by(context, loaded, question, take),
        None => Ok(Some(ExitStatus::Usage)),
    }
}

/// As [`ask`], by a configuration that was read already.
pub(super) fn ask_by(
    context: &Context,
    Loaded { config, are_files_refused }: Loaded,
    question: Question,
    mut take: impl FnMut(Line) -> anyhow::Result<()>,
) -> anyhow::Result<Option<ExitStatus>> {
    let mut refused = None;
    let mut line_taken = |line| {
        if let Line::Refused { problem, message } = line {
            context.printer.talk(format_args!("error: {message}"));
            refused = Some(match problem {
                Problem::Question => ExitStatus::Usage,
                Problem::Daemon => ExitStatus::Unable,
            });
            return Ok(());
        }
        take(line)
    };
    let socket = &config.socket;
    let client =
        Client::connect(socket).with_context(|| format!("cannot talk to the daemon at {}", socket.display()))?;
    let is_answered = match client {
        // A copy is read here, whatever daemon there is.
        Some(client) => client.ask(&question, Folder::with_ledger(&config.state_dir), &mut line_taken)?,
        None => false,
    };
    if is_answered {
        return Ok(refused);
    }
    if question.only_reads() {
        let ledger = Arc::new(run::open_for_reading(&config)?);
        let compile = run::options(&config)?.compile;
        let desk = Desk::reading(ledger, config, Arc::new(SystemClock::new()), compile);
        run::runtime()?.block_on(converse(Arc::new(desk), question, &mut line_taken))?;
    } else if are_files_refused {
        // It would record a configuration that nobody wants any more.
        return Ok(Some(ExitStatus::Usage));
    } else {
        run::runtime()?.block_on(own(config, question, &mut line_taken))?;
    }
    Ok(refused)
}

/// Asks for something to be written, and prints where it was.
pub(super) fn write(context: &Context, question: Question) -> anyhow::Result<ExitStatus> {
    match context.load()? {
        Some(loaded) => write_by(context, loaded, question),
        None => Ok(ExitStatus::Usage),
    }
}

/// As [`write()`], by a configuration that was read already.
pub(super) fn write_by(context: &Context, loaded: Loaded, question: Question) -> anyhow::Result<ExitStatus> {
    let mut last = None;
    let refused = ask_by(context, loaded, question, |line| {
        if let Line::Recorded { .. } | Line::Erased { .. } = line {
            last = Some(line);
        }
        Ok(())
    })?;
    match last {
        Some(Line::Recorded { sequence, proposal, silence, found }) => {
            if context.printer.is_json() {
                let numbers = [("proposal", proposal), ("silence", silence), ("found", found)];
                let mut object = serde_json::Map::from_iter([("sequence".to_owned(), sequence.into())]);
                let known = numbers.into_iter().filter_map(|(name, number)| Some((name.to_owned(), number?.into())));
                object.extend(known);
                context.printer.object(&object)?;
            } else {
                let number = silence.map(|silence| format!(": silence {silence}")).unwrap_or_default();
                context.printer.line(format_args!("recorded as {sequence}{number}"))?;
                if let Some(found) = found {
                    context.printer.line(format_args!("it is found in {found} parts of the evidence"))?;
                }
                if let Some(proposal) = proposal {
                    context.printer.line(format_args!(
                        "it has no effect until another person approves it: evidenced approve {proposal} --reason '…'"
                    ))?;
                }
            }
        }
        Some(Line::Erased { parts, in_use }) => {
            if context.printer.is_json() {
                context.printer.object(&serde_json::json!({ "erased": parts, "in_use": in_use }))?;
            } else {
                context.printer.line(format_args!("erased from {parts} parts of the evidence"))?;
            }
            for what in &in_use {
                context.printer.talk(format_args!("it stands still in {what}"));
            }
            if !in_use.is_empty() && refused.is_none() {
                return Ok(ExitStatus::Unable);
            }
        }
        Some(_) | None => {}
    }
    Ok(refused.unwrap_or(ExitStatus::Done))
}

/// No daemon runs: this process takes the lock and answers as the daemon would.
async fn own(
    config: Arc<Config>,
    question: Question,
    take: &mut dyn FnMut(Line) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let options = run::options(&config)?;
    let clock = Arc::new(SystemClock::new());
    let mut service = if let Question::Check { .. } = &question {
        Service::open_quietly(config, &options, clock).await?
    } else {
        Service::open_as_it_is(config, &options, clock)?
    };
    let (desk, mut asked) = service.desk();
    let serving = async {
        if let Some(asked) = asked.recv().await {
            service.ask(asked).await;
            while let Some(ended) = service.next_ended().await {
                ended?;
            }
        }
        Ok::<_, anyhow::Error>(service)
    };
    let (taken, service) = tokio::join!(converse(desk, question, take), serving);
    taken?;
    service?.close_quietly()?;
    Ok(())
}

/// What a client and the daemon do over the socket, within this process.
pub(super) async fn converse(
    desk: Arc<Desk>,
    question: Question,
    take: &mut dyn FnMut(Line) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let author =
        Author { uid: rustix::process::getuid().as_raw(), login_uid: login_uid("/proc/self/loginuid"), name: None };
    let (lines, mut answer) = mpsc::channel(64);
    let asking = async move { desk.answer(&author, question, lines).await };
    let taking = async move {
        while let Some(line) = answer.recv().await {
            take(line)?;
        }
        Ok(())
    };
    tokio::join!(asking, taking).1
}
