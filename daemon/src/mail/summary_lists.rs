//! The lists of a summary: what is open, what ended, what was not tested, what changed.

use std::time::Duration;

use super::document::{Align, Document, Table};
use super::{ExceptionRow, Letterhead, SummaryFacts, proposed, words};

use Align::{Left, Right};

/// Rows of a list in a mail; a longer one says how many more there are.
pub(super) const ROWS_MAX: usize = 50;

pub(super) fn open(document: &mut Document, facts: &SummaryFacts, head: &Letterhead) {
    document.heading("Open exceptions, oldest first");
    if facts.open.is_empty() {
        return document.say("None.");
    }
    let mut table =
        Table::new([("Exception", Left), ("Open since", Left), ("Owner", Left), ("Fix by", Left), ("State", Left)]);
    for row in facts.open.iter().take(ROWS_MAX) {
        let acknowledged = row.acknowledged.map(|at| format!("acknowledged {}", words::short_time(at, &head.zone)));
        let state = [
            if row.overdue { "OVERDUE" } else { "in time" }.to_owned(),
            words::count(row.subjects, "failing subject"),
            acknowledged.unwrap_or_else(|| "not acknowledged".to_owned()),
        ];
        table.row([
            exception_name(row),
            words::short_time(row.since.0, &head.zone),
            row.owner.clone(),
            words::short_time(row.due, &head.zone),
            state.join(", "),
        ]);
    }
    table.note = more(facts.open.len());
    document.table(&table);
}

pub(super) fn ended(document: &mut Document, facts: &SummaryFacts, head: &Letterhead, noun: &str) {
    if facts.ended.is_empty() {
        return;
    }
    document.heading(&format!("Exceptions that ended in this {noun}"));
    let mut table =
        Table::new([("Exception", Left), ("Owner", Left), ("Failed for", Left), ("Recovered", Left), ("Closed", Left)]);
    for row in facts.ended.iter().take(ROWS_MAX) {
        table.row([
            exception_name(row),
            row.owner.clone(),
            row.recovered.map(|slot| words::duration(slot.0.since(row.since.0))).unwrap_or_default(),
            row.recovered.map(|slot| words::short_time(slot.0, &head.zone)).unwrap_or_default(),
            row.closed.map_or("not yet".to_owned(), |at| words::short_time(at, &head.zone)),
        ]);
    }
    table.note = more(facts.ended.len());
    document.table(&table);
}

fn exception_name(row: &ExceptionRow) -> String {
    format!("{} {} {}", row.exception, row.control, row.title)
}

pub(super) fn untested(document: &mut Document, facts: &SummaryFacts, head: &Letterhead) {
    if facts.untested.is_empty() {
        return;
    }
    document.heading("Not tested for a time");
    let mut table = Table::new([
        ("Control", Left),
        ("Owner", Left),
        ("For", Left),
        ("At the end", Left),
        ("No answer", Right),
        ("Missed", Right),
    ]);
    for row in facts.untested.iter().take(ROWS_MAX) {
        table.row([
            format!("{} {}", row.control, row.title),
            row.owner.clone(),
            words::duration(row.lasted),
            row.still_since.map_or_else(
                || "tested again".to_owned(),
                |since| format!("NOT TESTED since {}", words::short_time(since.0, &head.zone)),
            ),
            words::grouped(row.slots.error),
            words::grouped(row.slots.missed),
        ]);
    }
    table.note = more(facts.untested.len());
    document.table(&table);
}

pub(super) fn gaps(document: &mut Document, facts: &SummaryFacts, head: &Letterhead) {
    document.heading("Gaps in the monitoring");
    if facts.gaps.is_empty() {
        return document.say("None.");
    }
    let mut table = Table::new([("From", Left), ("Length", Left), ("Tests missed", Right), ("Why", Left)]);
    for row in facts.gaps.iter().take(ROWS_MAX) {
        table.row([
            words::short_time(row.from, &head.zone),
            words::duration(row.to.since(row.from)),
            words::grouped(row.missed),
            words::missed_reason(row.reason).to_owned(),
        ]);
    }
    table.note = more(facts.gaps.len());
    document.table(&table);
}

