//! The letters of a control that could not be tested, and can again.

use super::document::{Document, Tone, code, strong, text};
use super::phrases::{control_facts, evidence, page, result, subject};
use super::prepared::Prepared;
use super::{Cause, Letterhead, NotTestedFacts, TestedAgainFacts, clean, words};
use crate::domain::{Detail, MissedReason, Outcome, RunReason};

pub(super) fn not_tested(facts: &NotTestedFacts, head: &Letterhead) -> Prepared {
    let control = &facts.control;
    let cause = match facts.cause {
        Cause::Run(reason) => words::run_reason(reason),
        Cause::Missed(reason) => words::missed_reason(reason),
        Cause::Unattested => return not_attested(facts, head),
    };
    let source = facts.source.as_ref().map(|source| clean::line(source, 60));
    let short = source.as_ref().map_or_else(|| cause.to_owned(), |source| format!("{cause} ({source})"));
    let mut document = Document::default();
    document.title("NOT TESTED", &format!("{} {}", control.id, control.title), Tone::Unknown);
    document.paragraph([
        strong("Nobody knows whether this control works. "),
        text(format!(
            "{} no answer since {}: {short}. That is neither a pass nor a fail.",
            if facts.slots == 1 {
                "One scheduled test has had".to_owned()
            } else {
                format!("{} have had", words::count(facts.slots, "scheduled test"))
            },
            words::time(facts.since.0, &head.zone)
        )),
    ]);
    let mut list = control_facts(control);
    list.push(("Cause", vec![text(cause)]));
    list.push(("System", vec![text(source.unwrap_or_default())]));
    list.push(("Not tested since", vec![text(words::time(facts.since.0, &head.zone))]));
    let last_good = facts.last_good.map_or_else(|| "never yet".to_owned(), |slot| words::time(slot.0, &head.zone));
    list.push(("Last answer", vec![text(last_good)]));
    document.facts(list);
    let message = facts.message.as_ref().filter(|_| head.detail == Detail::Full);
    if let Some(message) = message.filter(|message| !message.trim().is_empty()) {
        document.paragraph([text("The test said: "), code(clean::line(message, 500))]);
    }
    document.heading("What it means");
    document.say(
        "As long as it lasts, each scheduled test counts as one without an answer, never as passed, and the report of \
         the window lists it. Evidence that was not gathered cannot be gathered later.",
    );
    document.heading("What to do");
    document.say(advice(facts.cause));
    document.say(format!(
        "Once the cause is gone, the next scheduled test ends this by itself and you get a mail. To test at once, type, \
         or ask {}, the control's owner, to have it typed:",
        control.owner
    ));
    document.verbatim(&format!("evidenced check {}", control.id), 1);
    page(&mut document, head);
    if let Some(facts) = &facts.evidence {
        evidence(&mut document, facts);
    }
    let subject = format!("{}: {short}", subject("NOT TESTED", control));
    Prepared::new(subject, document, Vec::new(), Some(control.id.clone()))
}

/// Of a control that a person states the result of.
fn not_attested(facts: &NotTestedFacts, head: &Letterhead) -> Prepared {
    let control = &facts.control;
    let mut document = Document::default();
    document.title("NOT ATTESTED", &format!("{} {}", control.id, control.title), Tone::Unknown);
    let since = words::time(facts.since.0, &head.zone);
    let what = match facts.last_good {
        Some(_) => format!("What was stated last has expired on {since}."),
        None => format!("It is promised since {since}, and nobody has attested it yet."),
    };
    document.paragraph([
        strong("Nobody knows whether this control works. "),
        text(format!("No check tests it: a person states how it stands. {what}")),
    ]);
    let mut list = control_facts(control);
    let last = facts.last_good.map_or_else(|| "never yet".to_owned(), |slot| words::time(slot.0, &head.zone));
    list.push(("Last attested", vec![text(last)]));
    document.facts(list);
    document.heading("What it means");
    document
        .say("Until somebody attests it, the control counts as not tested, and the report of the window lists it so.");
    document.heading("What to do");
    document.say(format!("Ask {}, the control's owner, to look, and to have typed what was seen:", control.owner));
    document.verbatim(
        &format!(
            "evidenced attest {} --pass --file WHAT_WAS_SEEN --reason 'what was looked at, and by whom'",
            control.id
        ),
        1,
    );
    page(&mut document, head);
    let subject = subject("NOT ATTESTED", control);
    Prepared::new(subject, document, Vec::new(), Some(control.id.clone()))
}

