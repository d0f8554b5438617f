//! The weekly, monthly, quarterly and whole-window letters. Sent also when all is well: the absence of a mail must mean
//! a fault.

use super::document::{Align, Document, Table, Tone, strong, text};
use super::phrases::page;
use super::prepared::Prepared;
use super::summary_lists::{self as lists, ROWS_MAX};
use super::{AuditorQuestions, Headline, Letterhead, Period, SlotCounts, SummaryFacts, words};

use Align::{Left, Right};

pub(super) fn summary(facts: &SummaryFacts, head: &Letterhead) -> Prepared {
    let (name, noun) = match &facts.period {
        Period::Week { year, week } => (format!("Week {year}-W{week:02}"), "week"),
        Period::Month { year, month } => (format!("Month {year}-{month:02}"), "month"),
        Period::Quarter { year, quarter } => (format!("Quarter {year}-Q{quarter}"), "quarter"),
        Period::Window { window } => (format!("Window {window}"), "window"),
    };
    let headline = headline(&facts.headline);
    let mut document = Document::default();
    let all_well = facts.headline.passed_all == facts.headline.controls && facts.headline.gaps == 0;
    document.title(&name, &headline, if all_well { Tone::Good } else { Tone::Plain });
    opening(&mut document, facts, head, noun);
    if let Some(before) = &facts.before {
        since_before(&mut document, before, &facts.headline, noun);
    }
    families(&mut document, facts);
    lists::open(&mut document, facts, head);
    lists::ended(&mut document, facts, head, noun);
    lists::untested(&mut document, facts, head);
    lists::gaps(&mut document, facts, head);
    lists::errors(&mut document, facts, head);
    lists::attestations(&mut document, facts, head);
    lists::exclusions(&mut document, facts, head);
    lists::silences(&mut document, facts, head);
    lists::proposals(&mut document, facts, head);
    lists::changes(&mut document, facts, head, noun);
    controls(&mut document, facts);
    trend(&mut document, facts);
    criteria(&mut document, facts);
    if let Some(questions) = &facts.questions {
        questions_of_an_auditor(&mut document, questions);
    }
    mail(&mut document, facts);
    proof(&mut document, facts, head);
    Prepared::new(format!("{name}: {headline}"), document, Vec::new(), None)
}

/// `51 of 54 controls passed all tests, 2 exceptions, 1 gap`.
fn headline(numbers: &Headline) -> String {
    let mut text = format!(
        "{} of {} passed all tests",
        words::grouped(numbers.passed_all),
        words::count(numbers.controls, "control")
    );
    text.push_str(&format!(", {}", count_or_no(numbers.exceptions, "exception")));
    if numbers.gaps > 0 {
        text.push_str(&format!(", {}", words::count(numbers.gaps, "gap")));
    }
    text
}

fn count_or_no(number: u64, noun: &str) -> String {
    if number == 0 { format!("no {noun}s") } else { words::count(number, noun) }
}

fn opening(document: &mut Document, facts: &SummaryFacts, head: &Letterhead, noun: &str) {
    let slots = &facts.headline.slots;
    document.paragraph([
        strong(format!("{} to {}", words::day(facts.from), words::day(facts.to))),
        text(format!(", both days included, {} time.", head.zone.iana_name().unwrap_or("local"))),
    ]);
    let deviations = if slots.fail == 0 { "No deviations".to_owned() } else { words::count(slots.fail, "deviation") };
    document.say(format!(
        "{deviations} in {} of {} ({} not performed, {} without an answer, {} late).",
        words::grouped(slots.tested),
        words::count(slots.due, "scheduled test"),
        words::grouped(slots.missed),
        words::grouped(slots.error),
        words::grouped(slots.late)
    ));
    if facts.headline.controls == 0 {
        document.say(format!("No control was in scope in this {noun}."));
    }
}

fn since_before(document: &mut Document, before: &Headline, now: &Headline, noun: &str) {
    document.heading(&format!("Compared with the {noun} before"));
    let mut table = Table::new([("", Left), ("Before", Right), ("Now", Right)]);
    let of = |part: u64, all: u64| format!("{} of {}", words::grouped(part), words::grouped(all));
    table.row([
        "Controls that passed all tests".to_owned(),
        of(before.passed_all, before.controls),
        of(now.passed_all, now.controls),
    ]);
    for (name, before, now) in [
        ("Exceptions", before.exceptions, now.exceptions),
        ("Gaps", before.gaps, now.gaps),
        ("Failing tests (deviations)", before.slots.fail, now.slots.fail),
    ] {
        table.row([name.to_owned(), words::grouped(before), words::grouped(now)]);
    }
    table.row(["Tests performed".to_owned(), coverage(&before.slots), coverage(&now.slots)]);
    document.table(&table);
}

fn families(document: &mut Document, facts: &SummaryFacts) {
    document.heading("By family");
    let mut table = Table::new([
        ("Family", Left),
        ("Controls", Right),
        ("Passed", Right),
        ("Exceptions", Right),
        ("Not tested", Right),
        ("Performed", Right),
    ]);
    for row in &facts.families {
        table.row([
            words::family(row.family).to_owned(),
            words::grouped(row.controls),
            words::grouped(row.passed_all),
            words::grouped(row.exceptions),
            words::grouped(row.untested),
            coverage(&row.slots),
        ]);
    }
    document.table(&table);
}

