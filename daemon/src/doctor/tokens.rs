//! Whether credentials that are exchanged for a token give one. This asks who gives them, as a run would.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use tokio::sync::mpsc;

use super::{Aspect, Observation, Patient, credentials::is_out_of_reach};
use crate::{
    domain::{ControlId, CredentialId},
    gate::Gate,
};

/// Who is asked at the same time.
const SIDE_BY_SIDE: usize = 16;

/// Who takes longer for a token is as good as away.
const ANSWER_MAX: Duration = Duration::from_secs(15);

pub(super) async fn tokens(patient: &Patient, seen: &mpsc::Sender<Observation>) {
    // That there is no gate is said of the sources.
    let (Ok(gate), Ok(control)) = (&patient.gate, "doctor".parse::<ControlId>()) else { return };
    let config = &patient.config;
    // A secret that cannot be looked at from here was told of.
    let fetched = config.credentials.iter().filter(|one| one.kind.is_fetched() && !is_out_of_reach(config, one));
    let fetched: Vec<CredentialId> = fetched.map(|one| one.id.clone()).collect();
    let mut looks = stream::iter(fetched)
        .map(|id| {
            let control = control.clone();
            async move { look(gate, &id, &control).await }
        })
        .buffer_unordered(SIDE_BY_SIDE);
    while let Some(observation) = looks.next().await {
        if seen.send(observation).await.is_err() {
            return;
        }
    }
}

async fn look(gate: &Gate, id: &CredentialId, control: &ControlId) -> Observation {
    match gate.try_token(id, control, ANSWER_MAX).await {
        Ok(until) => {
            let until = until.map(|until| format!(", good until {until}")).unwrap_or_default();
            Observation::ok(Aspect::Credential, id.as_str(), format!("gives a token{until}"))
        }
        Err(error) => {
            let advice = "every run that needs it is an error: what is named has to be mended";
            Observation::bad(Aspect::Credential, id.as_str(), error.to_string(), advice)
        }
    }
}
