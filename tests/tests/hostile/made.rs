//! Hostile files that would fill pages: each is made here.

use std::fmt::Write as _;

/// The file of a case that has none in its folder.
pub(super) fn bytes(name: &str) -> Vec<u8> {
    match name {
        "compile-bomb" => wat(&giant()),
        "deep-nesting" => wat(&nested()),
        "many-functions" => {
            wat(&many("(func (param i32) (result i32) (i32.add (local.get 0) (i32.const {})))", 100_000))
        }
        "many-exports" => wat(&many_exports()),
        "many-imports" => {
            let import = "(import \"wasi_snapshot_preview1\" \"f{}\" (func))";
            let imports: String = (0..10_000).map(|at| import.replace("{}", &at.to_string())).collect();
            wat(&format!("(module {imports} (memory (export \"memory\") 1) (func (export \"_start\")))"))
        }
        "long-names" => {
            let name = "n".repeat(99_000);
            wat(&format!(
                "(module (import \"wasi_snapshot_preview1\" \"{name}\" (func)) (memory (export \"memory\") 1) (func (export \"_start\")))"
            ))
        }
        "large-custom-section" => {
            let start = "(func (export \"_start\") (drop (i32.div_u (i32.const 1) (i32.const 0))))";
            let mut bytes = wat(&format!("(module (memory (export \"memory\") 1) {start})"));
            // Identifier, size in LEB128, name.
            bytes.extend([0, 0x80, 0x80, 0x80, 0x1e, 1, b'x']);
            bytes.resize(bytes.len() + (60 << 20) - 2, 0);
            bytes
        }
        "schema-bomb" => describing(&schema_bomb()),
        "schema-that-opens-files" => describing("{\"$ref\":\"file:///etc/passwd\"}"),
        other => panic!("nobody makes the file of {other}"),
    }
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

fn many(item: &str, count: usize) -> String {
    let mut text = "(module (memory (export \"memory\") 1) (func (export \"_start\") unreachable)".to_owned();
    for at in 0..count {
        text += &item.replace("{}", &at.to_string());
    }
    text + ")"
}

fn many_exports() -> String {
    let exports: String = (0..200_000).map(|at| format!("(export \"e{at}\" (memory 0))")).collect();
    let start = "(func (export \"_start\") (drop (i32.load (i32.const -1))))";
    format!("(module (memory (export \"memory\") 1) {start} {exports})")
}

/// A function of 100,000 blocks, each in the one before.
fn nested() -> String {
    const DEPTH: usize = 100_000;
    // As text they would be nested in the reader of the text, too.
    let body = "block ".repeat(DEPTH) + &"end ".repeat(DEPTH);
    format!("(module (memory (export \"memory\") 1) (func (export \"_start\") {body} unreachable))")
}

/// Many variables that change in many nested loops: a compiler that keeps each value's each version needs their product.
fn giant() -> String {
    const LOCALS: usize = 20_000;
    const LOOPS: usize = 4_000;
    let mut text = "(module (memory (export \"memory\") 1) (func (export \"_start\") (local ".to_owned();
    text += &"i32 ".repeat(LOCALS);
    text += ") ";
    for _ in 0..LOOPS {
        text += "loop ";
    }
    for at in 0..LOCALS {
        let _ = write!(text, "local.get {} i32.const 1 i32.add local.set {at} ", (at + 1) % LOCALS);
    }
    for _ in 0..LOOPS {
        text += "local.get 0 br_if 0 end ";
    }
    text + "))"
}

/// Each rule asks for the next one twice.
fn schema_bomb() -> String {
    const RULES: usize = 60;
    let rules: Vec<String> = (0..RULES)
        .map(|at| {
            let next = format!("{{\"$ref\":\"#/$defs/r{}\"}}", at + 1);
            format!("\"r{at}\":{{\"anyOf\":[{next},{next}]}}")
        })
        .collect();
    format!("{{\"$ref\":\"#/$defs/r0\",\"$defs\":{{{},\"r{RULES}\":{{\"type\":\"string\"}}}}}}", rules.join(","))
}

/// A command that describes itself with this schema, and reports nothing.
fn describing(schema: &str) -> Vec<u8> {
    let text = format!("{{\"name\":\"schema\",\"version\":\"1\",\"config_schema\":{schema}}}");
    let data: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    wat(&format!(
        "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))
            (memory (export \"memory\") 1) (data (i32.const 64) \"{data}\")
            (func (export \"_start\")
                (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const {}))
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))",
        text.len()
    ))
}
