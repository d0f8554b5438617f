//! Looks at every read of training data or weights: who, when, from where and how much (CNF-03, CNF-04).
//!
//! A log of accesses comes in, cut to the run's interval by the host and read in pieces, so that a day of it needs no more
//! memory than an hour. Each source makes the same [`event::Event`]s of it, [`tally`] counts them for each principal and
//! dataset, [`baseline`] knows what each usually reads, [`judge`] says what it comes to.

mod baseline;
mod cloudtrail;
mod config;
mod event;
mod hours;
mod json_lines;
mod judge;
mod pattern;
mod postgres;
mod settings;
mod state;
mod tally;

use std::collections::{BTreeMap, BTreeSet};

use evidenced_plugin::{
    Check, Description, Failure, Findings, InputNeed, Level, Needs, Report, Run, Status, Timestamp, description,
};

use baseline::{Baseline, Day};
pub use config::Config;
use config::{Format, Silent};
use event::{Event, Kind, Target};
use judge::Judged;
use postgres::{Postgres, Record};
use tally::{Key, Seen, Tally};

pub struct TrainingDataAccess;

impl Check for TrainingDataAccess {
    type Config = Config;

    fn describe() -> Description {
        let need = |name: &str, media_type: &str, optional: bool| InputNeed {
            name: name.to_owned(),
            media_type: media_type.to_owned(),
            optional,
        };
        Description {
            needs: Needs {
                inputs: vec![
                    need(EVENTS, "text/plain", false),
                    need(settings::SERVER, "application/json", true),
                    need(settings::ROLES, "application/json", true),
                ],
                state: true,
                interval: true,
                ..Needs::default()
            },
            ..description!("../config.schema.json")
        }
    }

    fn run(config: &Config, run: &mut Run<'_>) -> Result<Report, Failure> {
        let interval = run.interval()?.clone();
        let (from, until): (Timestamp, Timestamp) = (interval.from.parse()?, interval.until.parse()?);
        let mut baseline = before(config, run, from);
        let judged: BTreeSet<u64> = baseline.judged.iter().copied().collect();

        let mut tally = Tally::new(config, Timestamp::from_ms(baseline.counted_until_ms), &judged);
        let log = read(config, run, &mut baseline, from, until, &mut tally)?;
        let subjects = subjects(config, &baseline, &tally);
        note_what_was_not_judged(run, &log, &tally);

        let source = run.input(EVENTS).map(|input| format!("{}, {}", input.source, input.digest)).unwrap_or_default();
        let mut findings = Findings::of(format!(
            "each principal × dataset that the allow lists name, that read or was refused within [{}, {}), or that did in \
             the half year before: {} records of `{EVENTS}` ({source})",
            interval.from, interval.until, log.records
        ));
        let weak_settings = settings::judge(run, &mut findings)?;
        let is_settled = baseline.is_settled(config);
        let today = config.zone.local(until).day;
        let (mut looked, mut reads) = (Vec::with_capacity(subjects.len()), 0);
        for key in subjects {
            let seen = tally.seen.get(&key);
            let is_new =
                is_settled && seen.is_some_and(|seen| seen.reads > 0) && !baseline.principals.contains_key(&key);
            let days = judge_days(config, &mut baseline, &key, seen, today);
            reads += seen.map_or(0, |seen| seen.reads);
            let judged = Judged { key: &key, seen, days: &days, is_new };
            looked.push(findings.subject(&key.subject(config), |finding| Ok(judged.verdict(config, finding))));
        }
        let dropped = keep(config, run, baseline, &tally, until, today)?;
        findings.covered_until(interval.until);
        let failed = looked.iter().filter(|status| **status == Status::Fail).count();
        let mut summary = format!(
            "{failed} of {} principals × datasets break the rules; {reads} reads in {} records",
            looked.len(),
            log.records
        );
        if weak_settings > 0 {
            summary.push_str("; settings weaken the audit log");
        }
        if dropped > 0 {
            summary.push_str(&format!(
                "; {dropped} of them have no baseline any more, since the state of the control is full"
            ));
        }
        Ok(findings.finish(summary))
    }
}

/// The state that the run before left; without one, counting begins with this interval.
fn before(config: &Config, run: &mut Run<'_>, from: Timestamp) -> Baseline {
    let kept = run.state().value(STATE);
    let day = config.zone.local(from).day;
    let anew = Baseline { counted_until_ms: from.as_ms(), since: day, today: day, ..Baseline::default() };
    match kept.map(|bytes| state::baseline_of(&bytes, config)) {
        Some(Some(baseline)) => baseline,
        Some(None) => {
            run.log(Level::Warn, "the baselines are of another version or another unit of amounts: they begin anew");
            anew
        }
        None => anew,
    }
}

/// What reading the log came to.
#[derive(Default)]
struct Log {
    records: u64,
    unreadable: u64,
    first_unreadable: u64,
}

impl Log {
    fn unreadable(&mut self) {
        self.unreadable += 1;
        if self.unreadable == 1 {
            self.first_unreadable = self.records;
        }
    }
}

