//! What the end-to-end tests and the build's own tool share.

#![expect(clippy::disallowed_methods, reason = "real servers and processes run in real time")]

pub mod daemon;
pub mod hostile;
pub mod hostile_peer;
pub mod machine;
pub mod package;
pub mod planted;
pub mod plugins;
pub mod polyglot;
pub mod schema;
pub mod targets;
pub mod year;

pub use plugins::{fixture, plugin};
