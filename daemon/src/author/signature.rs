//! Whether a plugin's file is signed. What a signature is worth is decided elsewhere: this is the one place that asks.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What lies beside a plugin's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// There is no `FILE.sig`.
    None,
    /// There is one, and it was not looked at.
    Unverified(PathBuf),
}

/// `FILE.sig` beside a plugin of these bytes.
pub(super) fn signature_beside(plugin: &Path, _bytes: &[u8]) -> Signature {
    let mut name = plugin.as_os_str().to_owned();
    name.push(".sig");
    let path = PathBuf::from(name);
    if fs::metadata(&path).is_ok() { Signature::Unverified(path) } else { Signature::None }
}

impl std::fmt::Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("none: there is no .sig file beside it"),
            Self::Unverified(path) => {
                write!(f, "{} is there; `evidenced plugin verify` says what it is worth", path.display())
            }
        }
    }
}
