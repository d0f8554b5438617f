//! What a WebAssembly file is by its bytes alone, whether or not it can be a plugin.

use wasmparser::{Encoding, Parser, Payload, TypeRef};

/// Read without compiling or running anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Anatomy {
    pub form: Form,
    /// Interfaces of a component, functions of a module; in their order, each once.
    pub imports: Vec<String>,
    pub exports: Vec<String>,
    /// A core module carries the types of a component that it was not made.
    pub carries_wit: bool,
    /// Linear memories of its own, each with its pages at the start and at most.
    pub memories: Vec<(u64, Option<u64>)>,
    /// Why the rest could not be read.
    pub damaged: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// Neither.
    #[default]
    Garbage,
    Module,
    Component,
}

impl Anatomy {
    pub fn of(bytes: &[u8]) -> Self {
        let mut anatomy = Self::default();
        // How deep in components and modules the parser is; only the outermost says what the file is.
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = match payload {
                Ok(payload) => payload,
                Err(fault) => {
                    anatomy.damaged = Some(fault.to_string());
                    break;
                }
            };
            if let Err(fault) = anatomy.see(&payload, &mut depth) {
                anatomy.damaged = Some(fault.to_string());
                break;
            }
        }
        anatomy.imports.dedup();
        anatomy
    }

    fn see(&mut self, payload: &Payload<'_>, depth: &mut u32) -> Result<(), wasmparser::BinaryReaderError> {
        match payload {
            Payload::Version { encoding, .. } => {
                *depth += 1;
                if *depth == 1 {
                    self.form = match encoding {
                        Encoding::Module => Form::Module,
                        Encoding::Component => Form::Component,
                    };
                }
            }
            Payload::End(_) => *depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if *depth == 1 => {
                for import in section.clone() {
                    self.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if *depth == 1 => {
                for export in section.clone() {
                    self.exports.push(export?.name.name.to_owned());
                }
            }
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    let import = import?;
                    if *depth == 1 {
                        self.imports.push(format!("{}.{}", import.module, import.name));
                    }
                    if let (TypeRef::Memory(memory), 1) = (import.ty, *depth) {
                        self.memories.push((memory.initial, memory.maximum));
                    }
                }
            }
            Payload::ExportSection(section) if *depth == 1 => {
                for export in section.clone() {
                    self.exports.push(export?.name.to_owned());
                }
            }
            Payload::MemorySection(section) => {
                for memory in section.clone() {
                    let memory = memory?;
                    self.memories.push((memory.initial, memory.maximum));
                }
            }
            Payload::CustomSection(section) if *depth == 1 && self.form == Form::Module => {
                self.carries_wit |= section.name().starts_with("component-type");
            }
            _ => {}
        }
        Ok(())
    }

    /// Bytes of all memories at the start.
    pub fn memory_at_start(&self) -> u64 {
        self.memories.iter().map(|(pages, _)| pages.saturating_mul(PAGE)).sum()
    }

    /// The version of the contract that it exports a check of, if any.
    pub fn contract(&self) -> Option<&str> {
        self.exports.iter().find_map(|export| export.strip_prefix("evidenced:check/checker@"))
    }
}

const PAGE: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_shows_what_it_imports_and_exports_and_how_much_memory_it_begins_with() {
        let module = wat::parse_str(
            r#"(module (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
                (memory (export "memory") 2 16) (func (export "_start")))"#,
        )
        .unwrap();
        let anatomy = Anatomy::of(&module);
        assert_eq!(anatomy.form, Form::Module);
        assert_eq!(anatomy.imports, ["wasi_snapshot_preview1.fd_write"]);
        assert_eq!(anatomy.exports, ["memory", "_start"]);
        assert_eq!((anatomy.memory_at_start(), anatomy.memories.as_slice()), (128 << 10, &[(2, Some(16))][..]));
        assert_eq!((anatomy.damaged, anatomy.carries_wit), (None, false));
    }

    #[test]
    fn of_a_component_the_outside_counts_and_the_memories_within() {
        let component = wat::parse_str(
            r#"(component (import "wasi:sockets/tcp@0.2.0" (instance)) (core module (import "a" "b" (func)) (memory 3)))"#,
        )
        .unwrap();
        let anatomy = Anatomy::of(&component);
        assert_eq!(anatomy.form, Form::Component);
        assert_eq!(anatomy.imports, ["wasi:sockets/tcp@0.2.0"]);
        assert_eq!(anatomy.memory_at_start(), 192 << 10);
    }

    #[test]
    fn garbage_and_what_breaks_off_are_told() {
        assert_eq!(Anatomy::of(b"").form, Form::Garbage);
        let garbage = Anatomy::of(b"#!/bin/sh\n");
        assert!(garbage.form == Form::Garbage && garbage.damaged.is_some());
        let broken = Anatomy::of(b"\0asm\x01\0\0\0\x01\x20");
        assert!(broken.form == Form::Module && broken.damaged.is_some());
    }
}
