//! Subject, threading and frame of a mail; the letters themselves are in the modules beside this one.

use sha2::{Digest as _, Sha256};

use super::document::{Document, Inline, code, text};
use super::frozen::Rendered;
use super::{Attachment, CheckpointFacts, ControlFacts, EvidenceFacts, Letter, Letterhead, Mail};
use super::{clean, clock, failing, html, operations, summary, testing, text as plain, words};
use crate::domain::{ControlId, Timestamp};

/// Longer subjects are cut off by every reader.
const SUBJECT_CHARS_MAX: usize = 160;

/// What a mail is sent as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Name of the log, as in its checkpoints.
    pub origin: String,
    /// The alert's number over the whole ledger.
    pub alert: u64,
    /// When it is queued.
    pub queued: Timestamp,
    /// The addresses that it goes to.
    pub to: Vec<String>,
    /// Message-ID of the mail that it follows: the first one of the same exception, or of the same untested time.
    pub thread: Option<String>,
}

/// A letter before it is drawn.
pub(super) struct Draft {
    /// What follows `[evidenced prod] `; nothing in it changes between two mails about the same state.
    pub(super) subject: String,
    pub(super) document: Document,
    pub(super) attachments: Vec<Attachment>,
    pub(super) control: Option<ControlId>,
}

/// Renders a letter. The same facts give the same bytes.
pub fn compose(letter: &Letter, head: &Letterhead, posting: &Posting) -> Mail {
    let mut draft = match letter {
        Letter::Failed(facts) => failing::failed(facts, head),
        Letter::AlreadyFailing(facts) => failing::already_failing(facts, head),
        Letter::MoreSubjects(facts) => failing::more_subjects(facts, head),
        Letter::Overdue(facts) => failing::overdue(facts, head),
        Letter::Recovered(facts) => failing::recovered(facts, head),
        Letter::NotTested(facts) => testing::not_tested(facts, head),
        Letter::TestedAgain(facts) => testing::tested_again(facts, head),
        Letter::MonitoringGap(facts) => operations::gap(facts, head),
        Letter::ClockDoubted(facts) => clock::doubted(facts, head),
        Letter::ClockBelieved(facts) => clock::believed(facts, head),
        Letter::ConfigurationRefused(facts) => operations::refused(facts, head),
        Letter::PluginFault(facts) => operations::plugin_fault(facts, head),
        Letter::Summary(facts) => summary::summary(facts, head),
    };
    let written = words::time(posting.queued, &head.zone);
    draft.document.footer(&format!(
        "{}, instance {}. Written by evidenced on {written}, without a person in between; nobody reads replies to it.",
        head.organization, head.instance
    ));
    let subject = clean::line(&format!("[evidenced {}] {}", head.instance, draft.subject), SUBJECT_CHARS_MAX);
    Mail::freeze(Rendered {
        to: posting.to.clone(),
        text: plain::draw(&draft.document),
        html: html::draw(&draft.document, &subject),
        subject,
        message_id: message_id(&posting.origin, posting.alert),
        thread: posting.thread.clone(),
        attachments: draft.attachments,
        date: posting
            .queued
            .to_jiff()
            .to_zoned_datetime(head.zone.clone())
            .strftime("%a, %d %b %Y %H:%M:%S %z")
            .to_string(),
        written,
        control: draft.control,
    })
}

/// The Message-ID of an alert: a function of the log's name and the alert's number, so that every try of every
/// delivery carries the same one and a mailbox can tell a duplicate.
pub fn message_id(origin: &str, alert: u64) -> String {
    let host = origin.split('/').next().unwrap_or_default().to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty() && label.len() < 64 && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let is_host = host.len() < 200 && host.contains('.') && host.split('.').all(is_label);
    let host = if is_host { host.as_str() } else { "evidenced.invalid" };
    let digest = Sha256::digest(format!("evidenced alert\n{origin}\n{alert}\n"));
    format!("<alert-{alert}.{}@{host}>", hex::encode(&digest[..8]))
}

/// Ends a sentence that may have its end already.
pub(super) fn sentence(words: &str) -> String {
    let words = words.trim();
    if words.is_empty() || words.ends_with(['.', '!', '?', '…']) { words.to_owned() } else { format!("{words}.") }
}

/// `FAILED SEC-01 Access keys …`, the state word first so that a phone shows it.
pub(super) fn subject(state: &str, control: &ControlFacts) -> String {
    format!("{state} {} {}", control.id, clean::line(&control.title, 110))
}

pub(super) fn control_facts(control: &ControlFacts) -> Vec<(&'static str, Vec<Inline>)> {
    vec![
        ("Control", vec![code(control.id.as_str()), text(format!(", {}", words::family(control.family)))]),
        ("Severity", vec![text(control.severity.as_str())]),
        ("Criteria", vec![text(control.criteria.join(", "))]),
        ("Owner", vec![text(&control.owner)]),
        ("Test runs", vec![text(&control.schedule)]),
    ]
}

/// The last part of a letter about a run: where an auditor finds what it rests on.
pub(super) fn evidence(document: &mut Document, evidence: &EvidenceFacts) {
    document.heading("Evidence");
    let digest = evidence.plugin_digest.map(|digest| format!(", sha256:{}…", &digest.to_hex()[..16]));
    let check = format!("{} {}{}", evidence.plugin, evidence.plugin_version, digest.unwrap_or_default());
    let mut facts = vec![
        ("Run", vec![code(evidence.run.to_string()), text(" (its entry in the ledger)")]),
        ("Check", vec![text(check)]),
    ];
    facts.extend(checkpoint(evidence.checkpoint));
    document.facts(facts);
}

/// A copy of the checkpoint outside the ledger's reach.
pub(super) fn checkpoint(checkpoint: Option<CheckpointFacts>) -> Vec<(&'static str, Vec<Inline>)> {
    let facts = checkpoint.map(|checkpoint| {
        vec![
            ("Ledger before it", vec![text(words::count(checkpoint.size, "entry"))]),
            ("Root of these", vec![code(checkpoint.root.to_string())]),
        ]
    });
    facts.unwrap_or_default()
}
