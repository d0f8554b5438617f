//! A summary as the facts of a letter.

use std::time::Duration;

use crate::{
    domain::{DayRow, Digest, ExceptionState},
    fold::{ProposalRecord, SilenceRecord, State},
    mail::{
        ApprovalFacts, AttestationRow, AuditorQuestions, ChangeRow, ControlRow, CriterionRow, ErrorRow, ExceptionRow,
        ExclusionRow, FamilyRow, GapRow, Headline, MailFacts, Period as LetterPeriod, ProposalRow, SilenceRow,
        SlotCounts, SummaryFacts, TrendRow, UntestedRow,
    },
    recorder::ERASED,
    summary::{self, ExceptionSummary, Span, Summary},
};

/// Author and words of a note; `None`: they were erased.
pub type Noted<'n> = dyn Fn(&Digest) -> Option<(String, String)> + 'n;

/// Turns a summary into a letter's facts; `earlier` are the periods before, oldest first, `checkpoint` the newest
/// signed note.
pub fn letter(
    summary: &Summary,
    earlier: &[Summary],
    state: &State,
    noted: &Noted<'_>,
    checkpoint: Option<String>,
) -> SummaryFacts {
    let period = match &summary.period.span {
        Span::Week { year, week } => LetterPeriod::Week { year: *year, week: u8::try_from(*week).unwrap_or(0) },
        Span::Month { year, month } => LetterPeriod::Month { year: *year, month: u8::try_from(*month).unwrap_or(0) },
        Span::Quarter { year, quarter } => {
            LetterPeriod::Quarter { year: *year, quarter: u8::try_from(*quarter).unwrap_or(0) }
        }
        Span::Window(window) => LetterPeriod::Window { window: window.clone() },
        // Nobody asks for a letter about other days; their month names them well enough.
        Span::Days => {
            let date = summary.period.from.to_date();
            LetterPeriod::Month { year: date.year(), month: u8::try_from(date.month()).unwrap_or(0) }
        }
    };
    let is_week = matches!(summary.period.span, Span::Week { .. });
    let is_window = matches!(summary.period.span, Span::Window(_));
    let is_open = |exception: &&ExceptionSummary| {
        matches!(exception.state, ExceptionState::Open | ExceptionState::Overdue)
            || exception.recovered.is_some_and(|slot| slot.0 >= summary.period.end)
    };
    let mut open: Vec<_> = summary.exceptions.iter().filter(is_open).collect();
    open.sort_by_key(|exception| exception.first_slot);
    let ended = summary.exceptions.iter().filter(|exception| !is_open(exception));
    SummaryFacts {
        period,
        from: summary.period.from,
        to: summary.period.to,
        headline: headline(&summary.headline),
        before: earlier.last().map(|before| headline(&before.headline)),
        families: summary.families.iter().map(family_row).collect(),
        open: open.into_iter().map(|exception| exception_row(summary, exception)).collect(),
        ended: ended.map(|exception| exception_row(summary, exception)).collect(),
        untested: untested(summary),
        gaps: gaps(summary),
        errors: summary.errors.iter().map(|stretch| error_row(summary, stretch)).collect(),
        errors_unlisted: summary.errors_unlisted,
        attestations: attestations(summary),
        exclusions: exclusions(summary),
        silences: silences(summary, state, noted),
        proposals: proposals(state, noted),
        changes: summary.changes.iter().map(change_row).collect(),
        controls: if is_week {
            Vec::new()
        } else {
            summary.controls.iter().map(|control| control_row(summary, control)).collect()
        },
        trend: earlier.iter().filter(|_| !is_week).map(trend_row).collect(),
        criteria: if is_week { Vec::new() } else { summary.criteria.iter().map(criterion_row).collect() },
        questions: is_window.then(|| questions(summary)),
        mail: mail_facts(summary, state),
        checkpoint,
    }
}

fn headline(headline: &summary::Headline) -> Headline {
    Headline {
        controls: headline.controls,
        passed_all: headline.passed_all,
        exceptions: headline.exceptions,
        gaps: headline.gaps,
        slots: slots(&headline.total),
    }
}

