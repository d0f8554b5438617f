//! Posts what was rendered for a webhook. What is secret (URL, key) is read at each try, so that a file that was replaced
//! is in force at once, and is told nowhere.

use std::{collections::BTreeMap, error::Error, sync::Arc, time::Duration};

use serde_json::Value;

use super::{Attempt, Delivery, Problem, sign};
use crate::{
    caller::{Answer, CallError, CallUrl, Caller},
    domain::{Timestamp, WebhookKind, WebhookName},
    mail::{Posted, delivery_id},
    secret::SecretSource,
};

/// A server that asks for more quiet is asked again all the same: it may have meant something else, and an alert waits.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// `410 Gone`, also for a webhook that the configuration does not name any more.
const GONE: u16 = 410;

/// A webhook as the configuration has it.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    pub name: WebhookName,
    pub kind: WebhookKind,
    pub url: CallUrl,
    pub secret: Option<SecretSource>,
}

/// All webhooks of a configuration.
#[derive(Clone, Default)]
pub struct Webhooks {
    known: BTreeMap<WebhookName, (WebhookSettings, Arc<Caller>)>,
}

impl Webhooks {
    pub fn new(caller: &Arc<Caller>, webhooks: impl IntoIterator<Item = WebhookSettings>) -> Self {
        let known = webhooks.into_iter().map(|one| (one.name.clone(), (one, Arc::clone(caller))));
        Self { known: known.collect() }
    }

    /// Tries once.
    pub(super) async fn deliver(
        &self,
        delivery: &Delivery,
        name: &WebhookName,
        place: usize,
        now: Timestamp,
    ) -> Attempt {
        let posted = delivery.mail.webhooks.get(place);
        let known = self.known.get(name);
        let (Some(posted), Some((settings, caller))) = (posted, known) else {
            return Attempt::Refused { code: GONE, why: "the configuration has no such webhook any more".to_owned() };
        };
        if posted.kind != settings.kind {
            let why = format!("it was written for `{}`, and the webhook is another one now", posted.kind.as_str());
            return Attempt::Refused { code: GONE, why };
        }
        let id = delivery_id(&delivery.mail, place);
        // The secret's file may lie on a disk that hangs.
        let written = {
            let (settings, posted) = (settings.clone(), posted.clone());
            tokio::task::spawn_blocking(move || request(&settings, &posted, &id, now)).await
        };
        let (headers, body) = match written.unwrap_or_else(|_| Err("its secret was not read".to_owned())) {
            Ok(request) => request,
            Err(why) => return Attempt::Stopped { problem: Problem::Secret, why },
        };
        match caller.post(&settings.url, &headers, body).await {
            Ok(answer) => judged(answer),
            Err(error) => unanswered(&error),
        }
    }
}

type Request = (Vec<(&'static str, String)>, Vec<u8>);

/// Headers and body of this try; or what is wrong with the secret.
fn request(settings: &WebhookSettings, posted: &Posted, id: &str, now: Timestamp) -> Result<Request, String> {
    let mut headers = vec![("evidenced-id", id.to_owned()), ("idempotency-key", id.to_owned())];
    let secret = settings.secret.as_ref().map(SecretSource::read).transpose().map_err(|error| chain(&error))?;
    let body = match (settings.kind, secret) {
        (WebhookKind::Pagerduty, secret) => {
            let key = secret.ok_or_else(|| "there is no routing key".to_owned())?;
            let mut event: Value = serde_json::from_str(&posted.body).map_err(|_| "its body is damaged".to_owned())?;
            event["routing_key"] = Value::from(key.expose().trim());
            event.to_string().into_bytes()
        }
        (WebhookKind::Generic, Some(secret)) => {
            let key = sign::key(&secret).ok_or_else(|| {
                "the secret is no key to sign with: `whsec_` and the base64 of 24 to 64 bytes".to_owned()
            })?;
            let (id, timestamp) = (sign::signed_id(id), now.as_millis().div_euclid(1000));
            let signature = sign::signature(&key, &id, timestamp, posted.body.as_bytes());
            headers.extend([
                ("webhook-id", id),
                ("webhook-timestamp", timestamp.to_string()),
                ("webhook-signature", signature),
            ]);
            posted.body.clone().into_bytes()
        }
        (WebhookKind::Generic | WebhookKind::Slack | WebhookKind::Teams, _) => posted.body.clone().into_bytes(),
    };
    Ok((headers, body))
}

fn judged(Answer { status, retry_after, word }: Answer) -> Attempt {
    let word = word.map(|word| format!(": {word}")).unwrap_or_default();
    let why = format!("the webhook answered {status}{word}");
    let after = retry_after.map(|after| after.min(RETRY_AFTER_MAX));
    match (status, after) {
        (200..=299, _) => Attempt::Delivered,
        // 409: a try before, with this id, is still being looked at.
        (408 | 409 | 425 | 429 | 500..=599, Some(after)) => Attempt::Busy { why, after },
        (429 | 502..=504, None) => Attempt::Stopped { problem: Problem::Busy, why },
        (400..=499, _) if !matches!(status, 408 | 409 | 425) => Attempt::Refused { code: status, why },
        (300..=399, _) => Attempt::Later { why: format!("{why}; redirects are not followed: name the new URL") },
        (_, _) => Attempt::Later { why },
    }
}

fn unanswered(error: &CallError) -> Attempt {
    let problem = match error {
        CallError::Secret(_) | CallError::BadUrl(_) => Problem::Secret,
        CallError::Tls(_) => Problem::Tls,
        CallError::Unreachable(_) | CallError::Timeout | CallError::Broken(_) => Problem::Unreachable,
    };
    Attempt::Stopped { problem, why: chain(error) }
}

fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, retry_after: Option<u64>, expected: &str) {
        let retry_after = retry_after.map(Duration::from_secs);
        let attempt = judged(Answer { status, retry_after, word: None });
        let found = match attempt {
            Attempt::Delivered => "delivered".to_owned(),
            Attempt::Later { .. } => "later".to_owned(),
            Attempt::Stopped { .. } => "stopped".to_owned(),
            Attempt::Busy { after, .. } => format!("busy {}", after.as_secs()),
            Attempt::Refused { code, .. } => format!("refused {code}"),
        };
        assert_eq!(found, expected, "{status}");
    }

    #[test]
    fn answers_mean_what_http_says() {
        for status in [200, 202, 204] {
            check(status, None, "delivered");
        }
        for status in [400, 401, 403, 404, 410, 413, 422] {
            check(status, None, &format!("refused {status}"));
            check(status, Some(5), &format!("refused {status}"));
        }
        for status in [408, 409, 425, 500, 301, 307] {
            check(status, None, "later");
        }
        for status in [429, 502, 503, 504] {
            check(status, None, "stopped");
            check(status, Some(120), "busy 120");
        }
        check(409, Some(3), "busy 3");
        check(503, Some(999_999), "busy 3600");
        check(302, Some(5), "later");
    }
}
