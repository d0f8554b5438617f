use std::collections::BTreeMap;

use super::{Desk, Line, ReportFormat, Unknown, exceptions::ExceptionReader, held};
use crate::{
    config::Config,
    domain::{Digest, Timestamp, Window, WindowId},
    fold::{CheckpointAt, SentSummary, State},
    ledger::{Ledger, LedgerError, Store},
    recorder::zone,
    review::Gathered,
    summary::{
        Period,
        report::{
            Proof, Report, ReportedException, ReportedNote, ReportedSubject, ReportedSystem, render_csv, render_html,
            render_json,
        },
    },
};

impl Desk {
    /// The files of a window's report, and whether nothing deviated and everything that was scheduled gave a result.
    pub(super) fn report(
        &self,
        window: &WindowId,
        formats: &[ReportFormat],
        take: &mut dyn FnMut(Line) -> bool,
    ) -> anyhow::Result<()> {
        let catalogue = self.catalogue();
        let config = catalogue.config();
        let of_that_id = config.window(window);
        let window =
            of_that_id.ok_or_else(|| Unknown::window(window, config.windows.iter().map(|window| &window.id)))?;
        let report = build_report(&self.ledger, config, window, self.clock.now())?;
        for (name, content) in files(&report, formats) {
            if !take(Line::File { name, content }) {
                return Ok(());
            }
        }
        take(Line::Reported { is_clean: is_clean(&report) });
        Ok(())
    }
}

fn files(report: &Report, formats: &[ReportFormat]) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for format in formats {
        match format {
            ReportFormat::Html => files.push(("report.html".to_owned(), render_html(report))),
            ReportFormat::Json => files.push(("report.json".to_owned(), render_json(report))),
            ReportFormat::Csv => {
                files.extend(render_csv(report).into_iter().map(|file| (file.name.to_owned(), file.content)));
            }
        }
    }
    files
}

fn is_clean(report: &Report) -> bool {
    let headline = &report.summary.headline;
    headline.exceptions == 0 && headline.total.deviations == 0 && headline.total.tested() == headline.total.due()
}

/// The report of a window, from what the ledger holds at `now`.
fn build_report(ledger: &Ledger<State>, config: &Config, window: &Window, now: Timestamp) -> anyhow::Result<Report> {
    let period = Period::window(window, &zone(&window.timezone));
    let as_of = now.min(period.end).max(period.start);
    let earlier = config.windows.iter().filter(|earlier| earlier.end < window.start).max_by_key(|earlier| earlier.end);
    let (gathered, earlier, mut reader, checkpoint, arrived) = {
        let state = ledger.state();
        let gathered = Gathered::new(&state, &period, window.controls.as_deref(), as_of)?;
        let earlier = earlier.and_then(|earlier| {
            let period = Period::window(earlier, &zone(&earlier.timezone));
            // A zone that was not counted then is no fault of this report.
            Gathered::new(&state, &period, earlier.controls.as_deref(), period.end).ok()
        });
        let reader = ExceptionReader::new(ledger, &state, gathered.exceptions().values());
        (gathered, earlier, reader, state.head().checkpoint, held::arrived(&state))
    };
    let earlier = earlier.map(|earlier| earlier.add_up(ledger)).transpose()?;
    let earlier = earlier.filter(|earlier| earlier.headline.controls > 0);
    let records = gathered.exceptions().clone();
    let summary = gathered.add_up(ledger)?;
    let exceptions = summary
        .exceptions
        .iter()
        .filter_map(|one| {
            let record = records.get(&one.exception)?;
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
        before_span: earlier.as_ref().map(|earlier| earlier.period.span.clone()),
        before: earlier.map(|earlier| earlier.headline),
        exceptions,
        systems: systems(config),
        proof: proof(ledger, config, checkpoint, &arrived)?,
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

fn proof(
    ledger: &Ledger<State>,
    config: &Config,
    checkpoint: Option<CheckpointAt>,
    arrived: &[SentSummary],
) -> Result<Proof, LedgerError> {
    let note = ledger.newest_checkpoint()?;
    let signed = note.as_deref().and_then(|note| ledger.signed_head(note));
    Ok(Proof {
        tests_itself: config.controls.iter().any(|control| control.built_in().is_some()),
        size: signed.map_or(0, |head| head.size),
        root: signed.map(|head| Digest(head.root)),
        at: signed.and(checkpoint).map(|newest| newest.at),
        entries: ledger.head().size,
        checkpoint: note,
        // A report is no verification: what speaks against the ledger is that one's to say.
        held: held::held(ledger, config, arrived)?.0,
        command: "evidenced verify".to_owned(),
    })
}
