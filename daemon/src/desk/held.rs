//! Checkpoints that others hold: those of summaries that have arrived.

use std::collections::BTreeSet;

use crate::{
    config::{Config, Recipient},
    domain::Digest,
    fold::{SentSummary, State},
    ledger::{Ledger, LedgerError, Store, Witness},
    mail::Mail,
    summary::report::HeldCheckpoint,
};

/// Newest first; a year has 69 summaries of weeks, months and quarters.
const SUMMARIES_LOOKED_AT: usize = 80;

/// Summaries that somebody has got, the newest first.
pub(super) fn arrived(state: &State) -> Vec<SentSummary> {
    state.sent_summaries().values().rev().take(SUMMARIES_LOOKED_AT).cloned().collect()
}

/// The newest checkpoint that each address has got, the one that covers most first; and what speaks against the
/// ledger: a checkpoint that it has signed and that does not fit it.
pub(super) fn held(
    ledger: &Ledger<State>,
    config: &Config,
    arrived: &[SentSummary],
) -> Result<(Vec<HeldCheckpoint>, Vec<String>), LedgerError> {
    let (mut held, mut faults) = (Vec::new(), Vec::new());
    let mut known = BTreeSet::new();
    for SentSummary { mail: part, delivered } in arrived {
        let Some(mail) = mail(ledger, part)? else { continue };
        if mail.to.iter().all(|address| known.contains(address)) {
            continue;
        }
        let head = match ledger.verify_witness(&mail.text)? {
            Witness::Agrees(head) => head,
            Witness::NotOurs => continue,
            Witness::Contradicts(head) | Witness::Ahead(head) => {
                let subject = &mail.subject;
                faults.push(format!(
                    "the mail `{subject}` carries a checkpoint over {} entries, and they are not those of the ledger",
                    head.size
                ));
                continue;
            }
        };
        for (delivery, at) in delivered {
            let Some(address) = mail.to.get(*delivery as usize) else { continue };
            if known.insert(address.clone()) {
                held.push(HeldCheckpoint { size: head.size, by: name(config, address), at: *at });
            }
        }
    }
    held.sort_by(|one, other| other.size.cmp(&one.size).then_with(|| one.at.cmp(&other.at)));
    Ok((held, faults))
}

/// `None`: it was erased, or is none.
fn mail(ledger: &Ledger<State>, part: &Digest) -> Result<Option<Mail>, LedgerError> {
    Ok(ledger.part(part)?.and_then(|bytes| Mail::from_part(&bytes).ok()))
}

/// Such as `compliance (compliance@example.com)`.
fn name(config: &Config, address: &str) -> String {
    let has = |recipient: &&Recipient| recipient.email.iter().any(|email| email.as_str() == address);
    match config.recipients.iter().find(has) {
        Some(recipient) => format!("{} ({address})", recipient.id),
        None => address.to_owned(),
    }
}
