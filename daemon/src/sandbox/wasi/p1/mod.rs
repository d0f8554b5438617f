//! All functions of `wasi_snapshot_preview1` under their names: tool-chains import many that no check needs, and those
//! answer that there is nothing.

mod abi;
mod descriptors;
mod functions;

use wasmtime::{Caller, Extern, Linker};

use self::abi::{Errno, Memory};
pub(super) use self::descriptors::Descriptors;
use super::Wasi;
use crate::sandbox::host::{Halt, Host};

const MODULE: &str = "wasi_snapshot_preview1";

/// The caller's memory and its WASI; an error number if it exports no memory.
fn call(
    caller: &mut Caller<'_, Host>,
    work: impl FnOnce(&mut Wasi, &mut Memory<'_>) -> Result<(), Errno>,
) -> wasmtime::Result<i32> {
    with(caller, |host, memory| {
        let Some(wasi) = &mut host.wasi else { return Ok(Err(Errno::NOSYS)) };
        Ok(work(wasi, memory))
    })
}

fn with(
    caller: &mut Caller<'_, Host>,
    work: impl FnOnce(&mut Host, &mut Memory<'_>) -> Result<Result<(), Errno>, Halt>,
) -> wasmtime::Result<i32> {
    caller.data_mut().count_call()?;
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else { return Ok(Errno::FAULT.0) };
    let (bytes, host) = memory.data_and_store_mut(caller);
    match work(host, &mut Memory(bytes))? {
        Ok(()) => Ok(0),
        Err(errno) => Ok(errno.0),
    }
}

/// Defines every function of preview 1.
pub(in crate::sandbox) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    link_process(linker)?;
    link_descriptors(linker)?;
    link_paths(linker)?;
    link_refused(linker)
}

type C<'a> = Caller<'a, Host>;

fn link_process(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "args_sizes_get", |mut c: C<'_>, count: i32, bytes: i32| {
        call(&mut c, |wasi, memory| wasi.args_sizes_get(memory, count, bytes))
    })?;
    linker.func_wrap(MODULE, "args_get", |mut c: C<'_>, places: i32, at: i32| {
        call(&mut c, |wasi, memory| wasi.args_get(memory, places, at))
    })?;
    linker.func_wrap(MODULE, "environ_sizes_get", |mut c: C<'_>, count: i32, bytes: i32| {
        call(&mut c, |_, memory| Wasi::environ_sizes_get(memory, count, bytes))
    })?;
    linker.func_wrap(MODULE, "environ_get", |mut c: C<'_>, _: i32, _: i32| call(&mut c, |_, _| Ok(())))?;
    linker.func_wrap(MODULE, "clock_res_get", |mut c: C<'_>, clock: i32, out: i32| {
        call(&mut c, |_, memory| Wasi::clock_res_get(memory, clock, out))
    })?;
    linker.func_wrap(MODULE, "clock_time_get", |mut c: C<'_>, clock: i32, _: i64, out: i32| {
        call(&mut c, |wasi, memory| wasi.clock_time_get(memory, clock, out))
    })?;
    linker.func_wrap(MODULE, "random_get", |mut c: C<'_>, at: i32, len: i32| {
        call(&mut c, |wasi, memory| wasi.random_get(memory, at, len))
    })?;
    linker.func_wrap(MODULE, "sched_yield", |mut c: C<'_>| call(&mut c, |_, _| Ok(())))?;
    linker.func_wrap(
        MODULE,
        "poll_oneoff",
        |mut c: C<'_>, subscriptions: i32, events: i32, count: i32, out: i32| {
            with(&mut c, |host, memory| {
                let Some(wasi) = &mut host.wasi else { return Ok(Err(Errno::NOSYS)) };
                match wasi.poll_oneoff(memory, subscriptions, events, count, out) {
                    Ok(()) => Ok(Ok(host.wasi_slept()?)),
                    Err(errno) => Ok(Err(errno)),
                }
            })
        },
    )?;
    linker.func_wrap(MODULE, "proc_exit", |mut c: C<'_>, code: i32| -> wasmtime::Result<()> {
        if let Some(wasi) = &mut c.data_mut().wasi {
            wasi.exit = Some(code);
        }
        Err(Halt.into())
    })?;
    linker.func_wrap(MODULE, "proc_raise", |mut c: C<'_>, _: i32| refused(&mut c))?;
    Ok(())
}

