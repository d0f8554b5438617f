//! What principals usually read, learnt day by day from the state that each run leaves to the next.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking")]

use std::collections::BTreeMap;

use evidenced_plugin::{
    Finding, Interval, Report, Status, Timestamp,
    testing::{ScriptedHost, facts_at, run},
};
use proptest::{
    collection::{btree_map, btree_set},
    prelude::*,
};
use serde_json::{Value, json};
use training_data_access::TrainingDataAccess;

/// A control that runs again and again: the state of one run is that of the next.
struct Control {
    config: Value,
    state: BTreeMap<String, Vec<u8>>,
    /// Where the next interval begins, in hours since 2026-01-01.
    hour: i64,
}

impl Control {
    fn new(config: Value) -> Self {
        Self { config, state: BTreeMap::new(), hour: 0 }
    }

    fn of_patients(change: Value) -> Self {
        let dataset = json!({ "name": "patients", "objects": ["training.patients"], "allow": ["trainer", "nightly"] });
        let mut config = json!({ "format": "pgaudit-csv", "datasets": [dataset] });
        for (key, value) in change.as_object().unwrap() {
            config[key] = value.clone();
        }
        Self::new(config)
    }

    /// Looks at so many hours of log.
    fn next(&mut self, hours: i64, log: &str) -> Report {
        let (from, until) = (at(self.hour, 0), at(self.hour + hours, 0));
        self.hour += hours;
        self.between(from, until, log)
    }

    fn between(&mut self, from: Timestamp, until: Timestamp, log: &str) -> Report {
        let mut host = ScriptedHost::new();
        host.input("events", log);
        for (key, value) in &self.state {
            host.state(key, value);
        }
        let mut facts = facts_at(&until.to_instant());
        facts.interval = Some(Interval { from: from.to_instant(), until: until.to_instant() });
        let report =
            run::<TrainingDataAccess>(&self.config, facts, &mut host).unwrap_or_else(|failure| panic!("{failure:?}"));
        assert_eq!(report.covered_until, Some(until.to_instant()));
        self.state = host.state_now().clone();
        report
    }

