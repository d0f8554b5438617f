//! Recomputing the ledger for somebody who asks.

use std::ops::ControlFlow;

use anyhow::Context as _;
use tokio::sync::mpsc;

use super::{Desk, Line, Verified, VerifiedLedger, held, progress::Steps};
use crate::{
    domain::Digest,
    ledger::{Damage, Depth, LedgerError, Progress, Store, Verification},
};

impl Desk {
    /// Ends early when nobody listens any more: it would take all processors for minutes.
    pub(super) fn verify(&self, deep: bool, against: Option<&str>, lines: &mpsc::Sender<Line>) -> anyhow::Result<()> {
        let _turn = self.verifications.try_acquire().context(
            "the ledger is being verified for somebody else, and twice at once would take twice as long: ask again when \
             that has ended",
        )?;
        let depth = if deep { Depth::Refold } else { Depth::Stored };
        let steps = Steps::default();
        let told = |Progress { done, of }: Progress| {
            steps.tell(done, of, lines);
            if lines.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let mut verified = match self.ledger.verify(depth, &told) {
            Ok(verification) => Verified::from(verification),
            Err(LedgerError::BrokenOff) => return Ok(()),
            Err(error) => Verified::of_damage(error)?,
        };
        match against.map(|text| self.ledger.verify_witness(text)).transpose() {
            Ok(witness) => verified.witness = witness,
            Err(error) => verified.add(Verified::of_damage(error)?),
        }
        let arrived = held::arrived(&self.ledger.state());
        match held::held(&self.ledger, self.catalogue().config(), &arrived) {
            Ok((held, contradicted)) => {
                verified.held = held;
                verified.faults.extend(contradicted);
            }
            Err(error) => verified.add(Verified::of_damage(error)?),
        }
        // Nobody is left to tell if this fails.
        let _ = lines.blocking_send(Line::Verified(Box::new(verified)));
        Ok(())
    }
}

impl Verified {
    /// What is damaged may keep the ledger from being opened, or looked at, at all: that is an answer. Every other
    /// error is none.
    pub fn of_damage(error: LedgerError) -> Result<Self, LedgerError> {
        if !error.is_damage() {
            return Err(error);
        }
        let first_wrong = if let LedgerError::Damaged(Damage { entry, .. }) = &error { *entry } else { None };
        Ok(Self { ledger: None, first_wrong, faults: vec![error.to_string()], witness: None, held: Vec::new() })
    }

    fn add(&mut self, other: Self) {
        self.first_wrong = self.first_wrong.or(other.first_wrong);
        let new: Vec<_> = other.faults.into_iter().filter(|fault| !self.faults.contains(fault)).collect();
        self.faults.extend(new);
    }
}

impl From<Verification> for Verified {
    fn from(verification: Verification) -> Self {
        let Verification { head, packs, parts, erased, rollups, checkpoint, first_wrong, faults, .. } = verification;
        let ledger = VerifiedLedger {
            entries: head.size,
            root: Digest(head.root),
            packs,
            parts,
            erased,
            rollups,
            checkpoint_size: checkpoint.map(|head| head.size),
        };
        Self { ledger: Some(ledger), first_wrong, faults, witness: None, held: Vec::new() }
    }
}
