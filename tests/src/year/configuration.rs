//! The configuration of the company, as it stands after what was changed in it.

use std::{fmt::Write as _, net::SocketAddr, path::PathBuf};

use super::time::ZONE;

/// What never changes.
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) company: SocketAddr,
    pub(super) smtp: SocketAddr,
    pub(super) plugins: PathBuf,
}

/// What people change in the course of the year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// A line that TOML does not know.
    pub(super) is_broken: bool,
    /// What is left out of SEC-05/h7: a subject and its last day.
    pub(super) excluded: Option<(&'static str, &'static str)>,
    pub(super) governance: &'static str,
    pub(super) has_last_bucket: bool,
    pub(super) is_chat_enabled: bool,
    pub(super) free_space_floor: &'static str,
    pub(super) lab_max_age_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            is_broken: false,
            excluded: None,
            governance: "0 9 * * 1-5",
            has_last_bucket: true,
            is_chat_enabled: true,
            free_space_floor: "1MiB",
            lab_max_age_days: 90,
        }
    }
}

pub(super) const ACCOUNTS: [&str; 10] =
    ["prod", "stage", "research", "data", "edge", "billing", "web", "mobile", "ml", "lab"];
pub(super) const MODELS: [&str; 6] = ["iris", "ranker", "search", "vision", "speech", "chat"];
pub(super) const DATASETS: [&str; 6] = ["chats", "calls", "clicks", "crm", "forms", "mails"];
pub(super) const REGISTRIES: [&str; 2] = ["models", "prompts"];
pub(super) const FAIRNESS: [&str; 2] = ["ranker", "scorer"];
/// Hosts, repositories and buckets have numbers from 1 on.
pub(super) const HOSTS: usize = 10;
pub(super) const REPOSITORIES: usize = 10;
pub(super) const BUCKETS: usize = 8;

/// The whole file.
pub(super) fn configuration(places: &Places, settings: &Settings) -> String {
    let Places { company, smtp, plugins } = places;
    let mut text = format!(
        r#"organization = "Example AI"
instance     = "prod"
timezone     = "{ZONE}"
state_dir    = "state"
socket       = "evidenced.sock"
plugin_dirs  = ["{plugins}"]
holidays     = "holidays.ics"
free_space_floor = "{floor}"

[[window]]
id    = "2024"
start = "2024-01-01"
end   = "2024-12-31"

[mail]
transport = "smtp"
server    = "{smtp}"
tls       = "none"
from      = "evidenced@example.com"

[[recipient]]
id        = "compliance"
email     = ["compliance@example.com"]
families  = ["*"]
severity  = "low"
summaries = ["weekly", "monthly", "quarterly", "window"]

[[recipient]]
id       = "serving"
email    = ["serving@example.com"]
owners   = ["serving"]
severity = "low"
quiet    = {{ from = "20:00", to = "07:00", up_to = "medium" }}

[[recipient]]
id       = "ciso"
email    = ["ciso@example.com"]
families = ["*"]
severity = "high"
alerts   = "escalations"
detail   = "counts"

[[recipient]]
id        = "auditor"
email     = ["auditor@audit.example"]
families  = ["*"]
alerts    = "none"
summaries = ["monthly", "window"]

[[source]]
id        = "company"
urls      = ["http://{company}"]
methods   = ["GET"]
addresses = ["127.0.0.0/8"]

[[source]]
id        = "forge"
urls      = ["http://{company}"]
methods   = ["GET"]
addresses = ["127.0.0.0/8"]

[monitoring]
enabled = false

[defaults]
sources = ["company"]
"#,
        plugins = plugins.display(),
        floor = settings.free_space_floor,
    );
    if settings.is_broken {
        text.push_str("[[control]\n");
    }
    for control in controls(settings) {
        control.write(&mut text, *company);
    }
    text
}

/// One control of the company.
struct Row {
    id: String,
    family: &'static str,
    owner: &'static str,
    severity: &'static str,
    /// As it is written, key and value.
    when: String,
    more: String,
    config: Option<String>,
}

