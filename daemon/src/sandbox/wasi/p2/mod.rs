//! WASI 0.2 for components: `wasi:cli`, `io`, `clocks`, `filesystem` and `random`, with the meanings of this room.
//!
//! Names, cases and their order are those of the WIT of WASI 0.2.12; wasmtime compares them with what a component
//! imports when it is linked, and takes any 0.2 for any other. Sockets and `wasi:http` are not here: components that import them are refused when they are loaded.

mod cli;
mod file_types;
mod files;
mod io;
mod times;

#[cfg(test)]
mod tests;

use wasmtime::component::{
    ComponentNamedList, Lift, Linker, LinkerInstance, Lower, Resource, ResourceTable, ResourceTableError, ResourceType,
};

use super::Wasi;
use crate::sandbox::{
    ended::{Ended, Limit},
    host::{Halt, Host},
    memory::Meter,
};

/// Bytes of one answer: a stream may always give less than it was asked for, and the host holds each answer whole.
const READ_BYTES: u64 = 1 << 20;

/// What [`link`] defines, each in [`VERSION`].
const INTERFACES: [&str; 20] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

const VERSION: &str = "0.2.12";

/// Whether plugins get the interface of this name and version.
pub(in crate::sandbox) fn is_given(import: &str) -> bool {
    let Some((name, version)) = import.split_once('@') else { return false };
    let patch = version.strip_prefix("0.2.").unwrap_or_default();
    INTERFACES.contains(&name) && patch.parse::<u32>().is_ok()
}

/// Defines every interface.
pub(in crate::sandbox) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    io::link(linker)?;
    cli::link(linker)?;
    times::link(linker)?;
    files::link(linker)
}

pub(super) fn no_handles() -> ResourceTable {
    let mut handles = ResourceTable::new();
    handles.set_max_capacity(Meter::HANDLES);
    handles
}

impl Host {
    fn wasi(&mut self) -> Result<&mut Wasi, Halt> {
        if self.wasi.is_none() {
            return Err(self.end(Ended::Host("a plugin that imports WASI was given none".to_owned())));
        }
        self.wasi.as_deref_mut().ok_or(Halt)
    }

    fn wasi_handle<T: Send + 'static>(&mut self, of: T) -> wasmtime::Result<Resource<T>> {
        match self.wasi()?.handles.push(of) {
            Err(ResourceTableError::Full) => Err(self.end(Ended::Limit(Limit::Handles(Meter::HANDLES as u64))).into()),
            pushed => Ok(pushed?),
        }
    }
}

/// An interface while it is defined. Each of its functions counts as a call of the host.
struct Interface<'a>(LinkerInstance<'a, Host>);

impl<'a> Interface<'a> {
    fn define(linker: &'a mut Linker<Host>, name: &str) -> wasmtime::Result<Self> {
        Ok(Self(linker.instance(&format!("{name}@{VERSION}"))?))
    }

    fn resource<T: 'static>(&mut self, name: &str) -> wasmtime::Result<()> {
        self.0.resource(name, ResourceType::host::<T>(), |mut store, handle| {
            store.data_mut().wasi()?.handles.delete(Resource::<T>::new_own(handle))?;
            Ok(())
        })
    }

    fn function<P, R>(
        &mut self,
        name: &str,
        work: impl Fn(&mut Host, P) -> wasmtime::Result<R> + Send + Sync + 'static,
    ) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + 'static,
    {
        self.0.func_wrap(name, move |mut store, arguments: P| {
            let host = store.data_mut();
            host.count_call()?;
            work(host, arguments)
        })
    }
}
