//! Names and addresses that a configuration lists.

use std::net::IpAddr;

use serde::Deserialize;

/// A name in which `*` stands for any characters, also none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Pattern(String);

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Pattern {
    pub(crate) fn matches(&self, name: &str) -> bool {
        matches(&self.0, name)
    }

    /// The name itself, when it is one and no pattern.
    pub(crate) fn name(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(&self.0)
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

pub(crate) fn any(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

/// Each `*` takes as little as it can, and more when what follows does not fit.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            last_star = Some((p, n));
            p += 1;
        } else if pattern.get(p) == Some(&name[n]) {
            (p, n) = (p + 1, n + 1);
        } else if let Some((star, taken)) = last_star {
            last_star = Some((star, taken + 1));
            (p, n) = (star + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Where a read may come from: `10.0.0.0/8`, one address, or a name as the source writes it (`[local]`,
/// `*.amazonaws.com`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) enum Network {
    Range { address: IpAddr, prefix: u32 },
    Name(Pattern),
}

impl From<String> for Network {
    fn from(text: String) -> Self {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, prefix.parse().ok()),
            None => (text.as_str(), Some(128)),
        };
        match (address.parse::<IpAddr>(), prefix) {
            (Ok(address), Some(prefix)) => Self::Range { address, prefix },
            _ => Self::Name(Pattern(text)),
        }
    }
}

impl Network {
    pub(crate) fn contains(&self, from: &str) -> bool {
        match self {
            Self::Range { address, prefix } => {
                from.parse::<IpAddr>().is_ok_and(|from| is_within(from.to_canonical(), *address, *prefix))
            }
            Self::Name(pattern) => pattern.matches(from),
        }
    }
}

fn is_within(from: IpAddr, network: IpAddr, prefix: u32) -> bool {
    match (from, network) {
        (IpAddr::V4(from), IpAddr::V4(network)) => {
            let shift = 32 - prefix.min(32);
            u64::from(from.to_bits()) >> shift == u64::from(network.to_bits()) >> shift
        }
        (IpAddr::V6(from), IpAddr::V6(network)) => {
            let shift = 128 - prefix.min(128);
            shift == 128 || from.to_bits() >> shift == network.to_bits() >> shift
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_for_nothing() {
        for (pattern, name) in [
            ("trainer", "trainer"),
            ("etl_*", "etl_"),
            ("*:role/trainer", "arn:aws:iam::1:role/trainer"),
            ("a*b*c", "aXbXbc"),
            ("*", ""),
            ("**", "x"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("trainer", "trainer2"), ("etl_*", "etl"), ("a*b", "abc"), ("", "x"), ("Trainer", "trainer")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn networks_are_ranges_addresses_and_names() {
        let contains = |network: &str, from: &str| Network::from(network.to_owned()).contains(from);
        for (network, from) in [
            ("10.0.0.0/8", "10.200.1.2"),
            ("10.0.0.0/8", "::ffff:10.1.1.1"),
            ("192.0.2.7", "192.0.2.7"),
            ("0.0.0.0/0", "203.0.113.9"),
            ("2001:db8::/32", "2001:db8:1::1"),
            ("::/0", "2001:db8::1"),
            ("[local]", "[local]"),
            ("*.amazonaws.com", "athena.amazonaws.com"),
        ] {
            assert!(contains(network, from), "{network} {from}");
        }
        for (network, from) in [
            ("10.0.0.0/8", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.70"),
            ("0.0.0.0/0", "2001:db8::1"),
            ("10.0.0.0/8", "[local]"),
        ] {
            assert!(!contains(network, from), "{network} {from}");
        }
    }
}
