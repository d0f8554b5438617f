use std::collections::BTreeMap;

use super::{
    CheckpointAt, ControlRecord, DeadLetter, DeliveryState, DoubtSince, ExclusionRecord, Held, JustTold, Key, Mailbox,
    NamedPart, Outage, Pending, ProposalEnd, RefusedFile, RolledUp, SentSummary, Spell, SpellKind, State,
    VersionChange, WindowRecord,
};
use crate::{
    domain::{
        Act, AlertCause, ControlId, DayRow, Departure, Deviation, Entry, Event, ExceptionId, ExceptionNote,
        ExceptionRecord, ExceptionSubjects, Life, LifeEnd, LocalDay, MissedReason, MissedSlots, NoteAbout, Outcome,
        PluginRefused, PopulationRange, RecipientId, Recovery, RunEntry, Timestamp,
    },
    judge::ControlState,
};

impl State {
    /// Folds the next entry. Cannot fail: whatever a ledger holds, this is what it means.
    pub fn apply(&mut self, sequence: u64, entry: &Entry) {
        let Entry { at, event, .. } = entry;
        self.mark(Key::Head);
        self.head.entries = sequence + 1;
        // What a control stood at before the entry decides how it is counted.
        match event {
            Event::Run(run) => self.count_run(sequence, run),
            Event::Missed(missed) => self.count_missed(missed),
            _ => {}
        }
        let ending = match event {
            Event::ExceptionRecovered { control, .. } => self.control(control).and_then(ControlState::open_exception),
            _ => None,
        };
        let counted = ending.map(|open| (open.tests, open.failing_tests));
        if let Some(control) = event.control() {
            self.apply_to_control(sequence, *at, control, event);
        }
        self.apply_elsewhere(sequence, *at, event, counted);
        self.head.last_at = match event {
            // From here on the wall clock is the rule again, and it may be behind.
            Event::ClockBelieved(_) => Some(*at),
            _ => self.head.last_at.max(Some(*at)),
        };
    }

    fn apply_to_control(&mut self, sequence: u64, at: Timestamp, control: &ControlId, event: &Event) {
        if let Some(record) = self.controls.get_mut(control) {
            record.state.apply(sequence, at, event);
        } else if let Some(state) = ControlState::begin(event) {
            self.controls.insert(control.clone(), ControlRecord::new(state));
        } else {
            return;
        }
        self.mark(Key::Control(control.clone()));
    }

