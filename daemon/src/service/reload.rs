//! A new configuration while the daemon runs.

use std::{path::Path, sync::Arc};

use super::{Service, open};
use crate::{
    config,
    desk::Desk,
    recorder::{Catalogue, Fact, RecorderError},
    runner::{Executor, Shelf},
};

impl Service {
    /// Reads the files again. What is written wrong changes nothing but an entry and an alert; else everything is
    /// swapped at once: runs under way end under the configuration that they began with.
    pub(super) async fn reload(&mut self, file: &Path, desk: &Desk) -> Result<(), RecorderError> {
        let loaded = match config::load(file) {
            Ok(loaded) => loaded,
            Err(diagnostics) => {
                tracing::error!("the configuration is refused, the old one goes on:\n{diagnostics}");
                return self.refuse(diagnostics.to_string(), diagnostics.error_count()).await;
            }
        };
        let config = Arc::new(loaded.config);
        if let Some(what) = self.needs_restart(&config) {
            tracing::warn!("`{what}` takes effect at the next start");
        }
        let gate = match self.executor.gate.succeeding(open::gate_settings(&config, &self.clock)) {
            Ok(gate) => Arc::new(gate),
            Err(error) => return self.refuse(format!("error: {error}\n"), 1).await,
        };
        let sandbox = Arc::clone(&self.sandbox);
        let reading = Arc::clone(&config);
        let shelf = tokio::task::spawn_blocking(move || Shelf::load(&sandbox, &reading)).await;
        let shelf = match shelf {
            Ok(shelf) => Arc::new(shelf),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        self.account_for_disabled().await?;
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
        desk.use_catalogue(Arc::clone(&self.catalogue));
        tracing::info!(controls = config.controls.len(), "the configuration was read again");
        Ok(())
    }

    pub(super) async fn refuse(&mut self, errors: String, count: u64) -> Result<(), RecorderError> {
        self.recorder.record(Fact::ConfigurationRefused { errors, count }).await.map(|_| ())
    }

    /// The first key that changed and cannot be swapped.
    fn needs_restart(&self, new: &config::Config) -> Option<&'static str> {
        let old = self.catalogue.config();
        [
            ("state_dir", old.state_dir != new.state_dir),
            ("socket", old.socket != new.socket),
            ("web", old.web != new.web),
            ("mail", old.mail != new.mail),
            ("runner", old.runner != new.runner),
            ("organization", old.organization != new.organization),
            ("instance", old.instance != new.instance),
        ]
        .into_iter()
        .find_map(|(key, changed)| changed.then_some(key))
    }
}
