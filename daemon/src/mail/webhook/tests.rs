//! Bodies as they are sent, read as their readers do; and what must hold for any text.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{
    domain::{Counts, Detail, Family, HoldReason, Severity, SlotTime, Timestamp},
    mail::{
        CheckpointFacts, ControlFacts, EndedSubject, EvidenceFacts, ExceptionFacts, FailedFacts, GapFacts, HeldLetter,
        Letter, RecoveredFacts, SubjectFacts, TestFacts, prepare, together,
    },
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn slot(text: &str) -> SlotTime {
    SlotTime(at(text))
}

fn head(detail: Detail) -> Letterhead {
    Letterhead {
        organization: "Example AI".into(),
        instance: "prod".into(),
        zone: jiff::tz::TimeZone::get("Europe/Berlin").unwrap(),
        page: None,
        detail,
    }
}

fn posting() -> Posting {
    Posting {
        origin: "example-ai.evidenced/prod".into(),
        alert: 42,
        queued: at("2026-03-02T05:00:04Z"),
        to: vec!["compliance@example.com".into()],
        thread: Vec::new(),
    }
}

fn failed(text: &str, subjects: usize) -> FailedFacts {
    let checkpoint = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
    FailedFacts {
        control: ControlFacts {
            id: "SEC-01".parse().unwrap(),
            title: format!("Access keys are rotated {text}"),
            family: Family::Security,
            severity: Severity::High,
            criteria: vec!["CC6.1".into()],
            owner: "platform".into(),
            schedule: "every day at 06:00 (Europe/Berlin)".into(),
            remediation: Some(text.to_owned()),
        },
        test: TestFacts {
            slot: slot("2026-03-02T05:00:00Z"),
            seen: format!("{subjects} of 48 keys are too old {text}"),
            population: 48,
            counts: Counts { pass: 47, fail: 1, ..Counts::default() },
            incomplete: None,
            evidence: EvidenceFacts {
                run: 7,
                plugin: "key-rotation".parse().unwrap(),
                plugin_version: "1.0.0".into(),
                plugin_digest: None,
                checkpoint: Some(CheckpointFacts { size: 1234, root: checkpoint }),
            },
        },
        exception: ExceptionFacts {
            id: "EX-2026-0007".parse().unwrap(),
            since: slot("2026-03-01T05:00:00Z"),
            due: at("2026-03-08T05:00:00Z"),
            within: "7 days".into(),
            windows: Vec::new(),
        },
        subjects: (0..subjects)
            .map(|number| SubjectFacts {
                subject: format!("key-{number} {text}"),
                label: Some(format!("ci-deploy {text}")),
                message: format!("key is 104 days old {text}"),
                measurements: Vec::new(),
                since: slot("2026-03-01T05:00:00Z"),
                as_of: None,
            })
            .collect(),
        confirmations: 1,
    }
}

fn recovered() -> Letter {
    let FailedFacts { control, test, exception, .. } = failed("", 1);
    let ended = EndedSubject {
        subject: "key-0".into(),
        label: None,
        since: slot("2026-03-01T05:00:00Z"),
        until: slot("2026-03-02T05:00:00Z"),
        why: crate::domain::Departure::Fixed,
    };
    Letter::Recovered(RecoveredFacts { control, test, exception, failing_tests: 1, tests: 2, ended: vec![ended] })
}

fn gap() -> Letter {
    Letter::MonitoringGap(GapFacts {
        from: at("2026-03-03T01:00:00Z"),
        to: at("2026-03-03T03:10:00Z"),
        reason: crate::domain::MissedReason::Down,
        missed: Vec::new(),
        caught_up: 0,
        checkpoint: None,
    })
}

const KINDS: [WebhookKind; 4] = [WebhookKind::Generic, WebhookKind::Slack, WebhookKind::Teams, WebhookKind::Pagerduty];

