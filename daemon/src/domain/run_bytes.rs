use serde::Serialize;

use super::{Counts, EventInterval, RunEntry, Timestamp};

/// The canonical JSON of a run's entry, written member by member in the order of their names.
///
/// Nearly all entries are runs, and by way of a tree of values each took as long as the judgement of its run. A test
/// holds this against the general form; a field that is added does not compile before it is written here.
pub(super) fn run_bytes(v: u32, at: Timestamp, run: &RunEntry) -> serde_json::Result<Vec<u8>> {
    let RunEntry {
        control,
        version,
        slot,
        now,
        clock_in_doubt,
        took_ms,
        late,
        days,
        outcome,
        reason,
        incomplete,
        population,
        counts,
        seed_size,
        interval,
        repeated,
        covered_until,
        plugin_state,
        evidence,
    } = run;
    let Counts { pass, fail, error, not_applicable, excluded, attention } = counts;

    let mut entry = Members(Vec::with_capacity(512));
    entry.put("{\"at\":", &at)?;
    if *clock_in_doubt {
        entry.put(",\"clock_in_doubt\":", clock_in_doubt)?;
    }
    entry.put(",\"control\":", control)?;
    entry.put(",\"counts\":{\"attention\":", attention)?;
    entry.put(",\"error\":", error)?;
    entry.put(",\"excluded\":", excluded)?;
    entry.put(",\"fail\":", fail)?;
    entry.put(",\"not_applicable\":", not_applicable)?;
    entry.put(",\"pass\":", pass)?;
    entry.0.push(b'}');
    if let Some(covered_until) = covered_until {
        entry.put(",\"covered_until\":", covered_until)?;
    }
    entry.put(",\"days\":", days)?;
    entry.put(",\"evidence\":", evidence)?;
    entry.put(",\"incomplete\":", incomplete)?;
    if let Some(EventInterval { from, until }) = interval {
        entry.put(",\"interval\":{\"from\":", from)?;
        entry.put(",\"until\":", until)?;
        entry.0.push(b'}');
    }
    entry.put(",\"kind\":\"run\",\"late\":", late)?;
    entry.put(",\"now\":", now)?;
    entry.put(",\"outcome\":", outcome)?;
    if let Some(plugin_state) = plugin_state {
        entry.put(",\"plugin_state\":", plugin_state)?;
    }
    entry.put(",\"population\":", population)?;
    if let Some(reason) = reason {
        entry.put(",\"reason\":", reason)?;
    }
    if *repeated > 0 {
        entry.put(",\"repeated\":", repeated)?;
    }
    entry.put(",\"seed_size\":", seed_size)?;
    entry.put(",\"slot\":", slot)?;
    entry.put(",\"took_ms\":", took_ms)?;
    entry.put(",\"v\":", &v)?;
    entry.put(",\"version\":", version)?;
    entry.0.push(b'}');
    Ok(entry.0)
}

struct Members(Vec<u8>);

impl Members {
    fn put(&mut self, name: &str, value: &impl Serialize) -> serde_json::Result<()> {
        self.0.extend_from_slice(name.as_bytes());
        serde_json::to_writer(&mut self.0, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Digest, Entry, Event, Evidence, LocalDay, Outcome, RunReason, SlotTime, canonical};

    #[test]
    fn it_is_what_the_general_form_writes() {
        let at: Timestamp = "2026-03-02T06:00:03.120Z".parse().unwrap();
        let passed = RunEntry {
            control: "AVL-01/iris_2.b".parse().unwrap(),
            version: 3,
            slot: SlotTime("2026-03-02T06:00:00.000Z".parse().unwrap()),
            now: at,
            clock_in_doubt: false,
            took_ms: 12,
            late: false,
            days: vec![],
            outcome: Outcome::Pass,
            reason: None,
            incomplete: false,
            population: 48,
            counts: Counts { pass: 1, fail: 2, error: 3, not_applicable: 4, excluded: 5, attention: 6 },
            seed_size: (1 << 53) - 1,
            interval: None,
            repeated: 0,
            covered_until: None,
            plugin_state: None,
            evidence: Evidence::SameAs(5),
        };
        let failed = RunEntry {
            clock_in_doubt: true,
            late: true,
            days: vec![LocalDay(20514), LocalDay(-1)],
            outcome: Outcome::NotApplicable,
            reason: Some(RunReason::FindingErrors),
            incomplete: true,
            interval: Some(EventInterval { from: Timestamp::EPOCH, until: at }),
            repeated: 7,
            covered_until: Some(at),
            plugin_state: Some(Digest::of(b"state")),
            evidence: Evidence::Part(Digest::of(b"evidence")),
            ..passed.clone()
        };
        for run in [passed, failed] {
            let entry = Entry::new(at, Event::Run(run.clone()));
            let general = canonical::to_bytes(&entry).unwrap();
            let written = run_bytes(entry.v, at, &run).unwrap();
            assert_eq!(String::from_utf8(written), String::from_utf8(general));
        }
    }
}
