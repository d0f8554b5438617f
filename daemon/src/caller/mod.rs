//! What the daemon itself calls on the web: webhooks and the heartbeat. Plugins never come here; they have the gate.
//!
//! In: a URL, perhaps a secret one, and what is sent. Out: a status and when to come back, or why there was no answer.
//! The same trust as the gate (the system's roots and `[network] ca`), the same proxy; no redirects, no cookies, a new
//! connection each time. No error and no answer tells a URL: not the whole, not its host.
//!
//! It waits on real time only. Must not know: what is told, the ledger, the configuration.

mod url;

use std::{error::Error, io, path::PathBuf, time::Duration};

use ::url::Url;
use reqwest::{Client, Proxy, RequestBuilder, Response, redirect::Policy};

use crate::{
    gate::{self, GateError, Now},
    secret::{Secret, SecretError},
};

pub use self::url::{CallUrl, Target, check_url};

/// No answer takes longer, from the look-up of the name to the end of its head.
const ANSWER_MAX: Duration = Duration::from_secs(30);

const CONNECT_MAX: Duration = Duration::from_secs(10);

/// What is looked at of the body of a refusal; Slack says in a word what it minds.
const WORD_BYTES_MAX: usize = 60;

/// By what way calls go out.
pub struct CallerSettings {
    /// Calls go through it, but those to this machine and those that pass it by.
    pub proxy: Option<gate::Proxy>,
    /// PEM files of roots that are trusted besides the system's.
    pub ca: Vec<PathBuf>,
    /// Certificates are held against it.
    pub now: Now,
}

