//! Events API v2: one event an alert, without the routing key, which is the secret.
//!
//! An exception is an incident: its failing triggers it (and whatever is told of it later triggers it again, which adds
//! to it), its recovery resolves it. Going untested and flapping are incidents of the control. What is about the daemon
//! is an incident of its own that a person resolves. Summaries, first results and what ends soon page nobody.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Sheet, alert_id, generic, json};
use crate::{
    domain::{AlertCause, ControlId, ExceptionId, Severity},
    mail::told::{Told, cause_word},
};

/// Longer ones are refused by the service.
const SUMMARY_CHARS_MAX: usize = 1_024;

const TEXT_CHARS_MAX: usize = 4_000;

/// What becomes of an incident without a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentChange {
    /// A person has seen it.
    Acknowledged,
    Over,
}

/// The events, each with its incident. Of what one letter tells of one incident the last word counts.
pub(super) fn bodies(sheet: &Sheet<'_>) -> Vec<(String, Option<String>)> {
    let told = &sheet.prepared.told;
    let bare = [Told::bare(sheet.cause, &sheet.prepared.subject)];
    // A letter that was written before webhooks were configured tells only words.
    let told = if told.is_empty() { &bare[..] } else { told };
    let mut events: Vec<(String, Value)> = Vec::new();
    let mut begun = BTreeSet::new();
    for (place, told) in told.iter().enumerate() {
        for (incident, event) in events_of(sheet, told, place) {
            events.retain(|(known, _)| *known != incident);
            if told.cause == AlertCause::Failed {
                begun.insert(incident.clone());
            }
            // What begins and ends in one letter called nobody, and calls nobody now.
            if !(event["event_action"] == "resolve" && begun.contains(&incident)) {
                events.push((incident, event));
            }
        }
    }
    events.into_iter().map(|(incident, event)| (json(&event), Some(incident))).collect()
}

pub(super) fn change(
    origin: &str,
    control: &ControlId,
    exception: ExceptionId,
    change: IncidentChange,
) -> (String, String) {
    let incident = of_exception(origin, exception);
    let event = match change {
        IncidentChange::Acknowledged => {
            let summary = format!("{control} {exception} was acknowledged in evidenced");
            json!({
                "event_action": "acknowledge",
                "dedup_key": incident,
                "payload": { "summary": summary, "severity": "info", "source": origin },
            })
        }
        IncidentChange::Over => resolve(&incident),
    };
    (json(&event), incident)
}

fn events_of(sheet: &Sheet<'_>, told: &Told, place: usize) -> Vec<(String, Value)> {
    let origin = sheet.posting.origin.as_str();
    let of_control = |what: &str| {
        let control = told.control.as_ref().map_or("", |control| control.id.as_str());
        format!("{origin}/{control} {what}")
    };
    let exception = told.exception.map(|id| of_exception(origin, id));
    let alone = || format!("{}#{place}", alert_id(sheet.posting));
    let incident = exception.clone().unwrap_or_else(alone);
    match told.cause {
        AlertCause::Failed
        | AlertCause::AlreadyFailing
        | AlertCause::MoreSubjects
        | AlertCause::Overdue
        | AlertCause::Reminder
        | AlertCause::MonitoringGap
        | AlertCause::ConfigurationRefused
        | AlertCause::PluginFault
        | AlertCause::PluginRefused
        | AlertCause::Several => vec![(incident.clone(), trigger(sheet, told, &incident))],
        AlertCause::Recovered => vec![(incident.clone(), resolve(&incident))],
        AlertCause::NotTested => {
            let incident = of_control("untested");
            vec![(incident.clone(), trigger(sheet, told, &incident))]
        }
        AlertCause::TestedAgain => {
            let incident = of_control("untested");
            vec![(incident.clone(), resolve(&incident))]
        }
        AlertCause::Flapping => {
            let incident = of_control("flapping");
            vec![(incident.clone(), trigger(sheet, told, &incident))]
        }
        AlertCause::Steady => {
            let flapping = of_control("flapping");
            let over = (flapping.clone(), resolve(&flapping));
            let fails = exception.map(|incident| (incident.clone(), trigger(sheet, told, &incident)));
            std::iter::once(over).chain(fails).collect()
        }
        AlertCause::FirstResults
        | AlertCause::Proposed
        | AlertCause::Expiring
        | AlertCause::ExclusionEnds
        | AlertCause::IncidentUpdate
        | AlertCause::Summary(_) => Vec::new(),
    }
}

/// Several daemons may share an integration: the name of the log keeps their exceptions apart.
fn of_exception(origin: &str, exception: ExceptionId) -> String {
    format!("{origin}/{exception}")
}

fn resolve(incident: &str) -> Value {
    json!({ "event_action": "resolve", "dedup_key": incident })
}

fn trigger(sheet: &Sheet<'_>, told: &Told, incident: &str) -> Value {
    let summary = format!("[{}] {}", sheet.head.instance, told.headline);
    let mut details = json!({ "alert": alert_id(sheet.posting) });
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            details[name] = value;
        }
    };
    add("title", told.control.as_ref().map(|control| json!(control.title)));
    add("owner", told.control.as_ref().map(|control| json!(control.owner)));
    add("exception", told.exception.map(|id| json!(id)));
    add("since", told.since.map(|since| json!(since)));
    add("due", told.due.map(|due| json!(due)));
    add("population", told.counts.map(|counts| json!(counts.population)));
    add("failing", told.counts.map(|counts| json!(counts.failing)));
    let subjects: Vec<_> = told.subjects.iter().map(generic::subject).collect();
    add("subjects", (!subjects.is_empty()).then(|| json!(subjects)));
    // The text of a letter that tells several is not that of this one.
    let text = || json!(cut(&sheet.mail.text, TEXT_CHARS_MAX));
    add("text", (sheet.cause == told.cause).then(text));
    let mut payload = json!({
        "summary": cut(&summary, SUMMARY_CHARS_MAX),
        "timestamp": sheet.posting.queued,
        "severity": severity(told),
        "source": sheet.posting.origin,
        "class": cause_word(told.cause),
        "custom_details": details,
    });
    if let Some(control) = &told.control {
        payload["component"] = json!(control.id);
    }
    let mut event = json!({
        "event_action": "trigger",
        "dedup_key": incident,
        "client": format!("evidenced {}", sheet.head.instance),
        "payload": payload,
    });
    if let Some(page) = &sheet.head.page {
        event["client_url"] = json!(page);
    }
    event
}

/// The service knows four, as the controls do; what is of no control is a matter for the morning, or for now.
fn severity(told: &Told) -> &'static str {
    match (told.control.as_ref().map(|control| control.severity), told.cause) {
        (Some(Severity::Critical), _) => "critical",
        (Some(Severity::High), _) => "error",
        (Some(Severity::Medium), _) => "warning",
        (Some(Severity::Low), _) => "info",
        (None, AlertCause::ConfigurationRefused | AlertCause::PluginFault | AlertCause::PluginRefused) => "error",
        (None, _) => "warning",
    }
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(chars_max - 1).chain(['…']).collect(),
    }
}
