//! The letters about evidenced itself: a gap in the monitoring, a refused configuration, a plugin that cannot run.

use super::document::{Align, Document, Table, Tone, code, strong, text};
use super::phrases::{checkpoint, page};
use super::prepared::Prepared;
use super::{GapFacts, Letterhead, PluginFaultFacts, PluginRefusedFacts, RefusedFacts, clean, words};
use crate::domain::ControlId;

/// A mail names this many controls; the status page has all.
const CONTROLS_SHOWN_MAX: usize = 40;

pub(super) fn gap(facts: &GapFacts, head: &Letterhead) -> Prepared {
    let length = words::duration(facts.to.since(facts.from));
    let day = facts.from.to_jiff().to_zoned_datetime(head.zone.clone()).strftime("%-d %B").to_string();
    let mut document = Document::default();
    document.title("MONITORING GAP", &format!("{length} on {day}"), Tone::Unknown);
    document.paragraph([
        strong(format!("For {length} no control was tested: ")),
        text(format!("{}.", words::missed_reason(facts.reason))),
    ]);
    let missed: u64 = facts.missed.iter().map(|(_, slots)| slots).sum();
    let mut list = vec![
        ("From", vec![text(words::time(facts.from, &head.zone))]),
        ("Until", vec![text(words::time(facts.to, &head.zone))]),
        ("Missed", vec![text(words::count(missed, "scheduled test"))]),
        ("Run after it", vec![text(words::count(facts.caught_up, "scheduled test"))]),
    ];
    list.extend(checkpoint(facts.checkpoint));
    document.facts(list);
    if facts.missed.is_empty() {
        document.say("No scheduled test fell into this time: nothing is missing from the record.");
    } else {
        missed_tests(&mut document, &facts.missed);
    }
    page(&mut document, head);
    let subject = format!("Monitoring gap {length} on {day}");
    Prepared::new(subject, document, Vec::new(), None)
}

/// Controls with missed tests, and what that means.
pub(super) fn missed_tests(document: &mut Document, missed: &[(ControlId, u64)]) {
    document.heading("Controls with missed tests");
    let mut table = Table::new([("Control", Align::Left), ("Missed", Align::Right)]);
    for (control, slots) in missed.iter().take(CONTROLS_SHOWN_MAX) {
        table.row([control.to_string(), words::grouped(*slots)]);
    }
    let more = missed.len().saturating_sub(CONTROLS_SHOWN_MAX);
    table.note = (more > 0).then(|| format!("… and {}.", words::count(more as u64, "more control")));
    document.table(&table);
    document.heading("What it means");
    document.say(
        "These tests count as not performed. The report of the window lists them with this reason; an auditor will \
         ask what happened. Write it down while it is fresh.",
    );
}

pub(super) fn refused(facts: &RefusedFacts, head: &Letterhead) -> Prepared {
    let mut document = Document::default();
    let errors = words::count(facts.error_count, "error");
    document.title("CONFIGURATION REFUSED", "the new configuration is not in force", Tone::Bad);
    let goes_on = facts.running_since.map_or_else(
        || "No earlier configuration is there to go on with: nothing is tested.".to_owned(),
        |since| format!("The one before, in force since {}, goes on.", words::time(since, &head.zone)),
    );
    document.paragraph([
        strong(format!("The configuration has {errors}. ")),
        text(format!("It was read on {} and refused as a whole. {goes_on}", words::time(facts.at, &head.zone))),
    ]);
    document.heading("What is wrong");
    document.verbatim(&facts.errors, 120);
    document.heading("What to do");
    document.say("Mend the lines above. Before it is loaded again, look with:");
    document.verbatim("evidenced check-config", 1);
    page(&mut document, head);
    let subject = "CONFIGURATION REFUSED the new configuration is not in force".to_owned();
    Prepared::new(subject, document, Vec::new(), None)
}

pub(super) fn plugin_fault(facts: &PluginFaultFacts, head: &Letterhead) -> Prepared {
    let mut document = Document::default();
    let reason = words::run_reason(facts.reason);
    document.title("PLUGIN FAULT", &format!("{}: {reason}", facts.plugin), Tone::Bad);
    let controls = words::count(facts.controls.len() as u64, "control");
    document.paragraph([
        strong(format!("{controls} cannot be tested, ")),
        text(format!("because the check's program `{}` cannot be used: {reason}. All others go on.", facts.plugin)),
    ]);
    document.facts([
        ("Plugin", vec![code(facts.plugin.as_str())]),
        ("Found on", vec![text(words::time(facts.at, &head.zone))]),
        ("What was found", vec![text(clean::line(&facts.message, 500))]),
    ]);
    concerned(&mut document, &facts.controls);
    document.heading("What to do");
    document.say(
        "If somebody replaced the file on purpose, have the change approved and load the configuration again. If nobody \
         did, treat it as a change of the testing tool that nobody approved. To see what is expected and what is there:",
    );
    document.verbatim("evidenced check-config", 1);
    page(&mut document, head);
    let subject = format!("PLUGIN FAULT {}: {reason}", facts.plugin);
    Prepared::new(subject, document, Vec::new(), None)
}

pub(super) fn plugin_refused(facts: &PluginRefusedFacts, head: &Letterhead) -> Prepared {
    let mut document = Document::default();
    let reason = words::run_reason(facts.reason);
    document.title("PLUGIN REFUSED", &format!("{}: {reason}", facts.plugin), Tone::Unknown);
    document.paragraph([
        strong("A new file of a check's program was refused; the one before goes on. "),
        text(format!(
            "The new file of `{}` is not used: {reason}. Nothing is untested because of it, as long as evidenced is not              started anew: the program before is kept in its memory, and no longer in that file.",
            facts.plugin
        )),
    ]);
    let mut list = vec![
        ("Plugin", vec![code(facts.plugin.as_str())]),
        ("Found on", vec![text(words::time(facts.at, &head.zone))]),
        ("What was found", vec![text(clean::line(&facts.message, 500))]),
        ("Refused", vec![code(facts.found.to_string())]),
        ("Goes on", vec![code(facts.in_use.to_string())]),
    ];
    list.extend(facts.locked.map(|locked| ("The lock names", vec![code(locked.to_string())])));
    document.facts(list);
    concerned(&mut document, &facts.controls);
    document.heading("What to do");
    document.say(
        "Put the file before back, or a build that is right, and load the configuration again. If nobody replaced the \
         file on purpose, treat it as a change of the testing tool that nobody approved. To see what is expected and what is there:",
    );
    document.verbatim("evidenced check-config", 1);
    page(&mut document, head);
    let subject = format!("PLUGIN REFUSED {}: {reason}, the one before goes on", facts.plugin);
    Prepared::new(subject, document, Vec::new(), None)
}

fn concerned(document: &mut Document, controls: &[ControlId]) {
    document.heading("Controls that it concerns");
    let shown = controls.iter().take(CONTROLS_SHOWN_MAX).map(|control| vec![code(control.as_str())]);
    let mut items: Vec<_> = shown.collect();
    let more = controls.len().saturating_sub(CONTROLS_SHOWN_MAX);
    if more > 0 {
        items.push(vec![text(format!("… and {}.", words::count(more as u64, "more control")))]);
    }
    document.list(items);
}
