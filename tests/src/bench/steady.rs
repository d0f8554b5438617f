//! A ledger as it grows in a year of quiet: bytes for each run, and how fast everything is verified.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use evidenced::{
    clock::{Clock as _, VirtualClock, stopwatch},
    domain::{ClockState, Control},
    ledger::{Background, Depth, Options, Progress, Store as _},
    recorder::{Catalogue, Fact, Recorder},
    runner::Finished,
};

use crate::{
    Bench,
    figure::{Figures, Samples},
    rig::{self, ORIGIN, Rig},
};

/// Each runs once a minute.
const CONTROLS: usize = 256;
/// A pack of the real size.
const PACK: u64 = 65_536;
/// Packs whose runs are committed one by one, as a daemon does that is not in a hurry.
const SINGLY: u64 = 2;
/// Packs in all.
const PACKS: u64 = 5;

pub(crate) fn measure(bench: &Bench, figures: &mut Figures) -> Result<()> {
    // Sizes are the same on every disk, and here a commit costs nothing: so many runs would take a minute otherwise.
    let memory = Path::new("/dev/shm");
    let in_memory = tempfile::tempdir_in(if memory.is_dir() { memory } else { &bench.dir })?;
    let clock = VirtualClock::new("2026-03-02T00:00:00Z".parse()?);
    let options = Options { background: Background::OnDemand, ..Options::new(ORIGIN) };
    let plugin = evidenced_tests::fixture("noop");
    let plugins = plugin.parent().context("a plugin has a folder")?;
    let controls = rig::noop_controls(CONTROLS);
    let rig = Rig::open(in_memory.path(), plugins, &controls, Arc::new(clock.clone()), options)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let control = rig.controls.first().context("there are controls")?;
    let seen = runtime.block_on(rig.executor.run(&rig.shelf, rig::order(&rig.catalogue, control, clock.now())));

    let mut growing = Growing {
        clock,
        recorder: rig.recorder()?,
        catalogue: &rig.catalogue,
        controls: &rig.controls,
        seen,
        minute: 0,
    };
    let mut commits = Samples::default();
    while rig.ledger.head().size < SINGLY * PACK {
        growing.minute(1, &mut commits)?;
    }
    rig.ledger.settle()?;
    let state = rig.catalogue.config().state_dir.clone();
    let entries = (SINGLY * PACK) as f64;
    let packs = size_of(&state.join("packs"), "pack")? + size_of(&state.join("packs"), "slots")?;
    let evidence = size_of(&state.join("evidence"), "")?;
    figures.low("bytes.run", (packs + evidence) as f64 / entries, "B", Some(40.0));
    figures.low("recorder.run-alone.p50", commits.micros(0.5), "us", None);

    let mut batches = Samples::default();
    while rig.ledger.head().size < PACKS * PACK * u64::from(bench.rounds) {
        growing.minute(CONTROLS, &mut batches)?;
    }
    figures.low("recorder.run-in-batch.mean", batches.mean().as_secs_f64() * 1e6 / CONTROLS as f64, "us", None);
    let watch = stopwatch();
    rig.ledger.settle()?;
    let sealed = (rig.ledger.head().size / PACK - SINGLY) as f64 * PACK as f64;
    figures.high("seal.entries", sealed / watch.elapsed().as_secs_f64(), "entries/s", None);

    for (name, depth, goal) in
        [("verify.entries", Depth::Stored, Some(1e6)), ("verify.deep.entries", Depth::Refold, None)]
    {
        let mut best = f64::MAX;
        for _ in 0..3 {
            let watch = stopwatch();
            let verification = rig.ledger.verify(depth, &Progress::unwatched)?;
            best = best.min(watch.elapsed().as_secs_f64());
            ensure!(verification.faults.is_empty(), "the ledger does not verify: {:?}", verification.faults);
        }
        figures.high(name, rig.ledger.head().size as f64 / best, "entries/s", goal);
    }
    Ok(())
}

struct Growing<'r> {
    clock: VirtualClock,
    recorder: Recorder,
    catalogue: &'r Catalogue,
    controls: &'r [Arc<Control>],
    /// A real run; all others saw and said the same.
    seen: Finished,
    minute: u64,
}

impl Growing<'_> {
    /// One minute: every control runs, a little after its slot and never after the same time.
    fn minute(&mut self, batch: usize, commits: &mut Samples) -> Result<()> {
        let slot = self.clock.now();
        let next = slot.plus(Duration::from_secs(60));
        for (place, controls) in self.controls.chunks(batch).enumerate() {
            let at = slot.plus(Duration::from_millis(place as u64 * 200 + jitter(self.minute, place, 180)));
            self.clock.advance_to(at);
            let facts = controls.iter().map(|control| Fact::Ran(Box::new(self.finished(control, slot)))).collect();
            let decided = at.plus(Duration::from_millis(3 + jitter(self.minute, place + 1, 9)));
            let watch = stopwatch();
            let answers = self.recorder.record(decided, facts);
            commits.add(watch.elapsed());
            for answer in answers {
                answer?;
            }
        }
        self.clock.advance_to(next);
        self.minute += 1;
        if self.minute.is_multiple_of(60) {
            for answer in self.recorder.record(next, vec![Fact::Tick { clock: ClockState::Synchronised }]) {
                answer?;
            }
        }
        Ok(())
    }

    fn finished(&self, control: &Arc<Control>, slot: evidenced::domain::Timestamp) -> Finished {
        let now = self.clock.now();
        Finished {
            order: rig::order(self.catalogue, control, slot),
            now,
            clock_in_doubt: false,
            took: Duration::from_millis(1 + jitter(self.minute, control.id.as_str().len(), 3)),
            ended: self.seen.ended.clone(),
            transcript: self.seen.transcript.clone(),
            inputs: Vec::new(),
            new_state: None,
        }
    }
}

/// A number below `below` that looks random and is the same each time.
pub(crate) fn jitter(minute: u64, place: usize, below: u64) -> u64 {
    let mixed = (minute << 20 | place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 33) % below
}

/// Bytes of the files below a folder whose names end so.
pub(crate) fn size_of(dir: &Path, ending: &str) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let entry = entry?;
        let found = entry.metadata()?;
        if found.is_dir() {
            bytes += size_of(&entry.path(), ending)?;
        } else if entry.file_name().to_string_lossy().ends_with(ending) {
            bytes += found.len();
        }
    }
    Ok(bytes)
}
