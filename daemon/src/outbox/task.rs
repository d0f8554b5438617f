//! The outbox at work: the only place here that waits.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Attempt, Delivery, Destination, End, Key, Line, Lines, Outcome, Outgoing, Policy, Problem, Sender, Transport,
    Webhooks, message::message,
};
use crate::{clock::Clock, domain::Timestamp};

/// How it stands with what goes out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Deliveries that wait in memory, those that are being tried included.
    pub waiting: usize,
    /// When the oldest of them was queued.
    pub oldest: Option<Timestamp>,
    /// Why nothing goes out by one of the ways, in words, and since when; of several the first.
    pub problem: Option<(Problem, String, Timestamp)>,
    /// Ways for which as much is held in memory as may be: for these nothing should be brought until that has changed.
    pub full: BTreeSet<Line>,
    /// The newest failure of any kind; it stays when mail goes out again.
    pub last_error: Option<(Timestamp, String)>,
    /// When something is tried next; `None`: at once, or nothing waits.
    pub next_try: Option<Timestamp>,
    /// Since the start of the daemon.
    pub delivered: u64,
    /// Dead letters since the start of the daemon.
    pub refused: u64,
}

/// By what mail leaves, and who it is from; and the webhooks. It may be changed while something waits: tries that are under
/// way end on the way on which they began.
#[derive(Clone)]
pub struct Way {
    pub transport: Arc<dyn Transport>,
    pub sender: Sender,
    pub webhooks: Arc<Webhooks>,
}

/// Takes deliveries from a channel until it is stopped, or the channel is closed and nothing waits any more.
///
/// The channel should be filled by a task of its own that walks the ledger's waiting alerts. It minds [`Status::full`]:
/// what is brought all the same is held too.
pub struct Outbox {
    way: watch::Receiver<Way>,
    clock: Arc<dyn Clock>,
    lines: Lines,
    status: watch::Sender<Status>,
    /// After a stop, tries under way get so long (in real time) to end.
    grace: Duration,
}

enum Action {
    Take(Option<Delivery>),
    Finished(Line, Key, Attempt),
    /// There is another way.
    Rerouted,
    Wake,
    Stop,
}

impl Outbox {
    pub fn new(way: watch::Receiver<Way>, clock: Arc<dyn Clock>, policy: Policy) -> Self {
        let (status, _) = watch::channel(Status::default());
        Self { way, clock, lines: Lines::new(policy), status, grace: Duration::from_secs(5) }
    }

    /// A look at how it stands, for as long as anybody wants.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Delivers. An outcome that was sent is the receiver's to commit; if the receiver is gone, the outbox ends, for
    /// nothing that it does could be recorded.
    ///
    /// # Panics
    /// If a transport panics.
    pub async fn run(
        mut self,
        mut incoming: mpsc::Receiver<Delivery>,
        outcomes: mpsc::Sender<Outcome>,
        stop: CancellationToken,
    ) {
        let mut tries = JoinSet::new();
        let mut closed = false;
        loop {
            while let Some(delivery) = self.lines.start(self.clock.now()) {
                self.try_once(delivery, &mut tries);
            }
            self.publish();
            if closed && self.lines.is_empty() {
                return;
            }
            match self.select(&mut incoming, closed, &mut tries, &stop).await {
                Action::Take(Some(delivery)) => self.lines.push(delivery, self.clock.now()),
                Action::Take(None) => closed = true,
                Action::Finished(line, key, attempt) => {
                    if !self.finished(&line, key, attempt, &outcomes).await {
                        return;
                    }
                }
                Action::Rerouted => self.lines.hurry(self.clock.now()),
                Action::Wake => {}
                Action::Stop => break,
            }
        }
        self.drain(tries, &outcomes).await;
    }

    async fn select(
        &mut self,
        incoming: &mut mpsc::Receiver<Delivery>,
        closed: bool,
        tries: &mut JoinSet<Tried>,
        stop: &CancellationToken,
    ) -> Action {
        let wake = self.lines.next_start();
        tokio::select! {
            biased;
            () = stop.cancelled() => Action::Stop,
            Some(finished) = tries.join_next() => finished_try(finished),
            // Without anybody who could change it, it stays.
            Ok(()) = self.way.changed() => Action::Rerouted,
            delivery = incoming.recv(), if !closed => Action::Take(delivery),
            () = self.clock.sleep_until(wake.unwrap_or(Timestamp::EPOCH)), if wake.is_some() => Action::Wake,
            else => Action::Stop,
        }
    }

