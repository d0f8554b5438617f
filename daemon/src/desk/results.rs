//! The slots of a control, read from the entries.

use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
};

use super::{Desk, FurtherLine, PluginLine, SlotLine, SlotState, reason_word};
use crate::{
    domain::{ControlId, Digest, Entry, Event, MissedSlots, Outcome, RunEntry, SlotTime, Timestamp},
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
        // Further runs of its slot may follow.
        let mut newest: Option<SlotLine> = None;
        for entry in self.ledger.entries(0..size) {
            let (sequence, bytes) = entry?;
            // Most entries are of other controls: parsing them all would cost ten times as much.
            if !contains(&bytes, needle.as_bytes()) {
                continue;
            }
            for line in versions.lines(sequence, Entry::from_bytes(&bytes)?.event) {
                if !range.contains(&line.slot.0) {
                    continue;
                }
                match &mut newest {
                    Some(first) if is_further(first, &line) => first.further.extend(further(line)),
                    _ => {
                        if let Some(whole) = newest.replace(line)
                            && !take(whole)
                        {
                            return Ok(());
                        }
                    }
                }
            }
        }
        newest.map(take);
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
        let versions = self.ledger.state().control_record(control).map(|record| record.versions.clone());
        let versions = versions.ok_or_else(|| self.unknown_control(control))?;
        let mut known = HashMap::new();
        for change in &versions {
            // One part that cannot be read takes no other slot's answer away.
            let part = match self.ledger.part(&change.control_part) {
                Ok(Some(bytes)) => serde_json::from_slice::<ControlPart>(&bytes).map_err(|error| error.to_string()),
                Ok(None) => Err("it was erased".to_owned()),
                Err(error) => Err(format!("{:#}", anyhow::Error::from(error))),
            };
            known.insert(change.version, Version { plugin: change.plugin, part });
        }
        Ok(Versions { control: control.clone(), known })
    }
}

/// What each version of a control was.
struct Versions {
    control: ControlId,
    known: HashMap<u32, Version>,
}

struct Version {
    plugin: Option<Digest>,
    /// Or why it cannot be read.
    part: Result<ControlPart, String>,
}

impl Versions {
    fn lines(&self, sequence: u64, event: Event) -> Vec<SlotLine> {
        match event {
            Event::Run(run) if run.control == self.control => vec![self.run(sequence, &run)],
            Event::Missed(missed) if missed.control == self.control => self.missed(sequence, &missed),
            _ => Vec::new(),
        }
    }

    fn run(&self, sequence: u64, run: &RunEntry) -> SlotLine {
        SlotLine {
            control: run.control.clone(),
            slot: run.slot,
            state: if run.late { SlotState::Late } else { SlotState::Run },
            outcome: Some(run.outcome),
            clock_in_doubt: run.clock_in_doubt,
            reason: run.reason.map(reason_word),
            sequence,
            plugin: self.plugin(run.version),
            control_version: run.version,
            // Only what was asked for by hand counts for no day.
            scheduled: !run.days.is_empty(),
            population: (run.outcome != Outcome::Error).then_some(run.population),
            failing: (run.outcome != Outcome::Error).then_some(run.counts.fail),
            interval: run.interval,
            further: Vec::new(),
            unknown: None,
        }
    }

    /// One line a slot: a stretch says the first, the last and the count; the schedule of its version has the rest.
    fn missed(&self, sequence: u64, missed: &MissedSlots) -> Vec<SlotLine> {
        let line = |slot, unknown| SlotLine {
            control: missed.control.clone(),
            slot,
            state: SlotState::Missed,
            outcome: None,
            clock_in_doubt: false,
            reason: Some(missed.reason.as_str().to_owned()),
            sequence,
            plugin: self.plugin(missed.version),
            control_version: missed.version,
            scheduled: true,
            population: None,
            failing: None,
            interval: None,
            further: Vec::new(),
            unknown,
        };
        let known_ends = || if missed.from == missed.to { vec![missed.from] } else { vec![missed.from, missed.to] };
        if missed.count <= 2 {
            return known_ends().into_iter().map(|slot| line(slot, None)).collect();
        }
        match self.expanded(missed) {
            Ok(slots) if slots.len() as u64 == missed.count => slots.into_iter().map(|slot| line(slot, None)).collect(),
            Ok(slots) => {
                let why = format!(
                    "{} slots were missed from {} to {}, and by the time zone data of today it would have been {}: which \
                     ones is not certain",
                    missed.count,
                    missed.from,
                    missed.to,
                    slots.len()
                );
                slots.into_iter().map(|slot| line(slot, Some(why.clone()))).collect()
            }
            Err(why) => {
                let why = format!(
                    "{} slots were missed from {} to {}; those between cannot be told: {why}",
                    missed.count, missed.from, missed.to
                );
                known_ends().into_iter().map(|slot| line(slot, Some(why.clone()))).collect()
            }
        }
    }

    /// The slots of a stretch by the schedule of its version, or why they cannot be told.
    fn expanded(&self, missed: &MissedSlots) -> Result<Vec<SlotTime>, String> {
        let version = self.known.get(&missed.version).ok_or("the ledger has no such version of the control")?;
        let part = version.part.as_ref().map_err(|why| format!("the control as it was cannot be read: {why}"))?;
        let check = &part.control.check;
        let schedule = Schedule::parse(&check.schedule, &check.timezone).map_err(|error| error.to_string())?;
        let end = Timestamp::from_millis(missed.to.0.as_millis() + 1);
        Ok(schedule.slots(missed.from.0..end).map(|firing| firing.slot).collect())
    }

    fn plugin(&self, version: u32) -> Option<PluginLine> {
        let Version { plugin, part } = self.known.get(&version)?;
        let part = part.as_ref().ok();
        let name = part.map(|part| part.control.check.plugin.to_string()).unwrap_or_default();
        Some(PluginLine { name, version: part.and_then(|part| part.plugin_version.clone()), digest: *plugin })
    }
}

/// Whether a line is of a run that followed at once on that of the same slot.
fn is_further(first: &SlotLine, line: &SlotLine) -> bool {
    line.slot == first.slot && line.interval.is_some() && first.interval.is_some()
}

fn further(line: SlotLine) -> Option<FurtherLine> {
    let SlotLine { outcome, reason, sequence, population, failing, interval, .. } = line;
    Some(FurtherLine { outcome: outcome?, reason, sequence, population, failing, interval: interval? })
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
