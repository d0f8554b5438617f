//! Which hosts are reached past the proxy.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

use super::AddressRange;

/// An entry of `no_proxy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PastProxy {
    /// This name alone.
    Host(String),
    /// Every name that ends in a dot and this one, and not the name itself.
    Under(String),
    /// Every address in it, where the URL has an address; names are not looked up for this.
    Range(AddressRange),
}

impl PastProxy {
    /// `host` is a name in lower case, or an address without brackets.
    pub fn covers(&self, host: &str) -> bool {
        match self {
            Self::Host(name) => name == host,
            Self::Under(domain) => host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.')),
            Self::Range(range) => host.parse::<IpAddr>().is_ok_and(|address| range.contains(address.to_canonical())),
        }
    }
}

impl std::str::FromStr for PastProxy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Ok(range) = text.parse() {
            return Ok(Self::Range(range));
        }
        let (name, is_domain) = match text.strip_prefix('.') {
            Some(domain) => (domain, true),
            None => (text, false),
        };
        // As URLs are read, so that the two are compared in one spelling.
        let Ok(url::Host::Domain(name)) = url::Host::parse(name) else { return Err(()) };
        if name.contains('*') || name.is_empty() || name.starts_with('.') {
            return Err(());
        }
        let name = name.trim_end_matches('.').to_owned();
        Ok(if is_domain { Self::Under(name) } else { Self::Host(name) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(entry: &str, covered: &[&str], not_covered: &[&str]) {
        let entry: PastProxy = entry.parse().unwrap();
        for host in covered {
            assert!(entry.covers(host), "{host}");
        }
        for host in not_covered {
            assert!(!entry.covers(host), "{host}");
        }
    }

    #[test]
    fn a_name_covers_itself_and_a_dot_covers_what_is_under_it() {
        check("API.example.com", &["api.example.com"], &["a.api.example.com", "example.com", "xapi.example.com"]);
        check(".example.com", &["a.example.com", "b.a.example.com"], &["example.com", "badexample.com"]);
    }

    #[test]
    fn a_range_covers_addresses_and_no_names() {
        check("10.0.0.0/8", &["10.1.2.3", "::ffff:10.1.2.3"], &["11.0.0.1", "ten.example.com"]);
        check("192.0.2.7", &["192.0.2.7"], &["192.0.2.8"]);
        check("fd00::/8", &["fd12::1"], &["2001:db8::1"]);
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in ["", ".", "*", "*.example.com", "a b", "10.0.0.0/33", "http://a", "a:80", "..a"] {
            assert_eq!(text.parse::<PastProxy>(), Err(()), "{text}");
        }
    }
}
