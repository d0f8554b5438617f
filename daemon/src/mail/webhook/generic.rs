//! JSON for programs. Its form is promised; docs/webhooks.md has it.

use serde_json::{Map, Value, json};

use super::{Sheet, alert_id, json};
use crate::{
    domain::Detail,
    mail::told::{Told, ToldSubject, cause_word},
};

/// A longer text is cut: who wants all of a report takes the mail, or asks the daemon.
const TEXT_CHARS_MAX: usize = 100_000;

pub(super) fn body(sheet: &Sheet<'_>) -> String {
    let Sheet { prepared, head, posting, cause, mail } = sheet;
    let detail = match head.detail {
        Detail::Full => "full",
        Detail::Counts => "counts",
    };
    let mut members = json!({
        "v": 1,
        "id": alert_id(posting),
        "time": posting.queued,
        "organization": head.organization,
        "instance": head.instance,
        "cause": cause_word(*cause),
        "detail": detail,
        "subject": mail.subject,
        "text": mail.text.chars().take(TEXT_CHARS_MAX).collect::<String>(),
        "alerts": prepared.told.iter().map(alert).collect::<Vec<_>>(),
    });
    if let Some((size, root)) = prepared.told.iter().filter_map(|told| told.checkpoint).max_by_key(|(size, _)| *size) {
        members["checkpoint"] = json!({ "size": size, "root": root.to_string() });
    }
    if let Some(note) = prepared.told.iter().find_map(|told| told.note.as_ref()) {
        members["checkpoint_note"] = json!(note);
    }
    json(&members)
}

/// What has no value is left out.
fn alert(told: &Told) -> Value {
    let mut members = Map::new();
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    add("cause", Some(json!(cause_word(told.cause))));
    add("headline", Some(json!(told.headline)));
    if let Some(control) = &told.control {
        add("control", Some(json!(control.id)));
        add("title", Some(json!(control.title)));
        add("severity", Some(json!(control.severity)));
        add("owner", Some(json!(control.owner)));
    }
    add("exception", told.exception.map(|id| json!(id)));
    add("slot", told.slot.map(|slot| json!(slot)));
    add("since", told.since.map(|since| json!(since)));
    add("due", told.due.map(|due| json!(due)));
    if let Some(counts) = told.counts {
        add("population", Some(json!(counts.population)));
        add("failing", Some(json!(counts.failing)));
    }
    let subjects: Vec<_> = told.subjects.iter().map(subject).collect();
    add("subjects", (!subjects.is_empty()).then(|| json!(subjects)));
    Value::Object(members)
}

pub(super) fn subject(subject: &ToldSubject) -> Value {
    let mut members = json!({ "subject": subject.subject, "message": subject.message, "since": subject.since });
    if let Some(label) = &subject.label {
        members["label"] = json!(label);
    }
    members
}
