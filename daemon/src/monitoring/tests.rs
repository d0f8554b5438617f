use std::time::Duration;

use evidenced_contract::{Extensions, Limits, Report, Request, Status};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Came, CasesTold, ToldCase, ToldPlugin, judge, ran::Seen, rule};
use crate::domain::{
    BuiltIn, Digest, MissedReason, Outcome, SlotTime, Timestamp, ToldControl, ToldCounts, ToldEnd, ToldStretch,
};

const HOUR_MS: i64 = 3_600_000;

fn hour(hour: i64) -> Timestamp {
    Timestamp::from_millis(hour * HOUR_MS)
}

fn control(id: &str, stretches: Vec<ToldStretch>) -> ToldControl {
    ToldControl {
        control: id.parse().unwrap(),
        enabled: true,
        known_since: None,
        retired: None,
        next_due: None,
        counts: ToldCounts::default(),
        stretches,
    }
}

/// `P 0-9`: slots of each hour of a span that passed; `F`, `E`, `L` (late), `M` (missed), `D` (disabled).
fn stretch(text: &str) -> ToldStretch {
    let (letter, span) = text.split_at(1);
    let (first, last) = span.trim().split_once('-').unwrap_or((span.trim(), span.trim()));
    let (first, last): (i64, i64) = (first.parse().unwrap(), last.parse().unwrap());
    let run = |outcome| ToldEnd::Run { outcome, reason: None };
    let end = match letter {
        "P" => run(Outcome::Pass),
        "F" => run(Outcome::Fail),
        "E" => run(Outcome::Error),
        "L" => ToldEnd::Late { outcome: Outcome::Pass, reason: None },
        "M" => ToldEnd::Missed { reason: MissedReason::Down },
        "D" => ToldEnd::Missed { reason: MissedReason::Disabled },
        other => panic!("{other}"),
    };
    let slots = u64::try_from(last - first).unwrap() + 1;
    ToldStretch { end, first: SlotTime(hour(first)), last: SlotTime(hour(last)), slots }
}

fn stretches(text: &str) -> Vec<ToldStretch> {
    text.split(", ").filter(|text| !text.is_empty()).map(stretch).collect()
}

fn request(built_in: BuiltIn, config: Value) -> Request {
    Request {
        control: built_in.control().to_owned(),
        definition: Digest([0; 32]).to_string(),
        slot: hour(0).to_string(),
        now: hour(0).to_string(),
        interval: None,
        config,
        inputs: Vec::new(),
        seed: [0; 32],
        limits: Limits { wall_ms: 0, memory_bytes: 0, report_bytes: 0, requests: 0, response_bytes: 0 },
        extensions: Extensions::new(),
    }
}

fn thresholds() -> Value {
    json!({ "min_share": 0.99, "max_gap_s": 86_400, "max_error_streak_s": 86_400 })
}

/// The report about the month that ends with hour 720.
fn ran(controls: &[ToldControl]) -> Report {
    let told = json!({ "from": hour(0), "until": hour(720), "controls": controls });
    let told = serde_json::to_vec(&told).unwrap();
    judge(BuiltIn::MonitoringRan, &request(BuiltIn::MonitoringRan, thresholds()), Ok(&told)).unwrap()
}

#[track_caller]
fn check(text: &str, status: Status, message: &str) {
    let report = ran(&[control("SEC-01", stretches(text))]);
    let found = &report.findings[0];
    assert_eq!((found.status, found.message.as_str()), (status, message), "{text}");
}

