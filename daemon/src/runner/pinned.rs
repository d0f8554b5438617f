//! The file of a plugin that may run: the one that the lock names, signed as the configuration demands.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::PluginFault;
use crate::{
    config::{Config, PluginLock},
    domain::{Digest, PluginName, RunReason},
    sandbox::PLUGIN_BYTES,
    trust::{Belongings, Locked, SIGNATURE_BYTES_MAX, SignatureState, Signer, signature_of_bytes},
};

/// A file that may run.
pub(super) struct Chosen {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
    pub(super) digest: Digest,
    pub(super) belongings: Belongings,
    /// Who signed it, of those who are trusted.
    pub(super) signer: Option<Signer>,
}

/// Why there is none.
#[derive(Debug, Clone)]
pub(super) struct Unusable {
    pub(super) fault: PluginFault,
    /// What is there instead.
    pub(super) found: Option<Digest>,
}

impl Unusable {
    pub(super) const fn new(reason: RunReason, message: String, found: Option<Digest>) -> Self {
        Self { fault: PluginFault { reason, message }, found }
    }
}

/// The file of a plugin by this configuration.
pub(super) fn choose(config: &Config, name: &PluginName) -> Result<Chosen, Unusable> {
    let (path, bytes, digest) = match &config.plugins.lock {
        None => first(config, name)?,
        Some(lock) => locked(config, lock, name)?,
    };
    let belongings = Belongings::of(&path, digest);
    let locked = config.plugins.lock.as_ref().and_then(|lock| lock.lock.plugins.get(name)?.signer.as_ref());
    let is_demanded = !config.plugins.signers.is_empty() || locked.is_some();
    let note = if is_demanded { read_signature(&belongings.signature) } else { Ok(None) };
    let signer = note
        .and_then(|note| signed_by(name, digest, note.as_deref(), &config.plugins.signers, locked))
        .map_err(|why| {
            let message = format!("plugin `{name}`, {} ({digest}): {why}", path.display());
            Unusable::new(RunReason::PluginUnsigned, message, Some(digest))
        })?;
    Ok(Chosen { path, bytes, digest, belongings, signer })
}

type FileRead = (PathBuf, Vec<u8>, Digest);

fn first(config: &Config, name: &PluginName) -> Result<FileRead, Unusable> {
    let path = super::find(config, name).ok_or_else(|| missing(config, name, ""))?;
    read(path)
}

fn read(path: PathBuf) -> Result<FileRead, Unusable> {
    let unread = |why: &str| {
        let message = format!("cannot read {}: {why}", path.display());
        Unusable::new(RunReason::PluginMissing, message, None)
    };
    match read_regular(&path, PLUGIN_BYTES).map_err(|error| unread(&error.to_string()))? {
        Some(bytes) => {
            let digest = Digest::of(&bytes);
            Ok((path, bytes, digest))
        }
        None => Err(unread("it is no regular file")),
    }
}

/// Of what is larger than it may be no more than that shows; `None`: it is no file whose bytes end.
fn read_regular(path: &Path, most: u64) -> std::io::Result<Option<Vec<u8>>> {
    // Looked at before it is opened, and not waited for: it could be a pipe that nobody writes to.
    if !path.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    super::reading::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn missing(config: &Config, name: &PluginName, more: &str) -> Unusable {
    let places: Vec<_> = config.plugin_dirs.iter().map(|dir| dir.display().to_string()).collect();
    let message = format!("no file {name}.wasm in {}{more}", places.join(" or "));
    Unusable::new(RunReason::PluginMissing, message, None)
}

/// The first file that is what the lock names, wherever it lies.
fn locked(
    config: &Config,
    PluginLock { path: lock, lock: pinned }: &PluginLock,
    name: &PluginName,
) -> Result<FileRead, Unusable> {
    let (lock, pin) = (lock.display(), pinned.plugins.get(name));
    let mut other = None;
    for path in config.plugin_paths(name).into_iter().filter(|path| path.exists()) {
        let (path, bytes, digest) = read(path)?;
        if pin.is_some_and(|pin| pin.digest == digest) {
            return Ok((path, bytes, digest));
        }
        other.get_or_insert((path, digest));
    }
    Err(match (pin, other) {
        (None, None) => missing(config, name, ""),
        (Some(Locked { digest, .. }), None) => missing(config, name, &format!("; {lock} names {digest}")),
        (Some(Locked { version, digest, .. }), Some((path, found))) => {
            let message = format!(
                "plugin `{name}` is not the one of {lock}, which names version {version}, {digest}: {} is {found}",
                path.display()
            );
            Unusable::new(RunReason::PluginChanged, message, Some(found))
        }
        (None, Some((path, found))) => {
            let message = format!("{lock} names no plugin `{name}`: {} is {found}", path.display());
            Unusable::new(RunReason::PluginChanged, message, Some(found))
        }
    })
}

/// The file that would run now, and its digest; `None`: none may.
pub fn current(config: &Config, name: &PluginName) -> Option<(PathBuf, Digest)> {
    choose(config, name).ok().map(|chosen| (chosen.path, chosen.digest))
}

/// Who signed a plugin, of those who are trusted; `None`: nobody had to. `note`: its signature.
///
/// # Errors
/// Nobody did who had to, in words.
pub fn signed_by(
    name: &PluginName,
    digest: Digest,
    note: Option<&[u8]>,
    signers: &[Signer],
    locked: Option<&Signer>,
) -> Result<Option<Signer>, String> {
    let mut by = None;
    for trusted in [signers, locked.map_or(&[], std::slice::from_ref)] {
        if trusted.is_empty() {
            continue;
        }
        match signature_of_bytes(digest, note, trusted) {
            SignatureState::Good { statement, .. } if statement.plugin != *name => {
                return Err(format!("it is signed as the plugin `{}`, and not as this one", statement.plugin));
            }
            SignatureState::Good { signer, .. } => by = Some(signer),
            state => {
                let whose: Vec<_> = trusted.iter().map(Signer::name).collect();
                return Err(format!("{state}; it must be signed by {}", whose.join(" or ")));
            }
        }
    }
    Ok(by)
}

fn read_signature(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let unread = |why: &str| format!("cannot read {}: {why}", path.display());
    match read_regular(path, SIGNATURE_BYTES_MAX) {
        Ok(Some(note)) => Ok(Some(note)),
        Ok(None) => Err(unread("it is no regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unread(&error.to_string())),
    }
}
