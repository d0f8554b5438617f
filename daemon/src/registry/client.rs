//! What is asked of a registry, by the distribution specification of OCI.

use std::time::Duration;

use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION, WWW_AUTHENTICATE},
};
use serde::Deserialize;
use url::Url;

use super::{Login, Reference};
use crate::{
    caller::{self, CallError, CallerError, CallerSettings, check_url},
    domain::Digest,
    secret::Secret,
};

/// No transfer takes longer.
const TRANSFER_MAX: Duration = Duration::from_secs(600);
/// Of a manifest, a configuration, an answer.
const SMALL_BYTES_MAX: u64 = 4 << 20;
/// A registry may send elsewhere for a blob, and that one once more.
const REDIRECTS_MAX: usize = 5;
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Why something cannot be brought or fetched. It tells no secret.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error(transparent)]
    Caller(#[from] CallerError),
    #[error("the registry {registry} cannot be called: {why}")]
    BadUrl { registry: String, why: &'static str },
    #[error("the registry {registry} gives no answer: {why}")]
    Call { registry: String, why: CallError },
    #[error("the registry {registry} wants a login: give --credentials, or --username with a password")]
    LoginWanted { registry: String },
    #[error("the registry {registry} refuses the login")]
    LoginRefused { registry: String },
    #[error("the registry {registry} asks for a login of a kind that is not spoken: {why}")]
    Challenge { registry: String, why: &'static str },
    #[error("the registry {registry} does not have {what}")]
    NotFound { registry: String, what: String },
    #[error("the registry {registry} answers {status}{code} when asked {what}")]
    Status { registry: String, status: u16, code: String, what: String },
    #[error("the registry {registry} answers with something else than the protocol has: {why}")]
    Protocol { registry: String, why: String },
    #[error("{what} is {found} in the registry, and {wanted} is wanted")]
    OtherDigest { what: String, wanted: Digest, found: Digest },
    #[error("{what} is longer than {limit} bytes")]
    TooLong { what: String, limit: u64 },
    #[error("it is no plugin: {0}")]
    NoPlugin(String),
    #[error(
        "`{reference}` may be another plugin tomorrow: name what you mean, `{reference}@{digest}` if it is what it is now{more}"
    )]
    Unpinned { reference: String, digest: Digest, more: String },
}

/// One repository of a registry.
pub struct Registry {
    client: Client,
    name: String,
    /// Ends with a slash.
    base: Url,
    login: Option<Login>,
    authorization: Option<Secret>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    errors: Vec<RefusalError>,
}

#[derive(Deserialize)]
struct RefusalError {
    #[serde(default)]
    code: String,
}

impl Registry {
    /// `plain`: HTTP without TLS, which is for this machine alone.
    ///
    /// # Errors
    /// The registry has no URL that may be called, or a file of roots cannot be read.
    pub fn new(
        reference: &Reference,
        settings: CallerSettings,
        login: Option<Login>,
        plain: bool,
    ) -> Result<Self, RegistryError> {
        let name = reference.registry.clone();
        let scheme = if plain { "http" } else { "https" };
        // Docker's name of its registry is not the one that serves it.
        let host = if name == "docker.io" { "registry-1.docker.io" } else { &name };
        let base = check_url(&format!("{scheme}://{host}/v2/{}/", reference.path))
            .map_err(|why| RegistryError::BadUrl { registry: name.clone(), why })?;
        Ok(Self { client: caller::client(settings)?, name, base, login, authorization: None })
    }

    /// A manifest by tag or digest: its bytes, and their digest.
    ///
    /// # Errors
    /// See [`RegistryError`].
    pub(super) async fn manifest(&mut self, by: &str) -> Result<(Vec<u8>, Digest), RegistryError> {
        let url = self.at(&format!("manifests/{by}"))?;
        let what = format!("for the manifest {by}");
        let response = self.send(&what, |client| client.get(url.clone()).header(ACCEPT, MANIFEST)).await?;
        let bytes = self.body(response, SMALL_BYTES_MAX, "the manifest").await?;
        let digest = Digest::of(&bytes);
        Ok((bytes, digest))
    }

    pub(super) async fn put_manifest(&mut self, by: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        let url = self.at(&format!("manifests/{by}"))?;
        let put = |client: &Client| client.put(url.clone()).header(CONTENT_TYPE, MANIFEST).body(bytes.to_vec());
        let response = self.send("to take the manifest", put).await?;
        self.kept(&response, "to take the manifest")
    }

    /// What was sent is only kept where that is said: who sends on has kept nothing.
    fn kept(&self, response: &Response, what: &str) -> Result<(), RegistryError> {
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let (registry, what) = (self.name.clone(), what.to_owned());
        Err(RegistryError::Status { registry, status: status.as_u16(), code: String::new(), what })
    }

