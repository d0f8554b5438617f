//! Golden mails, read as people read them, and what must hold for every mail.

mod rules;

use std::{collections::HashSet, fs, path::PathBuf, time::Duration};

use evidenced_contract::Measurement;
use jiff::tz::TimeZone;

use super::*;
use crate::domain::{
    Act, ClockDoubt, ControlId, Counts, Departure, Detail, Digest, ExceptionId, Family, LocalDay, MissedReason,
    Outcome, RunReason, Severity, SlotTime, Timestamp, WindowId,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn slot(text: &str) -> SlotTime {
    SlotTime(at(text))
}

fn id(text: &str) -> ControlId {
    text.parse().unwrap()
}

fn head() -> Letterhead {
    Letterhead {
        organization: "Example AI".into(),
        instance: "prod".into(),
        zone: TimeZone::get("Europe/Berlin").unwrap(),
        page: None,
        detail: Detail::Full,
    }
}

fn posting() -> Posting {
    Posting {
        origin: "example.com/evidenced/prod".into(),
        alert: 42,
        queued: at("2026-03-02T05:00:04Z"),
        to: vec!["compliance@example.com".into(), "platform@example.com".into()],
        thread: Vec::new(),
    }
}

fn monday() -> Posting {
    Posting { queued: at("2026-02-16T07:00:00Z"), ..posting() }
}

fn follow_up() -> Posting {
    let mut posting = posting();
    posting.alert = 57;
    posting.queued = at("2026-03-04T05:00:03Z");
    posting.thread = vec![message_id(&posting.origin, 42)];
    posting
}

fn control() -> ControlFacts {
    ControlFacts {
        id: id("SEC-01"),
        title: "Access keys are rotated at least every 90 days".into(),
        family: Family::Security,
        severity: Severity::High,
        criteria: vec!["CC6.1".into(), "CC6.2".into()],
        owner: "platform".into(),
        schedule: words::schedule(&crate::domain::ScheduleSpec::Cron("0 6 * * *".into()), "Europe/Berlin"),
        remediation: Some(
            "Create a second key, roll it out, deactivate the old one for a day, then delete it.\n\nThe runbook is \
             “Rotating keys” in the platform handbook."
                .into(),
        ),
    }
}

fn evidence() -> EvidenceFacts {
    EvidenceFacts {
        run: 18_231,
        plugin: "key-rotation".parse().unwrap(),
        plugin_version: "1.0.0".into(),
        plugin_digest: Some(Digest::of(b"a plugin")),
        checkpoint: Some(checkpoint()),
    }
}

fn checkpoint() -> CheckpointFacts {
    CheckpointFacts { size: 18_200, root: Digest::of(b"a root") }
}

fn test(fail: u32, seen: &str) -> TestFacts {
    TestFacts {
        slot: slot("2026-03-02T05:00:00Z"),
        seen: seen.into(),
        population: 48,
        counts: Counts { pass: 47 - fail, fail, excluded: 1, ..Counts::default() },
        incomplete: None,
        evidence: evidence(),
    }
}

fn exception() -> ExceptionFacts {
    ExceptionFacts {
        id: ExceptionId { year: 2026, number: 7 },
        since: slot("2026-03-01T05:00:00Z"),
        due: at("2026-03-08T05:00:00Z"),
        within: "7 days".into(),
        windows: vec!["2026".parse::<WindowId>().unwrap()],
    }
}

fn key(name: &str, label: Option<&str>, age: f64) -> SubjectFacts {
    SubjectFacts {
        subject: name.into(),
        label: label.map(Into::into),
        message: format!("key is {age} days old"),
        measurements: vec![Measurement { name: "age".into(), value: age, unit: "d".into(), limit: Some(90.0) }],
        since: slot("2026-03-01T05:00:00Z"),
        as_of: Some(at("2026-03-02T05:00:01Z")),
    }
}

fn failed() -> FailedFacts {
    FailedFacts {
        control: control(),
        test: test(1, "1 of 48 active access keys is older than 90 days"),
        exception: exception(),
        subjects: vec![key("AKIAIOSFODNN7EXAMPLE", Some("ci-deploy"), 104.0)],
        confirmations: 1,
    }
}

fn many_failed() -> FailedFacts {
    let mut facts = failed();
    facts.test.population = 1_204;
    facts.test.counts = Counts { fail: 31, error: 2, ..Counts::default() };
    facts.test.seen = "31 of 1,204 keys are older than 90 days".into();
    facts.test.incomplete = Some("the source stopped answering on page 7".into());
    facts.subjects =
        (0..31).map(|n| key(&format!("AKIA{n:016}"), Some(&format!("service-{n}")), 91.0 + f64::from(n))).collect();
    facts.confirmations = 3;
    facts
}

fn headline() -> Headline {
    Headline {
        controls: 54,
        passed_all: 51,
        exceptions: 2,
        gaps: 1,
        slots: SlotCounts {
            due: 9_072,
            tested: 9_045,
            late: 4,
            missed: 21,
            pass: 9_030,
            fail: 15,
            error: 6,
            not_applicable: 0,
        },
    }
}

fn quiet() -> Headline {
    let slots = SlotCounts { due: 9_072, tested: 9_072, pass: 9_072, ..SlotCounts::default() };
    Headline { controls: 54, passed_all: 54, exceptions: 0, gaps: 0, slots }
}

fn row(number: u32, control: &str, title: &str, since: &str) -> ExceptionRow {
    ExceptionRow {
        exception: ExceptionId { year: 2026, number },
        control: id(control),
        title: title.into(),
        owner: "platform".into(),
        since: slot(since),
        due: slot(since).0.plus(Duration::from_secs(7 * 86_400)),
        overdue: false,
        acknowledged: None,
        recovered: None,
        closed: None,
        subjects: 1,
    }
}

fn week() -> SummaryFacts {
    let day = |text: &str| LocalDay::from_date(text.parse().unwrap());
    let slots = |due, tested| SlotCounts { due, tested, pass: tested, missed: due - tested, ..SlotCounts::default() };
    let family = |family, controls, exceptions, untested, due, run| FamilyRow {
        family,
        controls,
        passed_all: controls - exceptions - untested,
        exceptions,
        untested,
        slots: slots(due, run),
    };
    let mut overdue = row(4, "SEC-13", "Critical advisories are fixed in time", "2026-02-02T05:00:00Z");
    overdue.overdue = true;
    overdue.acknowledged = Some(at("2026-02-02T09:12:00Z"));
    overdue.subjects = 3;
    let mut ended = row(6, "AVL-01/iris", "Inference answers correctly and in time", "2026-02-11T10:05:00Z");
    ended.recovered = Some(slot("2026-02-11T11:20:00Z"));
    SummaryFacts {
        period: Period::Week { year: 2026, week: 7 },
        from: day("2026-02-09"),
        to: day("2026-02-15"),
        headline: headline(),
        before: Some(quiet()),
        families: vec![
            family(Family::Security, 14, 1, 0, 98, 98),
            family(Family::Availability, 6, 1, 0, 8_640, 8_619),
            family(Family::ProcessingIntegrity, 7, 0, 0, 49, 49),
            family(Family::Confidentiality, 6, 0, 0, 42, 42),
            family(Family::Privacy, 6, 0, 0, 42, 42),
            family(Family::ModelGovernance, 5, 0, 0, 35, 35),
            family(Family::Fairness, 4, 0, 0, 4, 4),
            family(Family::ChangeManagement, 6, 0, 1, 42, 42),
        ],
        open: vec![overdue, row(7, "SEC-01", "Access keys are rotated at least every 90 days", "2026-02-14T05:00:00Z")],
        ended: vec![ended],
        untested: vec![UntestedRow {
            control: id("CHG-01"),
            title: "Every deployed change was reviewed".into(),
            owner: "engineering".into(),
            lasted: Duration::from_secs(3 * 86_400),
            still_since: Some(slot("2026-02-13T05:00:00Z")),
            slots: SlotCounts { due: 7, tested: 4, pass: 4, error: 3, ..SlotCounts::default() },
        }],
        gaps: vec![GapRow {
            from: at("2026-02-10T01:00:00Z"),
            to: at("2026-02-10T03:10:00Z"),
            reason: MissedReason::Down,
            missed: 21,
        }],
        errors: vec![
            ErrorRow {
                control: id("CHG-01"),
                title: "Every deployed change was reviewed".into(),
                from: day("2026-02-13"),
                to: day("2026-02-15"),
                first: Some(slot("2026-02-13T05:00:00Z")),
                reason: Some(RunReason::Denied),
                slots: 3,
            },
            ErrorRow {
                control: id("FAR-02"),
                title: "Selection rates differ by at most 20 %".into(),
                from: day("2026-02-14"),
                to: day("2026-02-14"),
                first: None,
                reason: None,
                slots: 1,
            },
        ],
        errors_unlisted: 0,
        attestations: vec![AttestationRow {
            control: id("MON-02"),
            title: "Access to the monitoring host is reviewed".into(),
            owner: "platform".into(),
            until: at("2026-02-24T09:00:00Z"),
        }],
        exclusions: vec![ExclusionRow {
            control: id("SEC-01"),
            subject: "legacy-*".into(),
            reason: "migrated in March, see the risk register".into(),
            approval: ApprovalFacts::Claimed(Some("https://git.example.com/risk/42".into())),
            until: None,
        }],
        silences: vec![SilenceRow {
            controls: vec!["AVL-*".into(), "PIN-01".into()],
            from: at("2026-02-09T21:00:00Z"),
            until: at("2026-02-18T02:00:00Z"),
            withheld: 3,
            author: "rita".into(),
            reason: "the cluster is moved".into(),
        }],
        proposals: vec![ProposalRow {
            proposal: 4,
            act: Act::CloseException { exception: ExceptionId { year: 2026, number: 3 }, control: id("FAR-02") },
            at: at("2026-02-14T09:00:00Z"),
            author: "rita".into(),
        }],
        changes: vec![ChangeRow {
            at: at("2026-02-12T14:00:00Z"),
            control: id("FAR-02"),
            version: 3,
            what: "definition changed".into(),
        }],
        controls: Vec::new(),
        trend: Vec::new(),
        criteria: Vec::new(),
        questions: None,
        mail: MailFacts::default(),
        checkpoint: Some(
            "example-ai.evidenced/prod\n48211\nqJ8hV9mXQ2pC0l7s1nB4tYk6wR3eZ5uD8aF2gH1jKxM=\n\n— \
             example-ai.evidenced/prod \
             u0Yc3kqPZ5vT8xW1nR6mB2dF4hJ7lS9aE0gK3oQ5tU8wY1zC4iN6pV2rX7bM9dL0fH3jG5kS8uT1eA6cW4yQ2nR7vB9mZ0x=\n"
                .into(),
        ),
    }
}

/// Of another control than the rest.
fn change() -> ControlFacts {
    let mut change = control();
    change.id = id("CHG-01");
    change.title = "Every deployed change was reviewed by someone else".into();
    (change.family, change.criteria) = (Family::ChangeManagement, vec!["CC8.1".into()]);
    change.owner = "engineering".into();
    change
}

fn not_tested() -> NotTestedFacts {
    NotTestedFacts {
        control: change(),
        since: slot("2026-03-01T05:00:00Z"),
        slots: 2,
        last_good: Some(slot("2026-02-28T05:00:00Z")),
        cause: Cause::Run(RunReason::Denied),
        source: Some("github.example".into()),
        message: Some("GET https://github.example/repos/app/pulls: status 403".into()),
        evidence: Some(evidence()),
    }
}

fn month() -> SummaryFacts {
    let day = |text: &str| LocalDay::from_date(text.parse().unwrap());
    let mut facts = week();
    facts.period = Period::Month { year: 2026, month: 2 };
    (facts.from, facts.to) = (day("2026-02-01"), day("2026-02-28"));
    facts.controls = vec![
        ControlRow {
            control: id("SEC-01"),
            title: "Access keys are rotated at least every 90 days".into(),
            slots: SlotCounts { due: 28, tested: 28, pass: 26, fail: 2, ..SlotCounts::default() },
            exceptions: 1,
            failing: Duration::from_secs(47 * 3_600),
            to_acknowledge: Some(Duration::from_secs(4 * 3_600 + 720)),
            to_fix: Some(Duration::from_secs(47 * 3_600)),
        },
        ControlRow {
            control: id("SEC-02"),
            title: "Unused keys are removed".into(),
            slots: SlotCounts { due: 28, tested: 28, pass: 28, ..SlotCounts::default() },
            exceptions: 0,
            failing: Duration::ZERO,
            to_acknowledge: None,
            to_fix: None,
        },
    ];
    facts.trend = vec![
        TrendRow { period: "2025-12".into(), headline: quiet() },
        TrendRow { period: "2026-01".into(), headline: headline() },
    ];
    facts.criteria = vec![CriterionRow {
        criterion: "CC6.1".into(),
        controls: vec![id("SEC-01"), id("SEC-02"), id("CNF-01")],
        exceptions: 1,
        slots: SlotCounts { due: 84, tested: 84, ..SlotCounts::default() },
    }];
    facts.mail = MailFacts { waiting: 1, refused: 2 };
    facts
}

fn quarter() -> SummaryFacts {
    let day = |text: &str| LocalDay::from_date(text.parse().unwrap());
    let mut facts = month();
    facts.period = Period::Quarter { year: 2026, quarter: 1 };
    (facts.from, facts.to) = (day("2026-01-01"), day("2026-03-31"));
    facts.trend = vec![TrendRow { period: "Quarter 2025-Q4".into(), headline: quiet() }];
    facts
}

fn window() -> SummaryFacts {
    let day = |text: &str| LocalDay::from_date(text.parse().unwrap());
    let mut facts = month();
    facts.period = Period::Window { window: "2026".parse().unwrap() };
    (facts.from, facts.to) = (day("2026-01-01"), day("2026-12-31"));
    facts.before = None;
    facts.trend.clear();
    facts.questions = Some(AuditorQuestions {
        low_coverage: vec![(id("CHG-01"), SlotCounts { due: 365, tested: 350, ..SlotCounts::default() })],
        unanswered: vec![ExceptionId { year: 2026, number: 4 }, ExceptionId { year: 2026, number: 7 }],
        redefined: vec![id("FAR-02")],
    });
    facts
}

/// Every letter, under the name of its golden files.
fn letters() -> Vec<(&'static str, Letter, Posting)> {
    let mut more = failed();
    more.test = test(3, "3 of 48 active access keys are older than 90 days");
    more.test.slot = slot("2026-03-04T05:00:00Z");
    let mut joined = vec![key("AKIA0000000000000002", Some("backup"), 91.0), key("AKIA0000000000000003", None, 92.0)];
    joined.iter_mut().for_each(|subject| subject.since = slot("2026-03-04T05:00:00Z"));
    more.subjects.extend(joined.clone());
    let mut late = failed();
    late.test.slot = slot("2026-03-09T05:00:00Z");
    let mut passed = test(0, "all 48 active access keys are at most 90 days old");
    passed.slot = slot("2026-03-04T05:00:00Z");
    let mut reviewed = passed.clone();
    reviewed.seen = "all 48 changes of the day were reviewed by someone else".into();
    let ended = |name: &str, label: Option<&str>, why| EndedSubject {
        subject: name.into(),
        label: label.map(Into::into),
        since: slot("2026-03-01T05:00:00Z"),
        until: slot("2026-03-04T05:00:00Z"),
        why,
    };
    let recovered = RecoveredFacts {
        control: control(),
        test: passed.clone(),
        exception: exception(),
        failing_tests: 3,
        tests: 3,
        ended: vec![
            ended("AKIAIOSFODNN7EXAMPLE", Some("ci-deploy"), Departure::Fixed),
            ended("AKIA0000000000000002", Some("backup"), Departure::Gone),
        ],
    };
    let tested_again = TestedAgainFacts {
        control: change(),
        test: reviewed,
        outcome: Outcome::Pass,
        since: slot("2026-03-01T05:00:00Z"),
        slots: 3,
    };
    let gap = GapFacts {
        from: at("2026-03-03T01:00:00Z"),
        to: at("2026-03-03T03:10:00Z"),
        reason: MissedReason::Down,
        missed: vec![(id("AVL-01/iris"), 130), (id("SEC-01"), 1)],
        caught_up: 2,
        checkpoint: Some(checkpoint()),
    };
    let room_gone = RoomGoneFacts {
        at: at("2026-03-03T01:00:00Z"),
        folder: "/var/lib/evidenced".to_owned(),
        free_bytes: 212 << 20,
        needed_bytes: 2_300 << 20,
        checkpoint: Some(checkpoint()),
    };
    let room_back = RoomBackFacts {
        since: at("2026-03-03T01:00:00Z"),
        until: at("2026-03-03T02:10:00Z"),
        free_bytes: 40_000 << 20,
        checkpoint: Some(checkpoint()),
    };
    let doubted = ClockDoubtedFacts {
        at: at("2026-03-03T01:00:00Z"),
        doubt: ClockDoubt::JumpedForward { by_s: 7_800 },
        checkpoint: Some(checkpoint()),
    };
    let believed = ClockBelievedFacts {
        since: at("2026-03-03T01:00:00Z"),
        before: at("2026-03-03T01:05:00Z"),
        after: at("2026-03-03T03:15:00Z"),
        accepted: None,
        missed: vec![(id("AVL-01/iris"), 130), (id("SEC-01"), 1)],
        checkpoint: Some(checkpoint()),
    };
    let accepted = ClockBelievedFacts {
        after: at("2026-03-03T00:55:00Z"),
        accepted: Some("the host has no time server; compared with a watch".to_owned()),
        missed: Vec::new(),
        ..believed.clone()
    };
    let refused = RefusedFacts {
        at: at("2026-03-02T05:00:00Z"),
        errors:
            "error[unknown-credential]: no credential named `gihub-token`\n  --> conf.d/keys.toml:14:12\n  hint: did \
                 you mean `github-token`? credentials are declared as [[credential]]\n"
                .into(),
        error_count: 1,
        running_since: Some(at("2026-02-20T10:00:00Z")),
    };
    let plugin_fault = PluginFaultFacts {
        at: at("2026-03-02T05:00:00Z"),
        plugin: "key-rotation".parse().unwrap(),
        reason: RunReason::PluginChanged,
        message: "/usr/lib/evidenced/plugins/key-rotation.wasm is not the file that was there when the configuration \
                  was loaded"
            .into(),
        controls: vec![id("SEC-01"), id("SEC-02")],
    };
    let plugin_refused = PluginRefusedFacts {
        at: plugin_fault.at,
        plugin: plugin_fault.plugin.clone(),
        reason: RunReason::CasesFailed,
        message: "plugin `key-rotation`, /etc/evidenced/plugins/key-rotation.wasm: 1 of 6 recorded cases do not come out as \
                  recorded; an_old_key_fails.toml: expected `fail AKIA1: 91 days old`, came out `pass AKIA1: 91 days old`"
            .into(),
        in_use: Digest::of(b"1.0.0"),
        found: Digest::of(b"1.1.0"),
        locked: None,
        controls: plugin_fault.controls.clone(),
    };
    vec![
        ("failed", Letter::Failed(failed()), posting()),
        ("failed-many", Letter::Failed(many_failed()), posting()),
        ("already-failing", Letter::AlreadyFailing(failed()), posting()),
        ("more-subjects", Letter::MoreSubjects(MoreSubjectsFacts { failed: more, joined }), follow_up()),
        ("not-tested", Letter::NotTested(not_tested()), posting()),
        ("tested-again", Letter::TestedAgain(tested_again), follow_up()),
        ("overdue", Letter::Overdue(late), Posting { queued: at("2026-03-09T05:00:03Z"), ..follow_up() }),
        ("recovered", Letter::Recovered(recovered), follow_up()),
        ("monitoring-gap", Letter::MonitoringGap(gap), Posting { queued: at("2026-03-03T03:10:02Z"), ..posting() }),
        ("disk-full", Letter::RoomGone(room_gone), Posting { queued: at("2026-03-03T01:00:01Z"), ..posting() }),
        ("disk-has-room", Letter::RoomBack(room_back), Posting { queued: at("2026-03-03T03:10:01Z"), ..posting() }),
        ("clock-doubted", Letter::ClockDoubted(doubted), Posting { queued: at("2026-03-03T01:00:01Z"), ..posting() }),
        (
            "clock-believed",
            Letter::ClockBelieved(believed),
            Posting { queued: at("2026-03-03T03:15:01Z"), ..posting() },
        ),
        (
            "clock-accepted",
            Letter::ClockBelieved(accepted),
            Posting { queued: at("2026-03-03T00:55:01Z"), ..posting() },
        ),
        ("configuration-refused", Letter::ConfigurationRefused(refused), posting()),
        ("plugin-fault", Letter::PluginFault(plugin_fault), posting()),
        ("plugin-refused", Letter::PluginRefused(plugin_refused), posting()),
        ("week", Letter::Summary(Box::new(week())), monday()),
        ("week-all-well", Letter::Summary(Box::new(all_well())), monday()),
        ("month", Letter::Summary(Box::new(month())), posting()),
        ("quarter", Letter::Summary(Box::new(quarter())), Posting { queued: at("2026-04-01T06:00:00Z"), ..posting() }),
        ("window", Letter::Summary(Box::new(window())), posting()),
    ]
    .into_iter()
    .chain(rules::letters())
    .collect()
}

fn all_well() -> SummaryFacts {
    let mut facts = week();
    facts.headline = quiet();
    for family in &mut facts.families {
        family.passed_all = family.controls;
        (family.exceptions, family.untested, family.slots.tested) = (0, 0, family.slots.due);
    }
    for list in [&mut facts.open, &mut facts.ended] {
        list.clear();
    }
    facts.untested.clear();
    facts.attestations.clear();
    facts.gaps.clear();
    facts.errors.clear();
    facts.exclusions.clear();
    facts.silences.clear();
    facts.proposals.clear();
    facts.changes.clear();
    facts
}

/// Compares with a file under `golden/`, or writes it when `UPDATE_GOLDEN` is set.
#[track_caller]
fn golden(name: &str, content: &str) {
    let path = PathBuf::from(GOLDEN).join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(GOLDEN).unwrap();
        fs::write(&path, content).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == content,
        "{name} is not what it was; look at it with UPDATE_GOLDEN=1 and `git diff`:\n{content}"
    );
}

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/mail/golden");

