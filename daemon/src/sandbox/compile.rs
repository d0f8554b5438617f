//! Compiling: in a child process under resource limits, one at a time, since a file can be made that costs a compiler
//! hours and gigabytes.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus, Stdio},
    sync::{Mutex, PoisonError, mpsc},
    time::Duration,
};

use rustix::process::{Resource, Rlimit, setrlimit};
use wasmtime::Engine;

use super::{engine, error::LoadError, load::Format};

/// Where plugins are compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompileWhere {
    /// For tests and one-shot commands.
    InProcess,
    /// `program __compile`, which is [`compile_child_main`].
    Child { program: PathBuf, limits: CompileLimits },
}

/// What one compilation may cost. CPython, the largest known plugin, takes 10 s and 1 GiB on two cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    pub wall: Duration,
    /// Processor time of all threads, in whole seconds.
    pub cpu_seconds: u64,
    /// Address space.
    pub memory_bytes: u64,
    /// Of the native code.
    pub code_bytes: u64,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { wall: Duration::from_secs(180), cpu_seconds: 240, memory_bytes: 6 << 30, code_bytes: 512 << 20 }
    }
}

/// Compiles one plugin at a time.
#[derive(Debug)]
pub(super) struct Compiler {
    place: CompileWhere,
    turn: Mutex<()>,
}

const WORDS_BYTES: u64 = 4 << 10;

/// What a child adds to its niceness.
const NICENESS: i32 = 10;

/// The bytes cannot be compiled; the reason is on standard error.
const EXIT_REFUSED: u8 = 1;
/// The child itself did not work.
const EXIT_BROKEN: u8 = 3;

impl Compiler {
    pub(super) const fn new(place: CompileWhere) -> Self {
        Self { place, turn: Mutex::new(()) }
    }

    pub(super) const fn place(&self) -> &CompileWhere {
        &self.place
    }

    /// Native code for `engine`.
    pub(super) fn compile(&self, engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        match self.place() {
            CompileWhere::InProcess => precompile(engine, bytes),
            CompileWhere::Child { program, limits } => in_child(program, limits, bytes),
        }
    }
}

fn precompile(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    let code = match Format::of(bytes)? {
        Format::Component => engine.precompile_component(bytes),
        Format::Module => engine.precompile_module(bytes),
    };
    // Some faults show bytes, a line each; an outcome is one line.
    let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    code.map_err(|fault| LoadError::Malformed(one_line(format!("{fault:#}"))))
}

fn in_child(program: &Path, limits: &CompileLimits, bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    match ask_child(program, "__compile", limits, bytes) {
        Ok(code) => Ok(code),
        Err(ChildFault::Refused(words)) => Err(LoadError::Malformed(words)),
        Err(ChildFault::Limit(which)) => Err(LoadError::CompileLimit(which)),
        Err(ChildFault::Broken(why)) => Err(LoadError::Compile(why)),
    }
}

/// Why a child gave no answer.
pub(super) enum ChildFault {
    /// It looked at what it was given, and says why it does not take it.
    Refused(String),
    /// What it took too much of.
    Limit(String),
    Broken(String),
}

/// Asks `program word` about `bytes`: a process of its own under resource limits, which reads them from standard input.
pub(super) fn ask_child(
    program: &Path,
    word: &str,
    limits: &CompileLimits,
    bytes: &[u8],
) -> Result<Vec<u8>, ChildFault> {
    let failed = |what: &str, fault: std::io::Error| ChildFault::Broken(format!("{what}: {fault}"));
    let mut child = Command::new(program)
        .arg(word)
        .args([limits.memory_bytes, limits.cpu_seconds].map(|limit| limit.to_string()))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|fault| failed("the compiler's process did not start", fault))?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(ChildFault::Broken("the compiler's process has no pipes".to_owned()));
    };
    let read = std::thread::scope(|scope| {
        let (done, finished) = mpsc::channel();
        // A child that dies early closes its end: what then cannot be written is not missed.
        scope.spawn(move || drop(stdin.write_all(bytes)));
        let words = scope.spawn(move || read_up_to(stderr, WORDS_BYTES));
        scope.spawn(move || drop(done.send(read_up_to(stdout, limits.code_bytes.saturating_add(1)))));
        let code = finished.recv_timeout(limits.wall);
        if code.is_err() {
            // It may have ended a moment ago, which is as good.
            drop(child.kill());
        }
        (code, words.join().unwrap_or_default())
    });
    let status = child.wait().map_err(|fault| failed("the compiler's process cannot be waited for", fault))?;
    match read {
        (Err(_), _) => Err(ChildFault::Limit(format!("{} s", limits.wall.as_secs()))),
        // The child did not get rid of the rest, and says that its pipe is broken.
        (Ok(code), _) if code.len() as u64 > limits.code_bytes => {
            Err(ChildFault::Limit(format!("{} of code", mebibytes(limits.code_bytes))))
        }
        (Ok(code), _) if status.success() => Ok(code),
        (Ok(_), words) => Err(refusal(limits, status, &words)),
    }
}

