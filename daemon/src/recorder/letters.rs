//! A decision becomes entries, and each of its alerts a letter: rendered, frozen, queued in the same batch.

use std::collections::HashMap;

use super::{
    Catalogue, NoteRecord, RecorderError,
    draft::Draft,
    exclusions::text,
    pagers,
    post::About,
    subjects::{ERASED, texts},
};
use crate::{
    domain::{
        AlertCause, Control, ControlId, Departure, Digest, Entry, Event, Evidence, MissedReason, Outcome, RunEntry,
        RunReason, SubjectNumber, Timestamp,
    },
    evidence::{EndedRecord, unpack_record},
    fold::State,
    judge::{Alert, Decision},
    ledger::{Ledger, Store},
    mail::{
        ApprovalFacts, Cause, CheckpointFacts, ControlFacts, EndedSubject, EvidenceFacts, ExceptionFacts,
        ExcludedFacts, ExclusionEndsFacts, ExpiringFacts, FailedFacts, FlappingFacts, Letter, MoreSubjectsFacts,
        NotTestedFacts, RecoveredFacts, ReminderFacts, SteadyFacts, SubjectFacts, TestFacts, TestedAgainFacts, words,
    },
};

/// A run as letters speak of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunView<'a> {
    pub(super) sequence: u64,
    pub(super) run: &'a RunEntry,
    pub(super) ended: &'a EndedRecord,
}

/// Everything that is known while letters are written.
pub(super) struct Letters<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) state: &'a State,
    pub(super) ledger: &'a Ledger<State>,
    /// Subjects that get their number in this batch: control, first number, texts.
    pub(super) new_names: Option<(&'a ControlId, u32, &'a [String])>,
}

