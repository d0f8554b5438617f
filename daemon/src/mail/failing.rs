//! The letters of an exception: failed, already failing, more subjects, overdue, recovered.

use super::document::{Align, Document, Inline, Table, Tone, code, strong, text};
use super::phrases::{control_facts, evidence, grouped, page, result, sentence, subject};
use super::prepared::Prepared;
use super::{FailedFacts, Letterhead, MoreSubjectsFacts, RecoveredFacts, ReminderFacts, SubjectFacts, TestFacts};
use super::{clean, csv, words};
use crate::domain::{Departure, Detail};

pub(super) fn failed(facts: &FailedFacts, head: &Letterhead) -> Prepared {
    let mut document = opened(facts, "FAILED");
    promise(&mut document, facts, head);
    if facts.confirmations > 1 {
        let times = words::count(u64::from(facts.confirmations), "failing test");
        document.say(format!("This control alerts after {times} in a row, so that a single hiccup disturbs nobody."));
    }
    rest_of_failed(document, facts, head, "FAILED")
}

pub(super) fn already_failing(facts: &FailedFacts, head: &Letterhead) -> Prepared {
    let mut document = opened(facts, "ALREADY FAILING");
    promise(&mut document, facts, head);
    document.say(
        "This did not begin today: the control failed already when its alert was switched on (it is new, was enabled \
         again, or its definition changed).",
    );
    rest_of_failed(document, facts, head, "ALREADY FAILING")
}

pub(super) fn overdue(facts: &FailedFacts, head: &Letterhead) -> Prepared {
    let mut document = opened(facts, "OVERDUE");
    let due = words::time(facts.exception.due, &head.zone);
    document.paragraph([
        strong("Not fixed in time. "),
        text(format!("The company promised to fix it within {}, that is by {due}. ", facts.exception.within)),
        text("It still fails."),
    ]);
    promise(&mut document, facts, head);
    rest_of_failed(document, facts, head, "OVERDUE")
}

pub(super) fn reminder(facts: &ReminderFacts, head: &Letterhead) -> Prepared {
    let failed = &facts.failed;
    let mut document = opened(failed, "REMINDER");
    let open_for = words::duration(facts.at.since(failed.exception.since.0));
    document.paragraph([
        strong(format!("Still failing, for {open_for}. ")),
        text(match facts.promised {
            None => "Nobody has acknowledged it yet.".to_owned(),
            Some(promised) => {
                format!("Whoever acknowledged it had until {}.", words::time(promised, &head.zone))
            }
        }),
    ]);
    if facts.escalated {
        document
            .say("This reminder goes to more people than the first: it has waited long enough that they are to know.");
    }
    promise(&mut document, failed, head);
    rest_of_failed(document, failed, head, "REMINDER")
}

/// It had changed too often to be told, and now keeps failing.
pub(super) fn steady(facts: &FailedFacts, head: &Letterhead) -> Prepared {
    let mut document = opened(facts, "STEADY, AND FAILING");
    document.paragraph([
        strong("It fails, and has kept to that. "),
        text("The control had changed too often to be told; each change gets a mail again."),
    ]);
    promise(&mut document, facts, head);
    rest_of_failed(document, facts, head, "STEADY, AND FAILING")
}

pub(super) fn more_subjects(facts: &MoreSubjectsFacts, head: &Letterhead) -> Prepared {
    let failed = &facts.failed;
    let mut document = opened(failed, "MORE FAILING");
    let joined = words::count(facts.joined.len() as u64, "more subject");
    let verb = if facts.joined.len() == 1 { "fails" } else { "fail" };
    document.paragraph([
        strong(format!("{joined} {verb}.")),
        text(format!(" Exception {} was open already.", failed.exception.id)),
    ]);
    promise(&mut document, failed, head);
    document.facts(exception_facts(failed, head));
    if head.detail == Detail::Counts {
        return finish(document, failed, head, "MORE FAILING");
    }
    document.heading("New since the last mail");
    let joined = subjects_table(&facts.joined, head);
    document.table(&joined);
    let known: Vec<_> = failed.subjects.iter().filter(|subject| !facts.joined.contains(subject)).cloned().collect();
    if !known.is_empty() {
        document.heading("Failing before");
        document.table(&subjects_table(&known, head));
    }
    finish(document, failed, head, "MORE FAILING")
}