pub(super) fn errors(document: &mut Document, facts: &SummaryFacts, head: &Letterhead) {
    if facts.errors.is_empty() {
        return;
    }
    document.heading("Tests without an answer");
    let mut table =
        Table::new([("Control", Left), ("First", Left), ("Last day", Left), ("Why", Left), ("Tests", Right)]);
    let (shown, rest) = facts.errors.split_at(facts.errors.len().min(ROWS_MAX));
    for row in shown {
        let first = row.first.map_or_else(|| words::short_day(row.from), |slot| words::short_time(slot.0, &head.zone));
        table.row([
            format!("{} {}", row.control, row.title),
            first,
            words::short_day(row.to),
            row.reason.map_or("not recorded", words::run_reason).to_owned(),
            words::grouped(row.slots),
        ]);
    }
    let more = rest.iter().map(|row| row.slots).sum::<u64>() + facts.errors_unlisted;
    table.note = (more > 0).then(|| format!("… and {} more, in the report.", words::count(more, "test")));
    document.table(&table);
}

pub(super) fn attestations(document: &mut Document, facts: &SummaryFacts, head: &Letterhead) {
    if facts.attestations.is_empty() {
        return;
    }
    document.heading("Statements of people that expire soon");
    let mut table = Table::new([("Control", Left), ("Owner", Left), ("Holds until", Left)]);
    for row in facts.attestations.iter().take(ROWS_MAX) {
        let until = words::short_time(row.until, &head.zone);
        table.row([format!("{} {}", row.control, row.title), row.owner.clone(), until]);
    }
    table.note = more(facts.attestations.len());
    document.table(&table);
}

pub(super) fn exclusions(document: &mut Document, facts: &SummaryFacts, head: &Letterhead) {
    if facts.exclusions.is_empty() {
        return;
    }
    document.heading("Exclusions that end soon, or never");
    let mut table =
        Table::new([("Control", Left), ("Covers", Left), ("Ends", Left), ("Reason given", Left), ("Approval", Left)]);
    for row in facts.exclusions.iter().take(ROWS_MAX) {
        table.row([
            row.control.to_string(),
            row.subject.clone(),
            row.until.map_or("never".to_owned(), |at| words::short_time(at, &head.zone)),
            row.reason.clone(),
            row.approval.words(),
        ]);
    }
    table.note = more(facts.exclusions.len());
    document.table(&table);
}

/// A silence of this length outlives its reason more often than not.
const LONG_SILENCE: Duration = Duration::from_secs(7 * 86_400);

pub(super) fn silences(document: &mut Document, facts: &SummaryFacts, head: &Letterhead) {
    if facts.silences.is_empty() {
        return;
    }
    document.heading("Silences: no mail was sent, tests went on");
    let mut table = Table::new([
        ("Controls", Left),
        ("From", Left),
        ("Until", Left),
        ("Withheld", Right),
        ("By", Left),
        ("Reason given", Left),
    ]);
    for row in facts.silences.iter().take(ROWS_MAX) {
        let until = words::short_time(row.until, &head.zone);
        let is_long = row.until.since(row.from) > LONG_SILENCE;
        table.row([
            row.controls.join(", "),
            words::short_time(row.from, &head.zone),
            if is_long { format!("{until} ({})", words::duration(row.until.since(row.from))) } else { until },
            if row.withheld == 0 { "none".to_owned() } else { words::grouped(row.withheld) },
            row.author.clone(),
            row.reason.clone(),
        ]);
    }
    table.note = more(facts.silences.len());
    document.table(&table);
}

pub(super) fn proposals(document: &mut Document, facts: &SummaryFacts, head: &Letterhead) {
    if facts.proposals.is_empty() {
        return;
    }
    document.heading("Waiting for a second person");
    let mut table = Table::new([("Proposal", Right), ("What", Left), ("Made", Left), ("By", Left)]);
    for row in facts.proposals.iter().take(ROWS_MAX) {
        table.row([
            row.proposal.to_string(),
            proposed::described(&row.act, None, head).0,
            words::short_time(row.at, &head.zone),
            row.author.clone(),
        ]);
    }
    table.note = more(facts.proposals.len());
    document.table(&table);
}

pub(super) fn changes(document: &mut Document, facts: &SummaryFacts, head: &Letterhead, noun: &str) {
    document.heading(&format!("What changed in the tests in this {noun}"));
    if facts.changes.is_empty() {
        return document.say("Nothing.");
    }
    let mut table = Table::new([("When", Left), ("Control", Left), ("Version", Right), ("What", Left)]);
    for row in facts.changes.iter().take(ROWS_MAX) {
        table.row([
            words::short_time(row.at, &head.zone),
            row.control.to_string(),
            row.version.to_string(),
            row.what.clone(),
        ]);
    }
    table.note = more(facts.changes.len());
    document.table(&table);
}

fn more(rows: usize) -> Option<String> {
    (rows > ROWS_MAX).then(|| format!("… and {} more.", words::grouped((rows - ROWS_MAX) as u64)))
}