    /// `counted`: of an exception that ends, its tests and how many failed.
    fn apply_elsewhere(&mut self, sequence: u64, at: Timestamp, event: &Event, counted: Option<(u64, u64)>) {
        match event {
            Event::LedgerOpened { origin, key } => {
                self.head.origin = Some(origin.clone());
                self.head.key = Some(key.clone());
            }
            Event::DaemonStarted { software } => {
                self.head.first_started.get_or_insert(at);
                self.started(sequence, at, software);
            }
            Event::DaemonStopped => self.head.stopped = true,
            Event::ConfigurationAccepted { configuration, rollup_zones } => {
                self.head.configuration = Some(*configuration);
                self.head.refused = None;
                self.roll_up(at, rollup_zones);
            }
            Event::ConfigurationRefused { errors } => self.head.refused = Some(*errors),
            Event::PluginRefused(PluginRefused { plugin, found, why, .. }) => {
                let refused = RefusedFile { at, found: *found, why: *why };
                self.head.refused_plugins.insert(plugin.clone(), refused);
            }
            Event::ControlDefined { control, version, definition, plugin, control_part, .. } => {
                let change = VersionChange {
                    version: *version,
                    at,
                    sequence,
                    definition: *definition,
                    plugin: *plugin,
                    control_part: *control_part,
                };
                self.defined(at, control, change);
                // It is in use now.
                self.head.refused_plugins.retain(|_, refused| Some(refused.found) != *plugin);
            }
            Event::ControlRetired { control } => {
                if let Some(record) = self.controls.get_mut(control) {
                    record.retired = Some(at);
                }
                self.end_spells(control, at, |_| true);
            }
            Event::ControlPresented { .. } | Event::Missed(_) | Event::SubjectsSuspected(_) => {}
            Event::SubjectsNamed { control, first, count, subjects } => {
                self.subjects.insert((control.clone(), *first), NamedPart { count: *count, part: *subjects });
                self.mark(Key::Subjects(control.clone(), *first));
            }
            Event::Run(run) => {
                if !run.days.is_empty() {
                    self.head.alive = Some(at);
                }
                self.failed_again(run);
            }
            Event::ExceptionOpened { exception, control, first_slot, due } => {
                let record = ExceptionRecord {
                    control: control.clone(),
                    first_slot: *first_slot,
                    opened: at,
                    due: *due,
                    last_failing: self.control(control).and_then(|state| state.judged).unwrap_or(*first_slot),
                    failing_before: *first_slot,
                    overdue: None,
                    recovered: None,
                    closed: None,
                    acknowledged: None,
                    notes: Vec::new(),
                    first_alert: None,
                    other_first_alerts: Vec::new(),
                    subjects: Default::default(),
                };
                self.exceptions.insert(*exception, record);
                self.mark(Key::Exception(*exception));
                self.begin_spell(control, Spell::new(SpellKind::Failing, first_slot.0));
                self.count_of_day(control, |row| row.opened += 1);
            }
            Event::SubjectsJoined(joined) => self.joined(joined),
            Event::SubjectsLeft { why, subjects } => {
                let record = self.exceptions.get(&subjects.exception);
                let last_seen = record.map_or(subjects.slot, |record| match why {
                    // No run found it otherwise.
                    Departure::DefinitionChanged => record.last_failing,
                    Departure::Fixed | Departure::Gone | Departure::NoLongerReported | Departure::Excluded => {
                        record.failing_before(subjects.slot)
                    }
                });
                self.left(subjects, LifeEnd { why: *why, slot: subjects.slot, last_seen });
            }
            Event::ExceptionOverdue { exception, .. } => {
                self.of_exception(*exception, |record| record.overdue = Some(at))
            }
            Event::ExceptionRecovered { exception, control, slot } => {
                let (tests, failing_tests) = counted.unwrap_or_default();
                let recovery = Recovery { slot: *slot, at, tests, failing_tests };
                self.of_exception(*exception, |record| record.recovered = Some(recovery));
                self.end_spells(control, slot.0, |kind| kind == SpellKind::Failing);
                self.count_of_day(control, |row| row.recovered += 1);
            }
            Event::ExceptionReminded { .. }
            | Event::FlappingStarted { .. }
            | Event::FlappingEnded { .. }
            | Event::StateReset { .. }
            | Event::Attested { .. }
            | Event::AttestationExpiring { .. }
            | Event::ExclusionEnding { .. }
            | Event::AlertWithheld { silence: None, .. } => {}
            Event::AlertWithheld { cause, control, exception, silence: Some(silence), since, .. } => {
                self.withheld(*silence, control, *cause, *exception, *since);
            }
            Event::Silenced { silence, what, note } => self.silenced(at, *silence, what, *note),
            Event::SilenceEnded { silence, note } => self.silence_ended(at, *silence, *note),
            Event::Excluded { exclusion, proposal, control, subject_part, until, note } => {
                let record = ExclusionRecord {
                    control: control.clone(),
                    subject_part: *subject_part,
                    until: *until,
                    decided: at,
                    proposal: *proposal,
                    note: *note,
                    ended: None,
                    ended_note: None,
                };
                self.excluded(*exclusion, record);
            }
            Event::ExclusionEnded { exclusion, control: _, note } => self.exclusion_ended(at, *exclusion, *note),
            Event::Proposed { proposal, act, note } => self.proposed(at, *proposal, act, *note),
            Event::Approved { proposal, note } => {
                if let Some(Act::CloseException { exception, .. }) =
                    self.proposals.get(proposal).map(|record| record.act.clone())
                {
                    let note = ExceptionNote { at, about: NoteAbout::Approval, note: *note };
                    self.of_exception(exception, |record| record.notes.push(note));
                }
                self.proposal_ended(*proposal, ProposalEnd { at, dropped: None, note: *note });
            }
            Event::ProposalDropped { proposal, why, note } => {
                self.proposal_ended(*proposal, ProposalEnd { at, dropped: Some(*why), note: *note });
            }
            Event::ExceptionAcknowledged { exception, note, .. } => self.of_exception(*exception, |record| {
                record.acknowledged = record.acknowledged.or(Some(at));
                record.notes.push(ExceptionNote { at, about: NoteAbout::Acknowledgement, note: *note });
            }),
            Event::ExceptionNoted { exception, about, note, .. } => self.of_exception(*exception, |record| {
                record.notes.push(ExceptionNote { at, about: NoteAbout::Note(*about), note: *note });
            }),
            Event::ExceptionClosed { exception, note, .. } => self.of_exception(*exception, |record| {
                record.closed = Some(at);
                record.notes.push(ExceptionNote { at, about: NoteAbout::Closing, note: *note });
            }),
            Event::WentUntested { control, since } => {
                self.begin_spell(control, Spell::new(SpellKind::Untested, since.0));
            }
            Event::TestedAgain { control, slot } => {
                self.end_spells(control, slot.0, |kind| kind == SpellKind::Untested);
            }
            Event::AlertQueued { alert, cause, control, exception, mail, deliveries, recipients, tells } => {
                if let AlertCause::Summary(kind) = cause {
                    self.head.summaries.insert(*kind, at);
                }
                if *cause == AlertCause::FirstResults {
                    self.head.first_results.get_or_insert(at);
                }
                let pending = Pending {
                    cause: *cause,
                    control: control.clone(),
                    exception: *exception,
                    mail: *mail,
                    queued: at,
                    sequence,
                    deliveries: vec![DeliveryState::Waiting; *deliveries as usize],
                };
                self.queued(*alert, pending);
                self.told(at, *alert, tells);
                self.mailed(at, *cause, recipients, !tells.is_empty());
            }
            Event::AlertHeld(held) => {
                self.head.next_held = self.head.next_held.max(held.held.saturating_add(1));
                self.held.insert(held.held, Held::new(held, at));
                self.mark(Key::Held(held.held));
                self.in_mailboxes(&held.recipients, |mailbox| mailbox.raise(at));
            }
            Event::Delivered { alert, delivery, .. } => {
                self.summary_arrived(*alert, *delivery, at);
                self.settled(*alert, *delivery, DeliveryState::Delivered);
            }
            Event::DeliveryRefused { alert, delivery, attempts, code } => {
                if let Some(pending) = self.outbox.get(alert) {
                    let letter = DeadLetter {
                        cause: pending.cause,
                        control: pending.control.clone(),
                        mail: pending.mail,
                        queued: pending.queued,
                        refused: at,
                        attempts: *attempts,
                        code: *code,
                    };
                    self.dead_letters.insert((*alert, *delivery), letter);
                    self.mark(Key::DeadLetter(*alert, *delivery));
                }
                self.settled(*alert, *delivery, DeliveryState::Refused);
            }
            Event::Checkpoint { size, root, clock } => {
                let checkpoint = CheckpointAt { sequence, at, size: *size, root: *root, clock: *clock };
                self.head.checkpoint = Some(checkpoint);
                self.head.alive = Some(at);
            }
            Event::ClockDoubted { doubt } => self.head.doubt = Some(DoubtSince { since: at, doubt: *doubt }),
            Event::DiskFull { .. } => self.head.disk_full = self.head.disk_full.or(Some(at)),
            Event::DiskHasRoom { .. } => self.head.disk_full = None,
            Event::ClockBelieved(believed) => self.clock_believed(sequence, at, believed.before),
            Event::DayClosed { zone, day, until, rollup } => {
                let closed = RolledUp { until: *until, rollup: *rollup, sequence };
                self.day_closed(*zone, *day, closed);
            }
            Event::WindowOpened { window, window_part } => {
                self.windows.insert(window.clone(), WindowRecord { opened: at, part: *window_part });
                self.mark(Key::Window(window.clone()));
            }
            Event::Erased { part, left } => self.erase(*part, *left),
        }
    }

