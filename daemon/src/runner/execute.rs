//! One run of one check: inputs, plugin, and how it ended.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use evidenced_contract::{Extensions, HistoryError, HistoryPoint, Interval, Request, SlotCounts};
use futures_util::future::BoxFuture;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::{
    Reach, Shelf,
    inputs::{self, Gathering},
    trial::Trial,
};
use crate::{
    clock::{self, Clock, Stopwatch},
    domain::{
        BuiltIn, ClockState, Control, ControlId, Digest, EventInterval, InputOrigin, InputSpec, RunReason, SlotTime,
        Timestamp,
    },
    evidence::EndedRecord,
    gate::{Budget, Door, Gate},
    monitoring,
    sandbox::{Ended, History, InputBytes, Live, LogLine, RunSpec, Sandbox, Transcript},
};

/// Earlier results, for checks that may read them.
pub trait HistoryReader: Send + Sync {
    /// Measurements of a control in an interval, oldest first.
    fn points(
        &self,
        control: &ControlId,
        measurement: &str,
        during: &Interval,
    ) -> Result<Vec<HistoryPoint>, HistoryError>;
    fn slots_in(&self, control: &ControlId, during: &Interval) -> Result<SlotCounts, HistoryError>;
    /// How slots ended of the controls that `patterns` name, as JSON; or why it cannot be told. It blocks, and ends early
    /// when `halted` says so.
    fn slots_told(
        &self,
        patterns: &[String],
        during: &Range<Timestamp>,
        bytes_max: u64,
        halted: &dyn Fn() -> bool,
    ) -> Result<SlotsTold, String>;
}

/// How slots ended, for an input.
#[derive(Debug, PartialEq, Eq)]
pub struct SlotsTold {
    /// JSON.
    pub bytes: Vec<u8>,
    pub slots: u32,
}

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Order {
    pub control: Arc<Control>,
    /// Of what the check promises: [`Check::definition`](crate::domain::Check::definition).
    pub definition: Digest,
    /// Of the control: definition and plugin.
    pub version: u32,
    pub slot: SlotTime,
    /// A slot of the schedule, and not a run that a person asked for.
    pub is_scheduled: bool,
    pub is_late: bool,
    /// Of a check that reads events: those that it is asked about.
    pub interval: Option<EventInterval>,
    /// Root and size of the checkpoint that the seed is made from.
    pub seed_from: (u64, Digest),
    /// The plugin's own state before the run.
    pub state: BTreeMap<String, Vec<u8>>,
}

/// A run that has ended, however it ended.
#[derive(Debug)]
pub struct Finished {
    pub order: Order,
    /// The run's only clock.
    pub now: Timestamp,
    /// When it began, the wall clock was in doubt.
    pub clock_in_doubt: bool,
    pub took: std::time::Duration,
    pub ended: EndedRecord,
    pub transcript: Transcript,
    pub inputs: Vec<InputBytes>,
    /// The plugin's state after the run, if a report came and it wrote.
    pub new_state: Option<BTreeMap<String, Vec<u8>>>,
}

/// What is seen of a run and not kept.
#[derive(Debug, Default)]
pub struct Trace {
    /// What the plugin was told, limits apart. `None`: it did not start.
    pub request: Option<Request>,
    pub log: Vec<LogLine>,
    /// By the plugin alone; gathering its inputs is not in it.
    pub took: std::time::Duration,
    /// Bytes of all linear memories together, at their most.
    pub peak_memory: u64,
}

/// Runs checks; knows everything that a run is given.
pub struct Executor {
    pub sandbox: Arc<Sandbox>,
    pub gate: Arc<Gate>,
    pub history: Arc<dyn HistoryReader>,
    pub clock: Arc<dyn Clock>,
    /// Ends runs that are under way.
    pub stop: CancellationToken,
}

impl Executor {
    pub async fn run(&self, shelf: &Shelf, order: Order) -> Finished {
        self.run_traced(shelf, order, None).await.0
    }

