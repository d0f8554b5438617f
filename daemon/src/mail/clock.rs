//! The letters about the clock: it is in doubt, and it is believed again.

use super::document::{Document, Tone, strong, text};
use super::operations::missed_tests;
use super::phrases::{checkpoint, page};
use super::prepared::Prepared;
use super::{ClockBelievedFacts, ClockDoubtedFacts, Letterhead, clean, words};

pub(super) fn doubted(facts: &ClockDoubtedFacts, head: &Letterhead) -> Prepared {
    let mut document = Document::default();
    let why = words::clock_doubt(facts.doubt);
    document.title("CLOCK IN DOUBT", "times of tests are not certain", Tone::Unknown);
    document.paragraph([
        strong(format!("The clock of the machine is not believed: {why}. ")),
        text("Tests go on by the time that has passed since the machine started, and are marked."),
    ]);
    let mut list = vec![("Time gone by", vec![text(words::time(facts.at, &head.zone))])];
    list.extend(checkpoint(facts.checkpoint));
    document.facts(list);
    document.heading("What it means");
    document.say(
        "Until the clock is believed again no day is closed, no summary goes out, and no test is recorded as missed \
         because of what the clock says.",
    );
    document.heading("What to do");
    document.say(
        "Look at the time synchronisation of the machine. The doubt ends when the clock has been synchronised for five \
         minutes without a break. If the clock is right and nothing on the machine says so, say it:",
    );
    document.verbatim("evidenced clock accept --reason \"…\"", 1);
    page(&mut document, head);
    let subject = "CLOCK IN DOUBT times of tests are not certain".to_owned();
    Prepared::new(subject, document, Vec::new(), None)
}

pub(super) fn believed(facts: &ClockBelievedFacts, head: &Letterhead) -> Prepared {
    let mut document = Document::default();
    document.title("CLOCK BELIEVED AGAIN", "tests go by it from now on", Tone::Good);
    let why = facts.accepted.as_ref().map_or_else(
        || "It has been synchronised for five minutes.".to_owned(),
        |reason| format!("A person accepted it: {}", clean::line(reason, 500)),
    );
    document.paragraph([strong("The clock of the machine is believed again. "), text(why)]);
    let missed: u64 = facts.missed.iter().map(|(_, slots)| slots).sum();
    let mut list = vec![
        ("In doubt since", vec![text(words::time(facts.since, &head.zone))]),
        ("Went by until now", vec![text(words::time(facts.before, &head.zone))]),
        ("Goes by now", vec![text(words::time(facts.after, &head.zone))]),
        ("Missed", vec![text(words::count(missed, "scheduled test"))]),
    ];
    list.extend(checkpoint(facts.checkpoint));
    document.facts(list);
    if facts.after < facts.before {
        document.say(format!(
            "The clock is {} behind what everything went by. What was due up to that time was tested already: each \
             control's next test is the first one after it.",
            words::duration(facts.before.since(facts.after))
        ));
    }
    if facts.missed.is_empty() {
        document.say("No scheduled test was lost to the doubt.");
    } else {
        missed_tests(&mut document, &facts.missed);
    }
    page(&mut document, head);
    let subject = "CLOCK BELIEVED AGAIN tests go by it from now on".to_owned();
    Prepared::new(subject, document, Vec::new(), None)
}
