//! Data events of CloudTrail, one record a line.

use evidenced_plugin::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    config::{Amount, Config},
    event::{Event, Kind, Read, Target, Way},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_time: String,
    #[serde(default, rename = "eventID")]
    event_id: String,
    event_name: String,
    #[serde(default)]
    error_code: Option<String>,
    #[serde(default, rename = "sourceIPAddress")]
    source_ip_address: Option<String>,
    #[serde(default)]
    user_identity: Identity,
    #[serde(default)]
    request_parameters: Option<Value>,
    #[serde(default)]
    additional_event_data: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Identity {
    r#type: String,
    arn: Option<String>,
    account_id: Option<String>,
    principal_id: Option<String>,
    invoked_by: Option<String>,
    session_context: Option<SessionContext>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionContext {
    session_issuer: Option<Issuer>,
}

#[derive(Deserialize)]
struct Issuer {
    arn: Option<String>,
}

/// The events of a line; `None` when it is no record.
pub(crate) fn events(config: &Config, line: &[u8]) -> Option<(Timestamp, Vec<Event>)> {
    let record: Record = serde_json::from_slice(line).ok()?;
    let at: Timestamp = record.event_time.parse().ok()?;
    if !config.read_events.contains(&record.event_name) {
        return Some((at, Vec::new()));
    }
    let kind = match record.error_code.as_deref() {
        None | Some("") => Kind::Read(record.read(config)),
        Some(code) if REFUSED.contains(&code) => Kind::Refused,
        // What was not found, or not changed since, was not read.
        Some(_) => return Some((at, Vec::new())),
    };
    let object = record.object();
    let places =
        config.datasets.iter().enumerate().filter(|(_, dataset)| crate::pattern::any(&dataset.objects, &object));
    let events = places.map(|(place, _)| Event {
        at,
        id: record.event_id.clone(),
        principal: record.user_identity.principal(),
        target: Target::Dataset(place),
        address: record.source_ip_address.clone(),
        kind: kind.clone(),
    });
    Some((at, events.collect()))
}

impl Record {
    fn read(&self, config: &Config) -> Read {
        // A copy on the server moves no bytes to the one who asked: how much it was is not told.
        let is_bulk = self.copied().is_some();
        let bytes = self.additional_event_data.as_ref().and_then(|data| data.get("bytesTransferredOut")?.as_f64());
        let amount = match config.amount {
            Amount::Reads => Some(1),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of bytes")]
            Amount::Bytes if !is_bulk => bytes.map(|bytes| bytes.max(0.0) as u64),
            Amount::Bytes | Amount::Rows => None,
        };
        Read { amount, way: if is_bulk { Way::Bulk } else { Way::Counted } }
    }

    /// `bucket/key` of what was read: of a copy, its source.
    fn object(&self) -> String {
        if let Some(source) = self.copied() {
            return percent_decoded(source.split('?').next().unwrap_or_default()).trim_start_matches('/').to_owned();
        }
        let text = |name: &str| {
            self.request_parameters.as_ref().and_then(|given| given.get(name)?.as_str()).unwrap_or_default()
        };
        format!("{}/{}", text("bucketName"), text("key"))
    }

    fn copied(&self) -> Option<&str> {
        self.request_parameters.as_ref()?.get("x-amz-copy-source")?.as_str()
    }
}

impl Identity {
    /// Who it was, and not which session: of an assumed role the role. The name of a session is often that of a person.
    fn principal(&self) -> String {
        let issuer = self.session_context.as_ref().and_then(|context| context.session_issuer.as_ref()?.arn.clone());
        let arn = issuer.or_else(|| self.arn.clone());
        match (self.r#type.as_str(), arn, &self.invoked_by, &self.account_id) {
            ("AWSService", _, Some(service), _) => format!("service:{service}"),
            (_, Some(arn), ..) => without_session(&arn),
            (_, None, _, Some(account)) if account == "anonymous" || account == "ANONYMOUS_PRINCIPAL" => {
                "anonymous".to_owned()
            }
            (_, None, _, Some(account)) => format!("account:{account}"),
            // Only the part before the colon: behind it is the session.
            _ => {
                let id = self.principal_id.as_deref().unwrap_or_default();
                let id = id.split(':').next().unwrap_or_default();
                if id.is_empty() { "anonymous".to_owned() } else { format!("principal:{id}") }
            }
        }
    }
}

/// `arn:aws:sts::1:assumed-role/Trainer/alice@example.org` is the role `arn:aws:iam::1:role/Trainer`; a federated user's
/// ARN loses its last part as well.
fn without_session(arn: &str) -> String {
    match arn.split_once(":assumed-role/") {
        Some((head, rest)) => {
            let role = rest.split('/').next().unwrap_or_default();
            format!("{}:role/{role}", head.replacen(":sts:", ":iam:", 1))
        }
        None => match arn.split_once(":federated-user/") {
            Some((head, _)) => format!("{head}:federated-user"),
            None => arn.to_owned(),
        },
    }
}

/// A header is recorded as it was sent, and S3 takes `models%2Fweights.bin` for `models/weights.bin`.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        let digits = others.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &others[2..];
            }
            None => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

const REFUSED: [&str; 5] = [
    "AccessDenied",
    "AccessDeniedException",
    "Client.UnauthorizedOperation",
    "UnauthorizedOperation",
    "AllAccessDisabled",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_copies_are_read_as_s3_reads_them() {
        for (source, expected) in [
            ("models%2Fv1%2fweights.bin", "models/v1/weights.bin"),
            ("models/v1/a+b c", "models/v1/a+b c"),
            ("100%", "100%"),
            ("%zz%c3%a9", "%zzé"),
        ] {
            assert_eq!(percent_decoded(source), expected, "{source}");
        }
    }

    #[test]
    fn names_of_sessions_are_no_part_of_a_principal() {
        for (arn, expected) in [
            ("arn:aws:sts::1:assumed-role/Trainer/alice@example.org", "arn:aws:iam::1:role/Trainer"),
            ("arn:aws:sts::1:federated-user/alice", "arn:aws:sts::1:federated-user"),
            ("arn:aws:iam::1:user/ci", "arn:aws:iam::1:user/ci"),
        ] {
            assert_eq!(without_session(arn), expected);
        }
    }
}
