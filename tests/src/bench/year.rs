//! The summary of a year of 500 controls, from the files of its closed days.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use evidenced::{
    clock::{Clock as _, VirtualClock, stopwatch},
    domain::{
        DayRow, Deviation, Entry, Event, ExceptionId, LocalDay, MissedReason, PopulationRange, SlotTime, Timestamp,
    },
    ledger::{Batch, Options, Store as _},
    review::summarize_period,
    summary::{Period, encode_day},
};

use crate::{
    Bench,
    figure::{Figures, Samples},
    rig::{self, ORIGIN, Rig, ZONE},
};

const CONTROLS: usize = 500;
const DAYS: i32 = 365;

pub(crate) fn measure(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let zone = jiff::tz::TimeZone::get(ZONE)?;
    let first = LocalDay::from_date(jiff::civil::date(2025, 1, 1));
    let clock = VirtualClock::new(first.start(&zone));
    let plugin = evidenced_tests::fixture("noop");
    let plugins = plugin.parent().context("a plugin has a folder")?;
    let controls = rig::noop_controls(CONTROLS);
    let options = Options::new(ORIGIN);
    let rig = Rig::open(&bench.folder("year")?, plugins, &controls, Arc::new(clock.clone()), options)?;
    drop(rig.recorder()?);

    for number in 0..DAYS {
        let day = LocalDay(first.0 + number);
        let until = day.next().start(&zone);
        let rows: BTreeMap<_, _> = rig
            .controls
            .iter()
            .enumerate()
            .map(|(place, control)| (control.id.clone(), row(place, number, day.start(&zone))))
            .collect();
        let rollup = rig.ledger.write_rollup(ZONE, day, &encode_day(ZONE, day, until, &rows))?;
        let mut entries = vec![Entry::new(until, Event::DayClosed { zone: 0, day, until, rollup })];
        let control = &rig.controls[number as usize % CONTROLS];
        let exception = ExceptionId { year: 2025, number: number.unsigned_abs() + 1 };
        let opened = SlotTime(day.start(&zone).plus(Duration::from_secs(6 * 3600)));
        entries.push(Entry::new(
            until,
            Event::ExceptionOpened {
                exception,
                control: control.id.clone(),
                first_slot: opened,
                due: until.plus(Duration::from_secs(86_400)),
            },
        ));
        entries.push(Entry::new(
            until,
            Event::ExceptionRecovered { exception, control: control.id.clone(), slot: SlotTime(until) },
        ));
        clock.advance_to(until);
        rig.ledger.commit(Batch { entries, ..Batch::default() })?;
    }

    let period = Period::days(first, LocalDay(first.0 + DAYS - 1), &zone);
    let mut samples = Samples::default();
    for _ in 0..10 * bench.rounds {
        let watch = stopwatch();
        let summary = summarize_period(&rig.ledger, &rig.ledger.state(), &period, None, clock.now())?;
        samples.add(watch.elapsed());
        ensure!(summary.controls.len() == CONTROLS, "{} controls were summarized", summary.controls.len());
    }
    figures.low("year-summary.p50", samples.quantile(0.5).as_secs_f64(), "s", Some(1.0));
    figures.low("year-summary.p99", samples.quantile(0.99).as_secs_f64(), "s", None);
    Ok(())
}

/// A check once an hour: most days are quiet, some are not.
fn row(place: usize, day: i32, start: Timestamp) -> DayRow {
    let mut row = DayRow { run: 24, pass: 24, population: Some(PopulationRange::of(48)), ..DayRow::default() };
    if (place + day as usize).is_multiple_of(20) {
        row.pass = 21;
        row.fail = 3;
        row.deviations = 3;
        row.failing_ms = 3 * 3_600_000;
        let hour = |hour: u64| SlotTime(start.plus(Duration::from_secs(hour * 3600)));
        row.deviating = (6..9).map(|at| Deviation { slot: hour(at), sequence: 1_000_000 + at }).collect();
    }
    if (place * 7 + day as usize).is_multiple_of(90) {
        row.run = 20;
        row.pass = row.pass.saturating_sub(4);
        row.missed.insert(MissedReason::Down, 4);
    }
    row
}
