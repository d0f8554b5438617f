use evidenced_plugin::{Failure, FailureKind, Timestamp};

/// One finding to be: a key, or an owner whose keys could not be listed.
pub(crate) struct Key {
    pub subject: String,
    pub label: String,
    /// When this was true at the source.
    pub as_of: String,
    pub facts: Result<KeyFacts, Failure>,
}

/// What the source says about a key.
pub(crate) struct KeyFacts {
    pub active: bool,
    pub created: Option<String>,
    pub last_used: Result<LastUsed, Failure>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LastUsed {
    At(String),
    Never,
    /// The source does not say.
    Untold,
}

/// An owner and the end of a key's id: enough for its owner to know it by.
pub(crate) fn label(owner: &str, id: &str) -> String {
    let tail_at = id.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
    format!("{owner} …{}", &id[tail_at..])
}

/// Days from what the source says to the run's time. Clocks part by some minutes; a date that is further in the future
/// would pass for as long as it lies there, so it is an error.
pub(crate) fn days_until(now: Timestamp, said: Option<&str>, what: &str) -> Result<f64, Failure> {
    let said = said.ok_or_else(|| untold(what))?;
    let days = now.days_since(said.parse()?);
    if days < -SKEW_DAYS {
        return Err(bad(format!("the source says {what}: {said}, which is after the run's time {now}")));
    }
    Ok(days.max(0.0))
}

/// Whole days are told without a fraction. What is just over the limit is told to the minute: "90 days, allowed are 90"
/// would contradict the verdict.
pub(crate) fn days(days: f64, limit: f64) -> String {
    let cut = (days * 10.0).floor() / 10.0;
    if days > limit && cut <= limit {
        return format!("{cut} days and {} min", ((days - cut) * 24.0 * 60.0).ceil());
    }
    if cut == 1.0 { "1 day".to_owned() } else { format!("{cut} days") }
}

pub(crate) fn untold(what: &str) -> Failure {
    bad(format!("the source does not say {what}"))
}

pub(crate) fn bad(message: String) -> Failure {
    Failure { kind: FailureKind::BadInput, message, source: None }
}

const SKEW_DAYS: f64 = 5.0 / (24.0 * 60.0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_shows_the_owner_and_only_the_end_of_the_key() {
        assert_eq!(label("alice", "AKIAIOSFODNN7EXAMPLE"), "alice …MPLE");
        assert_eq!(label("bob", "añb"), "bob …añb");
    }

    #[test]
    fn days_are_told_to_a_tenth_and_never_rounded_up_over_a_limit() {
        assert_eq!(
            [days(90.0, 90.0), days(90.04, 99.0), days(1.0, 90.0), days(0.55, 90.0)],
            ["90 days", "90 days", "1 day", "0.5 days"]
        );
        assert_eq!([days(90.04, 90.0), days(90.2, 90.0)], ["90 days and 58 min", "90.2 days"]);
    }

    #[test]
    fn a_date_in_the_future_is_an_error_and_a_clock_that_is_a_little_ahead_is_not() {
        let now: Timestamp = "2026-03-02T06:00:00.000Z".parse().unwrap();
        assert_eq!(days_until(now, Some("2026-03-02T06:04:00Z"), "it"), Ok(0.0));
        assert!(days_until(now, Some("2026-03-02T06:06:00Z"), "it").is_err());
    }
}
