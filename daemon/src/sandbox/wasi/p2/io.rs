//! `wasi:io`: streams that never wait, and waiting that only moves the run's clock.

use std::sync::Arc;

use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource};

use super::{Interface, READ_BYTES};
use crate::sandbox::{
    host::Host,
    wasi::{files::rest, streams::Stream},
};

/// Bytes that a stream takes at once, as a plugin is told them.
const WRITE_BYTES: u64 = 64 << 10;

/// What happened to a stream beyond that it ended; no plugin ever holds one.
pub(super) enum IoError {}

pub(super) enum InputStream {
    Stdin,
    File { bytes: Arc<[u8]>, at: u64 },
}

pub(super) struct OutputStream(pub(super) Stream);

/// Something to wait for.
pub(super) enum Pollable {
    Ready,
    /// Where the monotonic clock must stand, in nanoseconds.
    At(u64),
}

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    Failed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let mut error = Interface::define(linker, "wasi:io/error")?;
    error.resource::<IoError>("error")?;
    error.function("[method]error.to-debug-string", |_, (_,): (Resource<IoError>,)| Ok((String::new(),)))?;

    let mut poll = Interface::define(linker, "wasi:io/poll")?;
    poll.resource::<Pollable>("pollable")?;
    poll.function("[method]pollable.ready", |host, (waited,): (Resource<Pollable>,)| {
        // Looking costs time as reading the clock does, so that a loop that looks until it is time ends.
        host.wasi()?.clock.read_monotonic();
        Ok((wait_left(host, &waited)? == 0,))
    })?;
    poll.function("[method]pollable.block", |host, (waited,): (Resource<Pollable>,)| {
        let left = wait_left(host, &waited)?;
        host.wasi()?.clock.sleep(left);
        Ok(host.wasi_slept()?)
    })?;
    poll.function("poll", |host, (waited,): (Vec<Resource<Pollable>>,)| Ok((wait(host, &waited)?,)))?;

    let mut streams = Interface::define(linker, "wasi:io/streams")?;
    link_input(&mut streams)?;
    link_output(&mut streams)
}

/// Nanoseconds until something is there.
fn wait_left(host: &mut Host, waited: &Resource<Pollable>) -> wasmtime::Result<u64> {
    let wasi = host.wasi()?;
    Ok(match wasi.handles.get(waited)? {
        Pollable::Ready => 0,
        Pollable::At(time) => time.saturating_sub(wasi.clock.monotonic_ns),
    })
}

/// Waits for the first, and says which are there by then.
fn wait(host: &mut Host, waited: &[Resource<Pollable>]) -> wasmtime::Result<Vec<u32>> {
    let mut left = Vec::with_capacity(waited.len());
    for pollable in waited {
        left.push(wait_left(host, pollable)?);
    }
    let Some(least) = left.iter().min().copied() else {
        return Err(wasmtime::Error::msg("it polled an empty list, which is never ready"));
    };
    host.wasi()?.clock.sleep(least);
    host.wasi_slept()?;
    Ok((0..).zip(left).filter(|(_, left)| *left == least).map(|(index, _)| index).collect())
}

type Stream0 = (Resource<InputStream>, u64);

fn link_input(streams: &mut Interface<'_>) -> wasmtime::Result<()> {
    streams.resource::<InputStream>("input-stream")?;
    for name in ["[method]input-stream.read", "[method]input-stream.blocking-read"] {
        streams.function(name, |host, (from, len): Stream0| Ok((read(host, &from, len)?,)))?;
    }
    for name in ["[method]input-stream.skip", "[method]input-stream.blocking-skip"] {
        streams.function(name, |host, (from, len): Stream0| {
            Ok((read(host, &from, len)?.map(|skipped| skipped.len() as u64),))
        })?;
    }
    streams.function("[method]input-stream.subscribe", |host, (_,): (Resource<InputStream>,)| {
        Ok((host.wasi_handle(Pollable::Ready)?,))
    })
}

fn read(host: &mut Host, from: &Resource<InputStream>, len: u64) -> wasmtime::Result<Result<Vec<u8>, StreamError>> {
    let len = usize::try_from(len.min(READ_BYTES)).unwrap_or(usize::MAX);
    let wasi = host.wasi()?;
    let bytes = match wasi.handles.get_mut(from)? {
        InputStream::Stdin => wasi.stdin.read(len).to_vec(),
        InputStream::File { bytes, at } => {
            let bytes = rest(bytes, *at);
            let bytes = bytes[..len.min(bytes.len())].to_vec();
            *at = at.saturating_add(bytes.len() as u64);
            bytes
        }
    };
    Ok(if bytes.is_empty() && len > 0 { Err(StreamError::Closed) } else { Ok(bytes) })
}

type Written = (Result<(), StreamError>,);

fn link_output(streams: &mut Interface<'_>) -> wasmtime::Result<()> {
    streams.resource::<OutputStream>("output-stream")?;
    streams.function("[method]output-stream.check-write", |_, (_,): (Resource<OutputStream>,)| {
        Ok((Ok::<_, StreamError>(WRITE_BYTES),))
    })?;
    for name in ["[method]output-stream.write", "[method]output-stream.blocking-write-and-flush"] {
        streams
            .function(name, |host, (to, bytes): (Resource<OutputStream>, Vec<u8>)| write(host, &to, &bytes).map(ok))?;
    }
    for name in ["[method]output-stream.flush", "[method]output-stream.blocking-flush"] {
        streams.function(name, |_, (_,): (Resource<OutputStream>,)| Ok(ok(())))?;
    }
    streams.function("[method]output-stream.subscribe", |host, (_,): (Resource<OutputStream>,)| {
        Ok((host.wasi_handle(Pollable::Ready)?,))
    })?;
    for name in ["[method]output-stream.write-zeroes", "[method]output-stream.blocking-write-zeroes-and-flush"] {
        streams.function(name, |host, (to, len): (Resource<OutputStream>, u64)| {
            if len > WRITE_BYTES {
                return Err(wasmtime::Error::msg("it wrote more zeroes than the stream said it takes at once"));
            }
            write(host, &to, &vec![0; usize::try_from(len)?]).map(ok)
        })?;
    }
    for name in ["[method]output-stream.splice", "[method]output-stream.blocking-splice"] {
        streams.function(name, |host, (to, from, len): (Resource<OutputStream>, Resource<InputStream>, u64)| {
            Ok((match read(host, &from, len.min(WRITE_BYTES))? {
                Ok(bytes) => {
                    write(host, &to, &bytes)?;
                    Ok(bytes.len() as u64)
                }
                Err(closed) => Err(closed),
            },))
        })?;
    }
    Ok(())
}

const fn ok((): ()) -> Written {
    (Ok(()),)
}

fn write(host: &mut Host, to: &Resource<OutputStream>, bytes: &[u8]) -> wasmtime::Result<()> {
    let OutputStream(stream) = *host.wasi()?.handles.get(to)?;
    Ok(host.wasi_write(stream, bytes)?)
}
