//! What names a plugin in a registry: `HOST[:PORT]/PATH[:TAG][@sha256:HEX]`.

use std::{fmt, str::FromStr};

use crate::domain::Digest;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Host, and port if one is written.
    pub registry: String,
    /// Below the registry.
    pub path: String,
    pub tag: Option<String>,
    /// Of the manifest.
    pub digest: Option<Digest>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no plugin in a registry: {why}; write `registry.example.com/checks/NAME@sha256:…`")]
pub struct ReferenceError {
    text: String,
    why: &'static str,
}

/// Of the distribution specification.
const PATH_BYTES_MAX: usize = 255;
const TAG_BYTES_MAX: usize = 128;

impl Reference {
    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let wrong = |why| ReferenceError { text: text.to_owned(), why };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                (rest, Some(digest.parse().map_err(|_| wrong("what follows `@` is not `sha256:` and 64 digits"))?))
            }
            None => (text, None),
        };
        let (registry, rest) = rest.split_once('/').ok_or_else(|| wrong("there is no path"))?;
        // `checks/keys` is no host and path: no registry is meant when none is written.
        if !(registry.contains(['.', ':']) || registry == "localhost") {
            return Err(wrong("it does not begin with the host of a registry"));
        }
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        let begins = registry.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '[');
        if !begins || !registry.bytes().all(is_host) {
            return Err(wrong("the host is none"));
        }
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        if path.len() > PATH_BYTES_MAX || !path.split('/').all(is_part) {
            return Err(wrong("its path has small letters and digits, with `.`, `_` or `-` between them"));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(wrong("the tag is none"));
        }
        Ok(Self { registry: registry.to_owned(), path: path.to_owned(), tag: tag.map(str::to_owned), digest })
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_part(part: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (Some(first), Some(last)) = (part.bytes().next(), part.bytes().last()) else { return false };
    let separators = part.split(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit());
    let is_separator = |text: &str| matches!(text, "" | "." | "_" | "__") || text.bytes().all(|byte| byte == b'-');
    is_plain(first) && is_plain(last) && separators.into_iter().all(is_separator)
}

fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_rest = |byte: u8| is_word(byte) || byte == b'.' || byte == b'-';
    tag.len() <= TAG_BYTES_MAX && tag.bytes().next().is_some_and(is_word) && tag.bytes().all(is_rest)
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_and_written() {
        let digest = Digest::of(b"one");
        for text in [
            "registry.example.com/checks/keys:1.0.0".to_owned(),
            format!("127.0.0.1:5000/keys@{digest}"),
            format!("localhost/a/b-c/d__e:latest@{digest}"),
            "[::1]:5000/keys".to_owned(),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), text);
        }
        let full: Reference = format!("r.example/a/keys:1@{digest}").parse().unwrap();
        assert_eq!((full.name(), full.tag.as_deref(), full.digest), ("keys", Some("1"), Some(digest)));
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for text in [
            "keys",
            "checks/keys",
            "./keys.wasm",
            "r.example/",
            "r.example/Keys",
            "r.example/a..b",
            "r.example/../keys",
            "r.example/a___b",
            "r.example/keys:",
            "r.example/keys:-1",
            "r.example/keys@sha256:12",
            "https://r.example/keys",
            "user@r.example/keys",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }
}
