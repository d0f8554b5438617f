//! The slots of a control, read from the entries.

use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
};

use super::{Desk, PluginLine, SlotLine, SlotState, Unknown};
use crate::{
    domain::{ControlId, Entry, Event, MissedSlots, Outcome, RunEntry, Timestamp},
    fold::VersionChange,
    ledger::Store,
    recorder::ControlPart,
    schedule::Schedule,
};

impl Desk {
    /// Every slot in the interval in the order of the ledger, stretches expanded; `take` says whether to go on.
    pub fn results(
        &self,
        control: &ControlId,
        range: Range<Timestamp>,
        take: &mut dyn FnMut(SlotLine) -> bool,
    ) -> anyhow::Result<()> {
        let versions = self.versions(control)?;
        let size = self.ledger.head().size;
        let needle = format!("\"control\":\"{control}\"");
        for entry in self.ledger.entries(0..size) {
            let (sequence, bytes) = entry?;
            // Most entries are of other controls: parsing them all would cost ten times as much.
            if !contains(&bytes, needle.as_bytes()) {
                continue;
            }
            for line in versions.lines(sequence, Entry::from_bytes(&bytes)?.event)? {
                if range.contains(&line.slot.0) && !take(line) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The newest slots, newest first.
    pub fn latest_slots(&self, control: &ControlId, count: usize) -> anyhow::Result<Vec<SlotLine>> {
        let mut newest = VecDeque::with_capacity(count);
        let range = Timestamp::from_millis(i64::MIN)..Timestamp::from_millis(i64::MAX);
        self.results(control, range, &mut |line| {
            if newest.len() == count {
                newest.pop_front();
            }
            newest.push_back(line);
            true
        })?;
        Ok(newest.into_iter().rev().collect())
    }

    fn versions(&self, control: &ControlId) -> anyhow::Result<Versions> {
        let state = self.ledger.state();
        let record = state.control_record(control).ok_or_else(|| Unknown(format!("there is no control {control}")))?;
        let mut known = HashMap::new();
        for change in &record.versions {
            let part = self.ledger.part(&change.control_part)?;
            let part = part.map(|bytes| serde_json::from_slice::<ControlPart>(&bytes)).transpose()?;
            known.insert(change.version, (*change, part));
        }
        Ok(Versions { control: control.clone(), known })
    }
}

/// What each version of a control was.
struct Versions {
    control: ControlId,
    known: HashMap<u32, (VersionChange, Option<ControlPart>)>,
}

impl Versions {
    fn lines(&self, sequence: u64, event: Event) -> anyhow::Result<Vec<SlotLine>> {
        Ok(match event {
            Event::Run(run) if run.control == self.control => vec![self.run(sequence, &run)],
            Event::Missed(missed) if missed.control == self.control => self.missed(sequence, &missed)?,
            _ => Vec::new(),
        })
    }

    fn run(&self, sequence: u64, run: &RunEntry) -> SlotLine {
        SlotLine {
            control: run.control.clone(),
            slot: run.slot,
            state: if run.late { SlotState::Late } else { SlotState::Run },
            outcome: Some(run.outcome),
            reason: run.reason.and_then(|reason| serde_json::to_value(reason).ok()?.as_str().map(str::to_owned)),
            sequence,
            plugin: self.plugin(run.version),
            population: (run.outcome != Outcome::Error).then_some(run.population),
            failing: (run.outcome != Outcome::Error).then_some(run.counts.fail),
        }
    }

    /// One line a slot: a stretch says the first, the last and the count; the schedule of its version has the rest.
    fn missed(&self, sequence: u64, missed: &MissedSlots) -> anyhow::Result<Vec<SlotLine>> {
        let line = |slot| SlotLine {
            control: missed.control.clone(),
            slot,
            state: SlotState::Missed,
            outcome: None,
            reason: Some(missed.reason.as_str().to_owned()),
            sequence,
            plugin: self.plugin(missed.version),
            population: None,
            failing: None,
        };
        if missed.count <= 2 {
            let mut slots = vec![missed.from, missed.to];
            slots.dedup();
            return Ok(slots.into_iter().map(line).collect());
        }
        let part = self.known.get(&missed.version).and_then(|(_, part)| part.as_ref());
        let part = part
            .ok_or_else(|| anyhow::anyhow!("the control of entry {sequence} was erased: its slots cannot be told"))?;
        let check = &part.control.check;
        let schedule = Schedule::parse(&check.schedule, &check.timezone)?;
        let end = Timestamp::from_millis(missed.to.0.as_millis() + 1);
        Ok(schedule.slots(missed.from.0..end).map(|firing| line(firing.slot)).collect())
    }

    fn plugin(&self, version: u32) -> Option<PluginLine> {
        let (change, part) = self.known.get(&version)?;
        let name = part.as_ref().map(|part| part.control.check.plugin.to_string()).unwrap_or_default();
        Some(PluginLine { name, version, digest: change.plugin })
    }
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
