//! From any sequence of runs, missed slots, passing time and changed definitions.
//!
//! [`Scribe`] does what the one writer does: it decides on the folded state, puts the alerts behind the entries, and
//! folds them. The checkers read the ledger's bytes alone.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use evidenced_contract::Listing;
use proptest::prelude::*;

use super::*;
use crate::{
    domain::{
        AlertCause, Calendar, ControlId, Counts, DayCount, DayRow, Digest, Entry, Event, Evidence, ExceptionId, Family,
        LocalDay, MissedReason, MissedSlots, NoteKind, Outcome, RunEntry, RunReason, Severity, SlotTime, SubjectNumber,
        Timestamp,
    },
    judge::*,
};

#[derive(Debug, Clone)]
enum Step {
    Run { control: u8, outcome: u8, failing: u8, others: u8, incomplete: bool, every_subject: bool, late: bool },
    Missed { control: u8, reason: u8, slots: u8 },
    Time { hours: u16 },
    Definition { control: u8, change: u8 },
    Person { does: u8 },
    CloseDays,
    Settle { refused: bool },
    Restart,
    Rezone,
}

fn step() -> impl Strategy<Value = Step> {
    let run = (0..2u8, 0..6u8, any::<u8>(), any::<u8>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(control, outcome, failing, others, incomplete, every_subject, late)| Step::Run {
            control,
            outcome,
            failing,
            others,
            incomplete,
            every_subject,
            late,
        },
    );
    let missed = (0..2u8, 0..9u8, 1..20u8).prop_map(|(control, reason, slots)| Step::Missed { control, reason, slots });
    prop_oneof![
        12 => run,
        2 => missed,
        2 => (1..200u16).prop_map(|hours| Step::Time { hours }),
        1 => (0..2u8, 0..5u8).prop_map(|(control, change)| Step::Definition { control, change }),
        1 => (0..4u8).prop_map(|does| Step::Person { does }),
        3 => Just(Step::CloseDays),
        1 => any::<bool>().prop_map(|refused| Step::Settle { refused }),
        1 => Just(Step::Restart),
        1 => Just(Step::Rezone),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_tells_one_story(confirmations in 1..4u32, steps in proptest::collection::vec(step(), 1..120)) {
        let mut scribe = Scribe::new(confirmations);
        for step in &steps {
            scribe.takes(step);
        }
        scribe.close_days(scribe.now.plus(48 * HOUR));
        let log: Vec<Entry> = scribe.log.iter().map(|bytes| Entry::from_bytes(bytes).unwrap()).collect();
        exceptions_never_overlap_and_each_ending_follows_an_opening(&log);
        each_transition_alerts_exactly_once(&log);
        replaying_the_log_gives_the_same_state(&scribe.state, &log);
        the_rows_give_the_same_state(&scribe.state, &scribe.view);
        rows_add_up_to_slots_and_to_the_length_of_exceptions(&scribe, &log);
        lives_lie_within_their_exception(&scribe.state);
    }
}

fn exceptions_never_overlap_and_each_ending_follows_an_opening(log: &[Entry]) {
    let mut open: BTreeMap<&ControlId, ExceptionId> = BTreeMap::new();
    let mut ended: BTreeMap<&ControlId, SlotTime> = BTreeMap::new();
    let mut recovered = Vec::new();
    let mut overdue = Vec::new();
    for entry in log {
        match &entry.event {
            Event::ExceptionOpened { exception, control, first_slot, .. } => {
                assert_eq!(open.insert(control, *exception), None, "two open exceptions of {control}");
                assert!(ended.get(control).is_none_or(|end| end < first_slot), "{exception} overlaps the one before");
            }
            Event::ExceptionRecovered { exception, control, slot } => {
                assert_eq!(open.remove(control), Some(*exception), "{exception} recovers, and is not open");
                ended.insert(control, *slot);
                recovered.push(*exception);
            }
            Event::ExceptionOverdue { exception, control } => {
                assert_eq!(open.get(control), Some(exception));
                assert!(!overdue.contains(exception), "{exception} is overdue twice");
                overdue.push(*exception);
            }
            Event::ExceptionClosed { exception, .. } => assert!(recovered.contains(exception)),
            Event::SubjectsJoined(subjects) | Event::SubjectsLeft { subjects, .. } => {
                assert_eq!(open.get(&subjects.control), Some(&subjects.exception));
            }
            _ => {}
        }
    }
}

/// An entry that must alert is answered by exactly one alert before the next entry of its kind; and no alert of these
/// causes stands alone.
fn each_transition_alerts_exactly_once(log: &[Entry]) {
    let mut expected: BTreeMap<(String, &ControlId), i32> = BTreeMap::new();
    let mut more_told: BTreeMap<ExceptionId, Timestamp> = BTreeMap::new();
    for entry in log {
        let (cause, control, change) = match &entry.event {
            Event::ExceptionOpened { control, .. } => ("failed", control, 1),
            Event::ExceptionOverdue { control, .. } => ("overdue", control, 1),
            Event::ExceptionRecovered { control, .. } => ("recovered", control, 1),
            Event::WentUntested { control, .. } => ("not-tested", control, 1),
            Event::TestedAgain { control, .. } => ("tested-again", control, 1),
            Event::ExceptionReminded { control, .. } => ("reminder", control, 1),
            Event::FlappingStarted { control, .. } => ("flapping", control, 1),
            Event::FlappingEnded { control, .. } => ("steady", control, 1),
            Event::AlertQueued { cause, control: Some(control), exception, .. }
            | Event::AlertWithheld { cause, control, exception, .. } => match cause {
                AlertCause::Reminder => ("reminder", control, -1),
                AlertCause::Flapping => ("flapping", control, -1),
                AlertCause::Steady => ("steady", control, -1),
                AlertCause::Failed => ("failed", control, -1),
                // Also said of an exception that was open when the definition changed.
                AlertCause::AlreadyFailing => {
                    let due = expected.entry(("failed".to_owned(), control)).or_default();
                    *due = 0;
                    continue;
                }
                AlertCause::Overdue => ("overdue", control, -1),
                AlertCause::Recovered => ("recovered", control, -1),
                AlertCause::NotTested => ("not-tested", control, -1),
                AlertCause::TestedAgain => ("tested-again", control, -1),
                AlertCause::MoreSubjects if matches!(entry.event, Event::AlertWithheld { .. }) => continue,
                AlertCause::MoreSubjects => {
                    let told = more_told.insert(exception.unwrap(), entry.at);
                    assert!(told.is_none_or(|told| entry.at.since(told) >= Duration::from_secs(86_400)));
                    continue;
                }
                other => panic!("no such alert: {other:?}"),
            },
            _ => continue,
        };
        let due = expected.entry((cause.to_owned(), control)).or_default();
        *due += change;
        assert!((0..=1).contains(due), "{cause} of {control} at {}: {due}", entry.at);
    }
    assert!(expected.values().all(|due| *due == 0), "{expected:?}");
}

fn replaying_the_log_gives_the_same_state(state: &State, log: &[Entry]) {
    let mut again = State::default();
    for (sequence, entry) in log.iter().enumerate() {
        again.apply(sequence as u64, entry);
    }
    again.take_changes();
    assert_eq!(&again, state);
}

fn the_rows_give_the_same_state(state: &State, view: &BTreeMap<Vec<u8>, Vec<u8>>) {
    let rows: BTreeMap<_, _> = state.rows().collect();
    assert_eq!(&rows, view, "the changes do not add up to the rows");
    assert_eq!(&State::load(rows).unwrap(), state);
}

fn rows_add_up_to_slots_and_to_the_length_of_exceptions(scribe: &Scribe, log: &[Entry]) {
    for control in scribe.controls() {
        let mut total = DayRow::default();
        let of_berlin = scribe.files.iter().filter(|((zone, _), _)| zone == "Europe/Berlin");
        for row in of_berlin.filter_map(|(_, rows)| rows.get(&control)) {
            total.add(row, usize::MAX);
        }
        let (mut slots, mut deviations, mut opened) = (0, 0, 0);
        for entry in log {
            match &entry.event {
                Event::Run(run) if run.control == control => {
                    slots += 1;
                    deviations += u64::from(run.outcome == Outcome::Fail);
                }
                Event::Missed(missed) if missed.control == control => slots += missed.count,
                Event::ExceptionOpened { control: of, .. } if *of == control => opened += 1,
                _ => {}
            }
        }
        assert_eq!(total.due(), slots, "slots of {control}");
        assert_eq!(total.run + total.late, total.pass + total.fail + total.error + total.not_applicable);
        assert_eq!((total.deviations, total.opened), (deviations, opened));
        assert_eq!(total.failing_ms, scribe.failing_ms(&control, log), "time failing of {control}");
    }
}

fn lives_lie_within_their_exception(state: &State) {
    for (id, record) in state.exceptions() {
        for (subject, lives) in &record.subjects {
            let mut before = record.first_slot;
            for life in lives {
                assert!(before <= life.first_seen, "{id} {subject:?}");
                let last_seen = record.last_seen(life);
                assert!(life.first_seen <= last_seen && last_seen <= record.last_failing, "{id} {subject:?} {life:?}");
                before = life.ended.map_or(last_seen, |end| end.slot);
            }
        }
    }
}

const HOUR: Duration = Duration::from_secs(3600);

/// The one writer, without a disk.
struct Scribe {
    state: State,
    log: Vec<Vec<u8>>,
    /// What a view on disk would hold.
    view: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What the rollup files would hold; the rows of a day that was closed again are added.
    files: BTreeMap<(String, LocalDay), BTreeMap<ControlId, DayRow>>,
    now: Timestamp,
    policy: Policy,
    defined: Vec<DefinedControl>,
    zones: Vec<&'static str>,
}

impl Scribe {
    fn new(confirmations: u32) -> Self {
        let control = |id: &str| DefinedControl {
            control: id.parse().unwrap(),
            definition: Digest::of(b"1"),
            plugin: None,
            family: Family::Security,
            severity: Severity::High,
            enabled: true,
            control_part: Digest::of(b"part"),
        };
        let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
        let calendar = Calendar { zone, holidays: Arc::default() };
        let remediation = Remediation::BusinessDays { days: 3, calendar: calendar.clone() };
        let mut scribe = Self {
            state: State::default(),
            log: Vec::new(),
            view: BTreeMap::new(),
            files: BTreeMap::new(),
            now: "2026-03-20T05:00:00Z".parse().unwrap(),
            policy: Policy {
                confirmations,
                remediation,
                untested_after_slots: 2,
                wall: Duration::from_secs(600),
                reminders: Reminders::default(),
                flapping: Flapping { changes: 5, within: 48 * HOUR },
                calendar,
            },
            defined: vec![control("SEC-01"), control("AVL-01/iris")],
            zones: vec!["Europe/Berlin", "Pacific/Apia"],
        };
        scribe.write(Event::LedgerOpened { origin: "test".to_owned(), key: String::new() });
        scribe.configure();
        for defined in scribe.defined.clone() {
            scribe.commit(decide_definition(None, &defined));
        }
        scribe
    }

    fn controls(&self) -> Vec<ControlId> {
        self.defined.iter().map(|defined| defined.control.clone()).collect()
    }

    fn takes(&mut self, step: &Step) {
        match *step {
            Step::Run { control, outcome, failing, others, incomplete, every_subject, late } => {
                let listing = if every_subject { Listing::EverySubject } else { Listing::NotPassing };
                self.run(control, outcome, (failing, others), incomplete, listing, late);
            }
            Step::Missed { control, reason, slots } => self.missed(control, reason, slots),
            Step::Time { hours } => {
                self.now = self.now.plus(HOUR * u32::from(hours));
                for control in self.controls() {
                    let state = self.state.control(&control).unwrap();
                    let is_due = deadline(state, &self.policy).is_some_and(|deadline| deadline <= self.now);
                    let decision = decide_time(state, &control, &self.policy, self.now);
                    assert_eq!(decision.is_empty(), !is_due);
                    self.commit(decision);
                }
            }
            Step::Definition { control, change } => self.change(control, change),
            Step::Person { does } => self.person(does),
            Step::CloseDays => self.close_days(self.now),
            Step::Settle { refused } => self.settle(refused),
            Step::Restart => {
                self.write(Event::DaemonStopped);
                self.now = self.now.plus(HOUR);
                self.write(Event::DaemonStarted { software: "1.0".to_owned() });
            }
            Step::Rezone => {
                // Berlin's days are the ones that are added up; only its place changes.
                self.zones = match self.zones.len() {
                    2 => vec!["America/New_York", "Pacific/Apia", "Europe/Berlin"],
                    _ => vec!["Europe/Berlin", "Pacific/Apia"],
                };
                self.configure();
            }
        }
    }

    fn run(
        &mut self,
        control: u8,
        outcome: u8,
        (failing, others): (u8, u8),
        incomplete: bool,
        listing: Listing,
        late: bool,
    ) {
        let control = self.defined[usize::from(control)].control.clone();
        let state = self.state.control(&control).unwrap();
        let outcome =
            [Outcome::Pass, Outcome::Fail, Outcome::Fail, Outcome::NotApplicable, Outcome::Error, Outcome::Pass]
                [usize::from(outcome)];
        let failing = if outcome == Outcome::Fail { failing | 1 } else { 0 };
        let incomplete = incomplete && matches!(outcome, Outcome::Fail | Outcome::Error);
        let statuses = (0..8u32).filter_map(|subject| {
            let (fails, listed) = (failing >> subject & 1 == 1, others >> subject & 1 == 1);
            let status = match (fails, listed, subject) {
                (true, ..) => SubjectStatus::Fail,
                (false, true, 6) => SubjectStatus::Excluded,
                (false, true, 7) => SubjectStatus::NotApplicable,
                (false, true, _) => SubjectStatus::Pass,
                (false, false, _) => return None,
            };
            Some((SubjectNumber(subject), status))
        });
        let named = (state.next_subject == 0).then_some(NamedSubjects {
            first: SubjectNumber(0),
            count: 8,
            subjects: Digest::of(control.as_str().as_bytes()),
        });
        let slot = SlotTime(self.now);
        let facts = RunFacts {
            statuses: statuses.collect(),
            listing,
            named,
            run: RunEntry {
                control: control.clone(),
                version: state.version,
                slot,
                now: self.now,
                clock_in_doubt: false,
                took_ms: 3,
                late,
                days: self.zones.iter().map(|zone| day(self.now, zone)).collect(),
                outcome,
                reason: (outcome == Outcome::Error).then_some(RunReason::Denied),
                incomplete,
                population: 8,
                counts: Counts::default(),
                seed_size: 0,
                interval: None,
                repeated: 0,
                covered_until: None,
                plugin_state: None,
                evidence: Evidence::Part(Digest::of(&self.log.len().to_be_bytes())),
            },
        };
        let next = self.state.next_exception(2026);
        let decision = decide_run(state, &self.policy, next, self.now.plus(Duration::from_secs(5)), &facts).unwrap();
        self.commit(decision);
        self.now = self.now.plus(HOUR);
    }

    fn missed(&mut self, control: u8, reason: u8, slots: u8) {
        let control = self.defined[usize::from(control)].control.clone();
        let state = self.state.control(&control).unwrap();
        let times: Vec<_> = (0..u32::from(slots)).map(|slot| self.now.plus(HOUR * slot)).collect();
        let days = self.zones.iter().map(|zone| {
            let mut counts: BTreeMap<LocalDay, u64> = BTreeMap::new();
            times.iter().for_each(|at| *counts.entry(day(*at, zone)).or_default() += 1);
            counts.into_iter().map(|(day, slots)| DayCount { day, slots }).collect()
        });
        let missed = MissedSlots {
            control: control.clone(),
            version: state.version,
            reason: MissedReason::ALL[usize::from(reason)],
            from: SlotTime(times[0]),
            to: SlotTime(*times.last().unwrap()),
            count: u64::from(slots),
            days: days.collect(),
        };
        let decision = decide_missed(state, &self.policy, missed.to.0, &missed).unwrap();
        self.now = missed.to.0;
        self.commit(decision);
        self.now = self.now.plus(HOUR);
    }

    fn change(&mut self, control: u8, change: u8) {
        let defined = &mut self.defined[usize::from(control)];
        let new = Digest::of(&self.log.len().to_be_bytes());
        match change {
            0 => defined.definition = new,
            1 => defined.plugin = Some(new),
            2 => defined.enabled = !defined.enabled,
            3 => defined.control_part = new,
            _ => {
                // It is gone for a while.
                let control = defined.control.clone();
                let decision = decide_retired(self.state.control(&control).unwrap(), &control).unwrap();
                self.commit(decision);
                self.now = self.now.plus(HOUR);
            }
        }
        let defined = self.defined[usize::from(control)].clone();
        self.commit(decide_definition(self.state.control(&defined.control), &defined));
    }

    fn person(&mut self, does: u8) {
        let Some((id, record)) = self.state.exceptions().iter().next_back() else { return };
        let note = Digest::of(b"note");
        let decision = match does {
            0 => decide_note(*id, record, PersonDoes::Acknowledge { until: None }, note),
            1 => decide_note(*id, record, PersonDoes::Note(NoteKind::RootCause), note),
            2 => decide_note(*id, record, PersonDoes::Note(NoteKind::Response), note),
            _ => match decide_close(self.state.control(&record.control), *id, record, &[], note) {
                Ok(decision) => decision,
                Err(_) => return,
            },
        };
        self.commit(decision);
    }

    /// Closes all days that are over at `now`, those of a zone in one batch.
    fn close_days(&mut self, now: Timestamp) {
        for (place, name) in self.zones.clone().into_iter().enumerate() {
            let zone = self.state.zone(name).unwrap();
            let end_of = |day: LocalDay| day.next().start(&jiff::tz::TimeZone::get(name).unwrap());
            for ClosingDay { day, until, rows } in self.state.closing(zone, day(now, name), end_of) {
                let file = self.files.entry((name.to_owned(), day)).or_default();
                for (control, row) in rows {
                    file.entry(control).or_default().add(&row, usize::MAX);
                }
                let rollup = Digest::of(name.as_bytes());
                self.write(Event::DayClosed { zone: u32::try_from(place).unwrap(), day, until, rollup });
            }
            assert_eq!(self.state.closing(zone, day(now, name), end_of), []);
        }
    }

    fn settle(&mut self, refused: bool) {
        let Some((alert, delivery)) = self
            .state
            .outbox()
            .iter()
            .find_map(|(alert, pending)| pending.waiting().next().map(|delivery| (*alert, delivery)))
        else {
            return;
        };
        self.write(if refused {
            Event::DeliveryRefused { alert, delivery, attempts: 1, code: 550 }
        } else {
            Event::Delivered { alert, delivery, attempts: 2 }
        });
    }

    fn configure(&mut self) {
        let rollup_zones = self.zones.iter().map(|zone| (*zone).to_owned()).collect();
        self.write(Event::ConfigurationAccepted { configuration: Digest::of(b"configuration"), rollup_zones });
    }

    fn commit(&mut self, decision: Decision) {
        for event in decision.events {
            self.write(event);
        }
        for alert in decision.alerts {
            self.write(Event::AlertQueued {
                alert: self.state.head().next_alert,
                cause: alert.cause,
                control: Some(alert.control),
                exception: alert.exception,
                mail: Digest::of(b"mail"),
                deliveries: 2,
                recipients: Vec::new(),
                tells: Vec::new(),
            });
        }
    }

    fn write(&mut self, event: Event) {
        let entry = Entry::new(self.now, event);
        let sequence = self.log.len() as u64;
        self.log.push(entry.to_bytes().unwrap());
        self.state.apply(sequence, &entry);
        for (key, value) in self.state.take_changes() {
            match value {
                Some(value) => self.view.insert(key, value),
                None => self.view.remove(&key),
            };
        }
    }

    /// The length of the exceptions, up to the end of the last closed day, without the times in which the control was
    /// not configured.
    fn failing_ms(&self, control: &ControlId, log: &[Entry]) -> i64 {
        let counted_to = log.iter().filter_map(|entry| match &entry.event {
            Event::DayClosed { until, zone, .. } => Some((*until, *zone)),
            _ => None,
        });
        // Berlin is always the zone whose day ends at Berlin's midnight.
        let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
        let counted_to = counted_to
            .filter(|(until, _)| LocalDay::of(*until, &berlin).start(&berlin) == *until)
            .map(|(until, _)| until)
            .max();
        let Some(counted_to) = counted_to else { return 0 };
        let (mut total, mut from) = (0, None::<Timestamp>);
        let mut add = |from: &mut Option<Timestamp>, end: Timestamp| {
            if let Some(from) = from.take() {
                total += end.max(from).min(counted_to.max(from)).as_millis() - from.as_millis();
            }
        };
        let mut open = false;
        for entry in log.iter().filter(|entry| entry.event.control() == Some(control)) {
            match &entry.event {
                Event::ExceptionOpened { first_slot, .. } => {
                    from = Some(first_slot.0);
                    open = true;
                }
                Event::ExceptionRecovered { slot, .. } => {
                    add(&mut from, slot.0);
                    open = false;
                }
                Event::ControlRetired { .. } => add(&mut from, entry.at),
                Event::ControlDefined { .. } if open && from.is_none() => from = Some(entry.at),
                _ => {}
            }
        }
        add(&mut from, counted_to);
        total
    }
}

fn day(at: Timestamp, zone: &str) -> LocalDay {
    LocalDay::of(at, &jiff::tz::TimeZone::get(zone).unwrap())
}
