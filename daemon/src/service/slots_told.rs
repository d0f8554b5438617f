//! How slots of controls ended, as an input of a check that tests the monitoring itself.

use std::ops::Range;

use crate::{
    domain::{
        ControlId, Digest, Outcome, SlotEnd, SlotEntry, SlotTime, Timestamp, ToldControl, ToldCounts, ToldEnd,
        ToldStretch, canonical_json, wildcard,
    },
    fold::{ControlRecord, State},
    ledger::{Ledger, SlotOrder, Store as _},
    recorder::ControlPart,
    runner::SlotsTold,
    schedule::Schedule,
};

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
    for (number, (mut told, promised)) in controls.into_iter().enumerate() {
        if halted() {
            return Err("stopped by the daemon".to_owned());
        }
        let found = ledger.slots(&told.control, during.clone(), SlotOrder::OldestFirst);
        // What is damaged is not left out here: fewer slots would look like a better ledger.
        let damaged = |error| format!("the slots of {} cannot be read: {error}", told.control);
        let found: Vec<SlotEntry> = found.map_err(damaged)?.collect::<Result<_, _>>().map_err(damaged)?;
        take(&mut told, found.into_iter().filter(|entry| entry.sequence < entries));
        told.next_due = next_due(ledger, &told, &promised);
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

/// Which control is in force, and what of it needs no end any more.
struct Promised {
    part: Digest,
    /// Up to here all slots ended, or were due by an earlier schedule, of which this one knows nothing.
    after: Option<Timestamp>,
}

/// In the order of their ids, and how many entries there are.
fn known(ledger: &Ledger<State>, patterns: &[String]) -> Result<(Vec<(ToldControl, Promised)>, u64), String> {
    let state = ledger.state();
    for pattern in patterns {
        if !state.controls().keys().any(|control| wildcard(pattern, control.as_str())) {
            return Err(format!("the ledger knows no control `{pattern}`: correct `controls` of the input"));
        }
    }
    let is_asked = |control: &&ControlId| patterns.iter().any(|pattern| wildcard(pattern, control.as_str()));
    let controls = state.controls().iter().filter(|(control, _)| is_asked(control));
    let told = |(control, record): (&ControlId, &ControlRecord)| {
        let since = record.versions.last().map(|version| version.at);
        let after = record.accounted_until().max(since);
        (told_of(control, record), Promised { part: record.state.control_part, after })
    };
    Ok((controls.map(told).collect(), state.head().entries))
}

fn next_due(ledger: &Ledger<State>, told: &ToldControl, promised: &Promised) -> Option<SlotTime> {
    let is_tested = told.enabled && told.retired.is_none();
    let after = promised.after.filter(|_| is_tested)?;
    let part: ControlPart = serde_json::from_slice(&ledger.part(&promised.part).ok()??).ok()?;
    let check = &part.control.check;
    let schedule = Schedule::parse(&check.schedule, &check.timezone).ok()?;
    schedule.next_after(after).map(|firing| firing.slot)
}

fn told_of(control: &ControlId, record: &ControlRecord) -> ToldControl {
    ToldControl {
        control: control.clone(),
        enabled: record.state.enabled,
        known_since: record.versions.first().map(|version| version.at),
        retired: record.retired.filter(|_| record.state.retired),
        next_due: None,
        counts: ToldCounts::default(),
        stretches: Vec::new(),
    }
}

fn take(control: &mut ToldControl, entries: impl Iterator<Item = SlotEntry>) {
    let mut ends: Vec<ToldStretch> = Vec::new();
    // A slot is told once, by its first run, however many intervals it caught up with.
    let mut told = None;
    for entry in entries {
        match entry.end {
            SlotEnd::Ran(ran) if ran.by_hand || (ran.interval.is_some() && told == Some(ran.slot)) => {}
            SlotEnd::Ran(ran) => {
                told = Some(ran.slot);
                let (outcome, reason) = (ran.outcome, ran.reason);
                let end = if ran.late { ToldEnd::Late { outcome, reason } } else { ToldEnd::Run { outcome, reason } };
                ends.push(ToldStretch { end, first: ran.slot, last: ran.slot, slots: 1 });
            }
            SlotEnd::Missed { from, to, count, reason } => {
                ends.push(ToldStretch { end: ToldEnd::Missed { reason }, first: from, last: to, slots: count });
            }
        }
    }
    // What was missed is recorded later than what ran after it.
    ends.sort_by_key(|stretch| (stretch.first, stretch.last));
    for stretch in ends {
        add(&mut control.counts, &stretch);
        match control.stretches.last_mut() {
            Some(before) if before.end == stretch.end => {
                before.last = stretch.last;
                before.slots = before.slots.saturating_add(stretch.slots);
            }
            _ => control.stretches.push(stretch),
        }
    }
}

fn add(counts: &mut ToldCounts, stretch: &ToldStretch) {
    let slots = stretch.slots;
    counts.due = counts.due.saturating_add(slots);
    let outcome = match stretch.end {
        ToldEnd::Missed { .. } => {
            counts.missed = counts.missed.saturating_add(slots);
            return;
        }
        ToldEnd::Run { outcome, .. } => outcome,
        ToldEnd::Late { outcome, .. } => {
            counts.late += slots;
            outcome
        }
    };
    counts.run += slots;
    *match outcome {
        Outcome::Pass => &mut counts.pass,
        Outcome::Fail => &mut counts.fail,
        Outcome::Error => &mut counts.error,
        Outcome::NotApplicable => &mut counts.not_applicable,
    } += slots;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{MissedReason, RanSlot, RunReason};

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
        let mut told = ToldControl {
            control: "AVL-01".parse().unwrap(),
            enabled: true,
            known_since: None,
            retired: None,
            next_due: None,
            counts: ToldCounts::default(),
            stretches: Vec::new(),
        };
        let entry = |(sequence, end)| SlotEntry { sequence, version: 1, end };
        take(&mut told, (0..).zip(ends).map(entry));
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