fn posted(prepared: &Prepared, cause: AlertCause, detail: Detail) -> Vec<Posted> {
    let name = |kind: WebhookKind| format!("ops/{}", kind.as_str()).parse().unwrap();
    let webhooks = KINDS.map(|kind| (name(kind), kind));
    let head = head(detail);
    let mail = frame(prepared.clone(), &head, &posting());
    post(&webhooks, prepared, &head, &posting(), cause, &mail)
}

fn bodies(letter: &Letter, cause: AlertCause) -> Vec<(WebhookKind, Value)> {
    let prepared = prepare(letter, &head(Detail::Full));
    let posted = posted(&prepared, cause, Detail::Full);
    posted.into_iter().map(|one| (one.kind, serde_json::from_str(&one.body).unwrap())).collect()
}

#[track_caller]
fn body(letter: &Letter, cause: AlertCause, kind: WebhookKind) -> Value {
    bodies(letter, cause).into_iter().find(|(found, _)| *found == kind).unwrap().1
}

#[test]
fn a_program_gets_every_member_of_a_failure() {
    let body = body(&Letter::Failed(failed("", 1)), AlertCause::Failed, WebhookKind::Generic);
    assert_eq!(body["id"], message_id("example-ai.evidenced/prod", 42).trim_matches(['<', '>']));
    for (member, expected) in [
        ("time", "2026-03-02T05:00:04.000Z"),
        ("organization", "Example AI"),
        ("instance", "prod"),
        ("cause", "failed"),
        ("detail", "full"),
    ] {
        assert_eq!(body[member], expected, "{member}");
    }
    assert_eq!(body["checkpoint"], serde_json::json!({ "size": 1234, "root": format!("sha256:{}", "ab".repeat(32)) }));
    assert!(body["text"].as_str().unwrap().starts_with("FAILED: SEC-01"), "{body}");
    let expected = serde_json::json!({
        "cause": "failed", "headline": "FAILED SEC-01 Access keys are rotated", "control": "SEC-01",
        "title": "Access keys are rotated", "severity": "high", "owner": "platform", "exception": "EX-2026-0007",
        "slot": "2026-03-02T05:00:00.000Z", "since": "2026-03-01T05:00:00.000Z", "due": "2026-03-08T05:00:00.000Z",
        "population": 48, "failing": 1,
        "subjects": [{
            "subject": "key-0", "label": "ci-deploy", "message": "key is 104 days old", "since": "2026-03-01T05:00:00.000Z",
        }],
    });
    assert_eq!(body["alerts"], serde_json::json!([expected]));
}

#[test]
fn whoever_gets_counts_gets_no_subject_in_any_form() {
    let prepared = prepare(&Letter::Failed(failed("", 3)), &head(Detail::Counts));
    let all = posted(&prepared, AlertCause::Failed, Detail::Counts);
    assert_eq!(all.len(), 4);
    for posted in all {
        assert!(!posted.body.contains("key-0") && !posted.body.contains("104 days"), "{}", posted.body);
        assert!(posted.body.contains("SEC-01"));
    }
}

#[test]
fn an_exception_is_one_incident_from_its_failing_to_its_recovery() {
    let trigger = body(&Letter::Failed(failed("", 1)), AlertCause::Failed, WebhookKind::Pagerduty);
    assert_eq!(trigger["event_action"], "trigger");
    assert_eq!(trigger["dedup_key"], "example-ai.evidenced/prod/EX-2026-0007");
    assert_eq!(trigger["payload"]["severity"], "error");
    assert_eq!(trigger["payload"]["summary"], "[prod] FAILED SEC-01 Access keys are rotated");
    assert_eq!(trigger["payload"]["component"], "SEC-01");
    assert!(trigger.get("routing_key").is_none(), "the secret is not frozen");
    let resolve = body(&recovered(), AlertCause::Recovered, WebhookKind::Pagerduty);
    assert_eq!(resolve["event_action"], "resolve");
    assert_eq!(resolve["dedup_key"], trigger["dedup_key"]);
    let webhooks = KINDS.map(|kind| (format!("ops/{}", kind.as_str()).parse().unwrap(), kind));
    let (control, exception) = ("SEC-01".parse().unwrap(), "EX-2026-0007".parse().unwrap());
    for (change, action) in [(IncidentChange::Acknowledged, "acknowledge"), (IncidentChange::Over, "resolve")] {
        let posted = post_change(&webhooks, &posting().origin, &control, exception, change);
        let [one] = &posted[..] else { panic!("pagers alone: {posted:?}") };
        let event: Value = serde_json::from_str(&one.body).unwrap();
        assert_eq!((event["event_action"].as_str(), &event["dedup_key"]), (Some(action), &trigger["dedup_key"]));
    }
}

