//! What is tried when. Pure: it is told the time.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use super::{Attempt, Delivery, Destination, End, Key, Outcome, Problem, retry_delay};
use crate::domain::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Tries side by side; at least 1. Small, because mail servers count connections.
    pub concurrency: usize,
    /// Deliveries held in memory; while so many wait, no more are taken. The rest stays in the ledger.
    pub held_max: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self { concurrency: 4, held_max: 4_096 }
    }
}

/// The deliveries that wait, and whether it is worth trying them.
///
/// What belongs to one thread of one mailbox goes out in order, one after the other: the last word in it must be the
/// newest, also after a night without a mail server.
///
/// Two clocks tick: one a delivery, for a mail that the server does not take this time, and one for the server, so
/// that a thousand mails do not knock at a closed door. While the door is closed only one delivery is tried.
#[derive(Debug)]
pub struct Queue {
    policy: Policy,
    waiting: BTreeMap<Key, Waiting>,
    /// What waits of each thread of each address.
    threads: BTreeMap<Thread, BTreeSet<Key>>,
    /// What is not being tried, by when it is due.
    due: BTreeSet<(Timestamp, Key)>,
    retries_in_flight: usize,
    in_flight: usize,
    door: Door,
    last_error: Option<(Timestamp, String)>,
}

#[derive(Debug)]
struct Waiting {
    delivery: Delivery,
    attempts: u32,
    /// In a row, for reasons of its own.
    failures: u32,
    being_tried: Option<Role>,
}

/// The first mail of a thread by its Message-ID, or an incident; and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Thread {
    first: String,
    to: Destination,
}

