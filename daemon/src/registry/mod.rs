//! Brings plugins to an OCI registry and back, in the Wasm artefact layout of the CNCF, with their signature and recorded cases.
//!
//! In: a reference, a plugin with what belongs to it, a login. Out: the digest that it has there; or the plugin, whose every
//! byte was held against the digest that was asked for.
//! Must not know: whether a plugin may run, where its files lie.
//!
//! The same HTTP client as webhooks and the heartbeat (`caller`): the system's roots and those of `--ca`, the same proxy. HTTPS,
//! and plain HTTP on this machine alone. No error and no log tells a password or a token.

mod artefact;
mod client;
mod login;
mod reference;

pub use artefact::{Artefact, Pin, pull, push};
pub use client::{Registry, RegistryError};
pub use login::{Login, LoginError};
pub use reference::{Reference, ReferenceError};
