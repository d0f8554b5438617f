//! From a core module to a component, as an author of plugins makes one.

use anyhow::{Context as _, Result};
use evidenced::author::{Shape, componentize};

/// The component of a module of the world `check`. Its imports are what the module imports.
pub(super) fn of_module(module: &[u8]) -> Result<Vec<u8>> {
    let made = componentize(module, Shape::Check, None).context("the module does not become a check")?;
    Ok(made.component)
}

/// The `wasi:cli` component of a preview-1 program, which is put on WASI 0.2 by an adapter.
pub(super) fn of_command(module: &[u8]) -> Result<Vec<u8>> {
    let made = componentize(module, Shape::Command, None).context("the program does not become a component")?;
    Ok(made.component)
}