impl Thread {
    fn of(delivery: &Delivery) -> Self {
        let mail = &delivery.mail;
        let first = mail.references.first().or(mail.in_reply_to.as_ref()).unwrap_or(&mail.message_id);
        match &delivery.to {
            Destination::Address(_) => Self { first: first.clone(), to: delivery.to.clone() },
            Destination::Webhook(name, place) => {
                let incident = mail.webhooks.get(*place).and_then(|posted| posted.incident.as_ref());
                // Whatever its place in its mail.
                let to = Destination::Webhook(name.clone(), 0);
                Self { first: incident.unwrap_or(first).clone(), to }
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Fresh,
    Retry,
    Probe,
}

/// What would be tried next: not before `at`; in the list of what is due it stands at `due`.
struct Startable {
    due: Timestamp,
    at: Timestamp,
    key: Key,
    role: Role,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Door {
    Open,
    Closed { problem: Problem, why: String, since: Timestamp, failures: u32, probe_at: Timestamp, probing: bool },
}

impl Queue {
    pub fn new(policy: Policy) -> Self {
        Self {
            policy: Policy { concurrency: policy.concurrency.max(1), held_max: policy.held_max.max(1) },
            waiting: BTreeMap::new(),
            threads: BTreeMap::new(),
            due: BTreeSet::new(),
            retries_in_flight: 0,
            in_flight: 0,
            door: Door::Open,
            last_error: None,
        }
    }

    /// Takes a delivery, due at once. One that waits already is left as it is.
    pub fn push(&mut self, delivery: Delivery, now: Timestamp) {
        let key = delivery.key;
        if let Entry::Vacant(place) = self.waiting.entry(key) {
            self.threads.entry(Thread::of(&delivery)).or_default().insert(key);
            place.insert(Waiting { delivery, attempts: 0, failures: 0, being_tried: None });
            self.due.insert((now, key));
        }
    }

    pub fn has_room(&self) -> bool {
        self.waiting.len() < self.policy.held_max
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// When the oldest of those that wait was queued: alerts are numbered in that order.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.waiting.first_key_value().map(|(_, waiting)| waiting.delivery.queued)
    }

    /// Why nothing goes out, in words, and since when.
    pub fn problem(&self) -> Option<(Problem, &str, Timestamp)> {
        match &self.door {
            Door::Open => None,
            Door::Closed { problem, why, since, .. } => Some((*problem, why, *since)),
        }
    }

    /// The newest failure of any kind.
    pub fn last_error(&self) -> Option<&(Timestamp, String)> {
        self.last_error.as_ref()
    }

    /// The next delivery to try now; call it until it gives none.
    pub fn start(&mut self, now: Timestamp) -> Option<Delivery> {
        let Startable { due, at, key, role } = self.startable()?;
        if at > now {
            return None;
        }
        if let Door::Closed { probing, .. } = &mut self.door {
            *probing = true;
        }
        self.due.remove(&(due, key));
        self.in_flight += 1;
        self.retries_in_flight += usize::from(role == Role::Retry);
        let waiting = self.waiting.get_mut(&key)?;
        waiting.attempts = waiting.attempts.saturating_add(1);
        waiting.being_tried = Some(role);
        Some(waiting.delivery.clone())
    }

    /// When [`Self::start`] gives something next, if nothing else happens before.
    pub fn next_start(&self) -> Option<Timestamp> {
        self.startable().map(|next| next.at)
    }

    fn startable(&self) -> Option<Startable> {
        if self.in_flight >= self.policy.concurrency {
            return None;
        }
        match &self.door {
            Door::Closed { probing: true, .. } => None,
            Door::Closed { probe_at, .. } => {
                let (due, key) = *self.due.iter().find(|(_, key)| self.is_its_turn(*key))?;
                Some(Startable { due, at: due.max(*probe_at), key, role: Role::Probe })
            }
            Door::Open => {
                // One place is kept for what was never tried: mails that stall must not hold up all others.
                let retries_max = self.policy.concurrency.saturating_sub(1).max(1);
                let due = self.due.iter().filter(|(_, key)| self.is_its_turn(*key));
                let mut due = due.map(|&(due, key)| {
                    let retried = self.waiting.get(&key).is_some_and(|waiting| waiting.failures > 0);
                    Startable { due, at: due, key, role: if retried { Role::Retry } else { Role::Fresh } }
                });
                due.find(|next| next.role == Role::Fresh || self.retries_in_flight < retries_max)
            }
        }
    }

    /// Nothing earlier of its thread waits or is being tried.
    fn is_its_turn(&self, key: Key) -> bool {
        let thread = self.waiting.get(&key).and_then(|waiting| self.threads.get(&Thread::of(&waiting.delivery)));
        thread.is_none_or(|keys| keys.first() == Some(&key))
    }

    /// There is another way out now: what waits is tried at once, and what failed on the old one counts no more.
    pub fn hurry(&mut self, now: Timestamp) {
        if let Door::Closed { failures, probe_at, .. } = &mut self.door {
            *failures = 0;
            *probe_at = now;
        }
        self.due = self.due.iter().map(|(due, key)| ((*due).min(now), *key)).collect();
    }

    fn remove(&mut self, key: Key) {
        let Some(Waiting { delivery, .. }) = self.waiting.remove(&key) else { return };
        if let Entry::Occupied(mut keys) = self.threads.entry(Thread::of(&delivery)) {
            keys.get_mut().remove(&key);
            if keys.get().is_empty() {
                keys.remove();
            }
        }
    }

    /// What became of a try. Gives the outcome if the delivery has ended.
    pub fn finish(&mut self, key: Key, attempt: Attempt, now: Timestamp) -> Option<Outcome> {
        let waiting = self.waiting.get_mut(&key)?;
        let role = waiting.being_tried.take()?;
        let attempts = waiting.attempts;
        self.in_flight -= 1;
        self.retries_in_flight -= usize::from(role == Role::Retry);
        let (end, due) = match attempt {
            Attempt::Delivered => (Some(End::Delivered), now),
            Attempt::Refused { code, why } => {
                self.last_error = Some((now, why.clone()));
                (Some(End::Refused { code, why }), now)
            }
            Attempt::Later { why } => {
                waiting.failures = waiting.failures.saturating_add(1);
                self.last_error = Some((now, why));
                (None, now.plus(retry_delay(key, waiting.failures)))
            }
            Attempt::Busy { why, after } => {
                self.last_error = Some((now, why.clone()));
                self.close(Problem::Busy, why, key, role, now);
                if let Door::Closed { probe_at, .. } = &mut self.door {
                    *probe_at = (*probe_at).max(now.plus(after));
                }
                self.due.insert((now, key));
                return None;
            }
            Attempt::Stopped { problem, why } => {
                self.last_error = Some((now, why.clone()));
                self.close(problem, why, key, role, now);
                self.due.insert((now, key));
                return None;
            }
        };
        // Whatever the answer: the server talks.
        self.door = Door::Open;
        match end {
            Some(end) => {
                self.remove(key);
                Some(Outcome { key, attempts, end })
            }
            None => {
                self.due.insert((due, key));
                None
            }
        }
    }

    fn close(&mut self, problem: Problem, why: String, key: Key, role: Role, now: Timestamp) {
        let (since, failures) = match &self.door {
            Door::Open => (now, 1),
            Door::Closed { since, failures, .. } if role == Role::Probe => (*since, failures.saturating_add(1)),
            // Tries that began before the door was closed tell nothing new.
            Door::Closed { .. } => return,
        };
        let probe_at = now.plus(retry_delay(key, failures));
        self.door = Door::Closed { problem, why, since, failures, probe_at, probing: false };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::tests::mail;
    use proptest::prelude::*;
    use std::{sync::Arc, time::Duration};

    fn delivery(alert: u64) -> Delivery {
        let key = Key { alert, delivery: 0 };
        Delivery {
            key,
            to: Destination::Address(format!("{alert}@example.com")),
            mail: Arc::new(mail()),
            queued: Timestamp::EPOCH,
        }
    }

    /// The second mail of the thread that the first one began, to the same address.
    fn reply(alert: u64, to: u64) -> Delivery {
        let first = delivery(to);
        let mut mail = mail();
        mail.references = vec![std::mem::replace(&mut mail.message_id, format!("<{alert}@example.com>"))];
        Delivery { key: Key { alert, delivery: 0 }, mail: Arc::new(mail), ..first }
    }

    fn queue(alerts: u64) -> Queue {
        let mut queue = Queue::new(Policy::default());
        for alert in 0..alerts {
            queue.push(delivery(alert), Timestamp::EPOCH);
        }
        queue
    }

    fn started(queue: &mut Queue, now: Timestamp) -> Vec<Key> {
        std::iter::from_fn(|| queue.start(now)).map(|delivery| delivery.key).collect()
    }

    fn down() -> Attempt {
        Attempt::Stopped { problem: Problem::Unreachable, why: "connection refused".into() }
    }

    fn later() -> Attempt {
        Attempt::Later { why: "451 greylisted".into() }
    }

    #[test]
    fn what_is_given_at_the_start_is_tried_at_once_but_few_at_a_time() {
        let mut queue = queue(10);
        let keys = started(&mut queue, Timestamp::EPOCH);
        assert_eq!(keys.len(), 4);
        assert_eq!(queue.next_start(), None);
        let outcome = queue.finish(keys[0], Attempt::Delivered, Timestamp::EPOCH).unwrap();
        assert_eq!((outcome.attempts, outcome.end), (1, End::Delivered));
        assert_eq!(started(&mut queue, Timestamp::EPOCH).len(), 1);
        assert_eq!(queue.len(), 9);
    }

    #[test]
    fn another_way_out_is_tried_at_once_by_one_and_then_by_all() {
        let mut queue = queue(3);
        let (mut now, mut tries) = (Timestamp::EPOCH, 0);
        let keys = started(&mut queue, now);
        queue.finish(keys[0], later(), now);
        for key in &keys[1..] {
            queue.finish(*key, down(), now);
        }
        while now < Timestamp::EPOCH.plus(Duration::from_secs(3600)) {
            now = queue.next_start().unwrap();
            for key in started(&mut queue, now) {
                queue.finish(key, down(), now);
                tries += 1;
            }
        }
        assert!(tries > 3 && queue.next_start().unwrap() > now);
        queue.hurry(now);
        let probe = started(&mut queue, now);
        assert_eq!(probe.len(), 1);
        assert!(queue.finish(probe[0], Attempt::Delivered, now).is_some());
        assert_eq!(started(&mut queue, now).len(), 2, "also the one that was asked to come later");
    }

    #[test]
    fn a_closed_door_is_knocked_at_by_one_delivery_at_a_time_and_never_given_up() {
        let mut queue = queue(1_000);
        let mut now = Timestamp::EPOCH;
        let mut tries = 0;
        for key in started(&mut queue, now) {
            assert_eq!(queue.finish(key, down(), now), None);
            tries += 1;
        }
        let week = Timestamp::EPOCH.plus(Duration::from_secs(7 * 86_400));
        while now < week {
            let next = queue.next_start().expect("it never gives up");
            assert!(next > now && next.since(now) <= Duration::from_secs(900));
            assert_eq!(queue.start(now), None);
            now = next;
            let keys = started(&mut queue, now);
            assert_eq!(keys.len(), 1, "one probe");
            queue.finish(keys[0], down(), now);
            tries += 1;
        }
        assert!((4 + 7 * 96..4 + 7 * 96 + 150).contains(&tries), "{tries}");
        assert_eq!(queue.len(), 1_000);
        assert!(matches!(queue.problem(), Some((Problem::Unreachable, "connection refused", Timestamp::EPOCH))));
        now = queue.next_start().unwrap();
        let probe = started(&mut queue, now)[0];
        queue.finish(probe, Attempt::Delivered, now);
        assert_eq!(queue.problem(), None);
        assert_eq!(started(&mut queue, now).len(), 4, "the door is open: all are due at once");
    }

    #[test]
    fn mails_that_stall_leave_a_place_for_fresh_ones() {
        let mut queue = queue(10);
        let mut now = Timestamp::EPOCH;
        for _ in 0..3 {
            for key in started(&mut queue, now) {
                queue.finish(key, later(), now);
            }
        }
        now = now.plus(Duration::from_secs(900));
        let stalled = started(&mut queue, now);
        assert_eq!(stalled.len(), 3);
        queue.push(delivery(99), now);
        assert_eq!(started(&mut queue, now), [Key { alert: 99, delivery: 0 }]);
    }

    #[test]
    fn a_thread_goes_out_in_order_whatever_becomes_of_its_mails() {
        let mut queue = queue(2);
        queue.push(reply(7, 0), Timestamp::EPOCH);
        let [first, other] = started(&mut queue, Timestamp::EPOCH)[..] else { panic!("two threads, two tries") };
        assert!(queue.finish(other, Attempt::Delivered, Timestamp::EPOCH).is_some());
        assert_eq!(queue.finish(first, later(), Timestamp::EPOCH), None);
        assert_eq!(queue.start(Timestamp::EPOCH), None, "the second mail waits for the first");
        let now = queue.next_start().unwrap();
        assert_eq!(started(&mut queue, now), [first]);
        let refused = Attempt::Refused { code: 550, why: "550 no such user".into() };
        assert!(queue.finish(first, refused, now).is_some());
        assert_eq!(started(&mut queue, now), [Key { alert: 7, delivery: 0 }]);
        assert!(queue.finish(Key { alert: 7, delivery: 0 }, Attempt::Delivered, now).is_some());
        assert!(queue.is_empty() && queue.threads.is_empty());
    }

    #[test]
    fn a_refused_delivery_is_a_dead_letter_and_the_others_go_on() {
        let mut queue = queue(2);
        let keys = started(&mut queue, Timestamp::EPOCH);
        let refused = Attempt::Refused { code: 550, why: "550 no such user".into() };
        let outcome = queue.finish(keys[0], refused, Timestamp::EPOCH).unwrap();
        assert!(matches!(outcome.end, End::Refused { code: 550, .. }));
        assert!(queue.finish(keys[1], Attempt::Delivered, Timestamp::EPOCH).is_some());
        assert!(queue.is_empty());
        assert_eq!(queue.last_error().unwrap().1, "550 no such user");
    }

    #[test]
    fn the_same_delivery_given_twice_is_tried_once() {
        let mut queue = queue(1);
        let key = started(&mut queue, Timestamp::EPOCH)[0];
        queue.push(delivery(0), Timestamp::EPOCH);
        assert_eq!(started(&mut queue, Timestamp::EPOCH), []);
        assert!(queue.finish(key, Attempt::Delivered, Timestamp::EPOCH).is_some());
        assert_eq!(queue.finish(key, Attempt::Delivered, Timestamp::EPOCH), None);
    }

    fn answers() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(0..10u8, 1..200)
    }

    proptest! {
        #[test]
        fn every_delivery_ends_once_and_is_always_tried_again_within_15_minutes(answers in answers(), count in 1..20u64) {
            let mut queue = queue(count);
            let mut now = Timestamp::EPOCH;
            let mut answers = answers.into_iter();
            let mut ended = BTreeSet::new();
            let mut flying = Vec::new();
            while !queue.is_empty() {
                flying.extend(started(&mut queue, now));
                prop_assert!(flying.len() <= 4);
                if flying.is_empty() {
                    let next = queue.next_start();
                    prop_assert!(next.is_some(), "something waits, nothing flies: there is a next start");
                    let next = next.unwrap();
                    prop_assert!(next > now && next.since(now) <= Duration::from_secs(900));
                    now = next;
                    continue;
                }
                // When the answers are used up, the server takes everything.
                let answer = answers.next().unwrap_or(0);
                let key = flying.remove(usize::from(answer) % flying.len());
                let outcome = queue.finish(key, match answer {
                    0 | 1 => Attempt::Delivered,
                    2 => Attempt::Refused { code: 550, why: String::new() },
                    3..=5 => later(),
                    _ => down(),
                }, now);
                if let Some(outcome) = outcome {
                    prop_assert!(ended.insert(outcome.key));
                }
            }
            prop_assert_eq!(ended.len() as u64, count);
        }
    }
}
