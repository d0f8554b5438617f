//! `wasi:clocks` and `wasi:random`: the run's time and the run's seed.

use wasmtime::component::{ComponentType, Lift, Linker, Lower};

use super::{Interface, io::Pollable};
use crate::sandbox::{
    component::call_bytes,
    ended::{Ended, Limit},
    host::Host,
    wasi::Clock,
};

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(record)]
pub(super) struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

impl Datetime {
    pub(super) fn of(ns: u64) -> Self {
        Self { seconds: ns / 1_000_000_000, nanoseconds: u32::try_from(ns % 1_000_000_000).unwrap_or(0) }
    }
}

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let mut wall = Interface::define(linker, "wasi:clocks/wall-clock")?;
    wall.function("now", |host, (): ()| Ok((Datetime::of(host.wasi()?.clock.wall_ns),)))?;
    wall.function("resolution", |_, (): ()| Ok((Datetime::of(Clock::WALL_RESOLUTION_NS),)))?;

    let mut monotonic = Interface::define(linker, "wasi:clocks/monotonic-clock")?;
    monotonic.function("now", |host, (): ()| Ok((host.wasi()?.clock.read_monotonic(),)))?;
    monotonic.function("resolution", |_, (): ()| Ok((Clock::READING_NS,)))?;
    monotonic.function("subscribe-instant", |host, (when,): (u64,)| Ok((host.wasi_handle(Pollable::At(when))?,)))?;
    monotonic.function("subscribe-duration", |host, (wait,): (u64,)| {
        let when = host.wasi()?.clock.monotonic_ns.saturating_add(wait);
        Ok((host.wasi_handle(Pollable::At(when))?,))
    })?;

    for (name, kind) in [("random", ""), ("insecure", "insecure-")] {
        let mut random = Interface::define(linker, &format!("wasi:random/{name}"))?;
        random.function(&format!("get-{kind}random-bytes"), |host, (len,): (u64,)| Ok((random_bytes(host, len)?,)))?;
        random.function(&format!("get-{kind}random-u64"), |host, (): ()| Ok((random_u64(host)?,)))?;
    }
    Interface::define(linker, "wasi:random/insecure-seed")?
        .function("insecure-seed", |host, (): ()| Ok(((random_u64(host)?, random_u64(host)?),)))
}

fn random_bytes(host: &mut Host, len: u64) -> wasmtime::Result<Vec<u8>> {
    // As many as the plugin could hand over in one call, it may be given in one.
    let limit = call_bytes(host.report_bytes);
    let Some(len) = usize::try_from(len).ok().filter(|len| *len <= limit) else {
        return Err(host.end(Ended::Limit(Limit::Call(limit as u64))).into());
    };
    let mut bytes = vec![0; len];
    host.wasi()?.fill_random(&mut bytes);
    Ok(bytes)
}

fn random_u64(host: &mut Host) -> wasmtime::Result<u64> {
    let mut bytes = [0; 8];
    host.wasi()?.fill_random(&mut bytes);
    Ok(u64::from_le_bytes(bytes))
}
