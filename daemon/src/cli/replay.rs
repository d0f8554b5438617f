use anyhow::Context as _;
use clap::Args;
use indicatif::ProgressBar;

use super::{Context, ExitStatus, Printer, ask::ask, verify::show};
use crate::{
    desk::{Line, Question, ReplayTally, ReplayedRun},
    domain::ControlId,
};

/// Re-performs runs from their transcripts and compares the reports byte for byte.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 every report came out the same, or its run was ended by time and is listed so; 1 one differs; 3 there \
                  was no run to re-perform, or one could not be.\n\n\
                  Example:\n  evidenced replay 1042\n  evidenced replay --all\n  evidenced replay --all --control SEC-01"
)]
pub(super) struct ReplayArguments {
    /// A run, by its place in the ledger (`sequence` of `results`).
    #[arg(required_unless_present = "all")]
    run: Option<u64>,
    /// Every run of the ledger.
    #[arg(long, conflicts_with = "run")]
    all: bool,
    /// With --all: only runs of this control.
    #[arg(long, requires = "all")]
    control: Option<ControlId>,
}

impl ReplayArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let bar = context.printer.progress(0, "entries looked at");
        let mut tally = None;
        let refused = ask(context, Question::Replay { run: self.run, control: self.control }, |line| {
            match line {
                Line::Progress { done, of } => show(&bar, done, of),
                Line::Replayed(run) => print(&run, &context.printer, &bar)?,
                Line::Replays(all) => tally = Some(all),
                _ => {}
            }
            Ok(())
        })?;
        bar.finish_and_clear();
        if let Some(refused) = refused {
            return Ok(refused);
        }
        let tally = tally.context("the answer ended before all runs were performed again")?;
        if context.printer.is_json() {
            context.printer.object(&tally)?;
        } else {
            context.printer.line(words(&tally))?;
        }
        Ok(match tally {
            ReplayTally { different: 1.., .. } => ExitStatus::No,
            ReplayTally { failed: 1.., .. } | ReplayTally { cannot_tell: 1.., .. } | ReplayTally { runs: 0, .. } => {
                ExitStatus::Unable
            }
            _ => ExitStatus::Done,
        })
    }
}

/// A script is told of every run, a person of those that are not identical.
pub(super) fn print(run: &ReplayedRun, printer: &Printer, bar: &ProgressBar) -> anyhow::Result<()> {
    if printer.is_json() {
        return printer.object(run);
    }
    if let ReplayedRun { run, replay, why: Some(why) } = run {
        bar.suspend(|| printer.line(format_args!("{run}: {}: {why}", replay.as_str())))?;
    }
    Ok(())
}

/// One sentence.
pub(super) fn words(tally: &ReplayTally) -> String {
    let ReplayTally { runs, identical, different, not_reperformable, cannot_tell, failed } = tally;
    if *runs == 0 {
        return "there was no run to re-perform: nothing was compared".to_owned();
    }
    let mut words = match identical {
        0 => format!("none of {runs} runs came out identical"),
        _ => format!("{identical} of {runs} runs re-performed: identical, byte for byte"),
    };
    for (count, what) in [
        (different, "different"),
        (not_reperformable, "ended by time or without a plugin, not re-performable"),
        (cannot_tell, "cannot tell"),
        (failed, "could not be replayed"),
    ] {
        if *count > 0 {
            words.push_str(&format!("; {count} {what}"));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_compared_nothing_claims_no_identity() {
        assert_eq!(words(&ReplayTally::default()), "there was no run to re-perform: nothing was compared");
        assert_eq!(
            words(&ReplayTally { runs: 2, not_reperformable: 2, ..ReplayTally::default() }),
            "none of 2 runs came out identical; 2 ended by time or without a plugin, not re-performable"
        );
        assert_eq!(
            words(&ReplayTally { runs: 2, identical: 2, ..ReplayTally::default() }),
            "2 of 2 runs re-performed: identical, byte for byte"
        );
    }
}
