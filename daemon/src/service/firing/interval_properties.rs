//! Each event is counted once, whatever happens to the daemon, the clock, the plugin and the configuration.
//!
//! A control and its daemon in small: the real state, decisions and arithmetic, and a made-up world around them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use evidenced_contract::Listing;
use proptest::prelude::*;

use crate::{
    domain::{
        Calendar, ControlId, Counts, Digest, Event, EventInterval, Evidence, ExceptionId, Family, IntervalRules,
        Outcome, RunEntry, RunReason, Severity, SlotTime, Timestamp,
    },
    judge::{
        ControlState, DefinedControl, Flapping, Policy, Remediation, Reminders, RunFacts, decide_definition, decide_run,
    },
    schedule::{Coverage, Portion, goal, portion},
};

/// Events arrive at most so late, unless they are late ones.
const LAG_LEAST: u64 = 60;

/// How a run ends.
#[derive(Debug, Clone, Copy)]
enum Ends {
    /// With a report about everything that it was asked.
    Whole,
    /// With a report about so many thousandths of its interval.
    Partly(u64),
    Error,
    /// The daemon dies with it.
    Dies,
}

/// What happens next. Times are in seconds.
#[derive(Debug, Clone)]
enum Act {
    /// A slot comes due and runs, `late` after its time; its further runs take more of the endings.
    Slot {
        after: u64,
        late: u64,
        ends: Vec<Ends>,
    },
    /// A person asks for a run.
    ByHand {
        after: u64,
        ends: Ends,
    },
    /// Nothing runs.
    Outage {
        after: u64,
    },
    /// The slots of an outage run, each as one that others follow but the last.
    CatchUp {
        slots: Vec<u64>,
        ends: Vec<Ends>,
    },
    /// Other rules: a new definition.
    Rules(IntervalRules),
    /// The same while a run is under way.
    RulesWhileRunning {
        after: u64,
        rules: IntervalRules,
    },
    /// The daemon starts again from what it has written.
    Restart,
    ClockForward {
        by: u64,
    },
    ClockBack {
        by: u64,
    },
}

fn ends() -> impl Strategy<Value = Ends> {
    prop_oneof![
        6 => Just(Ends::Whole),
        3 => (0..=1000_u64).prop_map(Ends::Partly),
        2 => Just(Ends::Error),
        1 => Just(Ends::Dies),
    ]
}

fn rules() -> impl Strategy<Value = IntervalRules> {
    (LAG_LEAST..4_000, 1..200_000_u64, 600..200_000_u64, 0..=500_u64).prop_map(|(lag, lookback, max, overlap)| {
        IntervalRules {
            lag: Duration::from_secs(lag),
            lookback: Duration::from_secs(lookback),
            max_interval: Duration::from_secs(max),
            overlap: Duration::from_millis(max * overlap),
        }
    })
}

fn after() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 1..4_000_u64, 1 => 1..400_000_u64]
}

fn endings() -> impl Strategy<Value = Vec<Ends>> {
    prop::collection::vec(ends(), 1..6)
}

/// What leaves rules and clock as they are.
fn quiet_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (after(), 0..3_000_u64, endings()).prop_map(|(after, late, ends)| Act::Slot { after, late, ends }),
        1 => (after(), ends()).prop_map(|(after, ends)| Act::ByHand { after, ends }),
        2 => after().prop_map(|after| Act::Outage { after }),
        1 => Just(Act::Restart),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => quiet_act(),
        1 => (prop::collection::vec(1..50_000_u64, 1..5), endings())
            .prop_map(|(slots, ends)| Act::CatchUp { slots, ends }),
        1 => rules().prop_map(Act::Rules),
        1 => (after(), rules()).prop_map(|(after, rules)| Act::RulesWhileRunning { after, rules }),
        1 => (1..100_000_u64).prop_map(|by| Act::ClockForward { by }),
        1 => (1..100_000_u64).prop_map(|by| Act::ClockBack { by }),
    ]
}

