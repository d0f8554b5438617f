use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use super::{
    ControlRecord, DeadLetter, ExclusionRecord, Held, Key, Mailbox, NamedPart, Outage, Pending, ProposalRecord,
    RolledUp, SentSummary, SilenceRecord, Spell, SpellKind, WindowRecord,
};
use crate::{
    domain::{
        ClockDoubt, ClockState, ControlId, DayRow, Digest, ExceptionId, ExceptionRecord, LocalDay, PluginName,
        RecipientId, RunReason, SubjectNumber, SummaryKind, Timestamp, WindowId,
    },
    judge::ControlState,
};

/// Everything that the entries so far add up to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    pub(super) head: Head,
    pub(super) controls: BTreeMap<ControlId, ControlRecord>,
    pub(super) exceptions: BTreeMap<ExceptionId, ExceptionRecord>,
    pub(super) outbox: BTreeMap<u64, Pending>,
    pub(super) dead_letters: BTreeMap<(u64, u32), DeadLetter>,
    pub(super) held: BTreeMap<u64, Held>,
    pub(super) mailboxes: BTreeMap<RecipientId, Mailbox>,
    pub(super) summaries: BTreeMap<u64, SentSummary>,
    pub(super) days: BTreeMap<(u32, LocalDay), BTreeMap<ControlId, DayRow>>,
    pub(super) rollups: BTreeMap<(u32, LocalDay), Vec<RolledUp>>,
    pub(super) subjects: BTreeMap<(ControlId, SubjectNumber), NamedPart>,
    pub(super) windows: BTreeMap<WindowId, WindowRecord>,
    pub(super) outages: BTreeMap<u64, Outage>,
    pub(super) erased: BTreeSet<Digest>,
    pub(super) silences: BTreeMap<u64, SilenceRecord>,
    pub(super) proposals: BTreeMap<u64, ProposalRecord>,
    pub(super) exclusions: BTreeMap<u64, ExclusionRecord>,
    pub(super) dirty: BTreeSet<Key>,
}

/// What there is only one of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Entries so far: the sequence of the next.
    pub entries: u64,
    /// When the newest was decided.
    pub last_at: Option<Timestamp>,
    /// The number of the next alert.
    pub next_alert: u64,
    /// The number of the next alert that is held.
    pub next_held: u64,
    /// The number of the next silence, and of the next proposal.
    pub next_silence: u64,
    pub next_proposal: u64,
    /// The number of the next exclusion that people decide on.
    pub next_exclusion: u64,
    /// Name of the log.
    pub origin: Option<String>,
    /// The public key of the epoch.
    pub key: Option<String>,
    /// The version that runs, or ran last.
    pub software: Option<String>,
    /// When it was started for the first time: nothing before is anybody's to summarize.
    pub first_started: Option<Timestamp>,
    pub started: Option<Timestamp>,
    /// When the first results were told.
    pub first_results: Option<Timestamp>,
    /// When the newest summary of each kind was queued.
    pub summaries: BTreeMap<SummaryKind, Timestamp>,
    /// When an entry was last written that only a daemon at work writes.
    pub alive: Option<Timestamp>,
    /// The newest of starting and stopping was a stop.
    pub stopped: bool,
    /// Part: the accepted configuration.
    pub configuration: Option<Digest>,
    /// Part: the errors, if the newest configuration was refused.
    pub refused: Option<Digest>,
    /// All zones that ever were rolled up. A zone keeps its number here; entries use places in `rolled`.
    pub zones: Vec<String>,
    /// The zones of the configuration, by number.
    pub rolled: Vec<u32>,
    pub checkpoint: Option<CheckpointAt>,
    /// The wall clock is in doubt.
    pub doubt: Option<DoubtSince>,
    /// Since when there has been too little room on the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_full: Option<Timestamp>,
    /// Newer files of plugins that were refused, and not accepted since.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused_plugins: BTreeMap<PluginName, RefusedFile>,
    pub just_told: JustTold,
}

/// A file of a plugin that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedFile {
    pub at: Timestamp,
    pub found: Digest,
    pub why: RunReason,
}

