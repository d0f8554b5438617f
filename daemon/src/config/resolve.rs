//! The root of the tree -> the whole configuration.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use jiff::tz::TimeZone;

use super::{
    alerts,
    controls::Reader,
    diagnostics::{Errors, Named},
    holidays::holidays,
    mail,
    model::{Access, Config, Quiet, Runner},
    monitoring,
    network::network,
    plugins::plugins,
    quantities::zone,
    section::{Located, Section},
    sources::Known,
    templates::{Draft, Drafts, drafts},
    tree::{Node, Place, Table, Value},
    webhooks,
};
use crate::domain::{AlertCause, Control, ControlId, LocalDay, Window, WindowId, Within, wildcard};

/// Where things are when the configuration does not say.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    /// The folder of the main file, absolute.
    pub base: PathBuf,
    /// `$STATE_DIRECTORY`, as systemd sets it.
    pub state_directory: Option<PathBuf>,
}

/// A configuration, if it is whole, and the table that each control was read from.
pub(super) struct Resolved {
    pub config: Option<Config>,
    pub drafts: BTreeMap<ControlId, Table>,
}

const STATE_DIR: &str = "/var/lib/evidenced";
/// Where plugins are looked for when the configuration does not say.
pub const PLUGIN_DIRS: [&str; 2] = ["/usr/lib/evidenced/plugins", "/etc/evidenced/plugins"];
/// What the instance is called that nobody named.
const INSTANCE: &str = "main";
/// Enough for checks that wait for the network; a run holds its memory while it waits.
const CONCURRENCY: u32 = 32;
/// Sixteen runs at the default limit, side by side.
const MEMORY_TOTAL_BYTES: u64 = 2 << 30;

pub(super) fn resolve(root: &Table, surroundings: &Surroundings, errors: &mut Errors) -> Resolved {
    let start = Place { file: 0, start: 0, end: 0 };
    let root = Section::new(root, start, "the configuration");
    let base = surroundings.base.as_path();
    root.require("organization", "organization = \"Example AI\"", errors);
    let organization = root.text("organization", errors).map(|name| name.value.to_owned());
    let instance = root.text("instance", errors).map_or_else(|| INSTANCE.to_owned(), |name| name.value.to_owned());
    let written_zone = root.zone("timezone", errors);
    // Stands in for a zone that is wrong, so that what hangs on it can be looked at too.
    let zone = written_zone.unwrap_or_else(|| ("UTC".to_owned(), TimeZone::UTC));
    let path = |key, errors: &mut Errors| root.text(key, errors).map(|path| base.join(path.value));
    let state_dir = path("state_dir", errors).or_else(|| surroundings.state_directory.clone());
    let state_dir = state_dir.unwrap_or_else(|| PathBuf::from(STATE_DIR));
    let socket = path("socket", errors).unwrap_or_else(|| state_dir.join("evidenced.sock"));
    let plugin_dirs = root.texts("plugin_dirs", errors);
    let plugin_dirs = plugin_dirs.map(|dirs| dirs.into_iter().map(|dir| base.join(dir.value)).collect());
    let plugin_dirs = plugin_dirs.unwrap_or_else(|| PLUGIN_DIRS.map(PathBuf::from).to_vec());
    let floor = root.size("free_space_floor", (1 << 53) - 1, errors);
    let runner = runner(&root, errors);
    let network = network(&root, base, errors);
    let plugins = plugins(&root, base, start, errors);
    let access = access(&root, errors);
    let web = web(&root, errors);
    let heartbeat = webhooks::heartbeat(&root, base, errors);
    let mail = mail::mail(&root, base, &state_dir, errors);
    let alerts = alerts::alerts(&root, errors);
    let recipients = mail::recipients(&root, base, &zone.0, errors);
    let known = Known::read(&root, base, errors);
    let mut reader = Reader {
        known: &known,
        base,
        zone: zone.clone(),
        memory_total_bytes: runner.memory_total_bytes,
        plugin_files: BTreeMap::new(),
        plugin_names: BTreeSet::new(),
        history: Vec::new(),
        patterns: Vec::new(),
    };
    let Drafts { drafts, spares, defaults } = drafts(&root, errors);
    let own = monitoring::own_drafts(&root, &defaults, errors);
    let (mut controls, mut tables, mut places) = controls(drafts, &mut reader, errors);
    for spare in spares {
        // Only for what is wrong in it: what it would have been, or would have named, is nobody's.
        let named = (reader.plugin_files.clone(), reader.plugin_names.clone());
        let asked = (reader.history.clone(), reader.patterns.clone());
        reader.control(&spare, errors);
        (reader.plugin_files, reader.plugin_names) = named;
        (reader.history, reader.patterns) = asked;
    }
    for own in own {
        let Some(control) = reader.control(&own.draft, errors) else { continue };
        places.insert(control.id.clone(), own.draft.at);
        tables.insert(control.id.clone(), own.written);
        controls.push(control);
    }
    let Reader { plugin_files, history, patterns, .. } = reader;
    let ids: BTreeSet<&ControlId> = places.keys().collect();
    for (id, at) in &history {
        if !ids.contains(id) {
            errors.add_unknown(*at, Named::Control, id.as_str(), ids.iter().map(|id| id.as_str()));
        }
    }
    for (pattern, at) in &patterns {
        if !ids.iter().any(|id| wildcard(pattern, id.as_str())) {
            errors.add_unknown(*at, Named::Control, pattern, ids.iter().map(|id| id.as_str()));
        }
    }
    let windows = windows(&root, &zone.0, &ids, errors);
    monitoring::look_no_further_back(&mut controls, &windows);
    let rollup_zones = rollup_zones(&root, &zone.0, &windows, &recipients, errors);
    let counts_business_days = |control: &Control| matches!(control.check.remediate_within, Within::BusinessDays(_));
    let is_quiet_on_holidays = |quiet: &Quiet| quiet.business_days_only;
    let needs_holidays = controls.iter().any(counts_business_days)
        || recipients.iter().any(|recipient| recipient.quiet.as_ref().is_some_and(is_quiet_on_holidays));
    let holidays = read_holidays(&root, base, needs_holidays, errors);
    mail::check_owners(&root, &controls, errors);
    root.finish(errors);
    let Known { mut credentials, mut sources, source_order, mut databases, database_order } = known;
    let config = (|| {
        Some(Config {
            organization: organization?,
            instance,
            timezone: zone.0,
            state_dir,
            socket,
            plugin_dirs,
            plugin_files,
            plugins,
            holidays,
            free_space_floor_bytes: floor.map(|floor| floor.value),
            runner,
            network,
            rollup_zones,
            windows,
            mail: mail?,
            recipients,
            alerts,
            credentials: credentials.order.iter().filter_map(|id| credentials.specs.remove(id)).collect(),
            sources: source_order.iter().filter_map(|id| sources.remove(id)).collect(),
            databases: database_order.iter().filter_map(|id| databases.remove(id)).collect(),
            controls,
            access,
            web,
            heartbeat,
        })
    })();
    // What is told to whom is worth a word once the rest is right.
    if let Some(config) = config.as_ref().filter(|_| !errors.is_refused()) {
        check_audience(config, &places, start, errors);
    }
    Resolved { config, drafts: tables }
}

