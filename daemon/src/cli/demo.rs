use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{Context, ExitStatus, Printer, ask::converse, plugins, replay, report, run, verify};
use crate::{
    demo::{Demo, Settings, Story},
    desk::{Desk, Line, Question, ReplayTally, Verified},
    ledger::Store,
    sandbox::CompileWhere,
    service::{Options, Supervisor},
};

/// Observes a small company in a box for 90 days, in less than a minute.
///
/// The company's APIs and its mail server are simulated by this process, on loopback; the daemon, its sandboxed runs,
/// its ledger and its mails are real. Needs no network and no root.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  evidenced demo\n  evidenced demo --exit --dir ./demo && evidenced exceptions --config ./demo/evidenced.toml"
)]
pub(super) struct DemoArguments {
    /// Stop when the 90 days are over, instead of living on with a status page.
    #[arg(long)]
    exit: bool,
    /// Where everything is put: an empty folder, kept afterwards [default: a new one for temporary files]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Where the standard plugins lie [default: plugins/ beside the program, ../plugins or ../lib/evidenced/plugins]
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
}

impl DemoArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let plugins = self.plugins.map_or_else(plugins::find, Ok)?;
        let dir = match self.dir {
            Some(dir) => dir,
            None => tempfile::Builder::new().prefix("evidenced-demo-").tempdir()?.keep(),
        };
        let program = std::env::current_exe().context("cannot find this program, which compiles plugins in a child")?;
        let options = Options {
            cache_dir: Some(dir.join("cache")),
            compile: CompileWhere::Child { program, limits: Default::default() },
            supervisor: Supervisor::default(),
        };
        std::fs::create_dir_all(&dir)?;
        let settings = Settings { dir, plugins, options: options.clone() };
        run::runtime()?.block_on(show(context, settings, self.exit))
    }
}

async fn show(context: &Context, settings: Settings, exit: bool) -> anyhow::Result<ExitStatus> {
    let printer = &context.printer;
    say(printer, "A company in a box: its AWS accounts, models and mail server are simulated by this process.\n")?;
    say(printer, "What watches it is the daemon itself, under a virtual clock: 1 January to 31 March 2026.\n\n")?;
    let bar = printer.progress(1000, "of 90 days");
    let options = settings.options.clone();
    let demo = Demo::observe(settings, &mut |part| bar.set_position((part * 1000.0) as u64)).await?;
    bar.finish_and_clear();

    let ledger = Arc::new(run::open_for_reading(&demo.config)?);
    let story = Story::read(&ledger)?;
    for chapter in &story.chapters {
        if printer.is_json() {
            printer.object(&serde_json::json!({ "at": chapter.at, "happened": chapter.words }))?;
        } else {
            let at = chapter.at.to_jiff().in_tz(&demo.config.timezone)?.strftime("%d %b %H:%M");
            printer.line(format_args!("  {at}  {}", chapter.words))?;
        }
    }
    let Story { runs, passed, failed, errors, missed, mails, .. } = story;
    let seconds = demo.took.as_secs_f64();
    say(
        printer,
        &format!(
            "\n90 days in {seconds:.1} s: {runs} sandboxed runs ({passed} passed, {failed} failed, {errors} could not \
             test), {missed} slots missed and accounted for, {mails} mails delivered.\n",
        ),
    )?;

    let desk = Desk::reading(Arc::clone(&ledger), Arc::clone(&demo.config), demo.clock(), options.compile);
    let desk = Arc::new(desk);
    let report = demo.dir().join("report");
    converse(Arc::clone(&desk), report::question("2026-Q1".parse()?, Vec::new()), &mut |line| match line {
        Line::File { name, content } => report::write(&report, &name, &content).map(drop),
        line => refused(line),
    })
    .await?;
    let verified = verify_all(printer, Arc::clone(&desk)).await?;
    let tally = replay_all(printer, desk).await?;
    let checkpoint = ledger.newest_checkpoint()?.unwrap_or_default();
    if printer.is_json() {
        printer.object(&serde_json::json!({
            "seconds": seconds, "runs": runs, "pass": passed, "fail": failed, "error": errors, "missed": missed,
            "mails": mails, "entries": ledger.head().size, "faults": verified.faults, "replay": tally,
            "checkpoint": checkpoint, "mail_dir": demo.mail, "report_dir": report, "config": demo.config_file,
        }))?;
    } else {
        printer.text(&format!(
            "\nverify     {}\nreplay     {}\ncheckpoint {}\nmails      {}/*.eml\nreport     {}\ntry        evidenced \
             exceptions --config {}\n",
            verified.ledger.map(|found| verify::words(&found, verified.faults.len())).unwrap_or_default(),
            replay::words(&tally),
            checkpoint.replace('\n', "\n           ").trim_end(),
            demo.mail.display(),
            report.join("report.html").display(),
            demo.config_file.display()
        ))?;
    }
    let is_well = tally.identical + tally.not_reperformable == tally.runs && verified.faults.is_empty();
    drop(ledger);

    if !exit {
        stay(context, &demo).await?;
    }
    demo.close().await;
    Ok(if is_well { ExitStatus::Done } else { ExitStatus::No })
}

/// What only a person reads.
fn say(printer: &Printer, words: &str) -> std::io::Result<()> {
    if printer.is_json() { Ok(()) } else { printer.text(words) }
}

async fn verify_all(printer: &Printer, desk: Arc<Desk>) -> anyhow::Result<Verified> {
    let bar = printer.progress(0, "entries verified");
    let mut verified = None;
    converse(desk, Question::Verify { deep: true, against: None }, &mut |line| {
        match line {
            Line::Progress { done, of } => verify::show(&bar, done, of),
            Line::Verified(found) => verified = Some(*found),
            line => refused(line)?,
        }
        Ok(())
    })
    .await?;
    bar.finish_and_clear();
    verified.context("the ledger was not verified to its end")
}

async fn replay_all(printer: &Printer, desk: Arc<Desk>) -> anyhow::Result<ReplayTally> {
    let bar = printer.progress(0, "entries looked at");
    let mut tally = None;
    converse(desk, Question::Replay { run: None, control: None }, &mut |line| {
        match line {
            Line::Progress { done, of } => verify::show(&bar, done, of),
            // Of so many runs only those are worth a line that differ.
            Line::Replayed(run) if run.why.is_some() => replay::print(&run, printer, &bar)?,
            Line::Replays(all) => tally = Some(all),
            line => refused(line)?,
        }
        Ok(())
    })
    .await?;
    bar.finish_and_clear();
    tally.context("the runs were not performed again to the last")
}

fn refused(line: Line) -> anyhow::Result<()> {
    if let Line::Refused { message, .. } = line { Err(anyhow::Error::msg(message)) } else { Ok(()) }
}

async fn stay(context: &Context, demo: &Demo) -> anyhow::Result<()> {
    let page = demo.config.web.map(|address| format!("http://{address}/")).unwrap_or_default();
    let words = format!("The company lives on, now at the pace of real time: {page} (Ctrl-C ends it)");
    // To a script it is no data.
    if context.printer.is_json() {
        context.printer.talk(words)
    } else {
        context.printer.text(&format!("\n{words}\n"))?
    }
    demo.stay(CancellationToken::new()).await?;
    Ok(())
}
