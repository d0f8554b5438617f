//! How often and how much at once a system is asked, by all runs together.
//!
//! Each source and credential has a *lane*: its requests start in the order in which they came, never more than the
//! source's rate allows, and none while the source has asked for quiet (429 with Retry-After). What has its turn then
//! waits for one of the places of its host.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until},
};

use super::request::Target;
use crate::{
    clock,
    domain::{CredentialId, Grant, Rate, SourceId},
};

/// Requests to one host under way at the same time. Enough for a latency of 100 ms at 160 requests a second, and
/// fewer than any server minds.
const PLACES_PER_HOST: usize = 16;

/// A rate of more requests than that is kept as one of so many in a shorter time, which is a little stricter: the
/// starts of all of them have to be remembered.
const STARTS_MAX: u32 = 1_000;

/// A source that asks for a longer quiet is asked again after it, so that a mistake of its does not end all tests of it.
const QUIET_MAX: Duration = Duration::from_secs(3_600);

/// The lanes and places of all runs.
pub(super) struct Limiter {
    rates: HashMap<SourceId, Rate>,
    lanes: Mutex<HashMap<LaneKey, Arc<Lane>>>,
    hosts: Mutex<HashMap<(String, u16), Arc<Semaphore>>>,
}

/// Both maps grow with what the configuration names, not with what plugins ask for.
#[derive(Clone, PartialEq, Eq, Hash)]
struct LaneKey {
    system: System,
    credential: Option<CredentialId>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum System {
    Source(SourceId),
    /// Of a grant in the long form.
    Host(String, u16),
}

/// A request holds it from its start to its end.
pub(super) struct Turn {
    _place: OwnedSemaphorePermit,
}

/// The source wants quiet for longer than the request can wait.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Quiet;

impl Limiter {
    pub(super) fn new(rates: impl IntoIterator<Item = (SourceId, Rate)>) -> Self {
        Self { rates: rates.into_iter().collect(), lanes: Mutex::default(), hosts: Mutex::default() }
    }

    /// The lane of a request.
    pub(super) fn lane(&self, grant: &Grant, target: &Target, credential: Option<&CredentialId>) -> Arc<Lane> {
        let host = (target.host.to_string(), target.port);
        let system = match &grant.source {
            Some(source) => System::Source(source.clone()),
            None => System::Host(host.0.clone(), host.1),
        };
        let rate = grant.source.as_ref().and_then(|source| self.rates.get(source));
        let key = LaneKey { system, credential: credential.cloned() };
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(key).or_insert_with(|| Arc::new(Lane::new(rate.copied()))))
    }

    /// The places of a host.
    pub(super) fn places(&self, target: &Target) -> Arc<Semaphore> {
        let host = (target.host.to_string(), target.port);
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hosts.entry(host).or_insert_with(|| Arc::new(Semaphore::new(PLACES_PER_HOST))))
    }
}

/// The queue of one source and credential.
pub(super) struct Lane {
    /// Taken by the one request whose turn is next; the lock hands itself on in the order of arrival.
    starts: tokio::sync::Mutex<Starts>,
    quiet_until: Mutex<Option<Instant>>,
}

impl Lane {
    fn new(rate: Option<Rate>) -> Self {
        Self { starts: tokio::sync::Mutex::new(Starts::new(rate)), quiet_until: Mutex::new(None) }
    }

    /// Waits until the request may start. To stop waiting costs the others nothing.
    ///
    /// # Errors
    /// The source wants quiet until after `end`.
    pub(super) async fn turn(&self, places: Arc<Semaphore>, end: Instant) -> Result<Turn, Quiet> {
        if self.quiet_until().is_some_and(|until| until >= end) {
            return Err(Quiet);
        }
        let mut starts = self.starts.lock().await;
        let place = loop {
            while let Some(until) = self.wait(&starts) {
                if self.quiet_until().is_some_and(|until| until >= end) {
                    return Err(Quiet);
                }
                sleep_until(until).await;
            }
            // Its start is counted only when it has a place; and no place is held while a source wants quiet.
            let place = Arc::clone(&places).acquire_owned().await.map_err(|_| Quiet)?;
            if self.wait(&starts).is_none() {
                break place;
            }
        };
        starts.add(clock::timer_now());
        Ok(Turn { _place: place })
    }

    /// The source wants no request for so long.
    pub(super) fn be_quiet_for(&self, pause: Duration) {
        let until = clock::timer_now() + pause.min(QUIET_MAX);
        let mut quiet_until = self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        *quiet_until = quiet_until.max(Some(until));
    }

    /// The time, not yet reached, before which nothing may start.
    fn wait(&self, starts: &Starts) -> Option<Instant> {
        starts.next().max(self.quiet_until()).filter(|until| *until > clock::timer_now())
    }

    fn quiet_until(&self) -> Option<Instant> {
        *self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the newest requests started: as many as may start in `per`.
struct Starts {
    rate: Option<Rate>,
    newest: VecDeque<Instant>,
}

impl Starts {
    fn new(rate: Option<Rate>) -> Self {
        let rate = rate.map(|rate| {
            let requests = rate.requests.clamp(1, STARTS_MAX);
            let per = rate.per.mul_f64(f64::from(requests) / f64::from(rate.requests.max(1)));
            Rate { requests, per }
        });
        Self { rate, newest: VecDeque::new() }
    }

    /// When the next request may start. `None`: at once.
    fn next(&self) -> Option<Instant> {
        let rate = self.rate?;
        let full = self.newest.len() >= rate.requests as usize;
        full.then(|| self.newest.front().map(|oldest| *oldest + rate.per)).flatten()
    }

    fn add(&mut self, start: Instant) {
        let Some(rate) = self.rate else { return };
        if self.newest.len() >= rate.requests as usize {
            self.newest.pop_front();
        }
        self.newest.push_back(start);
    }
}
