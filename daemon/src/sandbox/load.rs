//! From bytes to a plugin: which kind, compile, link, describe.

use std::sync::{Arc, PoisonError, Weak};

use wasmtime::{
    Module,
    component::{Component, Linker},
};

use super::{
    command, component, contract,
    contract::v1,
    engine::Sandbox,
    error::LoadError,
    host::Host,
    plugin::{About, Code, CommandCode, Inner, Plugin},
    wasi,
};
use crate::domain::Digest;

/// Larger files are no plugins.
pub const PLUGIN_BYTES: u64 = 64 << 20;

/// What each kind of plugin is linked to; made once.
pub(super) struct Linkers {
    pub(super) checker: Linker<Host>,
    pub(super) program: Linker<Host>,
    pub(super) module: wasmtime::Linker<Host>,
}

impl Linkers {
    pub(super) fn new(engine: &wasmtime::Engine) -> wasmtime::Result<Self> {
        let mut checker = Linker::new(engine);
        v1::Check::add_to_linker::<_, v1::HasHost>(&mut checker, |host| host)?;
        wasi::p2::link(&mut checker)?;
        let mut program = Linker::new(engine);
        wasi::p2::link(&mut program)?;
        let mut module = wasmtime::Linker::new(engine);
        wasi::p1::link(&mut module)?;
        Ok(Self { checker, program, module })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Module,
    Component,
}

impl Format {
    /// By the first eight bytes (component model, `Binary.md`: magic, version, layer).
    pub(super) fn of(bytes: &[u8]) -> Result<Self, LoadError> {
        match bytes.get(..8) {
            Some(b"\0asm\x01\0\0\0") => Ok(Self::Module),
            Some(b"\0asm\x0d\0\x01\0") => Ok(Self::Component),
            _ if bytes.is_empty() => Err(LoadError::Empty),
            _ => Err(LoadError::NotWasm),
        }
    }
}

impl Sandbox {
    /// Compiles, links and describes a plugin, or takes all that from the cache. Blocks while it compiles; call it where
    /// blocking is allowed.
    pub fn load(&self, bytes: &[u8]) -> Result<Plugin, LoadError> {
        let size = bytes.len() as u64;
        if size > PLUGIN_BYTES {
            return Err(LoadError::TooLarge { limit: PLUGIN_BYTES });
        }
        let format = Format::of(bytes)?;
        let digest = Digest::of(bytes);
        if let Some(inner) =
            self.loaded.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).and_then(Weak::upgrade)
        {
            return Ok(Plugin(inner));
        }
        let code = match format {
            Format::Component => self.link_component(&self.compiled_component(bytes, digest)?)?,
            Format::Module => self.link_module(bytes, &self.compiled_module(bytes, digest)?)?,
        };
        let about = match self.cache.as_ref().and_then(|cache| cache.about(digest)) {
            Some(about) => about,
            None => {
                let about = self.describe(&code)?;
                // That it could not describe itself may have been a busy moment: it is asked again.
                if let (Some(cache), None) = (&self.cache, &about.warning) {
                    cache.keep_about(digest, &about);
                }
                about
            }
        };
        let is_lasting = about.warning.is_none();
        let inner = Arc::new(Inner { digest, size, code, about });
        if !is_lasting {
            return Ok(Plugin(inner));
        }
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.retain(|_, plugin| plugin.strong_count() > 0);
        loaded.insert(digest, Arc::downgrade(&inner));
        Ok(Plugin(inner))
    }

    fn compiled_component(&self, bytes: &[u8], digest: Digest) -> Result<Component, LoadError> {
        if let Some(component) = self.cache.as_ref().and_then(|cache| cache.component(&self.engine, digest)) {
            return Ok(component);
        }
        let code = self.compiler.compile(&self.engine, bytes)?;
        if let Some(cache) = &self.cache {
            cache.keep_code(digest, &code);
        }
        super::cache::trusted_component(&self.engine, &code).map_err(|fault| LoadError::Link(format!("{fault:#}")))
    }

