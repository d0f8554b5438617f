//! The bytes of a mail to one address.
//!
//! The frozen part goes out as it is. Around it stands what differs from try to try: the one address, the sender of
//! today's configuration, and, when the mail was delayed, a header `X-Evidenced-Delayed` and one line above the
//! frozen text and the frozen HTML. A line inside the bodies and not a part of its own, because some readers show
//! the second part of such a mail as an attachment, and then the alert itself would be hidden.

use std::time::Duration;

use lettre::{
    Message,
    message::{
        Attachment, Mailbox, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
};
use sha2::{Digest as _, Sha256};

use super::{DELAYED_AFTER, Delivery, OutboxError};
use crate::{
    domain::Timestamp,
    mail::{Mail, words},
};

/// Why a mail has no bytes. It can never be sent.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    #[error("`{0}` is not a mail address")]
    Address(String),
    #[error("the mail cannot be put together: {0}")]
    Form(String),
}

/// Who all mail is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender(Mailbox);

impl Sender {
    /// `address` is `local@domain`; `instance` is shown beside it.
    ///
    /// # Errors
    /// If it is not a mail address.
    pub fn new(address: &str, instance: &str) -> Result<Self, OutboxError> {
        let parsed = address.parse().map_err(|_| OutboxError::Address(address.to_owned()))?;
        let shown: String = instance.chars().filter(|c| !c.is_control()).take(60).collect();
        Ok(Self(Mailbox::new(Some(format!("evidenced {shown}")), parsed)))
    }
}

