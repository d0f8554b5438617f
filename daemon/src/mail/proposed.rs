//! The letter of what waits for a second person.

use super::document::{Document, Tone, strong, text, whole};
use super::phrases::page;
use super::prepared::Prepared;
use super::{Letterhead, ProposedFacts, clean, words};
use crate::domain::{Act, Detail, Silence};

pub(super) fn proposed(facts: &ProposedFacts, head: &Letterhead) -> Prepared {
    let (what, effect) = described(&facts.act, facts.subject.as_deref(), head);
    let mut document = Document::default();
    document.title("APPROVAL WANTED", &what, Tone::Unknown);
    let author = clean::line(&facts.author, 80);
    document.paragraph([
        strong(format!("{author} proposes: {what}. ")),
        text("It has no effect until somebody else approves it."),
    ]);
    let mut list = vec![
        ("Proposal", vec![text(facts.proposal.to_string())]),
        ("Made on", vec![text(words::time(facts.at, &head.zone))]),
    ];
    let shown = facts.subject.as_deref().filter(|_| head.detail == Detail::Full);
    if let Some(subject) = shown {
        let name = if is_pattern(subject) { "Pattern" } else { "Subject" };
        list.push((name, vec![whole(subject)]));
    }
    list.push(("If approved", vec![text(effect)]));
    document.facts(list);
    document.heading("In their words");
    document.verbatim(&facts.words, 20);
    document.heading("What to do");
    if shown.is_none() && matches!(facts.act, Act::Exclude { .. }) {
        document.say("This mail does not name what is excluded. See it, to its last letter, before you approve it:");
        document.verbatim("evidenced proposals", 1);
    }
    document.say("Ask, if these words do not convince you. To approve it, or to reject it:");
    document.verbatim(
        &format!(
            "evidenced approve {number} --reason 'why I agree'\nevidenced reject {number} --reason 'why I do not'",
            number = facts.proposal
        ),
        2,
    );
    page(&mut document, head);
    Prepared::new(format!("APPROVAL WANTED {what}"), document, Vec::new(), None)
}

/// `*` stands for any text.
fn is_pattern(subject: &str) -> bool {
    subject.contains('*')
}

/// What it is, and what it would do. `subject`: that it is about, if it is known.
pub(super) fn described(act: &Act, subject: Option<&str>, head: &Letterhead) -> (String, String) {
    match act {
        Act::Silence(Silence { controls, from, until }) => {
            let named = match controls.as_slice() {
                [one] => one.to_string(),
                several => format!("{} of controls", words::count(several.len() as u64, "pattern")),
            };
            let listed = controls.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let length = words::duration(until.since(*from));
            let span = format!("from {} until {}", words::time(*from, &head.zone), words::time(*until, &head.zone));
            (
                format!("to silence {named} for {length}"),
                format!("no mail is sent about {listed} {span}. Tests go on, and what fails is recorded."),
            )
        }
        Act::CloseException { exception, control } => (
            format!("to close {exception} of {control}"),
            "the case is closed with the root cause and the response that are noted in it.".to_owned(),
        ),
        Act::Exclude { control, until, .. } => {
            let until = words::time(*until, &head.zone);
            let (what, effect) = if subject.is_some_and(is_pattern) {
                (
                    format!("to exclude every subject that matches a pattern from {control}"),
                    format!(
                        "{control} judges no subject that matches the pattern, in which `*` stands for any text, from the next \
                         test on until {until}: not those that are there now, and not those that are still to come. They are \
                         listed as excluded, and fail and pass nothing."
                    ),
                )
            } else {
                (
                    format!("to exclude a subject from {control}"),
                    format!(
                        "{control} does not judge it from the next test on until {until}: it is listed as excluded, and fails \
                         and passes nothing."
                    ),
                )
            };
            let version =
                " The control becomes another version, which the report lists with both names and the reason.";
            (what, effect + version)
        }
        Act::AcceptClock => (
            "to believe the clock".to_owned(),
            "times go by the wall clock of the machine again, although nothing has confirmed it.".to_owned(),
        ),
        Act::Erase { .. } => (
            "to erase a subject from the evidence".to_owned(),
            "what was kept of it is gone for good. Tests that it is taken from cannot be performed again; the log still \
             verifies, and says what was erased."
                .to_owned(),
        ),
    }
}
