use std::{collections::BTreeMap, fs, path::PathBuf};

use clap::Args;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{Context, ExitStatus, fit, grants, run};
use crate::{
    clock::{Clock, SystemClock},
    config::{self, Config, Diagnostic, Endpoint, Level, Loaded, Transport, limit_values, limit_words, schedule_words},
    domain::{AlertCause, Control, Digest, Grant, InputOrigin, InputSpec, PluginName, SourceId, Timestamp},
    monitoring,
    schedule::{Firing, Schedule},
};

/// Read the configuration and say what it means, or everything that is wrong in it.
///
/// For each control: when it is due next, what its plugin may reach and who is told when it fails. Plugins are loaded
/// and asked what they need, but none is run, and nothing is asked of the network.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 accepted, 2 refused, or a control that its plugin cannot test.\n\nExample:\n  evidenced check-config\n  \
                        evidenced check-config --expanded --config ./evidenced.toml"
)]
pub(super) struct CheckConfigArguments {
    /// Print every control as it is after templates and defaults, with the file and line of each value.
    #[arg(long)]
    expanded: bool,
    /// Print what each control's plugin may do, for a security review: only what it says that it needs and its control
    /// grants.
    #[arg(long, conflicts_with = "expanded")]
    grants: bool,
    /// Say only what is wrong, and what is worth a look.
    #[arg(long, conflicts_with_all = ["expanded", "grants"])]
    quiet: bool,
}

/// Slots that are shown for each control.
const SHOWN: usize = 5;

impl CheckConfigArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let loaded = match config::load(&context.config) {
            Ok(loaded) => loaded,
            Err(refused) => {
                tell(context, refused.list())?;
                let errors = refused.list().iter().filter(|diagnostic| diagnostic.level == Level::Error).count();
                let errors = counted(errors, "error");
                context.printer.talk(format_args!("\n{} is refused: {errors}", context.config.display()));
                return Ok(ExitStatus::Usage);
            }
        };
        let now = SystemClock::new().now();
        let mut plugins = Plugins::default();
        let is_short = self.quiet || self.grants;
        if !context.printer.is_json() && !self.expanded && !is_short {
            context.printer.text(&head(&loaded.config))?;
        }
        let shown = if is_short { &[][..] } else { &loaded.config.controls };
        for control in shown {
            match (self.expanded, context.printer.is_json()) {
                (true, true) => context.printer.object(&expanded_object(&loaded, control))?,
                (true, false) => context.printer.text(&expanded_words(&loaded, control))?,
                (false, true) => context.printer.object(&object(&loaded.config, control, now, &mut plugins))?,
                (false, false) => context.printer.text(&words(&loaded.config, control, now, &mut plugins))?,
            }
        }
        let warnings = loaded.warnings_at(now);
        let compile = run::options(&loaded.config)?.compile;
        let shelf = fit::shelf(&loaded.config, compile)?;
        if self.grants {
            let lines = grants::lines(&loaded, &shelf);
            if context.printer.is_json() {
                lines.iter().try_for_each(|line| context.printer.object(line))?;
            } else {
                context.printer.text(&grants::words(&lines))?;
            }
        }
        let faults = fit::faults(&loaded, &shelf);
        tell(context, warnings.iter().copied().chain(&faults))?;
        let count = counted(warnings.len(), "warning");
        let controls = counted(loaded.config.controls.len(), "control");
        let file = context.config.display();
        if faults.is_empty() {
            context.printer.talk(format_args!("\n{file} is accepted: {controls}, {count}"));
            return Ok(ExitStatus::Done);
        }
        let untested = counted(faults.len(), "control");
        context.printer.talk(format_args!(
            "\n{file} can be loaded: {controls}, {count}; but {untested} cannot be tested: each run will be an error"
        ));
        Ok(ExitStatus::Usage)
    }
}

