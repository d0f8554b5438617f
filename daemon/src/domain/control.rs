//! A control and its check, as the configuration states them once everything is resolved.

use serde::{Deserialize, Serialize};
use std::{net::IpAddr, path::PathBuf, time::Duration};

use super::{
    BuiltIn, ControlId, CredentialId, Digest, EventsSpec, IntervalRules, LdapSpec, LedgerSpec, PluginName,
    PrometheusSpec, S3Spec, SourceId, SqlSpec, Timestamp,
};

/// What the company promises, and how the promise is tested.
///
/// Everything in [`Check`] is the *definition* (a change makes a new version of the control); all else here is
/// presentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Control {
    pub id: ControlId,
    pub title: String,
    pub family: Family,
    /// Trust Services Criteria, such as `CC6.1`.
    pub criteria: Vec<String>,
    pub owner: String,
    pub severity: Severity,
    /// What to do when it fails; printed in the mail.
    pub remediation: Option<String>,
    pub systems: Vec<String>,
    /// `false`: not run; once it has run, its slots are missed (`disabled`).
    pub enabled: bool,
    pub check: Check,
}

impl Control {
    /// A person states how it stands; no check tests it.
    pub const fn is_attested(&self) -> bool {
        self.check.schedule.attested().is_some()
    }

    /// The check of the daemon itself that tests it, if it is one of those.
    pub fn built_in(&self) -> Option<BuiltIn> {
        BuiltIn::of(&self.check.plugin)
    }

    /// A plugin tests it, and neither a person nor the daemon itself.
    pub fn has_plugin(&self) -> bool {
        !self.is_attested() && self.built_in().is_none()
    }
}

/// The definition of the test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// A name in `plugin_dirs`, or a path.
    pub plugin: PluginName,
    pub config: serde_json::Value,
    pub schedule: ScheduleSpec,
    /// IANA name of the zone that the schedule is read in.
    pub timezone: String,
    pub catch_up: CatchUp,
    pub overlap: Overlap,
    pub on_empty: OnEmpty,
    pub on_empty_reason: Option<String>,
    /// Fails in a row before an exception opens; at least 1.
    pub confirmations: u32,
    pub remediate_within: Within,
    pub untested_after_slots: u32,
    /// A run that starts this long after its slot is late; it always is once the next slot is due.
    pub late_after: Option<Duration>,
    pub transcript: TranscriptClass,
    pub exclude: Vec<Exclusion>,
    pub sources: Vec<SourceId>,
    pub grants: Vec<Grant>,
    pub inputs: Vec<InputSpec>,
    /// For checks that read events.
    #[serde(skip_serializing_if = "IntervalRules::is_default", default)]
    pub interval: IntervalRules,
    /// Controls whose measurements this check may read, besides its own.
    pub history: Vec<ControlId>,
    pub limits: Limits,
}

impl Check {
    /// What stands for the plugin of an attested control.
    pub const ATTESTED: &str = "attested";

    /// The digest of what the check promises: SHA-256 of its canonical JSON (RFC 8785).
    pub fn definition(&self) -> Digest {
        let json = serde_json_canonicalizer::to_vec(self).expect("a check is plain data with text keys");
        Digest::of(&json)
    }
}

/// The eight requirement families of SOC 2 for AI systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    Security,
    Availability,
    ProcessingIntegrity,
    Confidentiality,
    Privacy,
    ModelGovernance,
    Fairness,
    ChangeManagement,
}

impl Family {
    pub const ALL: [Self; 8] = [
        Self::Security,
        Self::Availability,
        Self::ProcessingIntegrity,
        Self::Confidentiality,
        Self::Privacy,
        Self::ModelGovernance,
        Self::Fairness,
        Self::ChangeManagement,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Availability => "availability",
            Self::ProcessingIntegrity => "processing-integrity",
            Self::Confidentiality => "confidentiality",
            Self::Privacy => "privacy",
            Self::ModelGovernance => "model-governance",
            Self::Fairness => "fairness",
            Self::ChangeManagement => "change-management",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// When a check is due, as written; `schedule::Schedule` is the parsed form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleSpec {
    /// Five fields, as in Vixie cron.
    Cron(String),
    /// Anchored at 1970-01-01T00:00Z.
    Every(Duration),
    /// Never: a person states the result, which holds for so long at most.
    Attested(Duration),
}

impl ScheduleSpec {
    /// How long a person's statement holds; `None`: a check tests it.
    pub const fn attested(&self) -> Option<Duration> {
        match self {
            Self::Attested(holds) => Some(*holds),
            Self::Cron(_) | Self::Every(_) => None,
        }
    }
}

/// What is done about the slots that fell into a time without the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CatchUp {
    None,
    /// The newest of them runs, late; the others are missed.
    Latest,
    /// Only for checks with an interval.
    All,
}

/// What happens when a slot is due while the one before still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    Skip,
    QueueOne,
}

/// The outcome of a run in which nothing was assessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnEmpty {
    Error,
    Pass,
    NotApplicable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TranscriptClass {
    #[default]
    Full,
    /// Which calls were made and how they ended; bodies and values of headers are digests. Not re-performable from it
    /// alone, and marked so.
    Redacted,
    /// Not re-performable, and marked so.
    DigestOnly,
}

impl TranscriptClass {
    pub fn is_full(&self) -> bool {
        *self == Self::Full
    }
}

/// The time to fix what failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Within {
    Elapsed(Duration),
    /// Monday to Friday, without the configured holidays.
    BusinessDays(u32),
}

