//! The rooms that a run passes through, put together as the daemon does it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, anyhow};
use evidenced::{
    clock::Clock,
    config,
    domain::{Control, Digest, Event, SlotTime, Timestamp},
    fold::State,
    gate::{Gate, GateSettings},
    ledger::{Ledger, Options},
    recorder::{Catalogue, Fact, PluginFacts, Recorder},
    runner::{Executor, Order, Shelf},
    sandbox::{CompileWhere, Sandbox, SandboxSettings},
    service::LedgerHistory,
};
use tokio_util::sync::CancellationToken;

/// Name of every log here.
pub(crate) const ORIGIN: &str = "bench.evidenced/bench";
/// The zone of everything here.
pub(crate) const ZONE: &str = "Europe/Berlin";

/// What a run needs, from its order to its entry.
pub(crate) struct Rig {
    pub(crate) ledger: Arc<Ledger<State>>,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) executor: Arc<Executor>,
    pub(crate) controls: Vec<Arc<Control>>,
    clock: Arc<dyn Clock>,
    expanded: String,
}

impl Rig {
    /// Writes a configuration with these controls, and opens everything that it names.
    pub(crate) fn open(
        dir: &Path,
        plugins: &Path,
        controls: &str,
        clock: Arc<dyn Clock>,
        ledger: Options,
    ) -> Result<Self> {
        let file = write_config(dir, plugins, controls)?;
        let loaded = config::load(&file).map_err(|refused| anyhow!("{refused}"))?;
        let config = Arc::new(loaded.config);
        let ledger = Arc::new(Ledger::<State>::open(&config.state_dir, ledger)?);
        let sandbox = Sandbox::new(SandboxSettings {
            concurrency: config.runner.concurrency,
            memory_total: config.runner.memory_total_bytes,
            ..SandboxSettings::default()
        })?;
        let shelf = Arc::new(Shelf::load(&sandbox, &config));
        let mut facts = BTreeMap::new();
        for control in &config.controls {
            let shelved = shelf.fitted(control)?;
            facts.entry(control.check.plugin.clone()).or_insert_with(|| PluginFacts {
                version: shelved.plugin.description().version.clone(),
                digest: shelved.digest,
                bytes: Arc::clone(&shelved.bytes),
            });
        }
        let expanded = config.expanded_json();
        let catalogue = Arc::new(Catalogue::new(config, facts));
        let now = Arc::clone(&clock);
        let executor = Arc::new(Executor {
            sandbox,
            gate: Arc::new(Gate::new(GateSettings {
                credentials: Vec::new(),
                proxy: None,
                ca: Vec::new(),
                ca_of_sources: Vec::new(),
                rates: Vec::new(),
                now: Arc::new(move || now.now()),
            })?),
            history: Arc::new(LedgerHistory::new(Arc::clone(&ledger))),
            clock: Arc::clone(&clock),
            stop: CancellationToken::new(),
        });
        let controls = catalogue.controls().cloned().collect();
        Ok(Self { ledger, shelf, catalogue, executor, controls, clock, expanded })
    }

    /// The writer, after it has recorded the first entries of a ledger.
    pub(crate) fn recorder(&self) -> Result<Recorder> {
        let mut recorder = Recorder::new(Arc::clone(&self.ledger), Arc::clone(&self.catalogue));
        let key = self.ledger.public_key().context("a ledger that is written to has a key")?;
        let opened = Event::LedgerOpened { origin: ORIGIN.to_owned(), key };
        let configured = Fact::Configured { catalogue: Arc::clone(&self.catalogue), expanded: self.expanded.clone() };
        for answer in recorder.record(self.clock.now(), vec![Fact::Event(opened), configured]) {
            answer?;
        }
        Ok(recorder)
    }
}

/// Writes `evidenced.toml` and returns its path.
pub(crate) fn write_config(dir: &Path, plugins: &Path, controls: &str) -> Result<PathBuf> {
    let text = format!(
        "organization = \"Example AI\"\nmonitoring.enabled = false\ninstance = \"bench\"\ntimezone = \"{ZONE}\"\nstate_dir = \"state\"\n\
         plugin_dirs = [\"{}\"]\n\n[[recipient]]\nid = \"all\"\nemail = [\"all@example.com\"]\n\n{controls}",
        plugins.display()
    );
    let file = dir.join("evidenced.toml");
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// Controls `SEC-0000`, `SEC-0001`, … on the plugin that does nothing, with a configuration of a usual size.
pub(crate) fn noop_controls(count: usize) -> String {
    let control = |number: usize| {
        format!(
            "[[control]]\nid = \"SEC-{number:04}\"\ntitle = \"Access keys of account {number} are rotated\"\n\
             family = \"security\"\ncriteria = [\"CC6.1\", \"CC6.2\"]\nowner = \"platform\"\nseverity = \"high\"\n\
             plugin = \"noop\"\nevery = \"1m\"\nconfig = {CONFIG}\n\n"
        )
    };
    (0..count).map(control).collect()
}

/// As a control with a few thresholds has it.
const CONFIG: &str = "{ endpoint = \"https://iam.amazonaws.com\", max_age_days = 90, max_unused_days = 45, \
                      accounts = [\"123456789012\", \"210987654321\"], page_size = 100 }";

/// A run of a slot of the schedule.
pub(crate) fn order(catalogue: &Catalogue, control: &Arc<Control>, slot: Timestamp) -> Order {
    let definition = catalogue.definition(&control.id).unwrap_or_else(|| control.check.definition());
    Order {
        control: Arc::clone(control),
        definition,
        version: 1,
        slot: SlotTime(slot),
        is_scheduled: true,
        is_late: false,
        interval: None,
        seed_from: (0, Digest([7; 32])),
        state: BTreeMap::new(),
    }
}

/// A sandbox that keeps compiled code in `cache_dir`.
pub(crate) fn sandbox(cache_dir: Option<PathBuf>) -> Result<Arc<Sandbox>> {
    let settings = SandboxSettings { cache_dir, compile: CompileWhere::InProcess, ..SandboxSettings::default() };
    Ok(Sandbox::new(settings)?)
}
