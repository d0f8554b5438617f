use maud::{Markup, html};
use std::collections::BTreeMap;

use super::{
    Report,
    tables::{bad, coverage_bar, warn},
    time::{Clock, length},
};
use crate::summary::{ControlSummary, DayMark, words::grouped};

/// Deviations that the page lists of one control; the table for spreadsheets has more.
const DEVIATIONS_SHOWN_MAX: usize = 20;

pub(super) fn section(report: &Report, clock: &Clock) -> Markup {
    let controls = &report.summary.controls;
    html! {
        section {
            h2 { "Controls" }
            (legend())
            div.wide {
                table {
                    thead {
                        tr {
                            th { "Control" } th { "Day by day" } th.n { "Tested" } th.n { "Deviations" } th.n { "Errors" }
                            th.n { "Missed" } th.n { "Exceptions" } th.n { "Time failing" } th.n { "Coverage" }
                        }
                    }
                    tbody { @for control in controls { (row(control)) } }
                }
            }
            @for control in controls.iter().filter(|control| !control.total.deviating.is_empty()) {
                (deviations(control, clock))
            }
        }
    }
}

fn row(control: &ControlSummary) -> Markup {
    let ControlSummary { facts, total, .. } = control;
    html! {
        tr {
            td.name {
                span.id { (control.control) } " " (facts.title)
                br;
                span.quiet { (facts.severity.as_str()) " · " (facts.owner) @if facts.retired { " · retired" } }
            }
            td { (strip(&control.days)) }
            td.n { (grouped(total.tested())) " of " (grouped(total.due())) }
            td.n { (bad(total.deviations)) }
            td.n { (warn(total.error)) }
            td.n { (warn(total.missed_total())) }
            td.n { (bad(control.exceptions)) }
            td.n { (length(control.failing)) }
            td.n { (coverage_bar(total)) }
        }
    }
}

/// A day is a unit wide; days alike in a row are one rectangle, so that a year of a quiet control costs a line.
fn strip(days: &[DayMark]) -> Markup {
    let mut stretches: Vec<(usize, usize, DayMark)> = Vec::new();
    for (day, mark) in days.iter().enumerate() {
        match stretches.last_mut() {
            Some((_, width, before)) if before == mark => *width += 1,
            _ => stretches.push((day, 1, *mark)),
        }
    }
    html! {
        svg.strip viewBox=(format!("0 0 {} 10", days.len().max(1))) preserveAspectRatio="none" role="img" {
            title { (counted(days)) }
            @for (day, width, mark) in stretches {
                @if let Some(class) = class(mark) {
                    rect class=(class) x=(day) width=(width) height="10" {}
                }
            }
        }
    }
}

/// What the colours say, in words: `2 days deviation, 362 days passed`.
fn counted(days: &[DayMark]) -> String {
    let mut counts: BTreeMap<DayMark, u32> = BTreeMap::new();
    for mark in days {
        *counts.entry(*mark).or_default() += 1;
    }
    let of = |(mark, days): (&DayMark, &u32)| {
        let noun = if *days == 1 { "day" } else { "days" };
        format!("{days} {noun} {}", mark.as_str())
    };
    counts.iter().rev().map(of).collect::<Vec<_>>().join(", ")
}

const fn class(mark: DayMark) -> Option<&'static str> {
    match mark {
        DayMark::NotDue => None,
        DayMark::Disabled | DayMark::NotApplicable => Some("m-off"),
        DayMark::Pass => Some("m-pass"),
        DayMark::Gap => Some("m-gap"),
        DayMark::Error => Some("m-error"),
        DayMark::NotTested => Some("m-not-tested"),
        DayMark::Deviation => Some("m-deviation"),
    }
}

fn legend() -> Markup {
    let marks =
        [DayMark::Pass, DayMark::Deviation, DayMark::Error, DayMark::NotTested, DayMark::Gap, DayMark::Disabled];
    html! {
        div.legend {
            @for mark in marks {
                span {
                    svg viewBox="0 0 10 10" aria-hidden="true" { rect class=[class(mark)] width="10" height="10" {} }
                    (mark.as_str())
                    @if mark == DayMark::Disabled { ", or not applicable" }
                }
            }
        }
    }
}

fn deviations(control: &ControlSummary, clock: &Clock) -> Markup {
    let total = &control.total;
    let shown = total.deviating.len().min(DEVIATIONS_SHOWN_MAX);
    let slots: Vec<_> = total.deviating[..shown]
        .iter()
        .map(|deviation| format!("{} (run {})", clock.minute(deviation.slot.0), deviation.sequence))
        .collect();
    let more = total.deviations.saturating_sub(shown as u64);
    html! {
        h3 { "Deviations of " (control.control) }
        p { (slots.join(" · ")) @if more > 0 { " · and " (grouped(more)) " more" } }
    }
}