/// Why nothing can be called.
#[derive(Debug, thiserror::Error)]
pub enum CallerError {
    #[error(transparent)]
    Trust(#[from] GateError),
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// Why there was no answer. It tells no URL.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("the URL cannot be called: {0}")]
    BadUrl(&'static str),
    #[error("no connection: {0}")]
    Unreachable(String),
    #[error("no trusted TLS: {0}")]
    Tls(String),
    #[error("no answer within 30 s")]
    Timeout,
    /// What was sent may have arrived.
    #[error("the connection broke before there was an answer: {0}")]
    Broken(String),
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// The server asks not to be called again before.
    pub retry_after: Option<Duration>,
    /// The body of a refusal, if it is a word or a few: `invalid_payload`.
    pub word: Option<String>,
}

/// Calls.
pub struct Caller {
    client: Client,
    now: Now,
}

impl Caller {
    /// # Errors
    /// A file in `ca` cannot be read, or holds no certificate.
    pub fn new(settings: CallerSettings) -> Result<Self, CallerError> {
        let now = settings.now.clone();
        Ok(Self { client: client(settings)?, now })
    }

    /// # Errors
    /// There was no answer; see [`CallError`].
    pub async fn get(&self, url: &CallUrl) -> Result<Answer, CallError> {
        let url = read(url).await?;
        self.answer(self.client.get(url.expose().clone()), &url).await
    }

    /// Sends JSON.
    ///
    /// # Errors
    /// There was no answer; see [`CallError`].
    pub async fn post(
        &self,
        url: &CallUrl,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<Answer, CallError> {
        let url = read(url).await?;
        let mut request = self.client.post(url.expose().clone()).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        self.answer(request.body(body), &url).await
    }

    async fn answer(&self, request: RequestBuilder, url: &Secret<Url>) -> Result<Answer, CallError> {
        let response = request.send().await.map_err(|error| fault(error, url))?;
        let status = response.status();
        let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = header.and_then(|value| gate::read_retry_after(value, (self.now)()));
        let word = if status.is_success() { None } else { word(response, url).await };
        Ok(Answer { status: status.as_u16(), retry_after, word })
    }
}

/// The one place where a client is made; a registry of plugins is called by one too.
///
/// # Errors
/// A file in `ca` cannot be read, or holds no certificate.
pub(crate) fn client(settings: CallerSettings) -> Result<Client, CallerError> {
    let tls = gate::trusted_tls(&settings.ca, settings.now.clone())?;
    let mut builder = Client::builder()
        .tls_backend_preconfigured((*tls).clone())
        .http1_only()
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_MAX)
        .timeout(ANSWER_MAX)
        .user_agent(concat!("evidenced/", env!("CARGO_PKG_VERSION")))
        // Nothing of the environment.
        .no_proxy();
    if let Some(proxy) = settings.proxy {
        builder = builder.proxy(Proxy::custom(move |url| through(&proxy, url)));
    }
    builder.build().map_err(CallerError::Client)
}

/// The URL as it is now. Where it is a secret, its file may lie on a disk that hangs.
async fn read(url: &CallUrl) -> Result<Secret<Url>, CallError> {
    let url = url.clone();
    match tokio::time::timeout(ANSWER_MAX, tokio::task::spawn_blocking(move || url.read())).await {
        Ok(Ok(read)) => read,
        Ok(Err(_)) | Err(_) => Err(CallError::BadUrl("it could not be read in time")),
    }
}

/// The proxy, with its login as it is now; `None`: `url` is reached without it.
fn through(proxy: &gate::Proxy, url: &Url) -> Option<Url> {
    if url::is_here(url) || url.host_str().is_some_and(|host| proxy.is_passed_by_host(host)) {
        return None;
    }
    let host = if proxy.host.contains(':') { format!("[{}]", proxy.host) } else { proxy.host.clone() };
    let mut through = Url::parse(&format!("http://{host}:{}", proxy.port)).ok()?;
    if let Some(gate::ProxyLogin { username, password }) = &proxy.login {
        match password.read() {
            // A URL of this form takes both.
            Ok(password) => {
                let _ = through.set_username(username);
                let _ = through.set_password(Some(password.expose()));
            }
            // The proxy refuses, and the call says so.
            Err(error) => tracing::warn!("`proxy_password`: {error}"),
        }
    }
    Some(through)
}

/// Why a call failed, without its URL.
pub(crate) fn fault(error: reqwest::Error, url: &Secret<Url>) -> CallError {
    let error = error.without_url();
    if error.is_timeout() && !error.is_connect() {
        return CallError::Timeout;
    }
    let (why, is_tls) = innermost(&error);
    let why = without_host(&why, url);
    match (is_tls, error.is_connect()) {
        (true, _) => CallError::Tls(why),
        (false, true) => CallError::Unreachable(why),
        (false, false) => CallError::Broken(why),
    }
}

/// The words of the cause that has no further cause, and whether it is one of TLS.
fn innermost(error: &dyn Error) -> (String, bool) {
    let (mut words, mut cause) = (error.to_string(), error.source());
    while let Some(next) = cause {
        if let Some(tls) = of_tls(next) {
            return (tls.to_string(), true);
        }
        (words, cause) = (next.to_string(), next.source());
    }
    (words, false)
}

/// It comes wrapped into errors of input and output.
fn of_tls<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    match error.downcast_ref::<io::Error>() {
        Some(wrapping) => of_tls(wrapping.get_ref()?),
        None => error.downcast_ref(),
    }
}

fn without_host(words: &str, url: &Secret<Url>) -> String {
    let words: String = words.chars().filter(|letter| !letter.is_control()).take(200).collect();
    match url.expose().host_str() {
        Some(host) => words.replace(host.trim_matches(['[', ']']), "the host"),
        None => words,
    }
}

/// A body that is a few words of small letters, and nothing of the URL: an answer may repeat what it was asked.
async fn word(mut response: Response, url: &Secret<Url>) -> Option<String> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > WORD_BYTES_MAX {
            return None;
        }
    }
    let word = std::str::from_utf8(&body).ok()?.trim();
    let is_plain = !word.is_empty() && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_' | b' '));
    (is_plain && !url.expose().as_str().contains(word)).then(|| word.to_owned())
}

#[cfg(test)]
mod tests;
