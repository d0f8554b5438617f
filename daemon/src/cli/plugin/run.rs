use std::{
    io::Write as _,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

use super::{Context, ExitStatus, load, sandbox};
use crate::{
    author::{AllowedHost, LiveRun, LiveSpec, run_live},
    cli::run::runtime,
    domain::{EventInterval, Outcome, RunReason, Timestamp},
    evidence::EndedRecord,
};

/// Run a plugin once, outside of any daemon, and show what it reports.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 pass or not applicable; 1 fail; 3 could not be tested.\n\nExample:\n  evidenced plugin run api-keys.wasm \
                  --config '{\"url\": \"https://api.example.com\", \"max_age_days\": 90}' --allow-host https://api.example.com\n  evidenced plugin run . \
                  --config config.json --input endpoint=https://example.com --allow-host https://example.com --record \
                  cases/live.toml\n\nThe plugin reaches the hosts that are given and no others, by the daemon's own gate and with the limits of a \
                  control. Secrets are read from files, and are in nothing that is shown or recorded."
)]
pub(super) struct RunArguments {
    /// A plugin's file, or a project's folder.
    plugin: PathBuf,
    /// What the plugin is told: a JSON file, or JSON itself.
    #[arg(long, value_name = "FILE|JSON")]
    config: Option<PathBuf>,
    /// An input: a file, or a URL, whose host must be allowed too.
    #[arg(long = "input", value_name = "NAME=FILE|URL")]
    inputs: Vec<NamedInput>,
    /// A host that it may reach: scheme, host and port, with methods before it if GET and HEAD are not what is needed.
    #[arg(long = "allow-host", value_name = "[METHODS ]URL")]
    hosts: Vec<HostArgument>,
    /// What the host before it in the list is asked with: bearer, header:NAME, basic:USER or another kind of `[[credential]]`, and a file.
    #[arg(long = "credential", value_name = "URL=KIND:FILE")]
    credentials: Vec<CredentialArgument>,
    /// A range of private addresses that the hosts may resolve to.
    #[arg(long = "allow-addresses", value_name = "CIDR")]
    addresses: Vec<String>,
    /// A PEM file of roots that are trusted besides the system's.
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    /// A limit as a control has it, such as wall=10s, memory=64MiB, requests=100.
    #[arg(long = "limit", value_name = "KEY=VALUE")]
    limits: Vec<KeyValue>,
    /// The run's time, which is all that the plugin knows of clocks.
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
    /// Its randomness: 64 hexadecimal digits; zeros if nothing is said.
    #[arg(long, value_name = "HEX")]
    seed: Option<Seed>,
    /// The events that it is asked about, for a check that reads events.
    #[arg(long, value_name = "FROM/UNTIL")]
    interval: Option<IntervalArgument>,
    /// Write the run as a case that plays it again without a network.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

impl RunArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let config = read_config(self.config.as_deref().unwrap_or(Path::new("{}")))?;
        let hosts = match self.hosts() {
            Ok(hosts) => hosts,
            Err(why) => {
                context.printer.talk(format_args!("error: {why}"));
                return Ok(ExitStatus::Usage);
            }
        };
        if let Some(record) = self.record.as_ref().filter(|record| record.symlink_metadata().is_ok()) {
            anyhow::bail!(
                "{} is there already: record into another file, or update it with `plugin test --update`",
                record.display()
            );
        }
        let sandbox = sandbox()?;
        let (target, _loaded) = load(&sandbox, &self.plugin)?;
        let absolute =
            |path: &Path| std::path::absolute(path).with_context(|| format!("cannot find {}", path.display()));
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for NamedInput { name, from } in &self.inputs {
            let is_url = from.starts_with("https://") || from.starts_with("http://");
            let from = if is_url { from.clone() } else { absolute(Path::new(from))?.display().to_string() };
            inputs.push((name.clone(), from));
        }
        let spec = LiveSpec {
            plugin: absolute(&target.file)?,
            config,
            inputs,
            hosts,
            ca: self.ca.iter().map(|path| absolute(path)).collect::<anyhow::Result<_>>()?,
            limits: self.limits.iter().map(|KeyValue { key, value }| (key.clone(), value.clone())).collect(),
            now: self.now,
            seed: self.seed.as_ref().map_or([0; 32], |seed| seed.0),
            interval: self.interval.as_ref().map(|interval| interval.0),
        };
        let run = runtime()?.block_on(run_live(&sandbox, &spec))?;
        print(context, &run)?;
        if let EndedRecord::Other { reason: RunReason::GrantMissing, .. } = &run.finished.ended {
            context.printer.talk("here that is given by `--allow-host URL` and `--input NAME=FILE|URL`");
        }
        if let Some(record) = &self.record {
            write_case(&run, record)?;
            context.printer.talk(format_args!(
                "recorded as {}: read it through, and keep what the case is about",
                record.display()
            ));
        }
        Ok(match run.outcome {
            Outcome::Pass | Outcome::NotApplicable => ExitStatus::Done,
            Outcome::Fail => ExitStatus::No,
            Outcome::Error => ExitStatus::Unable,
        })
    }

    /// The hosts with their credentials.
    fn hosts(&self) -> Result<Vec<AllowedHost>, String> {
        let mut hosts: Vec<_> = self
            .hosts
            .iter()
            .map(|HostArgument { methods, url }| AllowedHost {
                url: url.clone(),
                methods: methods.clone(),
                credential: None,
                addresses: self.addresses.clone(),
            })
            .collect();
        for CredentialArgument { url, kind, file } in &self.credentials {
            let host = hosts.iter_mut().find(|host| host.url == *url);
            let host = host.ok_or_else(|| {
                format!("--credential names {url}, which no --allow-host does: add `--allow-host {url}`")
            })?;
            let file = std::path::absolute(file).map_err(|error| format!("{}: {error}", file.display()))?;
            host.credential = Some((kind.clone(), file));
        }
        Ok(hosts)
    }
}