/// Held alerts that begin a story, and were told at a moment: other readers may get another mail about them at the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JustTold {
    pub at: Option<Timestamp>,
    pub firsts: BTreeMap<u64, ExceptionId>,
}

/// A doubt about the wall clock that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoubtSince {
    pub since: Timestamp,
    pub doubt: ClockDoubt,
}

/// The newest checkpoint entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointAt {
    pub sequence: u64,
    pub at: Timestamp,
    /// Entries that it covers.
    pub size: u64,
    pub root: Digest,
    pub clock: ClockState,
}

/// A day whose rows are final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosingDay {
    pub day: LocalDay,
    pub until: Timestamp,
    pub rows: BTreeMap<ControlId, DayRow>,
}

impl State {
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The control as the judge needs it.
    pub fn control(&self, control: &ControlId) -> Option<&ControlState> {
        self.controls.get(control).map(|record| &record.state)
    }

    pub fn control_record(&self, control: &ControlId) -> Option<&ControlRecord> {
        self.controls.get(control)
    }

    /// All controls that ever were, by id.
    pub const fn controls(&self) -> &BTreeMap<ControlId, ControlRecord> {
        &self.controls
    }

    /// What a decision about this control must still hold for; 0 before its first entry.
    pub fn control_revision(&self, control: &ControlId) -> u64 {
        self.control(control).map_or(0, |state| state.revision)
    }

    /// All exceptions that ever were, by id.
    pub const fn exceptions(&self) -> &BTreeMap<ExceptionId, ExceptionRecord> {
        &self.exceptions
    }

    pub fn exception(&self, exception: ExceptionId) -> Option<&ExceptionRecord> {
        self.exceptions.get(&exception)
    }

    /// The id of the next exception that opens in a year. Several in one batch count on from here.
    pub fn next_exception(&self, year: i16) -> ExceptionId {
        let of_year = ExceptionId { year, number: 0 }..=ExceptionId { year, number: u32::MAX };
        let newest = self.exceptions.range(of_year).next_back().map_or(0, |(id, _)| id.number);
        ExceptionId { year, number: newest.saturating_add(1) }
    }

    /// Mails that wait, by number of alert.
    pub const fn outbox(&self) -> &BTreeMap<u64, Pending> {
        &self.outbox
    }

    /// Refused mails, by alert and delivery.
    pub const fn dead_letters(&self) -> &BTreeMap<(u64, u32), DeadLetter> {
        &self.dead_letters
    }

    /// Alerts that wait to be told, by their number.
    pub const fn held(&self) -> &BTreeMap<u64, Held> {
        &self.held
    }

    /// What a reader has got lately.
    pub fn mailbox(&self, recipient: &RecipientId) -> Option<&Mailbox> {
        self.mailboxes.get(recipient)
    }

    /// Summaries that somebody has got, by number of alert.
    pub const fn sent_summaries(&self) -> &BTreeMap<u64, SentSummary> {
        &self.summaries
    }

