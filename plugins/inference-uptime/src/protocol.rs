//! What both protocols share.

use evidenced_plugin::{Failure, FailureKind};

/// Why an answer is not the one that was promised, in words.
pub(crate) type Wrong = String;

/// The failure of a configuration whose question does not fit the protocol.
pub(crate) fn other_protocol(words: &str) -> Failure {
    Failure { kind: FailureKind::BadInput, message: words.to_owned(), source: None }
}

/// The host waits somewhat longer than what is allowed, so that a slow answer is measured and not cut.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float is cut to the range of u32")]
pub(crate) fn timeout_ms(max_latency_ms: f64) -> u32 {
    (max_latency_ms * 2.0 + 1_000.0) as u32
}
