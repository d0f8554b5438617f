//! What several letters say in the same words.

use super::document::{Document, Inline, code, text};
use super::{CheckpointFacts, ControlFacts, EvidenceFacts, Letterhead, TestFacts, clean, words};

/// Ends a sentence that may have its end already.
pub(super) fn sentence(words: &str) -> String {
    let words = words.trim();
    if words.is_empty() || words.ends_with(['.', '!', '?', '…']) { words.to_owned() } else { format!("{words}.") }
}

/// `FAILED SEC-01 Access keys …`, the state word first so that a phone shows it.
pub(super) fn subject(state: &str, control: &ControlFacts) -> String {
    format!("{state} {} {}", control.id, clean::line(&control.title, 110))
}

pub(super) fn control_facts(control: &ControlFacts) -> Vec<(&'static str, Vec<Inline>)> {
    vec![
        ("Control", vec![code(control.id.as_str()), text(format!(", {}", words::family(control.family)))]),
        ("Severity", vec![text(control.severity.as_str())]),
        ("Criteria", vec![text(control.criteria.join(", "))]),
        ("Owner", vec![text(&control.owner)]),
        ("Test runs", vec![text(&control.schedule)]),
    ]
}

/// The last part of a letter about a run: where an auditor finds what it rests on.
pub(super) fn evidence(document: &mut Document, evidence: &EvidenceFacts) {
    document.heading("Evidence");
    let digest = evidence.plugin_digest.map(|digest| format!(", sha256:{}…", &digest.to_hex()[..16]));
    let check = format!("{} {}{}", evidence.plugin, evidence.plugin_version, digest.unwrap_or_default());
    let mut facts = vec![
        ("Run", vec![code(evidence.run.to_string()), text(" (its entry in the ledger)")]),
        ("Check", vec![text(check)]),
    ];
    facts.extend(checkpoint(evidence.checkpoint));
    document.facts(facts);
}

/// A copy of the checkpoint outside the ledger's reach.
pub(super) fn checkpoint(checkpoint: Option<CheckpointFacts>) -> Vec<(&'static str, Vec<Inline>)> {
    let facts = checkpoint.map(|checkpoint| {
        vec![
            ("Ledger before it", vec![text(words::count(checkpoint.size, "entry"))]),
            ("Root of these", vec![code(checkpoint.root.to_string())]),
        ]
    });
    facts.unwrap_or_default()
}

/// `1 of 48 failed, 46 passed, 1 excluded`.
pub(super) fn result(test: &TestFacts) -> String {
    let counts = &test.counts;
    let others = counts.fail + counts.error + counts.not_applicable + counts.excluded;
    // A check may list only what does not pass; but what was not looked at did not pass either.
    let passed = if test.incomplete.is_some() { counts.pass } else { test.population.saturating_sub(others) };
    let of = |number, what| format!("{} of {} {what}", grouped(number), grouped(test.population));
    let mut parts = vec![if counts.fail > 0 { of(counts.fail, "failed") } else { of(passed, "passed") }];
    let mut add = |number: u32, what: &str| {
        if number > 0 {
            parts.push(format!("{} {what}", grouped(number)));
        }
    };
    add(if counts.fail > 0 { passed } else { 0 }, "passed");
    add(counts.error, "could not be looked at");
    add(counts.not_applicable, "not applicable");
    add(counts.excluded, "excluded");
    parts.join(", ")
}

pub(super) fn page(document: &mut Document, head: &Letterhead) {
    if let Some(page) = &head.page {
        document.say(format!("Status page: {page}"));
    }
}

pub(super) fn grouped(number: u32) -> String {
    words::grouped(u64::from(number))
}
