//! Judges what the host gathered from an HTTPS endpoint: its status, how long it took, and its certificate.

use evidenced_plugin::{
    Check, Description, Exchange, Failure, FailureKind, FindingDraft, Findings, InputNeed, Needs, Report, Run,
    Timestamp, Verdict, description, unit,
};

/// What the control's configuration says; `config.schema.json` tells people the same.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default = "ok")]
    status: u16,
    max_latency_ms: f64,
    min_certificate_days: f64,
}

fn ok() -> u16 {
    200
}

pub struct Endpoint;

impl Check for Endpoint {
    type Config = Config;

    fn describe() -> Description {
        let endpoint = InputNeed { name: "endpoint".to_owned(), media_type: String::new(), optional: false };
        let needs = Needs { inputs: vec![endpoint], ..Needs::default() };
        // Name, version and summary are those of Cargo.toml.
        Description { needs, ..description!("../config.schema.json") }
    }

    fn run(config: &Config, run: &mut Run<'_>) -> Result<Report, Failure> {
        let input = run.input("endpoint").ok_or_else(|| bad_input("input `endpoint` is missing"))?;
        let not_http = "input `endpoint` is no answer of a server: give it by `http`";
        let http = input.http.as_ref().ok_or_else(|| bad_input(not_http))?;

        let mut findings = Findings::of("status, latency and certificate of the input `endpoint`");
        findings.subject("status", |finding| {
            finding.as_of(&input.observed);
            finding.measure("status", f64::from(http.status), unit::ONE);
            let message = format!("answered {}, expected {}", http.status, config.status);
            Ok(Verdict::pass_if(http.status == config.status, message))
        });
        findings.subject("latency", |finding| {
            finding.as_of(&input.observed);
            let max = config.max_latency_ms;
            let good = finding.at_most("latency", http.timings.total, unit::MILLISECOND, max);
            Ok(Verdict::pass_if(good, format!("at most {max} ms are allowed")))
        });
        findings.subject("certificate", |finding| {
            finding.as_of(&input.observed);
            certificate(finding, http, run.now(), config.min_certificate_days)
        });
        let summary = format!("{} of {} did not pass", findings.did_not_pass(), findings.len());
        Ok(findings.finish(summary))
    }
}

/// An error that is returned here by `?` becomes the finding `certificate`, with status `error`.
fn certificate(finding: &mut FindingDraft, http: &Exchange, now: Timestamp, min: f64) -> Result<Verdict, Failure> {
    let Some((peer, first)) = http.peer.as_ref().and_then(|peer| Some((peer, peer.chain.first()?))) else {
        return Ok(Verdict::error("no certificate was seen: is the URL https?"));
    };
    if let Some(why) = &peer.untrusted {
        return Ok(Verdict::fail(format!("not trusted: {why}")));
    }
    let not_after: Timestamp = first.not_after.parse()?;
    let days = not_after.days_since(now).floor();
    let good = finding.at_least("days_left", days, unit::DAY, min);
    let message = if days < 0.0 {
        format!("expired {} days ago", -days)
    } else {
        format!("valid for {days} more days, at least {min} are wanted")
    };
    Ok(Verdict::pass_if(good, message))
}

fn bad_input(message: &str) -> Failure {
    Failure { kind: FailureKind::BadInput, message: message.to_owned(), source: None }
}

evidenced_plugin::export!(Endpoint);

#[cfg(test)]
mod tests {
    /// Each case is also run with each of its answers made 401, 403, 404, 429, 500 and a time-out.
    #[test]
    fn recorded_cases() {
        evidenced_plugin::testing::transcripts::<super::Endpoint>("cases");
    }
}
