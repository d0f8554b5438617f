//! What the ledger keeps for ever.
//!
//! An entry holds numbers, enumerations, digests, configured ids and subject numbers: no text from a plugin and
//! no person's name. Texts lie in *parts*, which an entry names by digest and which can be erased.
//!
//! An entry holds what was *decided* (an exception opened, a subject joined it, an alert is queued), so that the
//! state of everything is a fold over entries that knows no threshold, no clock and no configuration.

use serde::{Deserialize, Serialize};

use super::{
    AlertCause, ClockBelieved, ClockDoubt, ControlId, Counts, Digest, ExceptionId, Family, LocalDay, Outcome, Severity,
    SlotTime, SubjectNumber, Timestamp, WindowId, canonical, run_bytes::run_bytes,
};

/// An entry's bytes are canonical JSON (RFC 8785) and no longer than this.
pub const ENTRY_BYTES_MAX: usize = 4096;

/// One line of the ledger. Its place there is its *sequence*, which is not written in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Version of the entry's form; older ones are lifted by one pure function each.
    pub v: u32,
    /// When it was decided. Never earlier than the entry before, but for a clock in doubt.
    pub at: Timestamp,
    #[serde(flatten)]
    pub event: Event,
}

#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    #[error("not an entry: {0}")]
    Malformed(#[source] serde_json::Error),
    #[error("an entry of version {found}; this program knows up to {known}")]
    Newer { found: u32, known: u32 },
    #[error("an entry of {0} bytes; at most {ENTRY_BYTES_MAX} are allowed")]
    TooLong(usize),
}

impl Entry {
    pub const VERSION: u32 = 1;

    pub const fn new(at: Timestamp, event: Event) -> Self {
        Self { v: Self::VERSION, at, event }
    }

