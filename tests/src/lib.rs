//! What the end-to-end tests and the build's own tool share.

pub mod daemon;
pub mod plugins;
pub mod schema;
pub mod targets;

pub use plugins::{fixture, plugin};
