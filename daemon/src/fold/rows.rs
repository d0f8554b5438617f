use serde::{Serialize, de::DeserializeOwned};
use std::{collections::BTreeMap, str::FromStr};

use super::State;
use crate::{
    domain::{ControlId, Digest, ExceptionId, ExceptionRecord, LocalDay, RecipientId, SubjectNumber, WindowId},
    judge::Phase,
};

/// The name of one row of the folded state. Its text is the row's key in a view.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Head,
    Control(ControlId),
    Exception(ExceptionId),
    Life(ExceptionId, SubjectNumber),
    Alert(u64),
    DeadLetter(u64, u32),
    Held(u64),
    Mailbox(RecipientId),
    Summary(u64),
    Day(u32, LocalDay, ControlId),
    Rollup(u32, LocalDay),
    Subjects(ControlId, SubjectNumber),
    Window(WindowId),
    Outage(u64),
    Erased(Digest),
    Silence(u64),
    Proposal(u64),
    Exclusion(u64),
}

/// A view that no `State` wrote; it is to be dropped and folded anew.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the view has a row `{0}`, which has no meaning")]
    UnknownKey(String),
    #[error("the view's row `{key}` cannot be read")]
    Malformed { key: String, source: serde_json::Error },
    #[error("the view has the life of a subject in {0}, which it does not have")]
    NoException(ExceptionId),
}

impl Key {
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Head => "head".to_owned(),
            Self::Control(control) => format!("control {control}"),
            Self::Exception(exception) => format!("exception {exception}"),
            Self::Life(exception, subject) => format!("life {exception} {:010}", subject.0),
            Self::Alert(alert) => format!("alert {alert:016}"),
            Self::DeadLetter(alert, delivery) => format!("dead-letter {alert:016} {delivery:010}"),
            Self::Held(held) => format!("held {held:016}"),
            Self::Mailbox(recipient) => format!("mailbox {recipient}"),
            Self::Summary(alert) => format!("summary {alert:016}"),
            Self::Day(zone, day, control) => format!("day {zone} {} {control}", day.0),
            Self::Rollup(zone, day) => format!("rollup {zone} {}", day.0),
            Self::Subjects(control, first) => format!("subjects {control} {:010}", first.0),
            Self::Window(window) => format!("window {window}"),
            Self::Outage(sequence) => format!("outage {sequence:016}"),
            Self::Erased(part) => format!("erased {part}"),
            Self::Silence(silence) => format!("silence {silence:016}"),
            Self::Proposal(proposal) => format!("proposal {proposal:016}"),
            Self::Exclusion(exclusion) => format!("exclusion {exclusion:016}"),
        }
        .into_bytes()
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LoadError> {
        let unknown = || LoadError::UnknownKey(String::from_utf8_lossy(bytes).into_owned());
        std::str::from_utf8(bytes).ok().and_then(Self::parse).ok_or_else(unknown)
    }

    /// Ids hold no spaces.
    fn parse(text: &str) -> Option<Self> {
        fn to<T: FromStr>(word: &str) -> Option<T> {
            word.parse().ok()
        }
        let words: Vec<_> = text.split(' ').collect();
        Some(match *words {
            ["head"] => Self::Head,
            ["control", control] => Self::Control(to(control)?),
            ["exception", exception] => Self::Exception(to(exception)?),
            ["life", exception, subject] => Self::Life(to(exception)?, SubjectNumber(to(subject)?)),
            ["alert", alert] => Self::Alert(to(alert)?),
            ["dead-letter", alert, delivery] => Self::DeadLetter(to(alert)?, to(delivery)?),
            ["held", held] => Self::Held(to(held)?),
            ["mailbox", recipient] => Self::Mailbox(to(recipient)?),
            ["summary", alert] => Self::Summary(to(alert)?),
            ["day", zone, day, control] => Self::Day(to(zone)?, LocalDay(to(day)?), to(control)?),
            ["rollup", zone, day] => Self::Rollup(to(zone)?, LocalDay(to(day)?)),
            ["subjects", control, first] => Self::Subjects(to(control)?, SubjectNumber(to(first)?)),
            ["window", window] => Self::Window(to(window)?),
            ["outage", sequence] => Self::Outage(to(sequence)?),
            ["erased", part] => Self::Erased(to(part)?),
            ["silence", silence] => Self::Silence(to(silence)?),
            ["proposal", proposal] => Self::Proposal(to(proposal)?),
            ["exclusion", exclusion] => Self::Exclusion(to(exclusion)?),
            _ => return None,
        })
    }
}

