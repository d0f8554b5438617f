//! A quarter of a small company, by hand: four controls, one of them with a story.

use std::collections::BTreeMap;

use super::{
    report::{
        HeldCheckpoint, Proof, Report, ReportedException, ReportedNote, ReportedSubject, ReportedSystem, render_csv,
        render_html, render_json,
    },
    *,
};
use crate::domain::{
    ControlId, DayRow, Departure, Deviation, Digest, Erring, ExceptionId, ExceptionNote, ExceptionRecord, Family, Life,
    LifeEnd, LocalDay, MissedReason, NoteAbout, NoteKind, PopulationRange, Recovery, RunReason, Severity, SlotTime,
    SubjectNumber, Timestamp,
};

const KEYS: &str = "SEC-01";
const PROBE: &str = "AVL-01/iris";
const REVIEWS: &str = "CHG-01";
const FAIRNESS: &str = "FAR-02";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn day(text: &str) -> LocalDay {
    LocalDay::from_date(text.parse().unwrap())
}

fn id(text: &str) -> ControlId {
    text.parse().unwrap()
}

fn berlin() -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::get("Europe/Berlin").unwrap()
}

/// January to March 2026.
fn period() -> Period {
    Period::days(day("2026-01-01"), day("2026-03-31"), &berlin())
}

fn controls() -> BTreeMap<ControlId, ControlFacts> {
    let version = |version, date: &str, definition: &str| VersionFacts {
        version,
        at: at(date),
        definition: Digest::of(definition.as_bytes()),
        plugin: Some(Digest::of(b"plugin")),
        sequence: u64::from(version) * 100,
    };
    let facts = |title: &str, owner: &str, family, severity, criteria: &[&str]| ControlFacts {
        title: title.to_owned(),
        owner: owner.to_owned(),
        family,
        severity,
        criteria: criteria.iter().map(|criterion| (*criterion).to_owned()).collect(),
        retired: false,
        attested: false,
        attested_until: None,
        untested_since: None,
        exclusions: Vec::new(),
        versions: vec![version(1, "2025-12-30T10:00:00Z", "one")],
    };
    let keys = "Access keys are rotated at least every 90 days";
    let probe = "Inference of model iris answers within 2 s";
    let reviews = "Model updates are approved by a second person";
    let fairness = "Selection rates of cohorts differ by at most 20 %";
    let mut controls = BTreeMap::from([
        (id(KEYS), facts(keys, "platform", Family::Security, Severity::High, &["CC6.1", "CC6.2"])),
        (id(PROBE), facts(probe, "serving", Family::Availability, Severity::Critical, &["A1.1", "CC7.2"])),
        (id(REVIEWS), facts(reviews, "mlops", Family::ChangeManagement, Severity::High, &["CC8.1"])),
        (id(FAIRNESS), facts(fairness, "responsible <AI>", Family::Fairness, Severity::Medium, &["PI1.3"])),
    ]);
    controls.get_mut(&id(KEYS)).unwrap().exclusions = vec![
        ExclusionFacts {
            subject: "legacy-*".to_owned(),
            reason: "migrated in March, see the risk register".to_owned(),
            approval: Some("risk register 42".to_owned()),
            until: None,
            decided: None,
        },
        ExclusionFacts {
            subject: "AKIA0009".to_owned(),
            reason: "of a supplier that leaves in April".to_owned(),
            approval: None,
            until: Some(at("2026-04-30T22:00:00Z")),
            decided: Some(DecidedFacts {
                exclusion: 3,
                from: at("2026-02-01T09:00:00Z"),
                author: "rita".to_owned(),
                approver: "carl".to_owned(),
                ended: Some(at("2026-03-20T09:00:00Z")),
            }),
        },
    ];
    let probe = controls.get_mut(&id(PROBE)).unwrap();
    probe.versions.push(version(2, "2026-02-10T09:30:00Z", "two"));
    controls.get_mut(&id(REVIEWS)).unwrap().untested_since = Some(SlotTime(at("2026-03-31T06:00:00Z")));
    controls
}

const KEY_FAILS: [&str; 2] = ["2026-03-01", "2026-03-02"];