    /// The exact bytes that are hashed and kept.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        let bytes = match &self.event {
            Event::Run(run) => run_bytes(self.v, self.at, run),
            _ => canonical::to_bytes(self),
        };
        let bytes = bytes.map_err(EntryError::Malformed)?;
        if bytes.len() > ENTRY_BYTES_MAX { Err(EntryError::TooLong(bytes.len())) } else { Ok(bytes) }
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        let Version { v } = serde_json::from_slice(bytes).map_err(EntryError::Malformed)?;
        if v > Self::VERSION {
            return Err(EntryError::Newer { found: v, known: Self::VERSION });
        }
        serde_json::from_slice(bytes).map_err(EntryError::Malformed)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// The first entry of an epoch.
    LedgerOpened {
        /// Name of the log in its checkpoints.
        origin: String,
        /// Ed25519 public key, hexadecimal.
        key: String,
    },
    DaemonStarted {
        software: String,
    },
    DaemonStopped,
    ConfigurationAccepted {
        /// Part: the expanded configuration.
        configuration: Digest,
        /// IANA names of the zones whose days are rolled up; `days` of runs are in this order.
        rollup_zones: Vec<String>,
    },
    ConfigurationRefused {
        /// Part: the errors.
        errors: Digest,
    },
    /// A control, or a new version of it: its definition or its plugin changed.
    ControlDefined {
        control: ControlId,
        /// Counts from 1 within the control.
        version: u32,
        definition: Digest,
        /// Digest of the plugin's bytes; `None` if they could not be read.
        plugin: Option<Digest>,
        family: Family,
        severity: Severity,
        enabled: bool,
        /// Part: the control as configured.
        control_part: Digest,
    },
    /// Title, owner, severity, criteria or `enabled` changed; the definition did not.
    ControlPresented {
        control: ControlId,
        family: Family,
        severity: Severity,
        enabled: bool,
        control_part: Digest,
    },
    /// It left the configuration.
    ControlRetired {
        control: ControlId,
    },
    /// Numbers for subjects that were seen for the first time: `first`, `first` + 1, …
    SubjectsNamed {
        control: ControlId,
        first: SubjectNumber,
        count: u32,
        /// Part: a JSON array of their texts.
        subjects: Digest,
    },
    Run(RunEntry),
    Missed(MissedSlots),
    /// Subjects that failed for the first time in a run that confirms nothing yet.
    SubjectsSuspected(SuspectedSubjects),
    ExceptionOpened {
        exception: ExceptionId,
        control: ControlId,
        /// The first failing slot; with confirmations it is earlier than the one that opened it.
        first_slot: SlotTime,
        /// After this time the exception is overdue.
        due: Timestamp,
    },
    SubjectsJoined(ExceptionSubjects),
    SubjectsLeft {
        why: Departure,
        #[serde(flatten)]
        subjects: ExceptionSubjects,
    },
    ExceptionOverdue {
        exception: ExceptionId,
        control: ControlId,
    },
    /// The test passes again; the case itself is closed by people.
    ExceptionRecovered {
        exception: ExceptionId,
        control: ControlId,
        /// The slot whose run passed.
        slot: SlotTime,
    },
    ExceptionAcknowledged {
        exception: ExceptionId,
        control: ControlId,
        /// Part: author and words.
        note: Digest,
    },
    ExceptionNoted {
        exception: ExceptionId,
        control: ControlId,
        about: NoteKind,
        note: Digest,
    },
    ExceptionClosed {
        exception: ExceptionId,
        control: ControlId,
        note: Digest,
    },
    /// The control has gone untested.
    WentUntested {
        control: ControlId,
        /// The first due slot without a good result.
        since: SlotTime,
    },
    TestedAgain {
        control: ControlId,
        slot: SlotTime,
    },
    AlertQueued {
        /// Counts over the whole ledger.
        alert: u64,
        cause: AlertCause,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        control: Option<ControlId>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        exception: Option<ExceptionId>,
        /// Part: the rendered mail and its envelope addresses.
        mail: Digest,
        /// How many addresses it goes to; deliveries are numbered from 0.
        deliveries: u32,
    },
    Delivered {
        alert: u64,
        delivery: u32,
        attempts: u32,
    },
    /// Refused for good by the mail server; kept as a dead letter and reported.
    DeliveryRefused {
        alert: u64,
        delivery: u32,
        attempts: u32,
        /// SMTP reply code.
        code: u16,
    },
    /// Every hour, also when nothing happened.
    Checkpoint {
        /// Entries before this one.
        size: u64,
        root: Digest,
        clock: ClockState,
    },
    /// The wall clock is not believed: until it is again, everything goes by the time since boot.
    ClockDoubted {
        doubt: ClockDoubt,
    },
    ClockBelieved(ClockBelieved),
    /// The counts of one day are final.
    DayClosed {
        /// Index into `rollup_zones`.
        zone: u32,
        day: LocalDay,
        /// The end of the day: times of failing are counted up to here.
        until: Timestamp,
        /// Digest of the rollup file.
        rollup: Digest,
    },
    WindowOpened {
        window: WindowId,
        /// Part: the window as configured.
        window_part: Digest,
    },
    Erased {
        part: Digest,
    },
}

impl Event {
    /// The control that it is about.
    pub const fn control(&self) -> Option<&ControlId> {
        match self {
            Self::ControlDefined { control, .. }
            | Self::ControlPresented { control, .. }
            | Self::ControlRetired { control }
            | Self::SubjectsNamed { control, .. }
            | Self::Run(RunEntry { control, .. })
            | Self::Missed(MissedSlots { control, .. })
            | Self::SubjectsSuspected(SuspectedSubjects { control, .. })
            | Self::ExceptionOpened { control, .. }
            | Self::SubjectsJoined(ExceptionSubjects { control, .. })
            | Self::SubjectsLeft { subjects: ExceptionSubjects { control, .. }, .. }
            | Self::ExceptionOverdue { control, .. }
            | Self::ExceptionRecovered { control, .. }
            | Self::ExceptionAcknowledged { control, .. }
            | Self::ExceptionNoted { control, .. }
            | Self::ExceptionClosed { control, .. }
            | Self::WentUntested { control, .. }
            | Self::TestedAgain { control, .. } => Some(control),
            Self::AlertQueued { control, .. } => control.as_ref(),
            Self::LedgerOpened { .. }
            | Self::DaemonStarted { .. }
            | Self::DaemonStopped
            | Self::ConfigurationAccepted { .. }
            | Self::ConfigurationRefused { .. }
            | Self::Delivered { .. }
            | Self::DeliveryRefused { .. }
            | Self::Checkpoint { .. }
            | Self::ClockDoubted { .. }
            | Self::ClockBelieved(_)
            | Self::DayClosed { .. }
            | Self::WindowOpened { .. }
            | Self::Erased { .. } => None,
        }
    }
}

