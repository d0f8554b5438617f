//! Finds what holds a text, and has it erased.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context as _;
use tokio::sync::mpsc;

use super::{Desk, Line, Unknown};
use crate::{
    domain::{Act, Digest, Timestamp},
    fold::State,
    gate::Mask,
    ledger::Store,
    recorder::{Erasing, Fact},
};

/// Parts that one batch erases. Each may lie in a file of its own that is written anew, and nothing else is recorded until
/// that is done.
const AT_ONCE: usize = 20;

/// A shorter text is part of too many others.
const BYTES_MIN: usize = 4;

/// What is known of a text in the evidence.
#[derive(Debug)]
pub(super) struct Found {
    target: String,
    parts: Vec<Digest>,
    gone: Vec<Digest>,
    /// They hold it too, and are needed as they are: what they are, and what can be done.
    in_use: Vec<String>,
}

#[cfg(test)]
impl Found {
    pub(super) fn parts(&self) -> &[Digest] {
        &self.parts
    }
}

impl Desk {
    /// How many parts hold a text; it is refused when it is too short to tell from others.
    pub(super) fn count_holding(&self, text: &str) -> anyhow::Result<u64> {
        let found = self.holding(text.to_owned(), None)?;
        Ok((found.parts.len() + found.in_use.len()) as u64)
    }

    /// As [`Self::search`], beside the runtime: all parts are read.
    pub(super) async fn searched(self: &Arc<Self>, proposal: u64) -> anyhow::Result<Found> {
        let desk = Arc::clone(self);
        tokio::task::spawn_blocking(move || desk.search(proposal)).await?
    }

    /// What a proposal wants to have erased.
    fn search(&self, proposal: u64) -> anyhow::Result<Found> {
        let target = match self.ledger.state().proposals().get(&proposal).map(|record| &record.act) {
            Some(Act::Erase { target }) => *target,
            Some(_) | None => anyhow::bail!(Unknown(format!("proposal {proposal} erases nothing"))),
        };
        let text = self.ledger.part(&target)?.context("its text is erased already: nothing is left to look for")?;
        self.holding(String::from_utf8(text).context("its text is no text")?, Some(proposal))
    }

    /// `proposal`: that wants it erased.
    fn holding(&self, target: String, proposal: Option<u64>) -> anyhow::Result<Found> {
        if target.len() < BYTES_MIN {
            let why = format!("a text of less than {BYTES_MIN} bytes is part of too many others: write more of it");
            anyhow::bail!(Unknown(why));
        }
        let spellings = Mask::new([target.as_str()]);
        let stored = self.ledger.parts()?;
        let (needed, erased) = {
            let state = self.ledger.state();
            let unsaid = stored.erased.iter().copied().filter(|part| !state.is_erased(part));
            (needed(&state, proposal, self.clock.now()), unsaid.collect())
        };
        let mut found = Found { target, parts: Vec::new(), gone: erased, in_use: Vec::new() };
        for part in stored.kept {
            let Some(content) = self.ledger.part(&part)? else { continue };
            if !spellings.finds(&content) {
                continue;
            }
            match needed.get(&part) {
                None => found.parts.push(part),
                Some(what) => found.in_use.push(what.clone()),
            }
        }
        found.in_use.sort();
        found.in_use.dedup();
        Ok(found)
    }

    /// An erasure that was approved and cut off goes on.
    pub(super) async fn erase_approved(
        self: &Arc<Self>,
        proposal: u64,
        lines: &mpsc::Sender<Line>,
    ) -> anyhow::Result<Option<Line>> {
        let found = self.searched(proposal).await?;
        self.erase_found(proposal, found, lines).await
    }

    /// The text itself goes last, so that an erasure that is cut off can go on.
    pub(super) async fn erase_found(
        &self,
        proposal: u64,
        found: Found,
        lines: &mpsc::Sender<Line>,
    ) -> anyhow::Result<Option<Line>> {
        let Found { target, mut parts, mut gone, in_use } = found;
        let text = match self.ledger.state().proposals().get(&proposal).map(|record| &record.act) {
            Some(Act::Erase { target }) => Some(*target),
            Some(_) | None => None,
        };
        // What is needed holds the text still: as long as it does, the proposal is not done.
        parts.retain(|part| Some(*part) != text);
        let of = parts.len() as u64;
        let mut done = 0;
        let mut erase = Vec::new();
        while !parts.is_empty() || !gone.is_empty() {
            let some = parts.split_off(parts.len().saturating_sub(AT_ONCE));
            done += some.len() as u64;
            erase.push((some, std::mem::take(&mut gone), done));
        }
        if in_use.is_empty() {
            erase.push((text.into_iter().collect(), Vec::new(), done));
        }
        for (parts, gone, done) in erase {
            let erasing = Erasing { proposal, target: target.clone(), parts, gone };
            self.write(Fact::Erase(Box::new(erasing))).await?;
            // Only who waits for it is told how far it is.
            let _ = lines.try_send(Line::Progress { done, of });
        }
        Ok(Some(Line::Erased { parts: of, in_use }))
    }
}

/// Parts without which the daemon cannot go on, or a letter would not be sent.
fn needed(state: &State, but: Option<u64>, now: Timestamp) -> BTreeMap<Digest, String> {
    let mut needed = BTreeMap::new();
    // Without its author nobody could approve it.
    for (number, record) in state.open_proposals().filter(|(number, _)| Some(*number) != but) {
        let what = format!("proposal {number}: approve or reject it first");
        let target = match record.act {
            Act::Erase { target: text } | Act::Exclude { subject_part: text, .. } => Some(text),
            Act::Silence(_) | Act::CloseException { .. } | Act::AcceptClock => None,
        };
        needed.extend(target.into_iter().chain([record.note]).map(|part| (part, what.clone())));
    }
    for record in state.exclusions().values().filter(|record| record.is_in_force(now)) {
        let control = &record.control;
        let what = format!("an exclusion that is in force: `evidenced exclude --end {control} SUBJECT` ends it");
        needed.insert(record.subject_part, what);
    }
    for (control, record) in state.controls() {
        let versions = record.versions.iter().map(|version| version.control_part);
        for part in versions.chain([record.state.control_part]) {
            let what = format!("the configuration of {control}: take it out there; earlier versions of it are kept");
            needed.insert(part, what);
        }
        if let Some(part) = record.state.plugin_state {
            let what = format!("what the plugin of {control} keeps: `evidenced state reset {control}`");
            needed.insert(part, what);
        }
    }
    let configuration =
        state.head().configuration.into_iter().chain(state.windows().values().map(|window| window.part));
    needed.extend(configuration.map(|part| (part, "the configuration: take it out there".to_owned())));
    let mails = state.outbox().values().map(|pending| pending.mail);
    let waiting = mails.chain(state.held().values().map(|held| held.letter));
    needed.extend(waiting.map(|part| (part, "mail that waits to be sent: approve again when it is out".to_owned())));
    needed
}
