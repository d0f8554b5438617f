//! One table with nothing left to look up -> a control of the domain.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    asked::Sought,
    diagnostics::{Errors, Expected, Named},
    inputs::inputs,
    intervals::interval_rules,
    model::Endpoint,
    quantities::{Size, until},
    section::{Located, Section},
    sources::{Known, PlacedGrant},
    templates::{Draft, KEYS_OF_A_CHECK, family_by_id},
    tree::{Node, NotJson, Place, Table, Value},
    words::{CATCH_UPS, FAMILIES, ON_EMPTY, OVERLAPS, SEVERITIES, TRANSCRIPTS, written},
};
use crate::{
    domain::{
        BuiltIn, CatchUp, Check, Control, ControlId, Exclusion, Grant, Limits, OnEmpty, Overlap, PluginName,
        ScheduleSpec, Severity, TranscriptClass, Within,
    },
    schedule::Schedule,
};
use jiff::tz::TimeZone;

/// A shorter reason says nothing to a reader who was not there.
const REASON_CHARACTERS_MIN: usize = 20;
/// What the control is called whose file names no owner; a warning says so.
const NO_OWNER: &str = "unassigned";

/// What a control is read against.
pub(super) struct Reader<'r> {
    pub known: &'r Known,
    /// Relative paths are relative to this folder.
    pub base: &'r Path,
    pub zone: (String, TimeZone),
    pub memory_total_bytes: u64,
    /// Filled while reading: plugins that were named by path.
    pub plugin_files: BTreeMap<PluginName, PathBuf>,
    pub plugin_names: BTreeSet<PluginName>,
    /// Filled while reading: other controls whose measurements are wanted.
    pub history: Vec<(ControlId, Place)>,
    /// Filled while reading: controls whose slots are wanted, with `*` for any text.
    pub patterns: Vec<(String, Place)>,
}

