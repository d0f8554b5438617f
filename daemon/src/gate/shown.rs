//! What a request shows of who asks: the secret or token of its credential, and a certificate.

use evidenced_contract::HttpError;

use super::{
    Gate,
    connect::Way,
    credential::{CredentialSettings, Loaded},
    request::{Permitted, refused},
    tls::Identity,
    token::{Asking, Mark},
};
use crate::domain::{CredentialId, CredentialKind, Grant};

/// For one attempt.
pub(super) struct Shown {
    /// What is put on the request. `None`: nothing.
    pub loaded: Option<Loaded>,
    /// If that is a token, which.
    pub token: Option<Mark>,
    /// What is shown in the handshake.
    pub identity: Option<Identity>,
}

impl Gate {
    pub(super) fn credential(&self, id: &CredentialId) -> Result<&CredentialSettings, HttpError> {
        self.credentials.get(id).ok_or_else(|| no_credential(id))
    }

    /// Whatever the request will need that others have to be asked for.
    pub(super) async fn make_ready(&self, request: &Permitted<'_>, asking: &Asking<'_>) -> Result<(), HttpError> {
        let Some(id) = request.credential else { return Ok(()) };
        let settings = self.credential(id)?;
        match settings.kind.is_fetched() {
            true => self.tokens.current(settings, asking).await.map(drop),
            false => Ok(()),
        }
    }

    /// What proves who asks, as it is now, and which token it is.
    pub(super) async fn load(
        &self,
        id: &CredentialId,
        asking: &Asking<'_>,
    ) -> Result<(Loaded, Option<Mark>), HttpError> {
        let settings = self.credential(id)?;
        if settings.kind.is_fetched() {
            let held = self.tokens.current(settings, asking).await?;
            return Ok((held.loaded(), Some(held.mark)));
        }
        Ok((Loaded::read(settings).await?, None))
    }

    pub(super) async fn shown(&self, request: &Permitted<'_>, asking: &Asking<'_>) -> Result<Shown, HttpError> {
        let (loaded, token) = match request.credential {
            Some(id) => self.load(id, asking).await.map(|(loaded, token)| (Some(loaded), token))?,
            None => (None, None),
        };
        let identity = match loaded.as_ref().and_then(Loaded::identity) {
            Some(identity) => Some(identity.clone()),
            None => self.identity(request.grant).await?,
        };
        if identity.is_some() && !request.target.is_tls() {
            return Err(refused(format!(
                "{} is not https, and a client certificate is shown nowhere else",
                request.target
            )));
        }
        Ok(Shown { loaded, token, identity })
    }

    /// The certificate of the grant.
    pub(super) async fn identity(&self, grant: &Grant) -> Result<Option<Identity>, HttpError> {
        let Some(id) = &grant.client_certificate else { return Ok(None) };
        let settings = self.credential(id)?;
        match Loaded::read(settings).await? {
            Loaded::Certificate(identity) => Ok(Some(identity)),
            Loaded::Header { .. } | Loaded::Basic { .. } | Loaded::AwsSigV4(_) => {
                Err(settings.unusable("it is no client certificate"))
            }
        }
    }

    /// The certificate that a handshake shows of whoever uses the grant as it is meant.
    pub(super) async fn identity_of(&self, grant: &Grant) -> Result<Option<Identity>, HttpError> {
        let Some(id) = &grant.credential else { return self.identity(grant).await };
        let settings = self.credential(id)?;
        match settings.kind {
            CredentialKind::ClientCertificate { .. } => Ok(Loaded::read(settings).await?.identity().cloned()),
            _ => self.identity(grant).await,
        }
    }

    /// How what is granted may be reached.
    pub(super) fn way<'a>(&'a self, grant: &'a Grant, identity: Option<&'a Identity>) -> Way<'a> {
        let trust = self.trusts.of(grant.source.as_ref());
        Way { addresses: &grant.addresses, trust, identity, whose: "source" }
    }
}

pub(super) fn no_credential(id: &CredentialId) -> HttpError {
    refused(format!("there is no credential `{id}`"))
}
