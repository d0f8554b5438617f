//! The closed lists of words that keys take, and what they mean.

use super::model::{Hears, MailTls};
use crate::domain::{
    CatchUp, Detail, EventFormat, Family, LdapScope, OnEmpty, Overlap, Severity, SummaryKind, TranscriptClass,
    WebhookKind,
};

/// The word that means `value`.
pub(super) fn written<T: PartialEq>(value: T, words: &[(&'static str, T)]) -> &'static str {
    words.iter().find(|(_, meaning)| *meaning == value).map_or("", |(word, _)| word)
}

pub(super) const FAMILIES: [(&str, Family); 8] = [
    (Family::Security.as_str(), Family::Security),
    (Family::Availability.as_str(), Family::Availability),
    (Family::ProcessingIntegrity.as_str(), Family::ProcessingIntegrity),
    (Family::Confidentiality.as_str(), Family::Confidentiality),
    (Family::Privacy.as_str(), Family::Privacy),
    (Family::ModelGovernance.as_str(), Family::ModelGovernance),
    (Family::Fairness.as_str(), Family::Fairness),
    (Family::ChangeManagement.as_str(), Family::ChangeManagement),
];

pub(super) const SEVERITIES: [(&str, Severity); 4] = [
    (Severity::Low.as_str(), Severity::Low),
    (Severity::Medium.as_str(), Severity::Medium),
    (Severity::High.as_str(), Severity::High),
    (Severity::Critical.as_str(), Severity::Critical),
];

pub(super) const CATCH_UPS: [(&str, CatchUp); 3] =
    [("none", CatchUp::None), ("latest", CatchUp::Latest), ("all", CatchUp::All)];
pub(super) const OVERLAPS: [(&str, Overlap); 2] = [("skip", Overlap::Skip), ("queue-one", Overlap::QueueOne)];
pub(super) const ON_EMPTY: [(&str, OnEmpty); 3] =
    [("error", OnEmpty::Error), ("pass", OnEmpty::Pass), ("not-applicable", OnEmpty::NotApplicable)];
pub(super) const TRANSCRIPTS: [(&str, TranscriptClass); 3] = [
    ("full", TranscriptClass::Full),
    ("redacted", TranscriptClass::Redacted),
    ("digest-only", TranscriptClass::DigestOnly),
];
pub(super) const EVENT_FORMATS: [(&str, EventFormat); 3] =
    [("json-lines", EventFormat::JsonLines), ("csv", EventFormat::Csv), ("cloudtrail", EventFormat::Cloudtrail)];
pub(super) const LDAP_SCOPES: [(&str, LdapScope); 3] =
    [("sub", LdapScope::Sub), ("one", LdapScope::One), ("base", LdapScope::Base)];
pub(super) const TLS: [(&str, MailTls); 3] =
    [("starttls", MailTls::Starttls), ("implicit", MailTls::Implicit), ("none", MailTls::None)];
pub(super) const SUMMARIES: [(&str, SummaryKind); 4] = [
    ("weekly", SummaryKind::Weekly),
    ("monthly", SummaryKind::Monthly),
    ("quarterly", SummaryKind::Quarterly),
    ("window", SummaryKind::Window),
];
pub(super) const DETAILS: [(&str, Detail); 2] = [("full", Detail::Full), ("counts", Detail::Counts)];
pub(super) const WEBHOOKS: [(&str, WebhookKind); 4] = [
    (WebhookKind::Generic.as_str(), WebhookKind::Generic),
    (WebhookKind::Slack.as_str(), WebhookKind::Slack),
    (WebhookKind::Teams.as_str(), WebhookKind::Teams),
    (WebhookKind::Pagerduty.as_str(), WebhookKind::Pagerduty),
];
pub(super) const HEARS: [(&str, Hears); 3] =
    [("all", Hears::All), ("escalations", Hears::Escalations), ("none", Hears::Nothing)];
