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

/// Alerts that are taken out of the state at once.
const AT_ONCE: usize = 64;

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
    Caller::new(caller_settings(config, clock)).map(Arc::new)
}

/// By what way the daemon itself calls out, and a command that does so for it.
pub fn caller_settings(config: &Config, clock: &Arc<dyn Clock>) -> CallerSettings {
    let gate::GateSettings { proxy, ca, now, .. } = open::gate_settings(config, clock);
    CallerSettings { proxy, ca, now }
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
    /// Mails that were read to be brought, or to see by which ways they go.
    looked_at: u64,
}

impl Courier {
    pub(super) fn new(
        ledger: Arc<Ledger<State>>,
        outbox: mpsc::Sender<Delivery>,
        status: watch::Receiver<Status>,
    ) -> Self {
        Self { ledger, outbox, status, next: 0, behind: BTreeMap::new(), brought: 0, looked_at: 0 }
    }

    /// Brings what has been queued since the last time; and, for a way that was full and is no more, what was left out.
    /// Ends early when the outbox is gone.
    pub(super) async fn bring(&mut self) {
        for (line, from) in std::mem::take(&mut self.behind) {
            // Nothing is read for a way that takes nothing: each commit asks again.
            if self.status.borrow().full.contains(&line) {
                self.behind.insert(line, from);
                continue;
            }
            if !self.bring_between(from, self.next, Some(&line)).await {
                return;
            }
        }
        let end = self.ledger.state().outbox().last_key_value().map_or(self.next, |(newest, _)| newest + 1);
        let from = self.next;
        self.next = end.max(from);
        self.bring_between(from, end, None).await;
    }

    /// Of the alerts in between what goes by this way, as far as it takes it, or by all. Whether the outbox is still
    /// there.
    async fn bring_between(&mut self, mut from: u64, until: u64, only: Option<&Line>) -> bool {
        loop {
            let some: Vec<_> = {
                let state = self.ledger.state();
                let waiting = state.outbox().range(from..until.max(from)).take(AT_ONCE);
                waiting.map(|(alert, pending)| (*alert, pending.clone())).collect()
            };
            let Some((last, _)) = some.last() else { return true };
            from = last + 1;
            if !self.bring_some(some, only).await {
                return false;
            }
            if only.is_some_and(|only| self.behind.contains_key(only)) {
                // It is full again: what comes after waits in the ledger.
                return true;
            }
        }
    }

    async fn bring_some(&mut self, some: Vec<(u64, Pending)>, only: Option<&Line>) -> bool {
        for (alert, pending) in some {
            if only.is_some_and(|only| self.behind.contains_key(only)) {
                return true;
            }
            self.looked_at += 1;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{AlertCause, Entry, Timestamp, WebhookKind},
        ledger::{Batch, EvidenceClass, Options, Part},
        mail::{IncidentChange, Letterhead, Posted, Posting, note},
    };

    /// It has no address.
    fn empty_mail(alert: u64) -> Mail {
        let head = Letterhead {
            organization: "Example AI".to_owned(),
            instance: "test".to_owned(),
            zone: jiff::tz::TimeZone::UTC,
            page: None,
            detail: crate::domain::Detail::Full,
        };
        let queued = Timestamp::from_millis(1_772_000_000_000);
        let posting =
            Posting { origin: "example.com/test".to_owned(), alert, queued, to: Vec::new(), thread: Vec::new() };
        let exception = crate::domain::ExceptionId { year: 2026, number: 1 };
        note(&"SEC-01".parse().unwrap(), exception, IncidentChange::Over, &head, &posting)
    }

    /// A ledger with so many alerts, each for one webhook.
    fn ledger(folder: &std::path::Path, alerts: u64) -> Arc<Ledger<State>> {
        let ledger = Ledger::<State>::open(folder, Options::new("example.com/test")).unwrap();
        for alert in 0..alerts {
            let to = "ops/slack".parse().unwrap();
            let posted = Posted { to, kind: WebhookKind::Generic, body: "{}".to_owned(), incident: None };
            let mail = empty_mail(alert).with_webhooks(vec![posted]);
            let part = Part::new(&mail.to_part(), EvidenceClass::Record).unwrap();
            let queued = Event::AlertQueued {
                alert,
                cause: AlertCause::MonitoringGap,
                control: None,
                exception: None,
                mail: part.digest(),
                deliveries: 1,
                recipients: Vec::new(),
                tells: Vec::new(),
            };
            let entries = vec![Entry::new(Timestamp::from_millis(1_772_000_000_000), queued)];
            ledger.commit(Batch { entries, parts: vec![part], expect: Vec::new() }).unwrap();
        }
        Arc::new(ledger)
    }

    #[tokio::test]
    async fn of_what_a_full_way_left_out_no_more_is_read_than_it_takes() {
        let folder = tempfile::tempdir().unwrap();
        let alerts = 300;
        let (outbox, mut deliveries) = mpsc::channel(16);
        let slack = Line::Webhook("ops/slack".parse().unwrap());
        let status = |is_full: bool| {
            let full = is_full.then(|| slack.clone()).into_iter().collect();
            Status { full, ..Status::default() }
        };
        let (told, seen) = watch::channel(status(true));
        let mut courier = Courier::new(ledger(folder.path(), alerts), outbox, seen);
        courier.bring().await;
        assert_eq!((courier.brought(), courier.looked_at), (0, alerts), "each is looked at once");
        for _ in 0..50 {
            courier.bring().await;
        }
        assert_eq!((courier.brought(), courier.looked_at), (0, alerts), "a commit more costs nothing");
        // It takes some, is full again, and takes the rest, in order.
        told.send_replace(status(false));
        let mut taken = Vec::new();
        let some_go = async {
            for _ in 0..10 {
                taken.push(deliveries.recv().await.unwrap().key.alert);
            }
            told.send_replace(status(true));
        };
        tokio::join!(courier.bring(), some_go);
        let brought = courier.brought();
        assert!((10..=10 + 16 + 1).contains(&brought), "{brought}");
        assert!(courier.looked_at <= alerts + brought + 1, "{}", courier.looked_at);
        told.send_replace(status(false));
        let rest_goes = async {
            while taken.len() < usize::try_from(alerts).unwrap() {
                taken.push(deliveries.recv().await.unwrap().key.alert);
            }
        };
        tokio::join!(courier.bring(), rest_goes);
        assert_eq!(taken, (0..alerts).collect::<Vec<_>>());
    }
}
