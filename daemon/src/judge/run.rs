use std::collections::{BTreeMap, HashMap};

use evidenced_contract::Listing;

use super::{Alert, ControlState, Decision, OpenException, Phase, Policy, Refused, flapping, time};
use crate::domain::{
    AlertCause, ControlId, Departure, Digest, Event, ExceptionId, ExceptionSubjects, Outcome, RunEntry, SlotTime,
    SubjectNumber, SuspectedSubjects, Timestamp,
};

/// What a run found, with numbers in place of texts.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFacts {
    pub run: RunEntry,
    pub listing: Listing,
    /// All failing subjects, and all others in the report that have a number already. A passing subject that never
    /// failed needs none.
    pub statuses: Vec<(SubjectNumber, SubjectStatus)>,
    /// Subjects that get their number with this run.
    pub named: Option<NamedSubjects>,
}

/// The status of a finding, after the host's exclusions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectStatus {
    Pass,
    Fail,
    Error,
    NotApplicable,
    Excluded,
}

/// Numbers from the control's `next_subject` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedSubjects {
    pub first: SubjectNumber,
    pub count: u32,
    /// Part: a JSON array of their texts.
    pub subjects: Digest,
}

/// Judges one run. `now` is the time of the entries; `next_exception` the id that an exception gets if one opens.
pub fn decide_run(
    state: &ControlState,
    policy: &Policy,
    next_exception: ExceptionId,
    now: Timestamp,
    facts: &RunFacts,
) -> Result<Decision, Refused> {
    let run = &facts.run;
    check(state, facts)?;
    let mut decision = Decision::default();
    if let Some(NamedSubjects { first, count, subjects }) = facts.named {
        let control = run.control.clone();
        decision.events.push(Event::SubjectsNamed { control, first, count, subjects });
    }
    decision.events.push(Event::Run(run.clone()));
    if !state.judges(run) {
        return Ok(decision);
    }
    match (&state.phase, run.outcome) {
        (Phase::Failing(open), Outcome::Fail) => {
            still_failing(&mut decision, state, open, now, facts);
            time::overdue(&mut decision, &run.control, open, run.slot, now);
        }
        (Phase::Failing(open), Outcome::Pass | Outcome::NotApplicable) if !run.incomplete => {
            recovered(&mut decision, open, facts);
        }
        (Phase::Failing(open), _) => time::overdue(&mut decision, &run.control, open, run.slot, now),
        (phase @ (Phase::Passing | Phase::Suspect { .. }), Outcome::Fail) => {
            let (first, fails) = match phase {
                Phase::Suspect { first, fails, .. } => (*first, fails + 1),
                Phase::Passing | Phase::Failing(_) => (run.slot, 1),
            };
            if fails >= policy.confirmations {
                opened(&mut decision, state, policy, next_exception, first, facts);
            } else {
                suspected(&mut decision, state, facts);
            }
        }
        (Phase::Passing | Phase::Suspect { .. }, _) => {}
    }
    flapping::changed(&mut decision, state, policy, now, run);
    time::tested_or_not(&mut decision, state, policy, now, run);
    Ok(decision)
}

fn check(state: &ControlState, facts: &RunFacts) -> Result<(), Refused> {
    let run = &facts.run;
    if run.version > state.version {
        return Err(Refused::VersionUnknown { found: run.version, newest: state.version });
    }
    // A check that reads events catches up with several runs of one slot, each about another interval.
    if state.judged == Some(run.slot) && run.interval.is_none() {
        return Err(Refused::SlotJudged(run.slot));
    }
    match facts.named {
        Some(named) if named.first.0 != state.next_subject => {
            Err(Refused::SubjectNumbers { found: named.first.0, next: state.next_subject })
        }
        Some(_) | None => Ok(()),
    }
}

fn opened(
    decision: &mut Decision,
    state: &ControlState,
    policy: &Policy,
    exception: ExceptionId,
    first_slot: SlotTime,
    facts: &RunFacts,
) {
    let run = &facts.run;
    let due = policy.remediation.due(first_slot.0);
    decision.events.push(Event::ExceptionOpened { exception, control: run.control.clone(), first_slot, due });
    let failing = failing(facts);
    let mut by_first_fail: BTreeMap<SlotTime, Vec<SubjectNumber>> = BTreeMap::new();
    for subject in &failing {
        by_first_fail.entry(state.suspected_since(*subject).unwrap_or(run.slot)).or_default().push(*subject);
    }
    for (slot, subjects) in by_first_fail {
        let entries = in_entries(exception, &run.control, slot, &subjects);
        decision.events.extend(entries.map(Event::SubjectsJoined));
    }
    let cause = if state.fresh { AlertCause::AlreadyFailing } else { AlertCause::Failed };
    decision.alerts.push(Alert {
        exception: Some(exception),
        due: Some(due),
        subjects: failing,
        ..Alert::new(cause, &run.control, run.slot, first_slot)
    });
}