#[test]
fn every_letter_reads_as_its_golden_mail() {
    for (name, letter, posting) in letters() {
        let mail = compose(&letter, &head(), &posting);
        let mut headers = format!("Subject: {}\nDate: {}\nMessage-ID: {}\n", mail.subject, mail.date, mail.message_id);
        if let Some(first) = &mail.in_reply_to {
            headers += &format!("In-Reply-To: {first}\nReferences: {}\n", mail.references.join(" "));
        }
        for attachment in &mail.attachments {
            headers += &format!("Attachment: {} ({} bytes)\n", attachment.name, attachment.content.len());
        }
        golden(&format!("{name}.txt"), &format!("{headers}\n{}", mail.text));
        golden(&format!("{name}.html"), &mail.html);
    }
}

#[test]
fn the_text_and_the_html_say_the_same() {
    for (name, letter, posting) in letters() {
        let mail = compose(&letter, &head(), &posting);
        let mut body = &mail.html[mail.html.find("<body").unwrap()..];
        let mut words = String::new();
        while let Some((before, rest)) = body.split_once('<') {
            words.extend([before, " "]);
            // A table drawn as records does not name its first column.
            let is_column_name = rest.starts_with("th ");
            let (_, after) = rest.split_once(if is_column_name { "</th>" } else { ">" }).unwrap();
            body = after;
        }
        let words = words.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        let text = mail.text.to_uppercase();
        let known: HashSet<_> = text.split(|c: char| !c.is_alphanumeric()).collect();
        for word in words.to_uppercase().split(|c: char| !c.is_alphanumeric()) {
            assert!(known.contains(word), "{name}: `{word}` is only in the HTML");
        }
    }
}

