//! Ways to servers that are no web servers: databases and directories, which the host itself asks before a run.
//!
//! The same rules as for requests: every address is checked, and the checked one is connected to; a chain is held against
//! the same roots and the same clock. (Of MySQL against the clock of the system: its driver speaks TLS by itself, and takes
//! roots and nothing else.) They go by no proxy: what a proxy of the web lets through are requests.

use std::{
    sync::{Arc, atomic::AtomicU32},
    time::Duration,
};

use evidenced_contract::HttpError;
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::{
    Budget, Door, Gate,
    connect::{ATTEMPT_DELAY, Way, connect_fault, first_of, unreachable},
    credential::read_secret,
    limiter::{Quiet, Turn},
    mask::Mask,
    request::{Grants, Target, refused},
};
use crate::{
    domain::{CredentialId, CredentialKind, Database, Grant, Scheme, Server},
    secret::Secret,
};

/// Who asks, and with which password.
#[derive(Debug, Clone)]
pub struct Login {
    pub user: String,
    pub password: Option<Secret>,
}

/// Servers explain themselves in a few lines; what is longer is no explanation.
const SAID_CHARS_MAX: usize = 2_000;

impl Login {
    /// What a server has said, without the password, and no more of it than helps.
    pub fn clean(&self, text: &str) -> String {
        self.mask().clean_text(text).chars().take(SAID_CHARS_MAX).collect()
    }

    pub(crate) fn mask(&self) -> Mask {
        Mask::new(self.password.iter().map(|secret| secret.expose().as_str()))
    }
}

/// Held for as long as a server is asked: it is one of those that the source allows at the same time.
pub struct SourceTurn {
    _turn: Turn,
}

impl Door {
    /// Waits for the turn of this run at a source, as a request would.
    ///
    /// # Errors
    /// The run is over first, or the source wants quiet for longer.
    pub async fn turn_at(&self, database: &Database, server: &Server, end: Instant) -> Result<SourceTurn, HttpError> {
        let target = target(server)?;
        let limiter = &self.gate.limiter;
        let lane = limiter.lane_of(Some(&database.source), &target, database.credential.as_ref());
        let turn = timeout_at(end, lane.turn(&self.control, limiter.places(&target), end)).await;
        let over = || HttpError::Limit("wall".to_owned());
        Ok(SourceTurn { _turn: turn.map_err(|_| over())?.map_err(|Quiet| over())? })
    }

    /// The way of the same run to one server that its plugin need not be granted, for one request.
    pub fn for_input(&self, grant: Grant, response_bytes: u32) -> Self {
        Self {
            gate: Arc::clone(&self.gate),
            control: self.control.clone(),
            grants: Grants::all([grant]),
            budget: Budget { requests: 1, response_bytes, ..self.budget },
            requests_left: AtomicU32::new(1),
        }
    }

    pub const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }
}

impl Gate {
    /// A connection to the server, without TLS as yet.
    ///
    /// # Errors
    /// Its name is unknown, one of its addresses is not granted, or none of them answers.
    pub async fn dial(&self, server: &Server) -> Result<TcpStream, HttpError> {
        let target = target(server)?;
        let addresses = self.connector.checked_addresses(&target, self.way_to(server)).await?;
        let connected = first_of(addresses, ATTEMPT_DELAY, TcpStream::connect).await;
        let (stream, _) = connected.map_err(|error| unreachable(&target, connect_fault(&error)))?;
        // What cannot be set is only slower.
        stream.set_nodelay(true).ok();
        Ok(stream)
    }

    /// How TLS is spoken where no protocol is agreed on in the handshake.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn tls(&self) -> Result<Arc<ClientConfig>, HttpError> {
        let strict = self.trusts.of(None).strict(None).map_err(|error| HttpError::Tls(error.to_string()))?;
        let mut config = ClientConfig::clone(&strict);
        config.alpn_protocols.clear();
        Ok(Arc::new(config))
    }

    /// The roots that are trusted: for a driver that speaks TLS by itself.
    pub fn roots(&self) -> &[CertificateDer<'static>] {
        self.trusts.of(None).certificates()
    }

    /// Who asks that server, and with which password.
    ///
    /// # Errors
    /// There is no such credential, its secret cannot be read, or nobody is named.
    pub async fn login(&self, credential: Option<&CredentialId>, server: &Server) -> Result<Login, HttpError> {
        let nobody = || refused("nobody is named who asks: give the source a user".to_owned());
        let Some(id) = credential else {
            return Ok(Login { user: server.user.clone().ok_or_else(nobody)?, password: None });
        };
        let settings = self.credential(id)?;
        let secret = read_secret(settings).await?;
        let by_source = server.user.clone();
        let (user, password) = match &settings.kind {
            CredentialKind::Basic { username: None } => {
                let unusable = || settings.unusable("its secret is not `user:password`");
                let (user, password) = secret.expose().split_once(':').ok_or_else(unusable)?;
                (by_source.unwrap_or_else(|| user.to_owned()), Secret::new(password.to_owned()))
            }
            CredentialKind::Basic { username: Some(user) } => (by_source.unwrap_or_else(|| user.clone()), secret),
            CredentialKind::Password => (by_source.ok_or_else(nobody)?, secret),
            other => {
                return Err(refused(format!(
                    "the credential `{id}` is of the kind `{}`, and no password",
                    other.as_str()
                )));
            }
        };
        Ok(Login { user, password: Some(password) })
    }

    fn way_to<'a>(&'a self, server: &'a Server) -> Way<'a> {
        Way { addresses: &server.addresses, trust: self.trusts.of(None), identity: None, whose: "source" }
    }
}

/// The name that a certificate must be for.
///
/// # Errors
/// There can be none for this name.
pub fn certified_name(server: &Server) -> Result<ServerName<'static>, HttpError> {
    let target = target(server)?;
    target.server_name().ok_or_else(|| HttpError::Tls(format!("{target}: this is no name that a certificate can have")))
}

/// What went wrong with TLS, in our own words.
pub fn tls_fault(server: &Server, error: &std::io::Error) -> HttpError {
    HttpError::Tls(format!("{}:{}: {}", server.host, server.port, super::tls::fault_of_stream(error)))
}

fn target(server: &Server) -> Result<Target, HttpError> {
    let named = Target::named(Scheme::Https, &server.host, server.port);
    named.ok_or_else(|| refused(format!("`{}` is neither a name nor an address", server.host)))
}

/// How long a server may take to say who it is, when nothing else says.
pub const GREETING_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_without_the_password() {
        let login = Login { user: "auditor".to_owned(), password: Some(Secret::new("s3cr\"et/word".to_owned())) };
        let said = r#"auditor, "s3cr\"et/word" (czNjciJldC93b3Jk) is wrong"#;
        assert_eq!(login.clean(said), r#"auditor, "***" (***) is wrong"#);
        let nobody = Login { user: "auditor".to_owned(), password: None };
        assert_eq!(nobody.clean("a"), "a");
    }
}
