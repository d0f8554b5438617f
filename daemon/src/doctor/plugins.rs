//! Plugins: loaded, fit for their controls, and the files that they were loaded from still the same.

use std::collections::BTreeSet;

use super::{Aspect, Observation, Patient, modes::open_to_all};
use crate::{
    domain::{Digest, PluginName},
    ledger::Store,
    mail::words::count,
    runner::Shelved,
};

pub(super) fn plugins(patient: &Patient) -> Vec<Observation> {
    let enabled = || patient.config.controls.iter().filter(|control| control.enabled && control.has_plugin());
    let names: BTreeSet<_> = enabled().map(|control| &control.check.plugin).collect();
    let mut all: Vec<_> = names.into_iter().map(|name| plugin(patient, name)).collect();
    for control in enabled() {
        // Why a plugin cannot be loaded was said once.
        if patient.shelf.plugin(&control.check.plugin).is_ok()
            && let Err(fault) = patient.shelf.fitted(control)
        {
            let advice = "each of its runs is an error: `evidenced check-config` names the line to mend";
            all.push(Observation::bad(Aspect::Plugin, &control.id, fault.message, advice));
        }
    }
    all
}

fn plugin(patient: &Patient, name: &PluginName) -> Observation {
    let shelved = match patient.shelf.plugin(name) {
        Ok(shelved) => shelved,
        Err(fault) => {
            let advice = "the controls that name it cannot be tested: put a good build in one of `plugin_dirs`";
            return Observation::bad(Aspect::Plugin, name, fault.message, advice);
        }
    };
    let Shelved { plugin, digest, path, signer, .. } = shelved;
    if let Some(refused) = patient.shelf.refused().get(name) {
        let found = format!("{} goes on, for a newer file was refused: {}", refused.in_use, refused.fault.message);
        let advice = "put a good build there, or the one before, and `systemctl reload evidenced`; a restart would find nothing \
                      that can be used";
        return Observation::bad(Aspect::Plugin, name, found, advice);
    }
    let version = &plugin.description().version;
    let signed = signer.as_ref().map(|signer| format!(", signed by {}", signer.name())).unwrap_or_default();
    let found = format!("{version}, {}…, from {}{signed}", &digest.to_string()[..23], path.display());
    match std::fs::read(path) {
        Err(error) => {
            let advice = "the next start or reload will miss it";
            return Observation::bad(Aspect::Plugin, name, format!("{}: {error}", path.display()), advice);
        }
        Ok(bytes) if Digest::of(&bytes) != *digest => {
            let found = format!("{} is another file than the one that was loaded", path.display());
            let advice = "if that is wanted, `systemctl reload evidenced` takes it up; else put the old one back";
            return Observation::warn(Aspect::Plugin, name, found, advice);
        }
        Ok(_) => {}
    }
    if let Some(open) = open_to_all(Aspect::Plugin, path) {
        return open;
    }
    match recorded_otherwise(patient, name, *digest) {
        0 => Observation::ok(Aspect::Plugin, name, found),
        controls => {
            let controls = count(controls as u64, "control");
            let found = format!("{found}: another build than the ledger names for {controls}");
            let advice =
                "the next start or reload takes it up and records it; if nobody approved it, put the old one back";
            Observation::warn(Aspect::Plugin, name, found, advice)
        }
    }
}

/// Controls for which the ledger names another build.
fn recorded_otherwise(patient: &Patient, name: &PluginName, digest: Digest) -> usize {
    let Ok(Some(ledger)) = &patient.ledger else { return 0 };
    let state = ledger.state();
    let controls = patient.config.controls.iter().filter(|control| control.enabled && control.check.plugin == *name);
    let recorded = controls.filter_map(|control| state.control(&control.id)?.plugin);
    recorded.filter(|recorded| *recorded != digest).count()
}
