//! When people are told of what ends, by a table and for any beginning, length and rhythm of looking.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::domain::{Calendar, Digest, Family, Severity};

const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);

fn control() -> ControlId {
    "MON-02".parse().unwrap()
}

fn policy() -> Policy {
    Policy {
        confirmations: 1,
        remediation: Remediation::Elapsed(DAY),
        untested_after_slots: 2,
        wall: HOUR,
        reminders: Reminders::default(),
        flapping: Flapping::default(),
        calendar: Calendar { zone: jiff::tz::TimeZone::get("Europe/Berlin").unwrap(), holidays: Arc::default() },
    }
}

fn state() -> ControlState {
    let defined = Event::ControlDefined {
        control: control(),
        version: 1,
        definition: Digest([1; 32]),
        plugin: None,
        family: Family::Security,
        severity: Severity::High,
        enabled: true,
        control_part: Digest([2; 32]),
    };
    ControlState::begin(&defined).unwrap()
}

fn attested(state: &mut ControlState, at: Timestamp, until: Timestamp) {
    state.apply(0, at, &Event::Attested { control: control(), until, note: Digest([3; 32]) });
}

/// The times of looking at which something is told.
fn told(
    state: &mut ControlState,
    times: impl Iterator<Item = Timestamp>,
    decide: impl Fn(&ControlState, Timestamp) -> Decision,
) -> Vec<Timestamp> {
    let mut told = Vec::new();
    for now in times {
        let decision = decide(state, now);
        assert_eq!(decision.events.len(), decision.alerts.len());
        told.extend(decision.alerts.iter().map(|_| now));
        decision.events.iter().for_each(|event| state.apply(0, now, event));
    }
    told
}

fn hours(from: Timestamp, until: Timestamp) -> impl Iterator<Item = Timestamp> {
    std::iter::successors(Some(from), |at| Some(at.plus(HOUR))).take_while(move |at| *at <= until.plus(DAY))
}

#[track_caller]
fn check_statement(stated: &str, until: &str, expected: &[&str]) {
    let (stated, until): (Timestamp, Timestamp) = (stated.parse().unwrap(), until.parse().unwrap());
    let mut state = state();
    attested(&mut state, stated, until);
    let found = told(&mut state, hours(stated, until), |state, now| decide_expiring(state, &control(), &policy(), now));
    assert_eq!(found, expected.iter().map(|at| at.parse().unwrap()).collect::<Vec<Timestamp>>());
}

#[test]
fn a_statement_is_told_in_the_mornings_14_and_3_days_before_its_end() {
    // Summer time begins between the two.
    let mornings = ["2026-03-16T07:00:00Z", "2026-03-27T07:00:00Z"];
    check_statement("2026-01-01T10:00:00Z", "2026-03-30T10:00:00Z", &mornings);
    // An end before eight in the morning: the mornings of the days before.
    check_statement("2026-05-01T10:00:00Z", "2026-07-30T05:00:00Z", &["2026-07-15T06:00:00Z", "2026-07-26T06:00:00Z"]);
    check_statement("2026-06-01T10:00:00Z", "2026-06-29T10:00:00Z", &["2026-06-15T06:00:00Z", "2026-06-26T06:00:00Z"]);
}

#[test]
fn a_statement_of_less_than_28_days_is_told_at_a_half_and_at_a_tenth() {
    check_statement("2026-06-01T10:00:00Z", "2026-06-11T10:00:00Z", &["2026-06-06T10:00:00Z", "2026-06-10T10:00:00Z"]);
    check_statement("2026-06-01T10:00:00Z", "2026-06-02T06:00:00Z", &["2026-06-01T20:00:00Z", "2026-06-02T04:00:00Z"]);
}

#[test]
fn a_new_statement_begins_anew_and_what_came_due_meanwhile_is_told_once() {
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let decide = |state: &ControlState, now| decide_expiring(state, &control(), &policy(), now);
    let mut state = state();
    attested(&mut state, at("2026-01-01T10:00:00Z"), at("2026-04-01T10:00:00Z"));
    let first = [at("2026-03-18T07:00:00Z")];
    assert_eq!(told(&mut state, first.into_iter(), decide), first);
    attested(&mut state, at("2026-03-20T10:00:00Z"), at("2026-06-18T10:00:00Z"));
    let times = hours(at("2026-03-20T10:00:00Z"), at("2026-05-31T10:00:00Z"));
    assert_eq!(told(&mut state, times, decide), [], "the second is told of the new one's end");
    // Nobody could be told of the first in time.
    let late = [at("2026-06-16T10:00:00Z"), at("2026-06-17T10:00:00Z"), at("2026-06-18T10:00:00Z")];
    assert_eq!(told(&mut state, late.into_iter(), decide), late[..1]);
}

#[test]
fn an_end_of_exclusions_is_told_once_in_the_morning_14_days_before_or_at_half_of_what_is_left() {
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    for (defined, until, expected) in [
        ("2026-03-01T10:00:00Z", "2026-05-31T22:00:00Z", "2026-05-17T06:00:00Z"),
        // Written with six days left.
        ("2026-05-25T22:00:00Z", "2026-05-31T22:00:00Z", "2026-05-28T22:00:00Z"),
        // Written in the night before the morning on which it would be told.
        ("2026-05-17T07:00:00Z", "2026-05-31T22:00:00Z", "2026-05-17T07:00:00Z"),
    ] {
        let (defined, until) = (at(defined), at(until));
        let decide = |state: &ControlState, now| {
            // Two subjects, one end; and one that ends much later.
            let ends = [until, until, until.plus(60 * DAY)];
            decide_exclusions_end(state, &control(), &policy(), defined, ends.into_iter(), now)
        };
        let mut state = state();
        assert_eq!(told(&mut state, hours(defined, until), decide), [at(expected)]);
        // A definition that changes afterwards tells nothing again.
        let again = |state: &ControlState, now| {
            decide_exclusions_end(state, &control(), &policy(), at(expected), std::iter::once(until), now)
        };
        assert_eq!(told(&mut state, hours(at(expected), until.minus(2 * DAY)), again), []);
    }
}

proptest! {
    #[test]
    fn whoever_looks_often_enough_is_told_twice_of_a_statement_and_never_too_late(
        length_hours in 1_u32..3_000,
        start_hours in 0_u32..8_760,
        every_minutes in 5_u32..600,
    ) {
        let stated = Timestamp::from_millis(1_767_225_600_000).plus(start_hours * HOUR);
        let until = stated.plus(length_hours * HOUR);
        let every = every_minutes * Duration::from_secs(60);
        let mut state = state();
        attested(&mut state, stated, until);
        let times = std::iter::successors(Some(stated), |at| Some(at.plus(every))).take_while(|at| *at <= until.plus(DAY));
        let told = told(&mut state, times, |state, now| decide_expiring(state, &control(), &policy(), now));
        prop_assert!(told.len() <= 2);
        prop_assert!(told.iter().all(|at| stated < *at && *at < until));
        // A tenth of it is longer than the time between two looks.
        if every * 10 < length_hours * HOUR {
            prop_assert_eq!(told.len(), 2);
            let tenth = (until.since(stated) / 10).max(3 * DAY);
            prop_assert!(until.since(told[1]) <= tenth.max(4 * DAY), "{} before", until.since(told[1]).as_secs());
        }
    }
}
