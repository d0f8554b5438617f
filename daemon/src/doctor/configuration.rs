//! What is written in the files.

use std::{collections::BTreeMap, path::Path};

use super::{Aspect, Observation, modes::open_to_all};
use crate::{
    config::{self, Diagnostic, Diagnostics, Level, Loaded},
    domain::Timestamp,
    mail::words::count,
};

/// The files, as far as they were accepted. `file` is the one that was named.
pub fn configuration(file: &Path, loaded: &Result<Loaded, Diagnostics>, now: Timestamp) -> Vec<Observation> {
    let about = file.display();
    let mut all = match loaded {
        Err(refused) => {
            let errors = refused.list().iter().filter(|diagnostic| diagnostic.level == Level::Error);
            errors.map(|error| observation(error, true)).collect()
        }
        Ok(loaded) => {
            let config = &loaded.config;
            let (controls, enabled) = (config.controls.len(), config.controls.iter().filter(|one| one.enabled).count());
            let found = format!("accepted: {}, {enabled} of them enabled", count(controls as u64, "control"));
            let mut all = vec![if enabled == 0 {
                let advice = "set `enabled = true` on the controls that are to be tested";
                Observation::warn(Aspect::Configuration, about, found, advice)
            } else {
                Observation::ok(Aspect::Configuration, about, found)
            }];
            all.extend(loaded.warnings_at(now).into_iter().map(|warning| observation(warning, false)));
            all
        }
    };
    // One folder holds many files, and is told once.
    let mut open = BTreeMap::new();
    for seen in config::files_of(file).iter().filter_map(|file| open_to_all(Aspect::Configuration, file)) {
        open.insert(seen.about.clone(), seen);
    }
    all.extend(open.into_values());
    all
}

fn observation(diagnostic: &Diagnostic, is_error: bool) -> Observation {
    let about = match diagnostic.position {
        Some(position) => format!("{}:{}", diagnostic.file.display(), position.line),
        None => diagnostic.file.display().to_string(),
    };
    let advice = diagnostic.hint.clone().unwrap_or_else(|| "`evidenced check-config` says more".to_owned());
    let make = if is_error { Observation::bad } else { Observation::warn };
    make(Aspect::Configuration, about, diagnostic.message.clone(), advice)
}
