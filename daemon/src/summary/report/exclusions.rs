//! Subjects that were out of scope, with who says so and why.

use maud::{Markup, html};

use super::{Report, time::Clock};
use crate::{
    domain::ControlId,
    summary::{DecidedFacts, ExclusionFacts},
};

pub(super) fn section(report: &Report, clock: &Clock) -> Markup {
    let exclusions: Vec<_> = listed(report).collect();
    html! {
        section {
            h2 { "Exclusions" }
            @if exclusions.is_empty() {
                p { "No subject was excluded." }
            } @else {
                p.quiet {
                    "Subjects in scope that were not judged. An approval that is claimed stands in the configuration, and \
                     nobody has looked at it."
                }
                div.wide {
                    table {
                        thead {
                            tr {
                                th { "Control" } th { "Covers" } th { "From" } th { "Until" } th { "Approval" } th { "Reason given" }
                            }
                        }
                        tbody {
                            @for (control, exclusion) in exclusions {
                                tr {
                                    td.id { (control) }
                                    td { (exclusion.subject) }
                                    td.at { @if let Some(decided) = &exclusion.decided { (clock.minute(decided.from)) } }
                                    td.at { (end(exclusion, clock)) }
                                    td { (approval(exclusion)) }
                                    td { (exclusion.reason) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Those that concern the period.
pub(super) fn listed(report: &Report) -> impl Iterator<Item = (&ControlId, &ExclusionFacts)> {
    let of = |control: &'_ crate::summary::ControlSummary| control.total.due() > 0 || !control.facts.retired;
    let controls = report.summary.controls.iter().filter(move |control| of(control));
    let all =
        controls.flat_map(|control| control.facts.exclusions.iter().map(|exclusion| (&control.control, exclusion)));
    all.filter(|(_, exclusion)| exclusion.concerns(&report.summary.period))
}

fn end(exclusion: &ExclusionFacts, clock: &Clock) -> String {
    let ended = exclusion.decided.as_ref().and_then(|decided| decided.ended);
    match (ended, exclusion.until) {
        (Some(ended), _) => format!("{} (ended)", clock.minute(ended)),
        (None, Some(until)) => clock.minute(until),
        (None, None) => "no end".to_owned(),
    }
}

fn approval(exclusion: &ExclusionFacts) -> String {
    match (&exclusion.decided, &exclusion.approval) {
        (Some(DecidedFacts { exclusion, author, approver, .. }), _) => {
            format!("by {approver}, wanted by {author} (exclusion {exclusion})")
        }
        (None, Some(claimed)) => format!("claimed: {claimed}"),
        (None, None) => "none".to_owned(),
    }
}
