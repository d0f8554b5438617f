use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use indicatif::ProgressBar;

use super::{Context, ExitStatus, ask::ask, moment};
use crate::{
    desk::{Line, Question, Verified, VerifiedLedger},
    ledger::{LedgerError, Witness},
    summary::report::{HeldCheckpoint, MAILBOXES, standing},
};

/// Recomputes the whole ledger: journal, packs, tree, checkpoint, evidence, rollups. Each part that an entry names must be
/// there, or be erased by an entry that says so. That the contents of a transcript are complete, `replay` shows.
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
        let against = self.against.as_deref().map(read_kept).transpose()?;
        let bar = context.printer.progress(0, "entries verified");
        let mut verified = None;
        let asked = ask(context, Question::Verify { deep: self.deep, against }, |line| {
            match line {
                Line::Progress { done, of } => show(&bar, done, of),
                Line::Verified(found) => verified = Some(*found),
                _ => {}
            }
            Ok(())
        });
        bar.finish_and_clear();
        let verified = match asked {
            Ok(Some(refused)) => return Ok(refused),
            Ok(None) => verified.context("the answer ended before everything was verified")?,
            // What is damaged may keep the ledger from being opened at all.
            Err(error) if error.downcast_ref().is_some_and(LedgerError::is_damage) => {
                Verified::of_damage(error.downcast()?)?
            }
            Err(error) => return Err(error),
        };
        self.print(context, verified)
    }

    fn print(&self, context: &Context, verified: Verified) -> anyhow::Result<ExitStatus> {
        let Verified { ledger, first_wrong, mut faults, witness, held } = verified;
        let agreed = witness.map(|witness| agreement(witness, self.against.as_deref()));
        let agreed = agreed.transpose().unwrap_or_else(|fault| {
            faults.push(fault);
            None
        });
        if context.printer.is_json() {
            let shown = match witness {
                Some(Witness::Agrees(head)) => Some(head.size),
                _ => None,
            };
            context.printer.object(&object(ledger.as_ref(), first_wrong, shown, &held, &faults))?;
        } else {
            for fault in &faults {
                context.printer.line(format_args!("broken: {fault}"))?;
            }
            if let Some(ledger) = &ledger {
                let wrong = faults.len() - usize::from(agreed.is_none() && witness.is_some());
                context.printer.line(words(ledger, wrong))?;
                for line in standing_of(ledger, &held) {
                    context.printer.line(line)?;
                }
            }
            if let Some(agreed) = agreed {
                context.printer.line(agreed)?;
            }
        }
        Ok(if faults.is_empty() { ExitStatus::Done } else { ExitStatus::No })
    }
}

/// Moves a bar whose length is known only now.
pub(super) fn show(bar: &ProgressBar, done: u64, of: u64) {
    bar.set_length(of);
    bar.set_position(done);
}

/// A mail's body is quoted-printable; a note that was saved by itself is not.
fn read_kept(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    if !text.to_ascii_lowercase().contains("content-transfer-encoding: quoted-printable") {
        return Ok(notes(&text));
    }
    let decoded = quoted_printable::decode(&bytes, quoted_printable::ParseMode::Robust);
    let decoded = decoded.with_context(|| format!("{} is no mail that can be read", path.display()))?;
    Ok(notes(&String::from_utf8_lossy(&decoded)))
}

/// The lines that may be a signed note: those with signatures, and a few before. A mail with long tables is no
/// question that a daemon would read.
fn notes(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_signature = |line: &&str| line.starts_with('—');
    let is_of_a_note = |at: usize| lines[at..].iter().take(NOTE_LINES).any(is_signature);
    let of_notes = (0..lines.len()).filter(|at| lines[*at].len() <= NOTE_LINE_BYTES && is_of_a_note(*at));
    of_notes.flat_map(|at| [lines[at], "\n"]).collect()
}

/// Origin, size, root, an empty line, and some for who witnesses it too.
const NOTE_LINES: usize = 12;
const NOTE_LINE_BYTES: usize = 1024;

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
    ledger: Option<&VerifiedLedger>,
    first_wrong: Option<u64>,
    shown: Option<u64>,
    held: &[HeldCheckpoint],
    faults: &[String],
) -> serde_json::Value {
    serde_json::json!({
        "entries": ledger.map(|ledger| ledger.entries),
        "root": ledger.map(|ledger| ledger.root),
        "packs": ledger.map(|ledger| ledger.packs),
        "parts": ledger.map(|ledger| ledger.parts),
        "erased": ledger.map(|ledger| ledger.erased),
        "rollups": ledger.map(|ledger| ledger.rollups),
        "checkpoint_size": ledger.and_then(|ledger| ledger.checkpoint_size),
        "first_wrong_entry": first_wrong,
        "held_size": shown,
        "held": held,
        "faults": faults,
    })
}

/// Who holds how much of it, and what the rest stands on.
fn standing_of(ledger: &VerifiedLedger, held: &[HeldCheckpoint]) -> Vec<String> {
    let holders = if held.is_empty() { vec![None] } else { held.iter().map(Some).take(HOLDERS_MAX).collect() };
    let mut lines: Vec<_> = holders.into_iter().map(|held| standing(ledger.entries, held, moment::minute)).collect();
    if !held.is_empty() {
        lines.push(MAILBOXES.to_owned());
    }
    lines
}

/// Holders that a person is told of; a script is told of all.
const HOLDERS_MAX: usize = 10;

/// `12,034 entries, root sha256:… ; …`, and what stands on the key alone.
pub(super) fn words(ledger: &VerifiedLedger, faults: usize) -> String {
    let VerifiedLedger { entries, root, packs, parts, erased, rollups, checkpoint_size } = ledger;
    let found = match faults {
        0 => "everything is as it was written".to_owned(),
        1 => "1 thing is not as it was written".to_owned(),
        many => format!("{many} things are not as they were written"),
    };
    let mut words = format!("{entries} entries, root {root}: {found}");
    let _infallible = write!(words, " ({packs} packs, {parts} parts, {erased} erased, {rollups} closed days)");
    match checkpoint_size {
        Some(signed) => {
            let after = entries.saturating_sub(*signed);
            let _infallible = write!(words, "; signed up to entry {signed}, {after} came after");
        }
        None => words.push_str("; no checkpoint was signed yet"),
    }
    words
}
