//! Asks models real questions and judges their answers, latency and certificate (AVL-01).
//!
//! A health endpoint answers when no model is loaded; an inference does not. Each endpoint is asked every golden
//! question, and its worst answer is its finding.

mod config;
mod open_inference;
mod openai;
mod probe;
mod protocol;

use evidenced_plugin::{Check, Description, Failure, Findings, Needs, Report, Run, Status, description};

pub use config::Config;
use config::{Golden, Protocol};

pub struct InferenceUptime;

impl Check for InferenceUptime {
    type Config = Config;

    fn describe() -> Description {
        Description {
            needs: Needs { hosts: vec!["/endpoint".to_owned()], ..Needs::default() },
            ..description!("../config.schema.json")
        }
    }

    fn run(config: &Config, run: &mut Run<'_>) -> Result<Report, Failure> {
        let mut calls = Vec::new();
        for endpoint in &config.endpoint {
            for golden in &config.golden {
                let call = match config.protocol {
                    Protocol::OpenInference => open_inference::question(config, endpoint, golden),
                    Protocol::Openai => openai::question(config, endpoint, golden),
                };
                calls.push(call?);
            }
        }
        let mut answers = run.send_all(calls).into_iter();

        let mut findings = Findings::of(format!("each endpoint of the configuration × the model {}", config.model));
        for endpoint in &config.endpoint {
            let of_endpoint: Vec<_> = answers.by_ref().take(config.golden.len()).collect();
            findings.subject(&format!("{}@{endpoint}", config.model), |finding| {
                finding.label(format!("{} at {}", config.model, authority(endpoint)));
                probe::judge(config, run.now(), &of_endpoint, finding)
            });
        }
        let (good, all) = (findings.count(Status::Pass), findings.len());
        let not_looked_at = findings.count(Status::Error);
        let mut summary = format!("{} answers as it should at {good} of {all} endpoints", config.model);
        if not_looked_at > 0 {
            summary.push_str(&format!(", {not_looked_at} could not be tested"));
        }
        Ok(findings.finish(summary))
    }
}

/// Host and port of a URL, for people.
fn authority(endpoint: &str) -> &str {
    let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or(rest)
}

evidenced_plugin::export!(InferenceUptime);