#[test]
fn a_control_is_judged_by_its_share_its_longest_gap_and_its_longest_errors() {
    check("P 0-719", Status::Pass, "720 of 720 slots ran");
    check("P 0-99, L 100, F 101-719", Status::Pass, "720 of 720 slots ran");
    check("P 0-99, M 100-106, P 107-719", Status::Pass, "713 of 720 slots ran");
    check("P 0-99, M 100-107, P 108-719", Status::Fail, "712 of 720 slots ran (98.89 %, at least 99 % must)");
    check(
        "P 0-99, M 100-124, P 125-719",
        Status::Fail,
        "695 of 720 slots ran (96.53 %, at least 99 % must); no slot ran for 25.0 h from 1970-01-05T04:00:00.000Z (at \
         most 24.0 h)",
    );
    // Up to the threshold is not over it.
    check("P 0-99, E 100-123, P 124-719", Status::Pass, "720 of 720 slots ran");
    check(
        "P 0-99, E 100-124, F 125-719",
        Status::Fail,
        "there were only errors for 25.0 h from 1970-01-05T04:00:00.000Z (at most 24.0 h)",
    );
    // A failure is an answer; what was missed is none.
    check("P 0-99, E 100-110, M 111-112, E 113-123, F 124-719", Status::Pass, "718 of 720 slots ran");
    // What goes on is measured up to now.
    check(
        "P 0-694, E 695-719",
        Status::Fail,
        "there were only errors for 25.0 h from 1970-01-29T23:00:00.000Z (at most 24.0 h)",
    );
    // A day's control that was missed once was not run for two days, and one of four is three quarters.
    check(
        "P 100, P 268, M 436, P 604",
        Status::Fail,
        "3 of 4 slots ran (75 %, at least 99 % must); no slot ran for 168.0 h from 1970-01-19T04:00:00.000Z (at most \
         24.0 h)",
    );
}

#[test]
fn what_people_disabled_is_not_counted_and_is_told() {
    let text = "P 0-99, D 100-400, P 401-719";
    check(text, Status::Pass, "419 of 419 slots ran; 301 slots were missed as disabled, and are not counted");
    assert!(ran(&[control("SEC-01", stretches(text))]).findings[0].attention);
    check("D 0-719", Status::NotApplicable, "720 slots were missed as disabled, and are not counted");
    // They end what was missing before.
    check(
        "E 0-10, M 11, D 12-719",
        Status::Fail,
        "11 of 12 slots ran (91.67 %, at least 99 % must); 708 slots were missed as disabled, and are not counted",
    );
}

#[test]
fn a_control_without_slots_is_no_subject_and_nor_is_the_one_of_the_check() {
    let report = ran(&[control("MON-01", stretches("M 0-719")), control("NEW-01", Vec::new())]);
    assert_eq!((report.population, report.findings.len()), (0, 0));
    assert_eq!(report.summary, "no other control has had a slot");
    let report = ran(&[control("A-1", stretches("P 0-719")), control("A-2", stretches("M 0-719"))]);
    assert_eq!(report.summary, "1 of 2 other controls was not tested as scheduled: 720 of 1440 slots ran");
    assert_eq!(
        report.population_query,
        "controls that had slots, or should have had, from 1970-01-01T00:00:00.000Z until \
                                         1970-01-31T00:00:00.000Z, by the ledger"
    );
}

#[test]
fn of_a_stretch_that_began_before_only_its_part_is_counted() {
    let long = ToldStretch { first: SlotTime(hour(-20)), slots: 30, ..stretch("M 0-9") };
    let report = ran(&[control("SEC-01", vec![stretch("E 0"), long, stretch("P 10-719")])]);
    assert_eq!(report.findings[0].message, "711 of 721 slots ran (98.61 %, at least 99 % must)");
    // A control that has left is not waited for.
    let gone = ToldControl { retired: Some(hour(110)), ..control("SEC-01", stretches("P 0-99, E 100-109")) };
    assert_eq!(ran(&[gone]).findings[0].status, Status::Pass);
}

