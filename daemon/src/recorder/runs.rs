//! A run that ended, or slots that did not run: outcome, evidence, entries.

use std::{borrow::Cow, collections::HashMap};

use evidenced_contract::{Report, Status};

use super::{
    ControlPart, Recorded, Recorder, RecorderError,
    draft::{Draft, Learned},
    fact::RunAnswer,
    letters::{Letters, RunView},
    settle::{came_to, counted_events, is_excluded, settled, without_counted},
    subjects::Names,
};
use crate::{
    domain::{Control, ControlId, Evidence, MissedSlots, RunEntry, SubjectNumber, Timestamp, covered_until},
    evidence::{EndedRecord, Packed, Seen, pack, state_json, unpack_record},
    fold::State,
    judge::{ControlState, Decision, NamedSubjects, Policy, RunFacts, SubjectStatus, decide_missed, decide_run},
    ledger::{EvidenceClass, Ledger, Store},
    runner::Finished,
    schedule::days_of,
};

/// What is remembered of the newest runs, so that it need not be read back. May be dropped at any time.
#[derive(Debug, Default)]
pub(super) struct Runs {
    seen: HashMap<ControlId, Seen>,
    pub(super) names: Names,
}

impl Runs {
    /// The batch of `draft` is durable.
    pub(super) fn remember(&mut self, learned: Learned) {
        for (control, sequence, packed) in learned.packed {
            self.seen.entry(control).or_default().note(&packed, sequence);
        }
        for (control, first, subjects) in learned.named {
            self.names.learn(&control, first, subjects);
        }
    }

    fn seen(&mut self, ledger: &Ledger<State>, state: &State, control: &ControlId) -> &Seen {
        self.seen.entry(control.clone()).or_insert_with(|| {
            let kept = state.control(control).and_then(|state| state.evidence);
            // Evidence that cannot be read back only costs that it is written again.
            kept.and_then(|kept| {
                let record =
                    unpack_record(&kept.part, |part| ledger.part(part).map_err(|error| error.to_string())).ok()?;
                // What it names and was erased must not be named again.
                let is_whole = !record.parts.values().any(|part| state.is_erased(part));
                is_whole.then(|| Seen::from_record(&record, kept.sequence))
            })
            .unwrap_or_default()
        })
    }
}

impl Recorder {
    pub(super) fn ran(&mut self, draft: &mut Draft, finished: Finished) -> Result<Recorded, RecorderError> {
        let Finished { order, now, clock_in_doubt, took, ended, transcript, inputs, new_state } = finished;
        let control = &*order.control;
        let id = &control.id;
        let ended = settled(control, now, order.interval, ended);
        let ledger = &*self.ledger;
        let state = ledger.state();
        let Some(control_state) = state.control(id) else { return Err(RecorderError::UnknownControl(id.clone())) };
        draft.expect(id, control_state.revision);

        let counted = counted_events(ledger, control_state, &ended);
        let (judged, repeated) = without_counted(&ended, &counted);
        let came = came_to(control, now, &judged);
        let subjects = match &*judged {
            EndedRecord::Report(report) => {
                let known = self.runs.names.of(id, &state, |part| ledger.part(part));
                number(control, now, report, known, control_state.next_subject)
            }
            EndedRecord::Failure(_) | EndedRecord::Other { .. } => Subjects::default(),
        };
        let named = if subjects.new.is_empty() {
            None
        } else {
            let first = control_state.next_subject;
            let texts = serde_json::to_vec(&subjects.new).expect("a list of texts is JSON");
            let part = draft.keep(&texts, EvidenceClass::Record)?;
            draft.note_named(id.clone(), first, subjects.new.clone());
            Some(NamedSubjects { first: SubjectNumber(first), count: subjects.new.len() as u32, subjects: part })
        };
        let covered_until = match &ended {
            EndedRecord::Report(report) => covered_until(report, order.interval).ok().flatten(),
            EndedRecord::Failure(_) | EndedRecord::Other { .. } => None,
        };
        let seen = self.runs.seen(ledger, &state, id);
        let (packed, parts) = pack(ended.clone(), &transcript, &inputs, &order.state, control.check.transcript, seen)?;
        draft.keep_all(parts);
        let plugin_state = match new_state {
            Some(state) => Some(draft.keep(&state_json(&state), EvidenceClass::Transcript)?),
            None => None,
        };

        let run = RunEntry {
            control: id.clone(),
            version: order.version,
            slot: order.slot,
            now,
            clock_in_doubt,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            late: order.is_late,
            days: if order.is_scheduled { days_of(order.slot, self.catalogue.zones()) } else { Vec::new() },
            outcome: came.outcome,
            reason: came.reason,
            incomplete: came.incomplete,
            population: came.population,
            counts: came.counts,
            seed_size: order.seed_from.0,
            interval: order.interval,
            repeated,
            covered_until,
            plugin_state,
            evidence: match &packed {
                Packed::SameAs(sequence) => Evidence::SameAs(*sequence),
                Packed::New { record, .. } => Evidence::Part(*record),
            },
        };
        let facts = RunFacts { run, listing: came.listing, statuses: subjects.statuses, named };
        let policy = self.policy(id, control_state)?;
        let next = draft.next_exception(&state, self.catalogue.year(draft.at()));
        let decision = decide_run(control_state, &policy, next, draft.at(), &facts)?;

        // The run's own entry stands behind the one that names its new subjects.
        let sequence = draft.next_sequence() + u64::from(facts.named.is_some());
        draft.note_packed(id.clone(), sequence, packed);
        let view = RunView { sequence, run: &facts.run, ended: &judged };
        let letters = Letters {
            catalogue: &self.catalogue,
            state: &state,
            ledger,
            new_names: Some((id, control_state.next_subject, &subjects.new)),
        };
        letters.write(draft, decision, Some(&view))?;
        Ok(Recorded { run: Some(answer(&facts.run, &judged)), ..Recorded::entry(sequence, draft.at()) })
    }

