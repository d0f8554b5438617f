use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;

use super::{Context, ExitStatus, Loaded, run};
use crate::{
    domain::Digest,
    ledger::{Depth, LedgerError, Store, Verification, Witness},
};

/// Recomputes the whole ledger: journal, packs, tree, checkpoint, evidence, rollups.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 everything is as it was written; 1 it is not, and everything wrong is named, the first \
                  wrong entry first.\n\nExample:\n  evidenced verify\n  evidenced verify --deep\n  evidenced verify --against 'Week 2026-W09.eml'"
)]
pub(super) struct VerifyArguments {
    /// Also fold every entry again, and compare with the state that is used.
    #[arg(long)]
    deep: bool,
    /// Compare with a signed checkpoint that was kept elsewhere: a file with its lines in it, such as a saved summary
    /// mail. It shows that nothing up to it was changed or taken away since.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
}

impl VerifyArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let Some(Loaded { config, .. }) = context.load()? else { return Ok(ExitStatus::Usage) };
        let depth = if self.deep { Depth::Refold } else { Depth::Stored };
        let bar = context.printer.progress(0, "entries verified");
        let kept = self.against.as_deref().map(read_kept).transpose()?;
        let verified = run::open_for_reading(&config).and_then(|ledger| {
            bar.set_length(ledger.head().size);
            let witness = kept.as_deref().map(|text| ledger.verify_witness(text)).transpose()?;
            Ok((ledger.verify(depth, &|progress| bar.set_position(progress.done))?, witness))
        });
        bar.finish_and_clear();
        let (mut faults, first_wrong, verification, witness) = match verified {
            Ok((verification, witness)) => {
                (verification.faults.clone(), verification.first_wrong, Some(verification), witness)
            }
            // What is damaged may keep the ledger from being opened at all.
            Err(error) => match error.downcast_ref::<LedgerError>() {
                Some(damage) if damage.is_damage() => {
                    let entry = if let LedgerError::Damaged(damage) = damage { damage.entry } else { None };
                    (vec![damage.to_string()], entry, None, None)
                }
                _ => return Err(error),
            },
        };
        let agreed = witness.map(|witness| agreement(witness, self.against.as_deref()));
        let agreed = agreed.transpose().unwrap_or_else(|fault| {
            faults.push(fault);
            None
        });
        if context.printer.is_json() {
            let held =
                witness.and_then(|witness| if let Witness::Agrees(head) = witness { Some(head.size) } else { None });
            context.printer.object(&object(verification.as_ref(), first_wrong, held, &faults))?;
        } else {
            for fault in &faults {
                context.printer.line(format_args!("broken: {fault}"))?;
            }
            if let Some(verification) = &verification {
                context.printer.line(words(verification))?;
            }
            if let Some(agreed) = agreed {
                context.printer.line(agreed)?;
            }
        }
        Ok(if faults.is_empty() { ExitStatus::Done } else { ExitStatus::No })
    }
}

/// A mail's body is quoted-printable; a note that was saved by itself is not.
fn read_kept(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    if !text.to_ascii_lowercase().contains("content-transfer-encoding: quoted-printable") {
        return Ok(text.into_owned());
    }
    let decoded = quoted_printable::decode(&bytes, quoted_printable::ParseMode::Robust);
    let decoded = decoded.with_context(|| format!("{} is no mail that can be read", path.display()))?;
    Ok(String::from_utf8_lossy(&decoded).into_owned())
}

/// What a kept checkpoint shows; the fault that it shows, if it does.
fn agreement(witness: Witness, file: Option<&Path>) -> Result<String, String> {
    let file = file.unwrap_or(Path::new("")).display();
    match witness {
        Witness::Agrees(head) => {
            Ok(format!("the checkpoint kept in {file} agrees: its {} entries are still as they were", head.size))
        }
        Witness::Contradicts(head) => Err(format!(
            "the checkpoint kept in {file} was signed over {} entries, and they are not the same any more",
            head.size
        )),
        Witness::Ahead(head) => {
            Err(format!("the checkpoint kept in {file} was signed over {} entries: some were taken away", head.size))
        }
        Witness::NotOurs => Err(format!("no checkpoint that this ledger has signed is in {file}")),
    }
}

fn object(
    verification: Option<&Verification>,
    first_wrong: Option<u64>,
    held: Option<u64>,
    faults: &[String],
) -> serde_json::Value {
    serde_json::json!({
        "entries": verification.map(|verification| verification.head.size),
        "root": verification.map(|verification| Digest(verification.head.root)),
        "packs": verification.map(|verification| verification.packs),
        "parts": verification.map(|verification| verification.parts),
        "erased": verification.map(|verification| verification.erased),
        "rollups": verification.map(|verification| verification.rollups),
        "checkpoint_size": verification.and_then(|verification| verification.checkpoint).map(|head| head.size),
        "first_wrong_entry": first_wrong,
        "held_size": held,
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
