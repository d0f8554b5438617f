//! From a core module to a component, so that authors need no other tool.

use std::path::Path;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_parser::Resolve;

use super::{AuthorError, sdk::WIT};

/// What a module is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A component of the contract's world `check`.
    Check,
    /// A `wasi:cli` component of a preview-1 program.
    Command,
}

/// What was done to a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Componentized {
    pub component: Vec<u8>,
    /// The WIT was not in the module, and was put into it.
    pub embedded_wit: bool,
    /// The module imports preview 1 of WASI, and was put on 0.2 by an adapter.
    pub adapted: bool,
}

/// The world's functions as a module exports them.
const DESCRIBE: &str = "evidenced:check/checker@1.0.0#describe";
const RUN: &str = "evidenced:check/checker@1.0.0#run";

/// Makes a component of a core module. `wit`: a file or folder with a world `check` of the author's own, in place of the
/// contract's, for a module that carries none.
pub fn componentize(module: &[u8], shape: Shape, wit: Option<&Path>) -> Result<Componentized, AuthorError> {
    let facts = Facts::of(module)?;
    let mut module = module.to_vec();
    let embedded_wit = match shape {
        Shape::Command if !facts.starts => return Err(AuthorError::NoCommand),
        Shape::Command => false,
        Shape::Check if facts.starts => return Err(AuthorError::IsCommand),
        Shape::Check if facts.carries_wit => false,
        Shape::Check => {
            if let Some(missing) = facts.missing.filter(|_| wit.is_none()) {
                return Err(AuthorError::NoChecker { missing });
            }
            embed(&mut module, wit)?;
            true
        }
    };
    let adapter = match shape {
        Shape::Check => WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
        Shape::Command => WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    };
    let unfit = |fault: anyhow::Error| AuthorError::Unfit(format!("{fault:#}"));
    let mut encoder = wit_component::ComponentEncoder::default();
    // Go's allocator cannot be called before its runtime has started; it does the others no harm.
    encoder.validate(true).realloc_via_memory_grow(true).module(&module).map_err(unfit)?;
    // A command is adapted whatever it imports: the adapter exports its `run`.
    let adapted = facts.imports_wasi || shape == Shape::Command;
    if adapted {
        encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter).map_err(unfit)?;
    }
    let component = encoder.encode().map_err(unfit)?;
    Ok(Componentized { component, embedded_wit, adapted })
}

fn embed(module: &mut Vec<u8>, wit: Option<&Path>) -> Result<(), AuthorError> {
    let wrong = |fault: anyhow::Error| AuthorError::Wit(format!("{fault:#}"));
    let mut resolve = Resolve::default();
    let package = match wit {
        Some(path) => resolve.push_path(path).map_err(wrong)?.0,
        None => resolve.push_str("check.wit", WIT).map_err(wrong)?,
    };
    let world = resolve.select_world(&[package], Some("check")).map_err(wrong)?;
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(module, &resolve, world, encoding, false).map_err(wrong)
}

/// What matters of a module.
struct Facts {
    starts: bool,
    carries_wit: bool,
    imports_wasi: bool,
    /// The first of the contract's functions that it does not export.
    missing: Option<&'static str>,
}

impl Facts {
    fn of(module: &[u8]) -> Result<Self, AuthorError> {
        if Parser::is_component(module) {
            return Err(AuthorError::IsComponent);
        }
        if !Parser::is_core_wasm(module) {
            return Err(AuthorError::NotWasm);
        }
        let damaged = |fault: wasmparser::BinaryReaderError| AuthorError::Unfit(format!("it is damaged: {fault}"));
        let mut facts = Self { starts: false, carries_wit: false, imports_wasi: false, missing: None };
        let mut exports = Vec::new();
        for payload in Parser::new(0).parse_all(module) {
            match payload.map_err(damaged)? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import.map_err(damaged)?;
                        facts.imports_wasi |= import.module == WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME;
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        exports.push(export.map_err(damaged)?.name);
                    }
                }
                Payload::CustomSection(section) => facts.carries_wit |= section.name().starts_with("component-type"),
                _ => {}
            }
        }
        facts.starts = exports.contains(&"_start");
        facts.missing = [DESCRIBE, RUN].into_iter().find(|wanted| !exports.contains(wanted));
        Ok(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        author::Anatomy,
        sandbox::{PluginKind, Sandbox, SandboxSettings, testing::Checker},
    };

    fn refused(module: &str, shape: Shape) -> String {
        componentize(&wat::parse_str(module).unwrap(), shape, None).unwrap_err().to_string()
    }

    #[test]
    fn a_module_without_wit_becomes_a_check_that_imports_what_it_did() {
        let log = r#"(import "evidenced:check/log@1.0.0" "write" (func $write (param i32 i32 i32)))"#;
        let checker = Checker { imports: log, run: "(global.get $report)", ..Checker::default() };
        let made = componentize(&wat::parse_str(checker.module()).unwrap(), Shape::Check, None).unwrap();
        assert_eq!((made.embedded_wit, made.adapted), (true, false));
        assert_eq!(Anatomy::of(&made.component).imports, ["evidenced:check/log@1.0.0", "evidenced:check/types@1.0.0"]);
        let sandbox = Sandbox::new(SandboxSettings { concurrency: 1, ..SandboxSettings::default() }).unwrap();
        assert_eq!(sandbox.load(&made.component).unwrap().kind(), PluginKind::Component);
    }

    #[test]
    fn preview_1_is_adapted_where_it_is_imported() {
        let write =
            r#"(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))"#;
        let checker = Checker {
            imports: write,
            run: "(drop (call $write (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0))) (global.get $report)",
            ..Checker::default()
        };
        let made = componentize(&wat::parse_str(checker.module()).unwrap(), Shape::Check, None).unwrap();
        assert!(made.adapted);
        let imports = Anatomy::of(&made.component).imports;
        assert!(imports.iter().any(|import| import.starts_with("wasi:cli/stderr@0.2.")), "{imports:?}");
        assert!(!imports.iter().any(|import| import.starts_with("wasi:sockets")), "{imports:?}");
    }

    #[test]
    fn a_module_that_becomes_no_check_is_told_why() {
        assert!(refused("(module)", Shape::Check).contains("checker@1.0.0#describe is missing"));
        assert!(refused("(module (func (export \"_start\")))", Shape::Check).contains("is a command"));
        assert!(refused("(module)", Shape::Command).contains("it is no command"));
        assert!(componentize(b"#!", Shape::Check, None).unwrap_err().to_string().contains("`make`"));
    }
}
