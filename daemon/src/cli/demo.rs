use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{Context, ExitStatus, replay, report, run, verify};
use crate::{
    demo::{Demo, Settings, Story},
    fold::State,
    ledger::{Depth, Ledger, Store},
    replay::Replayer,
    sandbox::{CompileWhere, Sandbox, SandboxSettings},
    service::Options,
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
    /// Where the standard plugins lie [default: plugins/ beside the program, or ../plugins]
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
}

impl DemoArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let plugins = self.plugins.map_or_else(find_plugins, Ok)?;
        let dir = match self.dir {
            Some(dir) => dir,
            None => tempfile::Builder::new().prefix("evidenced-demo-").tempdir()?.keep(),
        };
        let program = std::env::current_exe().context("cannot find this program, which compiles plugins in a child")?;
        let options = Options { cache_dir: Some(dir.join("cache")), compile: CompileWhere::Child { program } };
        std::fs::create_dir_all(&dir)?;
        let settings = Settings { dir, plugins, options: options.clone() };
        run::runtime()?.block_on(show(context, settings, self.exit))
    }
}

async fn show(context: &Context, settings: Settings, exit: bool) -> anyhow::Result<ExitStatus> {
    let printer = &context.printer;
    printer.line("A company in a box: its AWS accounts, models and mail server are simulated by this process.")?;
    printer.line("What watches it is the daemon itself, under a virtual clock: 1 January to 31 March 2026.\n")?;
    let bar = printer.progress(1000, "of 90 days");
    let options = settings.options.clone();
    let demo = Demo::observe(settings, &mut |part| bar.set_position((part * 1000.0) as u64)).await?;
    bar.finish_and_clear();

    let ledger = Arc::new(run::open_for_reading(&demo.config)?);
    let story = Story::read(&ledger)?;
    for chapter in &story.chapters {
        let at = chapter.at.to_jiff().in_tz(&demo.config.timezone)?.strftime("%d %b %H:%M");
        printer.line(format_args!("  {at}  {}", chapter.words))?;
    }
    let Story { runs, passed, failed, errors, missed, mails, .. } = story;
    printer.line(format_args!(
        "\n90 days in {:.1} s: {runs} sandboxed runs ({passed} passed, {failed} failed, {errors} could not test), \
         {missed} slots missed and accounted for, {mails} mails delivered.",
        demo.took.as_secs_f64()
    ))?;

    let report = demo.dir().join("report");
    report::write(&ledger, &demo.config, &"2026-Q1".parse()?, demo.now(), &report)?;
    let bar = printer.progress(ledger.head().size, "entries verified");
    let verified = ledger.verify(Depth::Refold, &|progress| bar.set_position(progress.done))?;
    bar.finish_and_clear();
    let tally = replay_all(context, &ledger, &demo, options).await?;
    printer.line(format_args!("\nverify     {}", verify::words(&verified)))?;
    printer.line(format_args!("replay     {}", replay::words(&tally)))?;
    printer.line(format_args!(
        "checkpoint {}",
        ledger.newest_checkpoint()?.unwrap_or_default().replace('\n', "\n           ").trim_end()
    ))?;
    printer.line(format_args!("mails      {}/*.eml", demo.mail.display()))?;
    printer.line(format_args!("report     {}", report.join("report.html").display()))?;
    printer.line(format_args!("try        evidenced exceptions --config {}", demo.config_file.display()))?;
    let is_well = tally.identical + tally.not_reperformable == tally.runs;
    drop(ledger);

    if !exit {
        stay(context, &demo).await?;
    }
    demo.close().await;
    Ok(if is_well { ExitStatus::Done } else { ExitStatus::No })
}

async fn replay_all(
    context: &Context,
    ledger: &Arc<Ledger<State>>,
    demo: &Demo,
    options: Options,
) -> anyhow::Result<replay::Tally> {
    let sandbox = Sandbox::new(SandboxSettings {
        cache_dir: None,
        cache_key: [0; 32],
        memory_total: demo.config.runner.memory_total_bytes,
        concurrency: demo.config.runner.concurrency,
        compile: options.compile,
    })?;
    let sequences = replay::runs(ledger, None)?;
    let bar = context.printer.progress(sequences.len() as u64, "runs replayed");
    let mut replayer = Replayer::new(Arc::clone(ledger), sandbox);
    let tally = replay::replay(context, &mut replayer, &sequences, &bar).await?;
    bar.finish_and_clear();
    Ok(tally)
}

async fn stay(context: &Context, demo: &Demo) -> anyhow::Result<()> {
    let page = demo.config.web.map(|address| format!("http://{address}/")).unwrap_or_default();
    context
        .printer
        .line(format_args!("\nThe company lives on, now at the pace of real time: {page} (Ctrl-C ends it)"))?;
    demo.stay(CancellationToken::new()).await?;
    Ok(())
}

fn find_plugins() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let near = program.parent().unwrap_or(&program);
    let places = [near.join("plugins"), near.join("../plugins"), PathBuf::from("/usr/lib/evidenced/plugins")];
    let found = places.iter().find(|place| place.join("key-rotation.wasm").exists());
    found.cloned().with_context(|| {
        let places: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
        format!(
            "the standard plugins are in none of {}: build them (`make build`), or say --plugins DIR",
            places.join(", ")
        )
    })
}
