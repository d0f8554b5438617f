//! Files that cost a compiler more than it may have: each is refused with a word for why, and the next one is compiled.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use evidenced::sandbox::{CompileLimits, CompileWhere, LoadError, Sandbox, SandboxSettings};
use evidenced_tests::daemon::binary;

fn sandbox(limits: CompileLimits) -> Arc<Sandbox> {
    let compile = CompileWhere::Child { program: binary().to_owned(), limits };
    Sandbox::new(SandboxSettings { compile, ..SandboxSettings::default() }).unwrap()
}

/// What becomes of a hostile file, and of a harmless one after it.
#[track_caller]
fn refused(limits: CompileLimits, hostile: &str) -> String {
    let sandbox = sandbox(limits);
    let refused = match sandbox.load(&wat::parse_str(hostile).unwrap()) {
        Err(error @ LoadError::CompileLimit(_)) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was compiled"),
    };
    let harmless = "(module (memory (export \"memory\") 1) (func (export \"_start\")))";
    assert_eq!(sandbox.load(&wat::parse_str(harmless).unwrap()).err(), None);
    refused
}

/// One function of so many additions, each of which the compiler keeps for the next.
fn giant(additions: usize) -> String {
    let mut text =
        "(module (memory (export \"memory\") 1) (func (export \"_start\") (local $a i64) (local $b i64)".to_owned();
    for at in 0..additions {
        write!(text, " (local.set $a (i64.mul (i64.add (local.get $a) (i64.const {at})) (local.get $b)))").unwrap();
        write!(text, " (local.set $b (i64.xor (local.get $a) (i64.load (i32.const {}))))", at % 8000).unwrap();
    }
    text + "))"
}

fn many(functions: usize) -> String {
    let mut text = "(module (memory (export \"memory\") 1) (func (export \"_start\"))".to_owned();
    for at in 0..functions {
        write!(text, " (func (param i32) (result i32) (i32.add (local.get 0) (i32.const {at})))").unwrap();
    }
    text + ")"
}

#[test]
fn a_function_that_takes_a_compiler_too_long_is_refused_by_its_processor_time() {
    let limits = CompileLimits { cpu_seconds: 1, ..CompileLimits::default() };
    assert_eq!(refused(limits, &giant(150_000)), "compiling it took more than 1 s of processor time");
}

#[test]
fn a_function_that_takes_a_compiler_too_long_is_refused_by_the_clock() {
    let limits = CompileLimits { wall: Duration::from_secs(1), ..CompileLimits::default() };
    assert_eq!(refused(limits, &giant(150_000)), "compiling it took more than 1 s");
}

#[test]
fn a_hundred_thousand_functions_are_refused_by_the_memory_that_they_take() {
    let limits = CompileLimits { memory_bytes: 320 << 20, ..CompileLimits::default() };
    assert_eq!(refused(limits, &many(100_000)), "compiling it took more than 320 MiB of memory");
}

#[test]
fn a_hundred_thousand_functions_are_refused_by_the_code_that_they_become() {
    let limits = CompileLimits { code_bytes: 2 << 20, ..CompileLimits::default() };
    assert_eq!(refused(limits, &many(100_000)), "compiling it took more than 2 MiB of code");
}
