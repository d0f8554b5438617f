//! How a source is spoken to: what proves who asks, and how often it may be asked.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How a secret is put on a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialKind {
    /// The secret is the value of this header.
    Header { name: String },
    /// The secret is the token of `authorization: Bearer` (RFC 6750).
    Bearer,
    /// The secret is the password, or `user:password` when no username is configured (RFC 7617).
    Basic { username: Option<String> },
    /// The secret is `ACCESS_KEY_ID:SECRET_ACCESS_KEY`, with `:SESSION_TOKEN` behind it if there is one, or the JSON that
    /// `aws configure export-credentials` prints; the secret access key alone when the key's id is configured.
    AwsSigv4 { access_key_id: Option<String> },
}

impl CredentialKind {
    /// As `kind =` is written.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Header { .. } => "header",
            Self::Bearer => "bearer",
            Self::Basic { .. } => "basic",
            Self::AwsSigv4 { .. } => "aws-sigv4",
        }
    }
}

/// So many requests in that time, such as `10/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// At least 1.
    pub requests: u32,
    pub per: Duration,
}