    pub(super) fn mark(&mut self, key: Key) {
        self.dirty.insert(key);
    }

    fn started(&mut self, sequence: u64, at: Timestamp, software: &str) {
        let had_run = self.head.started.is_some();
        if let Some(from) = self.head.last_at.filter(|from| had_run && *from < at) {
            let reason = if self.head.stopped { MissedReason::Shutdown } else { MissedReason::Down };
            self.outages.insert(sequence, Outage { from, to: at, reason, missed: 0 });
            self.mark(Key::Outage(sequence));
        }
        self.head.software = Some(software.to_owned());
        self.head.started = Some(at);
        self.head.stopped = false;
    }

    fn clock_believed(&mut self, sequence: u64, at: Timestamp, before: Timestamp) {
        self.head.doubt = None;
        self.head.alive = self.head.alive.map(|alive| alive.min(at));
        for (control, record) in &mut self.controls {
            if record.state.clock_went_back(at) {
                self.dirty.insert(Key::Control(control.clone()));
            }
        }
        if before < at {
            let outage = Outage { from: before, to: at, reason: MissedReason::Clock, missed: 0 };
            self.outages.insert(sequence, outage);
            self.mark(Key::Outage(sequence));
        }
    }

    /// Zones keep their numbers for ever; a new one counts from here on.
    fn roll_up(&mut self, at: Timestamp, zones: &[String]) {
        let mut rolled = Vec::with_capacity(zones.len());
        for name in zones {
            let number = self.zone(name).unwrap_or_else(|| {
                self.head.zones.push(name.clone());
                u32::try_from(self.head.zones.len() - 1).unwrap_or(u32::MAX)
            });
            rolled.push(number);
        }
        if rolled == self.head.rolled {
            return;
        }
        let new: Vec<_> = rolled.iter().copied().filter(|zone| !self.head.rolled.contains(zone)).collect();
        self.head.rolled = rolled;
        for (control, record) in &mut self.controls {
            // The days of the newest run stand in the order of the old list.
            record.days.clear();
            for spell in &mut record.spells {
                new.iter().for_each(|zone| spell.skip(*zone, at));
            }
            self.dirty.insert(Key::Control(control.clone()));
        }
    }

