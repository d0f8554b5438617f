//! Everything that can be said of a file before anybody runs it as a check. It refuses nothing, and explains everything.

use std::{io, path::Path};

use evidenced_contract::Description;

use super::anatomy::{Anatomy, Form};
use crate::{
    domain::{Digest, RunReason},
    sandbox::{LoadError, PluginKind, Sandbox},
    trust::{SignatureState, Signer, signature_of},
};

/// What was found out about one file.
#[derive(Debug)]
pub struct Inspection {
    pub digest: Digest,
    pub size: u64,
    pub anatomy: Anatomy,
    /// What the daemon makes of it.
    pub plugin: Result<Described, Refused>,
    pub signature: SignatureState,
}

/// A plugin that can be run.
#[derive(Debug)]
pub struct Described {
    pub kind: PluginKind,
    pub description: Description,
    /// Why it could not describe itself.
    pub warning: Option<String>,
    /// Whether the schema of its configuration is a JSON Schema; why not.
    pub schema_fault: Option<String>,
}

/// A file that cannot be run, and what to do.
#[derive(Debug)]
pub struct Refused {
    pub reason: RunReason,
    pub why: String,
    pub hint: &'static str,
}

/// Looks at the bytes of a plugin's file, and at the signature beside it; `keys`: those that are trusted. What describes itself
/// is run for that, in the sandbox, without a world.
///
/// # Errors
/// The signature is there and cannot be read.
pub fn inspect(sandbox: &Sandbox, path: &Path, bytes: &[u8], stem: &str, keys: &[Signer]) -> io::Result<Inspection> {
    let anatomy = Anatomy::of(bytes);
    let plugin = match sandbox.load(bytes) {
        Ok(plugin) => {
            let description = plugin.description_for(stem);
            let schema_fault = match &description.config_schema {
                schema if schema.is_null() => None,
                schema => sandbox.held_against(schema, &[]).err().map(|fault| fault.to_string()),
            };
            let warning = plugin.warning().map(str::to_owned);
            Ok(Described { kind: plugin.kind(), description, warning, schema_fault })
        }
        Err(error) => Err(Refused { reason: error.reason(), why: error.to_string(), hint: hint(&error, &anatomy) }),
    };
    let signature = signature_of(path, keys)?;
    Ok(Inspection { digest: Digest::of(bytes), size: bytes.len() as u64, anatomy, plugin, signature })
}

/// What an author does about it.
fn hint(error: &LoadError, anatomy: &Anatomy) -> &'static str {
    match error {
        LoadError::Empty => "build the plugin (`make`): nothing was written",
        LoadError::NotWasm => "build the plugin (`make`), and name the `.wasm` file that this leaves",
        LoadError::Malformed(_) | LoadError::Compile(_) => {
            "build it again: a file that was cut off or changed looks like this"
        }
        LoadError::TooLarge { .. } => "strip it, or compile it for size",
        LoadError::NotEncoded => "run `evidenced plugin componentize FILE -o OUT`",
        LoadError::NoEntry { .. } => match anatomy.form {
            Form::Component => {
                "its world must export `evidenced:check/checker@1.0.0` (plugin-sdk/wit/check.wit), or `wasi:cli/run`"
            }
            Form::Module | Form::Garbage => {
                "a command has a `main` that its tools export as `_start`; a check exports the contract's functions and is made a \
                 component by `evidenced plugin componentize`"
            }
        },
        LoadError::UnknownContract { .. } => {
            "build it for the contract that this program knows, or install an evidenced that knows the one it was built for"
        }
        LoadError::OtherTypes { .. } => "build it with the types of `plugin-sdk/wit/check.wit`, unchanged",
        LoadError::UnsupportedImport { import, .. }
            if import.starts_with("wasi:sockets") || import.starts_with("wasi:http") =>
        {
            "there is no network but `evidenced:check/http` and `tls`; in Python build with `--stub-wasi`"
        }
        LoadError::UnsupportedImport { .. } => "see what a plugin is given of WASI in plugin-sdk/README.md",
        LoadError::Link(_) => {
            "build it with the bindings of this contract (`evidenced plugin bindings`, or the kit of its language)"
        }
        LoadError::CompileLimit(_) => "make it smaller: no compiler is given more time and memory than that",
    }
}

/// What an import lets a plugin do, in words for who reviews it.
pub fn meaning(import: &str) -> &'static str {
    let (package, rest) = import.split_once('/').unwrap_or((import, ""));
    let interface = rest.split('@').next().unwrap_or_default();
    match (package, interface) {
        ("evidenced:check", "types") => "words of the contract: nothing can be done by them",
        ("evidenced:check", "log") => "writes to the run's log",
        ("evidenced:check", "http") => "asks hosts that its control grants, by the daemon's gate",
        ("evidenced:check", "tls") => "looks at the certificates of hosts that its control grants",
        ("evidenced:check", "inputs") => "reads the inputs that its control names",
        ("evidenced:check", "state") => "keeps a little between its runs, up to 64 KiB",
        ("evidenced:check", "history") => "reads earlier results of its own control, and of those that are granted",
        ("wasi:sockets" | "wasi:http", _) => "a network past the daemon: it is refused",
        _ if package.starts_with("wasi:") || import.starts_with("wasi_snapshot_preview1") => {
            "WASI over the run's own time, randomness and inputs; nothing of the machine"
        }
        _ => "nothing that plugins are given",
    }
}