/// What happens at the source: how long after the one before, and how much later it arrives.
fn events() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let delay = prop_oneof![4 => 0..=LAG_LEAST, 1 => 0..100_000_u64];
    prop::collection::vec((1..20_000_u64, delay), 1..60)
}

#[derive(Debug, Clone, Copy)]
struct Happening {
    at: Timestamp,
    arrives: Timestamp,
    delay: Duration,
    /// The clock was set back over it: its time came twice.
    is_doubtful: bool,
}

struct World {
    now: Timestamp,
    /// The times that are still to come, from the beginning of all: the clock of the source is the daemon's.
    coming: Vec<(u64, u64)>,
    happened: Vec<Happening>,
    next_happens: Timestamp,
    rules: IntervalRules,
    /// Whether they never changed.
    same_rules: bool,
    defined: DefinedControl,
    state: ControlState,
    sequence: u64,
    newest_slot: Timestamp,
    /// Events by the record of the report that named them.
    records: HashMap<Digest, Vec<usize>>,
    /// How often each event was counted.
    counted: BTreeMap<usize, u32>,
    /// Where coverage began, and up to where it goes by the entries alone.
    covered: Option<(Timestamp, Timestamp)>,
}

fn start() -> Timestamp {
    "2026-03-02T00:00:00Z".parse().unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl World {
    fn new(rules: IntervalRules, events: Vec<(u64, u64)>) -> Self {
        let control: ControlId = "CNF-03".parse().unwrap();
        let defined = DefinedControl {
            control,
            definition: Digest::of(b"1"),
            plugin: Some(Digest::of(b"plugin")),
            family: Family::Confidentiality,
            severity: Severity::High,
            enabled: true,
            control_part: Digest::of(b"part"),
        };
        let state = ControlState::begin(&decide_definition(None, &defined).events[0]).unwrap();
        let mut world = Self {
            now: start(),
            coming: events,
            happened: Vec::new(),
            next_happens: start(),
            rules,
            same_rules: true,
            defined,
            state,
            sequence: 1,
            newest_slot: start(),
            records: HashMap::new(),
            counted: BTreeMap::new(),
            covered: None,
        };
        world.coming.reverse();
        world
    }

    fn pass(&mut self, time: u64) {
        let end = self.now.plus(seconds(time));
        while let Some((after, delay)) = self.coming.last().copied() {
            let at = self.next_happens.plus(seconds(after));
            if at > end {
                break;
            }
            self.coming.pop();
            self.next_happens = at;
            let delay = seconds(delay);
            self.happened.push(Happening { at, arrives: at.plus(delay), delay, is_doubtful: false });
        }
        self.now = end;
    }

    fn apply(&mut self, event: &Event) {
        self.sequence += 1;
        self.state.apply(self.sequence, self.now, event);
    }

    fn use_rules(&mut self, rules: IntervalRules) {
        self.same_rules = false;
        self.rules = rules;
        self.defined.definition = Digest::of(&serde_json::to_vec(&rules).unwrap());
        for event in decide_definition(Some(&self.state), &self.defined).events {
            self.apply(&event);
        }
    }

    fn portion(&self, goal: Timestamp) -> Portion {
        let coverage = Coverage { covered_until: self.state.covered_until, known_from: self.state.events_known_from() };
        portion(&self.rules, coverage, Some(start()), self.now, goal)
    }

    /// A slot and what follows it, as the daemon does it.
    fn slot(&mut self, slot: Timestamp, goal: Timestamp, ends: &[Ends]) {
        if slot <= self.newest_slot {
            // The clock was set back: it has run already.
            return;
        }
        self.newest_slot = slot;
        let mut endings = ends.iter().chain(std::iter::repeat(&Ends::Whole));
        // Half of an interval is new at least, and half of that is covered by whoever goes on; the rest is soon too short
        // to be halved.
        let first = self.portion(goal);
        let runs_max = 4 * goal.since(first.new_from).as_secs() / self.rules.max_interval.as_secs() + 100;
        for _ in 0..runs_max {
            let portion = self.portion(goal);
            let ending = *endings.next().unwrap();
            if let Ends::Dies = ending {
                self.restart();
                return;
            }
            self.run(slot, portion, ending, self.state.version);
            if !self.state.covered_until.is_some_and(|covered| portion.goes_on(covered)) {
                return;
            }
        }
        panic!("a slot without end");
    }

    fn run(&mut self, slot: Timestamp, portion: Portion, ending: Ends, version: u32) {
        let EventInterval { from, until } = portion.interval;
        assert!(from <= until && portion.new_from >= from);
        assert!(until.since(from) <= self.rules.max_interval || until == portion.new_from, "{portion:?}");
        assert!(until <= self.now.minus(self.rules.lag) || until == portion.new_from, "{portion:?}");
        let covered = match ending {
            Ends::Whole => Some(until),
            Ends::Partly(share) => {
                Some(from.plus(Duration::from_millis(until.since(from).as_millis() as u64 * share / 1000)))
            }
            Ends::Error | Ends::Dies => None,
        };
        let seen = |happening: &Happening| {
            covered.is_some_and(|covered| from <= happening.at && happening.at < covered)
                && happening.arrives <= self.now
        };
        let named: Vec<usize> =
            self.happened.iter().enumerate().filter(|(_, one)| seen(one)).map(|(place, _)| place).collect();
        let known: BTreeSet<usize> =
            self.state.reported.iter().flat_map(|reported| self.records[&reported.record].clone()).collect();
        let new: Vec<usize> = named.iter().copied().filter(|place| !known.contains(place)).collect();
        let record = Digest::of(&self.sequence.to_be_bytes());
        self.records.insert(record, named.clone());
        let run = RunEntry {
            control: self.defined.control.clone(),
            version,
            slot: SlotTime(slot),
            now: self.now,
            clock_in_doubt: false,
            took_ms: 1,
            late: false,
            days: Vec::new(),
            outcome: if covered.is_some() { Outcome::Pass } else { Outcome::Error },
            reason: covered.is_none().then_some(RunReason::Unreachable),
            incomplete: false,
            population: new.len() as u32,
            counts: Counts::default(),
            seed_size: 0,
            interval: Some(portion.interval),
            repeated: (named.len() - new.len()) as u32,
            covered_until: covered,
            plugin_state: None,
            evidence: Evidence::Part(record),
        };
        let is_judged = self.state.judges(&run);
        let facts = RunFacts { run, listing: Listing::NotPassing, statuses: Vec::new(), named: None };
        let policy = Policy {
            confirmations: 1,
            remediation: Remediation::Elapsed(seconds(86_400)),
            untested_after_slots: 2,
            wall: seconds(30),
            reminders: Reminders::default(),
            flapping: Flapping::default(),
            calendar: Calendar { zone: jiff::tz::TimeZone::UTC, holidays: Arc::default() },
        };
        let next = ExceptionId { year: 2026, number: 1 };
        let decision = decide_run(&self.state, &policy, next, self.now, &facts).unwrap();
        for event in decision.events {
            self.apply(&event);
        }
        // The entries alone say what is covered: from the first interval on, judged reports follow each other.
        let (_, before) = *self.covered.get_or_insert((from, from));
        if let (true, Some(covered)) = (is_judged, covered) {
            assert!(from <= before, "a gap before {from}");
            let (first, _) = self.covered.unwrap();
            self.covered = Some((first, covered.max(before)));
            for place in new {
                *self.counted.entry(place).or_default() += 1;
            }
        }
        assert_eq!(self.state.covered_until, self.covered.map(|(_, until)| until));
    }

    /// What is not in entries is lost; the rows of the view are what was written.
    fn restart(&mut self) {
        let row = serde_json::to_vec(&self.state).unwrap();
        self.state = serde_json::from_slice(&row).unwrap();
    }

    fn happens(&mut self, act: Act) {
        match act {
            Act::Slot { after, late, ends } => {
                self.pass(after);
                let slot = self.now;
                self.pass(late);
                self.slot(slot, goal(&self.rules, self.now), &ends);
            }
            Act::ByHand { after, ends } => {
                self.pass(after);
                if !matches!(ends, Ends::Dies) {
                    self.run(self.now, self.portion(goal(&self.rules, self.now)), ends, self.state.version);
                }
            }
            Act::Outage { after } => self.pass(after),
            Act::CatchUp { slots, ends } => {
                let mut due = Vec::new();
                for after in slots {
                    self.pass(after);
                    due.push(self.now);
                }
                let last = due.pop();
                for slot in due {
                    self.slot(slot, goal(&self.rules, slot), &ends);
                }
                last.into_iter().for_each(|slot| self.slot(slot, goal(&self.rules, self.now), &ends));
            }
            Act::Rules(rules) => self.use_rules(rules),
            Act::RulesWhileRunning { after, rules } => {
                self.pass(after);
                if self.now > self.newest_slot {
                    self.newest_slot = self.now;
                    let (portion, version) = (self.portion(goal(&self.rules, self.now)), self.state.version);
                    let before = self.rules;
                    self.use_rules(rules);
                    let after = std::mem::replace(&mut self.rules, before);
                    self.run(self.now, portion, Ends::Whole, version);
                    self.rules = after;
                }
            }
            Act::Restart => self.restart(),
            Act::ClockForward { by } => {
                self.now = self.now.plus(seconds(by));
                self.next_happens = self.next_happens.max(self.now);
            }
            Act::ClockBack { by } => {
                let at = self.now.minus(seconds(by));
                self.now = at;
                self.next_happens = self.next_happens.min(at);
                for happening in self.happened.iter_mut().filter(|happening| happening.at >= at) {
                    happening.is_doubtful = true;
                }
                self.state.clock_went_back(at);
                if let Some((_, covered)) = &mut self.covered {
                    *covered = (*covered).min(at);
                }
            }
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let Some((first, until)) = self.covered else { return Ok(()) };
        for (place, happening) in self.happened.iter().enumerate() {
            let times = self.counted.get(&place).copied().unwrap_or(0);
            if happening.is_doubtful {
                continue;
            }
            prop_assert!(times <= 1, "counted {} times: {:?}", times, happening);
            let is_asked = first <= happening.at && happening.at < until;
            let in_time = happening.delay <= seconds(LAG_LEAST);
            prop_assert!(!is_asked || !in_time || times == 1, "not counted: {:?}", happening);
            // What arrives later than that is found by the overlap, once there was time for it.
            let found = happening.delay <= self.rules.lag + self.rules.overlap;
            let was_late_enough = happening.arrives.plus(self.rules.lag) <= until;
            if self.same_rules && is_asked && found && was_late_enough {
                prop_assert!(times == 1, "late, and not counted: {:?}", happening);
            }
        }
        Ok(())
    }
}

/// As many as `ROUNDS` says, 10,000 where everything is tested.
fn histories() -> u32 {
    let said = std::env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(0);
    let usual = if std::env::var_os("EVIDENCED_TEST_ALL").is_some() { 10_000 } else { 400 };
    usual.max(said)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: histories(), ..ProptestConfig::default() })]

    #[test]
    fn each_event_is_counted_exactly_once(
        rules in rules(),
        events in events(),
        acts in prop::collection::vec(act(), 1..60),
    ) {
        let mut world = World::new(rules, events);
        for act in acts {
            world.happens(act);
        }
        world.check()?;
    }

    #[test]
    fn late_events_are_counted_once_while_the_rules_stay(
        rules in rules(),
        events in events(),
        acts in prop::collection::vec(quiet_act(), 1..60),
    ) {
        let mut world = World::new(rules, events);
        for act in acts {
            world.happens(act);
        }
        world.check()?;
    }
}
