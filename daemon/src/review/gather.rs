use std::collections::BTreeMap;

use crate::{
    domain::{ControlId, DayRow, Digest, ExceptionId, ExceptionRecord, Exclusion, LocalDay, Timestamp, Window},
    fold::{ExclusionRecord, State},
    judge::Testing,
    ledger::{Ledger, LedgerError, Store},
    recorder::{ControlPart, ERASED, NoteRecord, text},
    summary::{
        ControlFacts, DecidedFacts, ExclusionFacts, OutageFacts, Period, RollupError, Scope, Summary, VersionFacts,
        decode_day, summarize,
    },
};

/// Why a period cannot be summarized.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    #[error("the ledger cannot be read")]
    Ledger(#[from] LedgerError),
    #[error(
        "the days of {0} are not counted: list it as the zone of the organization or of a window before the first day"
    )]
    ZoneNotCounted(String),
    #[error("the rollup of {day} cannot be read")]
    Rollup {
        day: LocalDay,
        #[source]
        source: RollupError,
    },
    #[error("the rollup of {0} is not in the ledger's folder")]
    RollupGone(LocalDay),
}

/// Adds up a period. `only` limits it to the controls of a window.
pub fn summarize_period(
    ledger: &Ledger<State>,
    state: &State,
    period: &Period,
    only: Option<&[ControlId]>,
    as_of: Timestamp,
) -> Result<Summary, ReviewError> {
    Gathered::new(state, period, only, as_of)?.add_up(ledger)
}

/// What the state holds of a period. Files and parts are read when the state has been let go: a commit waits for
/// whoever looks at it.
pub struct Gathered {
    period: Period,
    as_of: Timestamp,
    /// Files of closed days.
    files: Vec<(LocalDay, Digest)>,
    /// Rows of the days that are open.
    open: Vec<(LocalDay, ControlId, DayRow)>,
    /// With the part that has title, owner and criteria.
    controls: BTreeMap<ControlId, (Digest, ControlFacts)>,
    /// Exclusions that people decided on, with the part of who approved each.
    excluded: Vec<(u64, ExclusionRecord, Option<Digest>)>,
    exceptions: BTreeMap<ExceptionId, ExceptionRecord>,
    outages: Vec<OutageFacts>,
}

impl Gathered {
    pub fn new(
        state: &State,
        period: &Period,
        only: Option<&[ControlId]>,
        as_of: Timestamp,
    ) -> Result<Self, ReviewError> {
        let zone = state.zone(&period.zone).ok_or_else(|| ReviewError::ZoneNotCounted(period.zone.clone()))?;
        let closed = state.rollups().range((zone, period.from)..=(zone, period.to));
        let files = closed.flat_map(|((_, day), files)| files.iter().map(|file| (*day, file.rollup))).collect();
        let days = state.open_days().filter(|(of, day)| *of == zone && period.contains(*day));
        let open = days.flat_map(|(_, day)| {
            state.day_rows(zone, day, as_of).into_iter().map(move |(control, row)| (day, control, row))
        });
        let controls = controls(state, only);
        let exceptions = state.exceptions().iter().filter(|(_, record)| {
            let is_over = record.recovered.is_some_and(|recovery| recovery.slot.0 <= period.start);
            record.first_slot.0 < period.end && !is_over && controls.contains_key(&record.control)
        });
        Ok(Self {
            period: period.clone(),
            as_of,
            files,
            open: open.collect(),
            exceptions: exceptions.map(|(id, record)| (*id, record.clone())).collect(),
            outages: outages(state),
            excluded: state
                .exclusions()
                .iter()
                .filter(|(_, record)| controls.contains_key(&record.control))
                .map(|(number, record)| (*number, record.clone(), state.approval_of(record.proposal)))
                .collect(),
            controls,
        })
    }

    /// The exceptions that were open at some time of the period.
    pub const fn exceptions(&self) -> &BTreeMap<ExceptionId, ExceptionRecord> {
        &self.exceptions
    }