/// One execution of a check, or one attempt that ended before the plugin could run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEntry {
    pub control: ControlId,
    pub version: u32,
    pub slot: SlotTime,
    /// The run's only clock.
    pub now: Timestamp,
    /// It went by the time since boot, because the wall clock was in doubt.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub clock_in_doubt: bool,
    /// Milliseconds of wall clock that it took.
    pub took_ms: u64,
    pub late: bool,
    /// By which of its days in each rollup zone the slot is counted.
    pub days: Vec<LocalDay>,
    pub outcome: Outcome,
    /// Why an `error`, or why a `fail` is incomplete.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<RunReason>,
    pub incomplete: bool,
    pub population: u32,
    pub counts: Counts,
    /// The seed is SHA-256 of the root at this size, the control, the slot: nobody knew it before.
    pub seed_size: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub covered_until: Option<Timestamp>,
    /// Part: the plugin's own state after the run, if the run changed it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plugin_state: Option<Digest>,
    pub evidence: Evidence,
}

/// Where the report and the transcript of a run lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// The part that lists the run's parts.
    Part(Digest),
    /// To the byte the same as that of an earlier run, by sequence.
    SameAs(u64),
}

/// Why a run could not test, a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunReason {
    // The plugin said so.
    Internal,
    Unreachable,
    Denied,
    Throttled,
    Timeout,
    BadInput,
    Unsupported,
    // Its report says so.
    FindingErrors,
    Incomplete,
    NothingAssessed,
    BrokenReport,
    // The plugin ended otherwise.
    Trap,
    LimitWall,
    LimitMemory,
    LimitTables,
    LimitReport,
    LimitRequests,
    LimitResponse,
    LimitLog,
    LimitRounds,
    LimitState,
    // It could not start.
    PluginMissing,
    PluginGarbage,
    PluginChanged,
    PluginUnsupported,
    GrantMissing,
    ConfigRefused,
    InputUnreadable,
    // The daemon ended it.
    Stopped,
    Host,
}

/// Slots in an unbroken stretch that did not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedSlots {
    pub control: ControlId,
    pub version: u32,
    pub reason: MissedReason,
    /// First and last slot, both inclusive.
    pub from: SlotTime,
    pub to: SlotTime,
    pub count: u64,
    /// For each rollup zone the days that the slots fall on.
    pub days: Vec<Vec<DayCount>>,
}

impl MissedSlots {
    /// Days, over all zones, that one entry may hold to stay under [`ENTRY_BYTES_MAX`]; a longer stretch is split.
    pub const DAYS_MAX: usize = 80;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCount {
    pub day: LocalDay,
    pub slots: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissedReason {
    Down,
    Shutdown,
    Interrupted,
    Overlap,
    Concurrency,
    Disabled,
    Clock,
    DiskFull,
    Superseded,
}

impl MissedReason {
    pub const ALL: [Self; 9] = [
        Self::Down,
        Self::Shutdown,
        Self::Interrupted,
        Self::Overlap,
        Self::Concurrency,
        Self::Disabled,
        Self::Clock,
        Self::DiskFull,
        Self::Superseded,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Shutdown => "shutdown",
            Self::Interrupted => "interrupted",
            Self::Overlap => "overlap",
            Self::Concurrency => "concurrency",
            Self::Disabled => "disabled",
            Self::Clock => "clock",
            Self::DiskFull => "disk-full",
            Self::Superseded => "superseded",
        }
    }
}

/// Subjects that enter or leave an exception: of those that enter, the slot in which they first failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionSubjects {
    pub exception: ExceptionId,
    pub control: ControlId,
    pub slot: SlotTime,
    pub subjects: Vec<SubjectNumber>,
}

impl ExceptionSubjects {
    /// More are split over several entries, so that each stays under [`ENTRY_BYTES_MAX`].
    pub const MAX: usize = 300;
}

/// Subjects whose failing is not confirmed, by the slot in which they first failed; at most [`ExceptionSubjects::MAX`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspectedSubjects {
    pub control: ControlId,
    pub slot: SlotTime,
    pub subjects: Vec<SubjectNumber>,
}