fn rows() -> Vec<(LocalDay, ControlId, DayRow)> {
    let mut rows = Vec::new();
    for number in period().from.0..=period().to.0 {
        let today = LocalDay(number);
        let mut keys = DayRow { run: 1, pass: 1, population: Some(PopulationRange::of(48)), ..DayRow::default() };
        if KEY_FAILS.map(day).contains(&today) {
            let slot = SlotTime(today.start(&berlin()).plus(std::time::Duration::from_secs(3 * 3600)));
            keys = DayRow { pass: 0, fail: 1, deviations: 1, failing_ms: 43_200_000, ..keys };
            keys.deviating.push(Deviation { slot, sequence: 4_711 });
        }
        let mut probe = DayRow { run: 1_440, pass: 1_440, ..DayRow::default() };
        if today == day("2026-02-14") {
            probe = DayRow { run: 1_308, late: 2, pass: 1_310, ..DayRow::default() };
            probe.missed.insert(MissedReason::Down, 130);
        }
        let mut reviews = DayRow { run: 24, pass: 24, ..DayRow::default() };
        if today == day("2026-02-14") {
            reviews = DayRow { run: 22, pass: 22, ..DayRow::default() };
            reviews.missed.insert(MissedReason::Down, 2);
        }
        if today >= day("2026-03-30") {
            reviews = DayRow { run: 24, error: 24, untested_ms: 86_400_000, ..DayRow::default() };
            let first = SlotTime(today.start(&berlin()).plus(std::time::Duration::from_secs(600)));
            reviews.erring.insert(RunReason::Denied, Erring { slots: 23, first });
            // The last one is of an early version, which did not say why.
            if today == day("2026-03-30") {
                reviews.erring.insert(RunReason::Timeout, Erring { slots: 1, first });
            }
        }
        rows.push((today, id(KEYS), keys));
        rows.push((today, id(PROBE), probe));
        rows.push((today, id(REVIEWS), reviews));
        rows.push((today, id("OUT-01"), DayRow { run: 1, fail: 1, deviations: 1, ..DayRow::default() }));
    }
    // What came in after its day was closed.
    rows.push((day("2026-02-14"), id(REVIEWS), DayRow { late: 1, pass: 1, ..DayRow::default() }));
    rows.push((day("2026-04-01"), id(KEYS), DayRow { run: 1, fail: 1, deviations: 1, ..DayRow::default() }));
    rows
}

fn exceptions() -> BTreeMap<ExceptionId, ExceptionRecord> {
    let slot = |text: &str| SlotTime(at(text));
    let note =
        |kind| ExceptionNote { at: at("2026-03-03T09:00:00Z"), about: NoteAbout::Note(kind), note: Digest::of(b"n") };
    let recovered = ExceptionRecord {
        control: id(KEYS),
        first_slot: slot("2026-03-01T02:00:00Z"),
        opened: at("2026-03-01T02:00:05Z"),
        due: at("2026-03-08T02:00:00Z"),
        last_failing: slot("2026-03-02T02:00:00Z"),
        failing_before: slot("2026-03-01T02:00:00Z"),
        overdue: None,
        recovered: Some(Recovery {
            slot: slot("2026-03-03T02:00:00Z"),
            at: at("2026-03-03T02:00:04Z"),
            tests: 2,
            failing_tests: 1,
        }),
        closed: None,
        acknowledged: Some(at("2026-03-01T07:30:05Z")),
        notes: vec![note(NoteKind::RootCause), note(NoteKind::Response)],
        first_alert: Some(3),
        other_first_alerts: Vec::new(),
        subjects: BTreeMap::from([(
            SubjectNumber(0),
            vec![Life {
                first_seen: slot("2026-03-01T02:00:00Z"),
                ended: Some(LifeEnd {
                    why: Departure::Fixed,
                    slot: slot("2026-03-03T02:00:00Z"),
                    last_seen: slot("2026-03-02T02:00:00Z"),
                }),
            }],
        )]),
    };
    let open = ExceptionRecord {
        control: id(FAIRNESS),
        first_slot: slot("2025-12-20T02:00:00Z"),
        due: at("2026-01-20T02:00:00Z"),
        overdue: Some(at("2026-01-20T02:00:01Z")),
        recovered: None,
        acknowledged: None,
        notes: Vec::new(),
        subjects: BTreeMap::new(),
        ..recovered.clone()
    };
    let elsewhere = ExceptionRecord { control: id("OUT-01"), ..open.clone() };
    let before = ExceptionRecord {
        first_slot: slot("2025-12-01T02:00:00Z"),
        recovered: Some(Recovery {
            slot: slot("2025-12-05T02:00:00Z"),
            at: at("2025-12-05T02:00:00Z"),
            tests: 2,
            failing_tests: 1,
        }),
        ..recovered.clone()
    };
    let id = |year, number| ExceptionId { year, number };
    BTreeMap::from([(id(2025, 1), before), (id(2025, 2), open), (id(2025, 3), elsewhere), (id(2026, 1), recovered)])
}