/// All controls that are whole, in the order of the files.
fn controls(
    drafts: Vec<Draft>,
    reader: &mut Reader<'_>,
    errors: &mut Errors,
) -> (Vec<Control>, BTreeMap<ControlId, Table>, BTreeMap<ControlId, Place>) {
    let (mut controls, mut tables, mut places) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for draft in drafts {
        let id = match draft.table.get("id").map(|member| &member.node) {
            Some(Node { value: Value::Text(id), at }) => id.parse::<ControlId>().ok().map(|id| (id, *at)),
            _ => None,
        };
        if let Some((id, at)) = &id
            && places.insert(id.clone(), *at).is_some()
        {
            errors.add_duplicate_id(*at, Named::Control, id.as_str(), draft.from_row);
        }
        if let Some(control) = reader.control(&draft, errors) {
            tables.insert(control.id.clone(), draft.table);
            controls.push(control);
        }
    }
    (controls, tables, places)
}

fn runner(root: &Section<'_>, errors: &mut Errors) -> Runner {
    let mut runner = Runner { concurrency: CONCURRENCY, memory_total_bytes: MEMORY_TOTAL_BYTES };
    let Some(section) = root.table("runner", "[runner]", errors) else { return runner };
    if let Some(concurrency) = section.number("concurrency", 1, errors) {
        runner.concurrency = concurrency.value;
    }
    if let Some(memory) = section.size("memory_total", (1 << 53) - 1, errors) {
        runner.memory_total_bytes = memory.value;
    }
    section.finish(errors);
    runner
}

fn access(root: &Section<'_>, errors: &mut Errors) -> Access {
    let Some(section) = root.table("access", "[access]", errors) else { return Access::default() };
    let names = |key, errors: &mut Errors| {
        let mut names = Vec::new();
        for name in section.texts(key, errors).unwrap_or_default() {
            if name.value.trim_start_matches('@').is_empty() || name.value.contains(char::is_whitespace) {
                errors.add_malformed(
                    name.at,
                    "bad-user",
                    name.value,
                    "a user",
                    "write a user's name, or `@` and a group",
                );
            }
            names.push(name.value.to_owned());
        }
        names
    };
    let access = Access {
        viewers: names("viewers", errors),
        responders: names("responders", errors),
        operators: names("operators", errors),
        approvers: names("approvers", errors),
    };
    section.finish(errors);
    access
}

