use serde::{Deserialize, Serialize};

use crate::{Digest, Instant};

/// Which credential the host adds to a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// The credential of the grant.
    #[default]
    Granted,
    /// No credential, though the grant has one: "refuses calls without".
    Anonymous,
    /// Another granted credential of the same host: "refuses a revoked token".
    Named(String),
}

/// The facts of one HTTP exchange, without its body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Exchange {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub timings: Timings,
    pub peer: Option<Peer>,
    /// Tries made by the host, retries after 429 and 503 included.
    pub attempts: u32,
}

/// Milliseconds, measured by the host; part of the transcript.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Timings {
    pub resolve: f64,
    pub connect: f64,
    pub handshake: f64,
    pub first_byte: f64,
    pub total: f64,
}

/// The other side of a TLS connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Peer {
    /// Address and port that were connected to.
    pub address: String,
    pub protocol: String,
    pub cipher: String,
    /// `None`: the chain leads to a trusted root and the name matches; else why not.
    pub untrusted: Option<String>,
    /// The end entity first.
    pub chain: Vec<Certificate>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    pub serial: String,
    pub names: Vec<String>,
    pub not_before: Instant,
    pub not_after: Instant,
    /// Kind and size of the public key, such as `EC P-256` or `RSA 2048`.
    pub key: String,
    /// Of the certificate's DER bytes.
    pub digest: Digest,
}

/// The only way out of a plugin. It must match a grant exactly: scheme, host, port, method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
    pub auth: Auth,
    /// Statuses besides 200 to 299 that are an answer; every other one is [`HttpError::Status`].
    pub accept: Vec<u16>,
    /// 0 = what is left of the run.
    pub timeout_ms: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpResponse {
    pub exchange: Exchange,
    pub body: Vec<u8>,
}

/// Why a request has no answer that counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpError {
    /// Not granted: names what would be needed.
    Refused(String),
    Unreachable(String),
    Timeout,
    Tls(String),
    /// 401, 403, 404, 429, 5xx …: not looked at is not a pass.
    Status(Box<HttpResponse>),
    /// The limit that was met: `response-bytes`, `requests`, `wall`.
    Limit(String),
}

impl std::fmt::Display for HttpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Unreachable(why) => write!(f, "unreachable: {why}"),
            Self::Timeout => f.write_str("timed out"),
            Self::Tls(why) => write!(f, "TLS: {why}"),
            Self::Status(response) => write!(f, "status {}", response.exchange.status),
            Self::Limit(which) => write!(f, "over the limit {which}"),
        }
    }
}

impl std::error::Error for HttpError {}

/// One earlier measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HistoryPoint {
    pub slot: Instant,
    pub subject: String,
    pub status: crate::Status,
    pub value: f64,
}

/// Slots that ended in an interval; `late` is part of `run`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SlotCounts {
    pub due: u32,
    pub run: u32,
    pub late: u32,
    pub pass: u32,
    pub fail: u32,
    pub error: u32,
    pub not_applicable: u32,
    pub missed: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryError {
    /// Not granted: names the control.
    Refused(String),
    /// More than 100,000 points: an error, never a cut.
    TooMany(u32),
}

impl std::fmt::Display for HistoryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(control) => write!(f, "the history of {control} is not granted"),
            Self::TooMany(count) => write!(f, "{count} points; at most 100,000 are given"),
        }
    }
}

impl std::error::Error for HistoryError {}
