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
mod baton;
mod connect;
mod credential;
mod door;
mod exchange;
mod knock;
mod limiter;
mod mask;
mod peer;
mod quota;
mod request;
mod retry;
mod sigv4;
mod tls;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "real servers answer in real time")]
mod tests;

pub use connect::Proxy;
pub use credential::CredentialSettings;
pub use door::{Answered, Budget, Door};
pub use limiter::Traffic;
pub use mask::Mask;
pub(crate) use retry::read_retry_after;

use std::{collections::HashMap, path::PathBuf, sync::Arc, sync::atomic::AtomicU32};

use crate::domain::{ControlId, CredentialId, Grant, Rate, SourceId, Timestamp};
use connect::Connector;
use limiter::Limiter;
use tls::Trust;

/// What o'clock it is: signatures and certificates are held against it.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What TLS of the daemon's own calls goes by: the roots, the clock and the words for what is wrong that the gate has.
///
/// # Errors
/// A file in `ca` cannot be read, or holds no certificate.
pub(crate) fn trusted_tls(ca: &[PathBuf], now: Now) -> Result<Arc<rustls::ClientConfig>, GateError> {
    Trust::new(ca, now).map(|trust| trust.strict())
}

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
    limiter: Arc<Limiter>,
    credentials: HashMap<CredentialId, CredentialSettings>,
    now: Now,
}

impl Gate {
    /// # Errors
    /// A file in `ca` cannot be read, or holds no certificate.
    pub fn new(settings: GateSettings) -> Result<Self, GateError> {
        let limiter = Arc::new(Limiter::new(settings.rates.iter().cloned()));
        Self::with(settings, limiter)
    }

    /// The gate of another configuration, for the same systems: what they have asked for holds on.
    ///
    /// # Errors
    /// As [`Self::new`]; then nothing has changed.
    pub fn succeeding(&self, settings: GateSettings) -> Result<Self, GateError> {
        let rates = settings.rates.clone();
        let gate = Self::with(settings, Arc::clone(&self.limiter))?;
        self.limiter.use_rates(rates);
        Ok(gate)
    }

    fn with(settings: GateSettings, limiter: Arc<Limiter>) -> Result<Self, GateError> {
        let trust = Trust::new(&settings.ca, Arc::clone(&settings.now))?;
        Ok(Self {
            connector: Connector::new(trust, settings.proxy),
            limiter,
            credentials: settings.credentials.into_iter().map(|one| (one.id.clone(), one)).collect(),
            now: settings.now,
        })
    }

    /// The network for one run: what `grants` name, as often and as long as `budget` says.
    pub fn for_run(self: &Arc<Self>, control: ControlId, grants: Arc<[Grant]>, budget: Budget) -> Door {
        Door { gate: Arc::clone(self), control, grants, budget, requests_left: AtomicU32::new(budget.requests) }
    }

    /// What was asked of each source since the daemon started.
    pub fn traffic(&self) -> Vec<Traffic> {
        self.limiter.traffic()
    }
}
