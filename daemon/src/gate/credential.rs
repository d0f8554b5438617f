//! Puts a secret on a request, and tells what of it must not come back.

use base64::{Engine, engine::general_purpose::STANDARD};
use evidenced_contract::HttpError;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

use super::{
    request::{Permitted, owned, refused},
    sigv4::{self, PathStyle, Signer, Subject},
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
    /// Read for every request anew: a replaced file counts from the next one on.
    pub secret: SecretSource,
}

/// A credential with its secret, for one request.
pub(super) enum Loaded {
    Header { name: HeaderName, value: Secret },
    Basic { user: String, password: Secret },
    AwsSigV4(AwsKey),
}

/// The key of a user of AWS.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AwsKey {
    access_key: String,
    secret: Secret,
    session_token: Option<Secret>,
}

/// What was sent and must not be seen in an answer.
#[derive(Default)]
pub(super) struct Sent(pub Vec<Secret>);

impl Loaded {
    pub(super) async fn read(settings: &CredentialSettings) -> Result<Self, HttpError> {
        let source = settings.secret.clone();
        // A file may lie on a disk that hangs.
        let read = tokio::task::spawn_blocking(move || source.read()).await;
        let unusable = |why: &str| refused(format!("the credential `{}` cannot be used: {why}", settings.id));
        let secret = match read {
            Ok(Ok(secret)) => secret,
            Ok(Err(error)) => {
                // The plugin need not know where secrets lie; the operator must.
                tracing::warn!(credential = %settings.id, "{error}");
                return Err(unusable("its secret cannot be read; the log of the daemon says why"));
            }
            Err(_) => return Err(unusable("its secret was not read")),
        };
        Self::new(&settings.kind, &secret).map_err(unusable)
    }

    fn new(kind: &CredentialKind, secret: &Secret) -> Result<Self, &'static str> {
        match kind {
            CredentialKind::Header { name } => {
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "its header has no valid name")?;
                Ok(Self::Header { name, value: secret.clone() })
            }
            CredentialKind::Bearer => {
                let value = Secret::new(format!("Bearer {}", secret.expose()));
                Ok(Self::Header { name: header::AUTHORIZATION, value })
            }
            CredentialKind::Basic { username } => {
                let (user, password) = match username {
                    Some(user) => (user.as_str(), secret.expose().as_str()),
                    None => secret.expose().split_once(':').ok_or("its secret is not `user:password`")?,
                };
                Ok(Self::Basic { user: user.to_owned(), password: Secret::new(password.to_owned()) })
            }
            CredentialKind::AwsSigv4 { access_key_id } => {
                let key = AwsKey::parse(access_key_id.as_deref(), secret.expose());
                key.map(Self::AwsSigV4).ok_or("its secret is not `ACCESS_KEY_ID:SECRET_ACCESS_KEY`")
            }
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
                Ok(Sent(vec![Secret::new(bare.to_owned())]))
            }
            Self::Basic { user, password } => {
                let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
                add(headers, header::AUTHORIZATION, &format!("Basic {pair}"))?;
                Ok(Sent(vec![password.clone(), Secret::new(pair)]))
            }
            Self::AwsSigV4(key) => key.sign(request, url, headers, now),
        }
    }
}

/// A plugin that has set the header itself is refused: which of the two counts would be the server's guess.
fn add(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), HttpError> {
    if headers.contains_key(&name) {
        return Err(owned(name.as_str()));
    }
    let mut value = HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| refused("the credential's secret holds a line end or another control".to_owned()))?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

impl AwsKey {
    fn parse(configured: Option<&str>, text: &str) -> Option<Self> {
        let text = text.trim();
        let new = |access_key: &str, secret: &str, token: Option<&str>| {
            let whole = !access_key.is_empty() && !secret.is_empty();
            whole.then(|| Self {
                access_key: access_key.to_owned(),
                secret: Secret::new(secret.to_owned()),
                session_token: token.map(|token| Secret::new(token.to_owned())),
            })
        };
        if text.starts_with('{') {
            let json: serde_json::Value = serde_json::from_str(text).ok()?;
            let member = |name: &str| json.get(name).and_then(serde_json::Value::as_str);
            return new(member("AccessKeyId")?, member("SecretAccessKey")?, member("SessionToken"));
        }
        match configured {
            Some(access_key) => match text.split_once(':') {
                Some((secret, token)) => new(access_key, secret, Some(token)),
                None => new(access_key, text, None),
            },
            None => {
                let mut parts = text.splitn(3, ':');
                new(parts.next()?, parts.next()?, parts.next())
            }
        }
    }

    fn sign(
        &self,
        request: &Permitted<'_>,
        url: &Url,
        headers: &mut HeaderMap,
        now: Timestamp,
    ) -> Result<Sent, HttpError> {
        let (service, region) = service_and_region(request)?;
        let payload = sigv4::payload_digest(&request.body);
        add(headers, HeaderName::from_static("x-amz-date"), &sigv4::amz_date(now))?;
        if service.starts_with("s3") {
            add(headers, HeaderName::from_static("x-amz-content-sha256"), &payload)?;
        }
        if let Some(token) = &self.session_token {
            add(headers, HeaderName::from_static("x-amz-security-token"), token.expose())?;
        }
        // What a proxy may change (RFC 9110, 7.6) is not signed.
        let signed = |name: &HeaderName| {
            matches!(*name, header::HOST | header::CONTENT_TYPE) || name.as_str().starts_with("x-amz-")
        };
        let signed: Vec<(String, String)> = headers
            .iter()
            .filter(|(name, _)| signed(name))
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let signer = Signer {
            access_key: &self.access_key,
            secret: self.secret.expose(),
            region: &region,
            service: &service,
            at: now,
        };
        let signature = sigv4::sign(
            &signer,
            &Subject {
                method: request.method.as_str(),
                path: url.path(),
                query: url.query().unwrap_or_default(),
                headers: &signed,
                payload: &payload,
                paths: PathStyle::of_service(&service),
            },
        );
        add(headers, header::AUTHORIZATION, &signature.authorization)?;
        let mut sent = vec![self.secret.clone(), Secret::new(signature.signature)];
        sent.extend(self.session_token.clone());
        Ok(Sent(sent))
    }
}

/// From the grant, or else from the name of the host.
fn service_and_region(request: &Permitted<'_>) -> Result<(String, String), HttpError> {
    let (service, region) = match sigv4::service_of_host(&request.target.host.to_string()) {
        Some((service, region)) => (Some(service), region),
        None => (None, None),
    };
    let missing =
        |key: &str| refused(format!("{} has no {key} in its name: its source needs `{key} = \"…\"`", request.target));
    let service = request.grant.service.clone().or(service).ok_or_else(|| missing("service"))?;
    let region = request.grant.region.clone().or(region).ok_or_else(|| missing("region"))?;
    Ok((service, region))
}