/// A subject out of scope: it stays in the population and is not assessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    /// `*` stands for any text.
    pub subject: String,
    pub reason: String,
    /// URL or commit; shown as claimed.
    pub approval: Option<String>,
    /// From here on the subject is tested again.
    pub until: Option<Timestamp>,
}

impl Exclusion {
    /// Whether it covers `subject` at `now`; an expired one covers nothing.
    pub fn covers(&self, subject: &str, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until) && wildcard(&self.subject, subject)
    }
}

/// Whether `text` is what `pattern` names; `*` stands for any text, also none.
pub fn wildcard(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return text.ends_with(piece);
        }
        match text.find(piece) {
            Some(at) => text = &text[at + piece.len()..],
            None => return false,
        }
    }
    true
}

/// One host that a check may reach. Matching is exact: scheme, host, port, method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub scheme: Scheme,
    /// Lower case, ASCII (IDNA), or an address; brackets of IPv6 removed.
    pub host: String,
    pub port: u16,
    /// Upper case.
    pub methods: Vec<String>,
    /// Added by the host to `auth = granted`.
    pub credential: Option<CredentialId>,
    /// Others of the same host that `auth = named(…)` may ask for.
    pub named_credentials: Vec<CredentialId>,
    /// The certificate that is shown to the host besides, when it asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<CredentialId>,
    /// Private, loopback or link-local ranges that the name may resolve to; everything public is allowed.
    pub addresses: Vec<AddressRange>,
    /// For `aws-sigv4`; `None`: as the name of the host says.
    pub region: Option<String>,
    /// For `aws-sigv4`, such as `iam`; `None`: as the name of the host says.
    pub service: Option<String>,
    /// The source that this grant came from, if it was the short form.
    pub source: Option<SourceId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A CIDR block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AddressRange {
    pub network: IpAddr,
    /// Bits that must agree: 0 to 32 or 128.
    pub prefix: u8,
}

impl AddressRange {
    pub fn contains(&self, address: IpAddr) -> bool {
        let agree = |network: u128, address: u128, width: u32| {
            let free = width.saturating_sub(u32::from(self.prefix));
            free >= 128 || network >> free == address >> free
        };
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                agree(u128::from(network.to_bits()), u128::from(address.to_bits()), 32)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => agree(network.to_bits(), address.to_bits(), 128),
            _ => false,
        }
    }
}

impl std::str::FromStr for AddressRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a range of addresses such as 10.0.0.0/8");
        let (network, prefix) = match text.split_once('/') {
            Some((network, prefix)) => (network, Some(prefix)),
            None => (text, None),
        };
        let network: IpAddr = network.parse().map_err(|_| wrong())?;
        let width = if network.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(width), str::parse).map_err(|_| wrong())?;
        if prefix > width { Err(wrong()) } else { Ok(Self { network, prefix }) }
    }
}

/// Something that the host gathers before the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputSpec {
    pub name: String,
    pub origin: InputOrigin,
    pub media_type: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputOrigin {
    File(PathBuf),
    /// All files that match, in order of name, one after the other.
    Glob(String),
    /// GET of a URL that a grant covers, with the grant's credential.
    Http(String),
    /// Those of the run's interval, for checks that read events.
    Events(EventsSpec),
    /// What one statement gives that only reads, asked of a database.
    Sql(SqlSpec),
    /// What a query in PromQL gives.
    Prometheus(PrometheusSpec),
    /// One object of a store.
    S3(S3Spec),
    /// What a directory has.
    Ldap(LdapSpec),
    /// How slots ended, as the ledger has it.
    Ledger(LedgerSpec),
}

/// What a run may use. Over a limit its outcome is `error`, and the limit is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Waiting for the limiter included.
    pub wall: Duration,
    pub memory_bytes: u64,
    pub report_bytes: u32,
    pub log_bytes: u32,
    pub response_bytes: u32,
    pub requests: u32,
    pub input_bytes: u64,
    pub state_bytes: u32,
    /// Rounds of a command.
    pub rounds: u32,
}

impl Limits {
    /// The wall clock of a check that reaches no host.
    pub const WALL_OFFLINE: Duration = Duration::from_secs(30);
    /// The wall clock of a check that reaches hosts.
    pub const WALL_ONLINE: Duration = Duration::from_secs(600);

    pub const fn default_for(reaches_hosts: bool) -> Self {
        Self {
            wall: if reaches_hosts { Self::WALL_ONLINE } else { Self::WALL_OFFLINE },
            memory_bytes: 128 << 20,
            report_bytes: 1 << 20,
            log_bytes: 64 << 10,
            response_bytes: 8 << 20,
            requests: 2_000,
            input_bytes: 32 << 20,
            state_bytes: 64 << 10,
            rounds: 32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, matches) in [
            ("legacy-*", "legacy-", true),
            ("legacy-*", "legacy-a", true),
            ("legacy-*", "new-legacy-a", false),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*a", "a", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
        ] {
            assert_eq!(wildcard(pattern, text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn a_range_holds_its_addresses_and_no_others() {
        let range: AddressRange = "10.0.0.0/8".parse().unwrap();
        assert!(range.contains("10.255.0.1".parse().unwrap()));
        assert!(!range.contains("11.0.0.1".parse().unwrap()));
        assert!(!range.contains("::ffff:10.0.0.1".parse().unwrap()));
        let all: AddressRange = "::/0".parse().unwrap();
        assert!(all.contains("fe80::1".parse().unwrap()));
        assert!("10.0.0.0/33".parse::<AddressRange>().is_err());
        assert!("example.com/8".parse::<AddressRange>().is_err());
    }
}
