//! What each principal did with each dataset during the interval.

use std::collections::{BTreeMap, BTreeSet};

use evidenced_plugin::Timestamp;

use crate::{
    config::{Amount, Config},
    event::{AUDIT, Event, Kind, LOGIN, Read, Target, UNNAMED, Way},
    fingerprint,
    pattern::{self, Network},
};

/// A principal and what it was after: one subject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub principal: String,
    pub target: Target,
}

impl Key {
    /// The subject's id, stable over time: `trainer on patients`.
    pub(crate) fn subject(&self, config: &Config) -> String {
        let subject = format!("{} on {}", self.principal, self.target.name(config));
        if subject.len() <= SUBJECT_BYTES_MAX {
            return subject;
        }
        let hash = fingerprint(subject.as_bytes());
        let cut = (0..=SUBJECT_BYTES_MAX - 20).rev().find(|at| subject.is_char_boundary(*at)).unwrap_or(0);
        format!("{}…{hash:016x}", &subject[..cut])
    }
}

impl Target {
    pub(crate) fn name(self, config: &Config) -> &str {
        match self {
            Self::Dataset(place) => config.datasets.get(place).map_or("", |dataset| &dataset.name),
            Self::Unnamed => UNNAMED,
            Self::Login => LOGIN,
            Self::Audit => AUDIT,
        }
    }

    /// The target of a name, if the configuration still has it.
    pub(crate) fn of_name(config: &Config, name: &str) -> Option<Self> {
        match name {
            UNNAMED => Some(Self::Unnamed),
            LOGIN => Some(Self::Login),
            AUDIT => Some(Self::Audit),
            _ => config.datasets.iter().position(|dataset| dataset.name == name).map(Self::Dataset),
        }
    }
}

/// Counts of one subject.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub reads: u64,
    /// Those of them that say how much they read, and how much: in the unit of the control.
    pub counted: u64,
    pub amount: u64,
    /// Amounts by local day, of events that no earlier run has counted.
    pub days: BTreeMap<i64, u64>,
    pub last: Option<Timestamp>,
    /// Reads in bulk whose amount nobody counted.
    pub uncounted: u64,
    /// Reads that an error ended, nobody knows after how much.
    pub broken_off: u64,
    pub breaches: BTreeMap<Breach, u64>,
    /// Ids of the events that are breaches, hashed, and one of them in full.
    pub breaking: BTreeSet<u64>,
    pub breaking_id: String,
}

impl Seen {
    /// Of all reads nobody knows how much they read, which is not the same as nothing.
    pub(crate) fn has_no_amount(&self) -> bool {
        self.reads > 0 && self.counted == 0
    }
}

/// What an event does wrong. In the order in which a finding tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Breach {
    NotAllowed,
    Refused,
    OtherNetwork,
    OutsideHours,
    /// In bulk by somebody whom `bulk` does not list.
    NotInBulk,
    Unaudited,
    LogWeakened,
    LogChanged,
    SilentSession,
}

pub(crate) struct Tally<'c> {
    config: &'c Config,
    /// Events before it were counted by an earlier run: only breaches that it did not have are news.
    counted_until: Timestamp,
    judged: &'c BTreeSet<u64>,
    pub seen: BTreeMap<Key, Seen>,
    /// Reads that do not say how much they read, and are not in bulk.
    pub without_amount: u64,
    /// Events of more subjects than there is room for.
    pub beyond: u64,
}

impl<'c> Tally<'c> {
    pub(crate) fn new(config: &'c Config, counted_until: Timestamp, judged: &'c BTreeSet<u64>) -> Self {
        Self { config, counted_until, judged, seen: BTreeMap::new(), without_amount: 0, beyond: 0 }
    }

    pub(crate) fn take(&mut self, event: &Event) {
        let key = Key { principal: event.principal.clone(), target: event.target };
        if self.seen.len() >= SUBJECTS_MAX && !self.seen.contains_key(&key) {
            self.beyond += 1;
            return;
        }
        let breaches = self.breaches(event);
        let hash = fingerprint(event.id.as_bytes());
        let seen = self.seen.entry(key).or_default();
        seen.last = seen.last.max(Some(event.at));
        let is_judged = event.at < self.counted_until && self.judged.contains(&hash);
        if !breaches.is_empty() && !is_judged {
            seen.breaking.insert(hash);
            seen.breaking_id.clone_from(&event.id);
            for breach in breaches {
                *seen.breaches.entry(breach).or_default() += 1;
            }
        }
        if let Kind::Read(read) = &event.kind {
            seen.reads += 1;
            let amount = if self.config.amount == Amount::Reads { Some(1) } else { read.amount };
            match amount {
                Some(amount) => {
                    seen.counted += 1;
                    seen.amount = seen.amount.saturating_add(amount);
                    if event.at >= self.counted_until {
                        let day = seen.days.entry(self.config.zone.local(event.at).day).or_default();
                        *day = day.saturating_add(amount);
                    }
                }
                None => match read.way {
                    Way::Counted => self.without_amount += 1,
                    Way::BrokenOff => seen.broken_off += 1,
                    Way::Bulk => seen.uncounted += 1,
                    // Its breach says all that is known.
                    Way::Unaudited => {}
                },
            }
        }
    }

    fn breaches(&self, event: &Event) -> Vec<Breach> {
        match &event.kind {
            Kind::Refused => vec![Breach::Refused],
            Kind::LogWeakened => vec![Breach::LogWeakened],
            Kind::LogChanged => vec![Breach::LogChanged],
            Kind::SilentSession => vec![Breach::SilentSession],
            Kind::Read(read) => self.breaches_of_read(event, *read),
        }
    }

    fn breaches_of_read(&self, event: &Event, read: Read) -> Vec<Breach> {
        let principal = event.principal.as_str();
        let mut breaches = Vec::new();
        let datasets = match event.target {
            Target::Dataset(place) => self.config.datasets.get(place..=place).unwrap_or_default(),
            // What has no name may be any of them.
            Target::Unnamed | Target::Login | Target::Audit => &self.config.datasets,
        };
        if !datasets.iter().all(|dataset| pattern::any(&dataset.allow, principal)) {
            breaches.push(Breach::NotAllowed);
        }
        let is_within = |networks: &[Network], from: &str| networks.iter().any(|network| network.contains(from));
        // A network that the log does not tell cannot be one that is allowed.
        let from = event.address.as_deref().unwrap_or_default();
        if datasets.iter().any(|dataset| !dataset.networks.is_empty() && !is_within(&dataset.networks, from)) {
            breaches.push(Breach::OtherNetwork);
        }
        let hours = self.config.hours.iter().find(|hours| hours.are_for(principal));
        if hours.is_some_and(|hours| !hours.hold(event.at, &self.config.zone)) {
            breaches.push(Breach::OutsideHours);
        }
        let forbids =
            |bulk: &Option<Vec<pattern::Pattern>>| bulk.as_ref().is_some_and(|bulk| !pattern::any(bulk, principal));
        if read.way == Way::Bulk && datasets.iter().any(|dataset| forbids(&dataset.bulk)) {
            breaches.push(Breach::NotInBulk);
        }
        if read.way == Way::Unaudited {
            breaches.push(Breach::Unaudited);
        }
        breaches
    }
}

/// The contract's limit.
const SUBJECTS_MAX: usize = 5_000;
const SUBJECT_BYTES_MAX: usize = 512;