fn outages() -> [OutageFacts; 2] {
    let outage = |from, to, missed| OutageFacts { from: at(from), to: at(to), reason: MissedReason::Down, missed };
    [
        outage("2025-11-01T00:00:00Z", "2025-11-02T00:00:00Z", 7),
        outage("2026-02-14T03:10:00Z", "2026-02-14T05:20:00Z", 132),
    ]
}

fn summary() -> Summary {
    let (controls, exceptions) = (controls(), exceptions());
    let scope = Scope {
        period: &period(),
        as_of: at("2026-04-01T06:00:00Z"),
        controls: &controls,
        exceptions: &exceptions,
        outages: &outages(),
    };
    summarize(&scope, rows())
}

fn report() -> Report {
    let slot = |text: &str| SlotTime(at(text));
    let note = |about, text: &str| ReportedNote {
        at: at("2026-03-03T09:00:00Z"),
        about: NoteAbout::Note(about),
        author: "dana".to_owned(),
        text: text.to_owned(),
    };
    Report {
        organization: "Example AI".to_owned(),
        instance: "prod".to_owned(),
        produced: at("2026-04-01T06:00:00Z"),
        software: "0.1.0".to_owned(),
        summary: summary(),
        before: Some(Headline { controls: 3, passed_all: 2, exceptions: 1, ..Headline::default() }),
        before_span: Some(Span::Window("2025-Q4".parse().unwrap())),
        exceptions: vec![ReportedException {
            exception: ExceptionId { year: 2026, number: 1 },
            subjects: vec![ReportedSubject {
                subject: "=ci-deploy, \"AKIA…7Q4\" <b>".to_owned(),
                first_seen: slot("2026-03-01T02:00:00Z"),
                last_seen: slot("2026-03-02T02:00:00Z"),
                ended: Some(Departure::Fixed),
            }],
            notes: vec![
                note(NoteKind::RootCause, "The rotation job had lost its permission."),
                note(NoteKind::Response, "The key was rotated; the job now alerts when it is denied."),
            ],
        }],
        systems: vec![ReportedSystem { system: "iam".to_owned(), controls: vec![id(KEYS)] }],
        proof: Proof {
            tests_itself: true,
            checkpoint: Some("example.ai/prod\n48211\nqJ8…=\n\n— example.ai/prod AbC…=\n".to_owned()),
            entries: 48_300,
            size: 48_211,
            root: Some(Digest::of(b"root")),
            at: Some(at("2026-04-01T05:00:00Z")),
            held: vec![
                HeldCheckpoint {
                    size: 47_100,
                    by: "compliance (compliance@example.com)".to_owned(),
                    at: at("2026-03-30T06:00:04Z"),
                },
                HeldCheckpoint { size: 900, by: "auditor@example.net".to_owned(), at: at("2026-01-05T07:00:02Z") },
            ],
            command: "evidenced verify --window 2026".to_owned(),
        },
    }
}

