//! A new configuration while the daemon runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use tokio::{runtime::Handle, task::JoinHandle};

use super::{Service, open, post};
use crate::{
    config::{self, Config},
    desk::{Desk, PluginInUse, Reloaded},
    domain::{ControlId, Digest, PluginName},
    ledger::Store as _,
    outbox::OutboxError,
    recorder::{Catalogue, Fact, PluginRefusal, RecorderError},
    runner::{Executor, RefusedPlugin, Shelf, Trials},
};

/// What reading the files again came to.
pub(super) enum Reread {
    Refused { errors: String, count: u64 },
    Accepted { config: Arc<Config>, shelf: Arc<Shelf> },
}

impl Service {
    /// Reads the files again and takes up what they say.
    #[cfg(test)]
    pub(super) async fn reload(&mut self, file: &Path, desk: &Desk) -> Result<Reloaded, RecorderError> {
        let reread = self.read_again(file).await.unwrap();
        self.take_up(reread, desk).await
    }

    /// Reads the files again, and loads the plugins that they name. That may take minutes, in which slots go on being
    /// fired; nothing changes until it is taken up.
    pub(super) fn read_again(&self, file: &Path) -> JoinHandle<Reread> {
        let file = file.to_owned();
        let sandbox = Arc::clone(&self.sandbox);
        let supervisor = self.supervisor.clone();
        supervisor.reloading();
        let (before, stop) = (Arc::clone(self.firing.shelf()), self.executor.stop.clone());
        let (now, refused, runtime) = (self.clock.now(), self.refused_before(), Handle::current());
        tokio::task::spawn_blocking(move || {
            let config = match config::load(&file) {
                Ok(loaded) => Arc::new(loaded.config),
                Err(refused) => return Reread::Refused { errors: refused.to_string(), count: refused.error_count() },
            };
            let shelf = open::load_shelf(&sandbox, &config, &supervisor);
            let trials = Trials { sandbox: &sandbox, config: &config, now, stop: &stop, refused: &refused };
            let shelf = Arc::new(runtime.block_on(shelf.succeeding(&before, &trials)));
            Reread::Accepted { config, shelf }
        })
    }

    /// What is written wrong changes nothing but an entry and an alert; else everything is swapped at once: runs under
    /// way end under the configuration that they began with.
    pub(super) async fn take_up(&mut self, reread: Reread, desk: &Desk) -> Result<Reloaded, RecorderError> {
        let (config, shelf) = match reread {
            Reread::Accepted { config, shelf } => (config, shelf),
            Reread::Refused { errors, count } => {
                tracing::error!("the configuration is refused, the old one goes on:\n{errors}");
                return self.refused(errors, count).await;
            }
        };
        let after_restart = keys_after_restart(&self.started_with, &config);
        if !after_restart.is_empty() {
            tracing::warn!("changed, and in force after a restart: {}", after_restart.join(", "));
        }
        let gate = match self.executor.gate.succeeding(open::gate_settings(&config, &self.clock)) {
            Ok(gate) => Arc::new(gate),
            Err(error) => return self.refused(format!("error: {error}\n"), 1).await,
        };
        let caller = post::caller(&config, &self.clock).map_err(OutboxError::from);
        let outward = caller.and_then(|caller| Ok((post::way(&config, &caller)?, caller)));
        let (mail_way, caller) = match outward {
            Ok(outward) => outward,
            Err(error) => return self.refused(format!("error: {error}\n"), 1).await,
        };
        self.tell_other_plugins(&shelf);
        self.account_for_disabled().await?;
        // Also where nothing else was written: a file that it names, such as one of roots, may be another one now.
        self.mail_way.send_replace(mail_way);
        self.heartbeat.take_up(caller, config.heartbeat.as_ref(), self.clock.now());
        self.catalogue = Arc::new(Catalogue::new(Arc::clone(&config), open::plugin_facts(&shelf, &config)));
        self.executor = Arc::new(Executor {
            sandbox: Arc::clone(&self.sandbox),
            gate,
            history: Arc::clone(&self.executor.history),
            clock: Arc::clone(&self.clock),
            stop: self.executor.stop.clone(),
        });
        self.firing.use_shelf(shelf);
        self.configure().await?;
        desk.use_catalogue(Arc::clone(&self.catalogue), after_restart);
        tracing::info!(controls = config.controls.len(), "the configuration was read again");
        Ok(self.reloaded(None))
    }

    async fn refused(&mut self, errors: String, count: u64) -> Result<Reloaded, RecorderError> {
        self.refuse(errors.clone(), count).await?;
        Ok(self.reloaded(Some(errors)))
    }

    fn reloaded(&self, refused: Option<String>) -> Reloaded {
        let shelf = self.firing.shelf();
        let plugins = shelf.in_use().map(|(name, shelved)| {
            let held = shelf.refused().get(name).map(|refused| refused.fault.message.clone());
            let (digest, why) = match shelved {
                Ok(shelved) => (Some(shelved.digest), held),
                Err(fault) => (None, Some(fault.message.clone())),
            };
            PluginInUse { plugin: name.clone(), digest, why }
        });
        Reloaded { refused, plugins: plugins.collect() }
    }

