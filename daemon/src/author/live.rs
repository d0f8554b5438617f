//! One run outside of any daemon: what it may reach is what its author says, and everything else is as the daemon has it.
//!
//! The arguments become a control of a configuration of its own, so that grants, limits, needs and the schema are judged by
//! the same code, with the same words.

use std::{collections::BTreeMap, ops::Range, path::PathBuf, sync::Arc};

use evidenced_cases::Recording;
use evidenced_contract::{HistoryError, HistoryPoint, Interval, SlotCounts};
use tokio_util::sync::CancellationToken;
use toml::{Table, Value};

use super::{AuthorError, tidy::tidy};
use crate::{
    clock::{Clock, SystemClock, VirtualClock},
    config::{self, Config, Level},
    domain::{ControlId, EventInterval, OnEmpty, Outcome, SlotTime, Timestamp, verdict},
    evidence::EndedRecord,
    gate::Gate,
    runner::{Executor, Finished, HistoryReader, Order, Shelf, SlotsTold, Trace, case_limits},
    sandbox::Sandbox,
    service::gate_settings,
};

/// What a run is given.
#[derive(Debug, Clone, Default)]
pub struct LiveSpec {
    /// The plugin's file.
    pub plugin: PathBuf,
    pub config: serde_json::Value,
    /// Name and file or URL of each.
    pub inputs: Vec<(String, String)>,
    pub hosts: Vec<AllowedHost>,
    /// PEM files of roots that are trusted besides the system's.
    pub ca: Vec<PathBuf>,
    /// Keys and values of `limits`, as a control has them.
    pub limits: Vec<(String, String)>,
    /// The run's time; `None`: that of the machine.
    pub now: Option<Timestamp>,
    pub seed: [u8; 32],
    /// For a check that reads events: those that it is asked about.
    pub interval: Option<EventInterval>,
}

/// A host that the run may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    /// Scheme, host and port.
    pub url: String,
    /// None: those of a grant that says nothing of it.
    pub methods: Vec<String>,
    /// What is put on its requests: kind as in `[[credential]]`, and the file that the secret is in.
    pub credential: Option<(String, PathBuf)>,
    /// Ranges that its name may resolve to besides public addresses.
    pub addresses: Vec<String>,
}

/// What came of it.
#[derive(Debug)]
pub struct LiveRun {
    pub outcome: Outcome,
    pub finished: Finished,
    pub trace: Trace,
}

/// The id of the control; the same as in cases that name none.
const CONTROL: &str = "TEST-01";

/// Runs the plugin once.
pub async fn run_live(sandbox: &Arc<Sandbox>, spec: &LiveSpec) -> Result<LiveRun, AuthorError> {
    let config = configuration(spec)?;
    let id: ControlId = CONTROL.parse().map_err(|_| AuthorError::Name(CONTROL.to_owned()))?;
    let control = config.controls.iter().find(|control| control.id == id).cloned();
    let control = Arc::new(control.ok_or_else(|| AuthorError::Arguments("there is no control".to_owned()))?);
    let shelf = Shelf::load(sandbox, &config);
    let system: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let now = spec.now.unwrap_or_else(|| system.now());
    // What is signed and whose certificate has run out goes by the true time, whatever the plugin is told.
    let gate = Gate::new(gate_settings(&config, &system)).map_err(|error| AuthorError::Arguments(error.to_string()))?;
    let executor = Executor {
        sandbox: Arc::clone(sandbox),
        gate: Arc::new(gate),
        history: Arc::new(NoHistory),
        clock: Arc::new(VirtualClock::new(now)),
        stop: CancellationToken::new(),
    };
    let order = Order {
        definition: control.check.definition(),
        control,
        version: 1,
        slot: SlotTime(now),
        is_scheduled: false,
        is_late: false,
        interval: spec.interval,
        seed_from: (0, crate::domain::Digest([0; 32])),
        state: BTreeMap::new(),
    };
    let (finished, trace) = executor.run_traced(&shelf, order, Some(spec.seed)).await;
    Ok(LiveRun { outcome: outcome(&finished.ended), finished, trace })
}

