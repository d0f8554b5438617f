//! Whether every slot is accounted for, and which entries belong to a happening.

use std::collections::BTreeMap;

use anyhow::Result;
use evidenced::{
    desk::{SlotLine, SlotState},
    domain::{ControlPattern, Entry, Event, Outcome, RunEntry, Timestamp},
};

use super::{
    life::Lived,
    script::Happening,
    slots::slots,
    time::{at, local},
};

/// When which slots could not run in time, and why.
const AWAY: [(&str, &str, &str, &str); 8] = [
    ("*", "02-10 01:20", "02-10 06:50", "down"),
    ("*", "04-12 10:05", "04-12 12:10", "clock"),
    ("*", "04-20 09:40", "04-20 10:45", "clock"),
    ("AVL-01/chat", "06-20 10:00", "06-27 10:00", "disabled"),
    ("*", "07-03 12:30", "07-03 13:30", "disk-full"),
    ("*", "07-15 09:10", "07-15 11:10", "down"),
    ("*", "07-20 23:10", "07-21 03:15", "down"),
    ("*", "09-11 09:30", "09-11 11:10", "down"),
];

/// Why a slot was not run in time; `None`: there is no reason.
fn away(control: &str, slot: Timestamp) -> Option<&'static str> {
    let within = |from: &str, until: &str| at(from) < slot && slot <= at(until);
    let is = |pattern: &str| pattern == "*" || pattern == control;
    AWAY.iter()
        .filter(|(pattern, from, until, _)| is(pattern) && within(from, until))
        .map(|(.., reason)| *reason)
        .next()
}

/// Compares what the ledger says of each slot with what the calendar says that there was.
pub(super) fn account(lived: &mut Lived, lines: Vec<SlotLine>) {
    let mut of: BTreeMap<String, BTreeMap<Timestamp, Vec<SlotLine>>> = BTreeMap::new();
    for line in lines.into_iter().filter(|line| line.scheduled) {
        of.entry(line.control.to_string()).or_default().entry(line.slot.0).or_default().push(line);
    }
    let expected = slots();
    // One is attested, and has none.
    lived.controls = expected.len() + 1;
    for control in expected {
        let mut found = of.remove(&control.control).unwrap_or_default();
        for slot in control.slots {
            lived.slots += 1;
            let wrong = match found.remove(&slot).as_deref() {
                None => Some("has no end".to_owned()),
                Some([line]) => end(lived, &control.control, slot, line),
                Some(lines) => Some(format!("has {} ends", lines.len())),
            };
            lived.unaccounted.extend(wrong.map(|wrong| format!("{} at {} {wrong}", control.control, local(slot))));
        }
        let others = found.into_keys().map(|slot| format!("{} at {} is no slot", control.control, local(slot)));
        lived.unaccounted.extend(others);
    }
}

/// Counts one slot; in words, if it ended otherwise than it should.
fn end(lived: &mut Lived, control: &str, slot: Timestamp, line: &SlotLine) -> Option<String> {
    let reason = line.reason.clone().unwrap_or_default();
    match (line.state, away(control, slot)) {
        // The newest slot of a time without the daemon is caught up with, and is late if it waited for long.
        (SlotState::Run, None | Some("down")) => lived.runs += 1,
        (SlotState::Late, Some("down")) => lived.late += 1,
        (SlotState::Missed, Some(why)) if why == reason => *lived.missed.entry(reason).or_default() += 1,
        (state, why) => return Some(format!("is {state:?} ({reason}), and should be {why:?}")),
    }
    None
}

/// The kinds of entries of a happening, but for runs, checkpoints, closed days and mails.
pub(super) fn entries_of(happening: &Happening, entries: &[Entry]) -> Result<BTreeMap<String, u64>> {
    let pattern = (!happening.about.is_empty()).then(|| happening.about.parse::<ControlPattern>()).transpose()?;
    let its = entries.iter().filter(|entry| happening.from <= entry.at && entry.at <= happening.until);
    let mut kinds = BTreeMap::new();
    for entry in its {
        let is_usual = matches!(
            entry.event,
            Event::Run(RunEntry { outcome: Outcome::Pass | Outcome::NotApplicable, .. })
                | Event::Checkpoint { .. }
                | Event::DayClosed { .. }
                | Event::AlertQueued { .. }
                | Event::Delivered { .. }
                | Event::SubjectsNamed { .. }
        );
        let concerns = match (&pattern, entry.event.control()) {
            (Some(pattern), Some(control)) => pattern.covers(control),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if concerns && !is_usual {
            let event = serde_json::to_value(&entry.event)?;
            let kind = event.get("kind").and_then(serde_json::Value::as_str).unwrap_or_default();
            let kind = match &entry.event {
                Event::Run(run) => format!("run ({:?})", run.outcome).to_lowercase(),
                Event::Missed(missed) => format!("missed ({:?})", missed.reason).to_lowercase(),
                _ => kind.to_owned(),
            };
            *kinds.entry(kind).or_default() += 1;
        }
    }
    Ok(kinds)
}
