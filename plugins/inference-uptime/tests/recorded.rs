//! Every recorded case, and what the configuration may not say.

use evidenced_plugin::testing::{refuses_config, transcripts};
use inference_uptime::InferenceUptime;
use serde_json::json;

#[test]
fn every_recorded_case_comes_out_as_written() {
    transcripts::<InferenceUptime>(concat!(env!("CARGO_MANIFEST_DIR"), "/transcripts"));
}

#[test]
fn a_configuration_without_a_question_or_with_an_unknown_key_is_refused() {
    let golden = json!([{"prompt": "What is 2 + 2?"}]);
    for config in [
        json!({"endpoint": "https://a.example", "model": "m"}),
        json!({"endpoint": "https://a.example", "model": "m", "golden": []}),
        json!({"endpoint": [], "model": "m", "golden": golden}),
        json!({"endpoint": "a.example", "model": "m", "golden": golden}),
        json!({"endpoint": "https://a.example", "model": "m", "golden": golden, "protocol": "grpc"}),
        json!({"endpoint": "https://a.example", "model": "m", "golden": golden, "latency": 3}),
        json!({"endpoint": "https://a.example", "model": "m", "golden": [{"prompt": "p", "expect": "4"}]}),
    ] {
        refuses_config::<InferenceUptime>(&config);
    }
}
