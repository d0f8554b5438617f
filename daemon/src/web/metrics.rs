//! Prometheus text format 0.0.4.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    desk::{SourceLine, Status},
    domain::CredentialId,
};

pub(super) fn render(status: &Status) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, help: &str, samples: &[(String, u64)]| {
        let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
        let _infallible = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _infallible = writeln!(text, "{name}{labels} {value}");
        }
    };
    let alone = |value| vec![(String::new(), value)];
    metric("evidenced_entries", "Entries in the ledger.", &alone(status.entries));
    metric("evidenced_exceptions_open", "Exceptions that are open, overdue ones too.", &alone(status.open_exceptions));
    metric("evidenced_exceptions_overdue", "Exceptions past their time to fix.", &alone(status.overdue_exceptions));
    metric("evidenced_mails_waiting", "Deliveries that have not been accepted yet.", &alone(status.mails_waiting));
    metric("evidenced_silences", "Silences in force.", &alone(status.silences));
    metric("evidenced_proposals", "What waits for a second person.", &alone(status.proposals));
    metric("evidenced_alerts_held", "Alerts that go out later, with others.", &alone(status.alerts_held));
    metric("evidenced_dead_letters", "Deliveries that were refused for good.", &alone(status.dead_letters));
    let refused = u64::from(status.configuration_refused);
    metric(
        "evidenced_configuration_refused",
        "1: the files are refused, the last accepted ones are used.",
        &alone(refused),
    );
    let problems = status.problems.len() as u64;
    metric("evidenced_problems", "What is wrong with evidenced itself; /health says what.", &alone(problems));
    let in_doubt = u64::from(status.clock_doubt.is_some());
    metric("evidenced_clock_in_doubt", "1: the wall clock is not believed.", &alone(in_doubt));
    let mut by_state = BTreeMap::<&str, u64>::new();
    for control in &status.controls {
        *by_state.entry(&control.state).or_default() += 1;
    }
    let by_state: Vec<_> =
        by_state.into_iter().map(|(state, count)| (format!("{{state=\"{state}\"}}"), count)).collect();
    metric("evidenced_controls", "Controls by state.", &by_state);
    let last: Vec<_> = status
        .controls
        .iter()
        .filter_map(|control| {
            let slot = u64::try_from(control.last_slot?.0.as_millis() / 1000).ok()?;
            Some((format!("{{control=\"{}\"}}", control.control), slot))
        })
        .collect();
    metric("evidenced_last_slot_seconds", "Newest slot with a result, in seconds since 1970.", &last);
    let covered: Vec<_> = status
        .controls
        .iter()
        .filter_map(|control| {
            let until = u64::try_from(control.covered_until?.as_millis() / 1000).ok()?;
            Some((format!("{{control=\"{}\"}}", control.control), until))
        })
        .collect();
    metric("evidenced_covered_until_seconds", "Events are judged up to here, in seconds since 1970.", &covered);
    let of_sources = |value: fn(&SourceLine) -> u64| -> Vec<_> {
        let labels = |line: &SourceLine| {
            let credential = line.credential.as_ref().map_or("", CredentialId::as_str);
            format!("{{source=\"{}\",credential=\"{credential}\"}}", line.source)
        };
        status.sources.iter().map(|line| (labels(line), value(line))).collect()
    };
    metric(
        "evidenced_source_requests_total",
        "Requests to a source, repetitions included.",
        &of_sources(|line| line.requests),
    );
    metric(
        "evidenced_source_waited_milliseconds_total",
        "Time that requests to a source waited for their turn.",
        &of_sources(|line| line.waited_ms),
    );
    metric(
        "evidenced_source_throttled_total",
        "Answers of a source that asked to come back later.",
        &of_sources(|line| line.throttled),
    );
    text
}
