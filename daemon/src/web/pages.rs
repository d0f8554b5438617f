//! Pages that need no script and load nothing from elsewhere.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::{
    desk::{ControlLine, ExceptionLine, SlotLine, SlotState, Status},
    domain::{Family, SlotTime, Timestamp},
    mail::words::clock_doubt,
};

const STYLE: &str = include_str!("style.css");

pub(super) fn status(status: &Status, open: &[ExceptionLine]) -> Markup {
    let count = |wanted: &[&str]| status.controls.iter().filter(|c| wanted.contains(&c.state.as_str())).count();
    let failing = count(&["failing"]);
    let untested = count(&["untested"]);
    let headline = match (failing, untested) {
        (0, 0) => "All controls that were tested passed".to_owned(),
        (failing, 0) => format!("{failing} of {} controls fail", status.controls.len()),
        (0, untested) => format!("{untested} of {} controls could not be tested", status.controls.len()),
        (failing, untested) => {
            format!("{failing} of {} controls fail, {untested} could not be tested", status.controls.len())
        }
    };
    page(
        status,
        "Status",
        html! {
            h1 { (headline) }
            @if status.configuration_refused {
                p.notice { "The files of the configuration are refused; the last accepted configuration is used. " code { "evidenced check-config" } " says why." }
            }
            @if !status.after_restart.is_empty() {
                p.notice { "Changed in the configuration, in force after a restart: " (status.after_restart.join(", ")) "." }
            }
            @for problem in &status.problems { p.notice { (problem) } }
            @if let Some(doubt) = status.clock_doubt {
                p.notice {
                    "The clock is in doubt since " (time(doubt.since)) ": " (clock_doubt(doubt.doubt)) ". Tests go on by the time since boot. "
                    code { "evidenced clock accept --reason '…'" } " says that it is right."
                }
            }
            dl.figures {
                (figure("controls", status.controls.len()))
                (figure("passing", count(&["passing"])))
                (figure("failing", failing))
                (figure("not tested", untested))
                (figure("deliveries waiting", status.mails_waiting as usize))
                (figure("alerts held", status.alerts_held as usize))
                (figure("silences in force", status.silences as usize))
                (figure("waiting for approval", status.proposals as usize))
                (figure("dead letters", status.dead_letters as usize))
            }
            @if !open.is_empty() {
                h2 { "Open exceptions" }
                (exception_table(open))
            }
            @for family in Family::ALL {
                @let controls: Vec<_> = status.controls.iter().filter(|control| control.family == family.as_str()).collect();
                @if !controls.is_empty() {
                    h2 { (family.as_str()) }
                    (control_table(&controls))
                }
            }
            p.checkpoint {
                (status.entries) " entries, root " code { (status.root) }
            }
        },
    )
}

pub(super) fn exceptions(status: &Status, exceptions: &[ExceptionLine]) -> Markup {
    page(
        status,
        "Exceptions",
        html! {
            h1 { "Exceptions" }
            @if exceptions.is_empty() { p { "No control has failed since the ledger was opened." } }
            @else { (exception_table(exceptions)) }
        },
    )
}

pub(super) fn exception(status: &Status, exception: &ExceptionLine) -> Markup {
    page(
        status,
        &exception.id.to_string(),
        html! {
            h1 { (exception.id) " · " (exception.control) " " (badge(exception.state.as_str())) }
            dl.facts {
                dt { "failing since" } dd { (time(exception.first_slot.0)) }
                dt { "opened" } dd { (time(exception.opened)) }
                dt { "fix until" } dd { (time(exception.due)) }
                @if let Some(at) = exception.acknowledged { dt { "acknowledged" } dd { (time(at)) } }
                @if let Some(at) = exception.overdue { dt { "overdue since" } dd { (time(at)) } }
                @if let Some(SlotTime(at)) = exception.recovered { dt { "recovered" } dd { (time(at)) } }
                @if let Some(at) = exception.closed { dt { "closed" } dd { (time(at)) } }
            }
            h2 { "Subjects" }
            div.scroll { table {
                thead { tr { th { "subject" } th { "first seen" } th { "last seen" } th { "ended" } } }
                tbody { @for subject in &exception.subjects { tr {
                    td { code { (subject.subject) } }
                    td { (time(subject.first_seen.0)) }
                    td { (time(subject.last_seen.0)) }
                    td { @if let Some((why, slot)) = &subject.ended { (why) ", " (time(slot.0)) } @else { "still failing" } }
                } } }
            } }
            @if !exception.notes.is_empty() {
                h2 { "Notes" }
                @for note in &exception.notes {
                    p { strong { (note.about) } " · " (time(note.at)) " · " (note.author) br; (note.words) }
                }
            }
            @if exception.recovered.is_some() && exception.closed.is_none() {
                p { "To close: " code { "evidenced exceptions close " (exception.id) " --root-cause '…' --response '…'" } }
            }
            p { "To answer: " code { "evidenced exceptions note " (exception.id) " --about root-cause '…'" } }
        },
    )
}