    /// A blob, whose bytes have this digest.
    pub(super) async fn blob(&mut self, digest: Digest, limit: u64, what: &str) -> Result<Vec<u8>, RegistryError> {
        let url = self.at(&format!("blobs/{digest}"))?;
        let mut response = self.send(&format!("for {what}"), |client| client.get(url.clone())).await?;
        let mut asked = url;
        for _ in 0..REDIRECTS_MAX {
            if !response.status().is_redirection() {
                break;
            }
            asked = self.target(&asked, response.headers())?;
            // Whoever keeps the bytes is given no login: the URL says all that it needs.
            let request = self.client.get(asked.clone()).timeout(TRANSFER_MAX);
            response = request.send().await.map_err(|error| self.fault(error, &asked))?;
        }
        let response = self.checked(response, &format!("for {what}")).await?;
        let bytes = self.body(response, limit, what).await?;
        let found = Digest::of(&bytes);
        if found == digest {
            Ok(bytes)
        } else {
            Err(RegistryError::OtherDigest { what: what.to_owned(), wanted: digest, found })
        }
    }

    /// Brings a blob, unless it is there.
    pub(super) async fn put_blob(&mut self, bytes: &[u8], what: &str) -> Result<Digest, RegistryError> {
        let digest = Digest::of(bytes);
        let url = self.at(&format!("blobs/{digest}"))?;
        match self.send(&format!("whether it has {what}"), |client| client.head(url.clone())).await {
            Ok(_) => return Ok(digest),
            Err(RegistryError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        let url = self.at("blobs/uploads/")?;
        let begun = self.send(&format!("to take {what}"), |client| client.post(url.clone())).await?;
        let mut to = self.target(&url, begun.headers())?;
        to.query_pairs_mut().append_pair("digest", &digest.to_string());
        let is_here = to.origin() == self.base.origin();
        let authorization = self.authorization.clone().filter(|_| is_here);
        let mut request = self.client.put(to.clone()).header(CONTENT_TYPE, "application/octet-stream");
        if let Some(authorization) = &authorization {
            request = request.header(AUTHORIZATION, authorization.expose());
        }
        let sent = request.body(bytes.to_vec()).timeout(TRANSFER_MAX).send().await;
        let response = sent.map_err(|error| self.fault(error, &to))?;
        let response = self.checked(response, &format!("to take {what}")).await?;
        self.kept(&response, &format!("to take {what}"))?;
        Ok(digest)
    }

    fn at(&self, path: &str) -> Result<Url, RegistryError> {
        self.base.join(path).map_err(|_| self.protocol("a path that makes no URL"))
    }

    /// Where an answer sends to: by HTTPS, or on this machine if the registry is here too.
    fn target(&self, from: &Url, headers: &HeaderMap) -> Result<Url, RegistryError> {
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.ok_or_else(|| self.protocol("it sends elsewhere, and not where"))?;
        let url = from.join(location).map_err(|_| self.protocol("it sends to something that is no URL"))?;
        if url.scheme() == "http" && self.base.scheme() != "http" {
            return Err(self.protocol("it sends to where there is no TLS"));
        }
        check_url(url.as_str()).map_err(|why| RegistryError::BadUrl { registry: self.name.clone(), why })
    }

    /// Asks, and once more with a login if the registry wants one.
    async fn send(&mut self, what: &str, build: impl Fn(&Client) -> RequestBuilder) -> Result<Response, RegistryError> {
        let response = self.once(&build).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return self.checked(response, what).await;
        }
        self.log_in(response.headers().clone()).await?;
        let response = self.once(&build).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            return Err(self.unauthorized());
        }
        self.checked(response, what).await
    }

