use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{Context, ExitStatus};
use crate::{
    clock::SystemClock,
    config::{self, Config},
    fold::State,
    ledger::{self, Ledger, Store},
    sandbox::CompileWhere,
    service::{self, Options, Signals, Start, Supervisor},
};

/// So long threads that read still have to end, once the ledger is closed.
const ENDING: Duration = Duration::from_secs(2);

/// Runs the daemon until SIGTERM or SIGINT; SIGHUP reads the configuration again.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  evidenced run --config ./evidenced.toml")]
pub(super) struct RunArguments {}

impl RunArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let runtime = runtime()?;
        // Before all that takes time, such as reading the last accepted configuration from the ledger.
        let signals = {
            let _inside = runtime.enter();
            Signals::listen()?
        };
        let (config, refused) = match config::load(&context.config) {
            Ok(loaded) => (loaded.config, None),
            Err(diagnostics) => {
                context.printer.talk(&diagnostics);
                let Some(config) = last_accepted(&context.config)? else { return Ok(ExitStatus::Usage) };
                context.printer.talk("the files are refused: running the last accepted configuration");
                (config, Some((diagnostics.to_string(), diagnostics.error_count())))
            }
        };
        let start = Start {
            options: Options { supervisor: Supervisor::from_environment(), ..options(&config)? },
            config: Arc::new(config),
            config_file: context.config.clone(),
            refused,
            clock: Arc::new(SystemClock::new()),
            signals,
        };
        let ended = runtime.block_on(service::run(start, CancellationToken::new()));
        // Everything that was to be kept is. A thread that reads a file from a server that has died never ends, and one
        // that compiles a plugin for a configuration that is not wanted any more is not waited for.
        runtime.shutdown_timeout(ENDING);
        ended?;
        Ok(ExitStatus::Done)
    }
}

/// The configuration that the ledger holds, if the refused files still say where the ledger is.
pub(super) fn last_accepted(file: &Path) -> anyhow::Result<Option<Config>> {
    let Some(state_dir) = config::state_dir_of(file) else { return Ok(None) };
    if !state_dir.join("journal").exists() {
        return Ok(None);
    }
    let ledger = Ledger::<State>::open(&state_dir, ledger::Options::read_only(""))?;
    let Some(part) = ledger.state().head().configuration else { return Ok(None) };
    let Some(bytes) = ledger.part(&part)? else { return Ok(None) };
    let text = std::str::from_utf8(&bytes).context("the last accepted configuration cannot be read back")?;
    let config = Config::from_expanded_json(text).context("the last accepted configuration cannot be read back")?;
    Ok(Some(config))
}

/// How plugins are compiled and where the code is kept, for every command that runs them.
pub(super) fn options(config: &Config) -> anyhow::Result<Options> {
    let cache_dir = std::env::var_os("CACHE_DIRECTORY").map_or_else(|| config.state_dir.join("cache"), Into::into);
    Ok(Options { cache_dir: Some(cache_dir), compile: child_compiler()?, supervisor: Supervisor::default() })
}

/// Compiling in a child of this program, under limits.
pub(super) fn child_compiler() -> anyhow::Result<CompileWhere> {
    let program = std::env::current_exe().context("cannot find this program, which compiles plugins in a child")?;
    Ok(CompileWhere::Child { program, limits: Default::default() })
}

pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

/// The ledger of a configuration, for reading only.
pub(super) fn open_for_reading(config: &Config) -> anyhow::Result<Ledger<State>> {
    Ledger::open(&config.state_dir, ledger::Options::read_only(""))
        .with_context(|| format!("cannot read the ledger in {}", config.state_dir.display()))
}
