//! A batch under construction.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use super::{Fact, Recorded, RecorderError};
use crate::{
    domain::{ControlId, Digest, Entry, Event, ExceptionId, HeldAlert, RecipientId, Timestamp},
    evidence::Packed,
    fold::{Held, Mailbox, State},
    ledger::{Batch, EvidenceClass, Ledger, Part, Store},
};

/// More entries are more than one commit should wait for.
const ENTRIES_MAX: usize = 2048;

/// Entries and parts that will be committed together, and the numbers that they have taken.
#[derive(Debug)]
pub(super) struct Draft {
    at: Timestamp,
    /// What the clock said when the draft was begun.
    now: Timestamp,
    /// Sequence of the first entry.
    first: u64,
    root: Digest,
    entries: Vec<Entry>,
    parts: Vec<Part>,
    touched: HashSet<ControlId>,
    expect: BTreeMap<ControlId, u64>,
    next_alert: u64,
    next_held: u64,
    /// What this batch tells readers, and holds for them: the next alert of the batch is routed by it.
    told: Vec<(RecipientId, Told)>,
    held: Vec<(u64, Held)>,
    /// The newest number that this batch gave in each year.
    exceptions: BTreeMap<i16, u32>,
    packed: Vec<(ControlId, u64, Packed)>,
    named: Vec<(ControlId, u32, Vec<String>)>,
    is_wide: bool,
    /// Parts that lose their content once the batch is durable.
    erased_afterwards: HashSet<Digest>,
}

/// What an alert adds to a reader's mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// It is held.
    Raised,
    /// It was held.
    Mailed,
    RaisedAndMailed,
}

/// What a batch teaches about the newest runs and subjects.
#[derive(Debug)]
pub(super) struct Learned {
    /// Runs, their sequences, and how they were packed.
    pub(super) packed: Vec<(ControlId, u64, Packed)>,
    /// The first number and the texts of subjects that got one.
    pub(super) named: Vec<(ControlId, u32, Vec<String>)>,
}

/// How far a draft was, to go back to when a fact is refused half way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    entries: usize,
    parts: usize,
    packed: usize,
    named: usize,
    next_alert: u64,
    next_held: u64,
    told: usize,
    held: usize,
}

impl Draft {
    /// Begins where the ledger ends. Only the recorder commits, so it still ends there at the commit.
    pub(super) fn begin(ledger: &Ledger<State>, now: Timestamp) -> Self {
        let head = ledger.head();
        let state = ledger.state();
        Self {
            // Entries never go back in time, whatever the clock does, until people are told that it does.
            at: state.head().last_at.map_or(now, |last| now.max(last)),
            first: head.size,
            root: Digest(head.root),
            next_alert: state.head().next_alert,
            next_held: state.head().next_held,
            ..Self::empty(now)
        }
    }

    pub(super) fn empty(now: Timestamp) -> Self {
        Self {
            at: now,
            now,
            first: 0,
            root: Digest([0; 32]),
            entries: Vec::new(),
            parts: Vec::new(),
            touched: HashSet::new(),
            expect: BTreeMap::new(),
            next_alert: 0,
            next_held: 0,
            told: Vec::new(),
            held: Vec::new(),
            exceptions: BTreeMap::new(),
            packed: Vec::new(),
            named: Vec::new(),
            is_wide: false,
            erased_afterwards: HashSet::new(),
        }
    }