impl State {
    /// The rows that changed since the last call, in order of key; `None`: it is gone.
    pub fn take_changes(&mut self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let dirty = std::mem::take(&mut self.dirty);
        dirty.iter().map(|key| (key.to_bytes(), self.value(key))).collect()
    }

    /// All rows, in a fixed order.
    pub fn rows(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + '_ {
        let controls = self.controls.keys().cloned().map(Key::Control);
        let exceptions = self.exceptions.keys().copied().map(Key::Exception);
        let lives = self
            .exceptions
            .iter()
            .flat_map(|(id, record)| record.subjects.keys().map(|subject| Key::Life(*id, *subject)));
        let alerts = self.outbox.keys().copied().map(Key::Alert);
        let dead = self.dead_letters.keys().map(|(alert, delivery)| Key::DeadLetter(*alert, *delivery));
        let held = self.held.keys().copied().map(Key::Held);
        let mailboxes = self.mailboxes.keys().cloned().map(Key::Mailbox);
        let summaries = self.summaries.keys().copied().map(Key::Summary);
        let days = self
            .days
            .iter()
            .flat_map(|((zone, day), rows)| rows.keys().map(|control| Key::Day(*zone, *day, control.clone())));
        let rollups = self.rollups.keys().map(|(zone, day)| Key::Rollup(*zone, *day));
        let subjects = self.subjects.keys().map(|(control, first)| Key::Subjects(control.clone(), *first));
        let windows = self.windows.keys().cloned().map(Key::Window);
        let outages = self.outages.keys().copied().map(Key::Outage);
        let erased = self.erased.iter().copied().map(Key::Erased);
        let silences = self.silences.keys().copied().map(Key::Silence);
        let proposals = self.proposals.keys().copied().map(Key::Proposal);
        let exclusions = self.exclusions.keys().copied().map(Key::Exclusion);
        std::iter::once(Key::Head)
            .chain(controls)
            .chain(exceptions)
            .chain(lives)
            .chain(alerts)
            .chain(dead)
            .chain(held)
            .chain(mailboxes)
            .chain(summaries)
            .chain(days)
            .chain(rollups)
            .chain(subjects)
            .chain(windows)
            .chain(outages)
            .chain(erased)
            .chain(silences)
            .chain(proposals)
            .chain(exclusions)
            .filter_map(|key| Some((key.to_bytes(), self.value(&key)?)))
    }

    fn value(&self, key: &Key) -> Option<Vec<u8>> {
        match key {
            Key::Head => json(&self.head),
            Key::Control(control) => json(self.controls.get(control)?),
            Key::Exception(exception) => {
                // Its subjects are rows of their own: there may be thousands, and a failing run changes only this.
                let record = self.exceptions.get(exception)?;
                json(&ExceptionRecord {
                    subjects: BTreeMap::new(),
                    notes: record.notes.clone(),
                    other_first_alerts: record.other_first_alerts.clone(),
                    control: record.control.clone(),
                    ..*record
                })
            }
            Key::Life(exception, subject) => json(self.exceptions.get(exception)?.subjects.get(subject)?),
            Key::Alert(alert) => json(self.outbox.get(alert)?),
            Key::DeadLetter(alert, delivery) => json(self.dead_letters.get(&(*alert, *delivery))?),
            Key::Held(held) => json(self.held.get(held)?),
            Key::Mailbox(recipient) => json(self.mailboxes.get(recipient)?),
            Key::Summary(alert) => json(self.summaries.get(alert)?),
            Key::Day(zone, day, control) => json(self.days.get(&(*zone, *day))?.get(control)?),
            Key::Rollup(zone, day) => json(self.rollups.get(&(*zone, *day))?),
            Key::Subjects(control, first) => json(self.subjects.get(&(control.clone(), *first))?),
            Key::Window(window) => json(self.windows.get(window)?),
            Key::Outage(sequence) => json(self.outages.get(sequence)?),
            Key::Erased(part) => self.erased.contains(part).then(|| b"true".to_vec()),
            Key::Silence(silence) => json(self.silences.get(silence)?),
            Key::Proposal(proposal) => json(self.proposals.get(proposal)?),
            Key::Exclusion(exclusion) => json(self.exclusions.get(exclusion)?),
        }
    }

