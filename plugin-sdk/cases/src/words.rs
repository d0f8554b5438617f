use std::fmt::Write;

use evidenced_contract::{Failure, Finding, Listing, Report, Status};

/// A result as lines that a person can review: a test's expectation.
///
/// ```text
/// 1 of 2 access keys is older than 90 days
/// population: 2 by iam:ListUsers
/// fail AKIA2 (bob …A2): created 120.0 days ago
///   age = 120 d, limit 90 d
/// pass AKIA1: created 1.0 days ago
///   age = 1 d, limit 90 d
/// ```
pub fn words(result: &Result<Report, Failure>) -> String {
    match result {
        Ok(report) => words_of_report(report),
        Err(failure) => {
            let kind = serde_json::to_value(failure.kind).unwrap_or_default();
            let from = failure.source.as_ref().map(|source| format!(" (source: {source})")).unwrap_or_default();
            format!("failure {}: {}{from}\n", kind.as_str().unwrap_or_default(), failure.message)
        }
    }
}

fn words_of_report(report: &Report) -> String {
    let mut text = format!("{}\npopulation: {} by {}", report.summary, report.population, report.population_query);
    if let Some(total) = report.source_total {
        write!(text, ", source total {total}").expect("a String takes all");
    }
    if report.listing == Listing::NotPassing {
        text.push_str(", only those that do not pass are listed");
    }
    text.push('\n');
    if let Some(why) = &report.incomplete {
        writeln!(text, "incomplete: {why}").expect("a String takes all");
    }
    if let Some(until) = &report.covered_until {
        writeln!(text, "covered until {until}").expect("a String takes all");
    }
    for finding in &report.findings {
        text.push_str(&words_of_finding(finding));
    }
    for attachment in &report.attachments {
        let (name, media_type, bytes) = (&attachment.name, &attachment.media_type, attachment.body.len());
        writeln!(text, "attached: {name}, {media_type}, {bytes} bytes").expect("a String takes all");
    }
    text
}

fn words_of_finding(finding: &Finding) -> String {
    let status = match finding.status {
        Status::Error => "error",
        Status::Fail => "fail",
        Status::Pass if finding.attention => "pass!",
        Status::Pass => "pass",
        Status::NotApplicable => "n/a",
    };
    let label = finding.label.as_ref().map(|label| format!(" ({label})")).unwrap_or_default();
    let as_of = finding.as_of.as_ref().map(|at| format!(" [true at {at}]")).unwrap_or_default();
    let mut text = format!("{status} {}{label}: {}{as_of}\n", finding.subject, finding.message);
    for measured in &finding.measurements {
        let limit = measured.limit.map(|limit| format!(", limit {limit} {}", measured.unit)).unwrap_or_default();
        writeln!(text, "  {} = {} {}{limit}", measured.name, measured.value, measured.unit)
            .expect("a String takes all");
    }
    text
}
