//! The only way from a plugin to the network.
//!
//! In: a request, the grants of the control. Out: an answer with its facts, with secrets added on the way out and
//! masked on the way back. Own name resolution; every address is checked, and the checked one is connected to.
//! No redirects, no cookies, no decompression; a new connection for each request, so that what a run measures and
//! sees of a certificate is of now.
//!
//! It waits on real time only (time-outs, pauses): a network has no other. What o'clock it is comes from outside.
//! Must not know: wasmtime, the ledger, what the answer means.

mod address;
mod connect;
mod credential;
mod door;
mod exchange;
mod limiter;
mod mask;
mod peer;
mod request;
mod retry;
mod sigv4;
mod tls;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "real servers answer in real time")]
mod tests;

pub use connect::Proxy;
pub use credential::CredentialSettings;
pub use door::{Budget, Door};

use std::{collections::HashMap, path::PathBuf, sync::Arc, sync::atomic::AtomicU32};

use crate::domain::{CredentialId, Grant, Rate, SourceId, Timestamp};
use connect::Connector;
use limiter::Limiter;
use tls::Trust;

/// What o'clock it is: signatures and certificates are held against it.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What is the same for all runs.
pub struct GateSettings {
    pub credentials: Vec<CredentialSettings>,
    /// Every request goes through it, but those whose grant lists addresses.
    pub proxy: Option<Proxy>,
    /// PEM files of roots that are trusted besides the system's.
    pub ca: Vec<PathBuf>,
    /// Each is shared by all runs whose grants come from the source; a credential has it for itself.
    pub rates: Vec<(SourceId, Rate)>,
    pub now: Now,
}

/// Why there is no gate.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    #[error("`ca` names {}, which cannot be used: {why}", path.display())]
    Roots { path: PathBuf, why: String },
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

/// One for all runs of the daemon.
pub struct Gate {
    connector: Connector,
    limiter: Limiter,
    credentials: HashMap<CredentialId, CredentialSettings>,
    now: Now,
}

impl Gate {
    /// # Errors
    /// A file in `ca` cannot be read, or holds no certificate.
    pub fn new(settings: GateSettings) -> Result<Self, GateError> {
        let trust = Trust::new(&settings.ca, Arc::clone(&settings.now))?;
        Ok(Self {
            connector: Connector::new(trust, settings.proxy),
            limiter: Limiter::new(settings.rates),
            credentials: settings.credentials.into_iter().map(|one| (one.id.clone(), one)).collect(),
            now: settings.now,
        })
    }

    /// The network for one run: what `grants` name, as often and as long as `budget` says.
    pub fn for_run(self: &Arc<Self>, grants: Arc<[Grant]>, budget: Budget) -> Door {
        Door { gate: Arc::clone(self), grants, budget, requests_left: AtomicU32::new(budget.requests) }
    }
}
