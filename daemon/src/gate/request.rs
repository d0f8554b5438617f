//! Reads what a plugin wants to send, and holds it against the grants.

use bytes::Bytes;
use evidenced_contract::{Auth, HttpError, HttpRequest};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use rustls::pki_types::ServerName;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};
use url::{Host, Url};

use crate::domain::{CredentialId, Grant, Scheme};

/// Longer ones are refused by most servers; RFC 9110 asks for 8,000 at least.
const URL_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;
const HEADER_BYTES_MAX: usize = 32 << 10;

/// Headers that say how a message travels, or who sends it: the host's, whatever a plugin writes.
const OWNED: [HeaderName; 10] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::COOKIE,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Headers by which some servers take another method than the one that was granted.
const METHOD_OVERRIDES: [&str; 3] = ["x-http-method", "x-http-method-override", "x-method-override"];

/// What may be reached.
#[derive(Debug)]
pub(super) struct Grants {
    /// What the control grants, and whoever asks said that it needs.
    pub effective: Arc<[Grant]>,
    /// What the control grants in vain: known only to tell why it is refused.
    pub undeclared: Arc<[Grant]>,
}

impl Grants {
    pub(super) fn all(grants: impl Into<Arc<[Grant]>>) -> Self {
        Self { effective: grants.into(), undeclared: [].into() }
    }

    /// What is declared stays; the rest is known and not given.
    pub(super) fn declared(&self, is_declared: impl Fn(&Grant) -> bool) -> Self {
        let (effective, undeclared): (Vec<_>, Vec<_>) =
            self.effective.iter().cloned().partition(|grant| is_declared(grant));
        Self { effective: effective.into(), undeclared: undeclared.into() }
    }
}

/// One server, as a URL names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub scheme: Scheme,
    /// Lower case and ASCII; odd spellings of addresses are read.
    pub host: Host,
    pub port: u16,
}

impl Target {
    pub(super) fn of(url: &Url) -> Option<Self> {
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        Some(Self { scheme, host: url.host()?.to_owned(), port: url.port_or_known_default()? })
    }

    /// `host` is a name or an address, without brackets.
    pub(super) fn named(scheme: Scheme, host: &str, port: u16) -> Option<Self> {
        let host = match host.parse::<Ipv6Addr>() {
            Ok(address) => Host::Ipv6(address),
            Err(_) => Host::parse(host).ok()?,
        };
        Some(Self { scheme, host, port })
    }

    pub(super) fn is_tls(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// The address that stands in the URL itself.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        match self.host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
        }
    }

    /// The name that the certificate must be for.
    pub(super) fn server_name(&self) -> Option<ServerName<'static>> {
        match &self.host {
            Host::Domain(name) => ServerName::try_from(name.clone()).ok(),
            Host::Ipv4(address) => Some(IpAddr::from(*address).into()),
            Host::Ipv6(address) => Some(IpAddr::from(*address).into()),
        }
    }

    /// The value of the header `host`: without the port that the scheme implies.
    pub(super) fn host_header(&self) -> String {
        let implied = if self.is_tls() { 443 } else { 80 };
        if self.port == implied { self.host.to_string() } else { self.to_string() }
    }

    fn is_granted_by(&self, grant: &Grant) -> bool {
        let host = match &self.host {
            Host::Domain(name) => *name == grant.host,
            Host::Ipv4(address) => grant.host.parse::<Ipv4Addr>().is_ok_and(|granted| granted == *address),
            Host::Ipv6(address) => grant.host.parse::<Ipv6Addr>().is_ok_and(|granted| granted == *address),
        };
        host && self.scheme == grant.scheme && self.port == grant.port
    }
}

/// Host and port.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A request that may be sent. The host's own headers are not in it yet.
#[derive(Debug)]
pub(super) struct Permitted<'a> {
    pub target: Target,
    pub url: Url,
    pub method: Method,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub grant: &'a Grant,
    /// What the host adds.
    pub credential: Option<&'a CredentialId>,
    pub accept: Vec<u16>,
    pub timeout_ms: u32,
}

impl<'a> Permitted<'a> {
    /// Refuses what is no HTTP request, and what no grant covers: exactly this scheme, host, port and method.
    pub(super) fn new(request: HttpRequest, grants: &'a Grants) -> Result<Self, HttpError> {
        let url = read_url(&request.url)?;
        let target = Target::of(&url).ok_or_else(|| refused("a URL begins with `http://` or `https://`".to_owned()))?;
        let method = read_method(&request.method)?;
        let headers = read_headers(&request.headers)?;
        let (grant, credential) = choose(grants, &target, &method, &request.auth)?;
        Ok(Self {
            target,
            url,
            method,
            headers,
            body: request.body.unwrap_or_default().into(),
            grant,
            credential,
            accept: request.accept,
            timeout_ms: request.timeout_ms,
        })
    }
}

