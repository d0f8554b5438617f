//! The daemon driven turn by turn: a year passes in seconds under a virtual clock.
//!
//! Each turn lets everything that is due at one moment come to its end (runs, mails, what time decides) before the
//! clock goes on, so that the same story gives the same ledger.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{LiveError, Service, post};
use crate::{
    clock::{Clock, VirtualClock},
    domain::Timestamp,
    ledger::Store,
    outbox::{Outcome, Status},
    routing::next_due,
};

/// What time alone decides is looked at this often.
const TURN_TICK: Duration = Duration::from_secs(900);

/// The outbox of a driven daemon, and the way to it and back.
pub struct Turns {
    clock: VirtualClock,
    courier: post::Courier,
    outcomes: mpsc::Receiver<Outcome>,
    recorded: u64,
    status: watch::Receiver<Status>,
    stop: CancellationToken,
    outbox: JoinHandle<()>,
    next_tick: Timestamp,
}

impl Turns {
    pub fn new(service: &Service, clock: &VirtualClock) -> Self {
        let outbox = post::outbox(service, Arc::new(clock.clone()));
        let status = outbox.status();
        let (deliveries, incoming) = mpsc::channel(post::DELIVERIES_WAITING_MAX);
        let (ended, outcomes) = mpsc::channel(post::OUTCOMES_WAITING_MAX);
        let stop = CancellationToken::new();
        let outbox = tokio::spawn(outbox.run(incoming, ended, stop.clone()));
        let courier = post::Courier::new(Arc::clone(service.ledger()), deliveries, status.clone());
        Self { clock: clock.clone(), courier, outcomes, recorded: 0, status, stop, outbox, next_tick: clock.now() }
    }

    /// Lives until `end`; `seen` is told the time of every turn.
    pub async fn until(
        &mut self,
        service: &mut Service,
        end: Timestamp,
        seen: &mut dyn FnMut(Timestamp),
    ) -> Result<(), LiveError> {
        loop {
            let now = self.clock.now();
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
            if now >= end {
                return Ok(());
            }
            let mail = self.status.borrow().next_try;
            let held = next_due(service.ledger().state().held().values());
            self.next_tick = held.map_or(self.next_tick, |due| self.next_tick.min(due.max(now)));
            let next = [service.firing.next_deadline(), mail, Some(self.next_tick), Some(end)];
            let next = next.into_iter().flatten().min().unwrap_or(end);
            self.clock.advance_to(next.max(now));
        }
    }

    /// Waits until every mail that can go out now is out, and recorded.
    async fn settle_mail(&mut self, service: &Service) -> Result<(), LiveError> {
        loop {
            self.courier.bring().await;
            let status = self.status.borrow_and_update().clone();
            let ended = status.delivered + status.refused;
            let is_known = ended + status.waiting as u64 == self.courier.brought() && ended == self.recorded;
            let waits = status.waiting == 0 || status.next_try.is_some_and(|next| next > self.clock.now());
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