impl Reader<'_> {
    /// `None`: something that nothing can stand in for is missing or wrong, and was reported.
    pub(super) fn control(&mut self, draft: &Draft, errors: &mut Errors) -> Option<Control> {
        let section = Section::new(&draft.table, draft.at, "[[control]]");
        let section = if draft.incomplete { section.lenient() } else { section };
        section.require("id", "id = \"SEC-01\"", errors);
        let id = section.id::<ControlId>(Named::Control, errors);
        if let Some(id) = id.as_ref().filter(|id| !draft.built_in && BuiltIn::is_control(id.value.as_str())) {
            errors.add_reserved_id(id.at, id.value.as_str());
        }
        let family = section.word("family", &FAMILIES, errors);
        let family = family.or_else(|| family_by_id(id.as_ref()?.value.as_str()));
        if family.is_none() && id.is_some() {
            section.require("family", "family = \"security\"", errors);
        }
        let title = section.text("title", errors).map(|title| title.value.to_owned());
        let owner = section.text("owner", errors).map(|owner| owner.value.to_owned());
        if section.key_at("owner").is_none() && !draft.incomplete && !draft.built_in {
            errors.add_no_owner(id.as_ref().map_or(draft.at, |id| id.at));
        }
        let criteria = self.criteria(&section, errors);
        let severity = section.word("severity", &SEVERITIES, errors).unwrap_or(SEVERITY);
        let remediation = section.text("remediation", errors).map(|text| text.value.to_owned());
        let systems = owned(section.texts("systems", errors));
        let enabled = section.boolean("enabled", errors).unwrap_or(true);
        let name = id.as_ref().map_or("this control", |id| id.value.as_str());
        let check = self.check(&section, name, errors);
        let id = id?;
        Some(Control {
            title: title.unwrap_or_else(|| id.value.to_string()),
            id: id.value,
            family: family?,
            criteria,
            owner: owner.unwrap_or_else(|| NO_OWNER.to_owned()),
            severity,
            remediation,
            systems,
            enabled,
            check: check?,
        })
    }

    fn check(&mut self, section: &Section<'_>, control: &str, errors: &mut Errors) -> Option<Check> {
        let attested = section.time_span("attested", errors);
        let is_attested = section.key_at("attested").is_some();
        let plugin = if is_attested { attested_plugin(section, errors) } else { self.plugin(section, errors) };
        let config = config(section, errors);
        // A zone that is wrong was reported; nothing more is said about the schedule in it.
        let written_zone = section.zone("timezone", errors);
        let (timezone, zone) = written_zone.unwrap_or_else(|| self.zone.clone());
        let schedule = match attested {
            Some(holds) => Some(ScheduleSpec::Attested(holds.value)),
            None if is_attested => None,
            None => schedule(section, &zone, errors),
        };
        let catch_up = section.word("catch_up", &CATCH_UPS, errors).unwrap_or(CatchUp::Latest);
        let overlap = section.word("overlap", &OVERLAPS, errors).unwrap_or(Overlap::Skip);
        let (on_empty, on_empty_reason) = on_empty(section, errors);
        let confirmations = section.number("confirmations", 1, errors).map_or(1, |number| number.value);
        let remediate_within = section.within("remediate_within", errors).unwrap_or(REMEDIATE_WITHIN);
        let untested_after_slots = section.number("untested_after", 1, errors).map_or(2, |number| number.value);
        let late_after = section.time_span("late_after", errors).map(|late| late.value);
        let transcript = section.word("transcript", &TRANSCRIPTS, errors).unwrap_or(TranscriptClass::Full);
        let exclude = exclusions(section, control, &zone, errors);
        let names = section.texts("sources", errors).unwrap_or_default();
        let (sources, mut grants) = self.known.grants_by_source(&names, errors);
        for grant in section.tables("grant", "[[control.grant]]", errors) {
            grants.extend(self.known.grant(grant, errors));
        }
        check_overlap(&grants, errors);
        let grants: Vec<_> = grants.into_iter().map(|(grant, _)| grant).collect();
        let known_grants = (!section.is_lenient()).then_some(grants.as_slice());
        let mut sought = Sought { known: self.known, base: self.base, patterns: &mut self.patterns };
        let inputs = inputs(section, &mut sought, known_grants, errors);
        let interval = interval_rules(section, errors);
        let history = self.history(section, errors);
        let limits = self.limits(section, !grants.is_empty(), errors);
        Some(Check {
            plugin: plugin?,
            config: config?,
            schedule: schedule?,
            timezone,
            catch_up,
            overlap,
            on_empty,
            on_empty_reason,
            confirmations,
            remediate_within,
            untested_after_slots,
            late_after,
            transcript,
            exclude,
            sources,
            grants,
            inputs,
            interval,
            history,
            limits,
        })
    }

    /// A name, or the path of a file; a path gives the plugin its file's name.
    fn plugin(&mut self, section: &Section<'_>, errors: &mut Errors) -> Option<PluginName> {
        section.require("plugin", "plugin = \"key-rotation\"", errors);
        let written = section.text("plugin", errors)?;
        let path = Path::new(written.value);
        let is_path = written.value.ends_with(".wasm") || written.value.starts_with(['/', '.']);
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let name = if is_path { stem } else { written.value };
        if name.starts_with(BuiltIn::PREFIX) && !is_built_in(section) {
            errors.add_reserved_plugin(written.at, name);
            return None;
        }
        let climbs = name.split('/').any(|step| step.is_empty() || step == "." || step == "..");
        let Some(name) = name.parse::<PluginName>().ok().filter(|_| !climbs) else {
            errors.add_bad_plugin(written.at, written.value);
            return None;
        };
        if is_path {
            let path = self.base.join(path);
            let other =
                self.plugin_files.get(&name).filter(|known| **known != path).map(|known| known.display().to_string());
            let other = other.or_else(|| self.plugin_names.contains(&name).then(|| format!("`{name}` of plugin_dirs")));
            match other {
                Some(other) => errors.add_plugin_named_twice(written.at, name.as_str(), &other),
                None => {
                    self.plugin_files.insert(name.clone(), path);
                }
            }
        } else if let Some(path) = self.plugin_files.get(&name) {
            errors.add_plugin_named_twice(written.at, name.as_str(), &path.display().to_string());
        } else {
            self.plugin_names.insert(name.clone());
        }
        Some(name)
    }

    fn criteria(&self, section: &Section<'_>, errors: &mut Errors) -> Vec<String> {
        let criteria = section.texts("criteria", errors).unwrap_or_default();
        for criterion in &criteria {
            if is_unknown_criterion(criterion.value) {
                errors.add_unknown_criterion(criterion.at, criterion.value);
            }
        }
        owned(Some(criteria))
    }

    fn history(&mut self, section: &Section<'_>, errors: &mut Errors) -> Vec<ControlId> {
        let mut ids = Vec::new();
        for name in section.texts("history", errors).unwrap_or_default() {
            match name.value.parse::<ControlId>() {
                Ok(id) => {
                    self.history.push((id.clone(), name.at));
                    ids.push(id);
                }
                Err(_) => errors.add_bad_id(name.at, Named::Control, name.value),
            }
        }
        ids
    }

    fn limits(&self, section: &Section<'_>, reaches_hosts: bool, errors: &mut Errors) -> Limits {
        let mut limits = Limits::default_for(reaches_hosts);
        let Some(section) = section.table("limits", "limits", errors) else { return limits };
        let small = u64::from(u32::MAX);
        let narrow = |size: Located<u64>| u32::try_from(size.value).unwrap_or(u32::MAX);
        if let Some(wall) = section.time_span("wall", errors) {
            limits.wall = wall.value;
        }
        if let Some(memory) = section.size("memory", MEMORY_MAX, errors) {
            limits.memory_bytes = memory.value;
            if memory.value > self.memory_total_bytes {
                errors.add_memory_over_total(memory.at, &Size(self.memory_total_bytes).to_string());
            }
        }
        if let Some(report) = section.size("report", small, errors) {
            limits.report_bytes = narrow(report);
        }
        if let Some(log) = section.size("log", small, errors) {
            limits.log_bytes = narrow(log);
        }
        if let Some(response) = section.size("response", small, errors) {
            limits.response_bytes = narrow(response);
        }
        if let Some(requests) = section.number("requests", 1, errors) {
            limits.requests = requests.value;
        }
        if let Some(input) = section.size("input", (1 << 53) - 1, errors) {
            limits.input_bytes = input.value;
        }
        if let Some(state) = section.size("state", small, errors) {
            limits.state_bytes = narrow(state);
        }
        if let Some(rounds) = section.number("rounds", 1, errors) {
            limits.rounds = rounds.value;
        }
        section.finish(errors);
        limits
    }
}

