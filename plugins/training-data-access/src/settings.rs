//! Settings of pgaudit that hold for a server, a role or a database: rows of `pg_settings` and `pg_db_role_setting`.

use std::collections::BTreeMap;

use evidenced_plugin::{Failure, FailureKind, Findings, Run, Status, Verdict};
use serde::Deserialize;
use serde_json::Value;

use crate::postgres::{LogChange, change_of};

pub(crate) const SERVER: &str = "pg_settings";
pub(crate) const ROLES: &str = "pg_db_role_setting";

/// `select name, setting from pg_settings`.
#[derive(Deserialize)]
struct ServerRow {
    name: String,
    setting: Option<String>,
}

/// `select database, role, unnest(setconfig) as setting`, or `setconfig` as it is.
#[derive(Deserialize)]
struct RoleRow {
    #[serde(alias = "datname")]
    database: Option<String>,
    #[serde(alias = "rolname")]
    role: Option<String>,
    #[serde(alias = "setconfig")]
    setting: Value,
}

/// The findings of those of the two inputs that the control has; and how many of them fail.
pub(crate) fn judge(run: &mut Run<'_>, findings: &mut Findings) -> Result<usize, Failure> {
    let before = findings.count(Status::Fail);
    if run.input(SERVER).is_some() {
        let rows: Vec<ServerRow> = run.read_json(SERVER)?;
        findings.subject("settings of the server", |_| server(&rows));
    }
    if run.input(ROLES).is_some() {
        let rows: Vec<RoleRow> = run.read_json(ROLES)?;
        for (subject, settings) in by_subject(rows) {
            findings.subject(&subject, |_| Ok(weakened(&settings)));
        }
    }
    Ok(findings.count(Status::Fail) - before)
}

fn server(rows: &[ServerRow]) -> Result<Verdict, Failure> {
    let value = |name: &str| rows.iter().find(|row| row.name == name).and_then(|row| row.setting.as_deref());
    if rows.is_empty() {
        return Err(Failure { kind: FailureKind::BadInput, message: format!("`{SERVER}` has no rows"), source: None });
    }
    if value("pgaudit.log").is_none() {
        return Ok(Verdict::fail("there is no setting pgaudit.log: pgaudit is not loaded"));
    }
    let settings: Vec<(String, String)> = rows
        .iter()
        .filter(|row| row.name.starts_with("pgaudit."))
        .map(|row| (row.name.clone(), row.setting.clone().unwrap_or_default()))
        .collect();
    let verdict = weakened(&settings);
    let unseen: Vec<&str> =
        ["log_connections", "log_disconnections"].into_iter().filter(|name| value(name) == Some("off")).collect();
    if unseen.is_empty() || verdict != Verdict::pass(KEPT) {
        return Ok(verdict);
    }
    let words = format!("{KEPT}; {}: sessions without any line are seen late, or not at all", is_off(&unseen));
    Ok(Verdict::pass(words).with_attention_if(true))
}

/// Whether reads, what was read and how much are still logged.
fn weakened(settings: &[(String, String)]) -> Verdict {
    let weak = settings.iter().filter(|(name, value)| change_of(name, &[value.to_lowercase()]) == LogChange::Weakened);
    let names: Vec<&str> = weak.map(|(name, _)| name.as_str()).collect();
    if names.is_empty() { Verdict::pass(KEPT) } else { Verdict::fail(format!("{} or without reads", is_off(&names))) }
}

fn is_off(names: &[&str]) -> String {
    format!("{} {} off", names.join(" and "), if names.len() == 1 { "is" } else { "are" })
}

/// Settings of pgaudit by role and database; others have nothing to do with the log.
fn by_subject(rows: Vec<RoleRow>) -> BTreeMap<String, Vec<(String, String)>> {
    let mut subjects: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for row in rows {
        let role = row.role.as_deref().filter(|role| !role.is_empty()).unwrap_or("every role");
        let database = row.database.as_deref().filter(|database| !database.is_empty()).unwrap_or("every database");
        for setting in settings_of(&row.setting) {
            let Some((name, value)) = setting.split_once('=') else { continue };
            if name.starts_with("pgaudit.") {
                let subject = format!("settings of {role} in {database}");
                subjects.entry(subject).or_default().push((name.to_owned(), value.to_owned()));
            }
        }
    }
    subjects
}

/// One text, a list, or PostgreSQL's own way to write a list: `{a=1,"b=2, 3"}`.
fn settings_of(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            Some(list) => evidenced_plugin::csv_fields(list),
            None => vec![text.clone()],
        },
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

const KEPT: &str = "reads are logged, with what was read";
