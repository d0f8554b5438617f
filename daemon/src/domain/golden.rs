//! Every kind of entry, held to its bytes.
//!
//! `tests/golden/entries-v1.jsonl` is a ledger as text: a line an entry, the first of sequence 0. It was not written
//! by this program. A kind, a name of a closed list or a member that may be absent and has no line there fails here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, iter,
};

use serde::{
    Deserialize,
    de::{
        self, IntoDeserializer as _,
        value::{MapDeserializer, StrDeserializer},
    },
};
use serde_json::Value;

use super::*;

const ENTRIES: &str = include_str!("../../../tests/golden/entries-v1.jsonl");

#[test]
fn every_entry_is_read_and_written_to_the_same_bytes() {
    for (sequence, line) in ENTRIES.lines().enumerate() {
        let entry = Entry::from_bytes(line.as_bytes()).unwrap_or_else(|error| panic!("entry {sequence}: {error:?}"));
        let written = String::from_utf8(entry.to_bytes().unwrap()).unwrap();
        assert_eq!(written, line, "entry {sequence}");
        let value: Value = serde_json::from_str(line).unwrap();
        let canonical = serde_json_canonicalizer::to_string(&value).unwrap();
        assert_eq!(canonical, line, "entry {sequence} is not as RFC 8785 wants it");
    }
}

#[test]
fn every_kind_and_every_name_of_a_closed_list_is_there() {
    let lines: Vec<Value> = ENTRIES.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let check = |kind: &str, place: &str, expected: BTreeSet<&str>| {
        let of_kind = lines.iter().filter(|line| kind.is_empty() || line["kind"] == kind);
        let found: BTreeSet<&str> = of_kind.flat_map(|line| line.pointer(place)).flat_map(names_in).collect();
        assert_eq!(found, expected, "{place} of `{kind}`");
    };
    check("", "/kind", names_tagged::<Event>("kind"));
    check("control-defined", "/family", names::<Family>());
    check("control-defined", "/severity", names::<Severity>());
    check("run", "/outcome", names::<Outcome>());
    check("run", "/reason", names::<RunReason>());
    check("run", "/evidence", names::<Evidence>());
    check("missed", "/reason", names::<MissedReason>());
    check("subjects-left", "/why", names::<Departure>());
    check("exception-noted", "/about", names::<NoteKind>());
    check("alert-queued", "/cause", names::<AlertCause>());
    check("alert-held", "/why", names::<HoldReason>());
    check("alert-held", "/detail", names::<Detail>());
    check("alert-withheld", "/why", names::<WithheldReason>());
    check("alert-queued", "/cause/summary", names::<SummaryKind>());
    check("checkpoint", "/clock", names::<ClockState>());
    check("proposed", "/act/act", names_tagged::<Act>("act"));
    check("proposal-dropped", "/why", names::<Dropped>());
    check("clock-doubted", "/doubt/why", names_tagged::<ClockDoubt>("why"));
}

#[test]
fn every_member_that_may_be_absent_is_there_once_and_absent_once() {
    let mut seen: BTreeMap<&str, BTreeSet<bool>> = BTreeMap::new();
    for line in ENTRIES.lines() {
        let entry = Entry::from_bytes(line.as_bytes()).unwrap();
        for (member, is_there) in optional(&entry.event) {
            seen.entry(member).or_default().insert(is_there);
        }
    }
    for (member, ways) in seen {
        assert_eq!(ways, BTreeSet::from([false, true]), "{member}");
    }
}