fn read_up_to(from: impl Read, limit: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What was read before a fault is all there is; the exit status says whether it is whole.
    drop(from.take(limit).read_to_end(&mut bytes));
    bytes
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

fn refusal(limits: &CompileLimits, status: ExitStatus, words: &[u8]) -> ChildFault {
    use std::os::unix::process::ExitStatusExt;
    let words = String::from_utf8_lossy(words).trim().to_owned();
    match (status.code(), status.signal()) {
        (Some(code), _) if code == i32::from(EXIT_REFUSED) => ChildFault::Refused(words),
        (_, Some(signal)) if signal == rustix::process::Signal::XCPU.as_raw() => {
            ChildFault::Limit(format!("{} s of processor time", limits.cpu_seconds))
        }
        // Rust aborts when memory cannot be had.
        (_, Some(signal)) if signal == rustix::process::Signal::ABORT.as_raw() => {
            ChildFault::Limit(format!("{} of memory", mebibytes(limits.memory_bytes)))
        }
        _ => ChildFault::Broken(format!("the compiler's process ended with {status}: {words}")),
    }
}

/// The hidden subcommand `__compile`: a plugin on standard input, native code on standard output. It limits itself
/// before it looks at the first byte: to so much address space, and so many seconds of processor time.
pub fn compile_child_main(memory_bytes: u64, cpu_seconds: u64) -> ExitCode {
    answer_as_child(memory_bytes, cpu_seconds, |bytes| {
        let engine = engine::engine(None).map_err(std::io::Error::other)?;
        Ok(precompile(&engine, bytes).map_err(|refused| match refused {
            LoadError::Malformed(why) => why,
            other => other.to_string(),
        }))
    })
}

/// The other side of [`ask_child`]: the answer to standard input, or the words of why there is none.
pub(super) fn answer_as_child(
    memory_bytes: u64,
    cpu_seconds: u64,
    answer: impl FnOnce(&[u8]) -> std::io::Result<Result<Vec<u8>, String>>,
) -> ExitCode {
    match limit_self(memory_bytes, cpu_seconds).and_then(|()| answer_stdin(answer)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(words)) => {
            say(&words);
            ExitCode::from(EXIT_REFUSED)
        }
        Err(fault) => {
            say(&fault.to_string());
            ExitCode::from(EXIT_BROKEN)
        }
    }
}

fn say(words: &str) {
    // Nobody is left to tell when this fails.
    drop(std::io::stderr().write_all(words.as_bytes()));
}

fn limit_self(memory_bytes: u64, cpu_seconds: u64) -> std::io::Result<()> {
    let both = |limit| Rlimit { current: Some(limit), maximum: Some(limit) };
    setrlimit(Resource::As, both(memory_bytes))?;
    // At the upper limit the kernel kills by a signal that says nothing; a second before, by one that says why.
    let cpu = Rlimit { current: Some(cpu_seconds), maximum: Some(cpu_seconds.saturating_add(1)) };
    setrlimit(Resource::Cpu, cpu)?;
    setrlimit(Resource::Core, both(0))?;
    setrlimit(Resource::Fsize, both(0))?;
    setrlimit(Resource::Nofile, both(16))?;
    // Checks that run meanwhile come first. One that is nice already stays so.
    rustix::process::nice(NICENESS).ok();
    Ok(())
}

fn answer_stdin(
    answer: impl FnOnce(&[u8]) -> std::io::Result<Result<Vec<u8>, String>>,
) -> std::io::Result<Result<(), String>> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    let code = match answer(&bytes)? {
        Ok(code) => code,
        Err(refused) => return Ok(Err(refused)),
    };
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&code)?;
    stdout.flush()?;
    Ok(Ok(()))
}