fn slots(row: &DayRow) -> SlotCounts {
    SlotCounts {
        due: row.due(),
        tested: row.tested(),
        late: row.late,
        missed: row.missed_total(),
        pass: row.pass,
        fail: row.fail,
        error: row.error,
        not_applicable: row.not_applicable,
    }
}

fn family_row(family: &summary::FamilySummary) -> FamilyRow {
    FamilyRow {
        family: family.family,
        controls: family.controls,
        passed_all: family.passed_all,
        exceptions: family.exceptions,
        untested: family.untested,
        slots: slots(&family.total),
    }
}

fn exception_row(summary: &Summary, exception: &ExceptionSummary) -> ExceptionRow {
    let control = summary.controls.iter().find(|control| control.control == exception.control);
    ExceptionRow {
        exception: exception.exception,
        control: exception.control.clone(),
        title: control.map(|control| control.facts.title.clone()).unwrap_or_default(),
        owner: control.map(|control| control.facts.owner.clone()).unwrap_or_default(),
        since: exception.first_slot,
        due: exception.due,
        overdue: !exception.overdue.is_zero(),
        acknowledged: exception.acknowledged,
        recovered: exception.recovered,
        closed: exception.closed,
        subjects: exception.subjects,
    }
}

/// Whoever reads only this letter must learn of a control that nobody tested for days, also when that is over.
fn untested(summary: &Summary) -> Vec<UntestedRow> {
    let row = |control: &summary::ControlSummary| UntestedRow {
        control: control.control.clone(),
        title: control.facts.title.clone(),
        owner: control.facts.owner.clone(),
        lasted: control.untested,
        still_since: control.facts.untested_since.filter(|since| since.0 < summary.period.end),
        slots: slots(&control.total),
    };
    summary.controls.iter().filter(|control| control.went_untested()).map(row).collect()
}

/// A time in which nothing was tested is told by its hours; other gaps by their days.
fn gaps(summary: &Summary) -> Vec<GapRow> {
    use crate::domain::MissedReason;
    let mut rows: Vec<_> = summary
        .outages
        .iter()
        .map(|outage| GapRow { from: outage.from, to: outage.to, reason: outage.reason, missed: outage.missed })
        .collect();
    let zone = crate::recorder::zone(&summary.period.zone);
    let others = summary
        .gaps
        .iter()
        .filter(|gap| !matches!(gap.reason, MissedReason::Disabled | MissedReason::Down | MissedReason::Clock));
    rows.extend(others.map(|gap| GapRow {
        from: gap.from.start(&zone),
        to: gap.to.next().start(&zone),
        reason: gap.reason,
        missed: gap.slots,
    }));
    rows
}

fn error_row(summary: &Summary, stretch: &summary::ErrorStretch) -> ErrorRow {
    let control = summary.controls.iter().find(|control| control.control == stretch.control);
    ErrorRow {
        control: stretch.control.clone(),
        title: control.map(|control| control.facts.title.clone()).unwrap_or_default(),
        from: stretch.from,
        to: stretch.to,
        first: stretch.first,
        reason: stretch.reason,
        slots: stretch.slots,
    }
}

/// So long before its end an exclusion is told, and what a person stated.
const ENDS_SOON: Duration = Duration::from_secs(30 * 86_400);

fn attestations(summary: &Summary) -> Vec<AttestationRow> {
    let (end, soon) = (summary.period.end, summary.period.end.plus(ENDS_SOON));
    let row = |control: &summary::ControlSummary| {
        let until = control.facts.attested_until.filter(|until| (end..=soon).contains(until))?;
        Some(AttestationRow {
            control: control.control.clone(),
            title: control.facts.title.clone(),
            owner: control.facts.owner.clone(),
            until,
        })
    };
    summary.controls.iter().filter(|control| control.facts.attested && !control.facts.retired).filter_map(row).collect()
}