/// The server that a handshake is made with, and the grant that covers it: any https grant of the same host and port.
pub(super) fn permit_handshake<'a>(
    host: &str,
    port: u16,
    grants: &'a Grants,
) -> Result<(Target, &'a Grant), HttpError> {
    let bracketed = if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]") } else { host.to_owned() };
    let host = Host::parse(&bracketed).map_err(|_| refused(format!("`{}` is not the name of a host", shown(host))))?;
    let target = Target { scheme: Scheme::Https, host, port };
    let covers = |grant: &&Grant| target.is_granted_by(grant);
    let grant = grants.effective.iter().find(covers).ok_or_else(|| {
        let what = format!("a TLS handshake with {target}");
        refused(match grants.undeclared.iter().find(covers) {
            Some(_) => undeclared(&what),
            None => format!("{what} needs a grant of https://{target}"),
        })
    })?;
    Ok((target, grant))
}

fn undeclared(what: &str) -> String {
    format!("{what} is granted to this control, but the plugin does not say in `needs.hosts` that it calls it")
}

fn choose<'a>(
    grants: &'a Grants,
    target: &Target,
    method: &Method,
    auth: &Auth,
) -> Result<(&'a Grant, Option<&'a CredentialId>), HttpError> {
    let place = format!("{}://{target}", target.scheme.as_str());
    let covers = |grant: &&Grant| {
        target.is_granted_by(grant) && grant.methods.iter().any(|granted| granted.as_str() == method.as_str())
    };
    let mut covering = grants.effective.iter().filter(covers).peekable();
    let Some(first) = covering.peek().copied() else {
        let what = format!("{method} {place}");
        return Err(refused(match grants.undeclared.iter().find(covers) {
            Some(_) => undeclared(&what),
            None => format!("{what} is not granted to this control"),
        }));
    };
    match auth {
        Auth::Anonymous => Ok((first, None)),
        Auth::Granted => Ok((first, first.credential.as_ref())),
        Auth::Named(name) => {
            let named = covering.find_map(|grant| {
                let mut credentials = grant.named_credentials.iter().chain(&grant.credential);
                Some((grant, credentials.find(|credential| credential.as_str() == name)?))
            });
            let (grant, credential) = named.ok_or_else(|| {
                refused(format!("the credential `{}` is not granted for {method} {place}", shown(name)))
            })?;
            Ok((grant, Some(credential)))
        }
    }
}

fn read_url(text: &str) -> Result<Url, HttpError> {
    if text.len() > URL_BYTES_MAX {
        return Err(refused(format!("a URL of {} bytes; at most {URL_BYTES_MAX} are sent", text.len())));
    }
    let mut url = Url::parse(text).map_err(|error| refused(format!("`{}` is not a URL: {error}", shown(text))))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("a URL with a user or a password in it: the host adds credentials".to_owned()));
    }
    url.set_fragment(None);
    Ok(url)
}

fn read_method(text: &str) -> Result<Method, HttpError> {
    let method = Method::from_bytes(text.as_bytes())
        .ok()
        .filter(|method| method.as_str().len() <= 32)
        .ok_or_else(|| refused(format!("`{}` is not a method", shown(text))))?;
    // One makes a tunnel to anywhere, the other has the server repeat the credential.
    if method == Method::CONNECT || method == Method::TRACE {
        return Err(refused(format!("{method} is never sent")));
    }
    Ok(method)
}

fn read_headers(headers: &[(String, String)]) -> Result<HeaderMap, HttpError> {
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if headers.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return Err(refused(format!("at most {HEADERS_MAX} headers of {HEADER_BYTES_MAX} bytes together are sent")));
    }
    let mut read = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let wrong = || refused(format!("`{}` is not a header", shown(name)));
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        if OWNED.contains(&header) || header.as_str().starts_with("proxy-") {
            return Err(owned(header.as_str()));
        }
        if METHOD_OVERRIDES.contains(&header.as_str()) {
            return Err(refused(format!(
                "the header `{header}` asks for a method that is not granted; send it as the method"
            )));
        }
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| refused(format!("the value of the header `{header}` holds a line end or another control")))?;
        read.append(header, value);
    }
    Ok(read)
}

/// A header that the host sets itself.
pub(super) fn owned(name: &str) -> HttpError {
    refused(format!("the header `{name}` is set by the host; leave it out"))
}

pub(super) fn refused(why: String) -> HttpError {
    HttpError::Refused(why)
}

/// Enough of a plugin's text to know it by, on one line.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(100).flat_map(char::escape_debug).collect();
    if text.chars().nth(100).is_some() {
        shown.push('…');
    }
    shown
}
