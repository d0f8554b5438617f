//! Webhooks by name: what parts and pages call them. Where they lead is configuration, and often a secret.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{fmt, str::FromStr};

use super::{IdError, RecipientId, WebhookId};

/// What is at the other end of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WebhookKind {
    /// Whoever takes JSON, signed as Standard Webhooks say.
    Generic,
    /// Slack, or what takes its incoming webhooks.
    Slack,
    /// A workflow of Microsoft Teams.
    Teams,
    /// PagerDuty, Events API v2.
    Pagerduty,
}

impl WebhookKind {
    /// As `kind =` is written, and the id of a webhook that has none of its own.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Pagerduty => "pagerduty",
        }
    }

    /// Whether whoever knows the URL may write to it.
    pub const fn has_secret_url(self) -> bool {
        matches!(self, Self::Slack | Self::Teams)
    }
}

/// One webhook of one recipient, as text `platform/slack`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebhookName {
    pub recipient: RecipientId,
    pub webhook: WebhookId,
}

impl fmt::Display for WebhookName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.recipient, self.webhook)
    }
}

impl FromStr for WebhookName {
    type Err = IdError;

    /// The id of a recipient may have slashes in it, that of a webhook has none.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let (recipient, webhook) = text.rsplit_once('/').unwrap_or(("", text));
        Ok(Self { recipient: recipient.parse()?, webhook: webhook.parse()? })
    }
}

impl Serialize for WebhookName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WebhookName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back() {
        for text in ["platform/slack", "eu/platform/night-desk"] {
            assert_eq!(text.parse::<WebhookName>().unwrap().to_string(), text);
        }
        for wrong in ["slack", "/slack", "platform/", ""] {
            assert!(wrong.parse::<WebhookName>().is_err(), "{wrong}");
        }
    }
}
