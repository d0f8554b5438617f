//! Key pairs of people who sign plugins.

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::ledger::{LedgerError, NoteKey, NoteVerifier};

/// A longer file is no key.
const KEY_BYTES_MAX: u64 = 4 << 10;
/// Of a private key: nobody but its owner.
const PRIVATE: u32 = 0o600;

/// A key that signatures are checked with; as text `NAME+ID+BASE64`, the verifier key of C2SP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer(NoteVerifier);

/// Why there is no key. It names the place and never the content.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot read the key {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("cannot write the key {}", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("{} is there already: a key that signed something is not written over; name another file", .0.display())]
    Exists(PathBuf),
    #[error(
        "others may read the private key {} (mode {mode:04o}): make a new one if they could have; else `chmod 600` it",
        path.display()
    )]
    Open { path: PathBuf, mode: u32 },
    #[error("{} is no private key: {why}", path.display())]
    NoPrivateKey { path: PathBuf, why: &'static str },
    #[error("{what} is no verifier key `NAME+ID+BASE64`: {why}")]
    NoSigner { what: String, why: &'static str },
    #[error("`{0}` cannot be the name of a key: it is not empty and has no space and no plus sign")]
    Name(String),
    #[error("a key cannot be made")]
    Random(#[source] LedgerError),
}

impl Signer {
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The signed text, if this key signed the note.
    pub(super) fn open<'n>(&self, note: &'n str) -> Option<&'n str> {
        self.0.open(note)
    }
}

impl From<NoteVerifier> for Signer {
    fn from(verifier: NoteVerifier) -> Self {
        Self(verifier)
    }
}

impl FromStr for Signer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if text.starts_with("PRIVATE+KEY+") {
            return Err("it is a private key, which stays with whoever signs; its `.pub` is what is wanted");
        }
        NoteVerifier::parse(text.trim()).map(Self)
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Signer {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Signer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// Makes a key pair: the private key in `path`, readable by its owner alone, and the other one in `path` with `.pub`
/// behind it.
///
/// # Errors
/// One of the files is there, or cannot be written.
pub fn write_key(path: &Path, name: &str) -> Result<Signer, KeyError> {
    if name.is_empty() || name.contains(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '+') {
        return Err(KeyError::Name(name.to_owned()));
    }
    let public = public_path(path);
    if public.exists() {
        return Err(KeyError::Exists(public));
    }
    let key = NoteKey::generate(name).map_err(KeyError::Random)?;
    write_new(path, PRIVATE, &key.to_secret_text())?;
    let signer = Signer(key.verifier());
    write_new(&public, 0o644, &format!("{signer}\n"))?;
    Ok(signer)
}

fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), KeyError> {
    let unwritable = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => KeyError::Exists(path.to_owned()),
        _ => KeyError::Unwritable { path: path.to_owned(), source },
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(unwritable)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritable)
}

/// The private key of a file that nobody but its owner may read.
///
/// # Errors
/// Others may read it, or it is no such key.
pub fn read_key(path: &Path) -> Result<NoteKey, KeyError> {
    let unreadable = |source| KeyError::Unreadable { path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(unreadable)?;
    // Of the file that is open, so that it is not another one that is read.
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(KEY_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
    NoteKey::parse(&text).map_err(|why| KeyError::NoPrivateKey { path: path.to_owned(), why })
}

/// A verifier key: `words` itself, or the file of that name.
///
/// # Errors
/// It is neither.
pub fn read_signer(words: &str) -> Result<Signer, KeyError> {
    let path = Path::new(words);
    let no_signer = |what: String| move |why| KeyError::NoSigner { what, why };
    if !path.is_file() {
        return words.parse().map_err(no_signer(format!("`{words}`")));
    }
    let unreadable = |source| KeyError::Unreadable { path: path.to_owned(), source };
    let mut text = String::new();
    fs::File::open(path).map_err(unreadable)?.take(KEY_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
    text.parse().map_err(no_signer(path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_is_its_owners_and_is_never_written_over() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("ops.key");
        let signer = write_key(&path, "ops@example.com").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_signer(&place.path().join("ops.key.pub").display().to_string()).unwrap(), signer);
        assert_eq!(read_signer(&signer.to_string()).unwrap(), signer);
        assert_eq!(Signer::from(read_key(&path).unwrap().verifier()), signer);
        assert!(matches!(write_key(&path, "ops@example.com"), Err(KeyError::Exists(_))));
        fs::remove_file(public_path(&path)).unwrap();
        assert!(matches!(write_key(&path, "ops@example.com"), Err(KeyError::Exists(_))));
        for name in ["", "two words", "a+b", "a\nb"] {
            assert!(matches!(write_key(&place.path().join("x"), name), Err(KeyError::Name(_))), "{name:?}");
        }
    }

    #[test]
    fn a_private_key_that_others_may_read_is_refused_and_no_error_shows_it() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("ops.key");
        write_key(&path, "ops").unwrap();
        let secret = fs::read_to_string(&path).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = read_key(&path).unwrap_err();
            assert!(matches!(refused, KeyError::Open { .. }), "{refused}");
        }
        let as_signer = read_signer(&path.display().to_string()).unwrap_err();
        assert!(as_signer.to_string().contains("private key") && !format!("{as_signer:?}").contains(secret.trim()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(!format!("{:?}", read_key(&path).unwrap()).contains(secret.trim()));
    }
}
