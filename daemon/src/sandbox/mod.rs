//! Runs plugins that are not trusted, and can run them again.
//!
//! In: a plugin's bytes; for a run a request, inputs, state, limits and a [`World`] to ask. Out: how the run
//! [`Ended`], its [`Transcript`], its log and what it wants to keep. A replay is the same with a transcript in place
//! of the world. Both kinds of plugin (component, command) go through one set of host capabilities (`host/`).
//! Must not know: schedules, control states, the ledger, mail.
//!
//! Invariants: a plugin gets no clock but `request.now` and no randomness but `request.seed`; whatever it does, its
//! run ends as an [`Ended`] within its limits, and what it held comes back.

mod ended;
mod error;

mod engine;
mod memory;
mod watch;

mod cache;
mod compile;
mod load;
mod plugin;
mod schema;

mod command;
mod component;
mod contract;
mod host;
mod run;
mod wasi;

mod refused;
mod replay;
mod scripted;
mod timing;
mod transcript;
mod volatile;
mod world;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use cache::cache_key;
pub use compile::{CompileLimits, CompileWhere, compile_child_main};
pub use ended::{Ended, Limit};
pub use engine::{Sandbox, SandboxSettings};
pub use error::{LoadError, SandboxError};
pub use host::log::{LogLevel, LogLine};
pub use load::PLUGIN_BYTES;
pub use plugin::{Plugin, PluginKind};
pub use refused::RefusedKey;
pub use replay::{Comparison, ReplaySpec, compare, report_bytes};
pub use run::{InputBytes, RunResult, RunSpec};
pub use schema::{SchemaError, schema_child_main};
pub use transcript::{Answer, Call, Fault, Received, Sent, Transcript, TranscriptError, Volatile};
pub use world::{History, Live, Nowhere, World};
