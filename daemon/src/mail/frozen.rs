//! A rendered mail: what the ledger keeps as a part, and every try of its delivery sends.

use serde::{Deserialize, Serialize};

use super::Posted;
use crate::domain::ControlId;

/// Everything of a mail that never changes again. What differs between two tries (a header that says that it was
/// delayed, the address of the one recipient) is added around it when it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Version of this form.
    v: u32,
    /// The addresses that it goes to; delivery N goes to the N-th, alone.
    pub to: Vec<String>,
    /// What goes to webhooks; their deliveries are numbered behind those to addresses.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub webhooks: Vec<Posted>,
    /// One line without control characters.
    pub subject: String,
    pub text: String,
    pub html: String,
    /// With its angle brackets.
    pub message_id: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub in_reply_to: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub references: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub attachments: Vec<Attachment>,
    /// When it was queued, as RFC 5322, section 3.3 writes it.
    pub date: String,
    /// The same for people, in the zone of the mail.
    pub written: String,
    /// The control that it is about; file names show it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub control: Option<ControlId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub name: String,
    pub media_type: String,
    pub content: String,
}

#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("the part is not a rendered mail: {0}")]
    Malformed(#[source] serde_json::Error),
    #[error("a rendered mail of version {found}; this program knows up to {known}")]
    Newer { found: u32, known: u32 },
}

/// What a rendered mail is made from, in one place, so that its version is set in one place.
pub(super) struct Rendered {
    pub(super) to: Vec<String>,
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
    pub(super) message_id: String,
    pub(super) thread: Vec<String>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) date: String,
    pub(super) written: String,
    pub(super) control: Option<ControlId>,
}

impl Mail {
    const VERSION: u32 = 1;

    /// RFC 3834: nobody's out-of-office reply should answer it.
    pub const AUTO_SUBMITTED: &str = "auto-generated";

    pub(super) fn freeze(from: Rendered) -> Self {
        Self {
            v: Self::VERSION,
            to: from.to,
            webhooks: Vec::new(),
            subject: from.subject,
            text: from.text,
            html: from.html,
            message_id: from.message_id,
            in_reply_to: from.thread.first().cloned(),
            references: from.thread,
            attachments: from.attachments,
            date: from.date,
            written: from.written,
            control: from.control,
        }
    }

    /// With what goes to webhooks beside it.
    pub fn with_webhooks(self, webhooks: Vec<Posted>) -> Self {
        Self { webhooks, ..self }
    }

    /// How many deliveries it takes.
    pub const fn deliveries(&self) -> usize {
        self.to.len() + self.webhooks.len()
    }

    /// The bytes that the ledger keeps: canonical JSON (RFC 8785).
    pub fn to_part(&self) -> Vec<u8> {
        serde_json_canonicalizer::to_vec(self).expect("a mail is plain data with text keys")
    }

    /// # Errors
    /// If the bytes are not a mail, or one of a newer program.
    pub fn from_part(bytes: &[u8]) -> Result<Self, MailError> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        let Version { v } = serde_json::from_slice(bytes).map_err(MailError::Malformed)?;
        if v > Self::VERSION {
            return Err(MailError::Newer { found: v, known: Self::VERSION });
        }
        serde_json::from_slice(bytes).map_err(MailError::Malformed)
    }
}