/// Diagnostics are data for a program, and talk for a person.
fn tell<'d>(context: &Context, diagnostics: impl IntoIterator<Item = &'d Diagnostic>) -> anyhow::Result<()> {
    for (at, diagnostic) in diagnostics.into_iter().enumerate() {
        if context.printer.is_json() {
            context.printer.object(diagnostic)?;
        } else {
            let gap = if at > 0 { "\n" } else { "" };
            context.printer.talk(format_args!("{gap}{diagnostic}"));
        }
    }
    Ok(())
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// What is said once, and not for each control.
fn head(config: &Config) -> String {
    let mail = match &config.mail.transport {
        Transport::Smtp(smtp) => format!("by {}:{}, tls {}", smtp.host, smtp.port, smtp.tls.as_str()),
        Transport::Directory(folder) => format!("into files of {}", folder.display()),
    };
    let mut text = format!("{} · {} · {}\n", config.organization, config.instance, config.timezone);
    text.push_str(&format!("state    {}\n", config.state_dir.display()));
    text.push_str(&format!("mail     {mail}, from {}\n", config.mail.from));
    for window in &config.windows {
        let chosen = window.controls.as_ref().map(|ids| counted(ids.len(), "control"));
        let chosen = chosen.unwrap_or_else(|| "all controls".to_owned());
        text.push_str(&format!(
            "window   {}: {} to {} in {}, {chosen}\n",
            window.id, window.start, window.end, window.timezone
        ));
    }
    text
}

fn words(config: &Config, control: &Control, now: Timestamp, plugins: &mut Plugins) -> String {
    let check = &control.check;
    let mut text = format!("\n{}  {}\n", control.id, control.title);
    let mut line = |name: &str, what: &str| text.push_str(&format!("  {name:<9}{what}\n"));
    let (family, severity) = (control.family.as_str(), control.severity.as_str());
    line("is", &format!("{family}, {severity}, owned by {}", control.owner));
    let disabled = if control.enabled { "" } else { ", but disabled: it is not run" };
    line("due", &format!("{}  ({}){disabled}", schedule_words(&check.schedule), check.timezone));
    for firing in next(control, now) {
        line("", &local(&firing, &check.timezone));
    }
    match control.built_in() {
        Some(built_in) => line("plugin", &format!("none: built in, rule {}", monitoring::digest(built_in))),
        None if control.is_attested() => {}
        None => line("plugin", &plugins.find(config, &check.plugin).words(&check.plugin)),
    }
    for grant in &check.grants {
        line("reaches", &reach(grant));
    }
    if check.grants.is_empty() {
        line("reaches", "no host");
    }
    for input in &check.inputs {
        line("reads", &format!("{}: {}", input.name, origin(input)));
    }
    line("limits", &limit_words(&check.limits));
    line("tells", &told(config, control).join(", "));
    text
}

fn object(config: &Config, control: &Control, now: Timestamp, plugins: &mut Plugins) -> Value {
    let check = &control.check;
    let next = next(control, now).into_iter().map(|firing| {
        json!({
            "slot": firing.slot,
            "local": local(&firing, &check.timezone),
            "shift": firing.shift.as_ref().map(|shift| shift.as_str()),
        })
    });
    let plugin = match control.built_in() {
        Some(built_in) => Found { path: None, digest: Some(monitoring::digest(built_in)) },
        None => plugins.find(config, &check.plugin),
    };
    let reaches = check.grants.iter().map(|grant| {
        json!({
            "url": endpoint(grant).to_string(),
            "methods": grant.methods,
            "credential": grant.credential,
            "named_credentials": grant.named_credentials,
            "client_certificate": grant.client_certificate,
            "addresses": grant.addresses.iter().map(|range| format!("{}/{}", range.network, range.prefix)).collect::<Vec<_>>(),
            "source": grant.source,
        })
    });
    json!({
        "control": control.id,
        "title": control.title,
        "family": control.family,
        "severity": control.severity,
        "owner": control.owner,
        "enabled": control.enabled,
        "definition": check.definition(),
        "timezone": check.timezone,
        "schedule": schedule_words(&check.schedule),
        "next": next.collect::<Vec<_>>(),
        "plugin": { "name": check.plugin, "path": plugin.path, "digest": plugin.digest },
        "reaches": reaches.collect::<Vec<_>>(),
        "inputs": check.inputs,
        "limits": limit_values(&check.limits).into_iter().collect::<BTreeMap<_, _>>(),
        "tells": told(config, control),
    })
}

fn expanded_words(loaded: &Loaded, control: &Control) -> String {
    const COLUMN: usize = 44;
    // What is built in cannot be written.
    let (head, mark) =
        if control.built_in().is_some() { ("# built in; [monitoring] sets it", "# ") } else { ("[[control]]", "") };
    let mut text = format!("{head}\n");
    for value in loaded.expanded(control) {
        let line = format!("{mark}{}", value.to_toml());
        let origin = match value.origin {
            Some(origin) => format!("{}:{}", origin.file.display(), origin.line),
            None => "default".to_owned(),
        };
        let gap = COLUMN.saturating_sub(line.chars().count()).max(2);
        text.push_str(&format!("{line}{}# {origin}\n", " ".repeat(gap)));
    }
    for grant in control.check.grants.iter().filter(|grant| grant.source.is_some()) {
        text.push_str(&format!("# reaches {}\n", reach(grant)));
    }
    text.push_str(&format!("# definition {}\n\n", control.check.definition()));
    text
}

fn expanded_object(loaded: &Loaded, control: &Control) -> Value {
    let value = |value: config::ExpandedValue<'_>| {
        let origin = value.origin.map_or(Value::Null, |origin| json!({ "file": *origin.file, "line": origin.line }));
        json!({ "key": value.key, "value": value.value, "origin": origin })
    };
    json!({
        "control": control.id,
        "definition": control.check.definition(),
        "values": loaded.expanded(control).into_iter().map(value).collect::<Vec<_>>(),
    })
}