/// What fails now may be confirmed later, and has then failed since now.
fn suspected(decision: &mut Decision, state: &ControlState, facts: &RunFacts) {
    let mut new = failing(facts);
    new.retain(|subject| state.suspected_since(*subject).is_none());
    decision.events.extend(new.chunks(ExceptionSubjects::MAX).map(|chunk| {
        Event::SubjectsSuspected(SuspectedSubjects {
            control: facts.run.control.clone(),
            slot: facts.run.slot,
            subjects: chunk.to_vec(),
        })
    }));
}

fn still_failing(
    decision: &mut Decision,
    state: &ControlState,
    open: &OpenException,
    now: Timestamp,
    facts: &RunFacts,
) {
    let run = &facts.run;
    if !run.incomplete {
        left(decision, open, facts);
    }
    let failing = failing(facts);
    let joined: Vec<_> = failing.iter().copied().filter(|subject| !open.subjects.contains_key(subject)).collect();
    decision.events.extend(in_entries(open.id, &run.control, run.slot, &joined).map(Event::SubjectsJoined));
    let alert = |cause, subjects| Alert { subjects, ..Alert::of_exception(cause, &run.control, run.slot, open) };
    if state.fresh {
        decision.alerts.push(alert(AlertCause::AlreadyFailing, failing));
        return;
    }
    let may_tell = open.more_told.is_none_or(|told| now.since(told) >= MORE_SUBJECTS_EVERY);
    if !may_tell || (joined.is_empty() && open.newest_join <= open.told_to) {
        return;
    }
    // Those that joined while it was too early to say so are told now, if they fail still.
    let is_new = |subject: &SubjectNumber| open.subjects.get(subject).is_none_or(|since| Some(*since) > open.told_to);
    let untold: Vec<_> = failing.into_iter().filter(is_new).collect();
    if !untold.is_empty() {
        decision.alerts.push(alert(AlertCause::MoreSubjects, untold));
    }
}

fn recovered(decision: &mut Decision, open: &OpenException, facts: &RunFacts) {
    let run = &facts.run;
    left(decision, open, facts);
    let control = run.control.clone();
    decision.events.push(Event::ExceptionRecovered { exception: open.id, control, slot: run.slot });
    decision.alerts.push(Alert {
        subjects: open.subjects.keys().copied().collect(),
        ..Alert::of_exception(AlertCause::Recovered, &run.control, run.slot, open)
    });
}

/// Subjects of the exception that fail no longer, by a complete report.
fn left(decision: &mut Decision, open: &OpenException, facts: &RunFacts) {
    let statuses: HashMap<_, _> = facts.statuses.iter().copied().collect();
    let mut departures: BTreeMap<Departure, Vec<SubjectNumber>> = BTreeMap::new();
    for subject in open.subjects.keys() {
        let why = match (statuses.get(subject), facts.listing) {
            (Some(SubjectStatus::Fail | SubjectStatus::Error), _) => continue,
            (Some(SubjectStatus::Pass | SubjectStatus::NotApplicable), _) => Departure::Fixed,
            (Some(SubjectStatus::Excluded), _) => Departure::Excluded,
            (None, Listing::EverySubject) => Departure::Gone,
            (None, Listing::NotPassing) => Departure::NoLongerReported,
        };
        departures.entry(why).or_default().push(*subject);
    }
    for (why, subjects) in departures {
        let entries = in_entries(open.id, &facts.run.control, facts.run.slot, &subjects);
        decision.events.extend(entries.map(|subjects| Event::SubjectsLeft { why, subjects }));
    }
}

fn failing(facts: &RunFacts) -> Vec<SubjectNumber> {
    let failing = facts.statuses.iter().filter(|(_, status)| *status == SubjectStatus::Fail);
    failing.map(|(subject, _)| *subject).collect()
}

/// As many entries as it takes for each to stay under the bound.
pub(super) fn in_entries<'a>(
    exception: ExceptionId,
    control: &'a ControlId,
    slot: SlotTime,
    subjects: &'a [SubjectNumber],
) -> impl Iterator<Item = ExceptionSubjects> + 'a {
    subjects.chunks(ExceptionSubjects::MAX).map(move |chunk| ExceptionSubjects {
        exception,
        control: control.clone(),
        slot,
        subjects: chunk.to_vec(),
    })
}

/// More subjects are told at most once a day: a mail for each would train people to ignore them.
const MORE_SUBJECTS_EVERY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