/// As a control has it that says nothing of exclusions and of an empty population.
fn outcome(ended: &EndedRecord) -> Outcome {
    match ended {
        EndedRecord::Report(report) => {
            verdict(report, OnEmpty::Error, |_| false).map_or(Outcome::Error, |verdict| verdict.outcome)
        }
        EndedRecord::Failure(_) | EndedRecord::Other { .. } => Outcome::Error,
    }
}

impl LiveRun {
    /// How it ended, in the words that a case expects.
    pub fn words(&self) -> String {
        match &self.finished.ended {
            EndedRecord::Report(report) => evidenced_cases::words(&Ok(report.clone())),
            EndedRecord::Failure(failure) => evidenced_cases::words(&Err(failure.clone())),
            EndedRecord::Other { words, .. } => format!("{words}\n"),
        }
    }

    /// The text of the case that plays it again. What it saw is free of the secrets that were sent: the gate cleans an answer before
    /// anybody sees it.
    pub fn case(&self) -> Result<String, AuthorError> {
        let text = self.recording()?.to_toml().map_err(|error| AuthorError::Unrecorded(error.to_string()))?;
        Ok(tidy(&text))
    }

    fn recording(&self) -> Result<Recording, AuthorError> {
        let Self { finished, trace, .. } = self;
        let not = |why: &str| AuthorError::Unrecorded(why.to_owned());
        let is_deterministic = match &finished.ended {
            EndedRecord::Report(_) | EndedRecord::Failure(_) => true,
            EndedRecord::Other { is_deterministic, .. } => *is_deterministic,
        };
        let request = trace.request.clone().filter(|_| is_deterministic);
        Ok(Recording {
            request: request.ok_or_else(|| not("it did not come to an end that a case can expect"))?,
            inputs: finished
                .inputs
                .iter()
                .map(|given| (given.input.clone(), given.bytes.as_deref().map(<[u8]>::to_vec).map_err(Clone::clone)))
                .collect(),
            state: finished.order.state.clone(),
            limits: case_limits(&finished.order.control.check.limits),
            script: finished.transcript.script().ok_or_else(|| not("a body is not in what was seen"))?,
            expected: self.words(),
        })
    }
}

/// The configuration with one control that says what the arguments do.
fn configuration(spec: &LiveSpec) -> Result<Config, AuthorError> {
    let text = toml::to_string_pretty(&written(spec)?).map_err(|error| AuthorError::Arguments(error.to_string()))?;
    let place = tempfile::tempdir().map_err(|error| AuthorError::Arguments(error.to_string()))?;
    let path = place.path().join("run.toml");
    std::fs::write(&path, text).map_err(|source| AuthorError::Unwritten { path: path.clone(), source })?;
    match config::load(&path) {
        Ok(loaded) => Ok(loaded.config),
        Err(refused) => {
            let errors = refused.list().iter().filter(|diagnostic| diagnostic.level == Level::Error);
            let words: Vec<_> = errors.map(ToString::to_string).collect();
            // The lines are those of a file that nobody has seen.
            Err(AuthorError::Arguments(words.join("\n").replace(&path.display().to_string(), "arguments")))
        }
    }
}