/// The members that may be absent (or null), and whether they are there. No `..` and no wildcard: who adds a kind or a
/// member decides here whether it may be absent, and writes its lines.
fn optional(event: &Event) -> Vec<(&'static str, bool)> {
    match event {
        Event::ControlDefined {
            control: _,
            version: _,
            definition: _,
            plugin,
            family: _,
            severity: _,
            enabled: _,
            control_part: _,
        } => {
            vec![("plugin of control-defined", plugin.is_some())]
        }
        Event::Run(RunEntry {
            control: _,
            version: _,
            slot: _,
            now: _,
            clock_in_doubt,
            took_ms: _,
            late: _,
            days,
            outcome: _,
            reason,
            incomplete: _,
            population: _,
            counts: Counts { pass: _, fail: _, error: _, not_applicable: _, excluded: _, attention: _ },
            seed_size: _,
            interval,
            repeated,
            covered_until,
            plugin_state,
            evidence: _,
        }) => vec![
            ("clock_in_doubt of run", *clock_in_doubt),
            ("days of run", !days.is_empty()),
            ("reason of run", reason.is_some()),
            ("interval of run", interval.is_some()),
            ("repeated of run", *repeated > 0),
            ("covered_until of run", covered_until.is_some()),
            ("plugin_state of run", plugin_state.is_some()),
        ],
        Event::AlertQueued { alert: _, cause: _, control, exception, mail: _, deliveries: _, recipients, tells } => {
            vec![
                ("control of alert-queued", control.is_some()),
                ("exception of alert-queued", exception.is_some()),
                ("recipients of alert-queued", !recipients.is_empty()),
                ("tells of alert-queued", !tells.is_empty()),
            ]
        }
        Event::AlertHeld(HeldAlert {
            held: _,
            cause: _,
            control,
            exception,
            severity: _,
            recipients: _,
            detail: _,
            why: _,
            until: _,
            letter: _,
        }) => vec![("control of alert-held", control.is_some()), ("exception of alert-held", exception.is_some())],
        Event::AlertWithheld { cause: _, control: _, exception, why: _, silence, since } => {
            vec![
                ("exception of alert-withheld", exception.is_some()),
                ("silence of alert-withheld", silence.is_some()),
                ("since of alert-withheld", since.is_some()),
            ]
        }
        Event::ExceptionAcknowledged { exception: _, control: _, until, note: _ } => {
            vec![("until of exception-acknowledged", until.is_some())]
        }
        Event::PluginRefused(PluginRefused {
            plugin: _,
            in_use: _,
            found: _,
            locked,
            why: _,
            cases: _,
            failed: _,
            words: _,
        }) => vec![("locked of plugin-refused", locked.is_some())],
        Event::ClockBelieved(ClockBelieved { before: _, note }) => vec![("note of clock-believed", note.is_some())],
        Event::Erased { part: _, left } => vec![("left of erased", left.is_some())],
        Event::SilenceEnded { silence: _, note } => vec![("note of silence-ended", note.is_some())],
        Event::ExclusionEnded { exclusion: _, control: _, note } => {
            vec![("note of exclusion-ended", note.is_some())]
        }
        Event::LedgerOpened { origin: _, key: _ }
        | Event::DaemonStarted { software: _ }
        | Event::DaemonStopped
        | Event::ConfigurationAccepted { configuration: _, rollup_zones: _ }
        | Event::ConfigurationRefused { errors: _ }
        | Event::ControlPresented { control: _, family: _, severity: _, enabled: _, control_part: _ }
        | Event::ControlRetired { control: _ }
        | Event::SubjectsNamed { control: _, first: _, count: _, subjects: _ }
        | Event::Missed(MissedSlots { control: _, version: _, reason: _, from: _, to: _, count: _, days: _ })
        | Event::SubjectsSuspected(SuspectedSubjects { control: _, slot: _, subjects: _ })
        | Event::ExceptionOpened { exception: _, control: _, first_slot: _, due: _ }
        | Event::SubjectsJoined(ExceptionSubjects { exception: _, control: _, slot: _, subjects: _ })
        | Event::SubjectsLeft {
            why: _,
            subjects: ExceptionSubjects { exception: _, control: _, slot: _, subjects: _ },
        }
        | Event::ExceptionOverdue { exception: _, control: _ }
        | Event::ExceptionRecovered { exception: _, control: _, slot: _ }
        | Event::ExceptionReminded { exception: _, control: _ }
        | Event::FlappingStarted { control: _, slot: _ }
        | Event::FlappingEnded { control: _, slot: _ }
        | Event::ExceptionNoted { exception: _, control: _, about: _, note: _ }
        | Event::ExceptionClosed { exception: _, control: _, note: _ }
        | Event::WentUntested { control: _, since: _ }
        | Event::TestedAgain { control: _, slot: _ }
        | Event::Delivered { alert: _, delivery: _, attempts: _ }
        | Event::DeliveryRefused { alert: _, delivery: _, attempts: _, code: _ }
        | Event::Checkpoint { size: _, root: _, clock: _ }
        | Event::ClockDoubted { doubt: _ }
        | Event::DiskFull { free_bytes: _, needed_bytes: _ }
        | Event::DiskHasRoom { free_bytes: _ }
        | Event::DayClosed { zone: _, day: _, until: _, rollup: _ }
        | Event::WindowOpened { window: _, window_part: _ }
        | Event::Silenced { silence: _, what: Silence { controls: _, from: _, until: _ }, note: _ }
        | Event::Proposed { proposal: _, act: _, note: _ }
        | Event::Approved { proposal: _, note: _ }
        | Event::ProposalDropped { proposal: _, why: _, note: _ }
        | Event::Excluded { exclusion: _, proposal: _, control: _, subject_part: _, until: _, note: _ }
        | Event::Attested { control: _, until: _, note: _ }
        | Event::AttestationExpiring { control: _, until: _ }
        | Event::ExclusionEnding { control: _, until: _ }
        | Event::StateReset { control: _, note: _ } => Vec::new(),
    }
}

/// The name that stands here: alone, or with what belongs to it.
fn names_in(value: &Value) -> Vec<&str> {
    match value {
        Value::String(name) => vec![name],
        Value::Object(members) => members.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

const NO_NAME: &str = "no such name";

/// All names of a closed list: those that serde offers for one that is not in it.
fn names<T: Deserialize<'static> + fmt::Debug>() -> BTreeSet<&'static str> {
    let wrong: StrDeserializer<'_, Offered> = NO_NAME.into_deserializer();
    T::deserialize(wrong).unwrap_err().0.iter().copied().collect()
}

/// The same for a list whose name is a member among others.
fn names_tagged<T: Deserialize<'static> + fmt::Debug>(tag: &'static str) -> BTreeSet<&'static str> {
    let wrong = MapDeserializer::<_, Offered>::new(iter::once((tag, NO_NAME)));
    T::deserialize(wrong).unwrap_err().0.iter().copied().collect()
}

#[derive(Debug)]
struct Offered(&'static [&'static str]);

impl fmt::Display for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {:?}", self.0)
    }
}

impl std::error::Error for Offered {}

impl de::Error for Offered {
    fn custom<T: fmt::Display>(what: T) -> Self {
        panic!("a closed list offers its names: {what}")
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self(expected)
    }
}
