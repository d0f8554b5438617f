//! The letters of a control that changes too often to be told, and of one that stopped doing so.

use super::document::{Document, Tone, code, strong, text};
use super::failing;
use super::phrases::{control_facts, evidence, page, result, subject};
use super::prepared::Prepared;
use super::{FlappingFacts, Letterhead, SteadyFacts, words};

pub(super) fn flapping(facts: &FlappingFacts, head: &Letterhead) -> Prepared {
    let control = &facts.control;
    let mut document = Document::default();
    document.title("FLAPPING", &format!("{} {}", control.id, control.title), Tone::Unknown);
    let since = words::time(facts.since.0, &head.zone);
    document.paragraph([
        strong("It passes, fails, and passes again. "),
        text(format!(
            "Since {since} the control has changed {}, more often than {} in {}.",
            words::count(u64::from(facts.changes), "time"),
            words::count(u64::from(facts.rule.changes.saturating_sub(1)), "time"),
            words::duration(facts.rule.within)
        )),
    ]);
    document.say(format!(
        "Its tests go on, and each failing one is recorded and will be in the report. From now on you get no mail for \
         each change; you get one when it has kept to one state for {}.",
        words::duration(facts.rule.within)
    ));
    let mut list = control_facts(control);
    list.push(("Newest test", vec![text(words::time(facts.test.slot.0, &head.zone))]));
    list.push(("Result", vec![text(result(&facts.test))]));
    document.facts(list);
    document.heading("What to do");
    document.say(
        "Find out whether the control is unstable or its test is: a limit that is met exactly, a system that answers \
         now and then. If the test is, let it fail several times in a row before it alerts (`confirmations`).",
    );
    document.verbatim(&format!("evidenced results {}", control.id), 1);
    page(&mut document, head);
    evidence(&mut document, &facts.test.evidence);
    Prepared::new(subject("FLAPPING", control), document, Vec::new(), Some(control.id.clone()))
}

pub(super) fn steady(facts: &SteadyFacts, head: &Letterhead) -> Prepared {
    match facts {
        SteadyFacts::Failing(failed) => failing::steady(failed, head),
        SteadyFacts::Passing { control, test, since } => {
            let mut document = Document::default();
            document.title("STEADY", &format!("{} {}", control.id, control.title), Tone::Good);
            let since = words::time(since.0, &head.zone);
            document.paragraph([
                strong("It passes, and has kept to that. "),
                text(format!(
                    "The control had changed too often to be told since {since}; each change gets a mail again."
                )),
            ]);
            let mut list = control_facts(control);
            list.push(("Newest test", vec![text(words::time(test.slot.0, &head.zone))]));
            list.push(("Result", vec![text(result(test))]));
            document.facts(list);
            document.paragraph([
                text("The exceptions of that time are open to be explained and closed: "),
                code(format!("evidenced exceptions list --control {}", control.id)),
            ]);
            page(&mut document, head);
            evidence(&mut document, &test.evidence);
            Prepared::new(subject("STEADY", control), document, Vec::new(), Some(control.id.clone()))
        }
    }
}
