//! The daemon driven turn by turn: a year passes in seconds under a virtual clock.
//!
//! Each turn lets everything that is due at one moment come to its end (runs, mails, what time decides) before the
//! clock goes on, so that the same story gives the same ledger.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{LiveError, Service, post};
use crate::{
    clock::{Clock as _, VirtualClock},
    desk::{Asked, Desk, Line, Question},
    domain::Timestamp,
    ledger::Store,
    outbox::{Outcome, Status},
    recorder::Author,
    routing::next_due,
};

/// What time alone decides is looked at this often.
const TURN_TICK: Duration = Duration::from_secs(900);
/// The same while the clock is in doubt: how long it has been right again is seen no better than this.
const DOUBTFUL_TICK: Duration = Duration::from_secs(60);

/// Lines of an answer that wait until somebody reads them.
const LINES_MAX: usize = 64;

/// The outbox of a driven daemon, and the way to it and back; and its desk.
pub struct Turns {
    /// What moves the time on. The daemon's own clock may say otherwise.
    truth: VirtualClock,
    courier: post::Courier,
    outcomes: mpsc::Receiver<Outcome>,
    recorded: u64,
    status: watch::Receiver<Status>,
    stop: CancellationToken,
    outbox: JoinHandle<()>,
    next_tick: Timestamp,
    desk: Arc<Desk>,
    asked: mpsc::Receiver<Asked>,
}

impl Turns {
    /// `truth` is what the clock of the service goes by, if it is not that clock itself.
    pub fn new(service: &Service, truth: &VirtualClock) -> Self {
        let outbox = post::outbox(service, Arc::clone(&service.clock));
        let status = outbox.status();
        let (deliveries, incoming) = mpsc::channel(post::DELIVERIES_WAITING_MAX);
        let (ended, outcomes) = mpsc::channel(post::OUTCOMES_WAITING_MAX);
        let stop = CancellationToken::new();
        let outbox = tokio::spawn(outbox.run(incoming, ended, stop.clone()));
        let courier = post::Courier::new(Arc::clone(service.ledger()), deliveries, status.clone());
        let (desk, asked) = service.desk();
        let next_tick = service.clock.now();
        Self { truth: truth.clone(), courier, outcomes, recorded: 0, status, stop, outbox, next_tick, desk, asked }
    }

    /// Lives until `end` of the true time; `seen` is told the daemon's time of every turn.
    pub async fn until(
        &mut self,
        service: &mut Service,
        end: Timestamp,
        seen: &mut dyn FnMut(Timestamp),
    ) -> Result<(), LiveError> {
        loop {
            if service.observe_clock().await? {
                self.next_tick = service.clock.now();
            }
            let now = service.clock.now();
            service.watch_disk().await?;
            service.fire().await?;
            while let Some(ended) = service.next_ended().await {
                ended?;
            }
            if now >= self.next_tick {
                service.tick().await?;
                service.account_for_disabled().await?;
                self.next_tick = now.plus(TURN_TICK);
            }
            self.settle_mail(service).await?;
            seen(now);
            let left = end.since(self.truth.now());
            if left.is_zero() {
                return Ok(());
            }
            let mail = self.status.borrow().next_try;
            let held = next_due(service.ledger().state().held().values());
            self.next_tick = held.map_or(self.next_tick, |due| self.next_tick.min(due.max(now)));
            let doubtful = service.clock.doubt().map(|_| now.plus(DOUBTFUL_TICK));
            let next = [service.firing.next_deadline(), mail, Some(self.next_tick), doubtful];
            let wait = next.into_iter().flatten().min().map_or(left, |next| next.since(now));
            self.truth.advance(wait.min(left));
        }
    }

    /// Reads the files of the configuration again, as at a signal, and goes on with what they say.
    pub async fn reload(&mut self, service: &mut Service, file: &Path) -> Result<(), LiveError> {
        let reread = service.read_again(file).await.map_err(|_| LiveError::Task("reading the configuration"))?;
        service.take_up(reread, &self.desk).await?;
        Ok(())
    }

    /// A person asks something; the lines of the answer.
    pub async fn ask(
        &mut self,
        service: &mut Service,
        author: &Author,
        question: Question,
    ) -> Result<Vec<Line>, LiveError> {
        let (lines, mut answer) = mpsc::channel(LINES_MAX);
        let (desk, author) = (Arc::clone(&self.desk), author.clone());
        let answering = async move { desk.answer(&author, question, lines).await };
        tokio::pin!(answering);
        let (mut answered, mut is_answered) = (Vec::new(), false);
        loop {
            let runs = service.firing.has_runs();
            tokio::select! {
                line = answer.recv() => match line {
                    Some(line) => answered.push(line),
                    None => return Ok(answered),
                },
                () = &mut answering, if !is_answered => is_answered = true,
                Some(asked) = self.asked.recv() => service.ask(asked).await,
                Some(ended) = service.next_ended(), if runs => ended?,
            }
        }
    }

    /// Waits until every mail that can go out now is out, and recorded.
    async fn settle_mail(&mut self, service: &Service) -> Result<(), LiveError> {
        loop {
            self.courier.bring().await;
            let status = self.status.borrow_and_update().clone();
            let ended = status.delivered + status.refused;
            let is_known = ended + status.waiting as u64 == self.courier.brought() && ended == self.recorded;
            let waits = status.waiting == 0 || status.next_try.is_some_and(|next| next > service.clock.now());
            if is_known && waits {
                return Ok(());
            }
            tokio::select! {
                Some(outcome) = self.outcomes.recv() => {
                    post::record(outcome, service.recorder()).await?;
                    self.recorded += 1;
                }
                changed = self.status.changed() => changed.map_err(|_| LiveError::Task("outbox"))?,
            }
        }
    }

    /// Ends the outbox; what waits is tried again at the next start.
    pub async fn stop(self) -> Result<(), LiveError> {
        self.stop.cancel();
        self.outbox.await.map_err(|_| LiveError::Task("outbox"))
    }
}
