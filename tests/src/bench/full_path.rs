//! From the order of a run to its durable entry, with as many runs side by side as there are controls.

use std::{
    io::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use evidenced::{
    clock::{Clock, SystemClock, real_pause, stopwatch},
    ledger::Options,
    recorder::{self, Fact},
};
use tokio::task::JoinSet;

use crate::{
    Bench,
    figure::{Figures, Samples},
    rig::{self, ORIGIN, Rig},
};

/// Each has one run under way: enough for four full batches.
const CONTROLS: usize = 1024;
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(8);
/// The recorder makes so many results durable by one fdatasync.
const BATCH: f64 = 256.0;

pub(crate) fn measure(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let mut syncs = raw_syncs(&bench.folder("disk")?, Duration::from_secs(2) * bench.rounds)?;
    let per_second = 1.0 / syncs.mean().as_secs_f64();
    figures.low("disk.fdatasync.p50", syncs.micros(0.5), "us", None);
    figures.low("disk.fdatasync.p99", syncs.micros(0.99), "us", None);

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (runs_per_second, mut recorded) = runtime.block_on(full_path(bench))?;
    figures.high("full-path.runs", runs_per_second, "runs/s", Some(40_000.0));
    figures.low("full-path.record.p50", recorded.millis(0.5), "ms", None);
    figures.low("full-path.record.p99", recorded.millis(0.99), "ms", None);
    figures.high("full-path.disk-limit", per_second * BATCH, "runs/s", None);
    Ok(())
}

async fn full_path(bench: &Bench) -> Result<(f64, Samples)> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let plugin = evidenced_tests::fixture("noop");
    let plugins = plugin.parent().context("a plugin has a folder")?;
    let options = Options::new(ORIGIN);
    let controls = rig::noop_controls(CONTROLS);
    let rig = Rig::open(&bench.folder("full-path")?, plugins, &controls, Arc::clone(&clock), options)?;
    let (handle, thread) = recorder::start(rig.recorder()?, Arc::clone(&clock))?;

    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicU64::new(0));
    let first_slot = clock.now().minus(Duration::from_secs(30 * 86_400));
    let mut tasks = JoinSet::new();
    for control in &rig.controls {
        let (control, stop, done) = (Arc::clone(control), Arc::clone(&stop), Arc::clone(&done));
        let catalogue = Arc::clone(&rig.catalogue);
        let (executor, shelf, handle) = (Arc::clone(&rig.executor), Arc::clone(&rig.shelf), handle.clone());
        tasks.spawn(async move {
            let mut samples = Samples::default();
            let mut slot = first_slot;
            while !stop.load(Ordering::Relaxed) {
                slot = slot.plus(Duration::from_secs(60));
                let finished = executor.run(&shelf, rig::order(&catalogue, &control, slot)).await;
                let watch = stopwatch();
                handle.record(Fact::Ran(Box::new(finished))).await?;
                samples.add(watch.elapsed());
                done.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(samples)
        });
    }
    real_pause(WARM_UP).await;
    let (before, watch) = (done.load(Ordering::Relaxed), stopwatch());
    real_pause(MEASURED * bench.rounds).await;
    let (after, took) = (done.load(Ordering::Relaxed), watch.elapsed());
    stop.store(true, Ordering::Relaxed);
    let mut samples = Samples::default();
    while let Some(ended) = tasks.join_next().await {
        samples.append(ended??);
    }
    drop(handle);
    tokio::task::spawn_blocking(move || thread.join()).await?.ok().context("the recorder panicked")?;
    Ok(((after - before) as f64 / took.as_secs_f64(), samples))
}

/// Appends a page and makes it durable, again and again.
fn raw_syncs(dir: &Path, during: Duration) -> Result<Samples> {
    let mut file = std::fs::File::create(dir.join("appended"))?;
    let page = [0x5A_u8; 4096];
    let (mut samples, watch) = (Samples::default(), stopwatch());
    while watch.elapsed() < during {
        let one = stopwatch();
        file.write_all(&page)?;
        file.sync_data()?;
        samples.add(one.elapsed());
    }
    Ok(samples)
}
