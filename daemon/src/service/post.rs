//! The way of a queued mail: from the folded state to the outbox, and from its outcome back to the recorder.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Service, open};
use crate::{
    caller::{Caller, CallerError, CallerSettings},
    clock::Clock,
    config::{Config, MailTls, Recipient, Smtp, Transport as TransportConfig, Webhook},
    domain::Event,
    fold::{Pending, State},
    gate,
    ledger::{Ledger, Store},
    mail::Mail,
    outbox::{
        Delivery, Destination, DirectoryTransport, End, Key, Line, Login, Outbox, OutboxError, Outcome, Policy, Sender,
        SmtpSettings, SmtpTransport, Status, Timeouts, Tls, Transport, Way, WebhookSettings, Webhooks,
    },
    recorder::{Fact, Handle, RecorderError},
};

/// Deliveries between the state and the outbox; when it is full the courier waits, and nobody else does.
pub(super) const DELIVERIES_WAITING_MAX: usize = 256;

/// Outcomes that wait to be recorded; when it is full the outbox waits.
pub(super) const OUTCOMES_WAITING_MAX: usize = 256;

/// By what mail leaves, as a configuration asks for it.
pub(super) fn way(config: &Config, caller: &Arc<Caller>) -> Result<Way, OutboxError> {
    let transport: Arc<dyn Transport> = match &config.mail.transport {
        TransportConfig::Directory(folder) => Arc::new(DirectoryTransport::new(folder.clone())),
        TransportConfig::Smtp(smtp) => Arc::new(smtp_transport(config, smtp)?),
    };
    let sender = Sender::new(config.mail.from.as_str(), &config.instance)?;
    Ok(Way { transport, sender, webhooks: Arc::new(Webhooks::new(caller, webhooks(config))) })
}

fn webhooks(config: &Config) -> impl Iterator<Item = WebhookSettings> + '_ {
    let of = |recipient: &'_ Recipient| {
        let named = recipient.webhook_names().map(|(name, _)| name).zip(recipient.webhooks.clone());
        let settings =
            named.map(|(name, Webhook { kind, url, secret, .. })| WebhookSettings { name, kind, url, secret });
        settings.collect::<Vec<_>>()
    };
    config.recipients.iter().flat_map(of)
}

/// What the daemon itself calls by.
pub(super) fn caller(config: &Config, clock: &Arc<dyn Clock>) -> Result<Arc<Caller>, CallerError> {
    let gate::GateSettings { proxy, ca, now, .. } = open::gate_settings(config, clock);
    Caller::new(CallerSettings { proxy, ca, now }).map(Arc::new)
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

/// Brings each queued mail to the outbox once, by each of its ways.
pub(super) struct Courier {
    ledger: Arc<Ledger<State>>,
    outbox: mpsc::Sender<Delivery>,
    status: watch::Receiver<Status>,
    /// The first alert that was not brought yet.
    next: u64,
    /// Ways that were full, and the first alert that was not brought for each.
    behind: BTreeMap<Line, u64>,
    brought: u64,
}

impl Courier {
    pub(super) fn new(
        ledger: Arc<Ledger<State>>,
        outbox: mpsc::Sender<Delivery>,
        status: watch::Receiver<Status>,
    ) -> Self {
        Self { ledger, outbox, status, next: 0, behind: BTreeMap::new(), brought: 0 }
    }

    /// Brings what has been queued since the last time; and, for a way that was full and is no more, what was left out.
    /// Ends early when the outbox is gone.
    pub(super) async fn bring(&mut self) {
        for (line, from) in std::mem::take(&mut self.behind) {
            if !self.bring_between(from, self.next, Some(&line)).await {
                return;
            }
        }
        let end = self.ledger.state().outbox().last_key_value().map_or(self.next, |(newest, _)| newest + 1);
        let from = self.next;
        self.next = end.max(from);
        self.bring_between(from, end, None).await;
    }

    /// Of the alerts in between what goes by this way, or by all. Whether the outbox is still there.
    async fn bring_between(&mut self, from: u64, until: u64, only: Option<&Line>) -> bool {
        let waiting: Vec<_> = {
            let state = self.ledger.state();
            state.outbox().range(from..until.max(from)).map(|(alert, pending)| (*alert, pending.clone())).collect()
        };
        for (alert, pending) in waiting {
            let Some(mail) = self.mail(alert, &pending) else { continue };
            for delivery in pending.waiting() {
                let Some(to) = Destination::of(&mail, delivery) else { continue };
                let line = to.line();
                if only.is_some_and(|only| *only != line) {
                    continue;
                }
                // The order is kept: once something was left out, so is what comes after it.
                if self.behind.contains_key(&line) || self.status.borrow().full.contains(&line) {
                    self.behind.entry(line).or_insert(alert);
                    continue;
                }
                let key = Key { alert, delivery };
                let delivery = Delivery { key, to, mail: Arc::clone(&mail), queued: pending.queued };
                self.brought += 1;
                if self.outbox.send(delivery).await.is_err() {
                    return false;
                }
            }
        }
        true
    }

    fn mail(&self, alert: u64, pending: &Pending) -> Option<Arc<Mail>> {
        let mail = match self.ledger.part(&pending.mail) {
            Ok(Some(bytes)) => Mail::from_part(&bytes).map_err(|error| error.to_string()),
            Ok(None) => Err("its part was erased".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        match mail {
            Ok(mail) => Some(Arc::new(mail)),
            Err(why) => {
                tracing::error!(alert, why, "a mail that waits cannot be read, and is not sent");
                None
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
            tracing::error!(alert, delivery, code, why, "a mail, or what goes to a webhook, was refused for good");
            Event::DeliveryRefused { alert, delivery, attempts, code }
        }
    }
}
