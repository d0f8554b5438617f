//! A newer file of a plugin, tried before it takes the place of the one in use.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::{PluginFault, Shelf, Shelved, trial::rehearse};
use crate::{
    config::Config,
    domain::{Digest, PluginName, RunReason, Timestamp},
    monitoring::CasesFault,
    sandbox::Sandbox,
};

/// A newer file that was not taken: the plugin that was in use goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedPlugin {
    pub in_use: Digest,
    /// Of the file that was refused.
    pub found: Digest,
    /// What the lock names, where it names another one than was found.
    pub locked: Option<Digest>,
    pub fault: PluginFault,
    /// Recorded cases that were run, and of those how many did not come out as recorded.
    pub cases: u32,
    pub failed: u32,
}

/// By what a newer file is tried.
pub struct Trials<'t> {
    pub sandbox: &'t Sandbox,
    pub config: &'t Config,
    pub now: Timestamp,
    pub stop: &'t CancellationToken,
    /// Files that were refused before, and are no news.
    pub refused: &'t BTreeMap<PluginName, Digest>,
}

impl Shelf {
    /// This shelf, loaded anew, as the successor of `before`: whose bytes are others is tried with its recorded cases, and
    /// who fails leaves the place to the plugin that was in use. A plugin that is new here is not tried, as at a first start.
    pub async fn succeeding(mut self, before: &Self, trials: &Trials<'_>) -> Self {
        let names: Vec<_> = self.plugins.keys().cloned().collect();
        for name in names {
            let old = before.plugin(&name).ok().cloned();
            match (self.plugins.get(&name), old) {
                (Some(Ok(new)), Some(old)) if new.digest != old.digest => {
                    let Some(fault) = trials.of_cases(&name, new).await else { continue };
                    if trials.may_go_on(&name, &old) {
                        let refused = fault.refused(&name, new, old.digest);
                        self.hold(trials, name, old, refused);
                    } else {
                        let unusable = fault.alone(&name, new);
                        self.plugins.insert(name, Err(unusable));
                    }
                }
                (Some(Ok(new)), None) if trials.refused.contains_key(&name) => {
                    if let Some(fault) = trials.of_cases(&name, new).await {
                        let unusable = fault.unusable(&name, new);
                        self.plugins.insert(name, Err(unusable));
                    }
                }
                (Some(Err(unusable)), Some(old)) => {
                    let locked = trials.config.plugins.lock.as_ref();
                    let locked = locked.and_then(|lock| Some(lock.lock.plugins.get(&name)?.digest));
                    let Some(found) = unusable.found.filter(|found| *found != old.digest) else { continue };
                    let fault = unusable.fault.clone();
                    // What the lock says is in force at once: a plugin that it does not name any more runs no more.
                    let is_named = fault.reason != RunReason::PluginChanged || locked == Some(old.digest);
                    if is_named && trials.may_go_on(&name, &old) {
                        let locked = locked.filter(|locked| *locked != found);
                        let in_use = old.digest;
                        self.hold(
                            trials,
                            name,
                            old,
                            RefusedPlugin { in_use, found, locked, fault, cases: 0, failed: 0 },
                        );
                    }
                }
                _ => {}
            }
        }
        self
    }

    /// It goes on under the new configuration.
    fn hold(&mut self, trials: &Trials<'_>, name: PluginName, in_use: Shelved, refused: RefusedPlugin) {
        let in_use = in_use.held_against(trials.sandbox, trials.config, &name);
        self.plugins.insert(name.clone(), Ok(in_use));
        self.refused.insert(name, refused);
    }
}

impl Trials<'_> {
    /// Whether the plugin that was in use is signed as this configuration demands: a key that is trusted no more ends what it
    /// signed, whatever lies in its place.
    fn may_go_on(&self, name: &PluginName, old: &Shelved) -> bool {
        let plugins = &self.config.plugins;
        let pinned = plugins.lock.as_ref().and_then(|lock| lock.lock.plugins.get(name)?.signer.as_ref());
        let is_signed =
            plugins.signers.is_empty() || old.signer.as_ref().is_some_and(|by| plugins.signers.contains(by));
        is_signed && pinned.is_none_or(|pinned| old.signer.as_ref() == Some(pinned))
    }

    async fn of_cases(&self, name: &PluginName, new: &Shelved) -> Option<CasesFault> {
        rehearse(self.sandbox, name, new, self.now, self.stop).await.err()
    }
}

impl CasesFault {
    fn refused(&self, name: &PluginName, new: &Shelved, in_use: Digest) -> RefusedPlugin {
        let message = format!("plugin `{name}`, {}: {self}", new.path.display());
        RefusedPlugin {
            in_use,
            found: new.digest,
            locked: None,
            fault: PluginFault { reason: RunReason::CasesFailed, message },
            cases: self.all,
            failed: self.failed,
        }
    }

    /// Where nothing goes on in its place.
    fn alone(&self, name: &PluginName, new: &Shelved) -> super::pinned::Unusable {
        let message = format!(
            "plugin `{name}`, {} ({}): {self}; and the one before is not signed by a key that is trusted",
            new.path.display(),
            new.digest
        );
        super::pinned::Unusable::new(RunReason::CasesFailed, message, Some(new.digest))
    }

    fn unusable(&self, name: &PluginName, new: &Shelved) -> super::pinned::Unusable {
        let message = format!(
            "plugin `{name}`, {} ({}), was refused while the one before went on, which is not there any more since the \
             daemon was started anew: {self}",
            new.path.display(),
            new.digest
        );
        super::pinned::Unusable::new(RunReason::CasesFailed, message, Some(new.digest))
    }
}