fn controls(settings: &Settings) -> Vec<Row> {
    let cron = |schedule: &str| format!("schedule = \"{schedule}\"");
    let row = |id: String, family, owner, severity, when: String| Row {
        id,
        family,
        owner,
        severity,
        when,
        more: String::new(),
        config: Some("{ subject = \"/name\", good = \"/good\" }".to_owned()),
    };
    let mut rows = Vec::new();
    for account in ACCOUNTS {
        let days = if account == "lab" { settings.lab_max_age_days } else { 90 };
        rows.push(Row {
            config: Some(format!("{{ max_age_days = {days} }}")),
            ..row(format!("SEC-01/{account}"), "security", "platform", "high", cron("50 5 * * *"))
        });
    }
    for host in 1..=HOSTS {
        let mut control = row(format!("SEC-05/h{host}"), "security", "platform", "medium", cron("57 5 * * *"));
        if let (7, Some((subject, until))) = (host, settings.excluded) {
            control.more = format!(
                "exclude = [{{ subject = \"{subject}\", reason = \"is switched off with the old site, see the risk register\", \
                 approval = \"https://git.example.com/risk/42\", until = \"{until}\" }}]\n"
            );
        }
        rows.push(control);
    }
    let critical = row("SEC-09".to_owned(), "security", "platform", "critical", "every = \"1h\"".to_owned());
    rows.push(critical);
    for repository in 1..=REPOSITORIES {
        let id = format!("CHG-01/r{repository}");
        let more = "sources = [\"forge\"]\n".to_owned();
        rows.push(Row { more, ..row(id, "change-management", "engineering", "high", cron("0 7 * * *")) });
    }
    for dataset in DATASETS {
        rows.push(row(format!("PRV-02/{dataset}"), "privacy", "data", "high", cron("30 2 * * *")));
    }
    for bucket in (1..=BUCKETS).filter(|bucket| *bucket < BUCKETS || settings.has_last_bucket) {
        let id = format!("CNF-01/b{bucket}");
        let more = "remediate_within = \"3 business days\"\n".to_owned();
        rows.push(Row { more, ..row(id, "confidentiality", "data", "low", cron("0 5 * * 1")) });
    }
    for model in MODELS {
        let mut more = "confirmations = 2\nremediate_within = \"1d\"\n".to_owned();
        if model == "chat" && !settings.is_chat_enabled {
            more.push_str("enabled = false\n");
        }
        let id = format!("AVL-01/{model}");
        rows.push(Row { more, ..row(id, "availability", "serving", "high", "every = \"6h\"".to_owned()) });
    }
    rows.push(row("AVL-02".to_owned(), "availability", "serving", "medium", "every = \"1h\"".to_owned()));
    rows.push(row("PIN-03".to_owned(), "processing-integrity", "data", "medium", cron("*/30 1-3 * * *")));
    for registry in REGISTRIES {
        let id = format!("GOV-01/{registry}");
        rows.push(row(id, "model-governance", "research", "medium", cron(settings.governance)));
    }
    rows.push(row("GOV-05".to_owned(), "model-governance", "research", "low", cron("0 12 29 2 *")));
    for model in FAIRNESS {
        rows.push(row(format!("FAR-01/{model}"), "fairness", "research", "high", cron("0 4 1 * *")));
    }
    rows.push(Row {
        more: "catch_up = \"all\"\n".to_owned(),
        config: None,
        ..row("CNF-03".to_owned(), "confidentiality", "data", "high", cron("15 5 * * *"))
    });
    rows.push(Row {
        config: None,
        ..row("MON-02".to_owned(), "security", "platform", "high", "attested = \"90d\"".to_owned())
    });
    rows
}

/// Of training data that two jobs read.
const ACCESS: &str = r#"plugin = "training-data-access"

[control.config]
format   = "json-lines"
zone     = "Europe/Berlin"
datasets = [{ name = "patients", objects = ["training/patients/*"], allow = ["nightly", "trainer"] }]
amount   = "rows"
fields   = { time = "/time", principal = "/who", object = ["/what"], outcome = "/outcome", refused = ["denied"], amount = "/rows", id = "/id" }

[[control.input]]
name   = "events"
events = { glob = "logs/access*.jsonl", format = "json-lines", time = "/time" }
"#;

impl Row {
    fn write(&self, text: &mut String, company: SocketAddr) {
        let Self { id, family, owner, severity, when, more, config } = self;
        let _infallible = write!(
            text,
            "\n[[control]]\nid = \"{id}\"\ntitle = \"The promise of {id}\"\nfamily = \"{family}\"\n\
             criteria = [\"CC7.2\"]\nowner = \"{owner}\"\nseverity = \"{severity}\"\n{when}\n{more}"
        );
        let Some(config) = config else {
            if id == "CNF-03" {
                text.push_str(ACCESS);
            }
            return;
        };
        let (plugin, input) = if id.starts_with("SEC-01/") { ("key-rotation", "inventory") } else { ("rows", "rows") };
        let _infallible = write!(
            text,
            "plugin = \"{plugin}\"\nconfig = {config}\n\n[[control.input]]\nname = \"{input}\"\n\
             http = \"http://{company}/state/{id}\"\n"
        );
    }
}
