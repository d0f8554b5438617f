use std::collections::BTreeMap;

use crate::{
    domain::{ControlId, DayRow, Digest, LocalDay, Timestamp, Window},
    fold::State,
    judge::Testing,
    ledger::{Ledger, LedgerError, Store},
    recorder::ControlPart,
    summary::{ControlFacts, OutageFacts, Period, RollupError, Scope, Summary, VersionFacts, decode_day, summarize},
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
    let zone = state.zone(&period.zone).ok_or_else(|| ReviewError::ZoneNotCounted(period.zone.clone()))?;
    let controls = control_facts(ledger, state, only);
    let outages = outages(state);
    let scope = Scope { period, as_of, controls: &controls, exceptions: state.exceptions(), outages: &outages };
    let rows = rows(ledger, state, zone, period, as_of)?;
    Ok(summarize(&scope, rows))
}

/// Closed days from their files, open ones from the state.
fn rows(
    ledger: &Ledger<State>,
    state: &State,
    zone: u32,
    period: &Period,
    as_of: Timestamp,
) -> Result<Vec<(LocalDay, ControlId, DayRow)>, ReviewError> {
    let mut rows = Vec::new();
    for (&(_, day), files) in state.rollups().range((zone, period.from)..=(zone, period.to)) {
        for file in files {
            let bytes = ledger.rollup(&period.zone, day, &file.rollup)?.ok_or(ReviewError::RollupGone(day))?;
            let closed = decode_day(&bytes).map_err(|source| ReviewError::Rollup { day, source })?;
            rows.extend(closed.rows.into_iter().map(|(control, row)| (day, control, row)));
        }
    }
    let open = state.open_days().filter(|(of, day)| *of == zone && period.contains(*day));
    for (_, day) in open {
        rows.extend(state.day_rows(zone, day, as_of).into_iter().map(|(control, row)| (day, control, row)));
    }
    Ok(rows)
}

fn control_facts(
    ledger: &Ledger<State>,
    state: &State,
    only: Option<&[ControlId]>,
) -> BTreeMap<ControlId, ControlFacts> {
    let wanted = |id: &&ControlId| only.is_none_or(|only| only.contains(id));
    let mut facts = BTreeMap::new();
    for (id, record) in state.controls().iter().filter(|(id, _)| wanted(id)) {
        let control = &record.state;
        let part = ledger.part(&control.control_part).ok().flatten();
        let part = part.and_then(|bytes| serde_json::from_slice::<ControlPart>(&bytes).ok());
        let (title, owner, criteria) = match part {
            Some(ControlPart { control, .. }) => (control.title, control.owner, control.criteria),
            None => (String::new(), String::new(), Vec::new()),
        };
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
        let family = control.family;
        let severity = control.severity;
        let retired = control.retired;
        facts.insert(
            id.clone(),
            ControlFacts { title, owner, family, severity, criteria, retired, untested_since, versions },
        );
    }
    facts
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
