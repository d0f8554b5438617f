//! Opens the ledger, the plugins and the network, and records that the daemon is there.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, thread::JoinHandle, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    LedgerHistory, Pulse, Supervisor,
    disk::RoomTold,
    firing::Firing,
    heartbeat::Heartbeat,
    notify::{self, STEP_MAX},
    post,
};
use crate::{
    clock::Clock,
    config::{Config, Network, Source},
    desk::{Asked, Desk, Live, PulseLine},
    domain::{BuiltIn, Control, Event, PluginName},
    fold::State,
    gate::{CredentialSettings, Gate, GateError, GateSettings, Proxy, ProxyLogin},
    ledger::{self, Ledger, LedgerError, Progressing, Store},
    mail::PluginFaultFacts,
    outbox::{OutboxError, Way},
    recorder::{self, Catalogue, Fact, Handle, PluginFacts, Recorded, Recorder, RecorderError},
    runner::{Executor, PluginFault, Shelf},
    sandbox::{CompileLimits, CompileWhere, Sandbox, SandboxError, SandboxSettings, cache_key},
};

/// What people have asked for and was not looked at; then asking waits.
const ASKED_MAX: usize = 32;

/// What the command line adds to the configuration.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where compiled plugins are kept; `None`: they are compiled at each start.
    pub cache_dir: Option<PathBuf>,
    pub compile: CompileWhere,
    /// Who is told how far the daemon is.
    pub supervisor: Supervisor,
}

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the ledger cannot be opened")]
    Ledger(#[from] LedgerError),
    #[error("the sandbox cannot be set up")]
    Sandbox(#[from] SandboxError),
    #[error("the network cannot be set up")]
    Gate(#[from] GateError),
    #[error("the outbox cannot be set up")]
    Outbox(#[from] OutboxError),
    #[error("the start cannot be recorded")]
    Recorder(#[from] RecorderError),
    #[error("cannot make {path}", path = .0.display())]
    CacheKey(PathBuf, #[source] std::io::Error),
    #[error("the recorder's thread cannot be started")]
    Thread(#[source] std::io::Error),
}

/// Everything that a daemon consists of, and not yet a task.
pub struct Service {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ledger: Arc<Ledger<State>>,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) recorder: Handle,
    pub(super) recorder_thread: JoinHandle<()>,
    pub(super) executor: Arc<Executor>,
    pub(super) sandbox: Arc<Sandbox>,
    /// By what mail leaves; for the outbox, which takes another one while it runs.
    pub(super) mail_way: watch::Sender<Way>,
    pub(super) heartbeat: Heartbeat,
    /// What the daemon was started with: some of it is in force until it ends.
    pub(super) started_with: Arc<Config>,
    /// Where plugins are compiled.
    compile: CompileWhere,
    pub(super) firing: Firing,
    pub(super) supervisor: Supervisor,
    /// Of those who want to know what is wrong.
    pub(super) examinations: JoinSet<()>,
    /// The time since boot at which this daemon started with its clock in doubt.
    pub(super) doubtful_since: Option<Duration>,
}

impl Service {
    /// Opens everything for writing, records the start, the configuration and the slots that were missed.
    pub async fn open(config: Arc<Config>, options: &Options, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let mut service = Self::assemble(config, options, clock)?;
        service.begin().await?;
        Ok(service)
    }

    /// Opens everything for one command, while no daemon runs: what is due and what was missed is left to the daemon.
    pub async fn open_quietly(
        config: Arc<Config>,
        options: &Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let mut service = Self::assemble(config, options, clock)?;
        service.introduce().await?;
        service.try_refused().await;
        service.configure().await?;
        Ok(service)
    }

    /// Opens everything for what people write to an exception, while no daemon runs: whether the configuration's files
    /// have changed is left to the daemon.
    pub fn open_as_it_is(config: Arc<Config>, options: &Options, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::assemble(config, options, clock)
    }

    /// Opens everything, and records nothing yet.
    pub(super) fn assemble(config: Arc<Config>, options: &Options, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let supervisor = options.supervisor.clone();
        supervisor.step(STEP_MAX, "opening the ledger");
        let ledger = Ledger::<State>::open(&config.state_dir, ledger_options(&config, &supervisor))?;
        let ledger = Arc::new(ledger);
        let doubt = {
            let state = ledger.state();
            clock.restart(state.head().last_at, state.head().doubt.is_some())
        };
        let doubtful_since = doubt.map(|_| clock.boot());
        let sandbox = Sandbox::new(SandboxSettings {
            cache_dir: options.cache_dir.clone(),
            cache_key: cache_key(&config.state_dir)
                .map_err(|error| OpenError::CacheKey(config.state_dir.join("cache.key"), error))?,
            memory_total: config.runner.memory_total_bytes,
            concurrency: config.runner.concurrency,
            compile: options.compile.clone(),
        })?;
        let shelf = Arc::new(load_shelf(&sandbox, &config, &supervisor));
        let catalogue = Arc::new(Catalogue::new(Arc::clone(&config), plugin_facts(&shelf, &config)));
        let gate = Arc::new(Gate::new(gate_settings(&config, &clock))?);
        let executor = Arc::new(Executor {
            sandbox: Arc::clone(&sandbox),
            gate,
            history: Arc::new(LedgerHistory::new(Arc::clone(&ledger))),
            clock: Arc::clone(&clock),
            stop: CancellationToken::new(),
        });
        let recorder = Recorder::new(Arc::clone(&ledger), Arc::clone(&catalogue));
        let (recorder, recorder_thread) = recorder::start(recorder, Arc::clone(&clock)).map_err(OpenError::Thread)?;
        let mut firing = Firing::new(config.runner.concurrency as usize, shelf);
        firing.room_told = RoomTold::since(ledger.state().head().disk_full);
        let caller = post::caller(&config, &clock).map_err(OutboxError::from)?;
        let (mail_way, _) = watch::channel(post::way(&config, &caller)?);
        let heartbeat = Heartbeat::new(caller, config.heartbeat.as_ref(), clock.now());
        let compile = options.compile.clone();
        Ok(Self {
            clock,
            ledger,
            catalogue,
            recorder,
            recorder_thread,
            executor,
            sandbox,
            mail_way,
            heartbeat,
            started_with: config,
            compile,
            firing,
            supervisor,
            examinations: JoinSet::new(),
            doubtful_since,
        })
    }

    pub const fn ledger(&self) -> &Arc<Ledger<State>> {
        &self.ledger
    }

    pub const fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    pub const fn recorder(&self) -> &Handle {
        &self.recorder
    }

    /// A crash between any two of these leaves a ledger in which the next start finds what is still to be recorded.
    pub(super) async fn begin(&mut self) -> Result<(), OpenError> {
        self.supervisor.step(STEP_MAX, "recording the start, and what was missed");
        self.look_at_disk()?;
        self.introduce().await?;
        self.try_refused().await;
        let absence = self.absence();
        let started = Event::DaemonStarted { software: env!("CARGO_PKG_VERSION").to_owned() };
        self.recorder.record(Fact::Event(started)).await?;
        if let Some(doubt) = self.clock.doubt() {
            self.doubt_clock(doubt).await?;
        }
        if let Some(absence) = absence
            && let Some(gap) = self.account_for(absence).await?
        {
            self.recorder.record(Fact::Gap(Box::new(gap))).await?;
        }
        self.supervisor.step(STEP_MAX, "recording the configuration");
        self.configure().await?;
        self.tick().await?;
        Ok(())
    }

    /// The first entry of a ledger names it.
    async fn introduce(&self) -> Result<(), RecorderError> {
        if self.ledger.head().size > 0 {
            return Ok(());
        }
        let key = self.ledger.public_key().unwrap_or_default();
        let event = Event::LedgerOpened { origin: origin(self.catalogue.config()), key };
        self.recorder.record(Fact::Event(event)).await.map(|_| ())
    }

    /// A desk that can write, and what people ask it for that the daemon itself must do.
    pub fn desk(&self) -> (Arc<Desk>, mpsc::Receiver<Asked>) {
        let (asks, asked) = mpsc::channel(ASKED_MAX);
        // The gates of later configurations count in the same place.
        let gate = Arc::clone(&self.executor.gate);
        let pulse = self.heartbeat.pulse();
        let live = Live {
            recorder: self.recorder.clone(),
            traffic: Arc::new(move || gate.traffic()),
            pulse: Arc::new(move || pulse.borrow().clone().map(pulse_line)),
            asks,
        };
        let desk = Desk::new(
            Arc::clone(&self.ledger),
            Arc::clone(&self.catalogue),
            Arc::clone(&self.clock),
            self.compile.clone(),
            Some(live),
        );
        (Arc::new(desk), asked)
    }

    /// Records the configuration in force and plans every control's next slot.
    pub(super) async fn configure(&mut self) -> Result<(), RecorderError> {
        let catalogue = Arc::clone(&self.catalogue);
        let expanded = catalogue.config().expanded_json();
        let configured = Fact::Configured { catalogue: Arc::clone(&catalogue), expanded };
        let Recorded { at, .. } = self.recorder.record(configured).await?;
        self.fire_to_the_end(at).await?;
        for fault in self.faults() {
            tracing::error!(plugin = %fault.plugin, "{}", fault.message);
            self.recorder.record(Fact::PluginFault(Box::new(fault))).await?;
        }
        for refusal in self.refusals() {
            tracing::error!(plugin = %refusal.plugin, in_use = %refusal.refused.in_use, found = %refusal.refused.found,
                "a newer file is refused, and the plugin in use goes on: {}", refusal.refused.fault.message);
            self.recorder.record(Fact::PluginRefused(Box::new(refusal))).await?;
        }
        self.plan();
        Ok(())
    }

    /// Lets the recorder decide what the passing of time alone decides.
    pub(super) async fn tick(&self) -> Result<(), RecorderError> {
        self.recorder.record(Fact::Tick { clock: self.clock.kernel_state() }).await.map(|_| ())
    }

    /// One letter a plugin, however many controls it concerns.
    fn faults(&self) -> Vec<PluginFaultFacts> {
        let mut faults: BTreeMap<(PluginName, String), PluginFaultFacts> = BTreeMap::new();
        let tested = |control: &&Arc<Control>| control.enabled && control.has_plugin();
        for control in self.catalogue.controls().filter(tested) {
            let Err(PluginFault { reason, message }) = self.firing.shelf().fitted(control) else { continue };
            let plugin = control.check.plugin.clone();
            let facts = faults.entry((plugin.clone(), message.clone())).or_insert_with(|| PluginFaultFacts {
                at: self.clock.now(),
                plugin,
                reason,
                message,
                controls: Vec::new(),
            });
            facts.controls.push(control.id.clone());
        }
        faults.into_values().collect()
    }

    /// Ends the recorder once everything that was brought to it is durable, then the ledger.
    pub async fn close(mut self) -> Result<(), OpenError> {
        // They hold the ledger.
        self.examinations.shutdown().await;
        self.recorder.record(Fact::Event(Event::DaemonStopped)).await?;
        tokio::task::spawn_blocking(|| self.close_quietly())
            .await
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// The same, without saying that a daemon stopped.
    pub fn close_quietly(self) -> Result<(), OpenError> {
        let Self { recorder, recorder_thread, executor, ledger, .. } = self;
        drop(recorder);
        drop(executor);
        // The thread ends when the last handle is gone; whoever still holds one has been told to stop before.
        if recorder_thread.join().is_err() {
            tracing::error!("the recorder's thread ended by a panic");
        }
        match Arc::try_unwrap(ledger) {
            Ok(ledger) => ledger.close()?,
            // A reader still looks at it; dropping the last handle closes it.
            Err(_) => tracing::debug!("the ledger is still read while the daemon ends"),
        }
        Ok(())
    }
}

fn pulse_line(Pulse { arrived, failing }: Pulse) -> PulseLine {
    let (failing_since, why) = failing.unzip();
    PulseLine { arrived, failing_since, why }
}

/// How the ledger of a configuration is opened for writing.
fn ledger_options(config: &Config, supervisor: &Supervisor) -> ledger::Options {
    let supervisor = supervisor.clone();
    let progress: Progressing = Arc::new(move |step| notify::opening(&supervisor, step));
    ledger::Options { progress: Some(progress), ..ledger::Options::new(&origin(config)) }
}

/// Every plugin of a configuration, which takes long for those that were never compiled.
pub(super) fn load_shelf(sandbox: &Sandbox, config: &Config, supervisor: &Supervisor) -> Shelf {
    let within = CompileLimits::default().wall + STEP_MAX;
    Shelf::load_telling(sandbox, config, |plugin| supervisor.step(within, &format!("loading the plugin {plugin}")))
}

/// Name of the log in its checkpoints: organization and instance, in the alphabet of a host name and a path.
fn origin(config: &Config) -> String {
    let name = |text: &str| {
        let text: String =
            text.to_ascii_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        text.trim_matches('-').to_owned()
    };
    format!("{}.evidenced/{}", name(&config.organization), name(&config.instance))
}

pub(super) fn plugin_facts(shelf: &Shelf, config: &Config) -> BTreeMap<PluginName, PluginFacts> {
    let names = config.controls.iter().map(|control| &control.check.plugin);
    names
        .filter_map(|name| {
            if let Some(built_in) = BuiltIn::of(name) {
                return Some((name.clone(), PluginFacts::of_built_in(built_in)));
            }
            let shelved = shelf.plugin(name).ok()?;
            let facts = PluginFacts {
                version: shelved.plugin.description().version.clone(),
                digest: shelved.digest,
                bytes: Arc::clone(&shelved.bytes),
            };
            Some((name.clone(), facts))
        })
        .collect()
}

/// The network of a configuration.
pub fn gate_settings(config: &Config, clock: &Arc<dyn Clock>) -> GateSettings {
    let clock = Arc::clone(clock);
    let web = config.sources.iter().filter_map(|source| Some((source.id.clone(), source.rate?)));
    let others = config.databases.iter().filter_map(|one| Some((one.database.source.clone(), one.rate?)));
    GateSettings {
        credentials: config.credentials.iter().map(credential).collect(),
        proxy: proxy(&config.network),
        ca: config.network.ca.clone(),
        ca_of_sources: with_own_ca(config).map(|source| (source.id.clone(), source.ca.clone())).collect(),
        rates: web.chain(others).collect(),
        now: Arc::new(move || clock.now()),
    }
}

fn with_own_ca(config: &Config) -> impl Iterator<Item = &Source> {
    config.sources.iter().filter(|source| !source.ca.is_empty())
}

fn proxy(network: &Network) -> Option<Proxy> {
    let proxy = network.proxy.as_ref()?;
    let login = network.proxy_login.as_ref();
    let login = login.map(|login| ProxyLogin { username: login.username.clone(), password: login.password.clone() });
    Some(Proxy { host: proxy.host.clone(), port: proxy.port, login, past: network.no_proxy.clone() })
}

fn credential(spec: &crate::config::CredentialSpec) -> CredentialSettings {
    CredentialSettings { id: spec.id.clone(), kind: spec.kind.clone(), secret: spec.secret.clone() }
}