fn exclusions(summary: &Summary) -> Vec<ExclusionRow> {
    let soon = summary.period.end.plus(ENDS_SOON);
    let mut rows = Vec::new();
    for control in summary.controls.iter().filter(|control| !control.facts.retired) {
        let told = control
            .facts
            .exclusions
            .iter()
            .filter(|exclusion| exclusion.decided.as_ref().is_none_or(|decided| decided.ended.is_none()))
            .filter(|exclusion| exclusion.concerns(&summary.period))
            .filter(|exclusion| exclusion.until.is_none_or(|until| summary.period.start <= until && until <= soon));
        rows.extend(told.map(|exclusion| ExclusionRow {
            control: control.control.clone(),
            subject: exclusion.subject.clone(),
            reason: exclusion.reason.clone(),
            approval: match &exclusion.decided {
                None => ApprovalFacts::Claimed(exclusion.approval.clone()),
                Some(summary::DecidedFacts { exclusion, author, approver, .. }) => {
                    let (author, approver) = (author.clone(), approver.clone());
                    ApprovalFacts::Decided { exclusion: *exclusion, author, approver }
                }
            },
            until: exclusion.until,
        }));
    }
    rows
}

fn silences(summary: &Summary, state: &State, noted: &Noted<'_>) -> Vec<SilenceRow> {
    let row = |record: &SilenceRecord| {
        let until = record.ended.unwrap_or(record.what.until).min(record.what.until);
        if record.what.from >= summary.period.end || until < summary.period.start {
            return None;
        }
        let (author, reason) = noted(&record.note).unwrap_or_else(|| (ERASED.to_owned(), ERASED.to_owned()));
        Some(SilenceRow {
            controls: record.what.controls.iter().map(ToString::to_string).collect(),
            from: record.what.from,
            until,
            withheld: record.alerts(),
            author,
            reason,
        })
    };
    state.silences().values().filter_map(row).collect()
}

fn proposals(state: &State, noted: &Noted<'_>) -> Vec<ProposalRow> {
    let row = |(proposal, record): (u64, &ProposalRecord)| {
        let author = noted(&record.note).map_or_else(|| ERASED.to_owned(), |(author, _)| author);
        ProposalRow { proposal, act: record.act.clone(), at: record.at, author }
    };
    state.open_proposals().map(row).collect()
}

fn change_row(change: &summary::Change) -> ChangeRow {
    ChangeRow {
        at: change.version.at,
        control: change.control.clone(),
        version: change.version.version,
        what: change.what.to_owned(),
    }
}

fn control_row(summary: &Summary, control: &summary::ControlSummary) -> ControlRow {
    let mine = || summary.exceptions.iter().filter(|exception| exception.control == control.control);
    ControlRow {
        control: control.control.clone(),
        title: control.facts.title.clone(),
        slots: slots(&control.total),
        exceptions: control.exceptions,
        failing: control.failing,
        to_acknowledge: mine().filter_map(|one| Some(one.acknowledged?.since(one.opened))).max(),
        to_fix: mine().filter(|one| one.recovered.is_some()).map(|one| one.length).max(),
    }
}

fn trend_row(summary: &Summary) -> TrendRow {
    TrendRow { period: summary.period.span.to_string(), headline: headline(&summary.headline) }
}

fn criterion_row(criterion: &summary::CriterionSummary) -> CriterionRow {
    CriterionRow {
        criterion: criterion.criterion.clone(),
        controls: criterion.controls.clone(),
        exceptions: criterion.exceptions,
        slots: slots(&criterion.total),
    }
}

fn questions(summary: &Summary) -> AuditorQuestions {
    let questions = summary.questions();
    let counts = |id: &crate::domain::ControlId| {
        summary.controls.iter().find(|control| control.control == *id).map(|control| slots(&control.total))
    };
    AuditorQuestions {
        low_coverage: questions.low_coverage.iter().map(|id| (id.clone(), counts(id).unwrap_or_default())).collect(),
        unanswered: questions.unanswered,
        redefined: questions.redefined,
    }
}

fn mail_facts(summary: &Summary, state: &State) -> MailFacts {
    let in_period = |at: crate::domain::Timestamp| summary.period.start <= at && at < summary.period.end;
    MailFacts {
        waiting: state.outbox().values().map(|pending| pending.waiting().count() as u64).sum(),
        refused: state.dead_letters().values().filter(|letter| in_period(letter.refused)).count() as u64,
    }
}
