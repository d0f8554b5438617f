//! What a signature says.

use std::fmt;

use crate::domain::{Digest, PluginName};

/// The first line of the text, so that nothing else that a key signed is ever taken for it.
const HEAD: &str = "evidenced plugin 1";

/// Longer ones are no versions.
const VERSION_BYTES_MAX: usize = 128;

/// That these bytes are this version of this plugin. The digest makes a signature that of one file and no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub plugin: PluginName,
    /// As the plugin describes itself.
    pub version: String,
    pub digest: Digest,
}

impl Statement {
    /// `None`: such a version cannot be stated, because it is no line of text.
    pub fn new(plugin: PluginName, version: &str, digest: Digest) -> Option<Self> {
        let is_line = version.len() <= VERSION_BYTES_MAX && !version.chars().any(char::is_control);
        is_line.then(|| Self { plugin, version: version.to_owned(), digest })
    }

    /// The text that a note is made of.
    pub(super) fn to_text(&self) -> String {
        let Self { plugin, version, digest } = self;
        format!("{HEAD}\n{plugin}\n{version}\n{digest}\n")
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let lines: Vec<_> = text.strip_suffix('\n')?.split('\n').collect();
        let [HEAD, plugin, version, digest] = lines[..] else { return None };
        Self::new(plugin.parse().ok()?, version, digest.parse().ok()?)
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}, {}", self.plugin, self.version, self.digest)
    }
}
