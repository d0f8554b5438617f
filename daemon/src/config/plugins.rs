//! `[plugins]`: whose signatures are trusted, and the lock that says which plugins may run.

use std::path::Path;

use super::{
    diagnostics::Errors,
    model::{PluginLock, Plugins},
    section::Section,
    tree::Place,
};
use crate::trust::{LOCK_FILE, Lock, LockError};

/// `start`: where the configuration begins, for a lock that no line of it names.
pub(super) fn plugins(root: &Section<'_>, base: &Path, start: Place, errors: &mut Errors) -> Plugins {
    let section = root.table("plugins", "[plugins]", errors);
    let written = section.as_ref().and_then(|section| section.text("lock", errors));
    let signers = section.as_ref().and_then(|section| section.texts("signers", errors)).unwrap_or_default();
    if let Some(at) = section.as_ref().and_then(|section| section.key_at("signers"))
        && signers.is_empty()
    {
        errors.add_no_signers(at);
    }
    let signer = |text: super::section::Located<&str>| match text.value.parse() {
        Ok(signer) => Some(signer),
        Err(why) => {
            errors.add_bad_signer(text.at, why);
            None
        }
    };
    let signers = signers.into_iter().filter_map(signer).collect();
    if let Some(section) = section {
        section.finish(errors);
    }
    let lock = match written {
        Some(written) => read(&base.join(written.value), Some(written.at), written.at, errors),
        None => read(&base.join(LOCK_FILE), None, start, errors),
    };
    Plugins { lock, signers }
}

/// A lock that is named and not there pins nothing, so that nothing runs until it is written; it is written by a command that
/// reads this configuration.
fn read(path: &Path, named: Option<Place>, at: Place, errors: &mut Errors) -> Option<PluginLock> {
    let lock = match Lock::read(path) {
        Ok(lock) => lock,
        Err(LockError::Unreadable { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            errors.add_no_lock(named?, path);
            Lock::default()
        }
        Err(error) => {
            errors.add_bad_lock(at, &error);
            return None;
        }
    };
    Some(PluginLock { path: path.to_owned(), lock })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::{
        config::{self, Config},
        domain::Digest,
    };

    const HEAD: &str = "organization = \"Test\"\nstate_dir = \"state\"\nmonitoring.enabled = false\n";
    /// The one of Go's `golang.org/x/mod/sumdb/note`.
    const SIGNER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    /// Codes of warnings, or of errors with their words.
    type Read = Result<(Config, Vec<&'static str>), Vec<(&'static str, String)>>;

    fn load(text: &str, lock: Option<&str>) -> Read {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("evidenced.toml");
        fs::write(&file, format!("{HEAD}{text}")).unwrap();
        if let Some(lock) = lock {
            fs::write(folder.path().join("plugins.lock"), lock).unwrap();
        }
        match config::load(&file) {
            Ok(loaded) => Ok((loaded.config, loaded.warnings.iter().map(|warning| warning.code).collect())),
            Err(refused) => {
                let errors = refused.list().iter().filter(|one| one.level == config::Level::Error);
                Err(errors.map(|one| (one.code, one.message.clone())).collect())
            }
        }
    }

    #[test]
    fn the_lock_beside_the_configuration_is_in_force_by_itself() {
        let row = format!("[[plugin]]\nname = \"keys\"\nversion = \"1\"\ndigest = \"{}\"\n", Digest::of(b"1"));
        let (config, _) = load("", Some(&row)).unwrap();
        let lock = config.plugins.lock.clone().unwrap();
        assert_eq!(lock.lock.plugins[&"keys".parse().unwrap()].digest, Digest::of(b"1"));
        // The ledger keeps what was locked, and a daemon goes on with it.
        assert_eq!(Config::from_expanded_json(&config.expanded_json()).unwrap(), config);
        let (config, _) = load("", None).unwrap();
        assert_eq!(config.plugins.lock, None);
        assert!(!config.expanded_json().contains("signers"));
    }

    #[test]
    fn a_lock_that_is_named_and_not_there_pins_nothing_and_is_told() {
        let (config, warnings) = load("plugins.lock = \"other.lock\"\n", None).unwrap();
        assert!(
            config.plugins.lock.is_some_and(|lock| lock.lock.plugins.is_empty() && lock.path.ends_with("other.lock"))
        );
        assert!(warnings.contains(&"no-lock"), "{warnings:?}");
        let refused = load("", Some("[[plugin]]\nname = \"keys\"\n")).unwrap_err();
        assert_eq!(refused[0].0, "bad-lock");
        assert!(refused[0].1.contains("line 1"), "{refused:?}");
    }

    #[test]
    fn signers_are_verifier_keys() {
        let (config, _) = load(&format!("plugins.signers = [\"{SIGNER}\"]\n"), None).unwrap();
        assert_eq!(config.plugins.signers[0].to_string(), SIGNER);
        assert_eq!(Config::from_expanded_json(&config.expanded_json()).unwrap(), config);
        let secret = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
        let refused = load(&format!("plugins.signers = [\"{secret}\", \"x\"]\n"), None).unwrap_err();
        assert_eq!(refused.iter().map(|(code, _)| *code).collect::<Vec<_>>(), ["bad-signer", "bad-signer"]);
        assert!(refused[0].1.contains("private key") && !refused[0].1.contains("AYEK"), "{refused:?}");
        assert_eq!(load("plugins.signers = []\n", None).unwrap_err()[0].0, "no-signers");
        assert_eq!(load("plugins.keys = []\n", None).unwrap_err()[0].0, "unknown-key");
    }
}
