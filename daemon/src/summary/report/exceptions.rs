use maud::{Markup, html};

use super::{
    Report, ReportedException, about, departure,
    time::{Clock, length},
};
use crate::{
    domain::ExceptionState,
    summary::{ExceptionSummary, words::grouped},
};

/// Subjects that the page lists of one exception; the table for spreadsheets has all.
const SUBJECTS_SHOWN_MAX: usize = 50;

pub(super) fn section(report: &Report, clock: &Clock) -> Markup {
    let exceptions = &report.summary.exceptions;
    html! {
        section {
            h2 { "Exceptions" }
            @if exceptions.is_empty() {
                p { "None was open in this period." }
            }
            @for exception in exceptions {
                @let story = report.exceptions.iter().find(|story| story.exception == exception.exception);
                (case(report, exception, story, clock))
            }
        }
    }
}

fn case(report: &Report, exception: &ExceptionSummary, story: Option<&ReportedException>, clock: &Clock) -> Markup {
    let control = report.summary.controls.iter().find(|control| control.control == exception.control);
    let state = exception.state.as_str();
    html! {
        div.case {
            h3 {
                (exception.exception) " " span class=(format!("badge {state}")) { (state) } " " (exception.control)
                @if let Some(control) = control { " " (control.facts.title) }
            }
            p { (sentence(exception, clock)) }
            @if let Some(story) = story {
                (subjects(story, clock))
                @for note in &story.notes {
                    p { b { (about(note.about)) } ", " (note.author) ", " (clock.minute(note.at)) ": " (note.text) }
                }
            }
            @if !exception.answered {
                p.warn { "Root cause or response is not noted." }
            }
        }
    }
}

/// When it failed, for how long, whether that was in time, and when a person saw it.
fn sentence(exception: &ExceptionSummary, clock: &Clock) -> String {
    let since = clock.minute(exception.first_slot.0);
    let lasted = match exception.recovered {
        Some(slot) => format!("Failing from {since} to {} ({})", clock.minute(slot.0), length(exception.length)),
        None => format!("Failing since {since} ({} so far)", length(exception.length)),
    };
    let due = clock.minute(exception.due);
    let in_time = match (exception.overdue.is_zero(), exception.state) {
        (false, _) => format!("it was to be fixed until {due}: {} over", length(exception.overdue)),
        (true, ExceptionState::Open) => format!("to be fixed until {due}"),
        (true, ExceptionState::Overdue | ExceptionState::Recovered | ExceptionState::Closed) => {
            format!("fixed in time ({due})")
        }
    };
    let seen = match exception.acknowledged {
        Some(at) => format!("acknowledged {} after it opened", length(at.since(exception.opened))),
        None => "not acknowledged".to_owned(),
    };
    format!("{lasted}; {in_time}; {seen}.")
}

fn subjects(story: &ReportedException, clock: &Clock) -> Markup {
    let more = story.subjects.len().saturating_sub(SUBJECTS_SHOWN_MAX);
    html! {
        @if !story.subjects.is_empty() {
            table {
                thead { tr { th { "Subject" } th { "First seen" } th { "Last seen" } th { "Ended" } } }
                tbody {
                    @for subject in story.subjects.iter().take(SUBJECTS_SHOWN_MAX) {
                        tr {
                            td { (subject.subject) }
                            td.at { (clock.minute(subject.first_seen.0)) }
                            td.at { (clock.minute(subject.last_seen.0)) }
                            td { (subject.ended.map_or("fails still", departure)) }
                        }
                    }
                }
            }
            @if more > 0 { p.quiet { "and " (grouped(more as u64)) " more, in exception-subjects.csv" } }
        }
    }
}
