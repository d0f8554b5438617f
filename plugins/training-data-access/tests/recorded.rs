//! Every recorded case, and what the configuration may not say. The logs of PostgreSQL are a real server's.

use evidenced_plugin::testing::{refuses_config, transcripts};
use serde_json::{Value, json};
use training_data_access::TrainingDataAccess;

const TRANSCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/transcripts");

#[test]
fn every_recorded_case_comes_out_as_written() {
    transcripts::<TrainingDataAccess>(TRANSCRIPTS);
}

/// Logs hold statements with their parameters, names of sessions, and what people type for a name by mistake.
#[test]
fn no_report_repeats_what_somebody_asked_or_typed() {
    let mut seen_in_logs = 0;
    for file in std::fs::read_dir(TRANSCRIPTS).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (log, report) = text.split_once("\n[expect]\n").unwrap();
        for private in
            ["select ", "copy ", "p\"\"1,2", "Tr0ub4dor", "alice@example.org", "carol@example.org", "127.0.0.1"]
        {
            seen_in_logs += usize::from(log.contains(private));
            assert!(!report.contains(private), "{}: {private}", path.display());
        }
    }
    assert!(seen_in_logs > 20, "the logs hold nothing that could be repeated");
}

#[test]
fn a_configuration_says_who_may_read_what() {
    let dataset = || json!({ "name": "patients", "objects": ["training.*"], "allow": ["trainer"] });
    let with = |change: Value| {
        let mut config = json!({ "format": "pgaudit-csv", "datasets": [dataset()] });
        for (key, value) in change.as_object().unwrap() {
            config[key] = value.clone();
        }
        config
    };
    let fields = json!({ "time": "/time", "principal": "/who", "object": "/what" });
    for config in [
        json!({}),
        json!({ "format": "pgaudit-csv" }),
        with(json!({ "format": "syslog" })),
        with(json!({ "datasets": [] })),
        with(json!({ "datasets": [{ "name": "patients", "objects": ["training.*"] }] })),
        with(json!({ "datasets": [{ "name": "patients", "objects": [], "allow": [] }] })),
        with(json!({ "datasets": [{ "name": "(login)", "objects": ["*"], "allow": [] }] })),
        with(json!({ "hours": [{ "principals": ["*"], "from": "7:00", "until": "20:00" }] })),
        with(json!({ "hours": [{ "principals": ["*"], "from": "07:00", "until": "24:00" }] })),
        with(json!({ "hours": [{ "principals": ["*"], "days": ["monday"], "from": "07:00", "until": "20:00" }] })),
        with(json!({ "zone_abbreviations": { "CET": "1" } })),
        with(json!({ "refused": "ignore" })),
        with(json!({ "min_days": 2 })),
        with(json!({ "false_alarm_rate": 0.5 })),
        with(json!({ "fields": fields })),
        with(json!({ "format": "json-lines" })),
        with(json!({
            "format": "json-lines",
            "fields": { "time": "/time", "principal": "/who", "object": "/what", "amount": "/rows" }
        })),
        with(json!({ "format": "json-lines", "fields": { "time": "time", "principal": "/who", "object": "/what" } })),
        with(json!({ "format": "json-lines", "fields": { "time": "/time", "principal": "/who", "object": [] } })),
        with(json!({ "alowed": ["trainer"] })),
    ] {
        refuses_config::<TrainingDataAccess>(&config);
    }
    for (config, why) in [
        (with(json!({ "zone": "Europe/Atlantis" })), "is no time zone"),
        (with(json!({ "datasets": [dataset(), dataset()] })), "two datasets are called `patients`"),
    ] {
        let error = serde_json::from_value::<training_data_access::Config>(config).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
