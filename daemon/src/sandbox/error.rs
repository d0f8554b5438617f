use std::path::PathBuf;

use crate::domain::RunReason;

/// The sandbox itself cannot work.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("the WebAssembly engine refuses its settings: {0}")]
    Engine(String),
    #[error("the thread that interrupts plugins did not start")]
    Ticker(#[source] std::io::Error),
    #[error("the folder for compiled plugins cannot be used: {}", path.display())]
    CacheFolder {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// Why the bytes of a plugin cannot become a plugin. The control that uses it is an `error`; others run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    #[error("an empty file")]
    Empty,
    #[error("not a WebAssembly file: it starts with neither a module nor a component")]
    NotWasm,
    #[error("damaged WebAssembly: {0}")]
    Malformed(String),
    #[error("more than {limit} bytes, the most that a plugin may have")]
    TooLarge { limit: u64 },
    #[error(
        "a core module with the contract in it that was never made a component: make it one with `evidenced plugin componentize`"
    )]
    NotEncoded,
    #[error(
        "neither a check nor a command: it exports no `evidenced:check/checker@{known}`, no `wasi:cli/run` and no `_start`"
    )]
    NoEntry { known: &'static str },
    #[error(
        "written for `{found}`; this program knows contract {known}: install a newer evidenced, or a plugin built for {known}"
    )]
    UnknownContract { found: String, known: &'static str },
    #[error("it exports `{export}`, and not with the functions that contract {known} says: {why}")]
    OtherTypes { export: &'static str, known: &'static str, why: String },
    #[error("it imports `{import}`, which plugins are not given: {hint}")]
    UnsupportedImport { import: String, hint: &'static str },
    #[error("it does not fit this host: {0}")]
    Link(String),
    #[error("compiling it took more than {0}")]
    CompileLimit(String),
    #[error("it could not be compiled: {0}")]
    Compile(String),
}

impl LoadError {
    /// How a run of this plugin ends.
    pub const fn reason(&self) -> RunReason {
        match self {
            Self::Empty
            | Self::NotWasm
            | Self::Malformed(_)
            | Self::TooLarge { .. }
            | Self::CompileLimit(_)
            | Self::Compile(_) => RunReason::PluginGarbage,
            Self::NotEncoded
            | Self::NoEntry { .. }
            | Self::UnknownContract { .. }
            | Self::OtherTypes { .. }
            | Self::UnsupportedImport { .. }
            | Self::Link(_) => RunReason::PluginUnsupported,
        }
    }
}
