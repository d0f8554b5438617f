//! A history that was recorded: the results of the daemon's own ledger.

use std::{collections::BTreeMap, sync::Arc};

use super::{Came, History};
use crate::{
    domain::{Control, ControlId, Entry, Event, Evidence, MissedReason, RunReason, SlotTime, Timestamp},
    evidence::{EndedRecord, unpack_record},
    fold::State,
    ledger::{Ledger, LedgerError, Store},
    recorder::entry_at,
};

/// Of each control the runs, by slot. A slot that the simulated schedule has and the recorded one had not, comes to what the
/// newest test before it came to.
pub struct Past {
    ledger: Arc<Ledger<State>>,
    runs: BTreeMap<ControlId, BTreeMap<SlotTime, Evidence>>,
}

impl Past {
    /// Reads which runs there are between two times.
    pub fn read(ledger: Arc<Ledger<State>>, from: Timestamp, to: Timestamp) -> Result<Self, LedgerError> {
        let mut runs: BTreeMap<ControlId, BTreeMap<SlotTime, Evidence>> = BTreeMap::new();
        for entry in ledger.entries(0..ledger.head().size) {
            // What cannot be read is what verification names.
            let Ok(Entry { event: Event::Run(run), .. }) = Entry::from_bytes(&entry?.1) else { continue };
            if from <= run.slot.0 && run.slot.0 <= to && !run.days.is_empty() {
                runs.entry(run.control).or_default().insert(run.slot, run.evidence);
            }
        }
        Ok(Self { ledger, runs })
    }

    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    fn record(&self, evidence: Evidence) -> EndedRecord {
        let part = match evidence {
            Evidence::Part(part) => Some(part),
            Evidence::SameAs(sequence) => match entry_at(&self.ledger, sequence) {
                Some(Event::Run(run)) => match run.evidence {
                    Evidence::Part(part) => Some(part),
                    Evidence::SameAs(_) => None,
                },
                _ => None,
            },
        };
        let read = part.and_then(|part| {
            unpack_record(&part, |part| self.ledger.part(part).map_err(|error| error.to_string())).ok()
        });
        read.map_or_else(
            || EndedRecord::Other {
                reason: RunReason::Host,
                words: "its evidence was erased or cannot be read".to_owned(),
                is_deterministic: false,
            },
            |record| record.ended,
        )
    }
}

impl History for Past {
    fn came(&mut self, control: &Control, slot: SlotTime) -> Came {
        let newest = self.runs.get(&control.id).and_then(|runs| runs.range(..=slot).next_back());
        match newest {
            Some((_, evidence)) => Came::Ended(Box::new(self.record(*evidence))),
            None => Came::Missed(MissedReason::Down),
        }
    }
}
