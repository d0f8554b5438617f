use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::domain::{
    AlertCause, ControlId, Detail, Digest, ExceptionId, HeldAlert, HoldReason, RecipientId, Severity, Timestamp,
};

/// A mail that some address or webhook has not got yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    pub cause: AlertCause,
    pub control: Option<ControlId>,
    pub exception: Option<ExceptionId>,
    /// Part: the rendered mail and its envelope addresses.
    pub mail: Digest,
    pub queued: Timestamp,
    /// The entry that queued it.
    pub sequence: u64,
    /// By number of delivery.
    pub deliveries: Vec<DeliveryState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    Waiting,
    Delivered,
    Refused,
}

/// A mail, or what goes to a webhook, that a server refused for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    pub cause: AlertCause,
    pub control: Option<ControlId>,
    pub mail: Digest,
    pub queued: Timestamp,
    pub refused: Timestamp,
    pub attempts: u32,
    /// SMTP reply code, or HTTP status of a webhook.
    pub code: u16,
}

/// A summary that some addresses have got: it carries a checkpoint, which is then in hands other than ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentSummary {
    /// Part: the rendered mail and its envelope addresses.
    pub mail: Digest,
    /// When each delivery was taken by its mail server, by number.
    pub delivered: BTreeMap<u32, Timestamp>,
}

impl Pending {
    /// Deliveries still to be tried.
    pub fn waiting(&self) -> impl Iterator<Item = u32> + '_ {
        let waits = |(number, state): (usize, &DeliveryState)| {
            (*state == DeliveryState::Waiting).then(|| u32::try_from(number).unwrap_or(u32::MAX))
        };
        self.deliveries.iter().enumerate().filter_map(waits)
    }

    pub(super) fn settle(&mut self, delivery: u32, state: DeliveryState) {
        if let Some(slot) = self.deliveries.get_mut(delivery as usize) {
            *slot = state;
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.waiting().next().is_none()
    }
}

/// What one reader has got lately; times are oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// When the newest alerts for them came up, told or held.
    pub raised: Vec<Timestamp>,
    /// When the newest mails that tell alerts were queued for them.
    pub mailed: Vec<Timestamp>,
}

impl Mailbox {
    /// No rule may look back over more.
    pub const KEPT: usize = 128;

    pub fn raise(&mut self, at: Timestamp) {
        keep(&mut self.raised, at);
    }

    pub fn mail(&mut self, at: Timestamp) {
        keep(&mut self.mailed, at);
    }
}

fn keep(times: &mut Vec<Timestamp>, at: Timestamp) {
    if times.len() == Mailbox::KEPT {
        times.remove(0);
    }
    times.push(at);
}

/// An alert that waits to be told, by those who wait for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub cause: AlertCause,
    pub control: Option<ControlId>,
    pub exception: Option<ExceptionId>,
    pub severity: Severity,
    pub recipients: Vec<RecipientId>,
    pub detail: Detail,
    pub why: HoldReason,
    pub until: Timestamp,
    /// Part: the letter.
    pub letter: Digest,
    pub raised: Timestamp,
}

impl Held {
    pub fn new(held: &HeldAlert, raised: Timestamp) -> Self {
        let HeldAlert { held: _, cause, control, exception, severity, recipients, detail, why, until, letter } = held;
        Self {
            cause: *cause,
            control: control.clone(),
            exception: *exception,
            severity: *severity,
            recipients: recipients.clone(),
            detail: *detail,
            why: *why,
            until: *until,
            letter: *letter,
            raised,
        }
    }
}
