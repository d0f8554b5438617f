//! The way of a queued mail: from the folded state to the outbox, and from its outcome back to the recorder.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::Service;
use crate::{
    clock::Clock,
    config::{Config, MailTls, Smtp, Transport as TransportConfig},
    domain::Event,
    fold::State,
    ledger::{Ledger, Store},
    mail::Mail,
    outbox::{
        Delivery, DirectoryTransport, End, Key, Login, Outbox, OutboxError, Outcome, Policy, Sender, SmtpSettings,
        SmtpTransport, Timeouts, Tls, Transport, Way,
    },
    recorder::{Fact, Handle, RecorderError},
};

/// Deliveries between the state and the outbox; when it is full the courier waits, and nobody else does.
pub(super) const DELIVERIES_WAITING_MAX: usize = 256;

/// Outcomes that wait to be recorded; when it is full the outbox waits.
pub(super) const OUTCOMES_WAITING_MAX: usize = 256;

/// By what mail leaves, as a configuration asks for it.
pub(super) fn way(config: &Config) -> Result<Way, OutboxError> {
    let transport: Arc<dyn Transport> = match &config.mail.transport {
        TransportConfig::Directory(folder) => Arc::new(DirectoryTransport::new(folder.clone())),
        TransportConfig::Smtp(smtp) => Arc::new(smtp_transport(config, smtp)?),
    };
    let sender = Sender::new(config.mail.from.as_str(), &config.instance)?;
    Ok(Way { transport, sender })
}

/// Whether the same way is asked for.
pub(super) fn is_same_way(config: &Config, other: &Config) -> bool {
    let asked = |config: &Config| (config.mail.clone(), config.instance.clone(), config.network.ca.clone());
    asked(config) == asked(other)
}

/// The outbox of a service.
pub(super) fn outbox(service: &Service, clock: Arc<dyn Clock>) -> Outbox {
    Outbox::new(service.mail_way.subscribe(), clock, Policy::default())
}

/// The way to the mail server.
pub(super) fn smtp_transport(config: &Config, smtp: &Smtp) -> Result<SmtpTransport, OutboxError> {
    SmtpTransport::new(SmtpSettings {
        host: smtp.host.clone(),
        port: smtp.port,
        tls: match smtp.tls {
            MailTls::Starttls => Tls::Starttls,
            MailTls::Implicit => Tls::Implicit,
            MailTls::None => Tls::None,
        },
        login: smtp
            .login
            .as_ref()
            .map(|login| Login { username: login.username.clone(), password: login.password.clone() }),
        from: config.mail.from.to_string(),
        roots: config.network.ca.clone(),
        timeouts: Timeouts::default(),
    })
}

/// Brings each queued mail to the outbox once.
pub(super) struct Courier {
    ledger: Arc<Ledger<State>>,
    outbox: mpsc::Sender<Delivery>,
    /// The first alert that was not brought yet.
    next: u64,
    brought: u64,
}

impl Courier {
    pub(super) const fn new(ledger: Arc<Ledger<State>>, outbox: mpsc::Sender<Delivery>) -> Self {
        Self { ledger, outbox, next: 0, brought: 0 }
    }

    /// Brings what has been queued since the last time. Ends early when the outbox is gone.
    pub(super) async fn bring(&mut self) {
        let waiting: Vec<_> = {
            let state = self.ledger.state();
            state.outbox().range(self.next..).map(|(alert, pending)| (*alert, pending.clone())).collect()
        };
        for (alert, pending) in waiting {
            self.next = alert + 1;
            let mail = match self.ledger.part(&pending.mail) {
                Ok(Some(bytes)) => Mail::from_part(&bytes).map_err(|error| error.to_string()),
                Ok(None) => Err("its part was erased".to_owned()),
                Err(error) => Err(error.to_string()),
            };
            let mail = match mail {
                Ok(mail) => Arc::new(mail),
                Err(why) => {
                    tracing::error!(alert, why, "a mail that waits cannot be read, and is not sent");
                    continue;
                }
            };
            for delivery in pending.waiting() {
                let Some(to) = mail.to.get(delivery as usize) else { continue };
                let delivery = Delivery {
                    key: Key { alert, delivery },
                    to: to.clone(),
                    mail: Arc::clone(&mail),
                    queued: pending.queued,
                };
                self.brought += 1;
                if self.outbox.send(delivery).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Deliveries that were brought so far.
    pub(super) const fn brought(&self) -> u64 {
        self.brought
    }

    /// Brings after every commit, until the token is cancelled or nobody commits any more.
    pub(super) async fn keep_bringing(mut self, mut committed: watch::Receiver<u64>, stop: CancellationToken) {
        loop {
            self.bring().await;
            let changed = tokio::select! {
                () = stop.cancelled() => return,
                changed = committed.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
        }
    }
}

/// Records what became of deliveries, until the outbox is gone.
pub(super) async fn keep_recording(
    mut outcomes: mpsc::Receiver<Outcome>,
    recorder: Handle,
) -> Result<(), RecorderError> {
    while let Some(outcome) = outcomes.recv().await {
        record(outcome, &recorder).await?;
    }
    Ok(())
}

pub(super) async fn record(outcome: Outcome, recorder: &Handle) -> Result<(), RecorderError> {
    recorder.record(Fact::Event(event(outcome))).await.map(|_| ())
}

fn event(outcome: Outcome) -> Event {
    let Outcome { key: Key { alert, delivery }, attempts, end } = outcome;
    match end {
        End::Delivered => Event::Delivered { alert, delivery, attempts },
        End::Refused { code, why } => {
            tracing::error!(alert, delivery, code, why, "a mail was refused for good");
            Event::DeliveryRefused { alert, delivery, attempts, code }
        }
    }
}
