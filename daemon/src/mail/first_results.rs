//! The letter of the first day: what each control's first test came to.

use super::document::{Align, Document, Table, Tone, strong, text};
use super::phrases::{checkpoint, page};
use super::prepared::Prepared;
use super::{FirstResult, FirstResultsFacts, Letterhead, words};

/// The status page and `evidenced status` have all.
const CONTROLS_SHOWN_MAX: usize = 200;

pub(super) fn first_results(facts: &FirstResultsFacts, head: &Letterhead) -> Prepared {
    let count = |is: fn(FirstResult) -> bool| facts.controls.iter().filter(|control| is(control.result)).count() as u64;
    let passed = count(|result| matches!(result, FirstResult::Passes | FirstResult::NothingToAssess));
    let fails = count(|result| matches!(result, FirstResult::Fails(_) | FirstResult::Unconfirmed));
    let untested = count(|result| result == FirstResult::NotTested);
    let waiting = count(|result| result == FirstResult::NotDueYet);
    let all = facts.controls.len() as u64;
    let mut headline = format!("{} of {} passed", words::grouped(passed), words::count(all, "control"));
    for (number, what) in [(fails, "failing"), (untested, "could not be tested"), (waiting, "not due yet")] {
        if number > 0 {
            headline.push_str(&format!(", {} {what}", words::grouped(number)));
        }
    }
    let mut document = Document::default();
    let tone = match (fails, untested) {
        (0, 0) => Tone::Good,
        (0, _) => Tone::Unknown,
        _ => Tone::Bad,
    };
    document.title("FIRST RESULTS", &headline, tone);
    document.paragraph([
        strong("The monitoring has begun. "),
        text(format!(
            "It was started on {}; this is what the first test of each control came to. What fails was not caused by \
             the start: it was so before, and nobody looked.",
            words::time(facts.started, &head.zone)
        )),
    ]);
    let mut table = Table::new([("Control", Align::Left), ("Promise", Align::Left), ("First result", Align::Left)]);
    for control in facts.controls.iter().take(CONTROLS_SHOWN_MAX) {
        let result = match control.result {
            FirstResult::Fails(exception) => format!("fails ({exception})"),
            FirstResult::Unconfirmed => "fails, not confirmed yet".to_owned(),
            FirstResult::NotTested => "could not be tested".to_owned(),
            FirstResult::NotDueYet => "not due yet".to_owned(),
            FirstResult::Passes => "passes".to_owned(),
            FirstResult::NothingToAssess => "nothing to assess".to_owned(),
        };
        table.row([control.id.to_string(), control.title.clone(), result]);
    }
    let more = facts.controls.len().saturating_sub(CONTROLS_SHOWN_MAX);
    table.note = (more > 0).then(|| format!("… and {} more.", words::grouped(more as u64)));
    document.table(&table);
    document.heading("What comes now");
    document.say(
        "From now on a mail comes when something changes: a control fails, recovers, or cannot be tested. Summaries come \
         also when all is well: if one does not come, something is wrong with the monitoring.",
    );
    document.facts(checkpoint(facts.checkpoint));
    page(&mut document, head);
    Prepared::new(format!("First results: {headline}"), document, Vec::new(), None)
}