/// Exact where a rounded number would claim too much: `99.9 %` is never shown as `100 %`.
fn coverage(slots: &SlotCounts) -> String {
    if slots.due == 0 {
        return "–".to_owned();
    }
    if slots.tested >= slots.due {
        return "100\u{a0}%".to_owned();
    }
    let tenths = slots.tested.saturating_mul(1000) / slots.due;
    format!("{}.{}\u{a0}%", tenths / 10, tenths % 10)
}

fn controls(document: &mut Document, facts: &SummaryFacts) {
    if facts.controls.is_empty() {
        return;
    }
    document.heading("Control by control");
    let mut table = Table::new([
        ("Control", Left),
        ("Performed", Left),
        ("Failed", Right),
        ("No answer", Right),
        ("Exceptions", Right),
        ("Time failing", Left),
        ("Time to acknowledge", Left),
        ("Time to fix", Left),
    ]);
    for row in facts.controls.iter().take(ROWS_MAX * 10) {
        let length = |length: Option<std::time::Duration>| length.map(words::duration).unwrap_or_default();
        table.row([
            format!("{} {}", row.control, row.title),
            format!("{} of {}", words::grouped(row.slots.tested), words::grouped(row.slots.due)),
            words::grouped(row.slots.fail),
            words::grouped(row.slots.error),
            words::grouped(row.exceptions),
            if row.failing.is_zero() { String::new() } else { words::duration(row.failing) },
            length(row.to_acknowledge),
            length(row.to_fix),
        ]);
    }
    table.note = (facts.controls.len() > ROWS_MAX * 10)
        .then(|| format!("… and {} more, in the report.", facts.controls.len() - ROWS_MAX * 10));
    document.table(&table);
}

fn trend(document: &mut Document, facts: &SummaryFacts) {
    if facts.trend.is_empty() {
        return;
    }
    document.heading("The periods before");
    let mut table = Table::new([
        ("Period", Left),
        ("Controls", Right),
        ("Passed", Right),
        ("Exceptions", Right),
        ("Gaps", Right),
        ("Performed", Right),
    ]);
    for row in &facts.trend {
        table.row([
            row.period.clone(),
            words::grouped(row.headline.controls),
            words::grouped(row.headline.passed_all),
            words::grouped(row.headline.exceptions),
            words::grouped(row.headline.gaps),
            coverage(&row.headline.slots),
        ]);
    }
    document.table(&table);
}

fn criteria(document: &mut Document, facts: &SummaryFacts) {
    if facts.criteria.is_empty() {
        return;
    }
    document.heading("By criterion");
    let mut table = Table::new([("Criterion", Left), ("Exceptions", Right), ("Performed", Right), ("Controls", Left)]);
    for row in &facts.criteria {
        let controls: Vec<_> = row.controls.iter().map(ToString::to_string).collect();
        table.row([row.criterion.clone(), words::grouped(row.exceptions), coverage(&row.slots), controls.join(", ")]);
    }
    document.table(&table);
}

fn questions_of_an_auditor(document: &mut Document, questions: &AuditorQuestions) {
    document.heading("What an auditor will ask");
    let mut items = Vec::new();
    let mut ask = |question: &str, about: Vec<String>| {
        if !about.is_empty() {
            items.push(vec![text(format!("{question} ")), text(about.join(", "))]);
        }
    };
    let low = questions.low_coverage.iter();
    ask(
        "Why were less than 99\u{a0}% of the scheduled tests performed?",
        low.map(|(control, slots)| format!("{control} ({})", coverage(slots))).collect(),
    );
    ask("What caused it, and what was done?", questions.unanswered.iter().map(ToString::to_string).collect());
    ask("Who approved the changed test?", questions.redefined.iter().map(ToString::to_string).collect());
    if items.is_empty() {
        document.say("Nothing that these records leave unanswered.");
    } else {
        document.list(items);
    }
}

fn mail(document: &mut Document, facts: &SummaryFacts) {
    if facts.mail.waiting == 0 && facts.mail.refused == 0 {
        return;
    }
    document.heading("What did not arrive");
    let waiting = if facts.mail.waiting == 1 { "waits for its server" } else { "wait for their servers" };
    document.say(format!(
        "{} {waiting}; {} refused for good. Somebody may have missed an alert: `evidenced status` names them.",
        words::count(facts.mail.waiting, "delivery"),
        words::grouped(facts.mail.refused)
    ));
}

fn proof(document: &mut Document, facts: &SummaryFacts, head: &Letterhead) {
    document.heading("Evidence");
    if let Some(note) = &facts.checkpoint {
        document.say("The newest checkpoint of the ledger, signed by its key (entries, root, signature):");
        document.verbatim(note.trim_end(), 8);
        document.say(
            "Keep this mail: whoever holds it can show later that no entry up to this checkpoint was changed or taken \
             out. Save it as a file, and type:",
        );
        document.verbatim("evidenced verify --against FILE", 1);
    }
    document.say(match facts.period {
        Period::Window { .. } => {
            "Proven are: that every scheduled test is accounted for, that the record was not changed up to the last \
             checkpoint held elsewhere, and that each result follows from what the test saw. Not proven are: that what \
             it saw came from the real system, that the list of systems is complete, the design of the controls, and \
             people."
        }
        _ => "Numbers are of scheduled tests, not of compliance: no percentage here says that a control is enough.",
    });
    page(document, head);
}