    fn try_once(&self, delivery: Delivery, tries: &mut JoinSet<Tried>) {
        let (line, key, now) = (delivery.to.line(), delivery.key, self.clock.now());
        let Way { transport, sender, webhooks } = self.way.borrow().clone();
        let address = match &delivery.to {
            Destination::Address(address) => address.clone(),
            Destination::Webhook(name, place) => {
                let (name, place) = (name.clone(), *place);
                tries.spawn(async move { (line, key, webhooks.deliver(&delivery, &name, place, now).await) });
                return;
            }
        };
        let bytes = match message(&delivery, &address, &sender, now) {
            Ok(bytes) => Arc::from(bytes),
            Err(error) => {
                // Nothing will ever change that: as if the server had refused the address (RFC 5321, 553).
                let refused = Attempt::Refused { code: 553, why: error.to_string() };
                tries.spawn(async move { (line, key, refused) });
                return;
            }
        };
        tries.spawn(async move { (line, key, transport.deliver(Outgoing { delivery, address, bytes }).await) });
    }

    /// Whether the outcome, if there is one, could be handed over.
    async fn finished(&mut self, line: &Line, key: Key, attempt: Attempt, outcomes: &mpsc::Sender<Outcome>) -> bool {
        let before = self.lines.problem(line).map(|(problem, _)| problem);
        if let Attempt::Later { why } = &attempt {
            info!(alert = key.alert, delivery = key.delivery, to = line.words(), why, "not taken yet");
        }
        let outcome = self.lines.finish(line, key, attempt, self.clock.now());
        match (before, self.lines.problem(line)) {
            (None, Some((problem, why))) => {
                warn!(to = line.words(), problem = problem.as_str(), why, "nothing goes out this way");
            }
            (Some(_), None) => info!(to = line.words(), "it goes out again"),
            _ => {}
        }
        let Some(outcome) = outcome else { return true };
        self.status.send_modify(|status| match &outcome.end {
            End::Delivered => status.delivered += 1,
            End::Refused { .. } => status.refused += 1,
        });
        if let End::Refused { code, why } = &outcome.end {
            warn!(alert = key.alert, delivery = key.delivery, to = line.words(), code, why, "refused for good");
        }
        // Before the outcome is committed, which wakes whoever brings more.
        self.publish();
        outcomes.send(outcome).await.is_ok()
    }