fn read(
    config: &Config,
    run: &mut Run<'_>,
    baseline: &mut Baseline,
    from: Timestamp,
    until: Timestamp,
    tally: &mut Tally<'_>,
) -> Result<Log, Failure> {
    let mut log = Log::default();
    let mut events: Vec<Event> = Vec::new();
    let waiting = std::mem::take(&mut baseline.waiting);
    let mut postgres = Postgres::new(config, waiting);
    let is_within = |at: Timestamp| from <= at && at < until;
    match config.format {
        Format::PgauditCsv => {
            let mut csv = run.csv(EVENTS)?;
            while let Some(fields) = csv.next()? {
                log.records += 1;
                match Record::of_csv(fields).and_then(|record| Some((record.at(config)?, record))) {
                    Some((at, record)) if is_within(at) => postgres.take(&record, at, &*baseline, &mut events),
                    Some(_) => {}
                    None => log.unreadable(),
                }
                count(config, tally, &mut events);
            }
        }
        Format::PgauditJson => {
            let mut lines = run.lines(EVENTS)?;
            while let Some(line) = lines.next()? {
                log.records += 1;
                match Record::of_json(line).and_then(|record| Some((record.at(config)?, record))) {
                    Some((at, record)) if is_within(at) => postgres.take(&record, at, &*baseline, &mut events),
                    Some(_) => {}
                    None => log.unreadable(),
                }
                count(config, tally, &mut events);
            }
        }
        Format::Cloudtrail | Format::JsonLines => {
            let mut lines = run.lines(EVENTS)?;
            while let Some(line) = lines.next()? {
                log.records += 1;
                let read = match &config.fields {
                    Some(fields) => json_lines::events(config, fields, line),
                    None => cloudtrail::events(config, line),
                };
                match read {
                    Some((at, read)) if is_within(at) => events.extend(read),
                    Some(_) => {}
                    None => log.unreadable(),
                }
                count(config, tally, &mut events);
            }
        }
    }
    baseline.waiting = postgres.finish(until, &mut events);
    count(config, tally, &mut events);
    Ok(log)
}

fn count(config: &Config, tally: &mut Tally<'_>, events: &mut Vec<Event>) {
    for event in events.drain(..) {
        if !(event.kind == Kind::SilentSession && config.silent_sessions == Silent::Ignore) {
            tally.take(&event);
        }
    }
}

/// Whom the allow lists name, whoever was seen, and whoever has a past.
fn subjects(config: &Config, baseline: &Baseline, tally: &Tally<'_>) -> BTreeSet<Key> {
    let mut subjects: BTreeSet<Key> = baseline.principals.keys().cloned().collect();
    subjects.extend(tally.seen.keys().cloned());
    for (place, dataset) in config.datasets.iter().enumerate() {
        let names = dataset.allow.iter().filter_map(|pattern| pattern.name());
        subjects.extend(names.map(|name| Key { principal: name.to_owned(), target: Target::Dataset(place) }));
    }
    subjects
}

fn judge_days(config: &Config, baseline: &mut Baseline, key: &Key, seen: Option<&Seen>, today: i64) -> Vec<Day> {
    match seen {
        Some(seen) => {
            let days = baseline.judge(config, key, &seen.days, today);
            if let (Some(past), Some(last)) = (baseline.principals.get_mut(key), seen.last) {
                past.last = past.last.max(config.zone.local(last).day);
            }
            days
        }
        // Somebody with a past: the day before may be over. Whoever was only named has none, and gets none.
        None if baseline.principals.contains_key(key) => baseline.judge(config, key, &BTreeMap::new(), today),
        None => Vec::new(),
    }
}

/// Writes the state for the next run, and says how many principals had no room in it.
fn keep(
    config: &Config,
    run: &mut Run<'_>,
    mut baseline: Baseline,
    tally: &Tally<'_>,
    until: Timestamp,
    today: i64,
) -> Result<usize, Failure> {
    baseline.counted_until_ms = baseline.counted_until_ms.max(until.as_ms());
    baseline.today = today;
    baseline.forget();
    let news: BTreeSet<u64> = tally.seen.values().flat_map(|seen| seen.breaking.iter().copied()).collect();
    baseline.judged.retain(|hash| !news.contains(hash));
    baseline.judged.extend(news);
    baseline.judged.drain(..baseline.judged.len().saturating_sub(JUDGED_MAX));
    let (bytes, dropped) = state::bytes_of(&baseline, config);
    run.state().set(STATE, &bytes)?;
    Ok(dropped)
}

/// What nobody looked at is no pass.
fn note_what_was_not_judged(run: &mut Run<'_>, log: &Log, tally: &Tally<'_>) {
    if log.unreadable > 0 {
        run.note_incomplete(format!(
            "{} of {} could not be read, the first is number {}",
            log.unreadable,
            counted(log.records, "record"),
            log.first_unreadable
        ));
    }
    if tally.without_amount > 0 {
        run.note_incomplete(format!(
            "{} without an amount: with pgaudit set `pgaudit.log_rows = on`, or set `amount` to what the log says",
            counted(tally.without_amount, "read")
        ));
    }
    if tally.beyond > 0 {
        run.note_incomplete(format!(
            "{} events are of more principals than can be told apart in one run",
            tally.beyond
        ));
    }
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// FNV-1a: the same on every machine and in every version.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

const EVENTS: &str = "events";
const STATE: &str = "baseline";

/// Breaches that an overlapping interval would see again.
const JUDGED_MAX: usize = 500;

evidenced_plugin::export!(TrainingDataAccess);
