//! One run, of either kind.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use evidenced_contract::{Input, Request};
use tokio_util::sync::CancellationToken;
use wasmtime::Trap;

use super::{
    command, component,
    ended::{Ended, Limit},
    engine::Sandbox,
    host::{Answers, Declared, Host, Start, http::Budget, inputs::Inputs, log::LogLine, state::StateBook},
    memory::Meter,
    plugin::{Code, Plugin},
    replay::{Player, ReplaySpec},
    transcript::Transcript,
    watch::Watch,
    world::World,
};
use crate::domain::{EventCounts, Limits};

/// What a run is given.
#[derive(Clone)]
pub struct RunSpec {
    /// Its `inputs` are filled from [`Self::inputs`], its `limits` from [`Self::limits`].
    pub request: Request,
    pub inputs: Vec<InputBytes>,
    /// The control's state.
    pub state: BTreeMap<String, Vec<u8>>,
    pub limits: Limits,
    pub world: Arc<dyn World>,
    /// Cancelled: the run ends as [`Ended::Stopped`].
    pub stop: CancellationToken,
}

/// An input that was gathered, or why it could not be.
#[derive(Debug, Clone)]
pub struct InputBytes {
    pub input: Input,
    pub bytes: Result<Arc<[u8]>, String>,
    /// Of an input by `events`: what was read, and what is left of it.
    pub events: Option<EventCounts>,
}

/// What came of a run.
#[derive(Debug)]
pub struct RunResult {
    pub ended: Ended,
    pub transcript: Transcript,
    pub log: Vec<LogLine>,
    /// The whole state after the run, if the run changed it and returned a report.
    pub state_after: Option<BTreeMap<String, Vec<u8>>>,
    pub took: Duration,
    /// Bytes of all linear memories together, at their most.
    pub peak_memory: u64,
}

impl Sandbox {
    /// Runs a plugin once, in an instance of its own. Waits while `concurrency` others run.
    pub async fn run(&self, plugin: &Plugin, spec: RunSpec) -> RunResult {
        let RunSpec { request, inputs, state, limits, world, stop } = spec;
        let seen = ReplaySpec { request, inputs, state, limits };
        self.perform(plugin, seen, Answers::Live(world), &stop).await
    }

    /// Runs a plugin on what a run saw. What the transcript does not answer ends it as [`Ended::CannotTell`].
    pub async fn replay(&self, plugin: &Plugin, spec: ReplaySpec, transcript: &Transcript) -> RunResult {
        let answers = Answers::Recorded(Player::new(transcript.clone()));
        self.perform(plugin, spec, answers, &CancellationToken::new()).await
    }

    async fn perform(
        &self,
        plugin: &Plugin,
        spec: ReplaySpec,
        answers: Answers,
        stop: &CancellationToken,
    ) -> RunResult {
        let ReplaySpec { mut request, inputs, state, limits } = spec;
        // The semaphore lives as long as the sandbox and is never closed.
        let _permit = self.permits.acquire().await.ok();
        let _ticking = self.ticker.while_running();
        request.inputs = inputs.iter().map(|given| given.input.clone()).collect();
        request.limits = told(&limits);
        let host = Host::new(Start {
            needs: Declared::of(&plugin.description().needs),
            answers,
            log_bytes: limits.log_bytes,
            budget: Budget::new(limits.requests, limits.response_bytes),
            inputs: Inputs::new(inputs),
            state: StateBook::new(state, limits.state_bytes),
            meter: Meter::new(Arc::clone(&self.memory), limits.memory_bytes),
            watch: Watch::start(limits.wall),
            report_bytes: limits.report_bytes,
        });
        let (ended, host) = match &plugin.0.code {
            Code::Checker { code, uses_wasi } => component::run(self, code, *uses_wasi, &request, host, stop).await,
            Code::Command(code) => {
                let name = &plugin.description().name;
                command::run(self, code, name, &request, host, &limits, stop).await
            }
        };
        let ended = component::checked(ended, limits.report_bytes);
        RunResult {
            state_after: if matches!(ended, Ended::Report(_)) { host.state.into_changed() } else { None },
            ended,
            transcript: host.transcript,
            log: host.log.into_lines(),
            took: host.watch.took(),
            peak_memory: host.meter.peak(),
        }
    }
}

/// The limits as a plugin is told them.
fn told(limits: &Limits) -> evidenced_contract::Limits {
    let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    evidenced_contract::Limits {
        wall_ms: u32::try_from(limits.wall.as_millis()).unwrap_or(u32::MAX),
        memory_bytes: narrow(limits.memory_bytes),
        report_bytes: limits.report_bytes,
        requests: limits.requests,
        response_bytes: limits.response_bytes,
    }
}

/// How a run ended whose call came back as an error: the host's reason first, then the trap.
pub(super) fn ended_by(host: &mut Host, fault: &wasmtime::Error) -> Ended {
    if let Some(ended) = host.ended() {
        return ended;
    }
    if let Some(trap) = fault.downcast_ref::<Trap>() {
        return Ended::Trap(trap.to_string());
    }
    let text = fault.root_cause().to_string();
    if text.contains("fuel") {
        return Ended::Limit(Limit::Call(component::call_bytes(host.report_bytes) as u64));
    }
    if text.contains("handle limit") {
        return Ended::Limit(Limit::Handles(Meter::HANDLES as u64));
    }
    Ended::Trap(text)
}
