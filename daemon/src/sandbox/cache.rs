//! Compiled code and descriptions on disk. Everything here may be deleted at any time.
//!
//! A file is 32 bytes of HMAC-SHA256 over its name and its content, then the content. Native code is run as it lies
//! there, so nothing is believed that was not written with the key of the state folder.

use std::{
    hash::{Hash, Hasher},
    io::{self, Write},
    path::{Path, PathBuf},
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use wasmtime::{Engine, Module, component::Component};

use super::{error::SandboxError, plugin::About};
use crate::domain::Digest;

pub(super) struct CodeCache {
    folder: PathBuf,
    key: [u8; 32],
    /// Names what the code was made for: wasmtime's version, the engine's settings, the CPU.
    made_for: String,
}

const TAG_BYTES: usize = 32;

/// The key in a folder that compiled plugins are authenticated with: made when it is first asked for, readable by its
/// owner only. When it is lost, plugins are compiled again.
pub fn cache_key(folder: &Path) -> io::Result<[u8; 32]> {
    let path = folder.join("cache.key");
    if let Ok(bytes) = std::fs::read(&path)
        && let Ok(key) = bytes.try_into()
    {
        return Ok(key);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&key)?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(key)
}

impl CodeCache {
    pub(super) fn open(folder: PathBuf, key: [u8; 32], engine: &Engine) -> Result<Self, SandboxError> {
        std::fs::create_dir_all(&folder)
            .map_err(|source| SandboxError::CacheFolder { path: folder.clone(), source })?;
        Ok(Self { folder, key, made_for: made_for(engine) })
    }

    /// `None` if it is not there, or not what this daemon wrote for this machine.
    pub(super) fn component(&self, engine: &Engine, plugin: Digest) -> Option<Component> {
        let content = self.read(&self.name(plugin, "code"))?;
        trusted_component(engine, &content).ok()
    }

    pub(super) fn module(&self, engine: &Engine, plugin: Digest) -> Option<Module> {
        let content = self.read(&self.name(plugin, "code"))?;
        trusted_module(engine, &content).ok()
    }

    pub(super) fn about(&self, plugin: Digest) -> Option<About> {
        serde_json::from_slice(&self.read(&self.name(plugin, "about"))?).ok()
    }

    pub(super) fn keep_code(&self, plugin: Digest, code: &[u8]) {
        self.keep(&self.name(plugin, "code"), code);
    }

    pub(super) fn keep_about(&self, plugin: Digest, about: &About) {
        if let Ok(json) = serde_json::to_vec(about) {
            self.keep(&self.name(plugin, "about"), &json);
        }
    }

    fn name(&self, plugin: Digest, what: &str) -> String {
        format!("{}-{}.{what}", plugin.to_hex(), self.made_for)
    }

    fn mac(&self, name: &str, content: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(&(name.len() as u64).to_le_bytes());
        mac.update(name.as_bytes());
        mac.update(content);
        mac
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        let mut content = std::fs::read(self.folder.join(name)).ok()?;
        let tag: Vec<u8> = content.get(..TAG_BYTES)?.to_vec();
        content.drain(..TAG_BYTES);
        if self.mac(name, &content).verify_slice(&tag).is_err() {
            tracing::warn!(file = name, "a file in the cache of compiled plugins is not ours; compiling again");
            return None;
        }
        Some(content)
    }

    /// A cache that cannot be written costs time, not correctness: it is said and no more.
    fn keep(&self, name: &str, content: &[u8]) {
        if let Err(fault) = write(&self.folder, name, &self.mac(name, content).finalize().into_bytes(), content) {
            tracing::warn!(file = name, %fault, "compiled code could not be kept");
        }
    }
}

/// Readers see the whole file or none.
fn write(folder: &Path, name: &str, tag: &[u8], content: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(tag)?;
    file.write_all(content)?;
    file.persist(folder.join(name))?;
    Ok(())
}

fn made_for(engine: &Engine) -> String {
    struct Sha(Sha256);
    impl Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0 // Only the whole digest is asked for.
        }
    }
    let mut sha = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut sha);
    hex::encode(&sha.0.finalize()[..8])
}

/// Native code that this program made: by its own compiler a moment ago, or from a file whose HMAC it has checked.
#[expect(unsafe_code, reason = "deserialize runs what it is given as native code; see the comment")]
pub(super) fn trusted_component(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: both callers pass bytes that `Engine::precompile_component` of this program returned: fresh from the
    // compiler (or its child process), or authenticated with a key that only this daemon reads. wasmtime itself
    // refuses code of another version, of other settings, or for another CPU.
    unsafe { Component::deserialize(engine, code) }
}

/// The same for core modules.
#[expect(unsafe_code, reason = "deserialize runs what it is given as native code; see the comment")]
pub(super) fn trusted_module(engine: &Engine, code: &[u8]) -> wasmtime::Result<Module> {
    // SAFETY: as in `trusted_component`.
    unsafe { Module::deserialize(engine, code) }
}
