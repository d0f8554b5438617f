//! Tables for a spreadsheet: UTF-8, RFC 4180, times as RFC 3339 with the offset of the report's zone.

use super::{Report, about, departure, exclusions::listed, time::Clock};
use crate::{
    domain::{DayRow, MissedReason, PopulationRange, RunReason, escaped_lines},
    summary::{ControlSummary, coverage},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvFile {
    pub name: &'static str,
    pub content: String,
}

pub fn render_csv(report: &Report) -> Vec<CsvFile> {
    let clock = Clock::of(&report.summary.period.zone);
    vec![
        CsvFile { name: "controls.csv", content: controls(report) },
        CsvFile { name: "exceptions.csv", content: exceptions(report, &clock) },
        CsvFile { name: "exception-subjects.csv", content: subjects(report, &clock) },
        CsvFile { name: "exception-notes.csv", content: notes(report, &clock) },
        CsvFile { name: "deviations.csv", content: deviations(report, &clock) },
        CsvFile { name: "gaps.csv", content: gaps(report) },
        CsvFile { name: "outages.csv", content: outages(report, &clock) },
        CsvFile { name: "errors.csv", content: errors(report, &clock) },
        CsvFile { name: "changes.csv", content: changes(report, &clock) },
        CsvFile { name: "exclusions.csv", content: exclusions(report, &clock) },
    ]
}

fn controls(report: &Report) -> String {
    let columns = "control,title,family,owner,severity,criteria,due,run,late,missed,pass,fail,error,not_applicable,\
                   deviations,exceptions,failing_seconds,untested_seconds,coverage,population_min,population_max,\
                   population_last";
    let missed = MissedReason::ALL.map(|reason| format!("missed_{}", reason.as_str().replace('-', "_"))).join(",");
    let mut table = Table::new(&format!("{columns},{missed}"));
    for control in &report.summary.controls {
        let ControlSummary { facts, total, .. } = control;
        let population = |pick: fn(&PopulationRange) -> u32| {
            total.population.as_ref().map(|range| pick(range).to_string()).unwrap_or_default()
        };
        let mut row = vec![
            control.control.to_string(),
            facts.title.clone(),
            facts.family.as_str().to_owned(),
            facts.owner.clone(),
            facts.severity.as_str().to_owned(),
            facts.criteria.join(" "),
        ];
        row.extend(counts(total).map(|count| count.to_string()));
        row.push(control.exceptions.to_string());
        row.push(control.failing.as_secs().to_string());
        row.push(control.untested.as_secs().to_string());
        row.push(coverage(total));
        row.push(population(|range| range.min));
        row.push(population(|range| range.max));
        row.push(population(|range| range.last));
        for reason in MissedReason::ALL {
            row.push(total.missed.get(&reason).copied().unwrap_or(0).to_string());
        }
        table.row(&row);
    }
    table.0
}

fn counts(total: &DayRow) -> [u64; 9] {
    let DayRow { run, late, pass, fail, error, not_applicable, deviations, .. } = *total;
    [total.due(), run, late, total.missed_total(), pass, fail, error, not_applicable, deviations]
}

fn exceptions(report: &Report, clock: &Clock) -> String {
    let mut table = Table::new(
        "exception,control,state,first_failing_slot,opened,fix_until,acknowledged,recovered_slot,closed,subjects,\
         length_seconds,in_period_seconds,overdue_seconds,answered",
    );
    for exception in &report.summary.exceptions {
        let time = |at: Option<_>| at.map(|at| clock.rfc3339(at)).unwrap_or_default();
        table.row(&[
            exception.exception.to_string(),
            exception.control.to_string(),
            exception.state.as_str().to_owned(),
            clock.rfc3339(exception.first_slot.0),
            clock.rfc3339(exception.opened),
            clock.rfc3339(exception.due),
            time(exception.acknowledged),
            time(exception.recovered.map(|slot| slot.0)),
            time(exception.closed),
            exception.subjects.to_string(),
            exception.length.as_secs().to_string(),
            exception.in_period.as_secs().to_string(),
            exception.overdue.as_secs().to_string(),
            exception.answered.to_string(),
        ]);
    }
    table.0
}

fn subjects(report: &Report, clock: &Clock) -> String {
    let mut table = Table::new("exception,subject,first_seen,last_seen,ended");
    for exception in &report.exceptions {
        for subject in &exception.subjects {
            table.row(&[
                exception.exception.to_string(),
                subject.subject.clone(),
                clock.rfc3339(subject.first_seen.0),
                clock.rfc3339(subject.last_seen.0),
                subject.ended.map_or("fails still", departure).to_owned(),
            ]);
        }
    }
    table.0
}

fn notes(report: &Report, clock: &Clock) -> String {
    let mut table = Table::new("exception,at,about,author,text");
    for exception in &report.exceptions {
        for note in &exception.notes {
            table.row(&[
                exception.exception.to_string(),
                clock.rfc3339(note.at),
                about(note.about).to_owned(),
                note.author.clone(),
                note.text.clone(),
            ]);
        }
    }
    table.0
}

fn deviations(report: &Report, clock: &Clock) -> String {
    let mut table = Table::new("control,slot,run");
    for control in &report.summary.controls {
        for deviation in &control.total.deviating {
            let slot = clock.rfc3339(deviation.slot.0);
            table.row(&[control.control.to_string(), slot, deviation.sequence.to_string()]);
        }
    }
    table.0
}

fn gaps(report: &Report) -> String {
    let mut table = Table::new("from_day,to_day,reason,slots,controls");
    for gap in &report.summary.gaps {
        table.row(&[
            gap.from.to_string(),
            gap.to.to_string(),
            gap.reason.as_str().to_owned(),
            gap.slots.to_string(),
            gap.controls.to_string(),
        ]);
    }
    table.0
}

fn outages(report: &Report, clock: &Clock) -> String {
    let mut table = Table::new("from,to,how,slots");
    for outage in &report.summary.outages {
        table.row(&[
            clock.rfc3339(outage.from),
            clock.rfc3339(outage.to),
            match outage.reason {
                MissedReason::Shutdown => "stopped",
                reason => reason.as_str(),
            }
            .to_owned(),
            outage.missed.to_string(),
        ]);
    }
    table.0
}

fn errors(report: &Report, clock: &Clock) -> String {
    let mut table = Table::new("control,from_day,to_day,first_slot,reason,slots");
    for stretch in &report.summary.errors {
        table.row(&[
            stretch.control.to_string(),
            stretch.from.to_string(),
            stretch.to.to_string(),
            stretch.first.map(|slot| clock.rfc3339(slot.0)).unwrap_or_default(),
            stretch.reason.map(RunReason::word).unwrap_or_default(),
            stretch.slots.to_string(),
        ]);
    }
    table.0
}

fn changes(report: &Report, clock: &Clock) -> String {
    let mut table = Table::new("at,control,version,what,definition,plugin,entry");
    for change in &report.summary.changes {
        table.row(&[
            clock.rfc3339(change.version.at),
            change.control.to_string(),
            change.version.version.to_string(),
            change.what.to_owned(),
            change.version.definition.to_string(),
            change.version.plugin.map(|digest| digest.to_string()).unwrap_or_default(),
            change.version.sequence.to_string(),
        ]);
    }
    table.0
}

fn exclusions(report: &Report, clock: &Clock) -> String {
    let mut table = Table::new("control,subject,from,until,ended,exclusion,author,approver,approval_claimed,reason");
    for (control, exclusion) in listed(report) {
        let decided = exclusion.decided.as_ref();
        let time = |at: Option<_>| at.map(|at| clock.rfc3339(at)).unwrap_or_default();
        table.row(&[
            control.to_string(),
            exclusion.subject.clone(),
            time(decided.map(|decided| decided.from)),
            time(exclusion.until),
            time(decided.and_then(|decided| decided.ended)),
            decided.map(|decided| decided.exclusion.to_string()).unwrap_or_default(),
            decided.map(|decided| decided.author.clone()).unwrap_or_default(),
            decided.map(|decided| decided.approver.clone()).unwrap_or_default(),
            exclusion.approval.clone().unwrap_or_default(),
            exclusion.reason.clone(),
        ]);
    }
    table.0
}

struct Table(String);

impl Table {
    fn new(columns: &str) -> Self {
        Self(columns.to_owned() + "\r\n")
    }

    fn row(&mut self, cells: &[String]) {
        let cells: Vec<_> = cells.iter().map(|cell| field(cell)).collect();
        self.0.push_str(&cells.join(","));
        self.0.push_str("\r\n");
    }
}

/// Quoted where it must be, with a quote in front of what a spreadsheet would run as a formula, and without control
/// characters: a file is shown on terminals too.
fn field(cell: &str) -> String {
    let cell = escaped_lines(&cell.replace("\r\n", "\n"));
    let guard = if cell.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    if guard.is_empty() && !cell.contains([',', '"', '\n']) {
        return cell;
    }
    format!("\"{guard}{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula_and_breaks_no_row() {
        assert_eq!(field("plain"), "plain");
        assert_eq!(field("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
        assert_eq!(field("=cmd()"), "\"'=cmd()\"");
        assert_eq!(field("\t=cmd()"), "\\t=cmd()");
        assert_eq!(field("-1\r\n+2"), "\"'-1\n+2\"");
    }

    #[test]
    fn a_cell_steers_no_terminal() {
        assert_eq!(field("a\u{1b}[2J\rb\u{9b}c"), "a\\u{1b}[2J\\rb\\u{9b}c");
    }
}