    fn defined(&mut self, at: Timestamp, control: &ControlId, change: VersionChange) {
        let Some(record) = self.controls.get_mut(control) else { return };
        record.versions.push(change);
        let fails = record.state.open_exception().is_some();
        let is_counted = record.spells.iter().any(|spell| spell.kind == SpellKind::Failing && spell.end.is_none());
        if fails && !is_counted {
            // It came back after it was retired, and its exception is open still.
            record.spells.push(Spell::new(SpellKind::Failing, at));
        }
    }

    fn begin_spell(&mut self, control: &ControlId, spell: Spell) {
        if let Some(record) = self.controls.get_mut(control) {
            record.spells.push(spell);
        }
    }

    fn end_spells(&mut self, control: &ControlId, at: Timestamp, ends: impl Fn(SpellKind) -> bool) {
        let Some(record) = self.controls.get_mut(control) else { return };
        for spell in record.spells.iter_mut().filter(|spell| spell.end.is_none() && ends(spell.kind)) {
            spell.ends(at);
        }
        let rolled = &self.head.rolled;
        record.spells.retain(|spell| !spell.is_counted(rolled.iter().copied()));
    }

    fn count_run(&mut self, sequence: u64, run: &RunEntry) {
        let Some(record) = self.controls.get_mut(&run.control) else { return };
        let further = record.state.judged == Some(run.slot) && record.state.judges(run);
        record.days.clone_from(&run.days);
        for (place, day) in run.days.iter().enumerate() {
            let Some(row) = self.row(place, *day, &run.control) else { continue };
            if further {
                row.further += 1;
            } else {
                *(if run.late { &mut row.late } else { &mut row.run }) += 1;
                row.count_outcome(run.slot, run.outcome, run.reason);
            }
            if run.outcome == Outcome::Fail {
                row.deviations += 1;
                if row.deviating.len() < DayRow::DEVIATIONS_LISTED_MAX {
                    row.deviating.push(Deviation { slot: run.slot, sequence });
                }
            }
            if run.outcome != Outcome::Error {
                let seen = PopulationRange::of(run.population);
                row.population = Some(row.population.map_or(seen, |before| before.and(seen)));
            }
        }
    }

