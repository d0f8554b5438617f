//! The letters of what ends soon: a person's statement, and exclusions.

use super::document::{Align, Document, Table, Tone, strong, text};
use super::phrases::{control_facts, page, subject};
use super::prepared::Prepared;
use super::{ExclusionEndsFacts, ExpiringFacts, Letterhead, words};
use crate::domain::Detail;

/// A mail names so many exclusions.
const SHOWN_MAX: usize = 20;

pub(super) fn expiring(facts: &ExpiringFacts, head: &Letterhead) -> Prepared {
    let control = &facts.control;
    let mut document = Document::default();
    document.title("EXPIRES SOON", &format!("{} {}", control.id, control.title), Tone::Plain);
    let (stated, until) = (words::time(facts.stated, &head.zone), words::time(facts.until, &head.zone));
    let left = words::duration(facts.until.since(facts.at));
    document.paragraph([
        strong(format!("{} expires on {until}, in {left}. ", control.id)),
        text("No check tests it: a person stated how it stands, and what was stated holds no longer than that."),
    ]);
    let mut list = control_facts(control);
    list.push(("Stated on", vec![text(stated)]));
    list.push(("Holds until", vec![text(until)]));
    document.facts(list);
    document.heading("What it means");
    document.say(
        "If nobody states it again before, the control counts as not tested from then on, and the report of the window \
         lists it so.",
    );
    document.heading("What to do");
    document.say(format!(
        "Ask {}, the control's owner, to look, and to have it stated again with what was seen:",
        control.owner
    ));
    document.verbatim(
        &format!(
            "evidenced attest {} --pass --file WHAT_WAS_SEEN --reason 'what was looked at, and by whom'",
            control.id
        ),
        1,
    );
    page(&mut document, head);
    Prepared::new(subject("EXPIRES SOON", control), document, Vec::new(), Some(control.id.clone()))
}

pub(super) fn exclusion_ends(facts: &ExclusionEndsFacts, head: &Letterhead) -> Prepared {
    let control = &facts.control;
    let mut document = Document::default();
    document.title("EXCLUSION ENDS", &format!("{} {}", control.id, control.title), Tone::Plain);
    let until = words::time(facts.until, &head.zone);
    let left = words::duration(facts.until.since(facts.at));
    let what = match (facts.exclusions.as_slice(), head.detail) {
        ([one], Detail::Full) => format!("{} is tested again from {until}, in {left}. ", one.subject),
        ([_], Detail::Counts) => format!("A subject is tested again from {until}, in {left}. "),
        (several, _) => {
            let several = words::count(several.len() as u64, "exclusion");
            format!("{several} of {} end: their subjects are tested again from {until}, in {left}. ", control.id)
        }
    };
    document.paragraph([strong(what), text("Until then the control does not judge what is excluded, as was decided.")]);
    document.facts(control_facts(control));
    if head.detail == Detail::Full {
        document.heading("What ends");
        let mut table =
            Table::new([("Subject", Align::Left), ("Reason given", Align::Left), ("Approval", Align::Left)]);
        for one in facts.exclusions.iter().take(SHOWN_MAX) {
            table.row([one.subject.clone(), one.reason.clone(), one.approval.words()]);
        }
        let more = facts.exclusions.len().saturating_sub(SHOWN_MAX);
        table.note = (more > 0).then(|| format!("… and {} more.", words::grouped(more as u64)));
        document.table(&table);
    }
    document.heading("What to do");
    document.say(format!(
        "Nothing, if it is to be tested again: what fails then opens an exception. If the reason holds still, ask {}, the \
         control's owner, for a later end: in the configuration (`until` of `exclude`), or by two people:",
        control.owner
    ));
    document.verbatim(
        &format!("evidenced exclude {} SUBJECT --until YYYY-MM-DD --reason 'why it is out of scope still'", control.id),
        1,
    );
    document.say("All exclusions, with who decided on them: `evidenced exclusions`.");
    page(&mut document, head);
    Prepared::new(subject("EXCLUSION ENDS", control), document, Vec::new(), Some(control.id.clone()))
}