    pub(super) fn missed(&mut self, draft: &mut Draft, missed: MissedSlots) -> Result<Recorded, RecorderError> {
        let state = self.ledger.state();
        let id = &missed.control;
        let Some(control_state) = state.control(id) else { return Err(RecorderError::UnknownControl(id.clone())) };
        let sequence = draft.next_sequence();
        draft.expect(id, control_state.revision);
        let policy = self.policy(id, control_state)?;
        let decision = decide_missed(control_state, &policy, draft.at(), &missed)?;
        self.write(draft, &state, decision)?;
        Ok(Recorded::entry(sequence, draft.at()))
    }

    /// What is promised of a control; of one that has left the configuration while it was running, what it was
    /// promised last.
    fn policy(&self, id: &ControlId, control_state: &ControlState) -> Result<Cow<'_, Policy>, RecorderError> {
        if let Some(policy) = self.catalogue.policy(id) {
            return Ok(Cow::Borrowed(policy));
        }
        let part = self.control_part(&control_state.control_part);
        let ControlPart { control, .. } = part.ok_or_else(|| RecorderError::UnknownControl(id.clone()))?;
        Ok(Cow::Owned(self.catalogue.policy_of(&control)))
    }

    /// Writes a decision that no run at hand led to.
    pub(super) fn write(&self, draft: &mut Draft, state: &State, decision: Decision) -> Result<(), RecorderError> {
        let letters = Letters { catalogue: &self.catalogue, state, ledger: &self.ledger, new_names: None };
        letters.write(draft, decision, None)
    }
}

/// Findings with numbers in place of subjects.
#[derive(Debug, Default)]
struct Subjects {
    statuses: Vec<(SubjectNumber, SubjectStatus)>,
    /// Texts of those that got their number now, in order.
    new: Vec<String>,
}

/// A subject gets a number when it fails for the first time; others need none.
fn number(
    control: &Control,
    now: Timestamp,
    report: &Report,
    known: &HashMap<String, SubjectNumber>,
    next: u32,
) -> Subjects {
    let mut subjects = Subjects::default();
    for finding in &report.findings {
        let status = if is_excluded(control, &finding.subject, now) {
            SubjectStatus::Excluded
        } else {
            match finding.status {
                Status::Pass => SubjectStatus::Pass,
                Status::Fail => SubjectStatus::Fail,
                Status::Error => SubjectStatus::Error,
                Status::NotApplicable => SubjectStatus::NotApplicable,
            }
        };
        let number = match known.get(&finding.subject) {
            Some(number) => *number,
            None if status == SubjectStatus::Fail => {
                subjects.new.push(finding.subject.clone());
                SubjectNumber(next + (subjects.new.len() - 1) as u32)
            }
            None => continue,
        };
        subjects.statuses.push((number, status));
    }
    subjects
}

fn answer(run: &RunEntry, ended: &EndedRecord) -> RunAnswer {
    let findings = match ended {
        EndedRecord::Report(report) => report
            .findings
            .iter()
            .filter(|finding| matches!(finding.status, Status::Fail | Status::Error))
            .map(|finding| {
                let status = if finding.status == Status::Fail { "fail" } else { "error" };
                (finding.subject.clone(), status.to_owned(), finding.message.clone())
            })
            .collect(),
        EndedRecord::Failure(_) | EndedRecord::Other { .. } => Vec::new(),
    };
    RunAnswer {
        outcome: run.outcome,
        reason: run.reason,
        words: ended.words().to_owned(),
        population: run.population,
        findings,
    }
}
