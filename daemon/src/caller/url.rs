//! Where something is called, and what may not stand there.

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::CallError;
use crate::secret::{Secret, SecretSource};

/// A URL as the configuration has it. One that is a secret (whoever knows it may write to it) is read when it is used.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallUrl {
    Plain(String),
    Secret(SecretSource),
}

/// The server that a URL leads to.
#[derive(Clone)]
pub struct Target {
    pub is_tls: bool,
    /// Brackets of IPv6 removed.
    pub host: String,
    pub port: u16,
    /// On this machine.
    pub is_here: bool,
}

impl CallUrl {
    /// Where it leads, to knock there. Of a secret URL this is a part: it is not to be shown.
    ///
    /// # Errors
    /// The secret cannot be read, or is no URL that may be called.
    pub fn target(&self) -> Result<Target, CallError> {
        let url = self.read()?;
        let url = url.expose();
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().unwrap_or_default();
        Ok(Target { is_tls: url.scheme() == "https", host, port, is_here: is_here(url) })
    }

    /// The secret that it is, if it is one.
    pub const fn secret(&self) -> Option<&SecretSource> {
        match self {
            Self::Plain(_) => None,
            Self::Secret(source) => Some(source),
        }
    }

    /// The URL as it is now. No error says what it is.
    pub(super) fn read(&self) -> Result<Secret<Url>, CallError> {
        let text = match self {
            Self::Plain(text) => text.clone(),
            Self::Secret(source) => source.read()?.expose().trim().to_owned(),
        };
        check_url(&text).map(Secret::new).map_err(CallError::BadUrl)
    }
}

/// A URL that may be called: https, or http on this machine; without a login, which would be a secret in clear.
///
/// # Errors
/// What is wrong with it, without the URL itself.
pub fn check_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "it is no URL: write `https://`, a host and a path")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a login; a URL that is a secret is given as one");
    }
    match url.scheme() {
        _ if url.host().is_none() => Err("there is no host"),
        "https" => Ok(url),
        "http" if is_here(&url) => Ok(url),
        "http" => Err("http is for this machine alone: use https"),
        _ => Err("the scheme is not https"),
    }
}

/// `localhost` (RFC 6761) or a loopback address.
pub(super) fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_is_demanded_but_on_this_machine() {
        for good in [
            "https://hooks.example.com/a?b=c",
            "https://[2001:db8::1]:8443/",
            "http://localhost:9/x",
            "http://127.0.0.1:9",
            "http://[::1]:9/",
        ] {
            assert!(check_url(good).is_ok(), "{good}");
        }
        for (wrong, why) in [
            ("hooks.example.com", "no URL"),
            ("http://hooks.example.com/", "this machine alone"),
            ("http://localhost.example.com/", "this machine alone"),
            ("ftp://127.0.0.1/", "not https"),
            ("https://user@hooks.example.com/", "login"),
            ("https://:pw@hooks.example.com/", "login"),
            ("data:text/plain,x", "no host"),
        ] {
            let told = check_url(wrong).unwrap_err();
            assert!(told.contains(why), "{wrong}: {told}");
            assert!(!told.contains(wrong));
        }
    }
}
