use std::sync::Arc;

use jiff::tz::TimeZone;

use super::*;
use crate::config;

const CONFIG: &str = r#"
organization = "Example AI"
monitoring.enabled = false
timezone = "Europe/Berlin"
state_dir = "state"
[alerts]
group = "0s"
[[recipient]]
id = "compliance"
email = ["compliance@example.com"]
families = ["*"]
severity = "low"
summaries = ["weekly"]
[[control]]
id = "SEC-01"
title = "Keys are rotated"
owner = "platform"
severity = "high"
plugin = "key-rotation"
schedule = "0 6 * * *"
[[control]]
id = "AVL-01"
title = "The model answers"
owner = "platform"
severity = "high"
plugin = "inference-uptime"
every = "1h"
"#;

fn simulated(story: &str, from: &str, to: &str) -> Simulated {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evidenced.toml");
    std::fs::write(&file, CONFIG).unwrap();
    let config = Arc::new(config::load(&file).unwrap().config);
    let mut story = Story::parse(story, &TimeZone::get("Europe/Berlin").unwrap()).unwrap();
    simulate(&config, &mut story, from.parse().unwrap(), to.parse().unwrap(), &mut |_| ()).unwrap()
}

fn subjects(simulated: &Simulated) -> Vec<String> {
    simulated.mails.iter().map(|sent| sent.mail.subject.replace("[evidenced main] ", "")).collect()
}

const MONDAY: &str = "2026-03-02T00:00:00Z";

#[test]
fn a_quiet_week_has_the_first_results_and_a_summary() {
    let week = simulated("", MONDAY, "2026-03-09T12:00:00Z");
    let told = subjects(&week);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("First results") && told[1].contains("Week 2026-W10"), "{told:?}");
    let slots: Vec<_> = week.slots.values().map(|slots| slots.pass).collect();
    // Starts are spread a little: the last slot, at the very end, would start after it.
    assert_eq!(slots, [7 * 24 + 11, 8]);
}

#[test]
fn what_a_story_says_is_told_as_it_would_be() {
    let story = r#"
        [[happening]]
        controls = ["SEC-*"]
        from = "2026-03-03"
        to = "2026-03-05T12:00"
        result = "fail"
        subjects = ["key-1", "key-2"]

        [[person]]
        at = "2026-03-03T09:00"
        acknowledges = "SEC-01"
        until = "2026-03-06"

        [[happening]]
        controls = ["AVL-01"]
        from = "2026-03-04T10:00"
        to = "2026-03-04T14:00"
        result = "error"
    "#;
    let told = simulated(story, MONDAY, "2026-03-08T00:00:00Z");
    assert_eq!(
        subjects(&told)[1..],
        [
            "FAILED SEC-01 Keys are rotated",
            "NOT TESTED AVL-01 The model answers: could not be reached",
            "TESTED AGAIN AVL-01 The model answers",
            "RECOVERED SEC-01 Keys are rotated",
        ]
    );
    assert!(told.mails[1].mail.text.contains("key-2"));
    assert_eq!(told.slots.values().map(|slots| (slots.fail, slots.error)).collect::<Vec<_>>(), [(0, 4), (3, 0)]);
}

#[test]
fn a_daemon_that_is_down_is_told_once_and_its_slots_are_missed() {
    let story = r#"
        [[happening]]
        from = "2026-03-03T05:30"
        to = "2026-03-04T07:30"
        result = "down"
    "#;
    let told = simulated(story, MONDAY, "2026-03-05T00:00:00Z");
    assert_eq!(subjects(&told).iter().filter(|subject| subject.starts_with("Monitoring gap")).count(), 1);
    // 06:00 to 07:00 of the next day, and 06:00 of both days.
    assert_eq!(told.slots.values().map(|slots| slots.missed).collect::<Vec<_>>(), [26, 2]);
}

#[test]
fn an_attested_control_counts_and_is_not_tested_until_somebody_attests_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evidenced.toml");
    let attested = "[[control]]\nid = \"MON-02\"\nfamily = \"security\"\nowner = \"platform\"\nattested = \"90d\"\n";
    std::fs::write(&file, format!("{CONFIG}{attested}")).unwrap();
    let config = Arc::new(config::load(&file).unwrap().config);
    let (from, to) = (MONDAY.parse().unwrap(), "2026-03-16T12:00:00Z".parse().unwrap());
    let told = simulate(&config, &mut Story::quiet(), from, to, &mut |_| ()).unwrap();
    let week = subjects(&told).pop().unwrap();
    assert!(week.contains("2 of 3 controls passed all tests"), "{week}");
    assert!(subjects(&told).iter().any(|subject| subject.starts_with("NOT ATTESTED MON-02")), "{:?}", subjects(&told));
}

#[test]
fn a_story_that_makes_no_sense_is_refused_with_its_line() {
    let zone = TimeZone::UTC;
    for (story, words) in [
        ("[[happening]]\nfrom = 3", "line 2"),
        (
            "[[happening]]\ncontrols = [\"A\"]\nfrom = \"soon\"\nto = \"2026-01-01\"\nresult = \"fail\"",
            "`soon` is no time",
        ),
        (
            "[[happening]]\ncontrols = [\"A\"]\nfrom = \"2026-01-02\"\nto = \"2026-01-01\"\nresult = \"fail\"",
            "over before it begins",
        ),
        ("[[happening]]\nfrom = \"2026-01-01\"\nto = \"2026-01-02\"\nresult = \"fail\"", "needs `controls`"),
        (
            "[[happening]]\ncontrols = [\"A\"]\nfrom = \"2026-01-01\"\nto = \"2026-01-02\"\nresult = \"breaks\"",
            "unknown variant",
        ),
    ] {
        let error = Story::parse(story, &zone).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_daemon_that_goes_down_with_an_alert_in_hand_tells_it_when_it_is_back() {
    let story = r#"
        [[happening]]
        controls = ["AVL-01", "SEC-01"]
        from = "2026-03-03T05:30"
        to = "2026-03-09"
        result = "fail"

        [[happening]]
        from = "2026-03-03T07:02"
        to = "2026-03-03T09:30"
        result = "down"
    "#;
    let held = simulated(story, MONDAY, "2026-03-04T00:00:00Z");
    assert!(subjects(&held).iter().any(|subject| subject.contains("FAILED")), "{:?}", subjects(&held));
    // Down up to the end: what is missed then is counted too.
    let down = "[[happening]]\nfrom = \"2026-03-03T05:30\"\nto = \"2026-03-09\"\nresult = \"down\"";
    let never_back = simulated(down, MONDAY, "2026-03-04T00:00:00Z");
    assert_eq!(never_back.slots.values().map(|slots| slots.missed).collect::<Vec<_>>(), [19, 1]);
}