fn written(spec: &LiveSpec) -> Result<Table, AuthorError> {
    let text = |text: &str| Value::String(text.to_owned());
    let mut control = Table::new();
    for (key, value) in [
        ("id", CONTROL),
        ("title", "One run of an author"),
        ("family", "security"),
        ("owner", "author"),
        ("every", "1d"),
    ] {
        control.insert(key.to_owned(), text(value));
    }
    control.insert("plugin".to_owned(), text(&spec.plugin.display().to_string()));
    let config = Value::try_from(&spec.config).map_err(|_| AuthorError::Config)?;
    control.insert("config".to_owned(), config);
    let limits = spec.limits.iter().map(|(key, value)| {
        let value = value.parse().map_or_else(|_| text(value), Value::Integer);
        (key.clone(), value)
    });
    control.insert("limits".to_owned(), Value::Table(limits.collect()));
    let mut credentials = Vec::new();
    let mut grants = Vec::new();
    for (number, host) in spec.hosts.iter().enumerate() {
        let mut grant = Table::from_iter([("url".to_owned(), text(&host.url))]);
        if !host.methods.is_empty() {
            grant.insert(
                "methods".to_owned(),
                host.methods.iter().map(|method| text(method)).collect::<Vec<_>>().into(),
            );
        }
        let addresses: Vec<_> = host.addresses.iter().map(String::as_str).chain(own_addresses(&host.url)).collect();
        if !addresses.is_empty() {
            grant.insert("addresses".to_owned(), addresses.into_iter().map(text).collect::<Vec<_>>().into());
        }
        if let Some((kind, file)) = &host.credential {
            let id = format!("host-{number}");
            grant.insert("credential".to_owned(), text(&id));
            credentials.push(Value::Table(credential(&id, kind, file)));
        }
        grants.push(Value::Table(grant));
    }
    control.insert("grant".to_owned(), Value::Array(grants));
    let inputs = spec.inputs.iter().map(|(name, from)| {
        let kind = if from.starts_with("https://") || from.starts_with("http://") { "http" } else { "file" };
        Value::Table(Table::from_iter([("name".to_owned(), text(name)), (kind.to_owned(), text(from))]))
    });
    control.insert("input".to_owned(), Value::Array(inputs.collect()));
    let ca: Vec<_> = spec.ca.iter().map(|path| text(&path.display().to_string())).collect();
    let mut root = Table::from_iter([
        ("organization".to_owned(), text("An author")),
        ("timezone".to_owned(), text("UTC")),
        ("state_dir".to_owned(), text("state")),
        ("monitoring".to_owned(), Value::Table(Table::from_iter([("enabled".to_owned(), Value::Boolean(false))]))),
        ("credential".to_owned(), Value::Array(credentials)),
        ("control".to_owned(), Value::Array(vec![Value::Table(control)])),
    ]);
    if !ca.is_empty() {
        root.insert("network".to_owned(), Value::Table(Table::from_iter([("ca".to_owned(), Value::Array(ca))])));
    }
    Ok(root)
}

/// `bearer`, or `header:NAME`, or `basic:USER`, or another kind that a secret is all of.
fn credential(id: &str, kind: &str, file: &std::path::Path) -> Table {
    let text = |text: &str| Value::String(text.to_owned());
    let (kind, more) = kind.split_once(':').map_or((kind, None), |(kind, more)| (kind, Some(more)));
    let secret = Table::from_iter([("file".to_owned(), text(&file.display().to_string()))]);
    let mut table = Table::from_iter([
        ("id".to_owned(), text(id)),
        ("kind".to_owned(), text(kind)),
        ("secret".to_owned(), Value::Table(secret)),
    ]);
    if let Some(more) = more {
        let key = if kind == "basic" { "username" } else { "header" };
        table.insert(key.to_owned(), text(more));
    }
    table
}

/// Who names this machine means it, and who writes an address means that.
fn own_addresses(url: &str) -> Vec<&'static str> {
    match url::Url::parse(url).ok().as_ref().and_then(url::Url::host) {
        Some(url::Host::Domain("localhost")) => vec!["127.0.0.0/8", "::1/128"],
        Some(url::Host::Ipv4(address)) if address.is_loopback() => vec!["127.0.0.0/8"],
        Some(url::Host::Ipv6(address)) if address.is_loopback() => vec!["::1/128"],
        _ => Vec::new(),
    }
}

/// A first run has no earlier ones.
struct NoHistory;

impl HistoryReader for NoHistory {
    fn points(&self, _: &ControlId, _: &str, _: &Interval) -> Result<Vec<HistoryPoint>, HistoryError> {
        Ok(Vec::new())
    }

    fn slots_in(&self, _: &ControlId, _: &Interval) -> Result<SlotCounts, HistoryError> {
        Ok(SlotCounts::default())
    }

    fn slots_told(
        &self,
        _: &[String],
        _: &Range<Timestamp>,
        _: u64,
        _: &dyn Fn() -> bool,
    ) -> Result<SlotsTold, String> {
        Err("a run outside of a daemon has no ledger".to_owned())
    }
}
