//! What one run costs the host, beside a host that does no more than it must; and loading a compiled plugin.

use std::{fs, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use evidenced::{
    clock::{Clock, SystemClock, stopwatch},
    domain::Digest,
    runner::request,
    sandbox::{Ended, Nowhere, RunSpec},
};
use evidenced_contract::Request;
use tokio_util::sync::CancellationToken;
use wasmtime::{
    Engine, Store,
    component::{Component, Linker},
};

use crate::{
    Bench,
    figure::{Figures, Samples},
    rig::{self, ORIGIN, Rig},
};

mod bound {
    wasmtime::component::bindgen!({ path: "../plugin-sdk/wit", world: "check" });
}

const RUNS: u32 = 20_000;
const WARM_UP: u32 = 2_000;
const LOADS: u32 = 200;

pub(crate) fn measure(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let bytes = fs::read(evidenced_tests::fixture("noop"))?;
    let request = realistic_request(bench)?;

    // In turns, so that a busy machine is busy for both.
    let (mut ours, mut plain) = (Samples::default(), Samples::default());
    for _ in 0..5 {
        ours.append(our_host(&bytes, &request, bench.rounds * RUNS / 5)?);
        plain.append(plain_host(&bytes, &request, bench.rounds * RUNS / 5)?);
    }
    let (p50, peer) = (ours.micros(0.5), plain.micros(0.5));
    figures.low("run.overhead.p50", p50, "us", Some(10.0));
    figures.low("run.overhead.p99", ours.micros(0.99), "us", None);
    figures.low("run.overhead.plain-host.p50", peer, "us", None);
    figures.low("run.overhead.plain-host.p99", plain.micros(0.99), "us", None);
    figures.low("run.overhead.ratio", p50 / peer, "of plain", None);

    let mut loads = loads(bench, &bytes)?;
    figures.low("plugin.load.p50", loads.millis(0.5), "ms", Some(1.0));
    figures.low("plugin.load.p99", loads.millis(0.99), "ms", None);
    Ok(())
}

/// As the daemon makes it for a control with a configuration.
fn realistic_request(bench: &Bench) -> Result<Request> {
    let clock = Arc::new(SystemClock::new());
    let plugins = evidenced_tests::fixture("noop");
    let plugins = plugins.parent().context("a plugin has a folder")?;
    let options = evidenced::ledger::Options::new(ORIGIN);
    let rig =
        Rig::open(&bench.folder("run")?, plugins, &rig::noop_controls(1), Arc::<SystemClock>::clone(&clock), options)?;
    let now = clock.now();
    Ok(request(&rig::order(&rig.catalogue, &rig.controls[0], now), now, &[]))
}

fn our_host(bytes: &[u8], request: &Request, runs: u32) -> Result<Samples> {
    let sandbox = rig::sandbox(None)?;
    let plugin = sandbox.load(bytes)?;
    let limits = evidenced::domain::Limits {
        wall: std::time::Duration::from_secs(30),
        memory_bytes: 64 << 20,
        report_bytes: 1 << 20,
        log_bytes: 64 << 10,
        response_bytes: 4 << 20,
        requests: 100,
        input_bytes: 16 << 20,
        state_bytes: 64 << 10,
        rounds: 100,
    };
    let stop = CancellationToken::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut samples = Samples::default();
        for run in 0..WARM_UP / 5 + runs {
            let spec = RunSpec {
                request: request.clone(),
                inputs: Vec::new(),
                state: Default::default(),
                limits,
                world: Arc::new(Nowhere),
                stop: stop.clone(),
            };
            let watch = stopwatch();
            let result = sandbox.run(&plugin, spec).await;
            let took = watch.elapsed();
            ensure!(matches!(result.ended, Ended::Report(_)), "the run ended as {:?}", result.ended);
            if run >= WARM_UP / 5 {
                samples.add(took);
            }
        }
        Ok(samples)
    })
}

/// wasmtime as it is by default: a store, an instance, a call. No limits, no time-out, no transcript.
fn plain_host(bytes: &[u8], request: &Request, runs: u32) -> Result<Samples> {
    use bound::evidenced::check::types;
    let fault = |fault: wasmtime::Error| anyhow::anyhow!("{fault:#}");
    let engine = Engine::default();
    let component = Component::new(&engine, bytes).map_err(fault)?;
    let mut linker = Linker::<()>::new(&engine);
    linker.define_unknown_imports_as_traps(&component).map_err(fault)?;
    let check = linker.instantiate_pre(&component).and_then(bound::CheckPre::new).map_err(fault)?;
    let request = types::Request {
        control: request.control.clone(),
        definition: request.definition.clone(),
        slot: request.slot.clone(),
        now: request.now.clone(),
        interval: None,
        config: request.config.to_string(),
        inputs: Vec::new(),
        seed: request.seed.to_vec(),
        limits: types::Limits {
            wall_ms: 30_000,
            memory_bytes: 64 << 20,
            report_bytes: 1 << 20,
            requests: 100,
            response_bytes: 4 << 20,
        },
        extensions: Vec::new(),
    };
    let mut samples = Samples::default();
    for run in 0..WARM_UP / 5 + runs {
        let watch = stopwatch();
        let mut store = Store::new(&engine, ());
        let instance = check.instantiate(&mut store).map_err(fault)?;
        let report = instance.evidenced_check_checker().call_run(&mut store, &request).map_err(fault)?;
        drop(store);
        let took = watch.elapsed();
        ensure!(report.is_ok(), "the plain host's run failed");
        if run >= WARM_UP / 5 {
            samples.add(took);
        }
    }
    Ok(samples)
}

/// From bytes to a plugin that can run, with the compiled code in the cache.
fn loads(bench: &Bench, bytes: &[u8]) -> Result<Samples> {
    let sandbox = rig::sandbox(Some(bench.folder("cache")?))?;
    drop(sandbox.load(bytes)?);
    let digest = Digest::of(bytes);
    let mut samples = Samples::default();
    for _ in 0..LOADS * bench.rounds {
        let watch = stopwatch();
        let plugin = sandbox.load(bytes)?;
        samples.add(watch.elapsed());
        ensure!(plugin.digest() == digest, "another plugin was loaded");
    }
    Ok(samples)
}
