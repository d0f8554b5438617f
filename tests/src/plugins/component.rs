//! From a core module to a component, as a library: no other tool is needed.

use anyhow::{Context as _, Result};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};

/// The component of a module that carries its WIT in a custom section. Its imports are what the module imports; WASI
/// is not adapted, so a module that needs it is refused here and not at the first run.
pub(super) fn of_module(module: &[u8]) -> Result<Vec<u8>> {
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(module)
        .context("the module carries no WIT: does it call `evidenced_plugin::export!`?")?
        .encode()
        .context("the module does not fit its WIT")
}

/// The `wasi:cli` component of a preview-1 program, which is put on WASI 0.2 by an adapter.
pub(super) fn of_command(module: &[u8]) -> Result<Vec<u8>> {
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(module)?
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)?
        .encode()
        .context("the program does not fit the adapter")
}
