//! How slots of controls ended, as an input of a check that tests the monitoring itself.

use std::ops::Range;

use serde::Serialize;

use crate::{
    domain::{
        ControlId, MissedReason, Outcome, RunReason, SlotEnd, SlotEntry, SlotTime, Timestamp, canonical_json, wildcard,
    },
    fold::{ControlRecord, State},
    ledger::{Ledger, SlotOrder, Store as _},
    runner::SlotsTold,
};

/// One control, and how its slots of the time ended, oldest first.
#[derive(Serialize)]
struct Told {
    control: ControlId,
    enabled: bool,
    /// When the ledger first heard of it.
    known_since: Option<Timestamp>,
    /// When it left the configuration, if it has.
    retired: Option<Timestamp>,
    counts: Counts,
    stretches: Vec<Stretch>,
}

#[derive(Default, Serialize)]
struct Counts {
    due: u64,
    run: u64,
    /// Those of `run` that were late.
    late: u64,
    missed: u64,
    pass: u64,
    fail: u64,
    error: u64,
    not_applicable: u64,
}

/// Slots one after the other that ended in the same way.
#[derive(Serialize)]
struct Stretch {
    #[serde(flatten)]
    end: End,
    first: SlotTime,
    last: SlotTime,
    slots: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
enum End {
    Run {
        outcome: Outcome,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<RunReason>,
    },
    Late {
        outcome: Outcome,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<RunReason>,
    },
    Missed {
        reason: MissedReason,
    },
}

/// What the ledger says of the controls that `patterns` name: of the entries that it has now, and of no later ones.
pub(super) fn slots_told(
    ledger: &Ledger<State>,
    patterns: &[String],
    during: &Range<Timestamp>,
    bytes_max: u64,
    halted: &dyn Fn() -> bool,
) -> Result<SlotsTold, String> {
    let (controls, entries) = known(ledger, patterns)?;
    let mut json = format!("{{\"from\":\"{}\",\"until\":\"{}\",\"controls\":[", during.start, during.end).into_bytes();
    let mut slots = 0;
    for (number, mut told) in controls.into_iter().enumerate() {
        if halted() {
            return Err("stopped by the daemon".to_owned());
        }
        let found = ledger.slots(&told.control, during.clone(), SlotOrder::OldestFirst);
        // What is damaged is not left out here: fewer slots would look like a better ledger.
        let damaged = |error| format!("the slots of {} cannot be read: {error}", told.control);
        let found: Vec<SlotEntry> = found.map_err(damaged)?.collect::<Result<_, _>>().map_err(damaged)?;
        told.take(found.into_iter().filter(|entry| entry.sequence < entries));
        slots += told.counts.due;
        json.extend_from_slice(if number == 0 { b"\n" } else { b",\n" });
        json.extend(canonical_json(&told).map_err(|error| error.to_string())?);
        if json.len() as u64 + 4 > bytes_max {
            return Err(format!(
                "longer than the limit of {bytes_max} bytes: name fewer controls or a shorter time, or raise `limits.input`"
            ));
        }
    }
    json.extend_from_slice(b"\n]}\n");
    Ok(SlotsTold { bytes: json, slots: u32::try_from(slots).unwrap_or(u32::MAX) })
}

/// In the order of their ids, and how many entries there are.
fn known(ledger: &Ledger<State>, patterns: &[String]) -> Result<(Vec<Told>, u64), String> {
    let state = ledger.state();
    for pattern in patterns {
        if !state.controls().keys().any(|control| wildcard(pattern, control.as_str())) {
            return Err(format!("the ledger knows no control `{pattern}`: correct `controls` of the input"));
        }
    }
    let is_asked = |control: &&ControlId| patterns.iter().any(|pattern| wildcard(pattern, control.as_str()));
    let controls = state.controls().iter().filter(|(control, _)| is_asked(control));
    Ok((controls.map(|(control, record)| Told::of(control, record)).collect(), state.head().entries))
}

impl Told {
    fn of(control: &ControlId, record: &ControlRecord) -> Self {
        Self {
            control: control.clone(),
            enabled: record.state.enabled,
            known_since: record.versions.first().map(|version| version.at),
            retired: record.retired.filter(|_| record.state.retired),
            counts: Counts::default(),
            stretches: Vec::new(),
        }
    }

