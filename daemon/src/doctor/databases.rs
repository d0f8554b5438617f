//! The databases and directories that inputs are asked of: does each take the login?

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _};
use tokio::sync::mpsc;

use super::{Aspect, Observation, Patient};
use crate::{
    domain::{Database, InputOrigin, SourceId},
    gate::GREETING_MAX,
    query::{self, Greeting},
};

/// Logins at the same time.
const SIDE_BY_SIDE: usize = 8;

pub(super) async fn databases(patient: &Patient, seen: &mpsc::Sender<Observation>) {
    // Why there is no gate is told with the other sources.
    let Ok(gate) = &patient.gate else { return };
    let mut looks = stream::iter(asked(patient))
        .map(|(source, database)| async move {
            let about = format!("{source} ({})", database.place.as_str());
            match query::greet(gate, &database, GREETING_MAX).await {
                Ok(Greeting { who, is_superuser: false }) => {
                    Observation::ok(Aspect::Source, about, format!("answers {who}"))
                }
                Ok(Greeting { who, is_superuser: true }) => {
                    let advice = "let it ask as a role that may read what it must and nothing else";
                    Observation::warn(Aspect::Source, about, format!("answers {who}, who may do everything"), advice)
                }
                Err(error) => {
                    let advice =
                        "inputs that come from it cannot be read: mend what is named, in the source or on its side";
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

/// Each that an enabled control asks, and each that is declared, once.
fn asked(patient: &Patient) -> BTreeMap<SourceId, Database> {
    let controls = patient.config.controls.iter().filter(|control| control.enabled);
    let asked = controls.flat_map(|control| &control.check.inputs).filter_map(|input| match &input.origin {
        InputOrigin::Sql(sql) => Some(&sql.database),
        InputOrigin::Ldap(search) => Some(&search.database),
        _ => None,
    });
    let declared = patient.config.databases.iter().map(|one| &one.database);
    asked.chain(declared).map(|database| (database.source.clone(), database.clone())).collect()
}
