//! What a configuration says, once everything in it is resolved.

use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use crate::caller::CallUrl;
use crate::domain::{
    AddressRange, AlertCause, Control, ControlId, CredentialId, CredentialKind, Database, Detail, Family, LocalDay,
    PastProxy, PluginName, Rate, RecipientId, Scheme, Severity, SourceId, SummaryKind, WebhookId, WebhookKind,
    WebhookName, Window, WindowId,
};
use crate::judge::{Flapping, Reminders};
use crate::routing::Rules;
use crate::secret::SecretSource;
use crate::trust::{Lock, Signer, by_content};

/// A whole configuration. Every name in it is known, every path absolute, every default filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    pub organization: String,
    /// Stands in every mail subject.
    pub instance: String,
    /// IANA name; the default of every control, window and summary.
    pub timezone: String,
    pub state_dir: PathBuf,
    pub socket: PathBuf,
    /// Searched in this order.
    pub plugin_dirs: Vec<PathBuf>,
    /// Plugins that a control named by path; they come before `plugin_dirs`.
    pub plugin_files: BTreeMap<PluginName, PathBuf>,
    #[serde(default, skip_serializing_if = "Plugins::is_empty")]
    pub plugins: Plugins,
    /// Days that are no business days, from the calendar file `holidays`.
    pub holidays: BTreeSet<LocalDay>,
    /// Below it no runs start. `None`: 2 % of the file system, not under 256 MiB nor over 4 GiB.
    pub free_space_floor_bytes: Option<u64>,
    pub runner: Runner,
    pub network: Network,
    /// IANA names of the zones that days are counted in: the organization's first, no zone twice.
    pub rollup_zones: Vec<String>,
    pub windows: Vec<Window>,
    pub mail: Mail,
    pub recipients: Vec<Recipient>,
    #[serde(default)]
    pub alerts: Alerts,
    pub credentials: Vec<CredentialSpec>,
    pub sources: Vec<Source>,
    /// Sources that are no web servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<DatabaseSource>,
    pub controls: Vec<Control>,
    pub access: Access,
    /// Address of the status page; `None`: there is none.
    pub web: Option<SocketAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Heartbeat>,
}

/// Which plugins may run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugins {
    /// `None`: there is none, and every file of `plugin_dirs` may run.
    pub lock: Option<PluginLock>,
    /// Every plugin must be signed by one of them; empty: none needs to be signed.
    pub signers: Vec<Signer>,
}

/// What a lock said when the configuration was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginLock {
    pub path: PathBuf,
    pub lock: Lock,
}

impl Plugins {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runner {
    /// Runs side by side; at least 1.
    pub concurrency: u32,
    /// Sum of the memory of all runs.
    pub memory_total_bytes: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Scheme, host and port of an HTTP proxy; never with a password in it.
    pub proxy: Option<Endpoint>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_login: Option<ProxyLogin>,
    /// What is reached past the proxy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_proxy: Vec<PastProxy>,
    /// PEM files of roots that are trusted besides the system's.
    pub ca: Vec<PathBuf>,
}

/// What the proxy asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyLogin {
    pub username: String,
    pub password: SecretSource,
}

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    pub scheme: Scheme,
    /// Lower case, ASCII (IDNA), or an address; brackets of IPv6 removed.
    pub host: String,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    pub transport: Transport,
    pub from: EmailAddress,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    Smtp(Smtp),
    /// One `.eml` file a mail, in this folder.
    Directory(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Smtp {
    /// Name or address; brackets of IPv6 removed.
    pub host: String,
    pub port: u16,
    pub tls: MailTls,
    /// Both or none.
    pub login: Option<MailLogin>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailLogin {
    pub username: String,
    pub password: SecretSource,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailTls {
    Starttls,
    Implicit,
    /// Only when the server is on the loopback.
    None,
}

impl MailTls {
    /// As `tls =` is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starttls => "starttls",
            Self::Implicit => "implicit",
            Self::None => "none",
        }
    }
}

/// A mail address that a mail can be sent to: `local@domain`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EmailAddress(pub(super) String);

impl EmailAddress {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A URL that is called while all is well: who watches the watcher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    pub url: CallUrl,
    pub every: Duration,
}

impl Heartbeat {
    pub(super) const EVERY: Duration = Duration::from_secs(60);
}

/// A way to a recipient that is no mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Among those of its recipient.
    pub id: WebhookId,
    pub kind: WebhookKind,
    pub url: CallUrl,
    /// What bodies are signed with (generic), or the routing key (PagerDuty).
    pub secret: Option<SecretSource>,
}

