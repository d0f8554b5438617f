use maud::{Markup, html};

use super::{Report, time::Clock, time::length};
use crate::{
    domain::{ControlId, DayRow, MissedReason},
    mail::words::run_reason,
    summary::{Questions, Summary, coverage, words::grouped},
};

pub(super) fn coverage_bar(row: &DayRow) -> Markup {
    let percent = (row.tested() * 100).checked_div(row.due()).unwrap_or(0);
    html! { (coverage(row)) span.bar aria-hidden="true" { i style=(format!("width:{percent}%")) {} } }
}

/// Ids in a list; a longer one says how many more there are.
const NAMES_SHOWN_MAX: usize = 30;

/// A number of which each is bad news.
pub(super) fn bad(count: u64) -> Markup {
    html! { @if count > 0 { span.bad { (grouped(count)) } } @else { "0" } }
}

/// A number of which each wants an explanation.
pub(super) fn warn(count: u64) -> Markup {
    html! { @if count > 0 { span.warn { (grouped(count)) } } @else { "0" } }
}

pub(super) fn families(report: &Report) -> Markup {
    html! {
        section {
            h2 { "By requirement family" }
            table {
                thead {
                    tr {
                        th { "Family" } th.n { "Controls" } th.n { "Passed all" } th.n { "Exceptions" }
                        th.n { "Deviations" } th.n { "Untested for a time" } th.n { "Coverage" }
                    }
                }
                tbody {
                    @for family in &report.summary.families {
                        tr {
                            td { (family.family.as_str().replace('-', " ")) }
                            td.n { (grouped(family.controls)) }
                            td.n { (grouped(family.passed_all)) }
                            td.n { (bad(family.exceptions)) }
                            td.n { (bad(family.total.deviations)) }
                            td.n { (warn(family.untested)) }
                            td.n { (coverage_bar(&family.total)) }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn not_performed(report: &Report, clock: &Clock) -> Markup {
    let summary = &report.summary;
    let total = &summary.headline.total;
    html! {
        section {
            h2 { "Coverage and gaps" }
            table {
                thead { tr { th { "Scheduled tests" } th.n { "Number" } } }
                tbody {
                    tr { td { "Due" } td.n { (grouped(total.due())) } }
                    tr { td { "Run in time" } td.n { (grouped(total.run)) } }
                    tr { td { "Run late" } td.n { (grouped(total.late)) } }
                    tr { td { "Of those, without a result (error)" } td.n { (warn(total.error)) } }
                    @for (reason, slots) in &total.missed {
                        tr { td { "Missed: " (missed(*reason)) } td.n { (warn(*slots)) } }
                    }
                }
            }
            @if summary.days_without_rows > 0 {
                p.warn { "Days of this period without a closed record: " (grouped(summary.days_without_rows)) }
            }
            @if summary.gaps.is_empty() {
                p { "No scheduled test was missed." }
            } @else {
                (gaps(report))
            }
            @if !summary.outages.is_empty() {
                (outages(report, clock))
            }
            @if !summary.errors.is_empty() {
                (errors(report, clock))
            }
        }
    }
}

/// Stretches of errors that the page lists; the table for spreadsheets has more.
const ERRORS_SHOWN_MAX: usize = 100;

fn errors(report: &Report, clock: &Clock) -> Markup {
    let Summary { errors, errors_unlisted, .. } = &report.summary;
    let shown = &errors[..errors.len().min(ERRORS_SHOWN_MAX)];
    let more = errors[shown.len()..].iter().map(|stretch| stretch.slots).sum::<u64>() + errors_unlisted;
    html! {
        h3 { "Tests without a result" }
        div.wide {
            table {
                thead { tr { th { "Control" } th { "First" } th { "Last day" } th { "Why" } th.n { "Tests" } } }
                tbody {
                    @for stretch in shown {
                        tr {
                            td.id { (stretch.control) }
                            td.at {
                                @match stretch.first {
                                    Some(slot) => (clock.minute(slot.0)),
                                    None => (stretch.from),
                                }
                            }
                            td.at { (stretch.to) }
                            td { (stretch.reason.map_or("not recorded", run_reason)) }
                            td.n { (grouped(stretch.slots)) }
                        }
                    }
                }
            }
        }
        @if more > 0 { p.quiet { "And " (grouped(more)) " more tests without a result." } }
    }
}

fn gaps(report: &Report) -> Markup {
    html! {
        h3 { "Gaps" }
        table {
            thead { tr { th { "Days" } th { "Reason" } th.n { "Slots" } th.n { "Controls" } } }
            tbody {
                @for gap in &report.summary.gaps {
                    tr {
                        td.at { (gap.from) @if gap.to != gap.from { " to " (gap.to) } }
                        td { (missed(gap.reason)) }
                        td.n { (grouped(gap.slots)) }
                        td.n { (grouped(gap.controls)) }
                    }
                }
            }
        }
    }
}

fn outages(report: &Report, clock: &Clock) -> Markup {
    html! {
        h3 { "Times in which nothing was tested" }
        table {
            thead { tr { th { "From" } th { "To" } th.n { "Length" } th { "How" } th.n { "Slots missed" } } }
            tbody {
                @for outage in &report.summary.outages {
                    tr {
                        td.at { (clock.minute(outage.from)) }
                        td.at { (clock.minute(outage.to)) }
                        td.n { (length(outage.to.since(outage.from))) }
                        td { (match outage.reason {
                            MissedReason::Shutdown => "it was stopped",
                            MissedReason::Down => "it was down",
                            reason => missed(reason),
                        }) }
                        td.n { (grouped(outage.missed)) }
                    }
                }
            }
        }
    }
}

const fn missed(reason: MissedReason) -> &'static str {
    match reason {
        MissedReason::Down => "the daemon was down",
        MissedReason::Shutdown => "the daemon was stopped",
        MissedReason::Interrupted => "the run was interrupted",
        MissedReason::Overlap => "the run before had not ended",
        MissedReason::Concurrency => "too many runs at once",
        MissedReason::Disabled => "the control was disabled",
        MissedReason::Clock => "the clock was in doubt",
        MissedReason::DiskFull => "the disk was full",
        MissedReason::Superseded => "a newer slot was run in its place",
    }
}

pub(super) fn changes(report: &Report, clock: &Clock) -> Markup {
    let changes = &report.summary.changes;
    html! {
        section {
            h2 { "Changes of controls and plugins" }
            @if changes.is_empty() {
                p { "None in this period." }
            } @else {
                div.wide {
                    table {
                        thead {
                            tr {
                                th { "When" } th { "Control" } th.n { "Version" } th { "What" } th { "Plugin" }
                                th.n { "Entry" }
                            }
                        }
                        tbody {
                            @for change in changes {
                                @let version = &change.version;
                                tr {
                                    td.at { (clock.minute(version.at)) }
                                    td.id { (change.control) }
                                    td.n { (version.version) }
                                    td { (change.what) }
                                    td {
                                        @match version.plugin {
                                            Some(plugin) => code { (plugin.to_hex()[..12]) "…" },
                                            None => "could not be read",
                                        }
                                    }
                                    td.n { (version.sequence) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn criteria(report: &Report) -> Markup {
    let criteria = &report.summary.criteria;
    html! {
        @if !criteria.is_empty() {
            section {
                h2 { "By Trust Services Criterion" }
                table {
                    thead {
                        tr {
                            th { "Criterion" } th { "Controls" } th.n { "Exceptions" } th.n { "Deviations" }
                            th.n { "Coverage" }
                        }
                    }
                    tbody {
                        @for criterion in criteria {
                            tr {
                                td.id { (criterion.criterion) }
                                td { (names(&criterion.controls)) }
                                td.n { (bad(criterion.exceptions)) }
                                td.n { (bad(criterion.total.deviations)) }
                                td.n { (coverage_bar(&criterion.total)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn questions(questions: &Questions) -> Markup {
    let Questions { low_coverage, never_due, unanswered, redefined } = questions;
    let exceptions: Vec<_> = unanswered.iter().map(ToString::to_string).collect();
    html! {
        section {
            h2 { "What an auditor will ask" }
            @if *questions == Questions::default() {
                p {
                    "Nothing stands out: of every control at least 99 % of the scheduled tests gave a result, no "
                    "exception is unanswered, and no definition changed."
                }
            } @else {
                ul {
                    @if !low_coverage.is_empty() {
                        li { "Why did less than 99 % of the scheduled tests give a result? " (names(low_coverage)) }
                    }
                    @if !never_due.is_empty() {
                        li { "Why was no test scheduled? " (names(never_due)) }
                    }
                    @if !exceptions.is_empty() {
                        li { "What was the root cause, and what is the response? " (exceptions.join(", ")) }
                    }
                    @if !redefined.is_empty() {
                        li { "Who approved the changed definition? " (names(redefined)) }
                    }
                }
            }
        }
    }
}

pub(super) fn systems(report: &Report) -> Markup {
    html! {
        @if !report.systems.is_empty() {
            section {
                h2 { "Systems" }
                table {
                    thead { tr { th { "System" } th { "Controls that speak of it" } } }
                    tbody {
                        @for system in &report.systems {
                            tr { td { (system.system) } td { (names(&system.controls)) } }
                        }
                    }
                }
            }
        }
    }
}

/// The first of them, and how many more there are.
pub(super) fn names(controls: &[ControlId]) -> String {
    let shown: Vec<_> = controls.iter().take(NAMES_SHOWN_MAX).map(ControlId::as_str).collect();
    match controls.len().saturating_sub(NAMES_SHOWN_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