    /// Files that were refused, and not accepted since.
    fn refused_before(&self) -> BTreeMap<PluginName, Digest> {
        let state = self.ledger.state();
        let refused = state.head().refused_plugins.iter();
        refused.map(|(plugin, refused)| (plugin.clone(), refused.found)).collect()
    }

    /// At a start there is no plugin before that could go on: a file that was refused is tried again, and is none that can
    /// be used if it fails again.
    pub(super) async fn try_refused(&mut self) {
        let refused = self.refused_before();
        if refused.is_empty() {
            return;
        }
        let config = Arc::clone(self.catalogue.config());
        let (stop, now) = (self.executor.stop.clone(), self.clock.now());
        let trials = Trials { sandbox: &self.sandbox, config: &config, now, stop: &stop, refused: &refused };
        let shelf = Shelf::clone(self.firing.shelf()).succeeding(&Shelf::default(), &trials).await;
        self.catalogue = Arc::new(Catalogue::new(Arc::clone(&config), open::plugin_facts(&shelf, &config)));
        self.firing.use_shelf(Arc::new(shelf));
    }

    /// One letter a plugin whose newer file is refused.
    pub(super) fn refusals(&self) -> Vec<PluginRefusal> {
        let shelf = self.firing.shelf();
        let refusal = |(plugin, refused): (&PluginName, &RefusedPlugin)| PluginRefusal {
            plugin: plugin.clone(),
            refused: refused.clone(),
            controls: self.enabled_by(plugin),
        };
        shelf.refused().iter().map(refusal).collect()
    }

    fn enabled_by(&self, plugin: &PluginName) -> Vec<ControlId> {
        let controls = self.catalogue.controls().filter(|control| control.enabled && control.check.plugin == *plugin);
        controls.map(|control| control.id.clone()).collect()
    }

    /// The files of plugins are read anew, whether or not the configuration names others: a file that was replaced is a new
    /// version of each control that names it.
    fn tell_other_plugins(&self, shelf: &Shelf) {
        let names: BTreeSet<_> = self.catalogue.controls().map(|control| &control.check.plugin).collect();
        for name in names {
            let (before, now) = (self.firing.shelf().plugin(name), shelf.plugin(name));
            if let (Ok(before), Ok(now)) = (before, now)
                && before.digest != now.digest
            {
                tracing::info!(plugin = %name, before = %before.digest, now = %now.digest, "the plugin is another one now");
            }
        }
    }

    pub(super) async fn refuse(&mut self, errors: String, count: u64) -> Result<(), RecorderError> {
        self.recorder.record(Fact::ConfigurationRefused { errors, count }).await.map(|_| ())
    }
}

/// The keys that are written otherwise than when the daemon was started, and of which it goes by what was written then.
fn keys_after_restart(started: &Config, new: &Config) -> Vec<&'static str> {
    let (runner, new_runner) = (&started.runner, &new.runner);
    let keys = [
        ("state_dir", started.state_dir != new.state_dir),
        ("socket", started.socket != new.socket),
        ("web.listen", started.web != new.web),
        ("runner.concurrency", runner.concurrency != new_runner.concurrency),
        ("runner.memory_total", runner.memory_total_bytes != new_runner.memory_total_bytes),
    ];
    keys.into_iter().filter_map(|(key, changed)| changed.then_some(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("evidenced.toml");
        std::fs::write(&file, text).unwrap();
        config::load(&file).unwrap_or_else(|errors| panic!("{errors}")).config
    }

    #[test]
    fn what_waits_for_a_restart_is_named_by_its_keys() {
        const HEAD: &str = "organization = \"Test\"\nstate_dir = \"/nowhere\"\nsocket = \"/nowhere/s\"\n";
        const MAIL: &str = "[mail]\nserver = \"mail.example.com:587\"\nfrom = \"a@example.com\"\n";
        let check = |before: &str, after: &str, expected: &[&str]| {
            let (before, after) = (config(&format!("{HEAD}{before}")), config(&format!("{HEAD}{after}")));
            assert_eq!(keys_after_restart(&before, &after), expected);
        };
        check(MAIL, MAIL, &[]);
        let more =
            "instance = \"b\"\n[runner]\nconcurrency = 3\nmemory_total = \"1GiB\"\n[web]\nlisten = \"127.0.0.1:9\"\n";
        check(MAIL, &format!("{more}{MAIL}"), &["web.listen", "runner.concurrency", "runner.memory_total"]);
        // What is swapped at once.
        check(MAIL, &MAIL.replace("587", "25"), &[]);
        check(MAIL, &format!("timezone = \"Europe/Berlin\"\nfree_space_floor = \"1MiB\"\n{MAIL}"), &[]);
    }
}