/// Neither an alarm in the night nor noise: who knows better says so.
const SEVERITY: Severity = Severity::Medium;
/// Memories of 32-bit WebAssembly end here.
const MEMORY_MAX: u64 = 4 << 30;
/// A week: what most policies give to what is not critical.
const REMEDIATE_WITHIN: Within = Within::Elapsed(std::time::Duration::from_secs(7 * 86_400));

/// Whether the daemon tests it itself: of a control of that name that somebody wrote, the name was reported.
fn is_built_in(section: &Section<'_>) -> bool {
    matches!(section.node("id").map(|node| &node.value), Some(Value::Text(id)) if BuiltIn::is_control(id))
}

/// What belongs to a check has no place in a control that no check tests.
fn attested_plugin(section: &Section<'_>, errors: &mut Errors) -> Option<PluginName> {
    for key in KEYS_OF_A_CHECK {
        if let Some(node) = section.node(key) {
            errors.add_attested_with(node.at, key);
        }
    }
    Check::ATTESTED.parse().ok()
}

fn owned(texts: Option<Vec<Located<&str>>>) -> Vec<String> {
    texts.unwrap_or_default().into_iter().map(|text| text.value.to_owned()).collect()
}

fn config(section: &Section<'_>, errors: &mut Errors) -> Option<serde_json::Value> {
    let Some(node) = section.node("config") else { return Some(serde_json::json!({})) };
    let Value::Table(table) = &node.value else {
        errors.add_wrong_type(node.at, "config", Expected::Table, node.value.kind());
        return None;
    };
    warn_of_secrets(table, errors);
    let json = node.to_json();
    match json {
        Ok(json) => Some(json),
        Err(NotJson::NotFinite(at)) => {
            errors.add_not_finite(at);
            None
        }
        Err(NotJson::TooLong(at)) => {
            errors.add_not_exact(at);
            None
        }
    }
}

/// The configuration of a plugin is kept in the ledger and given to the plugin: no place for a secret.
fn warn_of_secrets(table: &Table, errors: &mut Errors) {
    const NAMES: [&str; 8] =
        ["password", "passwd", "secret", "token", "api_key", "apikey", "private_key", "secret_access_key"];
    for (key, member) in table {
        let name = key.to_ascii_lowercase().replace('-', "_");
        match &member.node.value {
            Value::Text(text) if !text.is_empty() && NAMES.contains(&name.as_str()) => {
                errors.add_looks_like_secret(member.node.at, key);
            }
            Value::Table(table) => warn_of_secrets(table, errors),
            Value::Array(items) => items.iter().for_each(|item| {
                if let Node { value: Value::Table(table), .. } = item {
                    warn_of_secrets(table, errors);
                }
            }),
            Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Time(_) => {}
        }
    }
}

fn schedule(section: &Section<'_>, zone: &TimeZone, errors: &mut Errors) -> Option<ScheduleSpec> {
    let cron = section.text("schedule", errors);
    let every = section.duration("every", errors);
    match (section.key_at("schedule"), section.key_at("every")) {
        (Some(_), Some(second)) => {
            errors.add_two_schedules(second);
            return None;
        }
        (None, None) => {
            section.require("schedule", "schedule = \"0 6 * * *\" or every = \"5m\"", errors);
            return None;
        }
        (Some(_), None) | (None, Some(_)) => {}
    }
    let (spec, at) = match (cron, every) {
        (Some(cron), _) => (ScheduleSpec::Cron(cron.value.to_owned()), cron.at),
        (None, Some(every)) => (ScheduleSpec::Every(every.value), every.at),
        (None, None) => return None,
    };
    match Schedule::in_zone(&spec, zone.clone()) {
        Ok(_) => Some(spec),
        Err(error) => {
            errors.add_bad_schedule(at, &error.to_string(), matches!(spec, ScheduleSpec::Cron(_)));
            None
        }
    }
}