#[test]
fn a_slot_of_which_nothing_came_is_found_when_there_was_time_for_it() {
    let due = |at: i64| ToldControl { next_due: Some(SlotTime(hour(at))), ..control("SEC-01", stretches("P 0-600")) };
    assert_eq!(ran(&[due(696)]).findings[0].status, Status::Pass);
    assert_eq!(ran(&[due(744)]).findings[0].status, Status::Pass, "it is to come");
    let found = ran(&[due(601)]).findings.remove(0);
    assert_eq!(found.status, Status::Fail);
    assert_eq!(
        found.message,
        "a slot was due and nothing came of it for 119.0 h from 1970-01-26T01:00:00.000Z (at most 24.0 h)"
    );
    // A check that runs late may be one of several, and knows what was forgotten when it last was in time.
    let late = |controls: &[ToldControl]| {
        let told = json!({ "from": hour(0), "until": hour(720), "controls": controls });
        let mut late = request(BuiltIn::MonitoringRan, thresholds());
        late.now = hour(2).to_string();
        judge(BuiltIn::MonitoringRan, &late, Ok(&serde_json::to_vec(&told).unwrap())).unwrap().findings.remove(0).status
    };
    let own = |text: &str| control("MON-01", stretches(text));
    assert_eq!(late(&[due(601)]), Status::Pass);
    assert_eq!(late(&[own("P 600, M 624-696"), due(601)]), Status::Pass);
    assert_eq!(late(&[own("P 600, F 624-648, M 672-696"), due(601)]), Status::Fail);
}

#[test]
fn a_control_of_which_nothing_was_ever_heard_is_a_subject_when_it_is_due_for_too_long() {
    let due = |at: i64| ToldControl { next_due: Some(SlotTime(hour(at))), ..control("NEW-01", Vec::new()) };
    for to_come in [744, 720, 696] {
        assert_eq!(ran(&[due(to_come)]).population, 0, "{to_come}");
    }
    // Also when it is longer ago than the time that is looked at.
    for (at, message) in [
        (695, "a slot was due and nothing came of it for 25.0 h from 1970-01-29T23:00:00.000Z (at most 24.0 h)"),
        (-80, "a slot was due and nothing came of it for 800.0 h from 1969-12-28T16:00:00.000Z (at most 24.0 h)"),
    ] {
        let report = ran(&[due(at)]);
        assert_eq!((report.population, report.findings[0].status), (1, Status::Fail));
        assert_eq!(report.findings[0].message, message);
    }
}

#[test]
fn without_its_input_or_with_another_it_cannot_test() {
    let request = request(BuiltIn::MonitoringRan, thresholds());
    let failed = |input| judge(BuiltIn::MonitoringRan, &request, input).unwrap_err().message;
    assert_eq!(failed(Err("the slots of A-1 cannot be read")), "the slots of A-1 cannot be read");
    assert!(failed(Ok(b"[]")).starts_with("the input is not of the form that is read"));
}

fn came(expected: &str, came_out: &str, fails: bool) -> Came {
    Came::To { expected: expected.to_owned(), came_out: came_out.to_owned(), fails }
}

fn plugin(name: &str, cases: &[(&str, Came)]) -> ToldPlugin {
    ToldPlugin {
        plugin: name.parse().unwrap(),
        digest: Some(Digest::of(name.as_bytes())),
        version: "1.0.0".to_owned(),
        fault: None,
        folder: format!("/plugins/{name}.cases"),
        cases: cases
            .iter()
            .map(|(case, came)| ToldCase { case: (*case).to_owned(), digest: None, came: came.clone() })
            .collect(),
    }
}

