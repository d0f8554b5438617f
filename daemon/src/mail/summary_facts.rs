//! The facts of the weekly, monthly, quarterly and whole-window letters.

use std::time::Duration;

use super::ApprovalFacts;
use crate::domain::{
    Act, ControlId, ExceptionId, Family, LocalDay, MissedReason, RunReason, SlotTime, Timestamp, WindowId,
};

/// A period's numbers and lists; empty lists are left out of the letter, or said to be empty where that is news.
#[derive(Debug, Clone, PartialEq)]
pub struct SummaryFacts {
    pub period: Period,
    /// First and last day, both inclusive, in the letterhead's zone.
    pub from: LocalDay,
    pub to: LocalDay,
    pub headline: Headline,
    /// The same of the period before, for "since last week".
    pub before: Option<Headline>,
    pub families: Vec<FamilyRow>,
    /// Open at the period's end, oldest first.
    pub open: Vec<ExceptionRow>,
    /// Recovered or closed in the period.
    pub ended: Vec<ExceptionRow>,
    /// Controls that nobody tested for a time of the period.
    pub untested: Vec<UntestedRow>,
    pub gaps: Vec<GapRow>,
    /// Tests without an answer.
    pub errors: Vec<ErrorRow>,
    /// Tests without an answer that are in none of these.
    pub errors_unlisted: u64,
    /// What people stated and holds no longer soon.
    pub attestations: Vec<AttestationRow>,
    /// Exclusions that end soon, or never.
    pub exclusions: Vec<ExclusionRow>,
    /// In force at some time of the period.
    pub silences: Vec<SilenceRow>,
    /// What waits for a second person.
    pub proposals: Vec<ProposalRow>,
    pub changes: Vec<ChangeRow>,
    /// One row a control: in all but the weekly letter.
    pub controls: Vec<ControlRow>,
    /// Earlier periods, oldest first: in the monthly and the quarterly letter.
    pub trend: Vec<TrendRow>,
    /// In all but the weekly letter.
    pub criteria: Vec<CriterionRow>,
    /// In the window's letter.
    pub questions: Option<AuditorQuestions>,
    pub mail: MailFacts,
    /// The newest signed note, as it is kept.
    pub checkpoint: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Period {
    /// ISO 8601 week.
    Week {
        year: i16,
        week: u8,
    },
    Month {
        year: i16,
        month: u8,
    },
    Quarter {
        year: i16,
        /// 1 to 4.
        quarter: u8,
    },
    Window {
        window: WindowId,
    },
}

/// Counts of a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Headline {
    pub controls: u64,
    /// Controls whose scheduled tests were all performed or accounted for, and none failed or could not be tested.
    pub passed_all: u64,
    /// Exceptions that were open at some time of the period.
    pub exceptions: u64,
    pub gaps: u64,
    pub slots: SlotCounts,
}

/// How scheduled tests ended: `tested` + `error` + `missed` = `due`; `late` is part of the first two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SlotCounts {
    pub due: u64,
    /// They gave a result: pass, fail or not applicable. An error is none: nobody knows whether the control worked.
    pub tested: u64,
    pub late: u64,
    pub missed: u64,
    pub pass: u64,
    pub fail: u64,
    pub error: u64,
    pub not_applicable: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FamilyRow {
    pub family: Family,
    pub controls: u64,
    pub passed_all: u64,
    pub exceptions: u64,
    pub untested: u64,
    pub slots: SlotCounts,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ExceptionRow {
    pub exception: ExceptionId,
    pub control: ControlId,
    pub title: String,
    pub owner: String,
    /// First failing slot.
    pub since: SlotTime,
    pub due: Timestamp,
    pub overdue: bool,
    pub acknowledged: Option<Timestamp>,
    pub recovered: Option<SlotTime>,
    pub closed: Option<Timestamp>,
    /// Failing subjects, at the most.
    pub subjects: u64,
}

/// Controls of which no mail was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct SilenceRow {
    /// Ids and patterns.
    pub controls: Vec<String>,
    pub from: Timestamp,
    /// When it ended, or will.
    pub until: Timestamp,
    /// Alerts that became no mail.
    pub withheld: u64,
    pub author: String,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ProposalRow {
    pub proposal: u64,
    pub act: Act,
    pub at: Timestamp,
    pub author: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct UntestedRow {
    pub control: ControlId,
    pub title: String,
    pub owner: String,
    /// How long in the period, all times together.
    pub lasted: Duration,
    /// The first slot without a result, if it is untested still.
    pub still_since: Option<SlotTime>,
    pub slots: SlotCounts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapRow {
    pub from: Timestamp,
    pub to: Timestamp,
    pub reason: MissedReason,
    pub missed: u64,
}

/// Days in a row on which tests of a control had no answer for one reason.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorRow {
    pub control: ControlId,
    pub title: String,
    pub from: LocalDay,
    pub to: LocalDay,
    /// `None`: the records of the days do not say.
    pub first: Option<SlotTime>,
    /// As above.
    pub reason: Option<RunReason>,
    pub slots: u64,
}

/// What a person stated about a control.
#[derive(Debug, Clone, PartialEq)]
pub struct AttestationRow {
    pub control: ControlId,
    pub title: String,
    pub owner: String,
    /// Until when it holds.
    pub until: Timestamp,
}

/// A subject, or many, that a control does not judge.
#[derive(Debug, Clone, PartialEq)]
pub struct ExclusionRow {
    pub control: ControlId,
    /// `*` stands for any text.
    pub subject: String,
    pub reason: String,
    pub approval: ApprovalFacts,
    /// `None`: never.
    pub until: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ChangeRow {
    pub at: Timestamp,
    pub control: ControlId,
    /// The version that it became.
    pub version: u32,
    /// In words: "first defined", "definition changed", "plugin changed", "retired".
    pub what: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ControlRow {
    pub control: ControlId,
    pub title: String,
    pub slots: SlotCounts,
    pub exceptions: u64,
    pub failing: Duration,
    /// The longest in the period.
    pub to_acknowledge: Option<Duration>,
    pub to_fix: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TrendRow {
    /// Such as `2026-02`.
    pub period: String,
    pub headline: Headline,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CriterionRow {
    pub criterion: String,
    pub controls: Vec<ControlId>,
    pub exceptions: u64,
    pub slots: SlotCounts,
}

/// What an auditor will ask about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AuditorQuestions {
    /// Controls of whose scheduled tests less than 99 % were performed.
    pub low_coverage: Vec<(ControlId, SlotCounts)>,
    /// Exceptions without a root cause or a response.
    pub unanswered: Vec<ExceptionId>,
    /// Controls whose definition changed.
    pub redefined: Vec<ControlId>,
}

/// How mail itself fares: a mail that does not come cannot say so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MailFacts {
    /// Deliveries that wait.
    pub waiting: u64,
    /// Deliveries refused for good in the period.
    pub refused: u64,
}
