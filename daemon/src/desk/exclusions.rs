//! Subjects that controls do not judge: those of the configuration, and those that two people decided on.

use serde::{Deserialize, Serialize};

use super::Desk;
use crate::{
    domain::{ControlId, Timestamp},
    fold::{ExclusionRecord, State},
    ledger::Store,
    recorder::{ERASED, text},
};

/// One exclusion, as `evidenced exclusions` says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExclusionLine {
    pub control: ControlId,
    /// `*` stands for any text; `(erased)` if its text was.
    pub subject: String,
    pub state: ExclusionState,
    /// `None`: it never ends.
    pub until: Option<Timestamp>,
    pub reason: String,
    /// Of one of the configuration: a URL or commit that nobody has looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<String>,
    /// `None`: it is of the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<DecidedLine>,
}

/// How two people decided on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedLine {
    pub exclusion: u64,
    pub from: Timestamp,
    pub author: String,
    pub approver: String,
    /// Who ended it before its time, when, and why.
    pub ended: Option<(String, Timestamp, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExclusionState {
    InForce,
    /// Its end has come: the subject is tested again.
    Over,
    /// A person ended it before its time.
    Ended,
}

impl ExclusionState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InForce => "in force",
            Self::Over => "over",
            Self::Ended => "ended",
        }
    }
}

impl Desk {
    /// By control, those of the configuration first; what is not in force any more only if `all` are wanted.
    pub fn exclusions(&self, all: bool) -> Vec<ExclusionLine> {
        let now = self.clock.now();
        let catalogue = self.catalogue();
        let (records, approvals) = {
            let state = self.ledger.state();
            let records: Vec<_> = state.exclusions().iter().map(|(number, record)| (*number, record.clone())).collect();
            let approvals: Vec<_> = records.iter().map(|(_, record)| state.approval_of(record.proposal)).collect();
            (records, approvals)
        };
        let mut lines: Vec<_> = catalogue
            .controls()
            .flat_map(|control| control.check.exclude.iter().map(|exclusion| (control.id.clone(), exclusion)))
            .map(|(control, exclusion)| ExclusionLine {
                control,
                subject: exclusion.subject.clone(),
                state: if exclusion.until.is_none_or(|until| now < until) {
                    ExclusionState::InForce
                } else {
                    ExclusionState::Over
                },
                until: exclusion.until,
                reason: exclusion.reason.clone(),
                claimed: exclusion.approval.clone(),
                decided: None,
            })
            .collect();
        lines.extend(records.into_iter().zip(approvals).map(|((number, record), approval)| {
            let (author, reason) = self.noted(&record.note);
            let approver = approval.map_or_else(|| ERASED.to_owned(), |note| self.noted(&note).0);
            let ended = record.ended.zip(record.ended_note).map(|(at, note)| {
                let (who, why) = self.noted(&note);
                (who, at, why)
            });
            ExclusionLine {
                subject: text(&self.ledger, &record.subject_part).unwrap_or_else(|| ERASED.to_owned()),
                state: state_of(&record, now),
                until: Some(record.until),
                reason,
                claimed: None,
                decided: Some(DecidedLine { exclusion: number, from: record.decided, author, approver, ended }),
                control: record.control,
            }
        }));
        lines.retain(|line| all || line.state == ExclusionState::InForce);
        lines.sort_by(|one, other| one.control.cmp(&other.control));
        lines
    }

    /// How many are in force.
    pub(super) fn exclusions_in_force(&self, state: &State) -> u64 {
        let now = self.clock.now();
        let catalogue = self.catalogue();
        let configured = catalogue.controls().flat_map(|control| &control.check.exclude);
        let configured = configured.filter(|exclusion| exclusion.until.is_none_or(|until| now < until)).count();
        let decided = state.exclusions().values().filter(|record| record.is_in_force(now)).count();
        (configured + decided) as u64
    }
}

fn state_of(record: &ExclusionRecord, now: Timestamp) -> ExclusionState {
    match record.ended_note {
        Some(_) => ExclusionState::Ended,
        None if record.is_in_force(now) => ExclusionState::InForce,
        None => ExclusionState::Over,
    }
}
