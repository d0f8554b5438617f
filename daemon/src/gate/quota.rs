//! What a server says of its own limits in the headers of an answer.

use http::header;
use std::time::Duration;

use super::retry;
use crate::domain::Timestamp;

/// How many requests it will still answer, and after what time it counts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quota {
    pub(super) remaining: u64,
    pub(super) reset: Duration,
}

/// Names of the headers with what remains and with when it is reset, in lower case: GitHub and many others; Okta and
/// others; the first drafts of the IETF (draft-ietf-httpapi-ratelimit-headers).
const PAIRS: [(&str, &str); 3] = [
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("x-rate-limit-remaining", "x-rate-limit-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
];

/// A smaller number is of seconds from now on, a larger one of seconds since 1970.
const SINCE_1970_MIN: u64 = 1_000_000_000;
/// Of milliseconds since 1970.
const MILLIS_SINCE_1970_MIN: u64 = 1_000_000_000_000;

/// What an answer says. `now` is what the server's clock says, if the answer has it: only against that one is a time of
/// reset right.
pub(super) fn read(headers: &[(String, String)], now: Timestamp) -> Option<Quota> {
    let now = server_time(headers).unwrap_or(now);
    let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim());
    for (remaining, reset) in PAIRS {
        if let (Some(remaining), Some(reset)) = (header(remaining), header(reset)) {
            return Some(Quota { remaining: number(remaining)?, reset: time_until(reset, now)? });
        }
    }
    structured(header("ratelimit")?)
}

/// What o'clock it is for the server that answered.
pub(super) fn server_time(headers: &[(String, String)]) -> Option<Timestamp> {
    let (_, date) = headers.iter().find(|(name, _)| name == "date")?;
    Some(Timestamp::from_jiff(jiff::fmt::rfc2822::parse(date.trim()).ok()?.timestamp()))
}

/// Whole, or with a fraction that is none.
fn number(text: &str) -> Option<u64> {
    text.split(['.', ',', ';']).next()?.trim().parse().ok()
}

fn time_until(text: &str, now: Timestamp) -> Option<Duration> {
    if let Some(number) = number(text).filter(|_| text.starts_with(|letter: char| letter.is_ascii_digit())) {
        let since_1970 = |millis: u64| Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)).since(now);
        return Some(match number {
            ..SINCE_1970_MIN => Duration::from_secs(number),
            SINCE_1970_MIN..MILLIS_SINCE_1970_MIN => since_1970(number * 1000),
            _ => since_1970(number),
        });
    }
    match text.parse::<Timestamp>() {
        Ok(at) => Some(at.since(now)),
        Err(_) => retry::read_retry_after(text, now),
    }
}

/// `limit=100, remaining=0, reset=5` and `"default";r=0;t=5`, of which the policy that leaves least counts.
fn structured(text: &str) -> Option<Quota> {
    let value = |part: &str, names: [&str; 2]| {
        let (name, value) = part.trim().split_once('=')?;
        if names.contains(&name.trim()) { number(value.trim()) } else { None }
    };
    let policies: Vec<Vec<&str>> = if text.contains(';') {
        text.split(',').map(|policy| policy.split(';').collect()).collect()
    } else {
        vec![text.split(',').collect()]
    };
    let quota = |parts: &Vec<&str>| {
        Some(Quota {
            remaining: parts.iter().find_map(|part| value(part, ["remaining", "r"]))?,
            reset: Duration::from_secs(parts.iter().find_map(|part| value(part, ["reset", "t"]))?),
        })
    };
    policies.iter().filter_map(quota).min_by_key(|quota| (quota.remaining, std::cmp::Reverse(quota.reset)))
}

/// How long the server asks to wait, if it says so in a way that is known.
pub(super) fn retry_after(headers: &[(String, String)], now: Timestamp) -> Option<Duration> {
    let (_, value) = headers.iter().find(|(name, _)| name == header::RETRY_AFTER.as_str())?;
    retry::read_retry_after(value, server_time(headers).unwrap_or(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name: value` by lines, read at 06:00 on 2 March 2026; what remains, and for how many seconds.
    #[track_caller]
    fn check(headers: &str, expected: Option<(u64, u64)>) {
        let headers: Vec<_> = headers
            .lines()
            .map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
            .collect();
        let quota = read(&headers, "2026-03-02T06:00:00Z".parse().unwrap());
        assert_eq!(quota.map(|quota| (quota.remaining, quota.reset.as_secs())), expected, "{headers:?}");
    }

    #[test]
    fn what_remains_and_until_when_is_read_in_the_forms_that_are_met() {
        // GitHub: seconds since 1970.
        check("x-ratelimit-limit: 5000\nx-ratelimit-remaining: 0\nx-ratelimit-reset: 1772431260", Some((0, 60)));
        check("x-ratelimit-remaining: 12\nx-ratelimit-reset: 1772431260", Some((12, 60)));
        // By the clock of the server, which is ten seconds ahead.
        check(
            "date: Mon, 02 Mar 2026 06:00:10 GMT\nx-ratelimit-remaining: 0\nx-ratelimit-reset: 1772431260",
            Some((0, 50)),
        );
        check("x-ratelimit-remaining: 0\nx-ratelimit-reset: 1772431260000", Some((0, 60)));
        check("x-ratelimit-remaining: 0\nx-ratelimit-reset: 30", Some((0, 30)));
        check("x-ratelimit-remaining: 0.0\nx-ratelimit-reset: 30.5", Some((0, 30)));
        check("x-ratelimit-remaining: 0\nx-ratelimit-reset: 2026-03-02T06:00:07Z", Some((0, 7)));
        check("x-ratelimit-remaining: 0\nx-ratelimit-reset: Mon, 02 Mar 2026 06:00:08 GMT", Some((0, 8)));
        check("x-ratelimit-remaining: 0\nx-ratelimit-reset: 1772431000", Some((0, 0)));
        // Okta.
        check("x-rate-limit-remaining: 0\nx-rate-limit-reset: 1772431260", Some((0, 60)));
        // Drafts of the IETF.
        check("ratelimit-limit: 10\nratelimit-remaining: 3\nratelimit-reset: 5", Some((3, 5)));
        check("ratelimit: limit=10, remaining=0, reset=5", Some((0, 5)));
        check("ratelimit: \"default\";r=50;t=30", Some((50, 30)));
        check("ratelimit: \"burst\";r=50;t=1, \"daily\";r=0;t=600", Some((0, 600)));
    }

    #[test]
    fn what_is_not_understood_says_nothing() {
        check("", None);
        check("x-ratelimit-remaining: 0", None);
        check("x-ratelimit-reset: 30", None);
        check("x-ratelimit-remaining: none\nx-ratelimit-reset: 30", None);
        check("x-ratelimit-remaining: 0\nx-ratelimit-reset: soon", None);
        check("ratelimit: unlimited", None);
    }
}
