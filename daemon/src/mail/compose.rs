//! Subject, threading and frame of a mail; the letters themselves are in the modules beside this one.

use sha2::{Digest as _, Sha256};

use super::frozen::Rendered;
use super::prepared::Prepared;
use super::told::Told;
use super::{Letter, Letterhead, Mail};
use super::{
    clean, clock, ending, failing, first_results, flapping, html, operations, proposed, room, summary, testing,
    text as plain, words,
};
use crate::domain::Timestamp;

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
    /// Message-IDs of the mails that it follows: the first ones about the same exception.
    pub thread: Vec<String>,
}

/// Renders a letter. The same facts give the same bytes.
pub fn compose(letter: &Letter, head: &Letterhead, posting: &Posting) -> Mail {
    frame(prepare(letter, head), head, posting)
}

/// Writes a letter, but for what is known only when it is sent.
pub fn prepare(letter: &Letter, head: &Letterhead) -> Prepared {
    let mut prepared = written(letter, head);
    prepared.told = vec![Told::of(letter, &prepared.subject, head)];
    prepared
}

fn written(letter: &Letter, head: &Letterhead) -> Prepared {
    match letter {
        Letter::Failed(facts) => failing::failed(facts, head),
        Letter::AlreadyFailing(facts) => failing::already_failing(facts, head),
        Letter::MoreSubjects(facts) => failing::more_subjects(facts, head),
        Letter::Overdue(facts) => failing::overdue(facts, head),
        Letter::Reminder(facts) => failing::reminder(facts, head),
        Letter::Flapping(facts) => flapping::flapping(facts, head),
        Letter::Steady(facts) => flapping::steady(facts, head),
        Letter::Recovered(facts) => failing::recovered(facts, head),
        Letter::NotTested(facts) => testing::not_tested(facts, head),
        Letter::TestedAgain(facts) => testing::tested_again(facts, head),
        Letter::MonitoringGap(facts) => operations::gap(facts, head),
        Letter::RoomGone(facts) => room::gone(facts, head),
        Letter::RoomBack(facts) => room::back(facts, head),
        Letter::ClockDoubted(facts) => clock::doubted(facts, head),
        Letter::ClockBelieved(facts) => clock::believed(facts, head),
        Letter::FirstResults(facts) => first_results::first_results(facts, head),
        Letter::ConfigurationRefused(facts) => operations::refused(facts, head),
        Letter::PluginFault(facts) => operations::plugin_fault(facts, head),
        Letter::PluginRefused(facts) => operations::plugin_refused(facts, head),
        Letter::Proposed(facts) => proposed::proposed(facts, head),
        Letter::Expiring(facts) => ending::expiring(facts, head),
        Letter::ExclusionEnds(facts) => ending::exclusion_ends(facts, head),
        Letter::Summary(facts) => summary::summary(facts, head),
    }
}

/// Makes a mail of it.
pub fn frame(mut prepared: Prepared, head: &Letterhead, posting: &Posting) -> Mail {
    let written = words::time(posting.queued, &head.zone);
    prepared.document.footer(&format!(
        "{}, instance {}. Written by evidenced on {written}, without a person in between; nobody reads replies to it.",
        head.organization, head.instance
    ));
    let subject = clean::line(&format!("[evidenced {}] {}", head.instance, prepared.subject), SUBJECT_CHARS_MAX);
    Mail::freeze(Rendered {
        to: posting.to.clone(),
        text: plain::draw(&prepared.document),
        html: html::draw(&prepared.document, &subject),
        subject,
        message_id: message_id(&posting.origin, posting.alert),
        thread: posting.thread.clone(),
        attachments: prepared.attachments,
        date: posting
            .queued
            .to_jiff()
            .to_zoned_datetime(head.zone.clone())
            .strftime("%a, %d %b %Y %H:%M:%S %z")
            .to_string(),
        written,
        control: prepared.control,
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
