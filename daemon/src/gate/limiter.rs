//! How often and how much at once a system is asked, by all runs together.
//!
//! Each source and credential has a *lane*: its requests start in order, those of several controls by turns, never more
//! than the source's rate allows, none while the source has asked for quiet (429 with Retry-After), and none that the
//! source has said it will refuse (no requests remain until the time of the reset). What has its turn then waits for one
//! of the places of its host.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until},
};

use super::{baton::Baton, quota::Quota, request::Target};
use crate::{
    clock,
    domain::{ControlId, CredentialId, Grant, Rate, SourceId},
};

/// Requests to one host under way at the same time. Enough for a latency of 100 ms at 160 requests a second, and
/// fewer than any server minds.
const PLACES_PER_HOST: usize = 16;

/// A rate of more requests than that is kept as one of so many in a shorter time, which is a little stricter: the
/// starts of all of them have to be remembered.
const STARTS_MAX: u32 = 1_000;

/// A source that asks for a longer quiet is asked again after it, so that a mistake of its does not end all tests of it.
const QUIET_MAX: Duration = Duration::from_secs(3_600);

/// The lanes and places of all runs, under one configuration after the other.
pub(super) struct Limiter {
    rates: Mutex<HashMap<SourceId, Rate>>,
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
    /// Of a grant in the long form, or of who gives tokens.
    Host(String, u16),
}

impl From<&Target> for System {
    fn from(target: &Target) -> Self {
        Self::Host(target.host.to_string(), target.port)
    }
}

/// A request holds it from its start to its end.
pub(super) struct Turn {
    _place: OwnedSemaphorePermit,
    _flight: Flight,
}

/// The source wants quiet for longer than the request can wait.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Quiet;

/// What was asked of one source with one credential since the daemon started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// The id of a source, or the host of a grant in the long form.
    pub source: String,
    pub credential: Option<CredentialId>,
    /// Requests that were started, the host's own repetitions included.
    pub requests: u64,
    /// Time that requests waited for their turn, all together.
    pub waited: Duration,
    /// Answers that asked to come back later.
    pub throttled: u64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Limiter {
    pub(super) fn new(rates: impl IntoIterator<Item = (SourceId, Rate)>) -> Self {
        Self { rates: Mutex::new(rates.into_iter().collect()), lanes: Mutex::default(), hosts: Mutex::default() }
    }

    /// Another configuration has other rates; what sources have asked for holds on.
    pub(super) fn use_rates(&self, rates: impl IntoIterator<Item = (SourceId, Rate)>) {
        let rates: HashMap<_, _> = rates.into_iter().collect();
        for (key, lane) in locked(&self.lanes).iter() {
            let System::Source(source) = &key.system else { continue };
            locked(&lane.state).starts.use_rate(rates.get(source).copied());
        }
        *locked(&self.rates) = rates;
    }

    /// The lane of a request.
    pub(super) fn lane(&self, grant: &Grant, target: &Target, credential: Option<&CredentialId>) -> Arc<Lane> {
        self.lane_of(grant.source.as_ref(), target, credential)
    }

    /// The lane of what is asked for a token with a credential.
    pub(super) fn lane_of_host(&self, target: &Target, credential: &CredentialId) -> Arc<Lane> {
        self.lane_of(None, target, Some(credential))
    }

    /// The lane of what is asked of a source, or of a host that is of none.
    pub(super) fn lane_of(
        &self,
        source: Option<&SourceId>,
        target: &Target,
        credential: Option<&CredentialId>,
    ) -> Arc<Lane> {
        let system = source.map_or_else(|| target.into(), |source| System::Source(source.clone()));
        let rate = source.and_then(|source| locked(&self.rates).get(source).copied());
        let key = LaneKey { system, credential: credential.cloned() };
        Arc::clone(locked(&self.lanes).entry(key).or_insert_with(|| Arc::new(Lane::new(rate))))
    }

    /// The places of a host.
    pub(super) fn places(&self, target: &Target) -> Arc<Semaphore> {
        let host = (target.host.to_string(), target.port);
        let places = || Arc::new(Semaphore::new(PLACES_PER_HOST));
        Arc::clone(locked(&self.hosts).entry(host).or_insert_with(places))
    }

    /// What was asked of each source, in order of its name.
    pub(super) fn traffic(&self) -> Vec<Traffic> {
        let traffic = |(key, lane): (&LaneKey, &Arc<Lane>)| {
            let State { requests, waited, throttled, .. } = *locked(&lane.state);
            let source = match &key.system {
                System::Source(source) => source.to_string(),
                System::Host(host, port) => format!("{host}:{port}"),
            };
            Traffic { source, credential: key.credential.clone(), requests, waited, throttled }
        };
        let mut all: Vec<_> = locked(&self.lanes).iter().map(traffic).collect();
        all.sort_by(|a, b| (&a.source, &a.credential).cmp(&(&b.source, &b.credential)));
        all
    }
}

