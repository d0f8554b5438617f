//! `plugins.lock`: which plugin is meant, to the byte.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::Signer;
use crate::domain::{Digest, PluginName};

/// What it is called beside the configuration.
pub const LOCK_FILE: &str = "plugins.lock";

const HEAD: &str = "# Written by `evidenced plugin lock` and `evidenced plugin update`. The daemon runs no plugin that differs from it.\n";

/// What each plugin must be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lock {
    pub plugins: BTreeMap<PluginName, Locked>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked {
    /// As the plugin describes itself; for people, the digest decides.
    pub version: String,
    pub digest: Digest,
    /// Whose signature it must have; `None`: it was not signed by a key that was trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<Signer>,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("the lock {} cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the lock {} is none: {why}", path.display())]
    Malformed { path: PathBuf, why: String },
}

/// The file's form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockFile {
    #[serde(default)]
    plugin: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: PluginName,
    version: String,
    digest: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signer: Option<Signer>,
}

impl Lock {
    /// # Errors
    /// It cannot be read, or is no lock.
    pub fn read(path: &Path) -> Result<Self, LockError> {
        let text =
            fs::read_to_string(path).map_err(|source| LockError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|why| LockError::Malformed { path: path.to_owned(), why })
    }

    /// What it says; else why it says nothing, with the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: LockFile = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        let mut plugins = BTreeMap::new();
        for Row { name, version, digest, signer } in file.plugin {
            if plugins.insert(name.clone(), Locked { version, digest, signer }).is_some() {
                return Err(format!("it names the plugin `{name}` twice"));
            }
        }
        Ok(Self { plugins })
    }

    /// The file, in order of name.
    pub fn to_toml(&self) -> String {
        let row = |(name, locked): (&PluginName, &Locked)| Row {
            name: name.clone(),
            version: locked.version.clone(),
            digest: locked.digest,
            signer: locked.signer.clone(),
        };
        let file = LockFile { plugin: self.plugins.iter().map(row).collect() };
        if file.plugin.is_empty() {
            // An empty list would be written as a value.
            return HEAD.to_owned();
        }
        format!("{HEAD}\n{}", toml::to_string(&file).expect("a lock is plain data"))
    }

    /// What became of it, a line a plugin; none where nothing changed.
    pub fn difference(&self, before: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, now) in &self.plugins {
            match before.plugins.get(name) {
                None => lines.push(format!("+ {name} {}", now.words())),
                Some(was) if was != now => lines.push(format!("~ {name} {} -> {}", was.words(), now.words())),
                Some(_) => {}
            }
        }
        let gone = before.plugins.iter().filter(|(name, _)| !self.plugins.contains_key(*name));
        lines.extend(gone.map(|(name, was)| format!("- {name} {}", was.words())));
        lines
    }
}

impl Locked {
    fn words(&self) -> String {
        let signer =
            self.signer.as_ref().map_or_else(|| "not signed".to_owned(), |signer| format!("by {}", signer.name()));
        format!("{} {} ({signer})", self.version, self.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::NoteKey;

    fn locked(version: &str, signer: Option<&str>) -> Locked {
        let signer = signer.map(|name| NoteKey::from_seed(name, &[7; 32]).verifier().into());
        Locked { version: version.to_owned(), digest: Digest::of(version.as_bytes()), signer }
    }

    fn lock(plugins: &[(&str, Locked)]) -> Lock {
        Lock { plugins: plugins.iter().map(|(name, locked)| (name.parse().unwrap(), locked.clone())).collect() }
    }

    #[test]
    fn a_lock_is_written_in_order_of_name_and_read_back() {
        let lock = lock(&[("keys", locked("1.0.0", Some("ops"))), ("drift", locked("2.0.0", None))]);
        let text = lock.to_toml();
        assert!(text.find("\"drift\"") < text.find("\"keys\""), "{text}");
        assert_eq!(Lock::parse(&text).unwrap(), lock);
        assert_eq!(Lock::parse(&Lock::default().to_toml()).unwrap(), Lock::default());
    }

    #[test]
    fn what_changed_is_a_line_a_plugin() {
        let before = lock(&[("a", locked("1", None)), ("b", locked("1", None)), ("c", locked("1", None))]);
        let after = lock(&[("b", locked("1", None)), ("c", locked("2", Some("ops"))), ("d", locked("1", None))]);
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        assert_eq!(
            after.difference(&before),
            [
                format!("~ c 1 {one} (not signed) -> 2 {two} (by ops)"),
                format!("+ d 1 {one} (not signed)"),
                format!("- a 1 {one} (not signed)"),
            ]
        );
        assert_eq!(after.difference(&after), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_lock_is_told_with_its_line() {
        let row =
            |name: &str| format!("[[plugin]]\nname = \"{name}\"\nversion = \"1\"\ndigest = \"{}\"\n", Digest::of(b"1"));
        assert!(Lock::parse(&(row("a") + &row("a"))).unwrap_err().contains("`a` twice"));
        for wrong in [
            row("a").replace("sha256", "md5"),
            row("a") + "sig = \"x\"\n",
            row("a") + "signer = \"x\"\n",
            row("../a b"),
            "[[plugin]]\nname = \"a\"\n".to_owned(),
        ] {
            let why = Lock::parse(&wrong).unwrap_err();
            assert!(why.contains("line "), "{wrong}: {why}");
        }
    }
}