    async fn once(&self, build: &impl Fn(&Client) -> RequestBuilder) -> Result<Response, RegistryError> {
        let mut request = build(&self.client).timeout(TRANSFER_MAX);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.expose());
        }
        request.send().await.map_err(|error| self.fault(error, &self.base))
    }

    /// Answers a challenge: the login itself, or a token that is got for it.
    async fn log_in(&mut self, headers: HeaderMap) -> Result<(), RegistryError> {
        let challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let challenges: Vec<_> = challenges.collect();
        let with = |scheme: &str| {
            challenges.iter().find_map(|text| {
                let (found, rest) = text.split_once(' ').unwrap_or((text, ""));
                found.eq_ignore_ascii_case(scheme).then(|| rest.to_owned())
            })
        };
        if let Some(parameters) = with("Bearer") {
            let token = self.token(&parameters).await?;
            self.authorization = Some(Secret::new(format!("Bearer {}", token.expose())));
        } else if with("Basic").is_some() {
            let Some(login) = &self.login else { return Err(self.unauthorized()) };
            self.authorization = Some(basic(login));
        } else {
            let why = "it says neither `Basic` nor `Bearer`";
            return Err(RegistryError::Challenge { registry: self.name.clone(), why });
        }
        Ok(())
    }

    async fn token(&self, parameters: &str) -> Result<Secret, RegistryError> {
        let challenge = |why| RegistryError::Challenge { registry: self.name.clone(), why };
        let realm = parameter(parameters, "realm").ok_or_else(|| challenge("there is no `realm`"))?;
        let mut url = check_url(&realm).map_err(challenge)?;
        if url.scheme() == "http" && self.base.scheme() != "http" {
            return Err(challenge("its `realm` has no TLS"));
        }
        for name in ["service", "scope"] {
            if let Some(value) = parameter(parameters, name) {
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
        let mut request = self.client.request(Method::GET, url.clone());
        if let Some(login) = &self.login {
            request = request.header(AUTHORIZATION, basic(login).expose());
        }
        let response = request.send().await.map_err(|error| self.fault(error, &url))?;
        if !response.status().is_success() {
            return Err(self.unauthorized());
        }
        let bytes = self.body(response, SMALL_BYTES_MAX, "a token").await?;
        // What it says instead may hold the token.
        let token: Token = serde_json::from_slice(&bytes).map_err(|_| challenge("the token's server gives none"))?;
        let token = token.token.or(token.access_token).filter(|token| is_token(token));
        token.map(Secret::new).ok_or_else(|| challenge("the token's server gives none"))
    }

    fn unauthorized(&self) -> RegistryError {
        let registry = self.name.clone();
        match self.login {
            Some(_) => RegistryError::LoginRefused { registry },
            None => RegistryError::LoginWanted { registry },
        }
    }

    /// An answer that is one. A redirect is for who asked for it.
    async fn checked(&self, response: Response, what: &str) -> Result<Response, RegistryError> {
        let status = response.status();
        if status.is_success() || status.is_redirection() {
            return Ok(response);
        }
        let registry = self.name.clone();
        if status == StatusCode::NOT_FOUND {
            let what = what.trim_start_matches("for ").trim_start_matches("whether it has ").to_owned();
            return Err(RegistryError::NotFound { registry, what });
        }
        let body = self.body(response, SMALL_BYTES_MAX, "its answer").await.unwrap_or_default();
        let code = serde_json::from_slice::<Refusal>(&body).ok().and_then(|refusal| refusal.errors.into_iter().next());
        // Of a closed alphabet: an answer may repeat what it was sent.
        let is_code = |code: &String| {
            !code.is_empty() && code.len() < 40 && code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        };
        let code = code.map(|error| error.code).filter(is_code).map(|code| format!(" ({code})")).unwrap_or_default();
        Err(RegistryError::Status { registry, status: status.as_u16(), code, what: what.to_owned() })
    }

    async fn body(&self, mut response: Response, limit: u64, what: &str) -> Result<Vec<u8>, RegistryError> {
        let url = response.url().clone();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.fault(error, &url))? {
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(RegistryError::TooLong { what: what.to_owned(), limit });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn fault(&self, error: reqwest::Error, url: &Url) -> RegistryError {
        let why = caller::fault(error, &Secret::new(url.clone()));
        RegistryError::Call { registry: self.name.clone(), why }
    }

    pub(super) fn protocol(&self, why: impl Into<String>) -> RegistryError {
        RegistryError::Protocol { registry: self.name.clone(), why: why.into() }
    }
}

fn basic(login: &Login) -> Secret {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let pair = format!("{}:{}", login.username, login.password.expose());
    Secret::new(format!("Basic {}", STANDARD.encode(pair)))
}

/// What may stand in a header (RFC 6750).
fn is_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A parameter of a challenge (RFC 9110), quoted or not.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut rest = parameters.trim_start();
    loop {
        let (key, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value.trim().to_owned());
        }
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_has_parameters() {
        let text = r#"realm="https://auth.example/token?x=1",service=r.example, scope="repository:a/b:pull,push""#;
        assert_eq!(parameter(text, "realm").as_deref(), Some("https://auth.example/token?x=1"));
        assert_eq!(parameter(text, "service").as_deref(), Some("r.example"));
        assert_eq!(parameter(text, "SCOPE").as_deref(), Some("repository:a/b:pull,push"));
        for (text, name) in [(text, "other"), ("", "realm"), ("realm", "realm"), ("realm=\"x", "realm")] {
            assert_eq!(parameter(text, name), None);
        }
    }
}
