//! What a plugin may ask of the host: one module for each capability, the same for both kinds of plugin.
//!
//! [`Host`] is the data of one run. Its capabilities take and give the contract's plain types; `contract/v1.rs` maps
//! them to components, `command/` to commands. A capability that ends the run notes why and answers [`Halt`].

pub(super) mod history;
pub(super) mod http;
pub(super) mod inputs;
pub(super) mod log;
pub(super) mod state;
pub(super) mod tls;

use std::sync::Arc;

use evidenced_contract::Needs;
use wasmtime::{UpdateDeadline, component::ResourceTable};

use self::{http::Budget, inputs::Inputs, log::LogBook, state::StateBook};
use super::{
    ended::{Ended, Limit},
    memory::Meter,
    replay::Player,
    transcript::Transcript,
    wasi::Wasi,
    watch::Watch,
    world::World,
};

/// The run has ended inside a call of the host; `Host::ended` says how.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the run has ended")]
pub(super) struct Halt;

/// Who answers what is not the run's own data.
pub(super) enum Answers {
    Live(Arc<dyn World>),
    Recorded(Player),
    /// For `describe`: nothing may be asked.
    Nobody,
}

/// The data of one run.
pub(super) struct Host {
    pub(super) needs: Declared,
    pub(super) answers: Answers,
    pub(super) transcript: Transcript,
    pub(super) log: LogBook,
    pub(super) budget: Budget,
    pub(super) inputs: Inputs,
    pub(super) state: StateBook,
    pub(super) meter: Meter,
    pub(super) watch: Watch,
    pub(super) table: ResourceTable,
    pub(super) report_bytes: u32,
    /// For plugins that import WASI; a command gets a new one each round.
    pub(super) wasi: Option<Box<Wasi>>,
    ended: Option<Ended>,
    calls_left: u32,
}

/// Capabilities that the plugin's description declares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) tls: bool,
    pub(super) state: bool,
    pub(super) history: bool,
}

impl Declared {
    pub(super) const fn of(needs: &Needs) -> Self {
        Self { tls: needs.tls, state: needs.state, history: needs.history }
    }
}

/// What a run starts with.
pub(super) struct Start {
    pub(super) needs: Declared,
    pub(super) answers: Answers,
    pub(super) log_bytes: u32,
    pub(super) budget: Budget,
    pub(super) inputs: Inputs,
    pub(super) state: StateBook,
    pub(super) meter: Meter,
    pub(super) watch: Watch,
    pub(super) report_bytes: u32,
}

impl Host {
    /// Calls of the host in one run, all capabilities together. A plugin that reads its largest input byte by byte
    /// passes; one that floods the transcript does not.
    pub(super) const CALLS_MAX: u32 = 50_000_000;
    /// Calls that the transcript holds.
    pub(super) const RECORDED_MAX: usize = 100_000;
    /// Bytes that the transcript holds: the host keeps them until the run is committed.
    pub(super) const TRANSCRIPT_BYTES: u64 = 256 << 20;

    pub(super) fn new(start: Start) -> Self {
        Self {
            needs: start.needs,
            answers: start.answers,
            transcript: Transcript::default(),
            log: LogBook::new(start.log_bytes),
            budget: start.budget,
            inputs: start.inputs,
            state: start.state,
            meter: start.meter,
            watch: start.watch,
            table: ResourceTable::new(),
            report_bytes: start.report_bytes,
            wasi: None,
            ended: None,
            calls_left: Self::CALLS_MAX,
        }
    }

    /// Ends the run. The first reason stays.
    pub(super) fn end(&mut self, ended: Ended) -> Halt {
        self.ended.get_or_insert(ended);
        Halt
    }

    /// How the run ended, if the host ended it.
    pub(super) fn ended(&mut self) -> Option<Ended> {
        self.ended.take().or_else(|| self.meter.met.take().map(Ended::Limit))
    }

    /// Called at the start of each call of the contract; nothing may be called while a plugin describes itself.
    pub(super) fn begin(&mut self, call: &str) -> Result<(), Halt> {
        if matches!(self.answers, Answers::Nobody) {
            return Err(self.end(Ended::Trap(format!("it called `{call}` while it described itself"))));
        }
        self.count_call()
    }

    /// Called at the start of each call of the host.
    pub(super) fn count_call(&mut self) -> Result<(), Halt> {
        if self.transcript.calls.len() >= Self::RECORDED_MAX {
            return Err(self.end(Ended::Limit(Limit::Requests(Self::RECORDED_MAX as u64))));
        }
        if self.transcript.kept_bytes() > Self::TRANSCRIPT_BYTES {
            return Err(self.end(Ended::Limit(Limit::Transcript(Self::TRANSCRIPT_BYTES))));
        }
        match self.calls_left.checked_sub(1) {
            Some(left) => {
                self.calls_left = left;
                Ok(())
            }
            None => Err(self.end(Ended::Limit(Limit::Requests(u64::from(Self::CALLS_MAX))))),
        }
    }

    /// Called when the plugin has used up its slice of time.
    pub(super) fn slice_over(&mut self) -> Result<UpdateDeadline, Halt> {
        if self.watch.is_over() {
            return Err(self.end_wall());
        }
        Ok(UpdateDeadline::Yield(1))
    }

    pub(super) fn end_wall(&mut self) -> Halt {
        let millis = u64::try_from(self.watch.wall().as_millis()).unwrap_or(u64::MAX);
        self.end(Ended::Limit(Limit::Wall(millis)))
    }
}