/// Who is told, and about what. One delivery per mail and address, and one per webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    pub id: RecipientId,
    /// At least one, or a webhook.
    pub email: Vec<EmailAddress>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<Webhook>,
    /// `None`: all of them, and what concerns no control.
    pub families: Option<BTreeSet<Family>>,
    /// From this severity up.
    pub severity: Severity,
    /// Only controls of these owners; `None`: all.
    pub owners: Option<BTreeSet<String>>,
    pub summaries: BTreeSet<SummaryKind>,
    /// IANA name of the zone that weeks, months and quarters of the summaries are counted in, and quiet hours are told in.
    pub timezone: String,
    #[serde(default)]
    pub detail: Detail,
    #[serde(default)]
    pub hears: Hears,
    /// Mails that tell alerts, at most.
    #[serde(default = "Recipient::default_per_hour")]
    pub per_hour: u32,
    #[serde(default)]
    pub quiet: Option<Quiet>,
}

/// The hours in which somebody is not disturbed, by the clocks of their zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// Minutes since midnight; `to` is not part of them, and may be on the next day.
    pub from: u16,
    pub to: u16,
    /// Saturdays, Sundays and holidays are quiet all day.
    pub business_days_only: bool,
    /// More severe alerts are told all the same.
    pub up_to: Severity,
}

/// `[alerts]`: the rules for all readers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alerts {
    pub routing: Rules,
    #[serde(default)]
    pub reminders: Reminders,
    #[serde(default)]
    pub flapping: Flapping,
}

/// Which alerts a recipient gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hears {
    #[default]
    All,
    /// Only of what is overdue, and of what others were reminded of and have not answered.
    Escalations,
    /// Summaries alone.
    Nothing,
}

/// One secret, and how it is put on a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialSpec {
    pub id: CredentialId,
    pub kind: CredentialKind,
    /// `None`: the kind has none of its own.
    pub secret: Option<SecretSource>,
}

/// One database or directory, named once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseSource {
    pub database: Database,
    /// `None`: as often as runs ask.
    pub rate: Option<Rate>,
}

/// One system, named once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub id: SourceId,
    /// At least one.
    pub urls: Vec<Endpoint>,
    /// Upper case.
    pub methods: Vec<String>,
    pub credential: Option<CredentialId>,
    pub named_credentials: Vec<CredentialId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<CredentialId>,
    /// For `aws-sigv4`, as is `service`; `None`: as the name of the host says.
    pub region: Option<String>,
    pub service: Option<String>,
    pub addresses: Vec<AddressRange>,
    /// PEM files of the only roots that may vouch for it; empty: the system's, and those of `[network]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ca: Vec<PathBuf>,
    /// Shared by all controls that name the source.
    pub rate: Option<Rate>,
}

/// Users, and `@groups`, by what they may do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    pub viewers: Vec<String>,
    pub responders: Vec<String>,
    pub operators: Vec<String>,
    pub approvers: Vec<String>,
}

impl Config {
    pub fn control(&self, id: &ControlId) -> Option<&Control> {
        self.controls.iter().find(|control| control.id == *id)
    }

    pub fn window(&self, id: &WindowId) -> Option<&Window> {
        self.windows.iter().find(|window| window.id == *id)
    }

    pub fn credential(&self, id: &CredentialId) -> Option<&CredentialSpec> {
        self.credentials.iter().find(|credential| credential.id == *id)
    }

    pub fn source(&self, id: &SourceId) -> Option<&Source> {
        self.sources.iter().find(|source| source.id == *id)
    }

    pub fn recipient(&self, id: &RecipientId) -> Option<&Recipient> {
        self.recipients.iter().find(|recipient| recipient.id == *id)
    }

