//! A letter that is written but for its frame: what an alert says is fixed when it comes up, also if it is sent later.

use serde::{Deserialize, Serialize};

use super::{Attachment, MailError, document::Document, told::Told};
use crate::domain::ControlId;

/// A letter without number, addresses and footer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prepared {
    /// Version of this form.
    v: u32,
    /// What follows `[evidenced prod] `; nothing in it changes between two mails about the same state.
    pub(super) subject: String,
    pub(super) document: Document,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(super) attachments: Vec<Attachment>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) control: Option<ControlId>,
    /// The same for programs; empty where no webhook gets it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(super) told: Vec<Told>,
}

impl Prepared {
    const VERSION: u32 = 1;

    pub(super) const fn new(
        subject: String,
        document: Document,
        attachments: Vec<Attachment>,
        control: Option<ControlId>,
    ) -> Self {
        Self { v: Self::VERSION, subject, document, attachments, control, told: Vec::new() }
    }

    /// For people alone: no webhook gets it.
    #[must_use]
    pub fn for_people(self) -> Self {
        Self { told: Vec::new(), ..self }
    }

    /// The bytes that the ledger keeps: canonical JSON (RFC 8785).
    pub fn to_part(&self) -> Vec<u8> {
        serde_json_canonicalizer::to_vec(self).expect("a letter is plain data with text keys")
    }

    /// # Errors
    /// If the bytes are not a letter, or one of a newer program.
    pub fn from_part(bytes: &[u8]) -> Result<Self, MailError> {
        let prepared: Self = serde_json::from_slice(bytes).map_err(MailError::Malformed)?;
        if prepared.v > Self::VERSION {
            return Err(MailError::Newer { found: prepared.v, known: Self::VERSION });
        }
        Ok(prepared)
    }
}
