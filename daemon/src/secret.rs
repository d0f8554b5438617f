//! Secrets, and the two places that they are read from.
//!
//! In: the name of a systemd credential, or the path of a file. Out: a [`Secret`], which no log, no `Debug` and no
//! serializer shows.
//! Must not know: any other room; what a secret is for.

use serde::{Deserialize, Serialize};
use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// What the unit of the package calls its folder of credentials. systemd gives each file of a folder that is loaded as
/// `ID` the name `ID_FILE` (`LoadCredential=` in systemd.exec(5)).
const FOLDER_ID: &str = "evidenced";

/// A longer file is no secret but a mistake, such as the path of a key store.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// A value that must not be shown. It has no `Serialize` and no `Display`, and its `Debug` is `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T = String>(T);

impl<T> Secret<T> {
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that sends it.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a secret is read from; written in the configuration as `{ credential = "NAME" }` or `{ file = "PATH" }`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretSource {
    /// The file of this name in `$CREDENTIALS_DIRECTORY` (systemd's `LoadCredential=`), loaded by itself or as one of
    /// the folder that the unit of the package loads. systemd reads it when the service starts, and not again.
    Credential(String),
    File(PathBuf),
}

/// Why there is no secret. It names the place and never the content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("`{0}` is not the name of a systemd credential: 1 to 255 bytes without `/`, `:` and control characters")]
    Name(String),
    #[error(
        "the credential `{0}` is not there, for $CREDENTIALS_DIRECTORY is not set: systemd sets it for the service, and \
         for nobody else; add `LoadCredential={0}:/path/of/the/secret` to the unit, or write `{{ file = \"…\" }}`"
    )]
    NoDirectory(String),
    #[error(
        "the credential `{name}` is not among those that the service was started with: write the secret into \
         /etc/evidenced/credentials/{name} (mode 0600), or add `LoadCredential={name}:/path/of/the/secret` to the unit; then \
         restart, for systemd reads credentials only then"
    )]
    NotLoaded { name: String },
    #[error("the secret in {} cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the secret in {} is empty", .0.display())]
    Empty(PathBuf),
    #[error("the secret in {} is longer than 64 KiB", .0.display())]
    TooLong(PathBuf),
    #[error("the secret in {} is not UTF-8 text, or holds a NUL", .0.display())]
    NotText(PathBuf),
}

impl SecretSource {
    /// Reads the secret as it is now: a file that was replaced gives its new content.
    ///
    /// One line end at the end of the file is not part of the secret.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let directory = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        self.read_with(directory.as_deref())
    }

    /// [`Self::read`] with another directory of credentials than the environment's.
    pub fn read_with(&self, credentials_directory: Option<&Path>) -> Result<Secret, SecretError> {
        match self {
            Self::File(path) => read_file(path),
            Self::Credential(name) => {
                if !is_credential_name(name) {
                    return Err(SecretError::Name(name.clone()));
                }
                let directory = credentials_directory.ok_or_else(|| SecretError::NoDirectory(name.clone()))?;
                // One that was loaded by its own name was meant; the folder has what else there is.
                for file in [directory.join(name), directory.join(format!("{FOLDER_ID}_{name}"))] {
                    match read_file(&file) {
                        Err(SecretError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                        read => return read,
                    }
                }
                Err(SecretError::NotLoaded { name: name.clone() })
            }
        }
    }
}

/// As systemd has it (`credential_name_valid`): a file name that also fits the name of a descriptor.
pub(crate) fn is_credential_name(name: &str) -> bool {
    let plain = name.bytes().all(|byte| !byte.is_ascii_control() && byte != b'/' && byte != b':');
    (1..=255).contains(&name.len()) && plain && name != "." && name != ".."
}

