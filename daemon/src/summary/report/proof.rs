//! What a report proves, and what not. Nobody is told that a control "operated effectively": that is the auditor's to
//! say.

use maud::{Markup, html};

use super::{Report, time::Clock};
use crate::summary::words::grouped;

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

/// How much of the ledger stands on more than the operators' own key.
pub(super) fn standing(report: &Report) -> String {
    let proof = &report.proof;
    let size = grouped(proof.entries);
    match proof.held.first() {
        Some(held) if held.size >= proof.entries => format!("All {size} entries are held by {} as well.", held.by),
        Some(held) => format!(
            "Entries up to {} are held by {} as well; the {} after them rest on the key alone.",
            grouped(held.size),
            held.by,
            grouped(proof.entries - held.size)
        ),
        None => format!("No copy outside is on record: all {size} entries rest on the key alone."),
    }
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
                    ul { @for line in NOT_PROVEN { li { (line) } } }
                }
            }
            h3 { "Checkpoint" }
            p { (standing(report)) }
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