impl Letters<'_> {
    /// Puts the entries of a decision into the batch, and behind them each of its alerts, as queued mails or as held.
    pub(super) fn write(
        &self,
        draft: &mut Draft,
        decision: Decision,
        run: Option<&RunView<'_>>,
    ) -> Result<(), RecorderError> {
        let Decision { events, alerts } = decision;
        let departures = departures(&events);
        let is_untested_now = events.iter().any(|event| matches!(event, Event::WentUntested { .. }));
        let is_again = |alert: &Alert| alert.cause == AlertCause::NotTested && !is_untested_now;
        for event in events {
            if let Event::ExceptionOpened { exception, .. } = &event {
                draft.opened(*exception);
            }
            let incident = pagers::change(&event).map(|(control, id, change)| (control.clone(), id, change));
            draft.push(event)?;
            if let Some((control, id, change)) = incident {
                self.tell_pagers(draft, &control, id, change)?;
            }
        }
        for alert in alerts {
            if is_told_by_the_gap(&alert) {
                continue;
            }
            match self.state.silence_over(&alert.control, draft.at(), &[]) {
                // It has kept that already, and tells it at its end.
                Some(silence) if is_again(&alert) && self.has_kept(silence, &alert.control) => {}
                Some(silence) => self.withhold(draft, &alert, silence)?,
                None => self.alert(draft, &alert, run, &departures)?,
            }
        }
        Ok(())
    }

    /// Tells an alert to whom it concerns.
    pub(super) fn alert(
        &self,
        draft: &mut Draft,
        alert: &Alert,
        run: Option<&RunView<'_>>,
        departures: &Departures,
    ) -> Result<(), RecorderError> {
        let Some(control) = self.catalogue.control(&alert.control) else { return Ok(()) };
        let Some(letter) = self.letter(draft, control, alert, run, departures) else { return Ok(()) };
        let about = About {
            cause: alert.cause,
            control: Some((alert.control.clone(), control.severity)),
            exception: alert.exception,
        };
        let readers = self.catalogue.config().recipients_for(control, alert.cause, alert.escalates());
        self.tell(draft, &letter, &about, &readers)
    }

    pub(super) fn origin(&self) -> &str {
        self.state.head().origin.as_deref().unwrap_or_default()
    }

    fn letter(
        &self,
        draft: &Draft,
        control: &Control,
        alert: &Alert,
        run: Option<&RunView<'_>>,
        departures: &Departures,
    ) -> Option<Letter> {
        // The newest run is at hand when the alert comes from it; else it is read back.
        let read_back = if run.is_none() { self.newest_run(&control.id) } else { None };
        let read_view = read_back.as_ref().map(|(sequence, run, ended)| RunView { sequence: *sequence, run, ended });
        let run = run.or(read_view.as_ref());
        Some(match alert.cause {
            AlertCause::Failed => Letter::Failed(self.failed(draft, control, alert, run?)?),
            AlertCause::AlreadyFailing => Letter::AlreadyFailing(self.failed(draft, control, alert, run?)?),
            AlertCause::Overdue => Letter::Overdue(self.failed(draft, control, alert, run?)?),
            AlertCause::Reminder => {
                let open = self.state.control(&control.id)?.open_exception()?;
                Letter::Reminder(ReminderFacts {
                    failed: self.failed(draft, control, alert, run?)?,
                    at: draft.at(),
                    promised: open.promised,
                    escalated: alert.escalates(),
                })
            }
            AlertCause::Flapping => Letter::Flapping(FlappingFacts {
                control: self.control_facts(control),
                test: self.test_facts(draft, control, run?),
                changes: alert.count,
                since: alert.since,
                rule: self.catalogue.config().alerts.flapping,
            }),
            AlertCause::Steady => Letter::Steady(match alert.exception {
                Some(_) => SteadyFacts::Failing(self.failed(draft, control, alert, run?)?),
                None => SteadyFacts::Passing {
                    control: self.control_facts(control),
                    test: self.test_facts(draft, control, run?),
                    since: alert.since,
                },
            }),
            AlertCause::MoreSubjects => {
                let failed = self.failed(draft, control, alert, run?)?;
                let joined = failed.subjects.clone();
                Letter::MoreSubjects(MoreSubjectsFacts { failed, joined })
            }
            AlertCause::Recovered => Letter::Recovered(self.recovered(draft, control, alert, run?, departures)?),
            AlertCause::NotTested => Letter::NotTested(self.not_tested(draft, control, alert, run)),
            AlertCause::TestedAgain => {
                let run = run?;
                Letter::TestedAgain(TestedAgainFacts {
                    control: self.control_facts(control),
                    test: self.test_facts(draft, control, run),
                    outcome: run.run.outcome,
                    since: alert.since,
                    slots: self.slots_without_result(&control.id),
                })
            }
            AlertCause::Expiring => Letter::Expiring(ExpiringFacts {
                control: self.control_facts(control),
                stated: self.state.control(&control.id)?.attested?,
                until: alert.due?,
                at: draft.at(),
            }),
            AlertCause::ExclusionEnds => Letter::ExclusionEnds(self.exclusion_ends(draft, control, alert.due?)?),
            // These are of no control and are written by whoever tells them.
            AlertCause::MonitoringGap
            | AlertCause::ConfigurationRefused
            | AlertCause::PluginFault
            | AlertCause::PluginRefused
            | AlertCause::FirstResults
            | AlertCause::Proposed
            | AlertCause::Several
            | AlertCause::IncidentUpdate
            | AlertCause::Summary(_) => return None,
        })
    }

    fn failed(&self, draft: &Draft, control: &Control, alert: &Alert, run: &RunView<'_>) -> Option<FailedFacts> {
        Some(FailedFacts {
            control: self.control_facts(control),
            test: self.test_facts(draft, control, run),
            exception: self.exception_facts(control, alert, draft.at())?,
            subjects: self.subject_facts(control, alert, run),
            confirmations: control.check.confirmations,
        })
    }

    fn recovered(
        &self,
        draft: &Draft,
        control: &Control,
        alert: &Alert,
        run: &RunView<'_>,
        departures: &Departures,
    ) -> Option<RecoveredFacts> {
        let id = alert.exception?;
        let record = self.state.exception(id)?;
        let names = self.names(&control.id);
        let findings = run_subjects(run.ended);
        let ended = alert
            .subjects
            .iter()
            .map(|subject| {
                let text = names.get(subject).cloned().unwrap_or_else(|| ERASED.to_owned());
                let life = record.subjects.get(subject).and_then(|lives| lives.last());
                let since = life.map_or(alert.since, |life| life.first_seen);
                let end = life.and_then(|life| life.ended);
                // Every subject that was failing leaves in the decision that ends the exception, or has left.
                let why = departures.get(subject).copied().or(end.map(|end| end.why));
                let label = findings.get(text.as_str()).and_then(|finding| finding.label.clone());
                let until = end.map_or(run.run.slot, |end| end.slot);
                EndedSubject { subject: text, label, since, until, why: why.unwrap_or(Departure::NoLongerReported) }
            })
            .collect();
        let open = self.state.control(&control.id).and_then(|state| state.open_exception());
        let (failing_tests, tests) = match (open, record.recovered) {
            // The run that passed ends the exception.
            (Some(open), _) => (open.failing_tests, open.tests + 1),
            (None, Some(recovery)) => (recovery.failing_tests, recovery.tests),
            (None, None) => return None,
        };
        Some(RecoveredFacts {
            control: self.control_facts(control),
            test: self.test_facts(draft, control, run),
            exception: self.exception_facts(control, alert, draft.at())?,
            failing_tests,
            tests,
            ended,
        })
    }

    fn not_tested(&self, draft: &Draft, control: &Control, alert: &Alert, run: Option<&RunView<'_>>) -> NotTestedFacts {
        let untested_run = run.filter(|run| run.run.outcome == Outcome::Error);
        let (message, source) = match untested_run.map(|run| run.ended) {
            Some(EndedRecord::Failure(failure)) => (Some(failure.message.clone()), failure.source.clone()),
            Some(ended) => (Some(ended.words().to_owned()), None),
            None => (None, None),
        };
        let reason = alert.reason.or_else(|| untested_run.and_then(|run| run.run.reason));
        let cause = match (alert.missed, reason) {
            _ if control.is_attested() => Cause::Unattested,
            (Some(missed), _) => Cause::Missed(missed),
            (None, reason) => Cause::Run(reason.unwrap_or(RunReason::Host)),
        };
        NotTestedFacts {
            control: self.control_facts(control),
            since: alert.since,
            slots: self.slots_without_result(&control.id) + 1,
            last_good: self.state.control(&control.id).and_then(|state| state.last_good),
            cause,
            source,
            message,
            evidence: untested_run.map(|run| self.evidence_facts(draft, control, run.sequence)),
        }
    }

    /// `None`: nothing ends then any more.
    fn exclusion_ends(&self, draft: &Draft, control: &Control, until: Timestamp) -> Option<ExclusionEndsFacts> {
        let configured = control.check.exclude.iter().filter(|exclusion| exclusion.until == Some(until));
        let configured = configured.map(|exclusion| ExcludedFacts {
            subject: exclusion.subject.clone(),
            reason: exclusion.reason.clone(),
            approval: ApprovalFacts::Claimed(exclusion.approval.clone()),
        });
        let by_people = self.state.exclusions_of(&control.id).filter(|(_, record)| record.until == until);
        let by_people = by_people.map(|(exclusion, record)| {
            let noted = |note: &Digest| NoteRecord::read(self.ledger, note);
            let author = noted(&record.note);
            let approver = self.state.approval_of(record.proposal).and_then(|note| noted(&note));
            let name =
                |note: &Option<NoteRecord>| note.as_ref().map_or_else(|| ERASED.to_owned(), |note| note.author.name());
            ExcludedFacts {
                subject: text(self.ledger, &record.subject_part).unwrap_or_else(|| ERASED.to_owned()),
                approval: ApprovalFacts::Decided { exclusion, author: name(&author), approver: name(&approver) },
                reason: author.map_or_else(|| ERASED.to_owned(), |note| note.words),
            }
        });
        let exclusions: Vec<_> = configured.chain(by_people).collect();
        if exclusions.is_empty() {
            return None;
        }
        Some(ExclusionEndsFacts { control: self.control_facts(control), until, at: draft.at(), exclusions })
    }

    /// Due slots without a good result before this decision.
    fn slots_without_result(&self, control: &ControlId) -> u64 {
        self.state.control(control).map_or(0, |state| state.testing.slots_without_result())
    }

    fn control_facts(&self, control: &Control) -> ControlFacts {
        ControlFacts {
            id: control.id.clone(),
            title: control.title.clone(),
            family: control.family,
            severity: control.severity,
            criteria: control.criteria.clone(),
            owner: control.owner.clone(),
            schedule: words::schedule(&control.check.schedule, &control.check.timezone),
            remediation: control.remediation.clone(),
        }
    }

    fn test_facts(&self, draft: &Draft, control: &Control, run: &RunView<'_>) -> TestFacts {
        let incomplete = match run.ended {
            EndedRecord::Report(report) => report.incomplete.clone(),
            EndedRecord::Failure(_) | EndedRecord::Other { .. } => None,
        };
        TestFacts {
            slot: run.run.slot,
            seen: run.ended.words().to_owned(),
            population: run.run.population,
            counts: run.run.counts,
            incomplete,
            evidence: self.evidence_facts(draft, control, run.sequence),
        }
    }

    fn evidence_facts(&self, draft: &Draft, control: &Control, run: u64) -> EvidenceFacts {
        let plugin = self.catalogue.plugin(&control.check.plugin);
        EvidenceFacts {
            run,
            plugin: control.check.plugin.clone(),
            plugin_version: plugin.map(|plugin| plugin.version.clone()).unwrap_or_default(),
            plugin_digest: plugin.map(|plugin| plugin.digest),
            checkpoint: Some(self.checkpoint(draft)),
        }
    }

    /// The tree as it stood before this batch.
    pub(super) fn checkpoint(&self, draft: &Draft) -> CheckpointFacts {
        let (size, root) = draft.base();
        CheckpointFacts { size, root }
    }

    fn exception_facts(&self, control: &Control, alert: &Alert, at: Timestamp) -> Option<ExceptionFacts> {
        Some(ExceptionFacts {
            id: alert.exception?,
            since: alert.since,
            due: alert.due?,
            within: words::within(control.check.remediate_within),
            windows: self.catalogue.windows_of(&control.id, at),
        })
    }

    fn subject_facts(&self, control: &Control, alert: &Alert, run: &RunView<'_>) -> Vec<SubjectFacts> {
        let names = self.names(&control.id);
        let findings = run_subjects(run.ended);
        let record = alert.exception.and_then(|id| self.state.exception(id));
        alert
            .subjects
            .iter()
            .map(|number| {
                let since = record
                    .and_then(|record| record.subjects.get(number)?.last())
                    .map(|life| life.first_seen)
                    .or_else(|| self.state.control(&control.id)?.suspected_since(*number))
                    .unwrap_or(alert.slot);
                let Some(subject) = names.get(number) else {
                    return SubjectFacts {
                        subject: ERASED.to_owned(),
                        label: None,
                        message: String::new(),
                        measurements: Vec::new(),
                        since,
                        as_of: None,
                    };
                };
                let finding = findings.get(subject.as_str());
                SubjectFacts {
                    subject: subject.clone(),
                    label: finding.and_then(|finding| finding.label.clone()),
                    message: finding.map(|finding| finding.message.clone()).unwrap_or_default(),
                    measurements: finding.map(|finding| finding.measurements.clone()).unwrap_or_default(),
                    since,
                    as_of: finding.and_then(|finding| finding.as_of.as_deref()?.parse().ok()),
                }
            })
            .collect()
    }

    fn names(&self, control: &ControlId) -> HashMap<SubjectNumber, String> {
        let mut names = texts(self.state.subject_parts(control), |part| self.ledger.part(part));
        if let Some((of, first, new)) = self.new_names
            && of == control
        {
            names.extend(new.iter().cloned().zip(first..).map(|(text, number)| (SubjectNumber(number), text)));
        }
        names
    }

    /// The control's newest run with how it ended, read back from the ledger.
    fn newest_run(&self, control: &ControlId) -> Option<(u64, RunEntry, EndedRecord)> {
        let last = self.state.control(control)?.last_run?;
        let run = self.run_at(last.sequence)?;
        let part = match run.evidence {
            Evidence::Part(part) => part,
            Evidence::SameAs(sequence) => match self.run_at(sequence)?.evidence {
                Evidence::Part(part) => part,
                Evidence::SameAs(_) => return None,
            },
        };
        let record = unpack_record(&part, |part| self.ledger.part(part).map_err(|error| error.to_string())).ok()?;
        Some((last.sequence, run, record.ended))
    }

    fn run_at(&self, sequence: u64) -> Option<RunEntry> {
        match entry_at(self.ledger, sequence)? {
            Event::Run(run) => Some(run),
            _ => None,
        }
    }
}