pub(super) fn recovered(facts: &RecoveredFacts, head: &Letterhead) -> Prepared {
    let (control, exception, slot) = (&facts.control, &facts.exception, facts.test.slot.0);
    let mut document = Document::default();
    document.title("RECOVERED", &format!("{} {}", control.id, control.title), Tone::Good);
    let length = words::duration(slot.since(exception.since.0));
    let (from, to) = (words::time(exception.since.0, &head.zone), words::time(slot, &head.zone));
    document.paragraph([
        strong(format!("It failed for {length}, ")),
        text(format!("from {from} to {to}, when the test passed again")),
        seen(&facts.test, head),
    ]);
    document.say(format!(
        "In this time {} of {} failed. {}",
        words::grouped(facts.failing_tests),
        words::count(facts.tests, "test"),
        if slot <= exception.due {
            format!("It was fixed within the promised {}.", exception.within)
        } else {
            let late = words::duration(slot.since(exception.due));
            format!("It was fixed {late} later than promised ({}).", exception.within)
        }
    ));
    let mut list = control_facts(control);
    list.push(("Result", vec![text(result(&facts.test))]));
    list.push(("Exception", vec![code(exception.id.to_string()), text(", recovered, not closed yet")]));
    document.facts(list);
    if !facts.ended.is_empty() && head.detail == Detail::Full {
        document.heading("How each failing subject ended");
        let mut table = Table::new([
            ("Subject", Align::Left),
            ("From", Align::Left),
            ("Until", Align::Left),
            ("Why it ended", Align::Left),
        ]);
        for ended in facts.ended.iter().take(csv::SHOWN_MAX) {
            table.row([
                name(&ended.subject, ended.label.as_deref()),
                words::short_time(ended.since.0, &head.zone),
                words::short_time(ended.until.0, &head.zone),
                words::departure(ended.why).to_owned(),
            ]);
        }
        let more = facts.ended.len().saturating_sub(csv::SHOWN_MAX);
        table.note = (more > 0).then(|| format!("… and {} more.", words::grouped(more as u64)));
        document.table(&table);
        let unfixed = facts.ended.iter().filter(|ended| ended.why != Departure::Fixed).count();
        if unfixed > 0 {
            document.say(format!(
                "{} of them did not end by being fixed: look whether that is what you meant.",
                words::grouped(unfixed as u64)
            ));
        }
    }
    document.heading("What remains to do");
    document.say(
        "The exception stays on record. Write what caused it and what was done about it; then someone who is not the \
         control's owner reviews and closes it. Type, or ask a colleague who has a shell to type:",
    );
    document.verbatim(
        &format!(
            "evidenced exceptions note {0} --about root-cause 'what caused it'\n\
             evidenced exceptions note {0} --about response 'what was done about it'\n\
             evidenced exceptions close {0} 'who reviewed it'",
            exception.id
        ),
        3,
    );
    page(&mut document, head);
    evidence(&mut document, &facts.test.evidence);
    Prepared::new(subject("RECOVERED", control), document, Vec::new(), Some(control.id.clone()))
}

fn opened(facts: &FailedFacts, state: &str) -> Document {
    let mut document = Document::default();
    document.title(state, &format!("{} {}", facts.control.id, facts.control.title), Tone::Bad);
    document
}

/// What was promised, and what was seen.
fn promise(document: &mut Document, facts: &FailedFacts, head: &Letterhead) {
    let time = words::time(facts.test.slot.0, &head.zone);
    let (fail, population) = (facts.test.counts.fail, facts.test.population);
    document.paragraph([strong("Promised: "), text(sentence(&facts.control.title))]);
    document.paragraph([
        strong("Seen: "),
        text(format!("the test of {time} found {} of {} failing", grouped(fail), of_subjects(population))),
        seen(&facts.test, head),
    ]);
    if let (Some(why), Detail::Full) = (&facts.test.incomplete, head.detail) {
        document.paragraph([
            strong("Not everything was looked at, "),
            text(format!("so there may be more: {}", sentence(&clean::line(why, 300)))),
        ]);
    } else if facts.test.incomplete.is_some() {
        document.say("Not everything was looked at, so there may be more.");
    }
}

fn rest_of_failed(mut document: Document, facts: &FailedFacts, head: &Letterhead, state: &str) -> Prepared {
    document.facts(exception_facts(facts, head));
    if head.detail == Detail::Full {
        document.heading("What fails");
        document.table(&subjects_table(&facts.subjects, head));
    }
    finish(document, facts, head, state)
}

