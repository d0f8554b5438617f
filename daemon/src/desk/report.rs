use std::collections::BTreeMap;

use super::{Desk, Unknown, exceptions::ExceptionReader};
use crate::{
    config::Config,
    domain::{Digest, Timestamp, Window, WindowId},
    fold::State,
    ledger::{Ledger, Store},
    recorder::zone,
    review::summarize_period,
    summary::{
        Period,
        report::{Proof, Report, ReportedException, ReportedNote, ReportedSubject, ReportedSystem},
    },
};

impl Desk {
    pub(super) fn report(&self, window: &WindowId) -> anyhow::Result<Report> {
        let catalogue = self.catalogue();
        let config = catalogue.config();
        let window = config.window(window).ok_or_else(|| Unknown(format!("there is no window {window}")))?;
        build_report(&self.ledger, config, window, self.clock.now())
    }
}

/// The report of a window, from what the ledger holds at `now`.
pub fn build_report(
    ledger: &Ledger<State>,
    config: &Config,
    window: &Window,
    now: Timestamp,
) -> anyhow::Result<Report> {
    let state = ledger.state();
    let period = Period::window(window, &zone(&window.timezone));
    let as_of = now.min(period.end).max(period.start);
    let summary = summarize_period(ledger, &state, &period, window.controls.as_deref(), as_of)?;
    let mut reader = ExceptionReader::new(ledger, &state);
    let exceptions = summary
        .exceptions
        .iter()
        .filter_map(|one| {
            let record = state.exception(one.exception)?;
            Some(ReportedException {
                exception: one.exception,
                subjects: reader.subjects(record).into_iter().map(subject).collect(),
                notes: record.notes.iter().map(|note| note_of(&reader, note)).collect(),
            })
        })
        .collect();
    Ok(Report {
        organization: config.organization.clone(),
        instance: config.instance.clone(),
        produced: now,
        software: env!("CARGO_PKG_VERSION").to_owned(),
        before: None,
        exceptions,
        systems: systems(config),
        proof: proof(ledger, &state),
        summary,
    })
}

fn subject(life: super::exceptions::SubjectLife) -> ReportedSubject {
    ReportedSubject {
        subject: life.subject,
        first_seen: life.first_seen,
        last_seen: life.last_seen,
        ended: life.ended.map(|(why, _)| why),
    }
}

fn note_of(reader: &ExceptionReader<'_>, note: &crate::domain::ExceptionNote) -> ReportedNote {
    let (author, text) = reader.note(note);
    ReportedNote { at: note.at, about: note.about, author, text }
}

fn systems(config: &Config) -> Vec<ReportedSystem> {
    let mut systems: BTreeMap<&str, ReportedSystem> = BTreeMap::new();
    for control in &config.controls {
        for system in &control.systems {
            systems
                .entry(system)
                .or_insert_with(|| ReportedSystem { system: system.clone(), controls: Vec::new() })
                .controls
                .push(control.id.clone());
        }
    }
    systems.into_values().collect()
}

fn proof(ledger: &Ledger<State>, state: &State) -> Proof {
    let checkpoint = ledger.newest_checkpoint().ok().flatten();
    let signed = checkpoint.as_deref().and_then(|note| ledger.signed_head(note));
    Proof {
        size: signed.map_or(0, |head| head.size),
        root: signed.map(|head| Digest(head.root)),
        at: signed.and(state.head().checkpoint).map(|newest| newest.at),
        entries: ledger.head().size,
        checkpoint,
        held: Vec::new(),
        command: "evidenced verify".to_owned(),
    }
}