/// Why a subject's life in an exception ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Departure {
    /// It was looked at and does not fail any more.
    Fixed,
    /// The source lists every subject, and this one no longer.
    Gone,
    /// The source lists only what does not pass, and this one no longer.
    NoLongerReported,
    Excluded,
    DefinitionChanged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoteKind {
    RootCause,
    Response,
    CorrectiveAction,
    Remark,
}

impl Departure {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Gone => "gone",
            Self::NoLongerReported => "no longer reported",
            Self::Excluded => "excluded",
            Self::DefinitionChanged => "definition changed",
        }
    }
}

/// What the kernel says of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockState {
    Synchronised,
    Unsynchronised,
    /// Tests and the demo.
    Virtual,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Entry {
        let at: Timestamp = "2026-03-02T06:00:03.120Z".parse().unwrap();
        Entry::new(
            at,
            Event::Run(RunEntry {
                control: "SEC-01".parse().unwrap(),
                version: 3,
                slot: SlotTime("2026-03-02T06:00:00.000Z".parse().unwrap()),
                now: at,
                clock_in_doubt: false,
                took_ms: 12,
                late: false,
                days: vec![LocalDay(20514)],
                outcome: Outcome::Fail,
                reason: None,
                incomplete: false,
                population: 48,
                counts: Counts { pass: 47, fail: 1, ..Counts::default() },
                seed_size: 7,
                covered_until: None,
                plugin_state: None,
                evidence: Evidence::SameAs(5),
            }),
        )
    }

    #[test]
    fn an_entry_is_canonical_and_round_trips() {
        let bytes = run().to_bytes().unwrap();
        assert_eq!(
            std::str::from_utf8(&bytes).unwrap(),
            concat!(
                r#"{"at":"2026-03-02T06:00:03.120Z","control":"SEC-01","counts":{"attention":0,"error":0,"excluded":0,"#,
                r#""fail":1,"not_applicable":0,"pass":47},"days":[20514],"evidence":{"same-as":5},"incomplete":false,"#,
                r#""kind":"run","late":false,"now":"2026-03-02T06:00:03.120Z","outcome":"fail","population":48,"#,
                r#""seed_size":7,"slot":"2026-03-02T06:00:00.000Z","took_ms":12,"v":1,"version":3}"#,
            )
        );
        assert_eq!(Entry::from_bytes(&bytes).unwrap(), run());
    }

    #[test]
    fn a_newer_entry_is_refused_with_both_versions() {
        let mut newer = run();
        newer.v = 2;
        let error = Entry::from_bytes(&newer.to_bytes().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "an entry of version 2; this program knows up to 1");
    }

    #[test]
    fn the_longest_stretch_of_missed_slots_fits_an_entry() {
        let day = DayCount { day: LocalDay(-1_000_000), slots: (1 << 53) - 1 };
        let event = Event::Missed(MissedSlots {
            control: "c".repeat(64).parse().unwrap(),
            version: u32::MAX,
            reason: MissedReason::Interrupted,
            from: SlotTime(Timestamp::EPOCH),
            to: SlotTime(Timestamp::EPOCH),
            count: (1 << 53) - 1,
            days: vec![vec![day]; MissedSlots::DAYS_MAX],
        });
        let entry = Entry::new(Timestamp::EPOCH, event);
        assert_eq!(Entry::from_bytes(&entry.to_bytes().unwrap()).unwrap(), entry);
    }

    #[test]
    fn the_longest_list_of_subjects_fits_an_entry() {
        let subjects = (0..ExceptionSubjects::MAX).map(|at| SubjectNumber(u32::MAX - at as u32)).collect();
        let event = Event::SubjectsLeft {
            why: Departure::DefinitionChanged,
            subjects: ExceptionSubjects {
                exception: ExceptionId { year: 2026, number: u32::MAX },
                control: "c".repeat(64).parse().unwrap(),
                slot: SlotTime(Timestamp::EPOCH),
                subjects,
            },
        };
        let entry = Entry::new(Timestamp::EPOCH, event);
        let bytes = entry.to_bytes().unwrap();
        assert_eq!(Entry::from_bytes(&bytes).unwrap(), entry);
    }
}