/// The whole message. The same arguments give the same bytes.
pub(super) fn message(
    delivery: &Delivery,
    address: &str,
    from: &Sender,
    now: Timestamp,
) -> Result<Vec<u8>, MessageError> {
    let mail = &*delivery.mail;
    let to = address.parse().map_err(|_| MessageError::Address(address.to_owned()))?;
    let waited = Some(now.since(delivery.queued)).filter(|waited| *waited > DELAYED_AFTER);
    let note = waited.map(|waited| note(mail, waited));

    let mut builder = Message::builder()
        .from(from.0.clone())
        .to(Mailbox::new(None, to))
        .subject(&mail.subject)
        .message_id(Some(mail.message_id.clone()));
    if let Some(first) = &mail.in_reply_to {
        builder = builder.in_reply_to(first.clone()).references(mail.references.join(" "));
    }
    builder = builder
        .raw_header(header("Auto-Submitted", Mail::AUTO_SUBMITTED))
        // Exchange and Outlook know this one instead.
        .raw_header(header("X-Auto-Response-Suppress", "All"));
    if let Some(waited) = waited {
        let minutes = waited.as_secs() / 60;
        builder = builder.raw_header(header("X-Evidenced-Delayed", &format!("{minutes} min; written {}", mail.date)));
    }

    let alternative = MultiPart::alternative()
        .boundary(boundary(mail, "bodies"))
        .singlepart(SinglePart::plain(with_note_text(mail, note.as_deref())))
        .singlepart(SinglePart::html(with_note_html(mail, note.as_deref())));
    let body = if mail.attachments.is_empty() {
        alternative
    } else {
        let mut mixed = MultiPart::mixed().boundary(boundary(mail, "files")).multipart(alternative);
        for file in &mail.attachments {
            let kind = ContentType::parse(&file.media_type).map_err(|error| MessageError::Form(error.to_string()))?;
            mixed = mixed.singlepart(Attachment::new(file.name.clone()).body(file.content.clone(), kind));
        }
        mixed
    };
    let mut message = builder.multipart(body).map_err(|error| MessageError::Form(error.to_string()))?;
    // After building: lettre knows only dates in UTC, and would put its own in the place of ours.
    message.headers_mut().insert_raw(header("Date", &mail.date));
    Ok(message.formatted())
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// Fixed, so that every try sends the same bytes; a digest, so that no body holds it.
fn boundary(mail: &Mail, of: &str) -> String {
    let digest = Sha256::digest(format!("{of}\n{}\n{}", mail.message_id, mail.text));
    format!("evidenced-{}", hex::encode(&digest[..16]))
}

fn note(mail: &Mail, waited: Duration) -> String {
    format!(
        "Delayed: this mail was written on {} and waited {} for the mail server. What follows is unchanged.",
        mail.written,
        words::duration(waited)
    )
}

fn with_note_text(mail: &Mail, note: Option<&str>) -> String {
    note.map_or_else(|| mail.text.clone(), |note| format!("{note}\n\n{}", mail.text))
}

fn with_note_html(mail: &Mail, note: Option<&str>) -> String {
    let at = mail.html.find("<body").and_then(|body| Some(body + mail.html[body..].find('>')? + 1));
    match (note, at) {
        (None, _) => mail.html.clone(),
        // Only times and lengths in it: nothing to escape.
        (Some(note), at) => {
            let (before, after) = mail.html.split_at(at.unwrap_or(0));
            format!("{before}<p style=\"margin:0 0 14px;padding:8px 12px;border:1px solid #8888\">{note}</p>{after}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::{Destination, Key, tests::mail};
    use std::sync::Arc;

    const TO: &str = "compliance@example.com";

    fn delivery() -> Delivery {
        Delivery {
            key: Key { alert: 42, delivery: 0 },
            to: Destination::Address(TO.into()),
            mail: Arc::new(mail()),
            queued: "2026-03-02T05:00:04Z".parse().unwrap(),
        }
    }

    fn formatted(delivery: &Delivery, now: &str) -> String {
        let sender = Sender::new("evidenced@example.com", "prod").unwrap();
        String::from_utf8(message(delivery, TO, &sender, now.parse().unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn every_try_sends_the_same_bytes() {
        let bytes = formatted(&delivery(), "2026-03-02T05:00:05Z");
        assert_eq!(bytes, formatted(&delivery(), "2026-03-02T05:30:00Z"));
        for line in [
            "From: \"evidenced prod\" <evidenced@example.com>",
            "To: compliance@example.com",
            "Subject: [evidenced prod] Monitoring gap 2 h 10 min on 3 March",
            "Date: Mon, 02 Mar 2026 06:00:04 +0100",
            "Auto-Submitted: auto-generated",
            "Content-Type: multipart/alternative;",
        ] {
            assert!(
                bytes.lines().any(|found| found == line || line.ends_with(';') && found.starts_with(line)),
                "{bytes}"
            );
        }
        assert_eq!(bytes.matches("\nDate: ").count(), 1);
        assert!(!bytes.contains("X-Evidenced-Delayed"));
        assert!(bytes.split("\r\n").all(|line| line.len() < 998 && !line.contains('\n')));
    }

    #[test]
    fn a_delayed_mail_says_so_outside_of_what_is_frozen() {
        let bytes = formatted(&delivery(), "2026-03-04T08:00:04Z");
        assert!(
            bytes.contains("X-Evidenced-Delayed: 3060 min; written Mon, 02 Mar 2026 06:00:04 +0100\r\n"),
            "{bytes}"
        );
        let note = "waited 2 days 3 h for";
        assert_eq!(bytes.replace("=\r\n", "").matches(note).count(), 2, "{bytes}");
        let frozen = &delivery().mail.text;
        assert!(with_note_text(&delivery().mail, Some("note")).ends_with(frozen.as_str()));
        assert_eq!(with_note_html(&delivery().mail, None), delivery().mail.html);
    }

    #[test]
    fn a_header_cannot_be_injected_by_a_damaged_part() {
        let mut mail = mail();
        mail.subject = "a\r\nBcc: all@example.com".into();
        mail.date = "now\r\nBcc: all@example.com".into();
        mail.in_reply_to = Some("<a>\r\nBcc: all@example.com".into());
        let delivery = Delivery { mail: Arc::new(mail), ..delivery() };
        let bytes = formatted(&delivery, "2026-03-02T05:00:05Z");
        assert!(!bytes.lines().any(|line| line.starts_with("Bcc")), "{bytes}");
    }
}