#[test]
fn severities_are_those_of_the_service() {
    for (severity, expected) in [
        (Severity::Low, "info"),
        (Severity::Medium, "warning"),
        (Severity::High, "error"),
        (Severity::Critical, "critical"),
    ] {
        let mut facts = failed("", 1);
        facts.control.severity = severity;
        let body = body(&Letter::Failed(facts), AlertCause::Failed, WebhookKind::Pagerduty);
        assert_eq!(body["payload"]["severity"], expected);
    }
    assert_eq!(body(&gap(), AlertCause::MonitoringGap, WebhookKind::Pagerduty)["payload"]["severity"], "warning");
}

/// Told together, an exception that came and went calls nobody; what is lost pages as what it is.
#[test]
fn of_several_alerts_each_incident_gets_its_last_word() {
    let head = head(Detail::Full);
    let held = |letter: &Letter| HeldLetter {
        letter: prepare(letter, &head),
        severity: Severity::High,
        raised: at("2026-03-02T01:00:00Z"),
        why: HoldReason::QuietHours,
    };
    let mut other = failed("", 1);
    other.exception.id = "EX-2026-0008".parse().unwrap();
    let lost = HeldLetter::lost(None, Severity::High, at("2026-03-02T01:00:00Z"), HoldReason::Storm);
    let letters = vec![held(&Letter::Failed(failed("", 1))), held(&Letter::Failed(other)), held(&recovered()), lost];
    let all = posted(&together(letters, &head), AlertCause::Several, Detail::Full);
    let events = all.iter().filter(|one| one.kind == WebhookKind::Pagerduty);
    let events: Vec<Value> = events.map(|one| serde_json::from_str(&one.body).unwrap()).collect();
    let told: Vec<_> = events
        .iter()
        .map(|event| (event["event_action"].as_str().unwrap(), event["dedup_key"].as_str().unwrap()))
        .collect();
    assert_eq!(told[0], ("trigger", "example-ai.evidenced/prod/EX-2026-0008"));
    assert_eq!((told.len(), told[1].0), (2, "trigger"));
    let mail = frame(together(vec![held(&gap())], &head), &head, &posting()).with_webhooks(all.clone());
    let ids: Vec<_> = (0..all.len()).map(|place| delivery_id(&mail, place)).collect();
    let plain = mail.message_id.trim_matches(['<', '>']);
    assert_eq!(ids[..4], [plain; 4]);
    assert_eq!(ids[4..], [format!("{plain}#1")]);
    let generic: Value = serde_json::from_str(&all[0].body).unwrap();
    assert_eq!(generic["alerts"].as_array().unwrap().len(), 4);
}

#[test]
fn what_pages_nobody_is_no_event() {
    let facts =
        crate::mail::FirstResultsFacts { started: at("2026-03-02T05:00:00Z"), controls: Vec::new(), checkpoint: None };
    let kinds: Vec<_> =
        bodies(&Letter::FirstResults(facts), AlertCause::FirstResults).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [WebhookKind::Generic, WebhookKind::Slack, WebhookKind::Teams]);
}