    fn link_component(&self, component: &Component) -> Result<Code, LoadError> {
        let ty = component.component_type();
        let exports: Vec<String> = ty.exports(&self.engine).map(|(name, _)| name.to_owned()).collect();
        let imports: Vec<String> = ty.imports(&self.engine).map(|(name, _)| name.to_owned()).collect();
        let unlinked = |fault: wasmtime::Error| LoadError::Link(format!("{fault:#}"));
        if contract::CHECKERS.iter().any(|known| exports.iter().any(|export| export == known)) {
            imports.iter().try_for_each(|import| check_import(import, Kind::Check))?;
            let linked = self.linkers.checker.instantiate_pre(component).and_then(v1::CheckPre::new);
            let uses_wasi = imports.iter().any(|import| import.starts_with("wasi:"));
            return Ok(Code::Checker { code: linked.map_err(unlinked)?, uses_wasi });
        }
        if let Some(found) = exports.iter().find(|export| export.starts_with("evidenced:check/checker@")) {
            return Err(LoadError::UnknownContract { found: found.clone(), known: contract::KNOWN });
        }
        if let Some(export) = exports.iter().find(|export| export.starts_with("wasi:cli/run@0.2.")) {
            imports.iter().try_for_each(|import| check_import(import, Kind::Command))?;
            let interface = component.get_export_index(None, export);
            let run = interface.and_then(|interface| component.get_export_index(Some(&interface), "run"));
            let run = run.ok_or_else(|| LoadError::Link(format!("its `{export}` has no function `run`")))?;
            let linked = self.linkers.program.instantiate_pre(component).map_err(unlinked)?;
            return Ok(Code::Command(CommandCode::Component { linked, run }));
        }
        imports.iter().try_for_each(|import| check_import(import, Kind::Check))?;
        Err(LoadError::NoEntry { known: contract::KNOWN })
    }

    fn compiled_module(&self, bytes: &[u8], digest: Digest) -> Result<Module, LoadError> {
        if let Some(module) = self.cache.as_ref().and_then(|cache| cache.module(&self.engine, digest)) {
            return Ok(module);
        }
        let code = self.compiler.compile(&self.engine, bytes)?;
        if let Some(cache) = &self.cache {
            cache.keep_code(digest, &code);
        }
        super::cache::trusted_module(&self.engine, &code).map_err(|fault| LoadError::Link(format!("{fault:#}")))
    }

    fn link_module(&self, bytes: &[u8], module: &Module) -> Result<Code, LoadError> {
        if module.get_export("_start").is_none() {
            let exports_check = module.exports().any(|export| export.name().starts_with("evidenced:check/checker@"));
            let is_unfinished = exports_check || has_component_type(bytes);
            return Err(if is_unfinished {
                LoadError::NotEncoded
            } else {
                LoadError::NoEntry { known: contract::KNOWN }
            });
        }
        if let Some(import) = module.imports().find(|import| import.module() != "wasi_snapshot_preview1") {
            return Err(LoadError::UnsupportedImport {
                import: format!("{}.{}", import.module(), import.name()),
                hint: "a command imports only `wasi_snapshot_preview1`",
            });
        }
        let linked = self.linkers.module.instantiate_pre(module);
        linked
            .map(|module| Code::Command(CommandCode::Module(module)))
            .map_err(|fault| LoadError::Link(format!("{fault:#}")))
    }

    fn describe(&self, code: &Code) -> Result<About, LoadError> {
        match code {
            Code::Checker { code, uses_wasi } => component::describe(self, code, *uses_wasi),
            Code::Command(code) => command::describe(self, code),
        }
    }
}

/// Whether a core module carries the types of a component that it was not made into.
fn has_component_type(bytes: &[u8]) -> bool {
    wasmparser::Parser::new(0).parse_all(bytes).flatten().any(|payload| match payload {
        wasmparser::Payload::CustomSection(section) => section.name().starts_with("component-type"),
        _ => false,
    })
}

/// Interfaces of the contract that a component may import, by exact name: the linker itself would also take others of
/// the same major version.
const IMPORTS: &[&str] = &[
    "evidenced:check/history@1.0.0",
    "evidenced:check/http@1.0.0",
    "evidenced:check/inputs@1.0.0",
    "evidenced:check/log@1.0.0",
    "evidenced:check/state@1.0.0",
    "evidenced:check/tls@1.0.0",
    "evidenced:check/types@1.0.0",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Check,
    Command,
}

fn check_import(import: &str, kind: Kind) -> Result<(), LoadError> {
    if wasi::p2::is_given(import) || (kind == Kind::Check && IMPORTS.contains(&import)) {
        return Ok(());
    }
    let hint = match (import.split(['/', '@']).next().unwrap_or_default(), kind) {
        ("evidenced:check", Kind::Check) => {
            return Err(LoadError::UnknownContract { found: import.to_owned(), known: contract::KNOWN });
        }
        ("evidenced:check", Kind::Command) => {
            "a command asks by what it prints (`ask`), or exports `evidenced:check/checker` and is a check"
        }
        ("wasi:http" | "wasi:sockets", Kind::Command) => "a command asks by what it prints (`ask`)",
        ("wasi:http", Kind::Check) => "use `evidenced:check/http` (in the kits: `fetch`)",
        ("wasi:sockets", Kind::Check) => "use `evidenced:check/http`, and build Python components with `--stub-wasi`",
        _ => {
            "beside `evidenced:check` it may import `wasi:cli`, `io`, `clocks`, `filesystem` and `random`, version 0.2"
        }
    };
    Err(LoadError::UnsupportedImport { import: import.to_owned(), hint })
}
