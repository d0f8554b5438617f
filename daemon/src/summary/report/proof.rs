//! What a report proves, and what not. Nobody is told that a control "operated effectively": that is the auditor's to
//! say.

use maud::{Markup, html};

use super::{HeldCheckpoint, Report, time::Clock};
use crate::{domain::Timestamp, summary::words::grouped};

/// What anybody can check.
pub const PROVEN: [&str; 3] = [
    "Every slot of every enabled control is accounted for: as run, as late, or as missed with its reason.",
    "History is as it was written, up to the last checkpoint that somebody outside holds.",
    "Each judgement follows from what its run saw: the same plugin on the same transcript gives the same report.",
];

/// What nobody should read into it.
pub const NOT_PROVEN: [&str; 4] = [
    "That the transcripts came from the real systems: compare with the source, or watch a run.",
    "That the list of systems is complete.",
    "That the controls are designed well.",
    "Anything about what people did outside these systems.",
];

/// The same, where the daemon does not test itself.
const NOT_TESTED: &str = "That the monitoring ran as it should, and that each check can still fail: evidenced does not test \
                          itself here (`[monitoring]` of its configuration).";

/// Holders of checkpoints that the page lists.
const HOLDERS_SHOWN_MAX: usize = 50;

/// What is to be said of those who hold a checkpoint.
pub const MAILBOXES: &str =
    "Mailboxes keep copies of what they were sent; only those outside the operators' reach are independent.";

/// How much of a ledger of so many entries stands on more than the operators' own key. `time` writes a time.
pub fn standing(entries: u64, held: Option<&HeldCheckpoint>, time: impl Fn(Timestamp) -> String) -> String {
    let size = grouped(entries);
    match held {
        Some(HeldCheckpoint { size: held, by, at }) if *held >= entries => {
            format!("All {size} entries were held by {by} at {}.", time(*at))
        }
        Some(HeldCheckpoint { size: held, by, at }) => format!(
            "Entries up to {} were held by {by} at {}; the {} after them rest on the key alone.",
            grouped(*held),
            time(*at),
            grouped(entries - held)
        ),
        None => format!("No copy outside is on record: all {size} entries rest on the key alone."),
    }
}

pub(super) fn standing_of(report: &Report) -> String {
    let clock = Clock::of(&report.summary.period.zone);
    standing(report.proof.entries, report.proof.held.first(), |at| clock.minute(at))
}

pub(super) fn section(report: &Report, clock: &Clock) -> Markup {
    let proof = &report.proof;
    html! {
        section {
            h2 { "What this proves, and what not" }
            div.columns {
                div {
                    h3 { "Proven, and open to be checked" }
                    ul { @for line in PROVEN { li { (line) } } }
                }
                div {
                    h3 { "Not proven" }
                    ul {
                        @for line in NOT_PROVEN { li { (line) } }
                        @if !proof.tests_itself { li { (NOT_TESTED) } }
                    }
                }
            }
            h3 { "Checkpoint" }
            p { (standing_of(report)) @if !proof.held.is_empty() { " " (MAILBOXES) } }
            @if proof.held.len() > 1 {
                table {
                    thead { tr { th { "Held by" } th { "Since" } th.n { "Entries" } } }
                    tbody {
                        @for held in proof.held.iter().take(HOLDERS_SHOWN_MAX) {
                            tr { td { (held.by) } td.at { (clock.minute(held.at)) } td.n { (grouped(held.size)) } }
                        }
                    }
                }
            }
            @if let Some(checkpoint) = &proof.checkpoint {
                pre { (checkpoint) }
            }
            @if let Some(at) = proof.at {
                p.quiet {
                    "Signed at " (clock.minute(at)) ", over the first " (grouped(proof.size)) " of "
                    (grouped(proof.entries)) " entries."
                }
            }
            p { "To verify: " code { (proof.command) } }
        }
    }
}