#[test]
fn a_mail_is_the_same_after_it_lay_in_the_ledger() {
    for (_, letter, posting) in letters() {
        let mail = compose(&letter, &head(), &posting);
        assert_eq!(Mail::from_part(&mail.to_part()).unwrap(), mail);
        assert_eq!(compose(&letter, &head(), &posting).to_part(), mail.to_part());
    }
    assert!(matches!(Mail::from_part(b"{\"v\":2}"), Err(MailError::Newer { found: 2, known: 1 })));
    assert!(matches!(Mail::from_part(b"no mail"), Err(MailError::Malformed(_))));
}

#[test]
fn a_hostile_text_neither_makes_a_header_nor_hides_nor_runs() {
    let hostile = "x\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script>\u{202e}fdp.exe\u{0}";
    let mut facts = failed();
    facts.control.title = hostile.into();
    facts.control.owner = hostile.into();
    facts.control.remediation = Some(hostile.into());
    facts.test.seen = hostile.into();
    facts.subjects[0].subject = hostile.into();
    facts.subjects[0].label = Some(hostile.into());
    facts.subjects[0].message = hostile.repeat(10_000);
    let mut head = head();
    head.instance = hostile.into();
    let mail = compose(&Letter::Failed(facts), &head, &posting());
    assert!(!mail.subject.contains(['\r', '\n', '\u{202e}', '\u{0}']));
    assert!(mail.subject.chars().count() < 250, "{}", mail.subject);
    for body in [&mail.text, &mail.html] {
        assert!(!body.contains(['\r', '\u{202e}', '\u{0}']));
        assert!(body.contains("⟨U+202E⟩") && body.contains("(cut: "));
        assert!(body.len() < 20_000);
    }
    assert!(!mail.text.lines().any(|line| line.starts_with("Bcc:")));
    assert!(!mail.html.contains("<script"));
}