pub(super) fn tested_again(facts: &TestedAgainFacts, head: &Letterhead) -> Prepared {
    let control = &facts.control;
    let mut document = Document::default();
    document.title("TESTED AGAIN", &format!("{} {}", control.id, control.title), Tone::Plain);
    let (since, slot) = (facts.since.0, facts.test.slot.0);
    let answer = match facts.outcome {
        Outcome::Pass => "It passed.",
        Outcome::Fail => "It failed; a mail of its own says more.",
        Outcome::NotApplicable => "Nothing was there that the control applies to.",
        Outcome::Error => "It could not be completed.",
    };
    document.paragraph([
        strong(format!("For {} it could not be tested, ", words::duration(slot.since(since)))),
        text(format!(
            "from {} to {}, when the test gave an answer again. {answer}",
            words::time(since, &head.zone),
            words::time(slot, &head.zone)
        )),
    ]);
    let mut list = control_facts(control);
    list.push(("Result", vec![text(result(&facts.test))]));
    list.push(("Without an answer", vec![text(words::count(facts.slots, "scheduled test"))]));
    document.facts(list);
    let seen = clean::line(&facts.test.seen, 400);
    if !seen.is_empty() {
        document.say(format!("The check says: “{seen}”"));
    }
    document.heading("What it means");
    document.say(
        "Whether the control worked in between is not known and stays unknown: the report of the window lists these \
         tests as without an answer. If somebody looked at it by hand in that time, keep what they saw.",
    );
    page(&mut document, head);
    evidence(&mut document, &facts.test.evidence);
    let subject = subject("TESTED AGAIN", control);
    Prepared::new(subject, document, Vec::new(), Some(control.id.clone()))
}

/// Where to look first.
const fn advice(cause: Cause) -> &'static str {
    match cause {
        Cause::Unattested => "Attest it.",
        Cause::Run(reason) => run_advice(reason),
        Cause::Missed(reason) => match reason {
            MissedReason::Disabled => "The control is switched off in the configuration: switch it on, or remove it.",
            MissedReason::DiskFull => "Make room on the disk that evidenced keeps its records on.",
            MissedReason::Clock => "Look why the machine's clock is not synchronised.",
            MissedReason::Overlap | MissedReason::Concurrency | MissedReason::Superseded => {
                "Tests take longer than the time between them: look at the slow system, or test less often."
            }
            MissedReason::Down | MissedReason::Shutdown | MissedReason::Interrupted => {
                "Look why evidenced was not running; its log on the machine says when it stopped."
            }
        },
    }
}

const fn run_advice(reason: RunReason) -> &'static str {
    match reason {
        RunReason::Denied | RunReason::GrantMissing => {
            "Look whether the credential that the test uses has expired or lost its right to read, and whether the \
             configuration still grants the test this system."
        }
        RunReason::Unreachable | RunReason::Timeout | RunReason::LimitWall | RunReason::InputUnreadable => {
            "Look whether the system is up and whether the machine that evidenced runs on can reach it."
        }
        RunReason::Throttled | RunReason::LimitRequests => {
            "The system wants fewer requests: lower the rate of its source, or raise what it allows."
        }
        RunReason::PluginMissing
        | RunReason::PluginGarbage
        | RunReason::PluginChanged
        | RunReason::PluginUnsigned
        | RunReason::CasesFailed
        | RunReason::PluginUnsupported
        | RunReason::ConfigRefused => {
            "Look at the plugin's file: `evidenced check-config` says what it expects and what it found."
        }
        RunReason::NothingAssessed => {
            "The test found nothing in scope. If that is right, say so in the configuration (`on_empty`); if not, look \
             at what the test is pointed at."
        }
        RunReason::FindingErrors | RunReason::Incomplete => {
            "A part could be looked at and a part not: the run's report names what is missing."
        }
        RunReason::LimitMemory
        | RunReason::LimitTables
        | RunReason::LimitReport
        | RunReason::LimitResponse
        | RunReason::LimitLog
        | RunReason::LimitRounds
        | RunReason::LimitState => "The system has grown beyond this limit: raise it in the control's `limits`.",
        RunReason::Internal
        | RunReason::BadInput
        | RunReason::Unsupported
        | RunReason::BrokenReport
        | RunReason::Trap => "This is a fault of the check or of what it was given: show this mail to its author.",
        RunReason::Stopped | RunReason::Host => "Look at the log of evidenced on its machine.",
    }
}
