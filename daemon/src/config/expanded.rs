//! A control as a table of all its values, each with the place that it comes from.
//!
//! What is printed is TOML again: read back, it gives the same control.

use serde_json::{Value, json};

use super::{
    Loaded, Origin,
    quantities::{Period, Size},
    words::{CATCH_UPS, EVENT_FORMATS, LDAP_SCOPES, ON_EMPTY, OVERLAPS, TRANSCRIPTS, written},
};
use crate::domain::{
    Check, Control, EventField, EventTest, EventsSpec, Exclusion, Grant, InputOrigin, InputSpec, IntervalRules,
    LdapSpec, LedgerSpec, Limits, PrometheusSpec, S3Spec, ScheduleSpec, SqlSpec, Within,
};

/// One value of a control.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpandedValue<'l> {
    /// As it is written; members of `config` and `limits` as `config.max_age_days`.
    pub key: String,
    /// As it is written, in JSON's kinds.
    pub value: Value,
    /// `None`: the default.
    pub origin: Option<&'l Origin>,
}

impl Loaded {
    /// Every value of the control, in the order of importance; what is empty and optional is left out.
    pub fn expanded(&self, control: &Control) -> Vec<ExpandedValue<'_>> {
        let origins = self.origins.get(&control.id);
        let origin = |key: &str| {
            // An inner table has no line of its own.
            let whole = || origins?.get(key.split('.').next()?);
            origins.and_then(|origins| origins.get(key)).or_else(whole)
        };
        values(control).into_iter().map(|(key, value)| ExpandedValue { origin: origin(&key), key, value }).collect()
    }
}

impl ExpandedValue<'_> {
    /// As a line of TOML, without the origin.
    pub fn to_toml(&self) -> String {
        let key = match self.key.split_once('.') {
            Some((table, key)) => format!("{table}.{}", toml_key(key)),
            None => self.key.clone(),
        };
        format!("{key} = {}", toml(&self.value))
    }
}

fn values(control: &Control) -> Vec<(String, Value)> {
    let Control { id, title, family, criteria, owner, severity, remediation, systems, enabled, check } = control;
    let mut values = Vec::new();
    let mut add = |key: &str, value: Value| {
        if !matches!(&value, Value::Null) && value != json!([]) {
            values.push((key.to_owned(), value));
        }
    };
    add("id", json!(id));
    add("title", json!(title));
    add("family", json!(family.as_str()));
    add("criteria", json!(criteria));
    add("owner", json!(owner));
    add("severity", json!(severity.as_str()));
    add("remediation", json!(remediation));
    add("systems", json!(systems));
    add("enabled", json!(enabled));
    let Check { plugin, config, schedule, timezone, catch_up, overlap, on_empty, on_empty_reason, .. } = check;
    if !control.is_attested() {
        add("plugin", json!(plugin));
    }
    match schedule {
        ScheduleSpec::Cron(expression) => add("schedule", json!(expression)),
        ScheduleSpec::Every(period) => add("every", json!(Period(*period).to_string())),
        ScheduleSpec::Attested(holds) => add("attested", json!(Period(*holds).to_string())),
    }
    add("timezone", json!(timezone));
    add("catch_up", json!(written(*catch_up, &CATCH_UPS)));
    add("overlap", json!(written(*overlap, &OVERLAPS)));
    add("on_empty", json!(written(*on_empty, &ON_EMPTY)));
    add("on_empty_reason", json!(on_empty_reason));
    let Check { confirmations, remediate_within, untested_after_slots, late_after, transcript, exclude, .. } = check;
    add("confirmations", json!(confirmations));
    add("remediate_within", json!(within_words(*remediate_within)));
    add("untested_after", json!(untested_after_slots));
    add("late_after", json!(late_after.map(|late| Period(late).to_string())));
    add("transcript", json!(written(*transcript, &TRANSCRIPTS)));
    add("exclude", exclude.iter().map(exclusion).collect());
    let Check { sources, grants, inputs, interval, history, limits, .. } = check;
    add("sources", json!(sources));
    add("grant", grants.iter().filter(|grant| grant.source.is_none()).map(grant_table).collect());
    add("input", inputs.iter().map(input).collect());
    if !interval.is_default() {
        let IntervalRules { lag, lookback, max_interval, overlap } = *interval;
        let keys = [("lag", lag), ("lookback", lookback), ("max_interval", max_interval), ("overlap", overlap)];
        for (key, value) in keys {
            add(&format!("interval.{key}"), json!(Period(value).to_string()));
        }
    }
    add("history", json!(history));
    if let Value::Object(members) = config {
        members.iter().for_each(|(key, value)| add(&format!("config.{key}"), value.clone()));
    }
    for (key, value) in limit_values(limits) {
        add(&format!("limits.{key}"), value);
    }
    values
}

fn exclusion(exclusion: &Exclusion) -> Value {
    let Exclusion { subject, reason, approval, until } = exclusion;
    compact(json!({ "subject": subject, "reason": reason, "approval": approval, "until": until }))
}

fn grant_table(grant: &Grant) -> Value {
    let addresses: Vec<_> = grant.addresses.iter().map(|range| format!("{}/{}", range.network, range.prefix)).collect();
    let endpoint = super::Endpoint { scheme: grant.scheme, host: grant.host.clone(), port: grant.port };
    compact(json!({
        "url": endpoint.to_string(),
        "methods": grant.methods,
        "credential": grant.credential,
        "named_credentials": grant.named_credentials,
        "client_certificate": grant.client_certificate,
        "addresses": addresses,
        "region": grant.region,
        "service": grant.service,
    }))
}

