//! The systems that checks may reach: does each answer?

use std::{collections::BTreeMap, time::Duration};

use evidenced_contract::Peer;
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::mpsc;

use super::{Aspect, Observation, Patient};
use crate::domain::{Grant, InputOrigin, Timestamp};

/// Servers that are greeted at the same time.
const SIDE_BY_SIDE: usize = 16;

/// A server that takes longer for a handshake is as good as away.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A certificate that ends sooner is worth a look.
const CERTIFICATE_LEFT: Duration = Duration::from_secs(14 * 24 * 3600);

pub(super) async fn sources(patient: &Patient, seen: &mpsc::Sender<Observation>) {
    let gate = match &patient.gate {
        Ok(gate) => gate,
        Err(why) => {
            let advice = "no check reaches anything: mend `[network]`";
            // Whoever listened has gone.
            let _ = seen.send(Observation::bad(Aspect::Source, "[network]", why, advice)).await;
            return;
        }
    };
    let now = patient.clock.now();
    let mut looks = stream::iter(servers(patient))
        .map(|(about, grant)| async move {
            match gate.knock(&grant, ANSWER_MAX).await {
                Ok(None) => Observation::ok(Aspect::Source, about, "takes connections"),
                Ok(Some(peer)) => handshake(about, &peer, now),
                Err(error) => {
                    let advice = "runs that need it are errors: see what stands between, and what the source grants";
                    Observation::bad(Aspect::Source, about, error.to_string(), advice)
                }
            }
        })
        .buffer_unordered(SIDE_BY_SIDE);
    while let Some(observation) = looks.next().await {
        if seen.send(observation).await.is_err() {
            return;
        }
    }
}

/// Every server that a source or an enabled control names, once, by the name that people know it by.
fn servers(patient: &Patient) -> BTreeMap<String, Grant> {
    let mut servers = BTreeMap::new();
    let controls = patient.config.controls.iter().filter(|control| control.enabled);
    let grants = controls.flat_map(|control| {
        let asked = control.check.inputs.iter().filter_map(|input| match &input.origin {
            InputOrigin::Prometheus(asked) => Some(&asked.grant),
            InputOrigin::S3(object) => Some(&object.grant),
            _ => None,
        });
        control.check.grants.iter().chain(asked)
    });
    for grant in grants {
        let endpoint = crate::config::Endpoint { scheme: grant.scheme, host: grant.host.clone(), port: grant.port };
        let about = match &grant.source {
            Some(source) => format!("{source} ({endpoint})"),
            None => endpoint.to_string(),
        };
        servers.entry(about).or_insert_with(|| grant.clone());
    }
    servers
}

fn handshake(about: String, peer: &Peer, now: Timestamp) -> Observation {
    let end = peer.chain.first().and_then(|certificate| certificate.not_after.parse::<Timestamp>().ok());
    let until = end.map(|end| format!(", its certificate until {end}")).unwrap_or_default();
    let found = format!("answers from {} by {}{until}", peer.address, peer.protocol);
    match end {
        Some(end) if end < now.plus(CERTIFICATE_LEFT) => {
            let advice = "have the certificate renewed: once it has ended, nothing can be looked at";
            Observation::warn(Aspect::Source, about, found, advice)
        }
        _ => Observation::ok(Aspect::Source, about, found),
    }
}
