use std::sync::Arc;

use clap::Args;
use indicatif::ProgressBar;

use super::{Context, ExitStatus, Loaded, Printer, run};
use crate::{
    desk::Unknown,
    domain::{ControlId, Entry, Event},
    ledger::Store,
    replay::{Replayed, Replayer},
    sandbox::{Sandbox, SandboxSettings},
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

/// How many runs came out how.
#[derive(Debug, Default, serde::Serialize)]
pub(super) struct Tally {
    pub(super) runs: u64,
    pub(super) identical: u64,
    pub(super) different: u64,
    pub(super) not_reperformable: u64,
    pub(super) cannot_tell: u64,
    pub(super) failed: u64,
}

impl ReplayArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let Some(Loaded { config, .. }) = context.load()? else { return Ok(ExitStatus::Usage) };
        let ledger = Arc::new(run::open_for_reading(&config)?);
        let options = run::options(&config)?;
        let sandbox = Sandbox::new(SandboxSettings {
            // A reader may not write into the daemon's cache.
            cache_dir: None,
            cache_key: [0; 32],
            memory_total: config.runner.memory_total_bytes,
            concurrency: config.runner.concurrency,
            compile: options.compile,
        })?;
        let sequences = match self.run {
            Some(sequence) => vec![sequence],
            None => {
                let unknown = self.control.as_ref().filter(|id| ledger.state().control_record(id).is_none());
                if let Some(id) = unknown {
                    let unknown = Unknown::control(id, ledger.state().controls().keys());
                    context.printer.talk(format_args!("error: {unknown}"));
                    return Ok(ExitStatus::Usage);
                }
                runs(&ledger, self.control.as_ref())?
            }
        };
        let bar = context.printer.progress(sequences.len() as u64, "runs replayed");
        let mut replayer = Replayer::new(ledger, sandbox);
        let runtime = run::runtime()?;
        let tally =
            runtime.block_on(replay(&mut replayer, &sequences, &bar, |run| run.print(&context.printer, &bar)))?;
        bar.finish_and_clear();
        if context.printer.is_json() {
            context.printer.object(&tally)?;
        } else {
            context.printer.line(words(&tally))?;
        }
        Ok(match tally {
            Tally { different: 1.., .. } => ExitStatus::No,
            Tally { failed: 1.., .. } | Tally { cannot_tell: 1.., .. } | Tally { runs: 0, .. } => ExitStatus::Unable,
            _ => ExitStatus::Done,
        })
    }
}

/// One sentence.
pub(super) fn words(tally: &Tally) -> String {
    let Tally { runs, identical, different, not_reperformable, cannot_tell, failed } = tally;
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

/// The places of all runs.
pub(super) fn runs(
    ledger: &crate::ledger::Ledger<crate::fold::State>,
    control: Option<&ControlId>,
) -> anyhow::Result<Vec<u64>> {
    let mut runs = Vec::new();
    for entry in ledger.entries(0..ledger.head().size) {
        let (sequence, bytes) = entry?;
        if let Event::Run(run) = Entry::from_bytes(&bytes)?.event
            && control.is_none_or(|control| run.control == *control)
        {
            runs.push(sequence);
        }
    }
    Ok(runs)
}

/// How one run came out.
#[derive(serde::Serialize)]
pub(super) struct One<'r> {
    run: u64,
    replay: &'r str,
    /// `None`: identical.
    pub(super) why: Option<String>,
}

impl One<'_> {
    /// A script is told of every run, a person of those that are not identical.
    pub(super) fn print(&self, printer: &Printer, bar: &ProgressBar) -> anyhow::Result<()> {
        if printer.is_json() {
            return printer.object(self);
        }
        if let Self { run, replay, why: Some(why) } = self {
            bar.suspend(|| printer.line(format_args!("{run}: {replay}: {why}")))?;
        }
        Ok(())
    }
}

/// Replays one after the other; `told` is told of each.
pub(super) async fn replay(
    replayer: &mut Replayer,
    sequences: &[u64],
    bar: &ProgressBar,
    told: impl Fn(&One<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for sequence in sequences {
        tally.runs += 1;
        let (count, replay, why) = match replayer.replay(*sequence).await {
            Ok(Replayed::Identical) => (&mut tally.identical, "identical", None),
            Ok(Replayed::Different { recorded, replayed }) => {
                (&mut tally.different, "different", Some(format!("recorded {recorded}, replayed {replayed}")))
            }
            Ok(Replayed::NotReperformable(why)) => (&mut tally.not_reperformable, "not-reperformable", Some(why)),
            Ok(Replayed::CannotTell(why)) => (&mut tally.cannot_tell, "cannot-tell", Some(why)),
            Err(error) => (&mut tally.failed, "failed", Some(format!("{:#}", anyhow::Error::from(error)))),
        };
        *count += 1;
        told(&One { run: *sequence, replay, why })?;
        bar.inc(1);
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_compared_nothing_claims_no_identity() {
        assert_eq!(words(&Tally::default()), "there was no run to re-perform: nothing was compared");
        assert_eq!(
            words(&Tally { runs: 2, not_reperformable: 2, ..Tally::default() }),
            "none of 2 runs came out identical; 2 ended by time or without a plugin, not re-performable"
        );
        assert_eq!(
            words(&Tally { runs: 2, identical: 2, ..Tally::default() }),
            "2 of 2 runs re-performed: identical, byte for byte"
        );
    }
}