    /// Days with rows that are not in a file yet, by number of zone. A day that was closed is here again if something
    /// came in for it later; it is then closed once more, with what came in.
    pub fn open_days(&self) -> impl Iterator<Item = (u32, LocalDay)> + '_ {
        self.days.keys().copied()
    }

    /// Files of closed days, by number of zone; the rows of several add up.
    pub const fn rollups(&self) -> &BTreeMap<(u32, LocalDay), Vec<RolledUp>> {
        &self.rollups
    }

    /// The number of a zone, if its days were ever rolled up.
    pub fn zone(&self, name: &str) -> Option<u32> {
        let place = self.head.zones.iter().position(|zone| zone == name)?;
        u32::try_from(place).ok()
    }

    /// The rows of a day as they are now, to be looked at; what is to be closed says [`State::closing`].
    pub fn day_rows(&self, zone: u32, day: LocalDay, until: Timestamp) -> BTreeMap<ControlId, DayRow> {
        let mut rows = self.days.get(&(zone, day)).cloned().unwrap_or_default();
        for (control, record) in &self.controls {
            count_spells(&mut rows, control, &record.spells, zone, until);
        }
        rows
    }

    /// The days of a zone that are to be closed now, in order, each to be closed by an entry before the next; `before`
    /// is the first day that is not over, or whose slots have not all ended, and `end_of` says when a day ends.
    ///
    /// These are all days since the newest that was closed, with or without rows, so that times of failing are counted
    /// on their day; and older ones for which something came in after they were closed. Days of one answer may be
    /// closed in one batch: each is counted as if those before it were closed. Their entries must stand right behind
    /// those that this state holds: what another entry of the same batch adds to a day before it is closed is not in
    /// its rows, and would be counted nowhere.
    pub fn closing(&self, zone: u32, before: LocalDay, end_of: impl Fn(LocalDay) -> Timestamp) -> Vec<ClosingDay> {
        let days = self.days_to_close(zone, before);
        let mut spells: Vec<(&ControlId, Vec<Spell>)> = self
            .controls
            .iter()
            .filter(|(_, record)| !record.spells.is_empty())
            .map(|(control, record)| (control, record.spells.clone()))
            .collect();
        let mut closing = Vec::with_capacity(days.len());
        for day in days {
            let until = end_of(day);
            let mut rows = self.days.get(&(zone, day)).cloned().unwrap_or_default();
            for (control, spells) in &mut spells {
                count_spells(&mut rows, control, spells, zone, until);
                spells.iter_mut().for_each(|spell| spell.count(zone, until));
            }
            closing.push(ClosingDay { day, until, rows });
        }
        closing
    }

    fn days_to_close(&self, zone: u32, before: LocalDay) -> BTreeSet<LocalDay> {
        let with_rows = self.days.range((zone, LocalDay(i32::MIN))..(zone, before)).map(|((_, day), _)| *day);
        let of_zone = (zone, LocalDay(i32::MIN))..=(zone, LocalDay(i32::MAX));
        let newest = self.rollups.range(of_zone).next_back().map(|((_, day), _)| day.next());
        let first = newest.or_else(|| with_rows.clone().next());
        let since = first.into_iter().flat_map(|first| (first.0..before.0).map(LocalDay));
        with_rows.chain(since).collect()
    }

    /// The part with the text of a subject, and its place in that part's array.
    pub fn subject_text(&self, control: &ControlId, subject: SubjectNumber) -> Option<(Digest, usize)> {
        let up_to = (control.clone(), SubjectNumber(0))..=(control.clone(), subject);
        let ((_, first), named) = self.subjects.range(up_to).next_back()?;
        let place = subject.0 - first.0;
        (place < named.count).then_some((named.part, place as usize))
    }

    /// The parts with the texts of a control's subjects, by the number of their first.
    pub fn subject_parts(&self, control: &ControlId) -> impl Iterator<Item = (SubjectNumber, NamedPart)> + '_ {
        let all = (control.clone(), SubjectNumber(0))..=(control.clone(), SubjectNumber(u32::MAX));
        self.subjects.range(all).map(|((_, first), named)| (*first, *named))
    }

    pub const fn windows(&self) -> &BTreeMap<WindowId, WindowRecord> {
        &self.windows
    }

    /// Times in which nothing was tested, by the entry that ended each.
    pub const fn outages(&self) -> &BTreeMap<u64, Outage> {
        &self.outages
    }

    /// Whether a part was erased on purpose.
    pub fn is_erased(&self, part: &Digest) -> bool {
        self.erased.contains(part)
    }
}

fn count_spells(
    rows: &mut BTreeMap<ControlId, DayRow>,
    control: &ControlId,
    spells: &[Spell],
    zone: u32,
    until: Timestamp,
) {
    for spell in spells {
        let millis = spell.counts(zone, until);
        if millis == 0 {
            continue;
        }
        let row = rows.entry(control.clone()).or_default();
        match spell.kind {
            SpellKind::Failing => row.failing_ms += millis,
            SpellKind::Untested => row.untested_ms += millis,
        }
    }
}