    /// Reads closed days and how controls are presented.
    pub fn add_up(self, ledger: &Ledger<State>) -> Result<Summary, ReviewError> {
        let Self { period, as_of, files, open, controls, excluded, exceptions, outages } = self;
        let mut rows = Vec::new();
        for (day, file) in files {
            let bytes = ledger.rollup(&period.zone, day, &file)?.ok_or(ReviewError::RollupGone(day))?;
            let closed = decode_day(&bytes).map_err(|source| ReviewError::Rollup { day, source })?;
            rows.extend(closed.rows.into_iter().map(|(control, row)| (day, control, row)));
        }
        rows.extend(open);
        let mut controls: BTreeMap<_, _> =
            controls.into_iter().map(|(id, (part, facts))| (id, presented(ledger, &part, facts))).collect();
        for (number, record, approval) in excluded {
            if let Some(facts) = controls.get_mut(&record.control) {
                facts.exclusions.push(decided(ledger, number, &record, approval));
            }
        }
        let scope = Scope { period: &period, as_of, controls: &controls, exceptions: &exceptions, outages: &outages };
        Ok(summarize(&scope, rows))
    }
}

/// The controls with what entries say of them; their texts are not read yet.
fn controls(state: &State, only: Option<&[ControlId]>) -> BTreeMap<ControlId, (Digest, ControlFacts)> {
    let wanted = |id: &&ControlId| only.is_none_or(|only| only.contains(id));
    let mut controls = BTreeMap::new();
    for (id, record) in state.controls().iter().filter(|(id, _)| wanted(id)) {
        let control = &record.state;
        let untested_since = match control.testing {
            Testing::Untested { since, .. } => Some(since),
            Testing::Tested | Testing::Lapsing { .. } => None,
        };
        let versions = record
            .versions
            .iter()
            .map(|change| VersionFacts {
                version: change.version,
                at: change.at,
                definition: change.definition,
                plugin: change.plugin,
                sequence: change.sequence,
            })
            .collect();
        let facts = ControlFacts {
            title: String::new(),
            owner: String::new(),
            family: control.family,
            severity: control.severity,
            criteria: Vec::new(),
            exclusions: Vec::new(),
            retired: control.retired,
            attested: false,
            attested_until: control.attested_until,
            untested_since,
            versions,
        };
        controls.insert(id.clone(), (control.control_part, facts));
    }
    controls
}

/// With the texts of the part, if it was not erased.
fn presented(ledger: &Ledger<State>, part: &Digest, facts: ControlFacts) -> ControlFacts {
    let part = ledger.part(part).ok().flatten();
    match part.and_then(|bytes| serde_json::from_slice::<ControlPart>(&bytes).ok()) {
        Some(ControlPart { control, .. }) => {
            let attested = control.enabled && control.is_attested();
            let exclusions = control.check.exclude.into_iter().map(configured).collect();
            let (title, owner, criteria) = (control.title, control.owner, control.criteria);
            ControlFacts { title, owner, criteria, exclusions, attested, ..facts }
        }
        None => facts,
    }
}

fn configured(exclusion: Exclusion) -> ExclusionFacts {
    let Exclusion { subject, reason, approval, until } = exclusion;
    ExclusionFacts { subject, reason, approval, until, decided: None }
}

/// What two people decided, with their names.
fn decided(
    ledger: &Ledger<State>,
    exclusion: u64,
    record: &ExclusionRecord,
    approval: Option<Digest>,
) -> ExclusionFacts {
    let erased = || ERASED.to_owned();
    let name = |note: Option<&NoteRecord>| note.map_or_else(erased, |note| note.author.name());
    let author = NoteRecord::read(ledger, &record.note);
    let approver = approval.and_then(|note| NoteRecord::read(ledger, &note));
    ExclusionFacts {
        subject: text(ledger, &record.subject_part).unwrap_or_else(erased),
        approval: None,
        until: Some(record.until),
        decided: Some(DecidedFacts {
            exclusion,
            from: record.decided,
            author: name(author.as_ref()),
            approver: name(approver.as_ref()),
            ended: record.ended.filter(|_| record.ended_note.is_some()),
        }),
        reason: author.map_or_else(erased, |note| note.words),
    }
}

fn outages(state: &State) -> Vec<OutageFacts> {
    let facts = |outage: &crate::fold::Outage| OutageFacts {
        from: outage.from,
        to: outage.to,
        reason: outage.reason,
        missed: outage.missed,
    };
    state.outages().values().map(facts).collect()
}

/// The windows that the ledger knows, as they were configured last.
pub fn known_windows(ledger: &Ledger<State>, state: &State) -> Vec<Window> {
    let read = |part: &Digest| serde_json::from_slice(&ledger.part(part).ok()??).ok();
    state.windows().values().filter_map(|record| read(&record.part)).collect()
}
