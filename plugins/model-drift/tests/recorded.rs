//! Every recorded case, what the configuration may not say, and golden samples through the check itself.

use evidenced_plugin::{
    Input, Report, Status,
    testing::{ScriptedHost, facts_at, refuses_config, run, transcripts},
};
use model_drift::ModelDrift;
use serde_json::{Value, json};

#[test]
fn every_recorded_case_comes_out_as_written() {
    transcripts::<ModelDrift>(concat!(env!("CARGO_MANIFEST_DIR"), "/transcripts"));
}

#[test]
fn a_configuration_says_what_is_compared() {
    let with = |change: Value| {
        let mut config = json!({ "model": "iris", "features": [{ "name": "age", "kind": "numeric" }] });
        for (key, value) in change.as_object().unwrap() {
            config[key] = value.clone();
        }
        config
    };
    for config in [
        json!({}),
        json!({ "model": "iris" }),
        with(json!({ "model": "" })),
        with(json!({ "features": [] })),
        with(json!({ "features": [{ "name": "age" }] })),
        with(json!({ "features": [{ "name": "age", "kind": "number" }] })),
        with(json!({ "features": [{ "name": "age", "kind": "numeric", "pointer": "age" }] })),
        with(json!({ "bins": 1 })),
        with(json!({ "min_n": 5 })),
        with(json!({ "fail_psi": 0 })),
        with(json!({ "fail_js_distance": 1.5 })),
        with(json!({ "reference_digest": "sha256:abc" })),
        with(json!({ "threshold": 0.25 })),
    ] {
        refuses_config::<ModelDrift>(&config);
    }
    let twice = json!([{ "name": "age", "kind": "numeric" }, { "name": "age", "kind": "categorical" }]);
    let same = with(json!({ "features": twice }));
    assert!(serde_json::from_value::<model_drift::Config>(same).unwrap_err().to_string().contains("two features"));
}

fn golden(path: &str) -> String {
    let path = format!("{}/../../plugin-sdk/statistics/tests/golden/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn compared(config: &Value, reference: &str, current: &str) -> Report {
    let mut host = ScriptedHost::new();
    let mut facts = facts_at("2026-03-02T06:00:00.000Z");
    for (name, text) in [("reference", reference), ("current", current)] {
        host.input(name, text);
        facts.inputs.push(Input {
            name: name.to_owned(),
            source: format!("file:{name}.csv"),
            query: String::new(),
            media_type: "text/csv".to_owned(),
            observed: "2026-03-02T05:59:00.000Z".to_owned(),
            bytes: text.len() as u64,
            rows: None,
            source_total: None,
            digest: format!("sha256:{}", "1".repeat(64)),
            http: None,
        });
    }
    run::<ModelDrift>(config, facts, &mut host).unwrap_or_else(|failure| panic!("{failure:?}"))
}

fn measured(report: &Report, feature: &str, name: &str) -> f64 {
    let finding = report.findings.iter().find(|finding| finding.subject.ends_with(feature)).expect("a finding");
    let measured = finding.measurements.iter().find(|measured| measured.name == name);
    measured.unwrap_or_else(|| panic!("no {name} in {finding:#?}")).value
}

/// The check reads files as people export them; what it says of them is what other software says.
#[test]
fn the_measurements_are_the_golden_values() {
    let cases: Value = serde_json::from_str(&golden("cases.json")).unwrap();
    let of = |id: &str| &cases["cases"].as_array().unwrap().iter().find(|case| case["id"] == id).unwrap()["golden"];
    let close = |came: f64, expected: &Value| {
        let expected = expected.as_f64().unwrap();
        assert!((came - expected).abs() <= 1e-9 * expected.abs(), "{came} instead of {expected}");
    };
    let names = ["MedInc", "HouseAge", "AveRooms", "Population", "Latitude"];
    let features: Vec<_> = names.iter().map(|name| json!({ "name": name, "kind": "numeric" })).collect();
    let config = json!({ "model": "housing", "features": features });
    let report = compared(&config, &golden("data/housing_reference.csv"), &golden("data/housing_current.csv"));
    for name in names {
        let golden = of(&format!("housing-{name}"));
        close(measured(&report, name, "psi"), &golden["quantile"]["psi_half_count"]);
        close(measured(&report, name, "js_distance"), &golden["quantile"]["js_distance_base2"]);
        close(measured(&report, name, "ks_d"), &golden["ks"]["d"]);
        close(measured(&report, name, "wasserstein_sd"), &golden["wasserstein1_over_sd0"]);
    }
    let failed: Vec<&str> =
        report.findings.iter().filter(|f| f.status == Status::Fail).map(|f| f.subject.as_str()).collect();
    assert_eq!(failed, ["housing/HouseAge", "housing/Latitude"]);

    let names = ["SEX", "RAC1P", "DIS"];
    let features: Vec<_> = names.iter().map(|name| json!({ "name": name, "kind": "categorical" })).collect();
    let config = json!({ "model": "employment", "features": features });
    let report = compared(&config, &golden("data/employment.csv"), &golden("data/employment_later.csv"));
    for name in names {
        let golden = of(&format!("employment-{name}"));
        close(measured(&report, name, "psi"), &golden["psi_half_count"]);
        close(measured(&report, name, "js_distance"), &golden["js_distance_base2"]);
    }
}

#[test]
fn half_a_million_rows_are_read_in_pieces() {
    let rows = |shift: u32| {
        let mut text = "id,score\n".to_owned();
        for row in 0..250_000u32 {
            text.push_str(&format!("{row},{}\n", f64::from(row.wrapping_mul(2_654_435_761) % 1000 + shift) / 1000.0));
        }
        text
    };
    let config = json!({ "model": "m", "features": [{ "name": "score", "kind": "numeric" }] });
    let report = compared(&config, &rows(0), &rows(5));
    assert_eq!(report.findings[0].status, Status::Pass, "{:#?}", report.findings[0]);
    assert!(
        measured(&report, "score", "ks_p_adjusted") < 0.01,
        "a tiny shift of many rows is significant, and no drift"
    );
}