fn web(root: &Section<'_>, errors: &mut Errors) -> Option<SocketAddr> {
    let section = root.table("web", "[web]", errors)?;
    let listen = section.text("listen", errors);
    section.require("listen", "listen = \"127.0.0.1:8420\"", errors);
    section.finish(errors);
    let Located { value, at } = listen?;
    match value.parse::<SocketAddr>() {
        Ok(address) => {
            if !address.ip().is_loopback() {
                errors.add_web_not_local(at, value);
            }
            Some(address)
        }
        Err(_) => {
            let hint = "write an IP address and a port, such as `127.0.0.1:8420`";
            errors.add_malformed(at, "bad-listen-address", value, "an address to listen on", hint);
            None
        }
    }
}

fn windows(root: &Section<'_>, zone: &str, ids: &BTreeSet<&ControlId>, errors: &mut Errors) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for section in root.tables("window", "[[window]]", errors) {
        section.require("id", "id = \"2026\"", errors);
        section.require("start", "start = \"2026-01-01\"", errors);
        section.require("end", "end = \"2026-12-31\"", errors);
        let id = section.id::<WindowId>(Named::Window, errors);
        let (start, end) = (section.day("start", errors), section.day("end", errors));
        if let (Some(start), Some(end)) = (&start, &end)
            && end.value < start.value
        {
            errors.add_window_ends_early(end.at, &start.value.to_string(), &end.value.to_string());
        }
        let timezone = section.zone("timezone", errors).map_or_else(|| zone.to_owned(), |(name, _)| name);
        let controls = section.texts("controls", errors).map(|names| window_controls(&names, ids, errors));
        section.finish(errors);
        let (Some(id), Some(start), Some(end)) = (id, start, end) else { continue };
        if windows.iter().any(|known| known.id == id.value) {
            errors.add_duplicate_id(id.at, Named::Window, id.value.as_str(), false);
        } else {
            windows.push(Window { id: id.value, start: start.value, end: end.value, timezone, controls });
        }
    }
    windows
}

/// Ids, with `*` for any text.
fn window_controls(names: &[Located<&str>], ids: &BTreeSet<&ControlId>, errors: &mut Errors) -> Vec<ControlId> {
    let mut chosen = BTreeSet::new();
    for name in names {
        let mut named = ids.iter().copied().filter(|id| wildcard(name.value, id.as_str())).peekable();
        if named.peek().is_none() {
            errors.add_unknown(name.at, Named::Control, name.value, ids.iter().map(|id| id.as_str()));
        }
        chosen.extend(named);
    }
    chosen.into_iter().cloned().collect()
}

fn rollup_zones(
    root: &Section<'_>,
    organization: &str,
    windows: &[Window],
    recipients: &[super::model::Recipient],
    errors: &mut Errors,
) -> Vec<String> {
    let listed = root.texts("rollup_zones", errors).unwrap_or_default();
    let listed: Vec<_> = listed.into_iter().filter_map(|name| Some(zone(name, errors)?.0)).collect();
    let summaries = recipients.iter().filter(|recipient| !recipient.summaries.is_empty());
    let mut zones = vec![organization.to_owned()];
    let named = listed.into_iter().chain(windows.iter().map(|window| window.timezone.clone()));
    for name in named.chain(summaries.map(|recipient| recipient.timezone.clone())) {
        if !zones.contains(&name) {
            zones.push(name);
        }
    }
    zones
}

fn read_holidays(root: &Section<'_>, base: &Path, needed: bool, errors: &mut Errors) -> BTreeSet<LocalDay> {
    let Some(written) = root.text("holidays", errors) else { return BTreeSet::new() };
    let path = base.join(written.value);
    let days = match fs::read_to_string(&path) {
        Ok(text) => holidays(&text),
        Err(error) => {
            errors.add_holidays_missing(written.at, &path, &error, needed);
            return BTreeSet::new();
        }
    };
    days.unwrap_or_else(|error| {
        errors.add_bad_holidays(written.at, error.line, error.why);
        BTreeSet::new()
    })
}

/// Warns of controls that fail unheard.
fn check_audience(config: &Config, places: &BTreeMap<ControlId, Place>, start: Place, errors: &mut Errors) {
    if !config.controls.iter().any(|control| control.built_in().is_none()) {
        return errors.add_no_controls(start);
    } else if config.recipients.is_empty() {
        return errors.add_no_recipients(start);
    }
    for control in config.controls.iter().filter(|control| control.enabled) {
        if config.recipients_for(control, AlertCause::Failed, false).is_empty()
            && let Some(at) = places.get(&control.id)
        {
            errors.add_nobody_is_told(*at);
        }
    }
}