fn next(control: &Control, now: Timestamp) -> Vec<Firing> {
    // A configuration that was accepted has schedules and zones that can be read.
    let schedule = Schedule::parse(&control.check.schedule, &control.check.timezone);
    schedule.map_or_else(|_| Vec::new(), |schedule| schedule.upcoming(now).take(SHOWN).collect())
}

fn local(firing: &Firing, zone: &str) -> String {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let at = firing.slot.0.to_jiff().to_zoned_datetime(zone);
    let form = if at.second() == 0 { "%a %Y-%m-%d %H:%M %Z" } else { "%a %Y-%m-%d %H:%M:%S %Z" };
    let shift = firing.shift.as_ref().map(|shift| format!("  ({})", shift.as_str())).unwrap_or_default();
    format!("{}{shift}", at.strftime(form))
}

fn endpoint(grant: &Grant) -> Endpoint {
    Endpoint { scheme: grant.scheme, host: grant.host.clone(), port: grant.port }
}

pub(super) fn reach(grant: &Grant) -> String {
    let mut text = format!("{} by {}", endpoint(grant), grant.methods.join(", "));
    if let Some(credential) = &grant.credential {
        text.push_str(&format!(" with the credential {credential}"));
    }
    if !grant.named_credentials.is_empty() {
        let names: Vec<_> = grant.named_credentials.iter().map(|name| name.as_str()).collect();
        text.push_str(&format!(" (or {})", names.join(", ")));
    }
    if let Some(certificate) = &grant.client_certificate {
        text.push_str(&format!(" and the certificate {certificate}"));
    }
    if !grant.addresses.is_empty() {
        let ranges: Vec<_> =
            grant.addresses.iter().map(|range| format!("{}/{}", range.network, range.prefix)).collect();
        text.push_str(&format!(", also in {}", ranges.join(", ")));
    }
    text
}

pub(super) fn origin(input: &InputSpec) -> String {
    match &input.origin {
        InputOrigin::File(path) => format!("file {}", path.display()),
        InputOrigin::Glob(pattern) => format!("files {pattern}"),
        InputOrigin::Http(url) => format!("GET {url}"),
        InputOrigin::Sql(sql) => format!("a query of {}", sql.database.source),
        InputOrigin::Prometheus(asked) => {
            format!("a query of {}", asked.grant.source.as_ref().map_or("Prometheus", SourceId::as_str))
        }
        InputOrigin::S3(object) => format!("s3://{}/{}", object.bucket, object.key),
        InputOrigin::Ldap(search) => format!("a search in {}", search.database.source),
        InputOrigin::Ledger(slots) => format!("the ledger's slots of {}", slots.controls.join(", ")),
        InputOrigin::Events(spec) => format!("events of {}", spec.globs.join(", ")),
    }
}

fn told(config: &Config, control: &Control) -> Vec<String> {
    let recipients = config.recipients_for(control, AlertCause::Failed, false);
    recipients.into_iter().map(|recipient| recipient.id.to_string()).collect()
}

/// Files of plugins that were looked for; each is read once.
#[derive(Debug, Default)]
struct Plugins(BTreeMap<PluginName, Found>);

#[derive(Debug, Clone, Default)]
struct Found {
    path: Option<PathBuf>,
    digest: Option<Digest>,
}

