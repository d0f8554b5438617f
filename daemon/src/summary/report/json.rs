use serde::Serialize;

use super::{MAILBOXES, NOT_PROVEN, PROVEN, Report, proof::standing_of};
use crate::summary::{Questions, result};

/// The report for programs. New members may be added; those here keep their meaning.
#[derive(Serialize)]
struct Document<'a> {
    /// Version of this form.
    report: u32,
    /// The result of all tests, in words.
    statement: String,
    #[serde(flatten)]
    content: &'a Report,
    questions: Questions,
    proven: &'a [&'a str],
    not_proven: &'a [&'a str],
    standing: String,
    mailboxes: &'a str,
}

/// One JSON object, and a line feed.
pub fn render_json(report: &Report) -> String {
    let document = Document {
        report: 1,
        statement: result(&report.summary.headline.total),
        content: report,
        questions: report.summary.questions(),
        proven: &PROVEN,
        not_proven: &NOT_PROVEN,
        standing: standing_of(report),
        mailboxes: MAILBOXES,
    };
    let mut text = serde_json::to_string_pretty(&document).expect("a report is plain data with text keys");
    text.push('\n');
    text
}
