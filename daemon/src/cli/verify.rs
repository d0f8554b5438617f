use std::fmt::Write;

use clap::Args;

use super::{Context, ExitStatus, Loaded, run};
use crate::{
    domain::Digest,
    ledger::{Depth, Store, Verification},
};

/// Recomputes the whole ledger: journal, packs, tree, checkpoint, evidence, rollups.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 everything is as it was written; 1 it is not, and everything wrong is named, the first \
                  wrong entry first.\n\nExample:\n  evidenced verify\n  evidenced verify --deep"
)]
pub(super) struct VerifyArguments {
    /// Also fold every entry again, and compare with the state that is used.
    #[arg(long)]
    deep: bool,
}

impl VerifyArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let Some(Loaded { config, .. }) = context.load()? else { return Ok(ExitStatus::Usage) };
        let depth = if self.deep { Depth::Refold } else { Depth::Stored };
        let bar = context.printer.progress(0, "entries verified");
        let verified = run::open_for_reading(&config).and_then(|ledger| {
            bar.set_length(ledger.head().size);
            Ok(ledger.verify(depth, &|progress| bar.set_position(progress.done))?)
        });
        bar.finish_and_clear();
        let (faults, verification) = match verified {
            Ok(verification) => (verification.faults.clone(), Some(verification)),
            // What is damaged may keep the ledger from being opened at all.
            Err(error) => match error.downcast_ref::<crate::ledger::LedgerError>() {
                Some(damage) if damage.is_damage() => (vec![damage.to_string()], None),
                _ => return Err(error),
            },
        };
        if context.printer.is_json() {
            context.printer.object(&object(verification.as_ref(), &faults))?;
        } else {
            for fault in &faults {
                context.printer.line(format_args!("broken: {fault}"))?;
            }
            if let Some(verification) = &verification {
                context.printer.line(words(verification))?;
            }
        }
        Ok(if faults.is_empty() { ExitStatus::Done } else { ExitStatus::No })
    }
}

fn object(verification: Option<&Verification>, faults: &[String]) -> serde_json::Value {
    serde_json::json!({
        "entries": verification.map(|verification| verification.head.size),
        "root": verification.map(|verification| Digest(verification.head.root)),
        "packs": verification.map(|verification| verification.packs),
        "parts": verification.map(|verification| verification.parts),
        "erased": verification.map(|verification| verification.erased),
        "rollups": verification.map(|verification| verification.rollups),
        "checkpoint_size": verification.and_then(|verification| verification.checkpoint).map(|head| head.size),
        "faults": faults,
    })
}

/// `12,034 entries, root sha256:… ; …`, and what stands on the key alone.
pub(super) fn words(verification: &Verification) -> String {
    let Verification { head, packs, parts, erased, rollups, checkpoint, faults, .. } = verification;
    let found = match faults.len() {
        0 => "everything is as it was written".to_owned(),
        1 => "1 thing is not as it was written".to_owned(),
        many => format!("{many} things are not as they were written"),
    };
    let mut words = format!("{} entries, root {}: {found}", head.size, Digest(head.root));
    let _infallible = write!(words, " ({packs} packs, {parts} parts, {erased} erased, {rollups} closed days)");
    match checkpoint {
        Some(signed) => {
            let after = head.size.saturating_sub(signed.size);
            let _infallible = write!(words, "; signed up to entry {}, {after} came after", signed.size);
        }
        None => words.push_str("; no checkpoint was signed yet"),
    }
    words
}