    fn count_missed(&mut self, missed: &MissedSlots) {
        if let (MissedReason::Down | MissedReason::Shutdown | MissedReason::Clock, Some(mut newest)) =
            (missed.reason, self.outages.last_entry())
        {
            // What fell into such a time is written when it is over.
            let outage = newest.get_mut();
            if missed.from.0 >= outage.from && missed.from.0 <= outage.to {
                outage.missed += missed.count;
                self.dirty.insert(Key::Outage(*newest.key()));
            }
        }
        for (place, days) in missed.days.iter().enumerate() {
            for count in days {
                if let Some(row) = self.row(place, count.day, &missed.control) {
                    *row.missed.entry(missed.reason).or_default() += count.slots;
                }
            }
        }
    }

    /// Counts in the day of the newest run, whose entry stands before in the same batch.
    fn count_of_day(&mut self, control: &ControlId, count: impl Fn(&mut DayRow)) {
        let days = self.controls.get(control).map(|record| record.days.clone()).unwrap_or_default();
        for (place, day) in days.into_iter().enumerate() {
            if let Some(row) = self.row(place, day, control) {
                count(row);
            }
        }
    }

    /// The open row of a day; `place` is that of its zone in the configuration.
    fn row(&mut self, place: usize, day: LocalDay, control: &ControlId) -> Option<&mut DayRow> {
        let zone = *self.head.rolled.get(place)?;
        self.dirty.insert(Key::Day(zone, day, control.clone()));
        let rows = self.days.entry((zone, day)).or_default();
        if !rows.contains_key(control) {
            rows.insert(control.clone(), DayRow::default());
        }
        rows.get_mut(control)
    }

    fn day_closed(&mut self, place: u32, day: LocalDay, closed: RolledUp) {
        let Some(zone) = self.head.rolled.get(place as usize).copied() else { return };
        for control in self.days.remove(&(zone, day)).into_iter().flatten().map(|(control, _)| control) {
            self.dirty.insert(Key::Day(zone, day, control));
        }
        self.rollups.entry((zone, day)).or_default().push(closed);
        self.mark(Key::Rollup(zone, day));
        let rolled = &self.head.rolled;
        for (control, record) in self.controls.iter_mut().filter(|(_, record)| !record.spells.is_empty()) {
            record.spells.iter_mut().for_each(|spell| spell.count(zone, closed.until));
            record.spells.retain(|spell| !spell.is_counted(rolled.iter().copied()));
            self.dirty.insert(Key::Control(control.clone()));
        }
    }

    fn of_exception(&mut self, exception: ExceptionId, change: impl FnOnce(&mut ExceptionRecord)) {
        if let Some(record) = self.exceptions.get_mut(&exception) {
            change(record);
            self.mark(Key::Exception(exception));
        }
    }

    /// A failing run moves the time at which the open exception was last seen. The run was applied already.
    fn failed_again(&mut self, run: &RunEntry) {
        let state = self.control(&run.control);
        let judged = state.is_some_and(|state| state.judged == Some(run.slot) && state.version == run.version);
        let open = state.and_then(ControlState::open_exception).map(|open| open.id);
        if let (Outcome::Fail, true, Some(exception)) = (run.outcome, judged, open) {
            self.of_exception(exception, |record| {
                if record.last_failing < run.slot {
                    record.failing_before = record.last_failing;
                    record.last_failing = run.slot;
                }
            });
        }
    }

    fn joined(&mut self, joined: &ExceptionSubjects) {
        let Some(record) = self.exceptions.get_mut(&joined.exception) else { return };
        for subject in &joined.subjects {
            record.subjects.entry(*subject).or_default().push(Life { first_seen: joined.slot, ended: None });
            self.dirty.insert(Key::Life(joined.exception, *subject));
        }
    }

