//! What happens to the demo company between 1 January and 31 March 2026, as a function of time.

use jiff::civil::{DateTime, date};

use crate::domain::Timestamp;

/// The zone of the company, of its controls and of its window.
pub(super) const ZONE: &str = "Europe/Berlin";

/// Everything that goes wrong, and when. Times are those of the company's clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

impl Span {
    pub(super) fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

/// The daemon is started.
pub(super) fn begin() -> Timestamp {
    at(date(2026, 1, 1).at(0, 0, 0, 0))
}

/// The day after the window, when its summary has gone out.
pub(super) fn end() -> Timestamp {
    at(date(2026, 4, 1).at(9, 0, 0, 0))
}

/// The model `iris` does not answer.
pub(super) fn outage() -> Span {
    span(date(2026, 1, 20).at(14, 10, 0, 0), date(2026, 1, 20).at(16, 40, 0, 0))
}

/// The mail server is down; the outage falls into it.
pub(super) fn mail_down() -> Span {
    span(date(2026, 1, 20).at(12, 0, 0, 0), date(2026, 1, 22).at(12, 0, 0, 0))
}

/// The auditor's role in the research account loses its rights.
pub(super) fn access_denied() -> Span {
    span(date(2026, 2, 24).at(9, 0, 0, 0), date(2026, 2, 27).at(9, 0, 0, 0))
}

/// Somebody tries to read training data that they may not read.
pub(super) fn intruder() -> Span {
    span(date(2026, 2, 5).at(0, 0, 0, 0), date(2026, 2, 6).at(0, 0, 0, 0))
}

/// The camera that photographs the flowers is another one.
pub(super) fn drift() -> Span {
    span(date(2026, 3, 16).at(0, 0, 0, 0), date(2026, 3, 19).at(0, 0, 0, 0))
}

/// The daemon itself does not run.
pub(super) fn daemon_down() -> Span {
    span(date(2026, 3, 10).at(1, 20, 0, 0), date(2026, 3, 10).at(6, 50, 0, 0))
}

/// One access key of a person or a machine.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) user: &'static str,
    pub(super) id: &'static str,
    pub(super) created: Timestamp,
    pub(super) is_active: bool,
}

/// The keys of the production account as they stand at `now`. Key `AKIADEMOCIDEPLOY0001` turns 90 days old on
/// 10 February, is not rotated within the 7 days that the control allows, and is on 19 February.
pub(super) fn keys(now: Timestamp) -> Vec<Key> {
    let rotated = at(date(2026, 2, 19).at(10, 30, 0, 0));
    let mut keys = vec![
        rotating("alice", ["AKIADEMOALICE0000001", "AKIADEMOALICE0000002"], date(2025, 12, 1).at(9, 0, 0, 0), 60, now),
        rotating("bob", ["AKIADEMOBOB000000001", "AKIADEMOBOB000000002"], date(2025, 12, 20).at(9, 0, 0, 0), 75, now),
        rotating(
            "trainer",
            ["AKIADEMOTRAINER00001", "AKIADEMOTRAINER00002"],
            date(2025, 12, 29).at(8, 0, 0, 0),
            80,
            now,
        ),
        key("retired", "AKIADEMORETIRED00001", at(date(2024, 5, 2).at(8, 0, 0, 0)), false),
    ];
    if now < rotated {
        keys.push(key("ci-deploy", "AKIADEMOCIDEPLOY0001", at(date(2025, 11, 12).at(5, 0, 0, 0)), true));
    } else {
        keys.push(key("ci-deploy", "AKIADEMOCIDEPLOY0001", at(date(2025, 11, 12).at(5, 0, 0, 0)), false));
        keys.push(key("ci-deploy", "AKIADEMOCIDEPLOY0002", rotated, true));
    }
    keys
}

/// The keys of the research account.
pub(super) fn research_keys(now: Timestamp) -> Vec<Key> {
    vec![rotating(
        "notebook",
        ["AKIADEMONOTEBOOK0001", "AKIADEMONOTEBOOK0002"],
        date(2025, 12, 28).at(9, 0, 0, 0),
        70,
        now,
    )]
}

/// A key that its owner replaces after `days`.
fn rotating(user: &'static str, ids: [&'static str; 2], first: DateTime, days: i64, now: Timestamp) -> Key {
    let first = at(first);
    let second = Timestamp::from_millis(first.as_millis() + days * 86_400_000);
    if now < second { key(user, ids[0], first, true) } else { key(user, ids[1], second, true) }
}

const fn key(user: &'static str, id: &'static str, created: Timestamp, is_active: bool) -> Key {
    Key { user, id, created, is_active }
}

fn span(from: DateTime, until: DateTime) -> Span {
    Span { from: at(from), until: at(until) }
}

pub(super) fn at(local: DateTime) -> Timestamp {
    let zoned = local.in_tz(ZONE).expect("the zone is in the bundled database and the story avoids its gaps");
    Timestamp::from_jiff(zoned.timestamp())
}