fn on_empty(section: &Section<'_>, errors: &mut Errors) -> (OnEmpty, Option<String>) {
    let on_empty = section.word("on_empty", &ON_EMPTY, errors).unwrap_or(OnEmpty::Error);
    let reason = section.text("on_empty_reason", errors).map(|reason| reason.value.to_owned());
    if on_empty != OnEmpty::Error && section.key_at("on_empty_reason").is_none() && !section.is_lenient() {
        let word = written(on_empty, &ON_EMPTY);
        errors.add_no_reason_for_empty(section.node("on_empty").map_or(section.at, |node| node.at), word);
    }
    (on_empty, reason)
}

fn exclusions(section: &Section<'_>, control: &str, zone: &TimeZone, errors: &mut Errors) -> Vec<Exclusion> {
    let mut exclusions = Vec::new();
    for section in section.tables("exclude", "an exclusion", errors) {
        section.require("subject", "subject = \"legacy-*\"", errors);
        section.require("reason", "reason = \"…\", why the subject is out of scope", errors);
        let subject = section.text("subject", errors);
        let reason = section.text("reason", errors);
        if let Some(reason) = reason.filter(|reason| reason.value.trim().chars().count() < REASON_CHARACTERS_MIN) {
            errors.add_short_reason(reason.at, REASON_CHARACTERS_MIN);
        }
        let approval = section.text("approval", errors).map(|approval| approval.value.to_owned());
        let written = section.text("until", errors);
        let end = written.and_then(|written| until(written.value, zone));
        if let (Some(written), None) = (written, end) {
            let hint = "write a day such as `2026-06-30` (inclusive), or a time such as `2026-06-30T12:00:00Z`";
            errors.add_malformed(written.at, "bad-date", written.value, "a day", hint);
        }
        section.finish(errors);
        let (Some(subject), Some(reason)) = (subject, reason) else { continue };
        if let (Some(written), Some(end)) = (written, end) {
            errors.add_end_of_exclusion(written.at, subject.value, control, end);
        }
        let (subject, reason) = (subject.value.to_owned(), reason.value.to_owned());
        exclusions.push(Exclusion { subject, reason, approval, until: end });
    }
    exclusions
}

/// A request must find one grant: two for the same host and method must not differ.
fn check_overlap(grants: &[PlacedGrant], errors: &mut Errors) {
    // Few grants share a host, so those of one host are compared with each other.
    let mut by_endpoint: BTreeMap<(&str, &str, u16), Vec<&Grant>> = BTreeMap::new();
    for (grant, at) in grants {
        let earlier = by_endpoint.entry((grant.scheme.as_str(), &grant.host, grant.port)).or_default();
        let shares_method = |other: &Grant| other.methods.iter().any(|method| grant.methods.contains(method));
        let differs = |other: &Grant| {
            (&other.credential, &other.addresses, &other.region) != (&grant.credential, &grant.addresses, &grant.region)
        };
        if earlier.iter().any(|other| shares_method(other) && differs(other)) {
            let endpoint = Endpoint { scheme: grant.scheme, host: grant.host.clone(), port: grant.port };
            errors.add_ambiguous_grant(*at, &endpoint.to_string());
        }
        earlier.push(grant);
    }
}

/// Whether it looks like one of the Trust Services Criteria (2017, points of focus of 2022) and is none. Criteria of
/// other frameworks are left alone.
fn is_unknown_criterion(text: &str) -> bool {
    const SERIES: [(&str, &[u8]); 5] = [
        ("CC", &[5, 3, 4, 2, 3, 8, 5, 1, 2]),
        ("PI", &[5]),
        ("A", &[3]),
        ("C", &[2]),
        ("P", &[1, 1, 2, 3, 2, 7, 1, 1]),
    ];
    let number = |digits: &str| digits.parse::<usize>().ok().filter(|&number| number > 0);
    for (prefix, sizes) in SERIES {
        let Some((group, point)) = text.strip_prefix(prefix).and_then(|rest| rest.split_once('.')) else { continue };
        if let (Some(group), Some(point)) = (number(group), number(point)) {
            return sizes.get(group - 1).is_none_or(|&size| point > usize::from(size));
        }
    }
    false
}