    fn take(&mut self, entries: impl Iterator<Item = SlotEntry>) {
        let mut ends: Vec<Stretch> = Vec::new();
        // A slot is told once, by its first run, however many intervals it caught up with.
        let mut told = None;
        for entry in entries {
            match entry.end {
                SlotEnd::Ran(ran) if ran.by_hand || (ran.interval.is_some() && told == Some(ran.slot)) => {}
                SlotEnd::Ran(ran) => {
                    told = Some(ran.slot);
                    let (outcome, reason) = (ran.outcome, ran.reason);
                    let end = if ran.late { End::Late { outcome, reason } } else { End::Run { outcome, reason } };
                    ends.push(Stretch { end, first: ran.slot, last: ran.slot, slots: 1 });
                }
                SlotEnd::Missed { from, to, count, reason } => {
                    ends.push(Stretch { end: End::Missed { reason }, first: from, last: to, slots: count });
                }
            }
        }
        // What was missed is recorded later than what ran after it.
        ends.sort_by_key(|stretch| (stretch.first, stretch.last));
        for stretch in ends {
            self.counts.add(&stretch);
            match self.stretches.last_mut() {
                Some(before) if before.end == stretch.end => {
                    before.last = stretch.last;
                    before.slots = before.slots.saturating_add(stretch.slots);
                }
                _ => self.stretches.push(stretch),
            }
        }
    }
}

impl Counts {
    fn add(&mut self, stretch: &Stretch) {
        let slots = stretch.slots;
        self.due = self.due.saturating_add(slots);
        let outcome = match stretch.end {
            End::Missed { .. } => {
                self.missed = self.missed.saturating_add(slots);
                return;
            }
            End::Run { outcome, .. } => outcome,
            End::Late { outcome, .. } => {
                self.late += slots;
                outcome
            }
        };
        self.run += slots;
        *match outcome {
            Outcome::Pass => &mut self.pass,
            Outcome::Fail => &mut self.fail,
            Outcome::Error => &mut self.error,
            Outcome::NotApplicable => &mut self.not_applicable,
        } += slots;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RanSlot;

    fn slot(minute: i64) -> SlotTime {
        SlotTime(Timestamp::from_millis(minute * 60_000))
    }

    fn ran(minute: i64, outcome: Outcome) -> RanSlot {
        RanSlot {
            slot: slot(minute),
            late: false,
            by_hand: false,
            outcome,
            reason: (outcome == Outcome::Error).then_some(RunReason::Denied),
            clock_in_doubt: false,
            population: 1,
            failing: 0,
            interval: None,
        }
    }

    fn told(ends: Vec<SlotEnd>) -> serde_json::Value {
        let mut told = Told {
            control: "AVL-01".parse().unwrap(),
            enabled: true,
            known_since: None,
            retired: None,
            counts: Counts::default(),
            stretches: Vec::new(),
        };
        let entry = |(sequence, end)| SlotEntry { sequence, version: 1, end };
        told.take((0..).zip(ends).map(entry));
        serde_json::to_value(&told).unwrap()
    }

    #[test]
    fn slots_that_ended_alike_are_one_stretch_in_order_of_time() {
        let missed = SlotEnd::Missed { from: slot(2), to: slot(3), count: 2, reason: MissedReason::Down };
        let told = told(vec![
            SlotEnd::Ran(ran(0, Outcome::Pass)),
            SlotEnd::Ran(ran(1, Outcome::Pass)),
            SlotEnd::Ran(RanSlot { late: true, ..ran(4, Outcome::Fail) }),
            // Recorded last, though it was first.
            missed,
            SlotEnd::Ran(RanSlot { by_hand: true, ..ran(5, Outcome::Error) }),
            SlotEnd::Ran(ran(6, Outcome::Error)),
        ]);
        let at = |minute| serde_json::to_value(slot(minute)).unwrap();
        let stretches = serde_json::json!([
            { "state": "run", "outcome": "pass", "first": at(0), "last": at(1), "slots": 2 },
            { "state": "missed", "reason": "down", "first": at(2), "last": at(3), "slots": 2 },
            { "state": "late", "outcome": "fail", "first": at(4), "last": at(4), "slots": 1 },
            { "state": "run", "outcome": "error", "reason": "denied", "first": at(6), "last": at(6), "slots": 1 },
        ]);
        assert_eq!(told["stretches"], stretches);
        let counts = serde_json::json!({
            "due": 6, "run": 4, "late": 1, "missed": 2, "pass": 2, "fail": 1, "error": 1, "not_applicable": 0,
        });
        assert_eq!(told["counts"], counts);
    }

    #[test]
    fn a_slot_that_caught_up_with_several_intervals_is_told_once() {
        use crate::domain::EventInterval;
        let interval = |from: i64| Some(EventInterval { from: slot(from).0, until: slot(from + 1).0 });
        let runs = [0, 1, 2].map(|from| SlotEnd::Ran(RanSlot { interval: interval(from), ..ran(9, Outcome::Pass) }));
        assert_eq!(told(runs.to_vec())["counts"]["run"], 1);
    }
}