/// Meaning, what to do, evidence, and the attached list.
fn finish(mut document: Document, facts: &FailedFacts, head: &Letterhead, state: &str) -> Prepared {
    let (control, exception) = (&facts.control, &facts.exception);
    let attached = match head.detail {
        Detail::Full => csv::attach(&control.id, &facts.subjects),
        Detail::Counts => None,
    };
    if let Some((file, held)) = &attached {
        let all = facts.subjects.len();
        document.say(if *held == all {
            format!("The attached file {} lists all {}.", file.name, grouped_usize(all))
        } else {
            format!(
                "The attached file {} lists the first {} of {}; more would not fit a mail.",
                file.name,
                grouped_usize(*held),
                grouped_usize(all)
            )
        });
    }
    if head.detail == Detail::Counts {
        document.say("You get numbers and no names. What fails is listed where the daemon runs:");
        document.verbatim(&format!("evidenced exceptions show {}", exception.id), 1);
    }
    document.heading("What it means");
    let windows = exception.windows.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let report = match exception.windows.len() {
        0 => "It stays on record, also when it is fixed.".to_owned(),
        1 => format!("It will be in the report of the window {windows}, also when it is fixed."),
        _ => format!("It will be in the reports of the windows {windows}, also when it is fixed."),
    };
    let since = words::time(exception.since.0, &head.zone);
    document.say(format!("An exception, {}, is open since {since}. {report}", exception.id));
    document.heading("What to do");
    if let Some(remediation) = &control.remediation {
        for paragraph in remediation.split("\n\n") {
            document.say(paragraph);
        }
    }
    let due = words::time(exception.due, &head.zone);
    document.say(if state == "OVERDUE" {
        "Fix it now, or write why it cannot be fixed and when it will be.".to_owned()
    } else {
        format!("Fix it by {due} ({}), or write why not.", exception.within)
    });
    document.say(format!(
        "Ask {}, the control's owner, if anything is unclear. To tell everybody that you have seen it, type, or ask a \
         colleague who has a shell to type:",
        control.owner
    ));
    document.verbatim(&format!("evidenced exceptions ack {} 'who mends it, and until when'", exception.id), 1);
    page(&mut document, head);
    evidence(&mut document, &facts.test.evidence);
    let attachments = attached.map(|(file, _)| file).into_iter().collect();
    Prepared::new(subject(state, control), document, attachments, Some(control.id.clone()))
}

fn exception_facts(facts: &FailedFacts, head: &Letterhead) -> Vec<(&'static str, Vec<Inline>)> {
    let exception = &facts.exception;
    let mut list = control_facts(&facts.control);
    list.push(("Tested", vec![text(words::time(facts.test.slot.0, &head.zone))]));
    list.push(("Failing since", vec![text(words::time(exception.since.0, &head.zone))]));
    list.push(("Result", vec![text(result(&facts.test))]));
    list.push(("Exception", vec![code(exception.id.to_string())]));
    list.push(("Fix by", vec![text(words::time(exception.due, &head.zone))]));
    list
}

fn subjects_table(subjects: &[SubjectFacts], head: &Letterhead) -> Table {
    let mut table = Table::new([
        ("Subject", Align::Left),
        ("Measured", Align::Left),
        ("Limit", Align::Left),
        ("Failing since", Align::Left),
        ("The check says", Align::Left),
    ]);
    for subject in subjects.iter().take(csv::SHOWN_MAX) {
        // What has a limit was judged by it; the rest is colour.
        let judged = |measurement: &&evidenced_contract::Measurement| measurement.limit.is_some();
        let mut shown: Vec<_> = subject.measurements.iter().filter(judged).take(3).collect();
        if shown.is_empty() {
            shown = subject.measurements.iter().take(3).collect();
        }
        let measured: Vec<_> = shown.iter().map(|measurement| words::measured(measurement)).collect();
        let limits: Vec<_> = shown.iter().filter_map(|measurement| words::limit(measurement)).collect();
        table.row([
            name(&subject.subject, subject.label.as_deref()),
            measured.join(", "),
            limits.join(", "),
            words::short_time(subject.since.0, &head.zone),
            subject.message.clone(),
        ]);
    }
    let more = subjects.len().saturating_sub(csv::SHOWN_MAX);
    table.note = (more > 0).then(|| format!("… and {} more.", grouped_usize(more)));
    table
}

fn name(subject: &str, label: Option<&str>) -> String {
    match label {
        Some(label) if !label.is_empty() && label != subject => {
            format!("{} ({})", clean::line(label, 100), clean::line(subject, 150))
        }
        _ => clean::line(subject, 200),
    }
}

/// The check's own words, marked as such, to go on in a sentence.
fn seen(test: &TestFacts, head: &Letterhead) -> Inline {
    let seen = match head.detail {
        Detail::Full => clean::line(&test.seen, 400),
        Detail::Counts => String::new(),
    };
    text(if seen.is_empty() { ".".to_owned() } else { format!(". The check says: “{seen}”") })
}

fn of_subjects(population: u32) -> String {
    words::count(u64::from(population), "subject")
}

fn grouped_usize(number: usize) -> String {
    words::grouped(number as u64)
}
