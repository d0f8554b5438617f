//! A run as its entry has it.

use serde::{
    Deserialize, Serialize,
    de::{IntoDeserializer as _, value::StrDeserializer},
};

use super::{ControlId, Counts, Digest, EventInterval, LocalDay, Outcome, SlotTime, Timestamp};

/// One execution of a check, or one attempt that ended before the plugin could run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEntry {
    pub control: ControlId,
    pub version: u32,
    pub slot: SlotTime,
    /// The run's only clock.
    pub now: Timestamp,
    /// It went by the time since boot, because the wall clock was in doubt.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub clock_in_doubt: bool,
    /// Milliseconds of wall clock that it took.
    pub took_ms: u64,
    pub late: bool,
    /// By which of its days in each rollup zone the slot is counted.
    pub days: Vec<LocalDay>,
    pub outcome: Outcome,
    /// Why an `error`, or why a `fail` is incomplete.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<RunReason>,
    pub incomplete: bool,
    pub population: u32,
    pub counts: Counts,
    /// The seed is SHA-256 of the root at this size, the control, the slot: nobody knew it before.
    pub seed_size: u64,
    /// Of a check that reads events: those that it was asked about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub interval: Option<EventInterval>,
    /// Findings about events that were counted already, and are not in the other numbers.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub repeated: u32,
    /// Of a report: events are judged up to here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub covered_until: Option<Timestamp>,
    /// Part: the plugin's own state after the run, if the run changed it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plugin_state: Option<Digest>,
    pub evidence: Evidence,
}

const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Where the report and the transcript of a run lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// The part that lists the run's parts.
    Part(Digest),
    /// To the byte the same as that of an earlier run, by sequence.
    SameAs(u64),
}

/// Why a run could not test, a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunReason {
    // The plugin said so.
    Internal,
    Unreachable,
    Denied,
    Throttled,
    Timeout,
    BadInput,
    Unsupported,
    // Its report says so.
    FindingErrors,
    Incomplete,
    NothingAssessed,
    BrokenReport,
    // The plugin ended otherwise.
    Trap,
    LimitWall,
    LimitMemory,
    LimitTables,
    LimitReport,
    LimitRequests,
    LimitResponse,
    LimitLog,
    LimitRounds,
    LimitState,
    // It could not start.
    PluginMissing,
    PluginGarbage,
    PluginChanged,
    PluginUnsigned,
    PluginUnsupported,
    GrantMissing,
    ConfigRefused,
    CasesFailed,
    InputUnreadable,
    // The daemon ended it.
    Stopped,
    Host,
}

impl RunReason {
    /// The word that scripts know it by, such as `denied`.
    pub fn word(self) -> String {
        serde_json::to_value(self).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// `None`: nothing is called so.
    pub fn from_word(word: &str) -> Option<Self> {
        let word: StrDeserializer<'_, serde::de::value::Error> = word.into_deserializer();
        Self::deserialize(word).ok()
    }
}