    /// Builds the state from its rows, in any order.
    pub fn load(rows: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<Self, LoadError> {
        let mut state = Self::default();
        let mut lives = Vec::new();
        for (key, value) in rows {
            match Key::from_bytes(&key)? {
                Key::Head => state.head = read(&key, &value)?,
                Key::Control(control) => {
                    state.controls.insert(control, read(&key, &value)?);
                }
                Key::Exception(exception) => {
                    state.exceptions.insert(exception, read(&key, &value)?);
                }
                Key::Life(exception, subject) => lives.push((exception, subject, read(&key, &value)?)),
                Key::Alert(alert) => {
                    state.outbox.insert(alert, read(&key, &value)?);
                }
                Key::DeadLetter(alert, delivery) => {
                    state.dead_letters.insert((alert, delivery), read(&key, &value)?);
                }
                Key::Held(held) => {
                    state.held.insert(held, read(&key, &value)?);
                }
                Key::Mailbox(recipient) => {
                    state.mailboxes.insert(recipient, read(&key, &value)?);
                }
                Key::Summary(alert) => {
                    state.summaries.insert(alert, read(&key, &value)?);
                }
                Key::Day(zone, day, control) => {
                    state.days.entry((zone, day)).or_default().insert(control, read(&key, &value)?);
                }
                Key::Rollup(zone, day) => {
                    state.rollups.insert((zone, day), read(&key, &value)?);
                }
                Key::Subjects(control, first) => {
                    state.subjects.insert((control, first), read(&key, &value)?);
                }
                Key::Window(window) => {
                    state.windows.insert(window, read(&key, &value)?);
                }
                Key::Outage(sequence) => {
                    state.outages.insert(sequence, read(&key, &value)?);
                }
                Key::Erased(part) => {
                    state.erased.insert(part);
                }
                Key::Silence(silence) => {
                    state.silences.insert(silence, read(&key, &value)?);
                }
                Key::Proposal(proposal) => {
                    state.proposals.insert(proposal, read(&key, &value)?);
                }
                Key::Exclusion(exclusion) => {
                    state.exclusions.insert(exclusion, read(&key, &value)?);
                }
            }
        }
        for (exception, subject, life) in lives {
            let record = state.exceptions.get_mut(&exception).ok_or(LoadError::NoException(exception))?;
            record.subjects.insert(subject, life);
        }
        state.gather_open_subjects();
        Ok(state)
    }

    /// The judge's copy of who fails now is not kept in a control's row.
    fn gather_open_subjects(&mut self) {
        for record in self.controls.values_mut() {
            let Phase::Failing(open) = &mut record.state.phase else { continue };
            let Some(exception) = self.exceptions.get(&open.id) else { continue };
            let alive = exception.subjects.iter().filter_map(|(subject, lives)| {
                let life = lives.last().filter(|life| life.ended.is_none())?;
                Some((*subject, life.first_seen))
            });
            open.subjects = alive.collect();
        }
    }
}

fn json(value: &impl Serialize) -> Option<Vec<u8>> {
    Some(serde_json::to_vec(value).expect("rows are plain data with text keys"))
}

fn read<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, LoadError> {
    let malformed = |source| LoadError::Malformed { key: String::from_utf8_lossy(key).into_owned(), source };
    serde_json::from_slice(value).map_err(malformed)
}
