//! Who watches the watcher: a URL is called while all is well, and whoever is behind it misses the call.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinSet};

use super::Service;
use crate::{
    caller::{Answer, CallError, CallUrl, Caller},
    config,
    domain::Timestamp,
    ledger::Store,
};

/// Entries are committed at least so often, also when nothing happened (the hourly checkpoint); with an hour's worth of
/// patience for one that was just missed by a tick.
const COMMITTED_MAX: Duration = Duration::from_secs(3600 + 300);

/// When a heartbeat is due. Pure: it is told the time, and what is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Beats {
    every: Duration,
    next: Timestamp,
    /// The last one failed, and was tried once more.
    tried_again: bool,
}

/// What a heartbeat says: that this is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signs {
    /// The recorder has answered the tick of this turn: the loop turns, and so does the recorder.
    pub(super) ticked: bool,
    /// The ledger takes entries.
    pub(super) takes_entries: bool,
    /// When the newest durable entry was decided.
    pub(super) committed: Option<Timestamp>,
}

impl Beats {
    /// The first is due at once.
    pub(super) const fn new(every: Duration, now: Timestamp) -> Self {
        Self { every, next: now, tried_again: false }
    }

    /// Whether to call now. What is not so is not said: there is no call, and none is made up for later.
    pub(super) fn is_due(&mut self, now: Timestamp, signs: Signs) -> bool {
        // A clock that was set back must not silence it for as long.
        let set_back = self.next.since(now) > self.every;
        if now < self.next && !set_back {
            return false;
        }
        let is_fresh = |at: Timestamp| now.since(at) <= COMMITTED_MAX;
        let is_well = signs.ticked && signs.takes_entries && signs.committed.is_some_and(is_fresh);
        if is_well {
            self.next = now.plus(self.every);
        }
        is_well
    }

    /// The call failed: it is made once more with the next tick, and then when the next is due.
    pub(super) const fn failed(&mut self, now: Timestamp) {
        if !self.tried_again {
            self.next = now;
        }
        self.tried_again = !self.tried_again;
    }

    pub(super) const fn succeeded(&mut self) {
        self.tried_again = false;
    }
}

impl Service {
    /// To be called when the recorder has just answered a tick.
    pub(super) fn beat(&mut self) {
        let signs = Signs {
            ticked: true,
            takes_entries: self.ledger.poisoned().is_none(),
            committed: self.ledger.state().head().last_at,
        };
        self.heartbeat.turn(self.clock.now(), signs);
    }
}

/// How it stands with heartbeats; `None` where none are configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pulse {
    /// When the newest one arrived.
    pub arrived: Option<Timestamp>,
    /// Since when none arrives, and why.
    pub failing: Option<(Timestamp, String)>,
}

/// Heartbeats of a daemon. One call at a time; it never holds anything up.
pub(super) struct Heartbeat {
    caller: Arc<Caller>,
    settings: Option<(CallUrl, Beats)>,
    calls: JoinSet<Result<Answer, CallError>>,
    pulse: watch::Sender<Option<Pulse>>,
}

impl Heartbeat {
    pub(super) fn new(caller: Arc<Caller>, config: Option<&config::Heartbeat>, now: Timestamp) -> Self {
        let (pulse, _) = watch::channel(None);
        let mut heartbeat = Self { caller, settings: None, calls: JoinSet::new(), pulse };
        heartbeat.begin(config, now);
        heartbeat
    }

