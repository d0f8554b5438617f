//! Puts a secret on a request, and tells what of it must not come back.

use base64::{Engine, engine::general_purpose::STANDARD};
use evidenced_contract::HttpError;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

use super::{
    aws_key::{AwsKey, Call, service_and_region},
    request::{Permitted, owned, refused},
    tls::Identity,
};
use crate::{
    domain::{CredentialId, CredentialKind, Timestamp},
    secret::{Secret, SecretSource},
};

/// One credential of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialSettings {
    pub id: CredentialId,
    pub kind: CredentialKind,
    /// Read for every request anew: a replaced file counts from the next one on. For a kind that is exchanged for a token it
    /// is read for every token anew. `None`: the kind has none of its own.
    pub secret: Option<SecretSource>,
}

/// A credential with its secret, for one request.
pub(super) enum Loaded {
    Header {
        name: HeaderName,
        value: Secret,
    },
    Basic {
        user: String,
        password: Secret,
    },
    AwsSigV4(AwsKey),
    /// Nothing is put on the request: it was shown to the server before.
    Certificate(Identity),
}

/// What was sent and must not be seen in an answer.
#[derive(Default)]
pub(super) struct Sent {
    /// What proves who asks in other requests, too.
    pub lasting: Vec<Secret>,
    /// What is of this request alone.
    pub passing: Vec<Secret>,
}

/// The secret of a credential as it is now.
pub(super) async fn read_secret(settings: &CredentialSettings) -> Result<Secret, HttpError> {
    let unusable = |why: &str| settings.unusable(why);
    let source = settings.secret.clone().ok_or_else(|| unusable("it has no secret"))?;
    // A file may lie on a disk that hangs.
    match tokio::task::spawn_blocking(move || source.read()).await {
        Ok(Ok(secret)) => Ok(secret),
        Ok(Err(error)) => {
            // The plugin need not know where secrets lie; the operator must.
            tracing::warn!(credential = %settings.id, "{error}");
            Err(unusable("its secret cannot be read; the log of the daemon says why"))
        }
        Err(_) => Err(unusable("its secret was not read")),
    }
}

impl CredentialSettings {
    pub(super) fn unusable(&self, why: &str) -> HttpError {
        refused(format!("the credential `{}` cannot be used: {why}", self.id))
    }
}

impl Loaded {
    /// One whose secret is used as it is.
    pub(super) async fn read(settings: &CredentialSettings) -> Result<Self, HttpError> {
        let secret = read_secret(settings).await?;
        if let CredentialKind::ClientCertificate { certificate: Some(path) } = &settings.kind {
            let certificates = tokio::fs::read(path).await.map_err(|error| {
                tracing::warn!(credential = %settings.id, "{} cannot be read: {error}", path.display());
                settings.unusable("its certificate cannot be read; the log of the daemon says why")
            })?;
            let identity = Identity::read(&certificates, secret.expose().as_bytes());
            return identity.map(Self::Certificate).map_err(|why| settings.unusable(why));
        }
        Self::new(&settings.kind, &secret).map_err(|why| settings.unusable(why))
    }

    fn new(kind: &CredentialKind, secret: &Secret) -> Result<Self, &'static str> {
        match kind {
            CredentialKind::Header { name } => {
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "its header has no valid name")?;
                Ok(Self::Header { name, value: secret.clone() })
            }
            CredentialKind::Bearer => Ok(Self::bearer(secret)),
            CredentialKind::Basic { username } => {
                let (user, password) = match username {
                    Some(user) => (user.as_str(), secret.expose().as_str()),
                    None => secret.expose().split_once(':').ok_or("its secret is not `user:password`")?,
                };
                Ok(Self::Basic { user: user.to_owned(), password: Secret::new(password.to_owned()) })
            }
            CredentialKind::Password => {
                Err("it is a password of databases and directories; for requests there is `basic`")
            }
            CredentialKind::AwsSigv4 { access_key_id } => {
                let key = AwsKey::parse(access_key_id.as_deref(), secret.expose());
                key.map(Self::AwsSigV4).ok_or("its secret is not `ACCESS_KEY_ID:SECRET_ACCESS_KEY`")
            }
            CredentialKind::ClientCertificate { .. } => {
                let pem = secret.expose().as_bytes();
                Identity::read(pem, pem).map(Self::Certificate)
            }
            CredentialKind::AwsAssumeRole(_)
            | CredentialKind::AwsInstance(_)
            | CredentialKind::Oauth2Client(_)
            | CredentialKind::GoogleServiceAccount(_)
            | CredentialKind::GithubApp(_) => Err("it is exchanged for a token first"),
        }
    }

    pub(super) fn bearer(token: &Secret) -> Self {
        let value = Secret::new(format!("Bearer {}", token.expose()));
        Self::Header { name: header::AUTHORIZATION, value }
    }

    /// What is shown in the handshake.
    pub(super) fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Certificate(identity) => Some(identity),
            Self::Header { .. } | Self::Basic { .. } | Self::AwsSigV4(_) => None,
        }
    }

    /// Adds what the credential needs to `headers`, which are otherwise complete.
    pub(super) fn put_on(
        &self,
        request: &Permitted<'_>,
        url: &Url,
        headers: &mut HeaderMap,
        now: Timestamp,
    ) -> Result<Sent, HttpError> {
        match self {
            Self::Header { name, value } => {
                add(headers, name.clone(), value.expose())?;
                let bare = value.expose().strip_prefix("Bearer ").unwrap_or(value.expose());
                Ok(Sent { lasting: vec![Secret::new(bare.to_owned())], ..Sent::default() })
            }
            Self::Basic { user, password } => {
                let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
                add(headers, header::AUTHORIZATION, &format!("Basic {pair}"))?;
                Ok(Sent { lasting: vec![password.clone(), Secret::new(pair)], ..Sent::default() })
            }
            Self::AwsSigV4(key) => {
                let (service, region) = service_and_region(request)?;
                let (method, body) = (&request.method, &*request.body);
                key.sign(&Call { service: &service, region: &region, method, url, body }, headers, now)
            }
            Self::Certificate(_) => Ok(Sent::default()),
        }
    }
}

/// A plugin that has set the header itself is refused: which of the two counts would be the server's guess.
pub(super) fn add(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), HttpError> {
    if headers.contains_key(&name) {
        return Err(owned(name.as_str()));
    }
    let mut value = HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| refused("the credential's secret holds a line end or another control".to_owned()))?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}
