//! Every recorded case, and what the configuration may not say.

use evidenced_plugin::testing::{refuses_config, transcripts};
use key_rotation::KeyRotation;
use serde_json::json;

#[test]
fn every_recorded_case_comes_out_as_written() {
    transcripts::<KeyRotation>(concat!(env!("CARGO_MANIFEST_DIR"), "/transcripts"));
}

#[test]
fn a_configuration_names_exactly_one_promise() {
    for config in [
        json!({}),
        json!({"max_age_days": 90, "max_unused_days": 90}),
        json!({"max_age_days": 90, "grace_days": 14}),
        json!({"max_age_days": -1}),
        json!({"max_age_days": "90"}),
        json!({"max_age_days": 90, "max_age": 90}),
        json!({"max_age_days": 90, "pages_max": 0}),
    ] {
        refuses_config::<KeyRotation>(&config);
    }
}
