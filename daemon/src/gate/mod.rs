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
mod aws_key;
mod baton;
mod cleaning;
mod confided;
mod connect;
mod credential;
mod door;
mod exchange;
mod knock;
mod limiter;
mod mask;
mod message;
mod peer;
mod proxy;
mod quota;
mod request;
mod retry;
mod shown;
mod sigv4;
mod tls;
mod token;
mod try_token;
mod wire;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "real servers answer in real time")]
mod tests;

pub use credential::CredentialSettings;
pub use door::{Answered, Budget, Door};
pub use limiter::Traffic;
pub use mask::Mask;
pub use proxy::{Proxy, ProxyLogin};
pub(crate) use retry::read_retry_after;
pub use wire::{GREETING_MAX, Login, SourceTurn, certified_name, tls_fault};

use std::{collections::HashMap, path::PathBuf, sync::Arc, sync::atomic::AtomicU32};

use crate::domain::{ControlId, CredentialId, Grant, Rate, SourceId, Timestamp};
use confided::Confided;
use connect::Connector;
use limiter::Limiter;
use request::Grants;
use tls::Trusts;
use token::Tokens;

/// What o'clock it is: signatures and certificates are held against it.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What TLS of the daemon's own calls goes by: the roots, the clock and the words for what is wrong that the gate has.
///
/// # Errors
/// A file in `ca` cannot be read, or holds no certificate.
pub(crate) fn trusted_tls(ca: &[PathBuf], now: Now) -> Result<Arc<rustls::ClientConfig>, GateError> {
    Trusts::new(ca, &[], &now)?.of(None).strict(None)
}

/// What is the same for all runs.
pub struct GateSettings {
    pub credentials: Vec<CredentialSettings>,
    /// Every request goes through it, but those whose grant or credential lists addresses.
    pub proxy: Option<Proxy>,
    /// PEM files of roots that are trusted besides the system's.
    pub ca: Vec<PathBuf>,
    /// PEM files of the only roots that are trusted for a source.
    pub ca_of_sources: Vec<(SourceId, Vec<PathBuf>)>,
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
    trusts: Trusts,
    tokens: Tokens,
    limiter: Arc<Limiter>,
    confided: Arc<Confided>,
    credentials: HashMap<CredentialId, CredentialSettings>,
    now: Now,
}

impl Gate {
    /// # Errors
    /// A file in `ca` cannot be read, or holds no certificate.
    pub fn new(settings: GateSettings) -> Result<Self, GateError> {
        let limiter = Arc::new(Limiter::new(settings.rates.iter().cloned()));
        Self::with(settings, limiter, Arc::default())
    }

    /// The gate of another configuration, for the same systems: what they have asked for holds on. Tokens are got anew: what
    /// gave them may have changed.
    ///
    /// # Errors
    /// As [`Self::new`]; then nothing has changed.
    pub fn succeeding(&self, settings: GateSettings) -> Result<Self, GateError> {
        let rates = settings.rates.clone();
        let gate = Self::with(settings, Arc::clone(&self.limiter), Arc::clone(&self.confided))?;
        self.limiter.use_rates(rates);
        Ok(gate)
    }

    fn with(settings: GateSettings, limiter: Arc<Limiter>, confided: Arc<Confided>) -> Result<Self, GateError> {
        Ok(Self {
            connector: Connector::new(settings.proxy),
            trusts: Trusts::new(&settings.ca, &settings.ca_of_sources, &settings.now)?,
            tokens: Tokens::default(),
            limiter,
            confided,
            credentials: settings.credentials.into_iter().map(|one| (one.id.clone(), one)).collect(),
            now: settings.now,
        })
    }

    /// The network for one run: what `grants` name, as often and as long as `budget` says.
    pub fn for_run(self: &Arc<Self>, control: ControlId, grants: Arc<[Grant]>, budget: Budget) -> Door {
        let grants = Grants::all(grants);
        Door { gate: Arc::clone(self), control, grants, budget, requests_left: AtomicU32::new(budget.requests) }
    }

    /// What was asked of each source since the daemon started.
    pub fn traffic(&self) -> Vec<Traffic> {
        self.limiter.traffic()
    }
}
