//! The proxy that requests go through: which of them, its login, and its tunnels.

use base64::{Engine, engine::general_purpose::STANDARD};
use evidenced_contract::HttpError;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::request::{Target, refused};
use crate::{
    domain::PastProxy,
    secret::{Secret, SecretSource},
};

/// The answer of a proxy to CONNECT; of no interest but its status.
const TUNNEL_HEAD_MAX: usize = 8 << 10;

/// The proxy that requests go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// A name or an address, without brackets.
    pub host: String,
    pub port: u16,
    /// Whom it lets through, if it asks.
    pub login: Option<ProxyLogin>,
    /// Hosts that are reached without it.
    pub past: Vec<PastProxy>,
}

/// Who asks the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyLogin {
    pub username: String,
    /// Read for every connection anew.
    pub password: SecretSource,
}

/// A login with its password, as the header `proxy-authorization` has it.
#[derive(Debug, Clone)]
pub(super) struct ProxyPass {
    password: Secret,
    pair: Secret,
}

impl Proxy {
    /// Whether the target is one of those that are reached without it.
    pub(super) fn is_passed_by(&self, target: &Target) -> bool {
        let host = match target.literal() {
            Some(address) => address.to_string(),
            None => target.host.to_string().trim_end_matches('.').to_owned(),
        };
        self.is_passed_by_host(&host)
    }

    /// The same of a host as URLs have it.
    pub(crate) fn is_passed_by_host(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        self.past.iter().any(|entry| entry.covers(host))
    }

    /// What shows who asks. `None`: it does not ask.
    pub(super) async fn pass(&self) -> Result<Option<ProxyPass>, HttpError> {
        let Some(ProxyLogin { username, password }) = &self.login else { return Ok(None) };
        let source = password.clone();
        // A file may lie on a disk that hangs.
        let password = match tokio::task::spawn_blocking(move || source.read()).await {
            Ok(Ok(password)) => password,
            Ok(Err(error)) => {
                tracing::warn!("`proxy_password`: {error}");
                return Err(refused(
                    "the proxy's `proxy_password` cannot be read; the log of the daemon says why".to_owned(),
                ));
            }
            Err(_) => return Err(refused("the proxy's `proxy_password` was not read".to_owned())),
        };
        let pair = STANDARD.encode(format!("{username}:{}", password.expose()));
        Ok(Some(ProxyPass { password, pair: Secret::new(pair) }))
    }

    pub(super) fn unreachable(&self) -> HttpError {
        HttpError::Unreachable(format!("the proxy {}:{} cannot be reached", self.host, self.port))
    }
}

impl ProxyPass {
    /// The value of `proxy-authorization` (RFC 7617).
    pub(super) fn header(&self) -> Secret {
        Secret::new(format!("Basic {}", self.pair.expose()))
    }

    /// What must not be seen in an answer.
    pub(super) fn secrets(self) -> [Secret; 2] {
        [self.password, self.pair]
    }
}

/// What a proxy wants that refuses without a login, or with this one.
fn wants_login(status: u16, pass: Option<&ProxyPass>) -> String {
    let wants = if pass.is_some() { "does not accept" } else { "asks for" };
    format!("status {status}, it {wants} `proxy_username` and `proxy_password`")
}

/// The proxy has answered a request with status 407, which no server but a proxy does.
pub(super) fn not_passed_on(target: &Target, pass: Option<&ProxyPass>) -> HttpError {
    HttpError::Unreachable(format!("the proxy passes nothing on to {target}: {}", wants_login(407, pass)))
}

/// Asks the proxy to pass everything on to `target` (RFC 9110, section 9.3.6).
pub(super) async fn tunnel(
    mut tcp: TcpStream,
    target: &Target,
    pass: Option<&ProxyPass>,
) -> Result<TcpStream, HttpError> {
    let no_tunnel = |why: &str| HttpError::Unreachable(format!("the proxy makes no tunnel to {target}: {why}"));
    let broken = || no_tunnel("it does not answer in HTTP");
    let login = pass.map(|pass| format!("proxy-authorization: {}\r\n", pass.header().expose())).unwrap_or_default();
    let ask = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n{login}\r\n");
    tcp.write_all(ask.as_bytes()).await.map_err(|_| broken())?;
    let mut head = Vec::new();
    // Byte by byte: what comes after the head is the other side's.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == TUNNEL_HEAD_MAX {
            return Err(broken());
        }
        head.push(tcp.read_u8().await.map_err(|_| broken())?);
    }
    let mut words = head.split(|byte| byte.is_ascii_whitespace());
    let version = words.next().unwrap_or_default();
    let status = words.next().and_then(|status| std::str::from_utf8(status).ok()?.parse::<u16>().ok());
    match status {
        Some(200..=299) if version.starts_with(b"HTTP/1.") => Ok(tcp),
        // Some say it by the status that a server has for it.
        Some(status @ (401 | 407)) if version.starts_with(b"HTTP/1.") => Err(no_tunnel(&wants_login(status, pass))),
        Some(status) if version.starts_with(b"HTTP/1.") => Err(no_tunnel(&format!("status {status}"))),
        _ => Err(broken()),
    }
}