#[test]
fn the_numbers_are_those_of_the_rows_in_the_period() {
    let summary = summary();
    let control = |name: &str| summary.controls.iter().find(|control| control.control == id(name)).unwrap();
    assert_eq!(result(&control(KEYS).total), "2 deviations in 90 of 90 scheduled tests (0 not performed)");
    assert_eq!(
        result(&control(REVIEWS).total),
        "No deviations in 2,111 of 2,161 scheduled tests (2 not performed, 48 without a result)"
    );
    assert_eq!(
        result(&control(PROBE).total),
        "No deviations in 129,470 of 129,600 scheduled tests (130 not performed)"
    );
    assert_eq!(result(&control(FAIRNESS).total), "No tests were scheduled");
    assert_eq!(control(KEYS).failing.as_secs(), 86_400);
    assert_eq!(control(REVIEWS).untested.as_secs(), 2 * 86_400);
    assert_eq!(control(KEYS).days.len(), 90);
    let marks = |name: &str, mark| control(name).days.iter().filter(|day| **day == mark).count();
    assert_eq!((marks(KEYS, DayMark::Deviation), marks(KEYS, DayMark::Pass)), (2, 88));
    assert_eq!((marks(REVIEWS, DayMark::NotTested), marks(REVIEWS, DayMark::Gap)), (2, 1));
    assert_eq!(marks(FAIRNESS, DayMark::NotDue), 90);
    let headline = &summary.headline;
    assert_eq!((headline.controls, headline.passed_all, headline.exceptions, headline.gaps), (3, 1, 2, 1));
    assert_eq!(summary.days_without_rows, 0);
}

#[test]
fn totals_of_families_and_criteria_are_those_of_their_controls() {
    let summary = summary();
    let due: u64 = summary.families.iter().map(|family| family.total.due()).sum();
    assert_eq!(due, summary.headline.total.due());
    let names: Vec<_> = summary.families.iter().map(|family| family.family.as_str()).collect();
    assert_eq!(names, ["security", "availability", "fairness", "change-management"]);
    assert_eq!(summary.families[3].untested, 1);
    let criteria: Vec<_> = summary.criteria.iter().map(|criterion| criterion.criterion.as_str()).collect();
    assert_eq!(criteria, ["A1.1", "CC6.1", "CC6.2", "CC7.2", "CC8.1", "PI1.3"]);
}

#[test]
fn exceptions_are_those_that_were_open_in_the_period_with_their_lengths() {
    let summary = summary();
    let lengths: Vec<_> = summary
        .exceptions
        .iter()
        .map(|exception| {
            let hours = |length: std::time::Duration| length.as_secs() / 3600;
            let (length, inside) = (hours(exception.length), hours(exception.in_period));
            format!("{} {} {length} h, {inside} h inside", exception.exception, exception.state.as_str())
        })
        .collect();
    assert_eq!(lengths, ["EX-2025-0002 overdue 2452 h, 2159 h inside", "EX-2026-0001 recovered 48 h, 48 h inside"]);
    assert_eq!(summary.outages.len(), 1);
}

#[test]
fn gaps_are_days_in_a_row_with_one_reason() {
    let gaps = summary().gaps;
    let gap =
        Gap { from: day("2026-02-14"), to: day("2026-02-14"), reason: MissedReason::Down, slots: 132, controls: 2 };
    assert_eq!(gaps, [gap]);
}

#[test]
fn errors_are_days_in_a_row_of_one_control_with_one_reason() {
    let told: Vec<_> = summary()
        .errors
        .iter()
        .map(|stretch| {
            let reason = stretch.reason.map_or("not recorded".to_owned(), RunReason::word);
            let first = stretch.first.map_or("?".to_owned(), |slot| slot.to_string());
            format!("{} {} to {} {reason} {} from {first}", stretch.control, stretch.from, stretch.to, stretch.slots)
        })
        .collect();
    assert_eq!(
        told,
        [
            "CHG-01 2026-03-30 to 2026-03-31 denied 46 from 2026-03-29T22:10:00.000Z",
            "CHG-01 2026-03-30 to 2026-03-30 timeout 1 from 2026-03-29T22:10:00.000Z",
            "CHG-01 2026-03-31 to 2026-03-31 not recorded 1 from ?",
        ]
    );
    assert_eq!(summary().errors_unlisted, 0);
}