    /// So many whole days, an interval an hour; `nightly` reads at 02:30, `trainer` at 10:05.
    fn days(&mut self, days: i64, mut rows: impl FnMut(i64) -> (u64, u64)) -> Vec<Report> {
        (0..days)
            .flat_map(|_| {
                let day = self.hour / 24;
                let (nightly, trainer) = rows(day);
                let reads = [read(day * 24 + 2, 30, "nightly", nightly), read(day * 24 + 10, 5, "trainer", trainer)];
                (0..24)
                    .map(|hour| {
                        let log = match hour {
                            2 => reads[0].as_str(),
                            10 => reads[1].as_str(),
                            _ => "",
                        };
                        self.next(1, log)
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

fn at(hour: i64, minute: i64) -> Timestamp {
    let start: Timestamp = "2026-01-01T00:00:00.000Z".parse().unwrap();
    Timestamp::from_ms(start.as_ms() + (hour * 60 + minute) * 60_000)
}

/// A line of `csvlog`; `hour` and `minute` make its session as well.
fn line(hour: i64, minute: i64, role: &str, message: &str) -> String {
    let time = at(hour, minute).to_instant().replace('T', " ").replace('Z', " UTC");
    let message = message.replace('"', "\"\"");
    format!(
        "{time},\"{role}\",\"ml\",1,\"10.0.0.1:4000\",{hour:x}.{minute:x},4,\"SELECT\",{time},3/1,0,LOG,00000,\"{message}\",,,,,,,,,\"psql\",\"client backend\",,0\n"
    )
}

fn read(hour: i64, minute: i64, role: &str, rows: u64) -> String {
    let message = format!("AUDIT: SESSION,1,1,READ,SELECT,TABLE,training.patients,select 1,<none>,{rows}");
    line(hour, minute, role, &message)
}

fn finding<'a>(report: &'a Report, subject: &str) -> &'a Finding {
    report
        .findings
        .iter()
        .find(|finding| finding.subject == subject)
        .unwrap_or_else(|| panic!("no {subject}: {report:#?}"))
}

/// Rows that go up and down by some percent, the same in each run of the test.
fn about(rows: u64, day: i64) -> u64 {
    rows * (90 + (day * 7919).rem_euclid(21).unsigned_abs()) / 100
}

#[test]
fn a_nightly_job_at_ten_times_its_usual_rows_is_found_and_every_other_hour_is_quiet() {
    let mut control = Control::of_patients(json!({}));
    let quiet = control.days(12, |day| (about(100, day), about(300, day)));
    for report in &quiet {
        let loud: Vec<_> =
            report.findings.iter().filter(|finding| finding.status != Status::Pass || finding.attention).collect();
        assert!(loud.is_empty(), "{loud:#?}");
    }
    assert_eq!(finding(&quiet[2], "nightly on patients").message, "read once, 90 rows; no baseline yet (0 of 7 days)");

    let loud = control.days(1, |day| (1000, about(300, day)));
    let failing: Vec<usize> =
        (0..24).filter(|hour| loud[*hour].findings.iter().any(|finding| finding.status == Status::Fail)).collect();
    assert_eq!(failing, [2], "the hour of the job, and no other");
    let found = finding(&loud[2], "nightly on patients");
    assert!(found.message.starts_with("1,000 rows on 2026-01-13, its own limit is "), "{}", found.message);
    assert!(found.message.ends_with("11 days; one false alarm in 10,000 days)"), "{}", found.message);
    let day = found.measurements.iter().find(|measured| measured.name == "rows_of_day").unwrap();
    assert!(day.value == 1000.0 && day.limit.is_some_and(|limit| (200.0..350.0).contains(&limit)), "{day:?}");
}

#[test]
fn many_small_reads_are_found_when_the_day_is_over_its_limit() {
    let mut control = Control::of_patients(json!({}));
    control.days(10, |day| (about(100, day), about(300, day)));
    let day = control.hour / 24;
    let reports: Vec<_> = (0..12).map(|hour| control.next(1, &read(day * 24 + hour, 1, "trainer", 150))).collect();
    let status = |hour: usize| finding(&reports[hour], "trainer on patients").status;
    assert_eq!([status(0), status(3)], [Status::Pass, Status::Pass]);
    assert_eq!(status(11), Status::Fail);
}

#[test]
fn a_job_that_grows_for_good_becomes_usual() {
    let mut control = Control::of_patients(json!({}));
    control.days(28, |day| (about(1_000, day), 300));
    let reports = control.days(40, |day| (about(4_000, day), 300));
    let fails = reports.iter().filter(|report| finding(report, "nightly on patients").status == Status::Fail).count();
    assert!((3..30).contains(&fails), "{fails} days");
    assert_eq!(finding(&reports[39 * 24 + 2], "nightly on patients").status, Status::Pass);
}

#[test]
fn after_an_outage_whole_days_are_judged_as_if_by_the_hour() {
    let mut hourly = Control::of_patients(json!({}));
    let mut daily = Control::of_patients(json!({}));
    for day in 0..20 {
        let rows = if day == 19 { 900 } else { about(100, day) };
        let by_hour = hourly.days(1, |_| (rows, 300));
        let log = read(day * 24 + 2, 30, "nightly", rows) + &read(day * 24 + 10, 5, "trainer", 300);
        let by_day = daily.next(24, &log);
        assert_eq!(
            finding(&by_hour[2], "nightly on patients").message,
            finding(&by_day, "nightly on patients").message
        );
    }
    assert_eq!(hourly.state, daily.state);
}

#[test]
fn an_interval_over_midnight_counts_for_two_days() {
    let mut control = Control::of_patients(json!({ "zone": "Europe/Berlin", "min_days": 3, "floor": 0 }));
    control.days(9, |day| (about(100, day), 300));
    // 22:30 UTC is still today in Berlin's winter, 23:30 is tomorrow.
    control.next(22, "");
    let log = read(9 * 24 + 22, 30, "nightly", 95) + &read(9 * 24 + 23, 30, "nightly", 95);
    let report = control.next(2, &log);
    assert_eq!(finding(&report, "nightly on patients").status, Status::Pass);
    let report = control.next(2, &read(10 * 24 + 1, 30, "nightly", 400));
    assert!(finding(&report, "nightly on patients").message.starts_with("495 rows on 2026-01-11"));
}

#[test]
fn somebody_new_stands_out_and_may_be_held_to_a_bound() {
    let dataset = json!({ "name": "patients", "objects": ["training.patients"], "allow": ["*"] });
    let mut control = Control::of_patients(json!({ "datasets": [dataset], "without_baseline_max": 500 }));
    control.days(10, |day| (about(100, day), about(300, day)));
    let report = control.next(1, &read(240, 3, "newcomer", 400));
    let found = finding(&report, "newcomer on patients");
    assert!(found.attention, "{found:?}");
    assert_eq!(found.message, "read once, 400 rows; no baseline yet (0 of 7 days); new");
    let report = control.next(1, &read(241, 3, "newcomer", 101));
    let found = finding(&report, "newcomer on patients");
    assert_eq!((found.status, found.message.as_str()), (Status::Fail, "501 rows on 2026-01-11, without a baseline"));
    // Who was seen stays on the list.
    let report = control.next(1, "");
    assert_eq!(finding(&report, "newcomer on patients").message, "nothing in this interval");
}

#[test]
fn what_an_overlapping_interval_sees_again_is_not_told_again() {
    let mut control = Control::of_patients(json!({}));
    let log = read(0, 50, "intern", 10) + &read(0, 55, "trainer", 100);
    let first = control.between(at(0, 0), at(1, 0), &log);
    let found = finding(&first, "intern on patients");
    assert_eq!((found.status, found.event.as_deref()), (Status::Fail, Some("0.32/4")));
    let late = read(0, 59, "intern", 10);
    let again = control.between(at(0, 45), at(2, 0), &(log.clone() + &late));
    let found = finding(&again, "intern on patients");
    assert_eq!((found.status, found.event.as_deref()), (Status::Fail, Some("0.3b/4")), "only what came late is news");
    let quiet = control.between(at(0, 45), at(3, 0), &(log + &late));
    assert_eq!(finding(&quiet, "intern on patients").status, Status::Pass);
}

#[test]
fn a_session_without_a_line_is_told_when_it_ends_or_has_had_its_time() {
    let began = |hour, minute| line(hour, minute, "postgres", "connection authorized: user=postgres database=ml");
    let ended = |hour, minute: i64, role| line(hour, minute, role, "disconnection: session time: 0:10:00.000");
    let mut control = Control::of_patients(json!({ "silent_after_s": 1800 }));
    // One ends without a line; one is young, and reads in the next interval; one is never heard of again.
    let mut log = began(0, 10) + &ended(0, 10, "postgres");
    log += &began(0, 45);
    log += &began(0, 50);
    let report = control.next(1, &log);
    let found = finding(&report, "postgres on (audit log)");
    assert_eq!(found.message, "1 session without any line in the audit log");
    // The session that began at 00:45 leaves a line.
    let audit = "AUDIT: SESSION,1,1,READ,SELECT,,,select 1,<none>,1";
    let report = control.next(1, &line(1, 1, "postgres", audit).replace(",1.1,", ",0.2d,"));
    let found = finding(&report, "postgres on (audit log)");
    assert_eq!((found.status, found.message.as_str()), (Status::Fail, "1 session without any line in the audit log"));
    let report = control.next(1, "");
    assert_eq!(finding(&report, "postgres on (audit log)").status, Status::Pass);
}

#[test]
fn a_state_of_another_unit_begins_anew() {
    let mut control = Control::of_patients(json!({}));
    control.days(10, |day| (about(100, day), 300));
    control.config["amount"] = json!("reads");
    let report = control.next(1, &read(240, 1, "nightly", 5));
    assert_eq!(finding(&report, "nightly on patients").message, "read once; no baseline yet (0 of 7 days)");
}

#[test]
fn a_day_of_a_busy_log_is_read_in_pieces() {
    let mut log = String::new();
    for number in 0..120_000i64 {
        log.push_str(&read(number / 6000, number % 60, if number % 2 == 0 { "trainer" } else { "nightly" }, 1));
    }
    let mut control = Control::of_patients(json!({}));
    let report = control.next(24, &log);
    assert!(report.summary.contains("in 120000 records"), "{}", report.summary);
    assert_eq!(report.findings.iter().filter(|finding| finding.status == Status::Pass).count(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Reads of three days, at most one a minute, and the minutes at which one interval ends and the next begins.
    #[test]
    fn however_a_log_is_cut_into_intervals_each_read_is_counted_once(
        reads in btree_map(0..3 * 24 * 60i64, (prop_oneof![Just("nightly"), Just("trainer")], 1..500u64), 0..30),
        cuts in btree_set(1..3 * 24 * 60i64, 0..8),
    ) {
        let log: String =
            reads.iter().map(|(minute, (role, rows))| read(minute / 60, minute % 60, role, *rows)).collect();
        let mut whole = Control::of_patients(json!({}));
        whole.between(at(0, 0), at(72, 0), &log);
        let mut cut = Control::of_patients(json!({}));
        let (mut from, mut told) = (0, 0.0);
        for until in cuts.into_iter().chain([72 * 60]) {
            let report = cut.between(at(0, from), at(0, until), &log);
            let measured = report.findings.iter().flat_map(|finding| &finding.measurements);
            told += measured.filter(|measured| measured.name == "reads").map(|measured| measured.value).sum::<f64>();
            from = until;
        }
        prop_assert_eq!(told, reads.len() as f64);
        prop_assert_eq!(cut.state, whole.state);
    }
}
