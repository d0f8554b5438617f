use serde::{Deserialize, Serialize};

use super::{Digest, PluginName, RunReason};

/// A newer file of a plugin that was refused, and the one that goes on in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginRefused {
    pub plugin: PluginName,
    /// The bytes that go on.
    pub in_use: Digest,
    /// The bytes that were refused.
    pub found: Digest,
    /// What the lock names, if it is something else than was found.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub locked: Option<Digest>,
    pub why: RunReason,
    /// Recorded cases that were run; none where it did not come to that.
    pub cases: u32,
    /// Of these, how many did not come out as recorded.
    pub failed: u32,
    /// Part: what was found, in words.
    pub words: Digest,
}
