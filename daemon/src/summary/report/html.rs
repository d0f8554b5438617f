use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Report, controls, exceptions, exclusions, proof, style::STYLE, tables, time::Clock};
use crate::summary::{Span, coverage, result, words::grouped};

/// The report as one page that stands alone: no scripts, nothing fetched, to be read on a screen or printed.
pub fn render_html(report: &Report) -> String {
    let summary = &report.summary;
    let clock = Clock::of(&summary.period.zone);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (report.organization) ": " (summary.period.span) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head(report, &clock))
                (figures(report))
                (tables::families(report))
                (controls::section(report, &clock))
                (exceptions::section(report, &clock))
                (tables::not_performed(report, &clock))
                (exclusions::section(report, &clock))
                (tables::changes(report, &clock))
                (tables::criteria(report))
                (tables::questions(&summary.questions()))
                (tables::systems(report))
                (proof::section(report, &clock))
                footer {
                    "Made by evidenced " (report.software) " at " (clock.minute(report.produced)) " from the ledger of "
                    (report.organization) " (" (report.instance) "). Times are those of " (summary.period.zone) "."
                }
            }
        }
    };
    page.into_string() + "\n"
}

fn head(report: &Report, clock: &Clock) -> Markup {
    let period = &report.summary.period;
    let kind = match period.span {
        Span::Window(_) => "Observation window",
        Span::Week { .. } | Span::Month { .. } | Span::Quarter { .. } | Span::Days => "Period",
    };
    html! {
        header {
            p.quiet { (report.organization) " · " (report.instance) }
            h1 { (period.span) ": tests of controls" }
            p.quiet {
                (kind) " " (period.from) " to " (period.to) ", both days included, in " (period.zone)
                @if report.summary.as_of < period.end {
                    "; not over yet, as of " (clock.minute(report.summary.as_of))
                }
            }
        }
        p.lead { (result(&report.summary.headline.total)) "." }
    }
}

fn figures(report: &Report) -> Markup {
    let headline = &report.summary.headline;
    let before = report.before.as_ref();
    let tile = |figure: String, name: &str, then: Option<String>| {
        html! {
            div.tile {
                b { (figure) }
                span { (name) @if let Some(then) = then { br; "before: " (then) } }
            }
        }
    };
    let compared = report.before_span.as_ref().filter(|_| before.is_some());
    let of = |part: u64, all: u64| format!("{} of {}", grouped(part), grouped(all));
    html! {
        div.tiles {
            (tile(
                of(headline.passed_all, headline.controls),
                "controls passed all their tests",
                before.map(|before| of(before.passed_all, before.controls)),
            ))
            (tile(grouped(headline.exceptions), plural(headline.exceptions, "exception", "exceptions"), before.map(|before| grouped(before.exceptions))))
            (tile(
                grouped(headline.total.deviations),
                plural(headline.total.deviations, "deviation (failing test)", "deviations (failing tests)"),
                before.map(|before| grouped(before.total.deviations)),
            ))
            (tile(
                coverage(&headline.total),
                "of the scheduled tests gave a result",
                before.map(|before| coverage(&before.total)),
            ))
            (tile(
                grouped(headline.gaps),
                plural(headline.gaps, "gap in the tests", "gaps in the tests"),
                before.map(|before| grouped(before.gaps)),
            ))
        }
        @if let Some(span) = compared { p.quiet { "Before: " (span) "." } }
    }
}

const fn plural(count: u64, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}
