//! The folder `tests/hostile`: each case is a plugin that means harm, and how its run must end. The end-to-end tests read it, and
//! so do the daemon's own tests of the sandbox (which include this file).

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

/// One folder.
pub struct Case {
    pub name: String,
    /// What the run says when it has ended: one of these.
    pub outcomes: Vec<String>,
    /// What stands in its log.
    pub log: Vec<String>,
    /// It needs a server, a configuration or a file that only the whole daemon has.
    pub is_of_daemon: bool,
    /// Another case that ends in the same way by its nature.
    pub same_as: Option<String>,
    /// It is run with all tests only.
    pub takes_long: bool,
    /// It needs a name that stands for something else in between.
    pub changes_names: bool,
    /// It is not made a component before it is loaded.
    pub is_module: bool,
    /// As it lies in the folder; nothing if it is made by the test, since it would fill a page.
    pub file: Option<Source>,
}

/// What becomes the file of a plugin.
pub enum Source {
    Bytes(Vec<u8>),
    /// Text of a program: a core module, or a component as it is.
    Program(String),
    /// Text of a core module that a component of the contract is made of.
    Check(String),
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/hostile")
}

/// All cases in order of name. `port` is that of the server that they may ask: it stands where `PPPPP` is written, with all
/// of its five digits.
///
/// # Panics
/// If the folder cannot be read.
pub fn cases(port: u16) -> Vec<Case> {
    let entries = fs::read_dir(folder()).expect("the folder of hostile plugins").flatten();
    let mut folders: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders.iter().map(|folder| case(folder, port)).collect()
}

fn case(folder: &Path, port: u16) -> Case {
    let text = |name: &str| {
        let text = fs::read_to_string(folder.join(name)).ok()?;
        Some(text.replace("PPPPP", &format!("{port:05}")))
    };
    let expected = text("expected.txt").expect("each case has an `expected.txt`");
    let mut lines = expected.lines();
    let mut case = Case {
        name: folder.file_name().expect("a folder has a name").to_string_lossy().into_owned(),
        outcomes: lines.next().map(str::to_owned).into_iter().collect(),
        log: Vec::new(),
        is_of_daemon: false,
        same_as: None,
        is_module: false,
        takes_long: false,
        changes_names: false,
        file: None,
    };
    for line in lines {
        match line.split_once(": ").expect("a word, a colon, a value") {
            ("log", words) => case.log.push(words.to_owned()),
            ("or", outcome) => case.outcomes.push(outcome.to_owned()),
            ("same as", other) => case.same_as = Some(other.to_owned()),
            ("where", "daemon") => case.is_of_daemon = true,
            ("where", "names") => (case.is_of_daemon, case.changes_names) = (true, true),
            ("where", "all") => (case.is_of_daemon, case.takes_long) = (true, true),
            ("as", "module") => case.is_module = true,
            other => panic!("{}: what is {other:?}?", folder.display()),
        }
    }
    case.file = if let Some(ask) = text("ask.json") {
        Some(Source::Program(asking(ask.trim())))
    } else if let Some(text) = text("plugin.wat") {
        let is_check = text.contains("evidenced:check/checker@") && !text.contains("(component") && !case.is_module;
        Some(if is_check { Source::Check(text) } else { Source::Program(text) })
    } else {
        fs::read(folder.join("plugin.bytes")).ok().map(Source::Bytes)
    };
    case
}

/// The program that asks this, and tells what it was answered.
fn asking(ask: &str) -> String {
    let program = fs::read_to_string(folder().join("asks.wat")).expect("the program of cases that ask");
    let data: String = ask.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    program
        .replace("\"ASK\"", &format!("\"{data}\""))
        .replace("(i32.const LENGTH)", &format!("(i32.const {})", ask.len()))
}

impl Case {
    /// What the run may take: less where that is how it ends.
    pub fn wall(&self) -> Duration {
        let is_over = self.outcomes.iter().any(|outcome| outcome.contains("(500 ms)"));
        Duration::from_millis(if is_over { 500 } else { 10_000 })
    }
}

impl Source {
    /// The file of the plugin.
    ///
    /// # Panics
    /// If its text is no WebAssembly.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Program(text) => wat::parse_str(text).unwrap_or_else(|fault| panic!("{fault}")),
            Self::Check(text) => component_on_wasi(text),
        }
    }
}

const CONTRACT: &str = include_str!("../../plugin-sdk/wit/check.wit");

/// A component of the world `check` that also imports of WASI what its module does.
pub fn component_on_wasi(module: &str) -> Vec<u8> {
    let mut imports: Vec<&str> = module.split('"').filter(|text| text.starts_with("wasi:")).collect();
    imports.sort_unstable();
    imports.dedup();
    let imports: String = imports.iter().map(|import| format!("import {import};\n")).collect();
    let contract = CONTRACT.replace("world check {", &format!("world check {{ {imports}"));
    component(module, &(contract + include_str!("../../daemon/src/sandbox/wasi/p2/testing.wit")))
}

/// A component of the world `check` of `wit`.
///
/// # Panics
/// If the module is none, or does not fit.
pub fn component(module: &str, wit: &str) -> Vec<u8> {
    let mut bytes = wat::parse_str(module).unwrap_or_else(|fault| panic!("{fault}"));
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("check.wit", wit).expect("the contract is WIT");
    let world = resolve.select_world(&[package], Some("check")).expect("it has the world `check`");
    embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8, false)
        .expect("a module takes a section");
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(&bytes).expect("the module fits its WIT");
    encoder.encode().expect("the module fits its WIT")
}
