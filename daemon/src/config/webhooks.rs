//! What is called on the web: the webhooks of a `[[recipient]]`, and `[heartbeat]`.

use std::{collections::BTreeSet, path::Path, time::Duration};

use super::{
    diagnostics::{Errors, Named},
    model::{Heartbeat, Webhook},
    section::{Located, Section},
    tree::Value,
    words::WEBHOOKS,
};
use crate::{
    caller::{CallUrl, check_url},
    domain::{WebhookId, WebhookKind},
};

const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// Time alone is looked at this often.
const EVERY_MIN: Duration = Duration::from_secs(15);

/// `webhook = [{ kind = "slack", url = { credential = "slack-url" } }]`, or a `[[recipient.webhook]]` each.
pub(super) fn webhooks(recipient: &Section<'_>, base: &Path, errors: &mut Errors) -> Vec<Webhook> {
    let mut webhooks: Vec<Webhook> = Vec::new();
    for section in recipient.tables("webhook", "webhook", errors) {
        section.require("kind", "kind = \"slack\"", errors);
        let kind = section.word("kind", &WEBHOOKS, errors);
        let id = match section.id::<WebhookId>(Named::Webhook, errors) {
            Some(id) if id.value.as_str().contains('/') => {
                let hint = "use 1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or a digit";
                errors.add_malformed(id.at, "bad-id", id.value.as_str(), "the id of a webhook", hint);
                None
            }
            Some(id) => Some(id),
            None if section.key_at("id").is_some() => None,
            None => kind.map(|kind| Located { value: of_kind(kind), at: section.at }),
        };
        let url = url(&section, base, errors);
        let secret = section.secret("secret", base, errors);
        match (kind, section.key_at("url"), section.key_at("secret")) {
            (Some(WebhookKind::Pagerduty), _, None) => {
                section.require("secret", "secret = { credential = \"pagerduty-key\" }", errors);
            }
            (Some(WebhookKind::Slack | WebhookKind::Teams), _, Some(at)) => errors.add_secret_without_use(at, "secret"),
            (Some(kind), None, _) if kind != WebhookKind::Pagerduty => {
                section.require("url", "url = { credential = \"webhook-url\" }", errors);
            }
            _ => {}
        }
        if let (Some(kind), Some(at), Some(CallUrl::Plain(_))) = (kind, section.key_at("url"), &url)
            && kind.has_secret_url()
        {
            errors.add_plain_secret(at, "url");
        }
        let at = section.at;
        let has_url = section.key_at("url").is_some();
        section.finish(errors);
        let (Some(id), Some(kind)) = (id, kind) else { continue };
        let url = match (url, kind) {
            (None, WebhookKind::Pagerduty) if !has_url => CallUrl::Plain(PAGERDUTY.to_owned()),
            (None, _) => continue,
            (Some(url), _) => url,
        };
        if webhooks.iter().any(|known| known.id == id.value) {
            errors.add_webhook_twice(at, id.value.as_str());
        } else {
            webhooks.push(Webhook { id: id.value, kind, url, secret });
        }
    }
    webhooks
}

/// Summaries page nobody: who has nothing but a pager would wait for them in vain.
pub(super) fn check_summaries(recipient: &Section<'_>, has_email: bool, webhooks: &[Webhook], errors: &mut Errors) {
    let kinds: BTreeSet<_> = webhooks.iter().map(|webhook| webhook.kind).collect();
    if let Some(at) = recipient.key_at("summaries")
        && !has_email
        && kinds.len() == 1
        && kinds.contains(&WebhookKind::Pagerduty)
    {
        errors.add_summaries_to_pager(at);
    }
}

/// `[heartbeat]`: nothing is called without it.
pub(super) fn heartbeat(root: &Section<'_>, base: &Path, errors: &mut Errors) -> Option<Heartbeat> {
    let section = root.table("heartbeat", "[heartbeat]", errors)?;
    section.require("url", "url = { credential = \"heartbeat-url\" }", errors);
    let url = url(&section, base, errors);
    let every = section.duration("every", errors);
    if let Some(every) = &every
        && every.value < EVERY_MIN
    {
        errors.add_out_of_range(every.at, "every", "a duration of `15s` or more");
    }
    section.finish(errors);
    Some(Heartbeat { url: url?, every: every.map_or(Heartbeat::EVERY, |every| every.value) })
}

/// In clear, or where it is read from.
fn url(section: &Section<'_>, base: &Path, errors: &mut Errors) -> Option<CallUrl> {
    if matches!(section.node("url")?.value, Value::Table(_)) {
        return section.secret("url", base, errors).map(CallUrl::Secret);
    }
    let text = section.text("url", errors)?;
    match check_url(text.value) {
        Ok(_) => Some(CallUrl::Plain(text.value.to_owned())),
        Err(why) => {
            errors.add_bad_call_url(text.at, why);
            None
        }
    }
}

fn of_kind(kind: WebhookKind) -> WebhookId {
    kind.as_str().parse().expect("the word of a kind is an id")
}