fn input(input: &InputSpec) -> Value {
    let InputSpec { name, origin, media_type } = input;
    let (key, place) = match origin {
        InputOrigin::Events(spec) => ("events", events(spec)),
        InputOrigin::File(path) => ("file", json!(path.to_string_lossy())),
        InputOrigin::Glob(pattern) => ("glob", json!(pattern)),
        InputOrigin::Http(url) => ("http", json!(url)),
        InputOrigin::Sql(sql) => ("sql", sql_table(sql)),
        InputOrigin::Prometheus(query) => ("prometheus", prometheus_table(query)),
        InputOrigin::S3(S3Spec { grant, bucket, key, version }) => {
            let table = json!({ "source": grant.source, "bucket": bucket, "key": key, "version": version });
            ("s3", compact(table))
        }
        InputOrigin::Ldap(search) => ("ldap", ldap_table(search)),
        // Windows are of the control that is built in, whose input nobody writes.
        InputOrigin::Ledger(LedgerSpec { controls, since, windows: _ }) => {
            ("ledger", json!({ "controls": controls, "since": Period(*since).to_string() }))
        }
    };
    compact(json!({ "name": name, key: place, "media_type": media_type }))
}

fn sql_table(sql: &SqlSpec) -> Value {
    let SqlSpec { database, query, parameters, max_rows } = sql;
    compact(json!({ "source": database.source, "query": query, "parameters": parameters, "max_rows": max_rows }))
}

fn prometheus_table(asked: &PrometheusSpec) -> Value {
    let PrometheusSpec { grant, path, query, range } = asked;
    compact(json!({
        "source": grant.source,
        "path": (!path.is_empty()).then_some(path),
        "query": query,
        "range": range.map(|range| Period(range.range).to_string()),
        "step": range.map(|range| Period(range.step).to_string()),
    }))
}

fn ldap_table(search: &LdapSpec) -> Value {
    let LdapSpec { database, base, filter, scope, attributes, max_entries } = search;
    json!({
        "source": database.source,
        "base": base,
        "filter": filter,
        "scope": written(*scope, &LDAP_SCOPES),
        "attributes": attributes,
        "max_entries": max_entries,
    })
}

fn events(spec: &EventsSpec) -> Value {
    let EventsSpec { globs, format, time, timezone, header, filter } = spec;
    let field = |field: &EventField| match field {
        EventField::Pointer(text) | EventField::Named(text) => json!(text),
        EventField::Column(number) => json!(number),
    };
    let filter: Vec<_> = filter
        .iter()
        .map(|filter| match &filter.test {
            EventTest::Equals(text) => json!({ "field": field(&filter.field), "equals": text }),
            EventTest::Contains(text) => json!({ "field": field(&filter.field), "contains": text }),
            EventTest::In(texts) => json!({ "field": field(&filter.field), "in": texts }),
        })
        .collect();
    compact(json!({
        "glob": globs,
        "format": written(*format, &EVENT_FORMATS),
        "time": field(time),
        "timezone": timezone,
        "header": header.then_some(true),
        "filter": filter,
    }))
}

/// Without what is empty.
fn compact(table: Value) -> Value {
    match table {
        Value::Object(members) => {
            members.into_iter().filter(|(_, value)| !value.is_null() && *value != json!([])).collect()
        }
        other => other,
    }
}

/// Names and values of all limits, as they are written.
pub fn limit_values(limits: &Limits) -> [(&'static str, Value); 9] {
    let size = |bytes: u64| json!(Size(bytes).to_string());
    [
        ("wall", json!(Period(limits.wall).to_string())),
        ("memory", size(limits.memory_bytes)),
        ("report", size(limits.report_bytes.into())),
        ("log", size(limits.log_bytes.into())),
        ("response", size(limits.response_bytes.into())),
        ("requests", json!(limits.requests)),
        ("input", size(limits.input_bytes)),
        ("state", size(limits.state_bytes.into())),
        ("rounds", json!(limits.rounds)),
    ]
}

/// When the check is due, as it is written.
pub fn schedule_words(schedule: &ScheduleSpec) -> String {
    match schedule {
        ScheduleSpec::Cron(expression) => expression.clone(),
        ScheduleSpec::Every(period) => format!("every {}", Period(*period)),
        ScheduleSpec::Attested(holds) => format!("attested for {}", Period(*holds)),
    }
}

/// All limits in one line, for a person.
pub fn limit_words(limits: &Limits) -> String {
    let words = limit_values(limits).map(|(name, value)| match value {
        Value::String(text) => format!("{name} {text}"),
        other => format!("{name} {other}"),
    });
    words.join(", ")
}

fn within_words(within: Within) -> String {
    match within {
        Within::Elapsed(duration) => Period(duration).to_string(),
        Within::BusinessDays(1) => "1 business day".to_owned(),
        Within::BusinessDays(days) => format!("{days} business days"),
    }
}

/// A value of TOML on one line.
/// As a value of TOML.
pub(super) fn toml(value: &Value) -> String {
    match value {
        Value::String(text) => toml_text(text),
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| format!("{} = {}", toml_key(key), toml(value));
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        // TOML has no word for it, and nothing here comes from anywhere but TOML.
        Value::Null => "\"\"".to_owned(),
    }
}

fn toml_key(key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !key.is_empty() && key.bytes().all(bare) { key.to_owned() } else { toml_text(key) }
}

/// JSON's escapes are TOML's too, but DEL must be escaped there.
fn toml_text(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
