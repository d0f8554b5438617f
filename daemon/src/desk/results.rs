//! The slots of a control, as the ledger's entries have them.

use std::{collections::HashMap, ops::Range};

use super::{Desk, FurtherLine, PluginLine, SlotLine, SlotState};
use crate::{
    domain::{ControlId, Digest, MissedReason, Outcome, RanSlot, RunReason, SlotEnd, SlotEntry, SlotTime, Timestamp},
    ledger::{SlotOrder, Store},
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
        // Further runs of its slot may follow.
        let mut newest: Option<SlotLine> = None;
        for entry in self.ledger.slots(control, range.clone(), SlotOrder::OldestFirst)? {
            for line in versions.lines(&entry?) {
                if !range.contains(&line.slot.0) {
                    continue;
                }
                match &mut newest {
                    Some(first) if is_further(first, &line) => follow(first, line),
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
        let versions = self.versions(control)?;
        let mut newest = Vec::with_capacity(count);
        // What is older may be the run that this one followed on.
        let mut in_hand: Option<SlotLine> = None;
        for entry in self.ledger.slots(control, Timestamp::ever(), SlotOrder::NewestFirst)? {
            for mut line in versions.lines(&entry?).into_iter().rev() {
                match in_hand.take() {
                    Some(later) if is_further(&line, &later) => follow(&mut line, later),
                    Some(whole) => newest.push(whole),
                    None => {}
                }
                if newest.len() == count {
                    return Ok(newest);
                }
                in_hand = Some(line);
            }
        }
        newest.extend(in_hand);
        Ok(newest)
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

/// An unbroken stretch of missed slots.
struct Stretch {
    from: SlotTime,
    to: SlotTime,
    count: u64,
}

impl Versions {
    fn lines(&self, entry: &SlotEntry) -> Vec<SlotLine> {
        match &entry.end {
            SlotEnd::Ran(ran) => vec![self.ran(entry, ran)],
            SlotEnd::Missed { from, to, count, reason } => {
                self.missed(entry, *reason, &Stretch { from: *from, to: *to, count: *count })
            }
        }
    }

    fn ran(&self, entry: &SlotEntry, ran: &RanSlot) -> SlotLine {
        SlotLine {
            control: self.control.clone(),
            slot: ran.slot,
            state: if ran.late { SlotState::Late } else { SlotState::Run },
            outcome: Some(ran.outcome),
            clock_in_doubt: ran.clock_in_doubt,
            reason: ran.reason.map(RunReason::word),
            sequence: entry.sequence,
            plugin: self.plugin(entry.version),
            control_version: entry.version,
            scheduled: !ran.by_hand,
            exclusions: self.exclusions(entry.version, ran.slot),
            population: (ran.outcome != Outcome::Error).then_some(ran.population),
            failing: (ran.outcome != Outcome::Error).then_some(ran.failing),
            interval: ran.interval,
            further: Vec::new(),
            unknown: None,
        }
    }

    /// One line a slot: a stretch says the first, the last and the count; the schedule of its version has the rest.
    fn missed(&self, entry: &SlotEntry, reason: MissedReason, missed: &Stretch) -> Vec<SlotLine> {
        let line = |slot, unknown| SlotLine {
            control: self.control.clone(),
            slot,
            state: SlotState::Missed,
            outcome: None,
            clock_in_doubt: false,
            reason: Some(reason.as_str().to_owned()),
            sequence: entry.sequence,
            plugin: self.plugin(entry.version),
            control_version: entry.version,
            scheduled: true,
            exclusions: Vec::new(),
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
        match self.expanded(entry.version, missed) {
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
    fn expanded(&self, version: u32, missed: &Stretch) -> Result<Vec<SlotTime>, String> {
        let version = self.known.get(&version).ok_or("the ledger has no such version of the control")?;
        let part = version.part.as_ref().map_err(|why| format!("the control as it was cannot be read: {why}"))?;
        let check = &part.control.check;
        let schedule = Schedule::parse(&check.schedule, &check.timezone).map_err(|error| error.to_string())?;
        let end = Timestamp::from_millis(missed.to.0.as_millis() + 1);
        Ok(schedule.slots(missed.from.0..end).map(|firing| firing.slot).collect())
    }

    fn exclusions(&self, version: u32, slot: SlotTime) -> Vec<u64> {
        let part = self.known.get(&version).and_then(|version| version.part.as_ref().ok());
        let in_force = part.into_iter().flat_map(|part| &part.excluded).filter(|excluded| slot.0 < excluded.until);
        in_force.map(|excluded| excluded.exclusion).collect()
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

/// The line, with what followed on it in turn, follows on the first.
fn follow(first: &mut SlotLine, line: SlotLine) {
    let SlotLine { outcome, reason, sequence, population, failing, interval, further, .. } = line;
    let line = outcome.zip(interval).map(|(outcome, interval)| FurtherLine {
        outcome,
        reason,
        sequence,
        population,
        failing,
        interval,
    });
    first.further.extend(line.into_iter().chain(further));
}
