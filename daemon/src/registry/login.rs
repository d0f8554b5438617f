//! With what one logs in to a registry.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use crate::secret::{Secret, SecretError, SecretSource};

/// A longer file is none of credentials.
const FILE_BYTES_MAX: u64 = 1 << 20;
const PASSWORD_BYTES_MAX: u64 = 64 << 10;

/// A user and a password. Neither a log nor a `Debug` shows the password.
#[derive(Debug, Clone)]
pub struct Login {
    pub username: String,
    pub password: Secret,
}

/// Why there is no login. It never shows what a file holds.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error("the credentials {} cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the credentials {} are not in the form of docker's config.json", .0.display())]
    Malformed(PathBuf),
    #[error(
        "the credentials {} name {registry} by a helper program, which is not run: log in with --username and a password",
        path.display()
    )]
    Helper { path: PathBuf, registry: String },
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("standard input holds no password: one line of text")]
    NoPassword,
}

#[derive(Deserialize)]
struct ConfigFile {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
struct Auth {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
}

impl Login {
    /// What a file like docker's `config.json` says of a registry; `None`: nothing.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn of_file(path: &Path, registry: &str) -> Result<Option<Self>, LoginError> {
        let unreadable = |source| LoginError::Unreadable { path: path.to_owned(), source };
        let malformed = || LoginError::Malformed(path.to_owned());
        let mut text = Vec::new();
        fs::File::open(path).map_err(unreadable)?.take(FILE_BYTES_MAX).read_to_end(&mut text).map_err(unreadable)?;
        // Words of the parser may hold what it read.
        let file: ConfigFile = serde_json::from_slice(&text).map_err(|_| malformed())?;
        let names = [registry.to_owned(), format!("https://{registry}"), format!("https://{registry}/v1/")];
        let found = names.iter().find_map(|name| file.auths.get(name));
        match found {
            Some(auth) if !auth.username.is_empty() => {
                Ok(Some(Self { username: auth.username.clone(), password: Secret::new(auth.password.clone()) }))
            }
            Some(auth) if !auth.auth.is_empty() => {
                let bytes = STANDARD.decode(auth.auth.trim()).map_err(|_| malformed())?;
                let text = String::from_utf8(bytes).map_err(|_| malformed())?;
                let (username, password) = text.split_once(':').ok_or_else(malformed)?;
                let password = password.trim_end_matches('\0').to_owned();
                Ok(Some(Self { username: username.to_owned(), password: Secret::new(password) }))
            }
            _ if file.store.is_some() || file.helpers.contains_key(registry) => {
                Err(LoginError::Helper { path: path.to_owned(), registry: registry.to_owned() })
            }
            _ => Ok(None),
        }
    }

    /// A password that lies in a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn with_password_file(username: String, path: &Path) -> Result<Self, LoginError> {
        Ok(Self { username, password: SecretSource::File(path.to_owned()).read()? })
    }

    /// A password that is the first line of standard input.
    ///
    /// # Errors
    /// There is none.
    pub fn with_password_from(username: String, input: impl io::Read) -> Result<Self, LoginError> {
        let mut text = String::new();
        let read = input.take(PASSWORD_BYTES_MAX).read_to_string(&mut text);
        let password = text.lines().next().unwrap_or_default();
        if read.is_err() || password.is_empty() {
            return Err(LoginError::NoPassword);
        }
        Ok(Self { username, password: Secret::new(password.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_found_in_a_file_like_dockers() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("config.json");
        let auth = STANDARD.encode("ops:hunter2:x");
        let text = format!(
            r#"{{"auths":{{"r.example":{{"auth":"{auth}"}},"https://s.example/v1/":{{"username":"a","password":"b"}},
                "t.example":{{"auth":"%"}},"u.example":{{}}}},"credHelpers":{{"h.example":"x"}},"HttpHeaders":{{}}}}"#
        );
        fs::write(&path, text).unwrap();
        let of = |registry: &str| {
            Login::of_file(&path, registry)
                .map(|login| login.map(|login| (login.username, login.password.expose().clone())))
        };
        let pair = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(of("r.example").unwrap(), pair("ops", "hunter2:x"));
        assert_eq!(of("s.example").unwrap(), pair("a", "b"));
        assert_eq!(of("u.example").unwrap(), None);
        assert_eq!(of("other.example").unwrap(), None);
        assert!(matches!(of("t.example"), Err(LoginError::Malformed(_))));
        assert!(matches!(of("h.example"), Err(LoginError::Helper { .. })));
        fs::write(&path, "{\"auths\": hunter2").unwrap();
        let refused = of("r.example").unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("hunter2"));
        let login = Login::with_password_from("ops".to_owned(), &b"hunter2\nmore\n"[..]).unwrap();
        assert_eq!(login.password.expose(), "hunter2");
        assert!(!format!("{login:?}").contains("hunter2"));
        assert!(Login::with_password_from("ops".to_owned(), &b"\n"[..]).is_err());
    }
}
