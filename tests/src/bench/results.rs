//! The slots of one control out of a million entries of 500.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use evidenced::{
    clock::{Clock as _, VirtualClock, stopwatch},
    desk::Desk,
    domain::{ControlId, Counts, Entry, Event, Evidence, LocalDay, Outcome, RunEntry, SlotTime, Timestamp},
    fold::State,
    ledger::{Access, Background, Batch, Ledger, Options, Store as _},
    sandbox::CompileWhere,
};

use crate::{
    Bench,
    figure::{Figures, Samples},
    rig::{self, ORIGIN, Rig, ZONE},
    steady::{jitter, size_of},
};

/// Each runs once a minute.
const CONTROLS: usize = 500;
/// Entries for each round: 15 packs, and most of another that is not sealed.
const MINUTES: u64 = 2080;
/// Slots that a page shows.
const SHOWN: usize = 100;

pub(crate) fn measure(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let memory = Path::new("/dev/shm");
    let in_memory = tempfile::tempdir_in(if memory.is_dir() { memory } else { &bench.dir })?;
    let clock = VirtualClock::new("2026-03-02T00:00:00Z".parse()?);
    let plugin = evidenced_tests::fixture("noop");
    let plugins = plugin.parent().context("a plugin has a folder")?;
    let controls = rig::noop_controls(CONTROLS);
    let options = Options { background: Background::OnDemand, ..Options::new(ORIGIN) };
    let rig = Rig::open(in_memory.path(), plugins, &controls, Arc::new(clock.clone()), options)?;
    drop(rig.recorder()?);
    let zone = jiff::tz::TimeZone::get(ZONE)?;
    let minutes = MINUTES * u64::from(bench.rounds);
    for minute in 0..minutes {
        let slot = clock.now();
        let entries = started(minute).into_iter().enumerate().map(|(place, control)| {
            let at = slot.plus(Duration::from_millis(place as u64 * 100));
            let id = rig.controls[control].id.clone();
            Entry::new(slot.plus(Duration::from_secs(50)), Event::Run(run(id, slot, at, LocalDay::of(slot, &zone))))
        });
        rig.ledger.commit(Batch { entries: entries.collect(), ..Batch::default() })?;
        clock.advance_to(slot.plus(Duration::from_secs(60)));
    }
    rig.ledger.settle()?;
    let state = rig.catalogue.config().state_dir.clone();
    let sealed = rig.ledger.head().size / 65_536 * 65_536;
    figures.low("slots.bytes", size_of(&state.join("packs"), "slots")? as f64 / sealed as f64, "B/run", None);

    let opened = Arc::new(Ledger::<State>::open(&state, Options { access: Access::ReadOnly, ..Options::new(ORIGIN) })?);
    let desk = Desk::new(opened, Arc::clone(&rig.catalogue), Arc::new(clock.clone()), CompileWhere::InProcess, None);
    let id: ControlId = "SEC-0123".parse()?;
    let page = || {
        let watch = stopwatch();
        let found = desk.latest_slots(&id, SHOWN)?;
        ensure!(found.len() == SHOWN, "{} slots were found", found.len());
        Ok(watch.elapsed())
    };
    figures.low("results.page.first", page()?.as_secs_f64() * 1e3, "ms", None);
    let (mut pages, mut days, mut all) = (Samples::default(), Samples::default(), Samples::default());
    let from: Timestamp = "2026-03-02T10:00:00Z".parse()?;
    for _ in 0..10 {
        pages.add(page()?);
        days.add(told(&desk, &id, from..from.plus(Duration::from_secs(3600)), 60)?);
        all.add(told(&desk, &id, Timestamp::ever(), minutes)?);
    }
    figures.low("results.page.p50", pages.micros(0.5) / 1e3, "ms", None);
    figures.low("results.hour.p50", days.micros(0.5) / 1e3, "ms", None);
    figures.low("results.all.p50", all.micros(0.5) / 1e3, "ms", None);
    figures.high(
        "results.all.entries",
        rig.ledger.head().size as f64 / all.quantile(0.5).as_secs_f64(),
        "entries/s",
        None,
    );
    Ok(())
}

fn told(desk: &Desk, id: &ControlId, during: std::ops::Range<Timestamp>, expected: u64) -> Result<Duration> {
    let watch = stopwatch();
    let mut lines = 0;
    desk.results(id, during, &mut |_| {
        lines += 1;
        true
    })?;
    ensure!(lines == expected, "{lines} slots were told");
    Ok(watch.elapsed())
}

/// The order in which the controls of a minute end: nearly always the same.
fn started(minute: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..CONTROLS).collect();
    for place in 1..CONTROLS {
        if jitter(minute, place, 3) == 0 {
            order.swap(place, place - 1);
        }
    }
    order
}

fn run(control: ControlId, slot: Timestamp, now: Timestamp, day: LocalDay) -> RunEntry {
    RunEntry {
        control,
        version: 1,
        slot: SlotTime(slot),
        now,
        clock_in_doubt: false,
        took_ms: 3,
        late: false,
        days: vec![day],
        outcome: Outcome::Pass,
        reason: None,
        incomplete: false,
        population: 48,
        counts: Counts { pass: 48, ..Counts::default() },
        seed_size: 1,
        interval: None,
        repeated: 0,
        covered_until: None,
        plugin_state: None,
        evidence: Evidence::SameAs(7),
    }
}
