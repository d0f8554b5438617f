use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::domain::{AlertCause, ControlId, Digest, ExceptionId, Timestamp};

/// A mail that some address has not got yet.
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

/// A mail that a server refused for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    pub cause: AlertCause,
    pub control: Option<ControlId>,
    pub mail: Digest,
    pub queued: Timestamp,
    pub refused: Timestamp,
    pub attempts: u32,
    /// SMTP reply code.
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