    /// [`Self::run`], with what only an author looks at. `seed` is that of the run, in place of its order's.
    pub async fn run_traced(&self, shelf: &Shelf, order: Order, seed: Option<[u8; 32]>) -> (Finished, Trace) {
        let now = self.clock.now();
        let clock_in_doubt = self.clock.doubt().is_some();
        let started = clock::stopwatch();
        let control = Arc::clone(&order.control);
        if let Some(built_in) = control.built_in() {
            let begun = Begun { order, now, clock_in_doubt, started };
            return (self.run_built_in(built_in, shelf, begun).await, Trace::default());
        }
        // Ended before its plugin could start.
        let not_started = |order, reason, words, inputs| {
            let finished = Finished {
                order,
                now,
                clock_in_doubt,
                took: started.elapsed(),
                ended: EndedRecord::Other { reason, words, is_deterministic: false },
                transcript: Transcript::default(),
                inputs,
                new_state: None,
            };
            (finished, Trace::default())
        };
        let shelved = match shelf.fitted(&control) {
            Ok(shelved) => shelved,
            Err(fault) => return not_started(order, fault.reason, fault.message, Vec::new()),
        };
        let limits = &control.check.limits;
        let door = self.door(&control, started);
        let reach = Reach::of_plugin(&shelved.plugin, &control);
        let given: Vec<_> = reach.inputs().cloned().collect();
        let begun = Begun { order, now, clock_in_doubt, started };
        let inputs = self.gather(&given, &begun, &door).await;
        let order = begun.order;
        if let Some(why) = unread_events(&given, &inputs) {
            return not_started(order, RunReason::InputUnreadable, why, inputs);
        }
        let mut request = request(&order, now, &inputs);
        request.seed = seed.unwrap_or(request.seed);
        let spec = RunSpec {
            request: request.clone(),
            inputs: inputs.clone(),
            state: order.state.clone(),
            limits: *limits,
            stop: self.stop.clone(),
            world: Arc::new(Live::new(
                door.declaring(|grant| reach.is_host_declared(grant)),
                Arc::new(Granted { history: Arc::clone(&self.history), control: Arc::clone(&control) }),
            )),
        };
        let result = self.sandbox.run(&shelved.plugin, spec).await;
        for line in &result.log {
            tracing::debug!(control = %control.id, slot = %order.slot, level = ?line.level, "{}", line.message);
        }
        let finished = Finished {
            order,
            now,
            clock_in_doubt,
            took: started.elapsed(),
            ended: ended_record(result.ended),
            transcript: result.transcript,
            inputs,
            new_state: result.state_after,
        };
        let trace =
            Trace { request: Some(request), log: result.log, took: result.took, peak_memory: result.peak_memory };
        (finished, trace)
    }
}

/// A run that has begun.
struct Begun {
    order: Order,
    now: Timestamp,
    clock_in_doubt: bool,
    started: Stopwatch,
}

impl Executor {
    fn door(&self, control: &Control, started: Stopwatch) -> Door {
        let limits = &control.check.limits;
        let grants: Arc<[_]> = control.check.grants.clone().into();
        let budget = Budget {
            requests: limits.requests,
            response_bytes: limits.response_bytes,
            deadline: started.deadline(limits.wall).into(),
        };
        self.gate.for_run(control.id.clone(), grants, budget)
    }

    async fn gather(&self, specs: &[InputSpec], begun: &Begun, door: &Door) -> Vec<InputBytes> {
        let Begun { order, now, clock_in_doubt, started } = begun;
        let limits = &order.control.check.limits;
        let gathering = Gathering {
            bytes_max: limits.input_bytes,
            door,
            now: *now,
            interval: order.interval,
            history: &self.history,
            by_this_clock: !clock_in_doubt && self.clock.kernel_state() != ClockState::Virtual,
            since: *started,
            wall: limits.wall,
        };
        inputs::gather(specs, &gathering).await
    }

    /// A run of the daemon's own check: what it reads is gathered and kept like the inputs of a plugin, and nothing else
    /// is judged.
    async fn run_built_in(&self, built_in: BuiltIn, shelf: &Shelf, begun: Begun) -> Finished {
        let control = Arc::clone(&begun.order.control);
        let inputs = match built_in {
            BuiltIn::MonitoringRan => {
                let door = self.door(&control, begun.started);
                self.gather(&control.check.inputs, &begun, &door).await
            }
            BuiltIn::PluginsCanFail => {
                let trial = Trial {
                    sandbox: &self.sandbox,
                    now: begun.now,
                    limits: control.check.limits,
                    since: begun.started,
                    stop: &self.stop,
                };
                vec![trial.gather(shelf).await]
            }
        };
        let ended = if self.stop.is_cancelled() {
            ended_record(Ended::Stopped)
        } else {
            judged_by_itself(built_in, &request(&begun.order, begun.now, &inputs), &inputs)
        };
        let Begun { order, now, clock_in_doubt, started } = begun;
        let transcript = Transcript::default();
        Finished { order, now, clock_in_doubt, took: started.elapsed(), ended, transcript, inputs, new_state: None }
    }
}

/// What the daemon's own check makes of its input; the same for a run and for its re-performance.
pub fn judged_by_itself(built_in: BuiltIn, request: &Request, inputs: &[InputBytes]) -> EndedRecord {
    let input = inputs.first().map_or(Err("there is no input"), |input| match &input.bytes {
        Ok(bytes) => Ok(&**bytes),
        Err(why) => Err(why.as_str()),
    });
    match monitoring::judge(built_in, request, input) {
        Ok(report) => EndedRecord::Report(report),
        Err(failure) => EndedRecord::Failure(failure),
    }
}

