//! Delivers what waits, for as long as it takes.
//!
//! In: rendered mails with one delivery per address and webhook. Out: delivered, to be tried again, or refused for good.
//! Must not know: why a mail was written.
//!
//! The ledger is the durable queue; this room holds what it was given in memory and may be stopped at any time.
//! What it reports ([`Outcome`]) becomes an entry; until then the same delivery is given again at the next start, so
//! that a mail arrives at least once, and twice with the same Message-ID.
//!
//! Each way (the mail server, every webhook) has a [`queue`], which decides what is tried when (pure): one that is closed
//! holds up no other ([`lines`]). [`task`] does it; [`message`] makes the bytes of a mail, [`smtp`] and [`directory`]
//! take them away; [`webhook`] posts what was rendered for it, signed ([`sign`]).

mod directory;
mod lines;
mod message;
mod one_line;
mod queue;
mod retry;
mod sign;
mod smtp;
mod task;
mod webhook;

use std::{future::Future, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use crate::{
    caller::CallerError,
    domain::{Timestamp, WebhookName},
    mail::Mail,
};

pub use directory::DirectoryTransport;
pub use lines::Lines;
pub use message::{MessageError, Sender};
pub use queue::{Policy, Queue};
pub use retry::retry_delay;
pub use sign::is_signing_key;
pub use smtp::{Login, SmtpSettings, SmtpTransport, Stopped, Timeouts, Tls};
pub use task::{Outbox, Status, Way};
pub use webhook::{WebhookSettings, Webhooks};

/// One mail to one address, or what was rendered beside it to one webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    pub key: Key,
    pub to: Destination,
    pub mail: Arc<Mail>,
    /// When the alert was queued; later than an hour after it, the mail says that it was delayed.
    pub queued: Timestamp,
}

/// Where a delivery goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    /// A mail address, `local@domain`.
    Address(String),
    /// A webhook, and the place of what it gets among those of the mail.
    Webhook(WebhookName, usize),
}

impl Destination {
    /// That of the mail's delivery of this number: first come its addresses, then its webhooks.
    pub fn of(mail: &Mail, delivery: u32) -> Option<Self> {
        let number = delivery as usize;
        match number.checked_sub(mail.to.len()) {
            None => Some(Self::Address(mail.to.get(number)?.clone())),
            Some(place) => Some(Self::Webhook(mail.webhooks.get(place)?.to.clone(), place)),
        }
    }

    /// The way that leads there.
    pub fn line(&self) -> Line {
        match self {
            Self::Address(_) => Line::Mail,
            Self::Webhook(name, _) => Line::Webhook(name.clone()),
        }
    }
}

/// One way out: what stops it stops no other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Line {
    Mail,
    Webhook(WebhookName),
}

impl Line {
    /// As logs have it: `mail`, `webhook platform/slack`.
    fn words(&self) -> String {
        match self {
            Self::Mail => "mail".to_owned(),
            Self::Webhook(name) => format!("webhook {name}"),
        }
    }
}

/// Which delivery: the alert's number over the whole ledger, and the place of its destination in the alert's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub alert: u64,
    pub delivery: u32,
}

/// A delivery that has ended; the recorder makes an entry of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub key: Key,
    /// Tries since the outbox was started, this one included.
    pub attempts: u32,
    pub end: End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Delivered,
    /// A dead letter: the server will never take it.
    Refused {
        /// SMTP reply code, or HTTP status.
        code: u16,
        why: String,
    },
}

/// What became of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    Delivered,
    /// This mail was not taken this time; others may be (greylisting, a full mailbox, a broken connection).
    Later {
        why: String,
    },
    /// No mail can be taken at present; trying the others would tell nothing new.
    Stopped {
        problem: Problem,
        why: String,
    },
    /// Nothing can be taken at present, and the server says when to come back.
    Busy {
        why: String,
        after: Duration,
    },
    /// Refused for good: SMTP 5xx for this address or this mail, HTTP 4xx.
    Refused {
        code: u16,
        why: String,
    },
}

/// Why nothing goes out: a matter for whoever runs the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Problem {
    /// No connection, no greeting, or a server that says "not now" to everybody.
    Unreachable,
    /// The certificate is not trusted, or the handshake failed.
    Tls,
    /// The server offers no STARTTLS; mail is never sent in clear instead.
    NoStarttls,
    /// The login was refused, is missing, or its secret cannot be read.
    Login,
    /// The server does not take mail from this sender.
    Sender,
    /// The folder cannot be written.
    Directory,
    /// The server has too much to do, or is being mended.
    Busy,
    /// The secret or the secret URL of a webhook cannot be read, or is none.
    Secret,
}

impl Problem {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::NoStarttls => "no-starttls",
            Self::Login => "login",
            Self::Sender => "sender",
            Self::Directory => "directory",
            Self::Busy => "busy",
            Self::Secret => "secret",
        }
    }
}

/// A mail as it goes out this time.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub delivery: Delivery,
    /// The one address that it goes to.
    pub address: String,
    /// The whole message, RFC 5322, with CRLF.
    pub bytes: Arc<[u8]>,
}

/// The answer of a [`Transport`].
pub type Trying<'a> = Pin<Box<dyn Future<Output = Attempt> + Send + 'a>>;

/// A way out. It never waits longer than its own time-outs, and may be called side by side.
pub trait Transport: Send + Sync + 'static {
    fn deliver(&self, mail: Outgoing) -> Trying<'_>;
}

/// A wrong setting: found when the outbox is made, not when a mail is due.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    #[error("`{0}` is not a mail address")]
    Address(String),
    #[error("mail without TLS is allowed only to this machine; `{0}` is another: use `starttls` or `implicit`")]
    Clear(String),
    #[error("the certificates in {} cannot be read", path.display())]
    Roots { path: PathBuf, source: std::io::Error },
    #[error("the certificates in {} are not PEM", .0.display())]
    RootsForm(PathBuf),
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    #[error("webhooks cannot be called")]
    Caller(#[from] CallerError),
}

/// Later than this after it was queued, a mail says that it was delayed.
const DELAYED_AFTER: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use crate::domain::{MissedReason, Timestamp};
    use crate::mail::{GapFacts, Letter, Letterhead, Mail, Posting, compose};

    /// A small mail as people get it.
    pub(super) fn mail() -> Mail {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let letter = Letter::MonitoringGap(GapFacts {
            from: at("2026-03-03T01:00:00Z"),
            to: at("2026-03-03T03:10:00Z"),
            reason: MissedReason::Down,
            missed: Vec::new(),
            caught_up: 0,
            checkpoint: None,
        });
        let head = Letterhead {
            organization: "Example AI".into(),
            instance: "prod".into(),
            zone: jiff::tz::TimeZone::get("Europe/Berlin").unwrap(),
            page: None,
            detail: crate::domain::Detail::Full,
        };
        let posting = Posting {
            origin: "example.com/evidenced".into(),
            alert: 42,
            queued: at("2026-03-02T05:00:04Z"),
            to: vec!["compliance@example.com".into()],
            thread: Vec::new(),
        };
        compose(&letter, &head, &posting)
    }
}
