//! `wasi:cli`: arguments and streams, and nothing of an environment or a terminal.

use wasmtime::component::{Linker, Resource};

use super::{
    Interface,
    io::{InputStream, OutputStream},
};
use crate::sandbox::{
    host::{Halt, Host},
    wasi::streams::Stream,
};

/// No plugin ever holds one.
enum TerminalInput {}
enum TerminalOutput {}

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let mut environment = Interface::define(linker, "wasi:cli/environment")?;
    environment.function("get-environment", |_, (): ()| Ok((Vec::<(String, String)>::new(),)))?;
    environment.function("get-arguments", |host, (): ()| Ok((host.wasi()?.args.clone(),)))?;
    environment.function("initial-cwd", |_, (): ()| Ok((None::<String>,)))?;

    let mut exit = Interface::define(linker, "wasi:cli/exit")?;
    exit.function("exit", |host, (status,): (Result<(), ()>,)| leave(host, i32::from(status.is_err())))?;
    exit.function("exit-with-code", |host, (code,): (u8,)| leave(host, code.into()))?;

    Interface::define(linker, "wasi:cli/stdin")?
        .function("get-stdin", |host, (): ()| Ok((host.wasi_handle(InputStream::Stdin)?,)))?;
    Interface::define(linker, "wasi:cli/stdout")?
        .function("get-stdout", |host, (): ()| Ok((host.wasi_handle(OutputStream(Stream::Stdout))?,)))?;
    Interface::define(linker, "wasi:cli/stderr")?
        .function("get-stderr", |host, (): ()| Ok((host.wasi_handle(OutputStream(Stream::Stderr))?,)))?;

    Interface::define(linker, "wasi:cli/terminal-input")?.resource::<TerminalInput>("terminal-input")?;
    Interface::define(linker, "wasi:cli/terminal-output")?.resource::<TerminalOutput>("terminal-output")?;
    Interface::define(linker, "wasi:cli/terminal-stdin")?
        .function("get-terminal-stdin", |_, (): ()| Ok((None::<Resource<TerminalInput>>,)))?;
    for stream in ["stdout", "stderr"] {
        Interface::define(linker, &format!("wasi:cli/terminal-{stream}"))?
            .function(&format!("get-terminal-{stream}"), |_, (): ()| Ok((None::<Resource<TerminalOutput>>,)))?;
    }
    Ok(())
}

fn leave(host: &mut Host, code: i32) -> wasmtime::Result<()> {
    host.wasi()?.exit_with(code);
    Err(Halt.into())
}