    /// Whether a fact must be judged on what this draft decides, and so waits for its commit.
    pub(super) fn is_closed_to(&mut self, fact: &Fact) -> bool {
        let is_closed = self.is_wide
            || (fact.is_wide() && !self.is_empty())
            || self.entries.len() >= ENTRIES_MAX
            || fact.control().is_some_and(|control| self.touched.contains(control));
        if !is_closed {
            self.is_wide = fact.is_wide();
            self.touched.extend(fact.control().cloned());
        }
        is_closed
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            entries: self.entries.len(),
            parts: self.parts.len(),
            packed: self.packed.len(),
            named: self.named.len(),
            next_alert: self.next_alert,
            next_held: self.next_held,
            told: self.told.len(),
            held: self.held.len(),
        }
    }

    pub(super) fn back_to(&mut self, mark: Mark) {
        self.entries.truncate(mark.entries);
        self.parts.truncate(mark.parts);
        self.packed.truncate(mark.packed);
        self.named.truncate(mark.named);
        self.next_alert = mark.next_alert;
        self.next_held = mark.next_held;
        self.told.truncate(mark.told);
        self.held.truncate(mark.held);
        self.erased_afterwards.clear();
    }

    /// When the entries say that they were decided.
    pub(super) const fn at(&self) -> Timestamp {
        self.at
    }

    /// The clock is believed again, also if it is behind the newest entry.
    pub(super) const fn believe_the_clock(&mut self) {
        self.at = self.now;
    }

    /// Size and root of the tree before this batch.
    pub(super) const fn base(&self) -> (u64, Digest) {
        (self.first, self.root)
    }

    /// The sequence that the next entry gets.
    pub(super) fn next_sequence(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(super) fn push(&mut self, event: Event) -> Result<Recorded, RecorderError> {
        let entry = Entry::new(self.at, event);
        entry.to_bytes().map_err(Arc::new)?;
        let sequence = self.next_sequence();
        self.entries.push(entry);
        Ok(Recorded::entry(sequence, self.at()))
    }

    /// A text that an entry names by its digest.
    pub(super) fn keep(&mut self, content: &[u8], class: EvidenceClass) -> Result<Digest, RecorderError> {
        let part = Part::new(content, class)?;
        let digest = part.digest();
        self.parts.push(part);
        Ok(digest)
    }

    pub(super) fn keep_all(&mut self, parts: Vec<Part>) {
        self.parts.extend(parts);
    }

    /// The state of a control that a decision was made on.
    pub(super) fn expect(&mut self, control: &ControlId, revision: u64) {
        if !self.expect.contains_key(control) {
            self.expect.insert(control.clone(), revision);
        }
    }

    pub(super) fn take_alert(&mut self) -> u64 {
        let alert = self.next_alert;
        self.next_alert += 1;
        alert
    }

    pub(super) const fn next_held(&self) -> u64 {
        self.next_held
    }

    pub(super) fn hold(&mut self, held: &HeldAlert) {
        self.next_held = held.held + 1;
        self.told.extend(held.recipients.iter().map(|recipient| (recipient.clone(), Told::Raised)));
        self.held.push((held.held, Held::new(held, self.at)));
    }

    /// Alerts that this batch holds.
    pub(super) fn held(&self) -> &[(u64, Held)] {
        &self.held
    }

    pub(super) fn told(&mut self, recipients: &[RecipientId], told: Told) {
        self.told.extend(recipients.iter().map(|recipient| (recipient.clone(), told)));
    }

    /// What a reader has got lately, this batch included.
    pub(super) fn mailbox(&self, state: &State, reader: &RecipientId) -> Mailbox {
        let mut mailbox = state.mailbox(reader).cloned().unwrap_or_default();
        for (_, told) in self.told.iter().filter(|(recipient, _)| recipient == reader) {
            if matches!(told, Told::Raised | Told::RaisedAndMailed) {
                mailbox.raise(self.at);
            }
            if matches!(told, Told::Mailed | Told::RaisedAndMailed) {
                mailbox.mail(self.at);
            }
        }
        mailbox
    }

    /// The id that the next exception gets, if one opens.
    pub(super) fn next_exception(&self, state: &State, year: i16) -> ExceptionId {
        let next = state.next_exception(year);
        let taken = self.exceptions.get(&year).map_or(0, |newest| newest + 1);
        ExceptionId { year, number: next.number.max(taken) }
    }

    /// An exception opened under the id that was next.
    pub(super) fn opened(&mut self, id: ExceptionId) {
        self.exceptions.insert(id.year, id.number);
    }

    pub(super) fn note_packed(&mut self, control: ControlId, sequence: u64, packed: Packed) {
        self.packed.push((control, sequence, packed));
    }

    /// Subjects got their numbers.
    pub(super) fn note_named(&mut self, control: ControlId, first: u32, subjects: Vec<String>) {
        self.named.push((control, first, subjects));
    }

    /// What this batch teaches, to be remembered once it is durable.
    pub(super) fn take_learned(&mut self) -> Learned {
        Learned { packed: std::mem::take(&mut self.packed), named: std::mem::take(&mut self.named) }
    }

    /// What is left of the part is kept by this batch; the part itself goes when that is durable.
    pub(super) fn erase_afterwards(&mut self, part: Digest) {
        self.erased_afterwards.insert(part);
    }

    pub(super) fn take_erased_afterwards(&mut self) -> HashSet<Digest> {
        std::mem::take(&mut self.erased_afterwards)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn has_checkpoint(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry.event, Event::Checkpoint { .. }))
    }

    pub(super) fn into_batch(self) -> Batch {
        Batch { entries: self.entries, parts: self.parts, expect: self.expect.into_iter().collect() }
    }
}