    /// By another configuration from now on.
    pub(super) fn take_up(&mut self, caller: Arc<Caller>, config: Option<&config::Heartbeat>, now: Timestamp) {
        self.caller = caller;
        let is_same = match (&self.settings, config) {
            (Some((url, beats)), Some(new)) => *url == new.url && beats.every == new.every,
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !is_same {
            self.begin(config, now);
        }
    }

    fn begin(&mut self, config: Option<&config::Heartbeat>, now: Timestamp) {
        self.calls.abort_all();
        self.calls = JoinSet::new();
        self.settings = config.map(|config| (config.url.clone(), Beats::new(config.every, now)));
        self.pulse.send_replace(config.map(|_| Pulse::default()));
    }

    /// A look at how it stands, for as long as anybody wants.
    pub(super) fn pulse(&self) -> watch::Receiver<Option<Pulse>> {
        self.pulse.subscribe()
    }

    /// After a tick: learns what became of the last call, and begins the next if one is due.
    pub(super) fn turn(&mut self, now: Timestamp, signs: Signs) {
        let Some((url, beats)) = &mut self.settings else { return };
        if let Some(ended) = self.calls.try_join_next() {
            let why = match ended {
                Ok(Ok(Answer { status: 200..=299, .. })) => None,
                Ok(Ok(Answer { status, .. })) => Some(format!("it was answered with {status}")),
                Ok(Err(error)) => Some(error.to_string()),
                Err(error) => Some(error.to_string()),
            };
            match why {
                None => {
                    beats.succeeded();
                    self.pulse.send_replace(Some(Pulse { arrived: Some(now), failing: None }));
                }
                Some(why) => {
                    tracing::warn!(why, "a heartbeat did not arrive");
                    beats.failed(now);
                    self.pulse.send_modify(|pulse| {
                        let pulse = pulse.get_or_insert_default();
                        let since = pulse.failing.as_ref().map_or(now, |(since, _)| *since);
                        pulse.failing = Some((since, why));
                    });
                }
            }
        }
        if self.calls.is_empty() && beats.is_due(now, signs) {
            let (caller, url) = (Arc::clone(&self.caller), url.clone());
            self.calls.spawn(async move { caller.get(&url).await });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_772_000_000_000 + seconds * 1000)
    }

    fn well(committed: i64) -> Signs {
        Signs { ticked: true, takes_entries: true, committed: Some(at(committed)) }
    }

    /// Beats in the ticks of this time, one every 15 s, while `signs` are so.
    fn beats(beats: &mut Beats, from: i64, to: i64, signs: impl Fn(i64) -> Signs) -> Vec<i64> {
        (from..to).step_by(15).filter(|now| beats.is_due(at(*now), signs(*now))).collect()
    }

    #[test]
    fn it_beats_every_minute_while_all_is_well() {
        let mut due = Beats::new(MINUTE, at(0));
        assert_eq!(beats(&mut due, 0, 200, well), [0, 60, 120, 180]);
    }

    #[test]
    fn it_is_silent_while_the_ledger_takes_nothing_and_beats_at_once_when_it_does() {
        let mut due = Beats::new(MINUTE, at(0));
        let broken = |now| Signs { takes_entries: !(60..150).contains(&now), ..well(now) };
        assert_eq!(beats(&mut due, 0, 300, broken), [0, 150, 210, 270]);
    }

    #[test]
    fn without_an_answer_of_the_recorder_or_an_entry_it_is_silent() {
        let mut due = Beats::new(MINUTE, at(0));
        assert!(!due.is_due(at(0), Signs { ticked: false, ..well(0) }));
        assert!(!due.is_due(at(0), Signs { committed: None, ..well(0) }));
        assert!(due.is_due(at(0), well(0)));
    }

    /// The checkpoint is hourly: a controls' list that has nothing to do for an hour is no fault, more than that is.
    #[test]
    fn a_quiet_hour_is_well_and_a_longer_one_is_not() {
        let mut due = Beats::new(MINUTE, at(0));
        let seen = beats(&mut due, 0, 10_000, |_| well(0));
        assert_eq!(seen.len(), 66, "{seen:?}");
        assert_eq!(seen.last(), Some(&3900));
    }

    #[test]
    fn a_failed_one_is_tried_once_more_with_the_next_tick_and_no_more() {
        let mut due = Beats::new(MINUTE, at(0));
        assert!(due.is_due(at(0), well(0)));
        due.failed(at(15));
        assert!(due.is_due(at(15), well(0)));
        due.failed(at(30));
        assert_eq!(beats(&mut due, 30, 76, well), [75]);
        due.failed(at(90));
        assert!(due.is_due(at(90), well(0)));
        due.succeeded();
        assert!(!due.is_due(at(105), well(0)));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_silence_it() {
        let mut due = Beats::new(MINUTE, at(100_000));
        assert!(due.is_due(at(0), well(0)));
    }
}
