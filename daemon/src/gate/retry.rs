//! When a request is made again: after 429 and 503, and only if once more changes nothing.

use http::Method;
use std::time::Duration;

use crate::domain::Timestamp;

/// Tries of one request, the first included.
pub(super) const ATTEMPTS_MAX: u32 = 4;

const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Whether the method is idempotent (RFC 9110, section 9.2.2), so that the host may repeat it.
pub(super) fn is_repeatable(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE].contains(method)
}

/// Whether the status asks to come back later.
pub(super) fn asks_to_wait(status: u16) -> bool {
    status == 429 || status == 503
}

/// The pause after the `attempts`-th try of a server that does not say how long: half a second, doubled with each try.
pub(super) fn pause(attempts: u32) -> Duration {
    FIRST_PAUSE * 2_u32.saturating_pow(attempts.saturating_sub(1)).min(64)
}

/// Seconds, or a date (RFC 9110, section 10.2.3). `None`: neither.
pub(crate) fn read_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than fit a number are as good as for ever.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?;
    Some(Timestamp::from_jiff(at.timestamp()).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-03-02T06:00:00Z".parse().unwrap();
        let seconds = |value| read_retry_after(value, now).map(|pause| pause.as_secs());
        assert_eq!(seconds("0"), Some(0));
        assert_eq!(seconds(" 120 "), Some(120));
        assert_eq!(seconds("99999999999999999999999"), Some(u64::from(u32::MAX)));
        assert_eq!(seconds("Mon, 02 Mar 2026 06:00:30 GMT"), Some(30));
        assert_eq!(seconds("Mon, 02 Mar 2026 05:00:00 GMT"), Some(0));
        for neither in ["", "-1", "soon", "1.5"] {
            assert_eq!(seconds(neither), None, "{neither}");
        }
    }

    #[test]
    fn without_a_word_from_the_server_pauses_double() {
        let pauses: Vec<u128> = (1..4).map(|attempts| pause(attempts).as_millis()).collect();
        assert_eq!(pauses, [500, 1_000, 2_000]);
    }

    #[test]
    fn only_idempotent_methods_are_repeated() {
        assert!(is_repeatable(&Method::GET) && is_repeatable(&Method::PUT));
        assert!(!is_repeatable(&Method::POST) && !is_repeatable(&Method::PATCH));
    }
}