    fn left(&mut self, left: &ExceptionSubjects, end: LifeEnd) {
        let Some(record) = self.exceptions.get_mut(&left.exception) else { return };
        for subject in &left.subjects {
            if let Some(life) = record.subjects.get_mut(subject).and_then(|lives| lives.last_mut()) {
                life.ended = Some(end);
                self.dirty.insert(Key::Life(left.exception, *subject));
            }
        }
    }

    fn queued(&mut self, alert: u64, pending: Pending) {
        self.head.next_alert = self.head.next_alert.max(alert.saturating_add(1));
        // What pagers alone are told is no mail that others could answer.
        if let Some(exception) = pending.exception.filter(|_| pending.cause != AlertCause::IncidentUpdate) {
            self.of_exception(exception, |record| record.first_alert = record.first_alert.or(Some(alert)));
        }
        if !pending.is_settled() {
            self.outbox.insert(alert, pending);
            self.mark(Key::Alert(alert));
        }
    }

    /// Alerts that were held are told: mails that follow about the same exceptions answer this one.
    fn told(&mut self, at: Timestamp, alert: u64, tells: &[(u64, u64)]) {
        if self.head.just_told.at != Some(at) {
            self.head.just_told = JustTold { at: Some(at), firsts: BTreeMap::new() };
        }
        for (first, last) in tells {
            let stretch = *first..=*last.max(first);
            let told: Vec<u64> = self.held.range(stretch.clone()).map(|(held, _)| *held).collect();
            for held in told {
                let told = self.held.remove(&held);
                self.mark(Key::Held(held));
                let Some(Held { exception: Some(exception), cause, .. }) = told else { continue };
                let is_first = matches!(cause, AlertCause::Failed | AlertCause::AlreadyFailing);
                if is_first {
                    self.head.just_told.firsts.insert(held, exception);
                } else {
                    self.of_exception(exception, |record| record.first_alert = record.first_alert.or(Some(alert)));
                }
            }
            // Others get another mail about the same, at the same moment: theirs is the first that they have.
            let firsts: Vec<_> = self.head.just_told.firsts.range(stretch).map(|(_, exception)| *exception).collect();
            for exception in firsts {
                self.of_exception(exception, |record| match record.first_alert {
                    None => record.first_alert = Some(alert),
                    Some(first) if first != alert && !record.other_first_alerts.contains(&alert) => {
                        record.other_first_alerts.push(alert);
                    }
                    Some(_) => {}
                });
            }
        }
    }

    fn mailed(&mut self, at: Timestamp, cause: AlertCause, recipients: &[RecipientId], was_held: bool) {
        // Neither is counted by the rules of routing.
        if let AlertCause::Summary(_) | AlertCause::IncidentUpdate = cause {
            return;
        }
        self.in_mailboxes(recipients, |mailbox| {
            mailbox.mail(at);
            // What was held came up when it was.
            if !was_held {
                mailbox.raise(at);
            }
        });
    }

    fn in_mailboxes(&mut self, recipients: &[RecipientId], change: impl Fn(&mut Mailbox)) {
        for recipient in recipients {
            change(self.mailboxes.entry(recipient.clone()).or_default());
            self.mark(Key::Mailbox(recipient.clone()));
        }
    }

    fn summary_arrived(&mut self, alert: u64, delivery: u32, at: Timestamp) {
        let Some(Pending { cause: AlertCause::Summary(_), mail, .. }) = self.outbox.get(&alert) else { return };
        let sent = self.summaries.entry(alert);
        let sent = sent.or_insert_with(|| SentSummary { mail: *mail, delivered: BTreeMap::new() });
        sent.delivered.insert(delivery, at);
        self.mark(Key::Summary(alert));
    }

    fn settled(&mut self, alert: u64, delivery: u32, state: DeliveryState) {
        let Some(pending) = self.outbox.get_mut(&alert) else { return };
        pending.settle(delivery, state);
        if pending.is_settled() {
            self.outbox.remove(&alert);
        }
        self.mark(Key::Alert(alert));
    }
}