fn link_descriptors(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "fd_prestat_get", |mut c: C<'_>, fd: i32, out: i32| {
        call(&mut c, |wasi, memory| wasi.fd_prestat_get(memory, fd, out))
    })?;
    linker.func_wrap(MODULE, "fd_prestat_dir_name", |mut c: C<'_>, fd: i32, at: i32, len: i32| {
        call(&mut c, |wasi, memory| wasi.fd_prestat_dir_name(memory, fd, at, len))
    })?;
    linker.func_wrap(MODULE, "fd_fdstat_get", |mut c: C<'_>, fd: i32, out: i32| {
        call(&mut c, |wasi, memory| wasi.fd_fdstat_get(memory, fd, out))
    })?;
    linker.func_wrap(MODULE, "fd_filestat_get", |mut c: C<'_>, fd: i32, out: i32| {
        call(&mut c, |wasi, memory| wasi.fd_filestat_get(memory, fd, out))
    })?;
    linker.func_wrap(MODULE, "fd_close", |mut c: C<'_>, fd: i32| call(&mut c, |wasi, _| wasi.fd_close(fd)))?;
    linker.func_wrap(MODULE, "fd_renumber", |mut c: C<'_>, from: i32, to: i32| {
        call(&mut c, |wasi, _| wasi.fd_renumber(from, to))
    })?;
    linker.func_wrap(MODULE, "fd_read", |mut c: C<'_>, fd: i32, at: i32, count: i32, out: i32| {
        call(&mut c, |wasi, memory| wasi.fd_read(memory, fd, (at, count), out))
    })?;
    linker.func_wrap(MODULE, "fd_pread", |mut c: C<'_>, fd: i32, at: i32, count: i32, offset: i64, out: i32| {
        call(&mut c, |wasi, memory| wasi.fd_pread(memory, fd, (at, count), offset as u64, out))
    })?;
    linker.func_wrap(MODULE, "fd_seek", |mut c: C<'_>, fd: i32, by: i64, whence: i32, out: i32| {
        call(&mut c, |wasi, memory| wasi.fd_seek(memory, fd, by, whence, out))
    })?;
    linker.func_wrap(MODULE, "fd_tell", |mut c: C<'_>, fd: i32, out: i32| {
        call(&mut c, |wasi, memory| wasi.fd_tell(memory, fd, out))
    })?;
    linker.func_wrap(MODULE, "fd_readdir", |mut c: C<'_>, fd: i32, at: i32, len: i32, cookie: i64, out: i32| {
        call(&mut c, |wasi, memory| wasi.fd_readdir(memory, fd, (at, len), cookie as u64, out))
    })?;
    linker.func_wrap(MODULE, "fd_write", |mut c: C<'_>, fd: i32, at: i32, count: i32, out: i32| {
        with(&mut c, |host, memory| write(host, memory, fd, (at, count), out))
    })?;
    Ok(())
}

fn write(
    host: &mut Host,
    memory: &mut Memory<'_>,
    fd: i32,
    buffers: (i32, i32),
    out: i32,
) -> Result<Result<(), Errno>, Halt> {
    let Some(wasi) = &host.wasi else { return Ok(Err(Errno::NOSYS)) };
    let (stream, buffers) = match wasi.fd_stream(fd).and_then(|to| Ok((to, memory.buffers(buffers.0, buffers.1)?))) {
        Ok(found) => found,
        Err(errno) => return Ok(Err(errno)),
    };
    let mut total = 0;
    // Buffers may overlap: each is counted against its limit before the next is looked at.
    for (at, len) in buffers {
        match memory.bytes(at, len) {
            Ok(bytes) => host.wasi_write(stream, bytes)?,
            Err(errno) => return Ok(Err(errno)),
        }
        total += len as u32 as usize;
    }
    Ok(memory.put_u32(out, functions::narrow(total)))
}