#[test]
fn a_list_of_errors_has_an_end_and_says_what_it_left_out() {
    let controls = controls();
    let scope = Scope {
        period: &period(),
        as_of: at("2026-04-01T06:00:00Z"),
        controls: &controls,
        exceptions: &BTreeMap::new(),
        outages: &[],
    };
    use RunReason::{Denied, Host, Internal, Throttled, Timeout, Trap};
    let reasons = [Denied, Timeout, Throttled, Trap, Internal, Host];
    // Every second day, so that no two are one stretch.
    let days = (period().from.0..=period().to.0).step_by(2).map(LocalDay);
    let rows = days.flat_map(|day| controls.keys().cloned().map(move |control| (day, control)));
    let rows: Vec<_> = rows
        .map(|(day, control)| {
            let first = SlotTime(day.start(&berlin()));
            let erring = reasons.into_iter().map(|reason| (reason, Erring { slots: 2, first })).collect();
            (day, control, DayRow { run: 12, error: 12, erring, ..DayRow::default() })
        })
        .collect();
    let all: u64 = rows.iter().map(|(.., row)| row.error).sum();
    let summary = summarize(&scope, rows);
    assert_eq!(summary.errors.len(), ERRORS_LISTED_MAX);
    let listed: u64 = summary.errors.iter().map(|stretch| stretch.slots).sum();
    assert_eq!(listed + summary.errors_unlisted, all);
    assert!(summary.errors.iter().all(|stretch| stretch.from < day("2026-03-31")), "the earliest are listed");
}

#[test]
fn an_auditor_s_questions_name_what_does_not_speak_for_itself() {
    let questions = summary().questions();
    assert_eq!(questions.low_coverage, [id(REVIEWS)]);
    assert_eq!(questions.never_due, [id(FAIRNESS)]);
    assert_eq!(questions.unanswered, [ExceptionId { year: 2025, number: 2 }]);
    assert_eq!(questions.redefined, [id(PROBE)]);
}

#[test]
fn days_without_a_closed_record_are_said() {
    let (controls, exceptions) = (controls(), BTreeMap::new());
    let scope = Scope {
        period: &period(),
        as_of: at("2026-01-11T12:00:00Z"),
        controls: &controls,
        exceptions: &exceptions,
        outages: &[],
    };
    let early = |(day, ..): &(LocalDay, ControlId, DayRow)| day.0 < period().from.0 + 8;
    assert_eq!(summarize(&scope, rows().into_iter().filter(early)).days_without_rows, 2);
}

#[test]
fn the_page_stands_alone_and_shows_texts_as_texts() {
    let page = render_html(&report());
    insta::with_settings!({snapshot_path => "golden", prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("report.html", page);
    });
    for fetched in ["http://", "https://", "<script", "src=", "url("] {
        assert!(!page.contains(fetched), "{fetched}");
    }
    assert!(page.contains("&lt;b&gt;") && page.contains("responsible &lt;AI&gt;"));
    assert!(!page.contains("operated effectively"));
}

#[test]
fn the_tables_have_the_same_number_of_cells_in_every_row() {
    let tables = render_csv(&report());
    let mut text = String::new();
    for table in &tables {
        text.push_str(&format!("== {}\n{}", table.name, table.content.replace("\r\n", "\n")));
    }
    insta::with_settings!({snapshot_path => "golden", prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("report.csv", text);
    });
    let plain = tables.iter().filter(|table| !table.content.contains('"'));
    for table in plain {
        let cells: Vec<_> = table.content.lines().map(|line| line.split(',').count()).collect();
        assert!(cells.windows(2).all(|pair| pair[0] == pair[1]), "{}: {cells:?}", table.name);
    }
}

#[test]
fn the_json_says_what_the_page_says() {
    let json: serde_json::Value = serde_json::from_str(&render_json(&report())).unwrap();
    assert_eq!(json["statement"], result(&summary().headline.total));
    assert_eq!(json["summary"]["period"]["from"], "2026-01-01");
    assert_eq!(json["summary"]["controls"][3]["failing_ms"], 86_400_000);
    assert_eq!(json["summary"]["controls"][3]["days"].as_str().unwrap().len(), 90);
    assert_eq!(json["exceptions"][0]["subjects"][0]["ended"], "fixed");
    assert_eq!(json["questions"]["redefined"][0], PROBE);
}
