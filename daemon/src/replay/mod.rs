//! Re-performs runs: the same plugin on the same transcript gives the same record, to the byte.
//!
//! In: a run of the ledger. Out: whether it comes out the same, differs, or cannot be re-performed and why.
//! Must not know: schedules, the network.

use std::{collections::HashMap, sync::Arc};

use crate::{
    domain::{BuiltIn, Digest, Entry, Event, Evidence, RunEntry, TranscriptClass},
    evidence::{EndedRecord, EvidenceError, RunRecord, unpack, unpack_record},
    fold::State,
    ledger::{Ledger, LedgerError, Store},
    monitoring,
    recorder::{ControlPart, as_configured, excluding, settled},
    runner::{Order, ended_record, judged_by_itself, request},
    sandbox::{LoadError, Plugin, ReplaySpec, Sandbox},
};

/// What a re-performance shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Replayed {
    /// The record is the same, byte for byte.
    Identical,
    Different {
        recorded: String,
        replayed: String,
    },
    /// It was ended by time or by the host, or its transcript was not kept. Never counted as identical.
    NotReperformable(String),
    /// The replay asked what the transcript does not answer.
    CannotTell(String),
}

/// Why a run could not be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("the ledger cannot be read")]
    Ledger(#[from] LedgerError),
    #[error("entry {0} is not a run")]
    NotARun(u64),
    #[error("entry {0} cannot be read")]
    Entry(u64, #[source] crate::domain::EntryError),
    #[error("the evidence of run {0}")]
    Evidence(u64, #[source] EvidenceError),
    #[error("the ledger does not know version {version} of control {control}")]
    UnknownVersion { control: crate::domain::ControlId, version: u32 },
    #[error("the plugin of run {0} was not kept: its file could not be read when the control was defined")]
    NoPlugin(u64),
    #[error("the plugin cannot be loaded")]
    Load(#[from] LoadError),
}

/// Replays runs of one ledger; each plugin is compiled once.
pub struct Replayer {
    ledger: Arc<Ledger<State>>,
    sandbox: Arc<Sandbox>,
    /// By part.
    plugins: HashMap<Digest, Plugin>,
    /// By part.
    controls: HashMap<Digest, Arc<ControlPart>>,
}

impl Replayer {
    pub fn new(ledger: Arc<Ledger<State>>, sandbox: Arc<Sandbox>) -> Self {
        Self { ledger, sandbox, plugins: HashMap::new(), controls: HashMap::new() }
    }

    /// Re-performs the run at `sequence`.
    pub async fn replay(&mut self, sequence: u64) -> Result<Replayed, ReplayError> {
        let run = self.run_at(sequence)?;
        let record_part = self.record_part(sequence, &run)?;
        let control = self.control(&run)?;
        let ledger = Arc::clone(&self.ledger);
        let read = move |part: &Digest| ledger.part(part).map_err(|error| error.to_string());
        let evidence = |error| ReplayError::Evidence(sequence, error);
        let why = match unpack_record(&record_part, &read).map_err(evidence)?.transcript {
            TranscriptClass::Full => None,
            TranscriptClass::Redacted => Some(
                "its transcript was kept redacted: bodies and values of headers are digests, and a plugin cannot be run \
                 again on those alone",
            ),
            TranscriptClass::DigestOnly => Some("only digests of its transcript were kept"),
        };
        if let Some(why) = why {
            return Ok(Replayed::NotReperformable(why.to_owned()));
        }
        if control.control.is_attested() {
            return Ok(Replayed::NotReperformable("a person attested it".to_owned()));
        }
        let unpacked = unpack(&record_part, &read).map_err(evidence)?;
        if let EndedRecord::Other { words, is_deterministic: false, .. } = &unpacked.record.ended {
            return Ok(Replayed::NotReperformable(words.clone()));
        }
        let excluded: Option<Vec<_>> = control.excluded.iter().map(|one| as_configured(&self.ledger, one)).collect();
        let Some(excluded) = excluded else {
            return Ok(Replayed::NotReperformable("the subject of an exclusion was erased".to_owned()));
        };
        let tested = excluding(&control.control, excluded);
        let order = Order {
            control: Arc::new(tested.clone()),
            definition: control.definition(),
            version: run.version,
            slot: run.slot,
            is_scheduled: !run.days.is_empty(),
            is_late: run.late,
            interval: run.interval,
            seed_from: self.seed_from(run.seed_size)?,
            state: unpacked.state.clone(),
        };
        let request = request(&order, run.now, &unpacked.inputs);
        if let Some(built_in) = control.control.built_in() {
            if let Some(why) = self.other_rule(sequence, built_in, &control)? {
                return Ok(Replayed::NotReperformable(why));
            }
            let ended = judged_by_itself(built_in, &request, &unpacked.inputs);
            return Ok(compare(&unpacked.record, &settled(&tested, run.now, run.interval, ended)));
        }
        let plugin = self.plugin(sequence, &control)?;
        let spec = ReplaySpec {
            request,
            inputs: unpacked.inputs,
            state: unpacked.state,
            limits: control.control.check.limits,
        };
        let result = self.sandbox.replay(&plugin, spec, &unpacked.transcript).await;
        let ended = settled(&tested, run.now, run.interval, ended_record(result.ended));
        Ok(compare(&unpacked.record, &ended))
    }

    fn run_at(&self, sequence: u64) -> Result<RunEntry, ReplayError> {
        match self.entry(sequence)? {
            Event::Run(run) => Ok(run),
            _ => Err(ReplayError::NotARun(sequence)),
        }
    }

    fn entry(&self, sequence: u64) -> Result<Event, ReplayError> {
        let mut entries = self.ledger.entries(sequence..sequence.saturating_add(1));
        let (_, bytes) = entries.next().ok_or(ReplayError::NotARun(sequence))??;
        Ok(Entry::from_bytes(&bytes).map_err(|error| ReplayError::Entry(sequence, error))?.event)
    }

    fn record_part(&self, sequence: u64, run: &RunEntry) -> Result<Digest, ReplayError> {
        match run.evidence {
            Evidence::Part(part) => Ok(part),
            Evidence::SameAs(earlier) => match self.run_at(earlier)?.evidence {
                Evidence::Part(part) => Ok(part),
                Evidence::SameAs(_) => Err(ReplayError::NotARun(sequence)),
            },
        }
    }

    fn control(&mut self, run: &RunEntry) -> Result<Arc<ControlPart>, ReplayError> {
        let unknown = || ReplayError::UnknownVersion { control: run.control.clone(), version: run.version };
        let part = {
            let state = self.ledger.state();
            let record = state.control_record(&run.control).ok_or_else(unknown)?;
            record.versions.iter().find(|change| change.version == run.version).ok_or_else(unknown)?.control_part
        };
        if let Some(control) = self.controls.get(&part) {
            return Ok(Arc::clone(control));
        }
        let bytes = self.ledger.part(&part)?.ok_or_else(unknown)?;
        let control: Arc<ControlPart> = Arc::new(serde_json::from_slice(&bytes).map_err(|_| unknown())?);
        self.controls.insert(part, Arc::clone(&control));
        Ok(control)
    }

    fn plugin(&mut self, sequence: u64, control: &ControlPart) -> Result<Plugin, ReplayError> {
        let part = control.plugin.ok_or(ReplayError::NoPlugin(sequence))?;
        if let Some(plugin) = self.plugins.get(&part) {
            return Ok(plugin.clone());
        }
        let bytes = self.ledger.part(&part)?.ok_or(ReplayError::NoPlugin(sequence))?;
        let plugin = self.sandbox.load(&bytes)?;
        self.plugins.insert(part, plugin.clone());
        Ok(plugin)
    }

    /// Why this daemon cannot judge as the one did that made the run: its own check has another rule.
    fn other_rule(
        &self,
        sequence: u64,
        built_in: BuiltIn,
        control: &ControlPart,
    ) -> Result<Option<String>, ReplayError> {
        let part = control.plugin.ok_or(ReplayError::NoPlugin(sequence))?;
        let recorded = self.ledger.part(&part)?.ok_or(ReplayError::NoPlugin(sequence))?;
        if recorded == monitoring::rule(built_in).as_bytes() {
            return Ok(None);
        }
        let version = control.plugin_version.as_deref().unwrap_or("of another version");
        Ok(Some(format!(
            "it was judged by a rule of evidenced {version} ({}), and evidenced {} has another one ({}): replay it with a \
             release that has that rule",
            Digest::of(&recorded),
            env!("CARGO_PKG_VERSION"),
            monitoring::digest(built_in)
        )))
    }

    /// The checkpoint entry stands at the place that its size names.
    fn seed_from(&self, size: u64) -> Result<(u64, Digest), ReplayError> {
        match self.entry(size) {
            Ok(Event::Checkpoint { size, root, .. }) => Ok((size, root)),
            // Before the first checkpoint there was no root.
            Ok(_) | Err(ReplayError::NotARun(_)) => Ok((0, Digest([0; 32]))),
            Err(error) => Err(error),
        }
    }
}

fn compare(recorded: &RunRecord, replayed: &EndedRecord) -> Replayed {
    let words =
        |ended: &EndedRecord| serde_json_canonicalizer::to_string(ended).unwrap_or_else(|_| ended.words().to_owned());
    if let EndedRecord::Other { words, is_deterministic: false, .. } = replayed {
        return Replayed::CannotTell(words.clone());
    }
    let (recorded, replayed) = (words(&recorded.ended), words(replayed));
    if recorded == replayed { Replayed::Identical } else { Replayed::Different { recorded, replayed } }
}