/// What the plugin is told; the same for a run and for its re-performance.
pub fn request(order: &Order, now: Timestamp, inputs: &[InputBytes]) -> Request {
    let check = &order.control.check;
    Request {
        control: order.control.id.to_string(),
        definition: order.definition.to_string(),
        slot: order.slot.to_string(),
        now: now.to_string(),
        interval: order
            .interval
            .map(|EventInterval { from, until }| Interval { from: from.to_string(), until: until.to_string() }),
        config: check.config.clone(),
        inputs: inputs.iter().map(|input| input.input.clone()).collect(),
        seed: seed(order.seed_from, &order.control.id, order.slot),
        limits: UNTOLD,
        extensions: events_told(inputs),
    }
}

/// Events that could not be read were not looked at, whatever a plugin makes of those that could: the run covers nothing,
/// and the next one is asked about them again.
fn unread_events(specs: &[InputSpec], inputs: &[InputBytes]) -> Option<String> {
    let by_events = specs.iter().zip(inputs).filter(|(spec, _)| matches!(spec.origin, InputOrigin::Events(_)));
    by_events.filter_map(|(spec, input)| Some(format!("input `{}`: {}", spec.name, input.bytes.as_ref().err()?))).next()
}

/// What was read for inputs of events, and what is left of it, as the plugin is told: by the name of the input.
fn events_told(inputs: &[InputBytes]) -> Extensions {
    let counts = |input: &InputBytes| {
        let counts = serde_json::to_value(input.events.as_ref()?).ok()?;
        Some((input.input.name.clone(), counts))
    };
    let told: serde_json::Map<_, _> = inputs.iter().filter_map(counts).collect();
    let mut extensions = Extensions::new();
    if !told.is_empty() {
        extensions.insert(EVENTS_EXTENSION.to_owned(), told.into());
    }
    extensions
}

/// Where a request says what was read for inputs of events.
const EVENTS_EXTENSION: &str = "evidenced:events";

/// The sandbox tells the plugin its limits.
const UNTOLD: evidenced_contract::Limits =
    evidenced_contract::Limits { wall_ms: 0, memory_bytes: 0, report_bytes: 0, requests: 0, response_bytes: 0 };

/// The randomness of a run: SHA-256 of the newest checkpoint's root, the control and the slot. Nobody could know it
/// before that checkpoint, anybody can compute it after.
pub fn seed((size, root): (u64, Digest), control: &ControlId, slot: SlotTime) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"evidenced seed 1\n");
    hash.update(size.to_be_bytes());
    hash.update(root.0);
    hash.update(slot.0.as_millis().to_be_bytes());
    hash.update(control.as_str().as_bytes());
    hash.finalize().into()
}

/// How a run ended, as it is kept.
pub fn ended_record(ended: Ended) -> EndedRecord {
    match ended {
        Ended::Report(report) => EndedRecord::Report(report),
        Ended::Failure(failure) => EndedRecord::Failure(failure),
        other => EndedRecord::Other {
            reason: other.reason().expect("everything but a report has a reason"),
            is_deterministic: other.is_deterministic(),
            words: other.to_string(),
        },
    }
}

/// Earlier results as one control may see them.
struct Granted {
    history: Arc<dyn HistoryReader>,
    control: Arc<Control>,
}

impl Granted {
    /// Its own history is granted to every control.
    fn granted(&self, control: Option<String>) -> Result<ControlId, HistoryError> {
        let Some(control) = control else { return Ok(self.control.id.clone()) };
        let id: ControlId = control.parse().map_err(|_| HistoryError::Refused(control.clone()))?;
        let is_granted = id == self.control.id || self.control.check.history.contains(&id);
        if is_granted { Ok(id) } else { Err(HistoryError::Refused(control)) }
    }
}

impl History for Granted {
    fn points<'a>(
        &'a self,
        control: Option<String>,
        measurement: String,
        during: Interval,
    ) -> BoxFuture<'a, Result<Vec<HistoryPoint>, HistoryError>> {
        let granted = self.granted(control);
        let history = Arc::clone(&self.history);
        Box::pin(blocking(move || history.points(&granted?, &measurement, &during)))
    }

    fn slots_in<'a>(
        &'a self,
        control: Option<String>,
        during: Interval,
    ) -> BoxFuture<'a, Result<SlotCounts, HistoryError>> {
        let granted = self.granted(control);
        let history = Arc::clone(&self.history);
        Box::pin(blocking(move || history.slots_in(&granted?, &during)))
    }
}

/// Reading the ledger blocks; a worker of the runtime must not.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
