//! Where the files of a plugin lie.
//!
//! `NAME.wasm`, with its signature `NAME.wasm.sig` and its recorded cases `NAME.cases/` beside it. Each may also be named by
//! what it is: `NAME.sha256-HEX.wasm` and so on, so that files of several versions lie side by side and none is
//! ever written over.

use std::path::{Path, PathBuf};

use crate::domain::{Digest, PluginName};

const BY_CONTENT: &str = ".sha256-";

/// What belongs to a plugin's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belongings {
    pub signature: PathBuf,
    /// A folder.
    pub cases: PathBuf,
}

impl Belongings {
    /// Of the file at `path` that has this digest. What is named by the digest comes before what lies beside the file.
    pub fn of(path: &Path, digest: Digest) -> Self {
        let named = by_content(path, digest);
        let first = |named: PathBuf, beside: PathBuf| if named.exists() { named } else { beside };
        Self {
            signature: first(signature_path(&named), signature_path(path)),
            cases: first(named.with_extension("cases"), path.with_extension("cases")),
        }
    }
}

/// `NAME.wasm` -> `NAME.sha256-HEX.wasm`, in the same folder. What is named so already keeps its name's beginning.
pub fn by_content(path: &Path, digest: Digest) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = without_digest(&stem);
    path.with_file_name(format!("{name}{BY_CONTENT}{}.wasm", digest.to_hex()))
}

/// The name of the plugin that a file is of.
pub fn name_of(path: &Path) -> Option<PluginName> {
    without_digest(path.file_stem()?.to_str()?).parse().ok()
}

/// `FILE.sig`.
pub fn signature_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// Whether a file or folder of this name is of the plugin and is named by content; the digits of it.
pub(super) fn digits_of<'n>(file_name: &'n str, plugin: &str) -> Option<&'n str> {
    let rest = file_name.strip_prefix(plugin)?.strip_prefix(BY_CONTENT)?;
    let (digits, ending) = rest.split_at_checked(64)?;
    let is_ours = [".wasm", ".wasm.sig", ".cases"].contains(&ending) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_ours.then_some(digits)
}

fn without_digest(stem: &str) -> &str {
    match stem.rsplit_once(BY_CONTENT) {
        Some((name, digits)) if digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit()) => name,
        _ => stem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_their_plugin_and_by_what_they_are() {
        let digest = Digest::of(b"one");
        let named = by_content(Path::new("/p/a.b.wasm"), digest);
        assert_eq!(named, PathBuf::from(format!("/p/a.b.sha256-{}.wasm", digest.to_hex())));
        assert_eq!(by_content(&named, Digest::of(b"two")), by_content(Path::new("/p/a.b.wasm"), Digest::of(b"two")));
        assert_eq!(name_of(&named).unwrap().as_str(), "a.b");
        assert_eq!(name_of(Path::new("keys.wasm")).unwrap().as_str(), "keys");
        assert_eq!(name_of(Path::new("keys.sha256-12.wasm")).unwrap().as_str(), "keys.sha256-12");
        let digits = digest.to_hex();
        for ending in ["wasm", "wasm.sig", "cases"] {
            assert_eq!(digits_of(&format!("a.b.sha256-{digits}.{ending}"), "a.b"), Some(digits.as_str()));
        }
        for other in [format!("a.b.sha256-{digits}.txt"), format!("a.sha256-{digits}.wasm"), "a.b.wasm".to_owned()] {
            assert_eq!(digits_of(&other, "a.b"), None);
        }
    }

    #[test]
    fn what_is_named_by_the_digest_comes_before_what_lies_beside() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("keys.wasm");
        let digest = Digest::of(b"one");
        let beside =
            Belongings { signature: place.path().join("keys.wasm.sig"), cases: place.path().join("keys.cases") };
        assert_eq!(Belongings::of(&file, digest), beside);
        let named = by_content(&file, digest).with_extension("cases");
        std::fs::create_dir(&named).unwrap();
        assert_eq!(Belongings::of(&file, digest), Belongings { cases: named, ..beside });
    }
}