#[test]
fn nothing_in_a_mail_is_fetched_or_reports_back() {
    for (_, letter, posting) in letters() {
        let html = compose(&letter, &head(), &posting).html;
        for forbidden in ["<img", "<link", "<script", "<iframe", "url(", "src=", "@import", "<a "] {
            assert!(!html.contains(forbidden), "{forbidden}");
        }
    }
}

#[test]
fn subjects_are_in_the_agreed_form() {
    let subject = |name: &str| {
        let letters = letters();
        let (_, letter, posting) = letters.iter().find(|(found, ..)| *found == name).unwrap();
        compose(letter, &head(), posting).subject
    };
    assert_eq!(subject("failed"), "[evidenced prod] FAILED SEC-01 Access keys are rotated at least every 90 days");
    assert_eq!(
        subject("not-tested"),
        "[evidenced prod] NOT TESTED CHG-01 Every deployed change was reviewed by someone else: access denied \
         (github.example)"
    );
    assert_eq!(
        subject("week"),
        "[evidenced prod] Week 2026-W07: 51 of 54 controls passed all tests, 2 exceptions, 1 gap"
    );
    assert_eq!(subject("monitoring-gap"), "[evidenced prod] Monitoring gap 2 h 10 min on 3 March");
}

#[test]
fn a_follow_up_is_in_the_thread_of_the_first_mail() {
    let first = compose(&Letter::Failed(failed()), &head(), &posting());
    let letters = letters();
    let (_, letter, posting) = letters.iter().find(|(name, ..)| *name == "recovered").unwrap();
    let recovered = compose(letter, &head(), posting);
    assert_eq!(recovered.in_reply_to.as_ref(), Some(&first.message_id));
    assert_eq!(recovered.references, std::slice::from_ref(&first.message_id));
    assert_ne!(recovered.message_id, first.message_id);
    assert!(first.message_id.ends_with("@example.com>"));
    assert!(message_id("prod", 1).ends_with("@evidenced.invalid>"));
    assert_ne!(message_id("prod", 1), message_id("prod/2", 1));
}