/// Why subjects leave their exception, as the decision says.
pub(super) type Departures = HashMap<SubjectNumber, Departure>;

fn departures(events: &[Event]) -> Departures {
    let left = events.iter().filter_map(|event| match event {
        Event::SubjectsLeft { why, subjects } => Some((*why, &subjects.subjects)),
        _ => None,
    });
    left.flat_map(|(why, subjects)| subjects.iter().map(move |subject| (*subject, why))).collect()
}

/// A time without the daemon, without a clock, or without room on the disk is one story for all controls, and is told in one letter.
fn is_told_by_the_gap(alert: &Alert) -> bool {
    let away = matches!(
        alert.missed,
        Some(
            MissedReason::Down
                | MissedReason::Shutdown
                | MissedReason::Interrupted
                | MissedReason::Clock
                | MissedReason::DiskFull
        )
    );
    alert.cause == AlertCause::NotTested && away
}

/// The event of one entry, if there is one and it can be read.
pub(crate) fn entry_at(ledger: &Ledger<State>, sequence: u64) -> Option<Event> {
    let (_, bytes) = ledger.entries(sequence..sequence.checked_add(1)?).next()?.ok()?;
    Some(Entry::from_bytes(&bytes).ok()?.event)
}

fn run_subjects(ended: &EndedRecord) -> HashMap<&str, &evidenced_contract::Finding> {
    match ended {
        EndedRecord::Report(report) => {
            report.findings.iter().map(|finding| (finding.subject.as_str(), finding)).collect()
        }
        EndedRecord::Failure(_) | EndedRecord::Other { .. } => HashMap::new(),
    }
}
