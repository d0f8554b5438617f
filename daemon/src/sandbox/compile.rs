//! Compiling: in a child process under resource limits, one at a time, since a file can be made that costs a compiler
//! hours and gigabytes.

use std::{
    io::{Read, Write},
    path::PathBuf,
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

/// The bytes cannot be compiled; the reason is on standard error.
const EXIT_REFUSED: u8 = 1;
/// The child itself did not work.
const EXIT_BROKEN: u8 = 3;

impl Compiler {
    pub(super) const fn new(place: CompileWhere) -> Self {
        Self { place, turn: Mutex::new(()) }
    }

    /// Native code for `engine`.
    pub(super) fn compile(&self, engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.place {
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
    code.map_err(|fault| LoadError::Malformed(format!("{fault:#}")))
}

fn in_child(program: &PathBuf, limits: &CompileLimits, bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    let failed = |what: &str, fault: std::io::Error| LoadError::Compile(format!("{what}: {fault}"));
    let mut child = Command::new(program)
        .arg("__compile")
        .args([limits.memory_bytes, limits.cpu_seconds].map(|limit| limit.to_string()))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|fault| failed("the compiler's process did not start", fault))?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(LoadError::Compile("the compiler's process has no pipes".to_owned()));
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
        (Err(_), _) => Err(LoadError::CompileLimit(format!("{} s", limits.wall.as_secs()))),
        // The child did not get rid of the rest, and says that its pipe is broken.
        (Ok(code), _) if code.len() as u64 > limits.code_bytes => {
            Err(LoadError::CompileLimit(format!("{} of code", mebibytes(limits.code_bytes))))
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

fn refusal(limits: &CompileLimits, status: ExitStatus, words: &[u8]) -> LoadError {
    use std::os::unix::process::ExitStatusExt;
    let words = String::from_utf8_lossy(words).trim().to_owned();
    match (status.code(), status.signal()) {
        (Some(code), _) if code == i32::from(EXIT_REFUSED) => LoadError::Malformed(words),
        (_, Some(signal)) if signal == rustix::process::Signal::XCPU.as_raw() => {
            LoadError::CompileLimit(format!("{} s of processor time", limits.cpu_seconds))
        }
        // Rust aborts when memory cannot be had.
        (_, Some(signal)) if signal == rustix::process::Signal::ABORT.as_raw() => {
            LoadError::CompileLimit(format!("{} of memory", mebibytes(limits.memory_bytes)))
        }
        _ => LoadError::Compile(format!("the compiler's process ended with {status}: {words}")),
    }
}

/// The hidden subcommand `__compile`: a plugin on standard input, native code on standard output. It limits itself
/// before it looks at the first byte: to so much address space, and so many seconds of processor time.
pub fn compile_child_main(memory_bytes: u64, cpu_seconds: u64) -> ExitCode {
    match limit_self(memory_bytes, cpu_seconds).and_then(|()| compile_stdin()) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(refused)) => {
            let words = match refused {
                LoadError::Malformed(why) => why,
                other => other.to_string(),
            };
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
    Ok(())
}

fn compile_stdin() -> std::io::Result<Result<(), LoadError>> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    let engine = engine::engine(None).map_err(std::io::Error::other)?;
    let code = match precompile(&engine, &bytes) {
        Ok(code) => code,
        Err(refused) => return Ok(Err(refused)),
    };
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&code)?;
    stdout.flush()?;
    Ok(Ok(()))
}
