//! What the end-to-end tests and the build's own tool share.

pub mod plugins;
pub mod schema;

pub use plugins::{fixture, plugin};