#[test]
fn slack_gets_a_header_sections_and_a_footer() {
    let body = body(&Letter::Failed(failed("", 1)), AlertCause::Failed, WebhookKind::Slack);
    assert_eq!(body["text"], "[evidenced prod] FAILED SEC-01 Access keys are rotated");
    let blocks = body["blocks"].as_array().unwrap();
    assert_eq!(blocks[0]["text"]["text"], "FAILED: SEC-01 Access keys are rotated");
    assert_eq!(blocks.last().unwrap()["type"], "context");
    let sections: Vec<_> = blocks.iter().filter_map(|block| block["text"]["text"].as_str()).collect();
    assert!(sections.iter().any(|text| text.contains("*Owner:* platform")), "{sections:?}");
}

#[test]
fn teams_gets_one_card_without_markdown() {
    let body = body(&Letter::Failed(failed("[x](https://evil.example)", 1)), AlertCause::Failed, WebhookKind::Teams);
    let attachment = &body["attachments"][0];
    assert_eq!(attachment["contentType"], "application/vnd.microsoft.card.adaptive");
    assert_eq!(attachment["content"]["type"], "AdaptiveCard");
    for element in attachment["content"]["body"].as_array().unwrap() {
        assert_eq!(element["type"], "RichTextBlock", "text runs alone know no Markdown");
    }
}

/// Every text in a value.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(all) => all.iter().for_each(|one| texts(one, found)),
        Value::Object(all) => all.values().for_each(|one| texts(one, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Texts that somebody would write to be heard, among anything else.
fn hostile() -> impl Strategy<Value = String> {
    let mark = prop_oneof![
        Just("<!channel>".to_owned()),
        Just("<!here|x>".to_owned()),
        Just("<@U012ABCDEF>".to_owned()),
        Just("<!subteam^S1|x>".to_owned()),
        Just("@channel @here @everyone".to_owned()),
        Just("<https://evil.example|click>".to_owned()),
        Just("&lt;!channel&gt;".to_owned()),
        Just("`".to_owned()),
        Just("```\n<!channel>\n```".to_owned()),
        Just("<at>all</at>".to_owned()),
        Just("&".to_owned()),
        ".{0,40}",
        "[<>&!@#a-z ]{0,30}",
    ];
    prop::collection::vec(mark, 0..60).prop_map(|marks| marks.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_a_mention_and_no_limit_is_passed(text in hostile(), subjects in 0..120_usize) {
        let letter = Letter::Failed(failed(&text, subjects));
        let prepared = prepare(&letter, &head(Detail::Full));
        for Posted { kind, body, .. } in posted(&prepared, AlertCause::Failed, Detail::Full) {
            let value: Value = serde_json::from_str(&body).unwrap();
            match kind {
                WebhookKind::Slack => {
                    let mut found = Vec::new();
                    texts(&value, &mut found);
                    for text in found {
                        prop_assert!(!text.contains(['<', '>']), "{}", text);
                        for entity in text.split('&').skip(1) {
                            let known = ["amp;", "lt;", "gt;"].iter().any(|known| entity.starts_with(known));
                            prop_assert!(known, "{}", text);
                        }
                        for word in ["@channel", "@here", "@everyone"] {
                            prop_assert!(!text.contains(word));
                        }
                    }
                    let blocks = value["blocks"].as_array().unwrap();
                    prop_assert!(blocks.len() <= 50);
                    for block in blocks {
                        let text = block["text"]["text"].as_str().unwrap_or_default();
                        let most = if block["type"] == "header" { 150 } else { 3_000 };
                        prop_assert!(text.chars().count() <= most);
                        prop_assert!(block["type"] == "context" || !text.is_empty());
                        prop_assert_eq!(text.matches("```").count() % 2, 0);
                    }
                }
                WebhookKind::Teams => {
                    prop_assert!(body.len() <= 28 << 10, "{}", body.len());
                    prop_assert!(!body.contains("\"entities\""));
                }
                WebhookKind::Pagerduty => {
                    prop_assert!(value["payload"]["summary"].as_str().unwrap().chars().count() <= 1_024);
                    prop_assert!(value["dedup_key"].as_str().unwrap().len() <= 255);
                    prop_assert!(body.len() < 512 << 10);
                }
                WebhookKind::Generic => prop_assert!(body.len() < 512 << 10),
            }
        }
    }
}
