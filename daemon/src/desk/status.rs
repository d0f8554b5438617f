use super::{ControlLine, Desk, SourceLine, Status};
use crate::{
    domain::{ControlId, Entry, Event, ExceptionState, Outcome, RunReason, Timestamp},
    fold::{ControlRecord, SilenceRecord, State},
    gate::Traffic,
    judge::{LastRun, Phase, Testing},
    ledger::Store,
    routing::next_due,
};

impl Desk {
    /// How everything stands.
    pub fn status(&self) -> Status {
        let catalogue = self.catalogue();
        let config = catalogue.config();
        let after_restart = self.after_restart.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let after_restart = after_restart.iter().map(|key| (*key).to_owned()).collect();
        let head = self.ledger.head();
        let state = self.ledger.state();
        let controls = state.controls().iter().filter(|(_, record)| !record.state.retired);
        let controls: Vec<_> = controls.map(|(id, record)| (control_line(id, record), record.state.last_run)).collect();
        let count = |wanted: &[ExceptionState]| {
            state.exceptions().values().filter(|exception| wanted.contains(&exception.state())).count() as u64
        };
        let status = Status {
            organization: config.organization.clone(),
            instance: config.instance.clone(),
            software: env!("CARGO_PKG_VERSION").to_owned(),
            is_running: self.live.is_some(),
            configuration_refused: state.head().refused.is_some(),
            after_restart,
            clock_doubt: state.head().doubt,
            controls: Vec::new(),
            open_exceptions: count(&[ExceptionState::Open, ExceptionState::Overdue]),
            overdue_exceptions: count(&[ExceptionState::Overdue]),
            unclosed_exceptions: count(&[ExceptionState::Recovered]),
            mails_waiting: state.outbox().values().map(|pending| pending.waiting().count() as u64).sum(),
            oldest_waiting: state.outbox().values().next().map(|pending| pending.queued),
            dead_letters: state.dead_letters().len() as u64,
            alerts_held: state.held().len() as u64,
            held_until: next_due(state.held().values()),
            proposals: state.open_proposals().count() as u64,
            silences: silences_in_force(&state, self.clock.now()),
            exclusions: self.exclusions_in_force(&state),
            problems: self.problems_of(&state),
            heartbeat: self.live.as_ref().and_then(|live| (live.pulse)()),
            sources: self.sources(),
            entries: head.size,
            root: crate::domain::Digest(head.root),
            last_entry: state.head().last_at,
        };
        // Entries are read, and slots reckoned, when the state has been let go: a commit waits for whoever looks at it.
        drop(state);
        let controls = controls.into_iter().map(|(line, last_run)| {
            let control = catalogue.control(&line.control);
            ControlLine {
                title: control.map(|control| control.title.clone()).unwrap_or_default(),
                owner: control.map(|control| control.owner.clone()).unwrap_or_default(),
                last_reason: last_run.and_then(|run| self.reason(run)),
                next_slot: control.filter(|control| control.enabled).and_then(|control| self.next_slot(control)),
                ..line
            }
        });
        Status { controls: controls.collect(), ..status }
    }

    fn sources(&self) -> Vec<SourceLine> {
        let traffic = self.live.as_ref().map(|live| (live.traffic)()).unwrap_or_default();
        let line = |Traffic { source, credential, requests, waited, throttled }| {
            let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
            SourceLine { source, credential, requests, waited_ms, throttled }
        };
        traffic.into_iter().map(line).collect()
    }

    /// Why the newest run of a control could not test, or not everything. Its entry has it.
    fn reason(&self, run: LastRun) -> Option<RunReason> {
        if !matches!(run.outcome, Outcome::Error | Outcome::Fail) {
            return None;
        }
        let (_, bytes) = self.ledger.entries(run.sequence..run.sequence + 1).next()?.ok()?;
        match Entry::from_bytes(&bytes).ok()?.event {
            Event::Run(run) => run.reason,
            _ => None,
        }
    }
}

fn silences_in_force(state: &State, now: Timestamp) -> u64 {
    let is_in_force = |record: &&SilenceRecord| record.ended.is_none() && record.what.from <= now;
    state.silences().values().filter(is_in_force).count() as u64
}

/// What the state knows of it.
fn control_line(id: &ControlId, record: &ControlRecord) -> ControlLine {
    let state = &record.state;
    let word = match (&state.phase, state.testing) {
        _ if !state.enabled => "disabled",
        (Phase::Failing(_), _) => "failing",
        (_, Testing::Untested { .. }) => "untested",
        (Phase::Suspect { .. }, _) => "suspect",
        (Phase::Passing, _) if state.last_good.is_none() => "new",
        (Phase::Passing, _) => "passing",
    };
    ControlLine {
        control: id.clone(),
        title: String::new(),
        family: state.family.as_str().to_owned(),
        severity: state.severity,
        owner: String::new(),
        state: word.to_owned(),
        last_slot: state.last_run.map(|run| run.slot),
        last_outcome: state.last_run.map(|run| run.outcome),
        last_reason: None,
        exception: state.open_exception().map(|open| open.id),
        next_slot: None,
        covered_until: state.covered_until,
    }
}