impl Plugins {
    fn find(&mut self, config: &Config, name: &PluginName) -> Found {
        let look = || {
            let path = config.plugin_paths(name).into_iter().find(|path| path.is_file());
            let digest = path.as_ref().and_then(|path| fs::read(path).ok()).map(|bytes| Digest::of(&bytes));
            Found { path, digest }
        };
        self.0.entry(name.clone()).or_insert_with(look).clone()
    }
}

impl Found {
    fn words(&self, name: &PluginName) -> String {
        match (&self.path, &self.digest) {
            (Some(path), Some(digest)) => format!("{name}, {}, {digest}", path.display()),
            (Some(path), None) => format!("{name}, {}, which cannot be read", path.display()),
            (None, _) => format!("{name}, which is not there: its runs end as errors until it is"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
organization = "Example AI"
timezone = "Europe/Berlin"
plugin_dirs = ["plugins"]
state_dir = "/var/lib/evidenced"
[[recipient]]
id = "compliance"
email = ["compliance@example.com"]
[[credential]]
id = "aws-audit"
kind = "aws-sigv4"
secret = { credential = "aws-audit" }
[[source]]
id = "iam"
urls = ["https://iam.amazonaws.com"]
methods = ["GET", "POST"]
credential = "aws-audit"
addresses = ["10.0.0.0/8"]
[[control]]
id = "SEC-01"
title = "Keys are rotated"
owner = "platform"
severity = "high"
plugin = "key-rotation"
schedule = "30 2 * * *"
sources = ["iam"]
input = [{ name = "inventory", file = "/srv/keys.json" }]
"#;

    fn loaded() -> (tempfile::TempDir, Loaded) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("plugins")).unwrap();
        fs::write(folder.path().join("plugins/key-rotation.wasm"), b"\0asm").unwrap();
        fs::write(folder.path().join("evidenced.toml"), TEXT).unwrap();
        let loaded = config::load(&folder.path().join("evidenced.toml")).unwrap();
        (folder, loaded)
    }

    #[test]
    fn a_control_is_shown_with_its_next_slots_and_its_reach() {
        let (folder, loaded) = loaded();
        let now = "2026-03-27T12:00:00Z".parse().unwrap();
        let shown = words(&loaded.config, &loaded.config.controls[0], now, &mut Plugins::default());
        let shown = shown.replace(&format!("{}/", folder.path().display()), "");
        let digest = Digest::of(b"\0asm");
        assert_eq!(
            shown,
            format!(
                "
SEC-01  Keys are rotated
  is       security, high, owned by platform
  due      30 2 * * *  (Europe/Berlin)
           Sat 2026-03-28 02:30 CET
           Sun 2026-03-29 03:00 CEST  (moved-out-of-gap)
           Mon 2026-03-30 02:30 CEST
           Tue 2026-03-31 02:30 CEST
           Wed 2026-04-01 02:30 CEST
  plugin   key-rotation, plugins/key-rotation.wasm, {digest}
  reaches  https://iam.amazonaws.com:443 by GET, POST with the credential aws-audit, also in 10.0.0.0/8
  reads    inventory: file /srv/keys.json
  limits   wall 10m, memory 128MiB, report 1MiB, log 64KiB, response 8MiB, requests 2000, input 32MiB, state 64KiB, rounds 32
  tells    compliance
"
            )
        );
        let object = object(&loaded.config, &loaded.config.controls[0], now, &mut Plugins::default());
        assert_eq!(object["next"][1]["slot"], "2026-03-29T01:00:00.000Z");
        assert_eq!(object["plugin"]["digest"], digest.to_string());
        assert_eq!(object["reaches"][0]["credential"], "aws-audit");
    }

    #[test]
    fn an_expanded_control_names_the_line_of_each_value() {
        let (folder, loaded) = loaded();
        let shown = expanded_words(&loaded, &loaded.config.controls[0]);
        let shown = shown.replace(&format!("{}/", folder.path().display()), "");
        for line in [
            "severity = \"high\"                           # evidenced.toml:23\n",
            "schedule = \"30 2 * * *\"                     # evidenced.toml:25\n",
            "confirmations = 1                           # default\n",
            "limits.wall = \"10m\"                         # default\n",
            "input = [{ file = \"/srv/keys.json\", name = \"inventory\" }]  # evidenced.toml:27\n",
        ] {
            assert!(shown.contains(line), "{line}\n{shown}");
        }
    }
}