    /// Where the plugin's file may lie: the first one that is there counts, and with a lock the first that it names.
    pub fn plugin_paths(&self, name: &PluginName) -> Vec<PathBuf> {
        let named = self.plugin_files.get(name).cloned();
        let searched = self.plugin_dirs.iter().map(|folder| folder.join(format!("{name}.wasm")));
        let plain: Vec<_> = match named {
            Some(path) => vec![path],
            None => searched.collect(),
        };
        let locked = self.plugins.lock.as_ref().and_then(|lock| lock.lock.plugins.get(name));
        let by_content = locked.map(|locked| plain.iter().map(|path| by_content(path, locked.digest)));
        by_content.into_iter().flatten().chain(plain.iter().cloned()).collect()
    }

    /// Everybody who is told about `control`, in the order of the file; `escalates`: it has waited for somebody long
    /// enough that others are to know.
    pub fn recipients_for(&self, control: &Control, cause: AlertCause, escalates: bool) -> Vec<&Recipient> {
        match cause {
            AlertCause::Failed
            | AlertCause::AlreadyFailing
            | AlertCause::MoreSubjects
            | AlertCause::NotTested
            | AlertCause::TestedAgain
            | AlertCause::Overdue
            | AlertCause::Recovered
            | AlertCause::Reminder
            | AlertCause::Flapping
            | AlertCause::Steady
            | AlertCause::Proposed
            | AlertCause::Expiring
            | AlertCause::ExclusionEnds
            | AlertCause::PluginFault
            | AlertCause::PluginRefused
            | AlertCause::IncidentUpdate => {
                let hears = |recipient: &&Recipient| match recipient.hears {
                    Hears::All => true,
                    Hears::Escalations => escalates,
                    Hears::Nothing => false,
                };
                self.recipients.iter().filter(|recipient| recipient.follows(control)).filter(hears).collect()
            }
            AlertCause::MonitoringGap
            | AlertCause::ConfigurationRefused
            | AlertCause::FirstResults
            | AlertCause::Several => self.recipients_for_daemon(),
            AlertCause::Summary(kind) => self.recipients_for_summary(kind),
        }
    }

    /// Everybody who is told about what concerns the daemon and no single control: those who take all families of all
    /// owners, and everybody when nobody does, so that such an alert is never lost.
    pub fn recipients_for_daemon(&self) -> Vec<&Recipient> {
        let hears = self.recipients.iter().filter(|recipient| recipient.hears == Hears::All);
        let all: Vec<_> =
            hears.clone().filter(|recipient| recipient.families.is_none() && recipient.owners.is_none()).collect();
        match (all.is_empty(), hears.clone().next()) {
            (false, _) => all,
            (true, Some(_)) => hears.collect(),
            (true, None) => self.recipients.iter().collect(),
        }
    }

    /// Everybody who gets this summary.
    pub fn recipients_for_summary(&self, kind: SummaryKind) -> Vec<&Recipient> {
        self.recipients.iter().filter(|recipient| recipient.summaries.contains(&kind)).collect()
    }

    /// The expanded form as canonical JSON (RFC 8785), as the ledger keeps it. It names secrets and holds none.
    pub fn expanded_json(&self) -> String {
        serde_json_canonicalizer::to_string(self).expect("a configuration is plain data with text keys")
    }

    /// Reads what [`Self::expanded_json`] wrote: with it the daemon goes on when the files are refused.
    pub fn from_expanded_json(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }
}

impl Recipient {
    pub const fn default_per_hour() -> u32 {
        20
    }

    /// Their webhooks by name.
    pub fn webhook_names(&self) -> impl Iterator<Item = (WebhookName, WebhookKind)> + '_ {
        let named = |webhook: &Webhook| WebhookName { recipient: self.id.clone(), webhook: webhook.id.clone() };
        self.webhooks.iter().map(move |webhook| (named(webhook), webhook.kind))
    }

    /// Whether alerts about this control are for them.
    pub fn follows(&self, control: &Control) -> bool {
        control.severity >= self.severity
            && self.families.as_ref().is_none_or(|families| families.contains(&control.family))
            && self.owners.as_ref().is_none_or(|owners| owners.contains(&control.owner))
    }
}

impl Endpoint {
    /// Whether the host is this machine by its name or address alone.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        let scheme = scheme.as_str();
        if host.contains(':') { write!(f, "{scheme}://[{host}]:{port}") } else { write!(f, "{scheme}://{host}:{port}") }
    }
}

/// `localhost` (RFC 6761: it never leaves the machine) or a loopback address.
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    let named = host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
    named || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}