pub(super) fn control(status: &Status, control: &ControlLine, slots: &[SlotLine]) -> Markup {
    page(
        status,
        control.control.as_str(),
        html! {
            h1 { (control.control) " " (badge(&control.state)) }
            p { (control.title) }
            dl.facts {
                dt { "family" } dd { (control.family) }
                dt { "severity" } dd { (control.severity.as_str()) }
                dt { "owner" } dd { (control.owner) }
                @if let Some(SlotTime(at)) = control.next_slot { dt { "next test" } dd { (time(at)) } }
            }
            h2 { "Latest slots" }
            div.scroll { table {
                thead { tr { th { "slot" } th { "state" } th { "outcome" } th { "reason" } th { "failing" } th.number { "sequence" } } }
                tbody { @for slot in slots { tr {
                    td { (time(slot.slot.0)) }
                    td { (match slot.state { SlotState::Run => "run", SlotState::Late => "late", SlotState::Missed => "missed" }) }
                    td { @if let Some(outcome) = slot.outcome { (badge(outcome.as_str())) } }
                    td { @if let Some(reason) = &slot.reason { (reason) } @if slot.clock_in_doubt { " clock in doubt" } }
                    td { @if let (Some(failing), Some(population)) = (slot.failing, slot.population) { (failing) " of " (population) } }
                    td.number { (slot.sequence) }
                }
                @for run in &slot.further { tr {
                    td {}
                    td { "further" }
                    td { (badge(run.outcome.as_str())) }
                    td { @if let Some(reason) = &run.reason { (reason) } }
                    td { @if let (Some(failing), Some(population)) = (run.failing, run.population) { (failing) " of " (population) } }
                    td.number { (run.sequence) }
                } } } }
            } }
        },
    )
}

pub(super) fn problem(words: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" { head { meta charset="utf-8"; title { "evidenced" } style { (PreEscaped(STYLE)) } } body { main { h1 { (words) } } } }
    }
}

fn page(status: &Status, title: &str, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · evidenced " (status.instance) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    strong { "evidenced" } " " (status.organization) " · " (status.instance)
                    nav { a href="/" { "Status" } " " a href="/exceptions" { "Exceptions" } }
                }
                main { (content) }
            }
        }
    }
}

fn figure(name: &str, value: usize) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn control_table(controls: &[&ControlLine]) -> Markup {
    html! { div.scroll { table {
        thead { tr { th { "control" } th { "state" } th { "last test" } th { "next test" } th { "owner" } } }
        tbody { @for control in controls { tr {
            td { a href={ "/controls/" (control.control) } { (control.control) } br; (control.title) }
            td { (badge(&control.state)) @if let Some(id) = control.exception { " " a href={ "/exceptions/" (id) } { (id) } } }
            td { @if let Some(SlotTime(at)) = control.last_slot { (time(at)) } @else { "none yet" } }
            td { @if let Some(SlotTime(at)) = control.next_slot { (time(at)) } @else { "–" } }
            td { (control.owner) }
        } } }
    } } }
}

fn exception_table(exceptions: &[ExceptionLine]) -> Markup {
    html! { div.scroll { table {
        thead { tr { th { "exception" } th { "control" } th { "state" } th { "failing since" } th { "fix until" } th.number { "subjects" } } }
        tbody { @for exception in exceptions { tr {
            td { a href={ "/exceptions/" (exception.id) } { (exception.id) } }
            td { a href={ "/controls/" (exception.control) } { (exception.control) } }
            td { (badge(exception.state.as_str())) }
            td { (time(exception.first_slot.0)) }
            td { (time(exception.due)) }
            td.number { (exception.subject_count) }
        } } }
    } } }
}

fn badge(word: &str) -> Markup {
    html! { span class={ "badge " (word) } { (word) } }
}

/// UTC, and said so, to the minute; exact in the attribute.
fn time(at: Timestamp) -> Markup {
    let exact = at.to_string();
    let minute = exact.get(..16).unwrap_or(&exact).replace('T', " ");
    html! { time datetime=(exact) { (minute) " UTC" } }
}