fn read_config(given: &Path) -> anyhow::Result<Value> {
    let words = given.to_string_lossy();
    let (text, name) = if words.trim_start().starts_with('{') {
        (words.clone().into_owned(), "--config".into())
    } else {
        let text = std::fs::read_to_string(given);
        (text.with_context(|| format!("cannot read {words}: name a JSON file, or write JSON itself"))?, words)
    };
    let config: Value = serde_json::from_str(&text).with_context(|| format!("{name} is no JSON"))?;
    anyhow::ensure!(config.is_object(), "{name} is no JSON object");
    Ok(config)
}

fn print(context: &Context, run: &LiveRun) -> anyhow::Result<()> {
    let LiveRun { outcome, finished, trace } = run;
    let (took_ms, memory) = (trace.took.as_secs_f64() * 1000.0, trace.peak_memory);
    if context.printer.is_json() {
        let ended = match &finished.ended {
            EndedRecord::Report(report) => json!({ "report": report }),
            EndedRecord::Failure(failure) => json!({ "failure": failure }),
            EndedRecord::Other { words, .. } => json!({ "error": words }),
        };
        return context.printer.object(&json!({
            "outcome": outcome.as_str(),
            "ended": ended,
            "log": trace.log,
            "inputs": finished.inputs.iter().map(|given| &given.input).collect::<Vec<_>>(),
            "calls": finished.transcript.calls,
            "plugin_ms": took_ms,
            "run_ms": finished.took.as_secs_f64() * 1000.0,
            "memory_bytes": memory,
        }));
    }
    context.printer.line(outcome.as_str())?;
    // A report of many findings is read from its end.
    context.printer.text(&run.words())?;
    for line in &trace.log {
        context.printer.line(format_args!("log {:?}: {}", line.level, line.message))?;
    }
    context.printer.line(format_args!(
        "{} calls, {took_ms:.1} ms in the plugin, {:.1} ms in all, {:.1} MiB of memory",
        finished.transcript.calls.len(),
        finished.took.as_secs_f64() * 1000.0,
        memory as f64 / f64::from(1 << 20),
    ))?;
    Ok(())
}

fn write_case(run: &LiveRun, path: &Path) -> anyhow::Result<()> {
    let text = run.case()?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    // It may have come up while the plugin ran.
    let file = std::fs::File::create_new(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[derive(Debug, Clone)]
struct NamedInput {
    name: String,
    from: String,
}

impl FromStr for NamedInput {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').filter(|(name, from)| !name.is_empty() && !from.is_empty());
        let (name, from) = parts.ok_or("write NAME=FILE or NAME=URL, such as `endpoint=https://example.com`")?;
        Ok(Self { name: name.to_owned(), from: from.to_owned() })
    }
}

#[derive(Debug, Clone)]
struct HostArgument {
    methods: Vec<String>,
    url: String,
}

impl FromStr for HostArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (methods, url) = match text.trim().rsplit_once(' ') {
            Some((methods, url)) => (methods.split([',', ' ']).filter(|word| !word.is_empty()).collect(), url),
            None => (Vec::new(), text.trim()),
        };
        if !url.contains("://") {
            return Err(
                "write scheme and host, such as `https://api.example.com` or `GET,POST https://api.example.com`"
                    .to_owned(),
            );
        }
        let methods = methods.into_iter().map(str::to_ascii_uppercase).collect();
        Ok(Self { methods, url: url.trim_end_matches('/').to_owned() })
    }
}

#[derive(Debug, Clone)]
struct CredentialArgument {
    url: String,
    kind: String,
    file: PathBuf,
}

impl FromStr for CredentialArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            "write URL=KIND:FILE, such as `https://api.example.com=bearer:token.txt` or `…=header:X-Api-Key:key.txt`";
        let (url, credential) = text.split_once('=').ok_or(wrong)?;
        let (kind, file) = match credential.split_once(':').ok_or(wrong)? {
            (kind @ ("header" | "basic"), rest) => {
                let (more, file) = rest.split_once(':').ok_or(wrong)?;
                (format!("{kind}:{more}"), file)
            }
            (kind, file) => (kind.to_owned(), file),
        };
        if file.is_empty() {
            return Err(wrong.to_owned());
        }
        Ok(Self { url: url.trim_end_matches('/').to_owned(), kind, file: file.into() })
    }
}

#[derive(Debug, Clone)]
struct KeyValue {
    key: String,
    value: String,
}

impl FromStr for KeyValue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, such as `wall=10s`")?;
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

#[derive(Debug, Clone)]
struct Seed([u8; 32]);

impl FromStr for Seed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut seed = [0; 32];
        hex::decode_to_slice(text, &mut seed).map_err(|_| "a seed is 64 hexadecimal digits".to_owned())?;
        Ok(Self(seed))
    }
}

#[derive(Debug, Clone)]
struct IntervalArgument(EventInterval);

impl FromStr for IntervalArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = "write FROM/UNTIL, such as `2026-03-01T00:00:00Z/2026-03-02T00:00:00Z`";
        let (from, until) = text.split_once('/').ok_or(wrong)?;
        let (from, until) = (from.parse().map_err(|_| wrong)?, until.parse().map_err(|_| wrong)?);
        if until <= from {
            return Err("the interval ends before it begins".to_owned());
        }
        Ok(Self(EventInterval { from, until }))
    }
}