#[test]
fn a_plugin_passes_when_a_case_fails_as_recorded_and_none_comes_out_otherwise() {
    let plugins = vec![
        plugin(
            "good",
            &[("a.toml", came("fail k: old\n", "fail k: old\n", true)), ("b.toml", came("p\n", "p\n", false))],
        ),
        plugin("never-fails", &[("a.toml", came("1 key\nfail k: old\n", "1 key\npass k: old\n", false))]),
        plugin("nobody-knows", &[]),
        plugin("only-passes", &[("a.toml", came("p\n", "p\n", false))]),
        plugin("stopped", &[("a.toml", Came::ToNothing("limit wall (30000 ms)".to_owned()))]),
        ToldPlugin { digest: None, fault: Some("no file".to_owned()), ..plugin("unloaded", &[]) },
    ];
    let told = serde_json::to_vec(&CasesTold { plugins }).unwrap();
    let report = judge(BuiltIn::PluginsCanFail, &request(BuiltIn::PluginsCanFail, json!({})), Ok(&told)).unwrap();
    let found: Vec<_> =
        report.findings.iter().map(|found| (found.subject.as_str(), found.status, found.message.as_str())).collect();
    assert_eq!(
        found,
        [
            ("good", Status::Pass, "it fails in 1 of 2 recorded cases, as recorded"),
            (
                "never-fails",
                Status::Fail,
                "1 of 1 recorded cases come out otherwise; a.toml: expected `fail k: old`, came out `pass k: old`"
            ),
            (
                "nobody-knows",
                Status::Fail,
                "no recorded case in which it fails lies in /plugins/nobody-knows.cases: put one there, so that it is \
                 seen to fail"
            ),
            (
                "only-passes",
                Status::Fail,
                "no recorded case in which it fails lies in /plugins/only-passes.cases: put one there, so that it is seen \
                 to fail"
            ),
            ("stopped", Status::Error, "1 of 1 recorded cases could not be run; a.toml: limit wall (30000 ms)"),
            ("unloaded", Status::Error, "it cannot be loaded: no file"),
        ]
    );
    assert_eq!(report.summary, "of 3 of 6 plugins in use nothing shows that they can fail");
}

/// A rule that is changed without another number would make replays differ that cannot say why.
#[test]
fn the_rules_have_names_and_numbers() {
    let first = |built_in| rule(built_in).lines().next().unwrap();
    assert_eq!(first(BuiltIn::MonitoringRan), "evidenced: the built-in check `monitoring-ran`, rule 2");
    assert_eq!(first(BuiltIn::PluginsCanFail), "evidenced: the built-in check `plugins-can-fail`, rule 1");
}

/// How each hour's slot ended, one letter an hour.
fn history() -> impl Strategy<Value = Vec<char>> {
    let letter =
        prop_oneof![6 => Just('P'), 1 => Just('F'), 2 => Just('E'), 1 => Just('L'), 3 => Just('M'), 1 => Just('D')];
    prop::collection::vec((letter, 1..40_usize), 0..30)
        .prop_map(|runs| runs.into_iter().flat_map(|(letter, count)| vec![letter; count]).collect())
}

/// Counts hour by hour: the longest time from the first `bad` on in which no `good` came.
fn longest(letters: &[char], bad: &str, good: &str) -> Duration {
    let mut longest = 0;
    for (from, letter) in letters.iter().enumerate() {
        if bad.contains(*letter) {
            let until = letters[from..].iter().position(|letter| good.contains(*letter));
            longest = longest.max(until.unwrap_or(letters.len() - from));
        }
    }
    Duration::from_secs(longest as u64 * 3600)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happened_it_is_seen_as_by_who_counts_each_hour(letters in history(), before in 0..50_i64) {
        // As the ledger tells it: what ended alike is one stretch, also what began before the time that is looked at.
        let mut told: Vec<ToldStretch> = Vec::new();
        for (at, letter) in letters.iter().enumerate() {
            let one = stretch(&format!("{letter} {at}"));
            match told.last_mut() {
                Some(last) if last.end == one.end => { last.last = one.last; last.slots += 1; }
                _ => told.push(one),
            }
        }
        let from = before.min(letters.len() as i64);
        let seen = Seen::of(&control("A-1", told), hour(from), hour(letters.len() as i64), Some(hour(letters.len() as i64)));
        let letters = &letters[from as usize..];
        let count = |of: &str| letters.iter().filter(|letter| of.contains(**letter)).count() as u64;
        let found = (seen.due, seen.ran, seen.disabled);
        prop_assert_eq!(found, (count("PFELM"), count("PFEL"), count("D")));
        prop_assert_eq!(seen.gap.found.map_or(Duration::ZERO, |(_, length)| length), longest(letters, "M", "PFELD"));
        prop_assert_eq!(seen.errors.found.map_or(Duration::ZERO, |(_, length)| length), longest(letters, "E", "PFLD"));
    }
}