/// The queue of one source and credential.
pub(super) struct Lane {
    /// Held by the one request whose turn is next.
    next: Arc<Baton>,
    state: Mutex<State>,
}

struct State {
    starts: Starts,
    quiet_until: Option<Instant>,
    /// What the source has said that it will still answer.
    quota: Option<Left>,
    in_flight: u32,
    requests: u64,
    waited: Duration,
    throttled: u64,
}

/// Requests that a source will answer before it counts anew.
#[derive(Debug, Clone, Copy)]
struct Left {
    requests: u64,
    until: Instant,
}

/// One request that is under way.
struct Flight(Arc<Lane>);

impl Drop for Flight {
    fn drop(&mut self) {
        let mut state = locked(&self.0.state);
        state.in_flight = state.in_flight.saturating_sub(1);
    }
}

impl Lane {
    fn new(rate: Option<Rate>) -> Self {
        let state = State {
            starts: Starts::new(rate),
            quiet_until: None,
            quota: None,
            in_flight: 0,
            requests: 0,
            waited: Duration::ZERO,
            throttled: 0,
        };
        Self { next: Arc::default(), state: Mutex::new(state) }
    }

    /// Waits until the request of a control may start. To stop waiting costs the others nothing.
    ///
    /// # Errors
    /// The source wants quiet until after `end`.
    pub(super) async fn turn(
        self: &Arc<Self>,
        control: &ControlId,
        places: Arc<Semaphore>,
        end: Instant,
    ) -> Result<Turn, Quiet> {
        let came = clock::timer_now();
        if self.is_quiet_until(end) {
            return Err(Quiet);
        }
        let held = self.next.take(control).await;
        let place = loop {
            while let Some(until) = self.wait() {
                if self.is_quiet_until(end) {
                    return Err(Quiet);
                }
                sleep_until(until).await;
            }
            // Its start is counted only when it has a place; and no place is held while a source wants quiet.
            let place = Arc::clone(&places).acquire_owned().await.map_err(|_| Quiet)?;
            if self.wait().is_none() {
                break place;
            }
        };
        let now = clock::timer_now();
        {
            let mut state = locked(&self.state);
            state.starts.add(now);
            state.in_flight += 1;
            state.requests += 1;
            state.waited += now - came;
            if let Some(left) = &mut state.quota {
                left.requests = left.requests.saturating_sub(1);
            }
        }
        drop(held);
        Ok(Turn { _place: place, _flight: Flight(Arc::clone(self)) })
    }

    /// The source wants no request for so long.
    pub(super) fn be_quiet_for(&self, pause: Duration) {
        let until = clock::timer_now() + pause.min(QUIET_MAX);
        let mut state = locked(&self.state);
        state.quiet_until = state.quiet_until.max(Some(until));
    }

    /// The source has told, with an answer, how many more it will give and when it counts anew.
    pub(super) fn note_quota(&self, quota: Quota) {
        let mut state = locked(&self.state);
        // Of those under way, this one not counted, it may not know yet.
        let unknown = u64::from(state.in_flight.saturating_sub(1));
        let requests = quota.remaining.saturating_sub(unknown);
        state.quota = Some(Left { requests, until: clock::timer_now() + quota.reset.min(QUIET_MAX) });
    }

    /// The source has refused a request because there were too many.
    pub(super) fn note_throttled(&self) {
        locked(&self.state).throttled += 1;
    }

    /// The time, not yet reached, before which nothing may start.
    fn wait(&self) -> Option<Instant> {
        let now = clock::timer_now();
        let mut state = locked(&self.state);
        state.quota.take_if(|left| left.until <= now);
        let exhausted = state.quota.filter(|left| left.requests == 0).map(|left| left.until);
        state.starts.next().max(state.quiet_until).max(exhausted).filter(|until| *until > now)
    }

    /// Whether the source, and not the configured rate, wants no request before `end`.
    fn is_quiet_until(&self, end: Instant) -> bool {
        let state = locked(&self.state);
        let exhausted = state.quota.filter(|left| left.requests == 0).map(|left| left.until);
        state.quiet_until.max(exhausted).is_some_and(|until| until >= end)
    }
}

/// When the newest requests started: as many as may start in `per`.
struct Starts {
    rate: Option<Rate>,
    newest: VecDeque<Instant>,
}

impl Starts {
    fn new(rate: Option<Rate>) -> Self {
        let mut starts = Self { rate: None, newest: VecDeque::new() };
        starts.use_rate(rate);
        starts
    }

    fn use_rate(&mut self, rate: Option<Rate>) {
        self.rate = rate.map(|rate| {
            let requests = rate.requests.clamp(1, STARTS_MAX);
            let per = rate.per.mul_f64(f64::from(requests) / f64::from(rate.requests.max(1)));
            Rate { requests, per }
        });
        let kept = self.rate.map_or(0, |rate| rate.requests as usize);
        self.newest.drain(..self.newest.len().saturating_sub(kept));
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
