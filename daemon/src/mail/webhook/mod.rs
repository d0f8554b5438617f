//! Letters as webhooks take them: one body a kind, frozen as the mail beside it is.
//!
//! What comes from plugins and configurations is text that was made harmless when it entered the letter
//! ([`super::clean`]); each kind makes it harmless for its own reader besides. No body holds a secret: what of a secret
//! belongs into a body is put there when it is sent.

mod generic;
mod pagerduty;
mod slack;
mod teams;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::{
    Letterhead, Mail, Posting,
    document::{Document, Tone},
    frame, message_id,
    prepared::Prepared,
};
use crate::domain::{AlertCause, ControlId, ExceptionId, WebhookKind, WebhookName};

pub use pagerduty::IncidentChange;

/// What one webhook gets, rendered; it never changes again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    pub to: WebhookName,
    pub kind: WebhookKind,
    /// JSON, but for the secret that some kinds have in it.
    pub body: String,
    /// Of what belongs to one incident, the later is not sent before the earlier.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub incident: Option<String>,
}

/// Everything of a letter that a body may be made of.
struct Sheet<'a> {
    prepared: &'a Prepared,
    head: &'a Letterhead,
    posting: &'a Posting,
    cause: AlertCause,
    /// Its mail, with the subject and the text that people get.
    mail: &'a Mail,
}

/// The bodies for these webhooks. A kind may have no use for a letter, such as a paging service for a summary, and
/// several bodies for one that tells several alerts.
pub fn post(
    webhooks: &[(WebhookName, WebhookKind)],
    prepared: &Prepared,
    head: &Letterhead,
    posting: &Posting,
    cause: AlertCause,
    mail: &Mail,
) -> Vec<Posted> {
    let sheet = Sheet { prepared, head, posting, cause, mail };
    let mut posted = Vec::new();
    for (to, kind) in webhooks {
        let plain = |body| vec![(body, None)];
        let bodies = match kind {
            WebhookKind::Generic => plain(generic::body(&sheet)),
            WebhookKind::Slack => plain(slack::body(&sheet)),
            WebhookKind::Teams => plain(teams::body(&sheet)),
            WebhookKind::Pagerduty => pagerduty::bodies(&sheet),
        };
        let to_it = |(body, incident)| Posted { to: to.clone(), kind: *kind, body, incident };
        posted.extend(bodies.into_iter().map(to_it));
    }
    posted
}

/// What paging services are told of an exception without a letter: that somebody has acknowledged it, or that it is over.
pub fn post_change(
    webhooks: &[(WebhookName, WebhookKind)],
    origin: &str,
    control: &ControlId,
    exception: ExceptionId,
    change: IncidentChange,
) -> Vec<Posted> {
    let pagers = webhooks.iter().filter(|(_, kind)| *kind == WebhookKind::Pagerduty);
    let (body, incident) = pagerduty::change(origin, control, exception, change);
    let to_it = |(to, kind): &(WebhookName, WebhookKind)| Posted {
        to: to.clone(),
        kind: *kind,
        body: body.clone(),
        incident: Some(incident.clone()),
    };
    pagers.map(to_it).collect()
}

/// What stands in the place of a mail beside that: it has no addresses.
pub fn note(
    control: &ControlId,
    exception: ExceptionId,
    change: IncidentChange,
    head: &Letterhead,
    posting: &Posting,
) -> Mail {
    let state = match change {
        IncidentChange::Acknowledged => "ACKNOWLEDGED",
        IncidentChange::Over => "OVER",
    };
    let mut document = Document::default();
    document.title(state, &format!("{control} {exception}"), Tone::Plain);
    frame(
        Prepared::new(format!("{state} {control} {exception}"), document, Vec::new(), Some(control.clone())),
        head,
        posting,
    )
}

/// Stable over all tries: the alert's Message-ID without its brackets, and behind it the place among several bodies for
/// one webhook.
pub fn delivery_id(mail: &Mail, place: usize) -> String {
    let id = mail.message_id.trim_matches(['<', '>']);
    let Some(this) = mail.webhooks.get(place) else { return id.to_owned() };
    let before = mail.webhooks[..place].iter().filter(|other| other.to == this.to).count();
    if before == 0 { id.to_owned() } else { format!("{id}#{before}") }
}

/// The id in bodies: without the place, which is the request's.
fn alert_id(posting: &Posting) -> String {
    message_id(&posting.origin, posting.alert).trim_matches(['<', '>']).to_owned()
}

fn json(value: &serde_json::Value) -> String {
    serde_json::to_string(value).expect("a JSON value has text keys")
}