fn link_paths(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        "path_open",
        |mut c: C<'_>, fd: i32, _: i32, at: i32, len: i32, flags: i32, rights: i64, _: i64, _: i32, out: i32| {
            call(&mut c, |wasi, memory| wasi.path_open(memory, fd, (at, len), flags, rights as u64, out))
        },
    )?;
    linker.func_wrap(MODULE, "path_filestat_get", |mut c: C<'_>, fd: i32, _: i32, at: i32, len: i32, out: i32| {
        call(&mut c, |wasi, memory| wasi.path_filestat_get(memory, fd, (at, len), out))
    })?;
    Ok(())
}

fn refused(c: &mut C<'_>) -> wasmtime::Result<i32> {
    call(c, |_, _| Err(Errno::NOSYS))
}

fn read_only(c: &mut C<'_>) -> wasmtime::Result<i32> {
    call(c, |_, _| Err(Errno::ROFS))
}

fn link_refused(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker
        .func_wrap(MODULE, "fd_advise", |mut c: C<'_>, _: i32, _: i64, _: i64, _: i32| call(&mut c, |_, _| Ok(())))?;
    linker.func_wrap(MODULE, "fd_allocate", |mut c: C<'_>, _: i32, _: i64, _: i64| read_only(&mut c))?;
    linker.func_wrap(MODULE, "fd_datasync", |mut c: C<'_>, _: i32| call(&mut c, |_, _| Ok(())))?;
    linker.func_wrap(MODULE, "fd_sync", |mut c: C<'_>, _: i32| call(&mut c, |_, _| Ok(())))?;
    linker.func_wrap(MODULE, "fd_fdstat_set_flags", |mut c: C<'_>, _: i32, _: i32| refused(&mut c))?;
    linker.func_wrap(MODULE, "fd_fdstat_set_rights", |mut c: C<'_>, _: i32, _: i64, _: i64| refused(&mut c))?;
    linker.func_wrap(MODULE, "fd_filestat_set_size", |mut c: C<'_>, _: i32, _: i64| read_only(&mut c))?;
    linker
        .func_wrap(MODULE, "fd_filestat_set_times", |mut c: C<'_>, _: i32, _: i64, _: i64, _: i32| read_only(&mut c))?;
    linker.func_wrap(MODULE, "fd_pwrite", |mut c: C<'_>, _: i32, _: i32, _: i32, _: i64, _: i32| read_only(&mut c))?;
    linker.func_wrap(MODULE, "path_create_directory", |mut c: C<'_>, _: i32, _: i32, _: i32| read_only(&mut c))?;
    linker.func_wrap(
        MODULE,
        "path_filestat_set_times",
        |mut c: C<'_>, _: i32, _: i32, _: i32, _: i32, _: i64, _: i64, _: i32| read_only(&mut c),
    )?;
    linker.func_wrap(MODULE, "path_link", |mut c: C<'_>, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32| {
        read_only(&mut c)
    })?;
    linker.func_wrap(MODULE, "path_readlink", |mut c: C<'_>, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32| {
        call(&mut c, |_, _| Err(Errno::INVAL))
    })?;
    linker.func_wrap(MODULE, "path_remove_directory", |mut c: C<'_>, _: i32, _: i32, _: i32| read_only(&mut c))?;
    linker.func_wrap(MODULE, "path_rename", |mut c: C<'_>, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32| {
        read_only(&mut c)
    })?;
    linker
        .func_wrap(MODULE, "path_symlink", |mut c: C<'_>, _: i32, _: i32, _: i32, _: i32, _: i32| read_only(&mut c))?;
    linker.func_wrap(MODULE, "path_unlink_file", |mut c: C<'_>, _: i32, _: i32, _: i32| read_only(&mut c))?;
    linker.func_wrap(MODULE, "sock_accept", |mut c: C<'_>, _: i32, _: i32, _: i32| refused(&mut c))?;
    linker.func_wrap(MODULE, "sock_recv", |mut c: C<'_>, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32| {
        refused(&mut c)
    })?;
    linker.func_wrap(MODULE, "sock_send", |mut c: C<'_>, _: i32, _: i32, _: i32, _: i32, _: i32| refused(&mut c))?;
    linker.func_wrap(MODULE, "sock_shutdown", |mut c: C<'_>, _: i32, _: i32| refused(&mut c))?;
    Ok(())
}