    /// What is under way may end, so that it is not delivered twice after the next start.
    async fn drain(mut self, mut tries: JoinSet<Tried>, outcomes: &mpsc::Sender<Outcome>) {
        let grace = self.grace;
        let all = async {
            while let Some(finished) = tries.join_next().await {
                if let Action::Finished(line, key, attempt) = finished_try(finished)
                    && !self.finished(&line, key, attempt, outcomes).await
                {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(grace, all).await;
    }

    fn publish(&self) {
        let lines = &self.lines;
        self.status.send_if_modified(|status| {
            let first = lines.problems().min_by_key(|(.., since)| *since);
            let newer = Status {
                waiting: lines.len(),
                oldest: lines.oldest(),
                problem: first.map(|(_, problem, why, since)| (problem, why.to_owned(), since)),
                full: lines.full().cloned().collect(),
                last_error: lines.last_error().cloned(),
                next_try: lines.next_start(),
                delivered: status.delivered,
                refused: status.refused,
            };
            let changed = *status != newer;
            *status = newer;
            changed
        });
    }
}

type Tried = (Line, Key, Attempt);

fn finished_try(finished: Result<Tried, tokio::task::JoinError>) -> Action {
    match finished {
        Ok((line, key, attempt)) => Action::Finished(line, key, attempt),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Action::Wake,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::VirtualClock;
    use crate::outbox::{DirectoryTransport, tests::mail};
    use std::fs;

    struct Running {
        clock: VirtualClock,
        reroute: watch::Sender<Way>,
        deliveries: mpsc::Sender<Delivery>,
        outcomes: mpsc::Receiver<Outcome>,
        status: watch::Receiver<Status>,
        stop: CancellationToken,
        task: tokio::task::JoinHandle<()>,
    }

    fn start(directory: &std::path::Path) -> Running {
        let clock = VirtualClock::new("2026-03-02T05:00:04Z".parse().unwrap());
        let transport = Arc::new(DirectoryTransport::new(directory));
        let sender = Sender::new("evidenced@example.com", "prod").unwrap();
        let (reroute, way) = watch::channel(Way { transport, sender, webhooks: Arc::default() });
        let outbox = Outbox::new(way, Arc::new(clock.clone()), Policy::default());
        let status = outbox.status();
        let (deliveries, incoming) = mpsc::channel(8);
        let (done, outcomes) = mpsc::channel(8);
        let stop = CancellationToken::new();
        let task = tokio::spawn(outbox.run(incoming, done, stop.clone()));
        Running { clock, reroute, deliveries, outcomes, status, stop, task }
    }

    fn delivery(running: &Running, alert: u64) -> Delivery {
        let key = Key { alert, delivery: 0 };
        Delivery {
            key,
            to: Destination::Address("a@example.com".into()),
            mail: Arc::new(mail()),
            queued: running.clock.now(),
        }
    }

    #[tokio::test]
    async fn two_days_without_a_way_out_delay_mail_and_lose_none() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("mail");
        // A file where the folder should be: no mail can be written.
        fs::write(&folder, "").unwrap();
        let mut running = start(&folder);
        for alert in 1..=5 {
            running.deliveries.send(delivery(&running, alert)).await.unwrap();
        }
        let stuck = |status: &Status| status.waiting == 5 && status.problem.is_some() && status.next_try.is_some();
        let queued = running.clock.now();
        while running.clock.now().since(queued) < Duration::from_secs(2 * 86_400) {
            let status = running.status.wait_for(stuck).await.unwrap().clone();
            let next = status.next_try.unwrap();
            assert!(next.since(running.clock.now()) <= Duration::from_secs(900));
            running.clock.advance(next.since(running.clock.now()));
            running.status.wait_for(|status| status.next_try.is_none_or(|later| later > next)).await.unwrap();
        }
        // What is still being tried must have failed before there is a way out.
        let status = running.status.wait_for(stuck).await.unwrap().clone();
        assert_eq!(status.problem.unwrap().0, Problem::Directory);
        assert_eq!(status.oldest, Some(queued));

        fs::remove_file(&folder).unwrap();
        running.clock.advance(Duration::from_secs(900));
        let mut alerts: Vec<_> = Vec::new();
        for _ in 0..5 {
            let outcome = running.outcomes.recv().await.unwrap();
            assert_eq!(outcome.end, End::Delivered);
            alerts.push(outcome.key.alert);
        }
        alerts.sort_unstable();
        assert_eq!(alerts, [1, 2, 3, 4, 5]);
        for file in fs::read_dir(&folder).unwrap() {
            let bytes = fs::read_to_string(file.unwrap().path()).unwrap();
            assert!(bytes.contains("X-Evidenced-Delayed: "), "{bytes}");
        }
        let status = running.status.wait_for(|status| status.waiting == 0).await.unwrap().clone();
        assert_eq!((status.problem, status.delivered, status.refused), (None, 5, 0));
        drop(running.deliveries);
        running.task.await.unwrap();
    }

    #[tokio::test]
    async fn another_way_takes_what_waits_at_once() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("mail");
        fs::write(&folder, "").unwrap();
        let mut running = start(&folder);
        running.deliveries.send(delivery(&running, 1)).await.unwrap();
        running.deliveries.send(delivery(&running, 2)).await.unwrap();
        // The time stands still: nobody would try again.
        running.status.wait_for(|status| status.waiting == 2 && status.next_try.is_some()).await.unwrap();
        let other = place.path().join("other");
        let sender = Sender::new("controls@example.com", "prod").unwrap();
        let webhooks = Arc::default();
        running.reroute.send_replace(Way { transport: Arc::new(DirectoryTransport::new(&other)), sender, webhooks });
        for _ in 0..2 {
            assert_eq!(running.outcomes.recv().await.unwrap().end, End::Delivered);
        }
        let files: Vec<_> = fs::read_dir(&other).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files.len(), 2);
        assert!(files.iter().all(|file| fs::read_to_string(file).unwrap().contains("controls@example.com")));
    }

    #[tokio::test]
    async fn an_address_that_is_none_becomes_a_dead_letter() {
        let place = tempfile::tempdir().unwrap();
        let mut running = start(place.path());
        let wrong = Delivery { to: Destination::Address("nobody".into()), ..delivery(&running, 7) };
        running.deliveries.send(wrong).await.unwrap();
        let outcome = running.outcomes.recv().await.unwrap();
        assert_eq!(outcome.attempts, 1);
        assert!(matches!(outcome.end, End::Refused { code: 553, .. }), "{outcome:?}");
        assert_eq!(running.status.wait_for(|status| status.refused == 1).await.unwrap().waiting, 0);
        running.stop.cancel();
        running.task.await.unwrap();
    }
}