fn read_file(path: &Path) -> Result<Secret, SecretError> {
    let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(unreadable)?.take(SECRET_BYTES_MAX + 1);
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > SECRET_BYTES_MAX {
        return Err(SecretError::TooLong(path.to_owned()));
    }
    if bytes.ends_with(b"\n") {
        bytes.truncate(bytes.len() - if bytes.ends_with(b"\r\n") { 2 } else { 1 });
    }
    if bytes.is_empty() {
        return Err(SecretError::Empty(path.to_owned()));
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(Secret::new(text)),
        _ => Err(SecretError::NotText(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_secret_is_never_shown() {
        #[derive(Debug)]
        #[expect(dead_code, reason = "only its Debug is looked at")]
        struct Credential {
            token: Secret,
        }
        let shown = format!("{:?} {:#?}", Secret::new("hunter2"), Credential { token: Secret::new("hunter2".into()) });
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("***"));
    }

    #[test]
    fn a_credential_is_a_file_of_the_credentials_directory() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("aws-audit"), "AKIA:secret\n").unwrap();
        let source = SecretSource::Credential("aws-audit".into());
        assert_eq!(source.read_with(Some(directory.path())).unwrap().expose(), "AKIA:secret");
        let missing = source.read_with(None).unwrap_err().to_string();
        assert!(missing.contains("LoadCredential=aws-audit"), "{missing}");
        for bad in ["../shadow", "", "..", "a/b", "a\nb"] {
            let source = SecretSource::Credential(bad.into());
            assert!(matches!(source.read_with(Some(directory.path())), Err(SecretError::Name(_))), "{bad:?}");
        }
    }

    /// systemd names each file of a folder after the folder's id.
    #[test]
    fn a_credential_of_the_folder_that_the_unit_loads_is_found_by_its_own_name() {
        let directory = tempfile::tempdir().unwrap();
        let source = SecretSource::Credential("smtp-password".into());
        let missing = source.read_with(Some(directory.path())).unwrap_err().to_string();
        assert!(missing.contains("/etc/evidenced/credentials/smtp-password"), "{missing}");
        fs::write(directory.path().join("evidenced_smtp-password"), "of the folder\n").unwrap();
        assert_eq!(source.read_with(Some(directory.path())).unwrap().expose(), "of the folder");
        fs::write(directory.path().join("smtp-password"), "by itself\n").unwrap();
        assert_eq!(source.read_with(Some(directory.path())).unwrap().expose(), "by itself");
        fs::write(directory.path().join("smtp-password"), "").unwrap();
        let empty = source.read_with(Some(directory.path())).unwrap_err();
        assert!(
            matches!(empty, SecretError::Empty(_)),
            "an empty secret is a mistake, and no reason to look elsewhere"
        );
    }

    #[test]
    fn a_replaced_file_gives_its_new_secret() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let source = SecretSource::File(path.clone());
        fs::write(&path, "old\r\n").unwrap();
        assert_eq!(source.read().unwrap().expose(), "old");
        fs::write(&path, "new").unwrap();
        assert_eq!(source.read().unwrap().expose(), "new");
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let read = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            SecretSource::File(path.clone()).read().unwrap_err()
        };
        assert!(matches!(read(b""), SecretError::Empty(_)));
        assert!(matches!(read(b"\n"), SecretError::Empty(_)));
        assert!(matches!(read(b"\xff"), SecretError::NotText(_)));
        assert!(matches!(read(b"a\0b"), SecretError::NotText(_)));
        assert!(matches!(read(&vec![b'a'; 70_000]), SecretError::TooLong(_)));
        fs::remove_file(&path).unwrap();
        assert!(matches!(SecretSource::File(path.clone()).read().unwrap_err(), SecretError::Unreadable { .. }));
    }

    #[test]
    fn a_source_is_written_as_in_the_configuration() {
        #[derive(Deserialize)]
        struct Credential {
            secret: SecretSource,
        }
        let credential: Credential = toml::from_str("secret = { credential = \"aws-audit\" }").unwrap();
        assert_eq!(credential.secret, SecretSource::Credential("aws-audit".into()));
        let credential: Credential = toml::from_str("secret = { file = \"/run/secret\" }").unwrap();
        assert_eq!(credential.secret, SecretSource::File("/run/secret".into()));
    }
}
