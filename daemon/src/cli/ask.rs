//! How a command reaches the answers: the daemon's socket, or the store itself when no daemon runs.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::mpsc;

use super::{Context, ExitStatus, Loaded, run};
use crate::{
    clock::SystemClock,
    config::Config,
    desk::{Client, Desk, Line, Problem, Question, login_uid},
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
    match client {
        Some(client) => client.ask(&question, &mut line_taken)?,
        None if question.only_reads() => {
            let desk = Desk::reading(run::open_for_reading(&config)?, config, Arc::new(SystemClock::new()));
            let mut failed = Ok(());
            let answered = desk.read(&question, &mut |line| {
                failed = line_taken(line);
                failed.is_ok()
            });
            failed?;
            if let Err(error) = answered {
                let problem = crate::desk::problem(&error);
                line_taken(Line::Refused { problem, message: format!("{error:#}") })?;
            }
        }
        // It would record a configuration that nobody wants any more.
        None if are_files_refused => return Ok(Some(ExitStatus::Usage)),
        None => run::runtime()?.block_on(own(config, question, &mut line_taken))?,
    }
    Ok(refused)
}

/// Asks for something to be written, and prints where it was.
pub(super) fn write(context: &Context, question: Question) -> anyhow::Result<ExitStatus> {
    let mut at = None;
    let refused = ask(context, question, |line| {
        if let Line::Recorded { sequence } = line {
            at = Some(sequence);
        }
        Ok(())
    })?;
    if let Some(sequence) = at {
        if context.printer.is_json() {
            context.printer.object(&serde_json::json!({ "sequence": sequence }))?;
        } else {
            context.printer.line(format_args!("recorded as {sequence}"))?;
        }
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
    let author = Author { uid: rustix::process::getuid().as_raw(), login_uid: login_uid("/proc/self/loginuid") };
    let (lines, mut answer) = mpsc::channel(64);
    let asking = async move { desk.answer(&author, question, lines).await };
    let serving = async {
        if let Some(asked) = asked.recv().await {
            service.ask(asked).await;
            while let Some(ended) = service.next_ended().await {
                ended?;
            }
        }
        Ok::<_, anyhow::Error>(service)
    };
    let taking = async {
        while let Some(line) = answer.recv().await {
            take(line)?;
        }
        Ok::<_, anyhow::Error>(())
    };
    let ((), service, taken) = tokio::join!(asking, serving, taking);
    taken?;
    service?.close_quietly()?;
    Ok(())
}
