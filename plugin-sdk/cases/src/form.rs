//! A case as it is written: every table and key of its TOML. What may be left out has a short form beside a whole one.

use std::collections::BTreeMap;

use evidenced_contract::{Auth, Extensions, HistoryPoint, Interval, Peer, Timings};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Form {
    pub(crate) now: String,
    /// Absent: `now`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) slot: Option<String>,
    /// Absent: `TEST-01`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) definition: Option<String>,
    /// 64 hexadecimal digits; absent: zeros.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<String>,
    /// The configuration as JSON, for one that TOML cannot hold (`null`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) config_json: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) config: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) interval: Option<Interval>,
    #[serde(default, skip_serializing_if = "CaseLimits::is_default")]
    pub(crate) limits: CaseLimits,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) state: BTreeMap<String, GivenValue>,
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub(crate) extensions: Extensions,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) input: Vec<GivenInput>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) call: Vec<GivenCall>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tls: Vec<GivenHandshake>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) points: Vec<GivenPoints>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) slots: Vec<GivenSlots>,
    #[serde(default)]
    pub(crate) expect: Expected,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    pub(crate) text: String,
}

/// Limits of the run; absent: those that a control has by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseLimits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_bytes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_bytes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_bytes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_bytes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounds: Option<u32>,
}

impl CaseLimits {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A value of the control's state: text, or bytes that are none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum GivenValue {
    Text(String),
    Bytes { base64: String },
}

/// What the host gathered before the run: one of `text`, `base64` and `error`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GivenInput {
    pub(crate) name: String,
    /// Absent: `file:NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) query: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) media_type: String,
    /// Absent: `now`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) observed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source_total: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<String>,
    /// Given: the input came by `http`, and this is how it was answered. The words are those of a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) headers: Vec<(String, String)>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) total_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) not_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) untrusted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) base64: Option<String>,
    /// Why it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timings: Option<Timings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<Peer>,
}

/// A request that the check may send once, and its answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GivenCall {
    /// Absent: GET.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    pub(crate) url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body_base64: Option<String>,
    /// The body as JSON, written as the check writes it: keys in order, no white space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) json: Option<Value>,
    /// The credential that it must be asked with; absent: whichever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auth: Option<Auth>,
    /// Headers that the check sent; they are told, and not compared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) sent: Vec<(String, String)>,
    /// The time that the check gave it; told, and not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_ms: Option<u32>,
    /// Statuses that the check accepts for this call, so that they are not used to spoil it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) accepts: Vec<u16>,
    /// Of the answer; absent: there is none, and `error` says why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) headers: Vec<(String, String)>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) total_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attempts: Option<u32>,
    /// End of the certificate that the server showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) not_after: Option<String>,
    /// Why the certificate is not trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) untrusted: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) answer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) answer_base64: Option<String>,
    /// `timeout`, `unreachable`, `tls`, `refused`, `limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// The words of the error, or the limit that was met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timings: Option<Timings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<Peer>,
}

/// A TLS handshake: what each address of the name showed, or why there was none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GivenHandshake {
    pub(crate) host: String,
    pub(crate) port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) seen: Vec<GivenSight>,
}

/// What one address showed: `not_after`, or a whole `peer`, or an `error`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GivenSight {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) not_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) untrusted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<Peer>,
}

/// Earlier measurements that the check asks for; without `from` and `until`: of any interval.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GivenPoints {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) control: Option<String>,
    pub(crate) measurement: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<String>,
    /// Instead of points: the control whose history is not granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
    /// Instead of points: how many there are, which is more than are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) too_many: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) point: Vec<HistoryPoint>,
}

/// How slots ended, which the check asks for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GivenSlots {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<String>,
    /// Instead of numbers: the control whose history is not granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
    /// Instead of numbers: how many there are, which is more than are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) too_many: Option<u32>,
    pub(crate) due: u32,
    pub(crate) run: u32,
    pub(crate) late: u32,
    pub(crate) pass: u32,
    pub(crate) fail: u32,
    pub(crate) error: u32,
    pub(crate) not_applicable: u32,
    pub(crate) missed: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &f64) -> bool {
    *number == 0.0 && number.is_sign_positive()
}
