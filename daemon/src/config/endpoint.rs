//! URLs -> the part of them that grants speak of.

use url::{Host, ParseError, Url};

use super::{diagnostics::Errors, model::Endpoint, section::Located};
use crate::domain::Scheme;

/// Scheme, host and port of a URL that has nothing else.
pub(super) fn endpoint(url: Located<&str>, errors: &mut Errors) -> Option<Endpoint> {
    let parsed = match Url::parse(url.value) {
        Ok(parsed) => parsed,
        Err(error) => {
            errors.add_bad_url(url.at, url.value, &no_url(error));
            return None;
        }
    };
    if parsed.password().is_some() || !parsed.username().is_empty() {
        errors.add_secret_in_text(url.at, "a URL");
        return None;
    }
    let endpoint = endpoint_of(&parsed);
    let problem = match &endpoint {
        Err(why) => Some(*why),
        Ok(_) if parsed.path() != "/" && !parsed.path().is_empty() => Some("a path is not part of a grant"),
        Ok(_) if parsed.query().is_some() || parsed.fragment().is_some() => {
            Some("only scheme, host and port are granted")
        }
        Ok(_) => None,
    };
    if let Some(why) = problem {
        errors.add_bad_url(url.at, url.value, why);
        return None;
    }
    endpoint.ok()
}

/// Why text is no URL.
pub(super) fn no_url(error: ParseError) -> String {
    match error {
        ParseError::RelativeUrlWithoutBase => "it does not begin with `https://`".to_owned(),
        other => other.to_string(),
    }
}

/// The part of a URL that grants speak of.
pub(super) fn endpoint_of(url: &Url) -> Result<Endpoint, &'static str> {
    let (scheme, port) = match url.scheme() {
        "https" => (Scheme::Https, 443),
        "http" => (Scheme::Http, 80),
        _ => return Err("the scheme is neither `https` nor `http`"),
    };
    let host = match url.host() {
        Some(Host::Domain(name)) if name.contains('*') => return Err("a grant names one host exactly, without `*`"),
        Some(Host::Domain(name)) => name.trim_end_matches('.').to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        None => return Err("there is no host"),
    };
    if host.is_empty() {
        return Err("there is no host");
    }
    Ok(Endpoint { scheme, host, port: url.port().unwrap_or(port) })
}
