//! What the daemon itself calls: does each host answer? A handshake, and nothing is sent.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use tokio::sync::mpsc;

use super::{Aspect, Observation, Patient};
use crate::{
    caller::{CallUrl, Target},
    domain::{AddressRange, Grant, Scheme, WebhookKind},
    gate::Gate,
    outbox::is_signing_key,
    secret::{SecretError, SecretSource},
};

const SIDE_BY_SIDE: usize = 8;

/// A server that takes longer for a handshake is as good as away.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// One thing that is called.
struct Called {
    aspect: Aspect,
    about: String,
    url: CallUrl,
    /// What bodies are signed with.
    signs_with: Option<SecretSource>,
}

pub(super) async fn webhooks(patient: &Patient, seen: &mpsc::Sender<Observation>) {
    // What is wrong with `[network]` is told once, of the sources.
    let Ok(gate) = &patient.gate else { return };
    let has_proxy = patient.config.network.proxy.is_some();
    let mut looks =
        stream::iter(called(patient)).map(|called| look(gate, called, has_proxy)).buffer_unordered(SIDE_BY_SIDE);
    while let Some(observation) = looks.next().await {
        // Whoever listened may have gone.
        if seen.send(observation).await.is_err() {
            return;
        }
    }
}

fn called(patient: &Patient) -> Vec<Called> {
    let config = &patient.config;
    let mut all = Vec::new();
    for recipient in &config.recipients {
        for ((name, kind), webhook) in recipient.webhook_names().zip(&recipient.webhooks) {
            let signs_with = webhook.secret.clone().filter(|_| kind == WebhookKind::Generic);
            all.push(Called { aspect: Aspect::Webhook, about: name.to_string(), url: webhook.url.clone(), signs_with });
        }
    }
    if let Some(heartbeat) = &config.heartbeat {
        let about = "[heartbeat]".to_owned();
        all.push(Called { aspect: Aspect::Heartbeat, about, url: heartbeat.url.clone(), signs_with: None });
    }
    all
}

async fn look(gate: &Gate, called: Called, has_proxy: bool) -> Observation {
    let Called { aspect, about, url, signs_with } = called;
    if let Some(secret) = signs_with
        && let Ok(secret) = secret.read()
        && !is_signing_key(&secret)
    {
        let advice = "write `whsec_` and the base64 of 24 to 64 random bytes into it, and give the receiver the same";
        return Observation::bad(aspect, about, "its secret is no key to sign with", advice);
    }
    let target = match url.target() {
        Ok(target) => target,
        // A command that a person types has no credentials of systemd; that says nothing of the service.
        Err(crate::caller::CallError::Secret(SecretError::NoDirectory(_))) => {
            let found = "its URL is given by systemd to the service alone, and cannot be looked at from here";
            return Observation::warn(aspect, about, found, "ask again once the daemon runs: then it looks itself");
        }
        Err(error) => {
            return Observation::bad(aspect, about, error.to_string(), "mend the place that its URL is read from");
        }
    };
    let grant = grant(&target, has_proxy);
    match gate.knock(&grant, ANSWER_MAX).await {
        Ok(None) => Observation::ok(aspect, about, "its host takes connections; nothing was sent"),
        Ok(Some(_)) => Observation::ok(aspect, about, "its host answers by TLS; nothing was sent"),
        Err(error) => {
            // Of a secret URL the host is a part.
            let found = error.to_string().replace(&target.host, "its host");
            let advice = "see whether the URL is right, and what stands between; what is for it waits meanwhile";
            Observation::bad(aspect, about, found, advice)
        }
    }
}

/// Where the daemon calls is the operator's word: every address will do. Through a proxy it is the proxy that looks.
fn grant(target: &Target, has_proxy: bool) -> Grant {
    let anywhere = ["0.0.0.0/0", "::/0"].iter().filter_map(|range| range.parse::<AddressRange>().ok());
    let addresses = if has_proxy && !target.is_here { Vec::new() } else { anywhere.collect() };
    Grant {
        scheme: if target.is_tls { Scheme::Https } else { Scheme::Http },
        host: target.host.clone(),
        port: target.port,
        methods: Vec::new(),
        credential: None,
        client_certificate: None,
        named_credentials: Vec::new(),
        addresses,
        region: None,
        service: None,
        source: None,
    }
}
