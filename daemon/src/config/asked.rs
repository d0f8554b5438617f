//! `sql`, `prometheus`, `s3`, `ldap` and `ledger` of an input: what others are asked for.

use std::{fs, path::Path, time::Duration};

use super::{
    databases::parameters,
    diagnostics::Errors,
    section::{Located, Section},
    sources::Known,
    tree::Place,
    words::LDAP_SCOPES,
};
use crate::domain::{
    DatabasePlace, InputOrigin, LdapScope, LdapSpec, LedgerSpec, PromRange, PrometheusSpec, S3Spec, SqlSpec,
    is_secret_attribute,
};

/// More rows are the mark of a query that counts what it should have summed.
const MAX_ROWS: u32 = 100_000;
/// A month, by which controls of the monitoring are judged.
const LEDGER_SINCE: Duration = Duration::from_secs(30 * 86_400);
/// A longer file is no query.
const QUERY_BYTES_MAX: usize = 64 << 10;

/// What inputs are read against.
pub(super) struct Sought<'r> {
    pub known: &'r Known,
    /// Relative paths are relative to this folder.
    pub base: &'r Path,
    /// Filled while reading: controls whose slots are wanted, with `*` for any text.
    pub patterns: &'r mut Vec<(String, Place)>,
}

impl Sought<'_> {
    /// What one of the keys says, if one is there and right.
    pub(super) fn origin(&mut self, section: &Section<'_>, errors: &mut Errors) -> Option<InputOrigin> {
        let sql = self.sql(section, errors).map(InputOrigin::Sql);
        let prometheus = self.prometheus(section, errors).map(InputOrigin::Prometheus);
        let s3 = self.s3(section, errors).map(InputOrigin::S3);
        let ldap = self.ldap(section, errors).map(InputOrigin::Ldap);
        let ledger = self.ledger(section, errors).map(InputOrigin::Ledger);
        sql.or(prometheus).or(s3).or(ldap).or(ledger)
    }

    fn sql(&self, section: &Section<'_>, errors: &mut Errors) -> Option<SqlSpec> {
        let section = section.table("sql", "sql", errors)?;
        section.require("source", "source = \"warehouse\"", errors);
        let source = section.text("source", errors);
        let is_sql = |place: &DatabasePlace| !matches!(place, DatabasePlace::Ldap(_));
        let database =
            source.and_then(|name| self.known.database(name, "`postgres`, `mysql` or `sqlite`", is_sql, errors));
        let query = self.query(&section, errors);
        let parameters = parameters(&section, errors);
        let max_rows = section.number("max_rows", 1, errors).map_or(MAX_ROWS, |number| number.value);
        section.finish(errors);
        Some(SqlSpec { database: database?, query: query?, parameters: parameters?, max_rows })
    }

    /// Written there, or in a file.
    fn query(&self, section: &Section<'_>, errors: &mut Errors) -> Option<String> {
        let (written, file) = (section.text("query", errors), section.text("query_file", errors));
        match (section.key_at("query"), section.key_at("query_file")) {
            (Some(_), Some(second)) => {
                errors.add_two_queries(second);
                return None;
            }
            (None, None) => {
                section.require("query", "query = \"select …\", or query_file = \"PATH\"", errors);
                return None;
            }
            _ => {}
        }
        if let Some(written) = written {
            return Some(written.value.to_owned());
        }
        let file = file?;
        let path = self.base.join(file.value);
        let read = fs::read_to_string(&path).map_err(|error| error.to_string());
        let usable = read.and_then(|text| match text.trim() {
            "" => Err("it is empty".to_owned()),
            text if text.len() > QUERY_BYTES_MAX => Err("it is longer than 64 KiB".to_owned()),
            text => Ok(text.to_owned()),
        });
        usable.map_err(|why| errors.add_unreadable_query(file.at, &path, &why)).ok()
    }

    fn prometheus(&self, section: &Section<'_>, errors: &mut Errors) -> Option<PrometheusSpec> {
        let section = section.table("prometheus", "prometheus", errors)?;
        section.require("source", "source = \"metrics\"", errors);
        section.require("query", "query = \"avg_over_time(up[1h])\"", errors);
        let source = section.text("source", errors);
        let grant = source.and_then(|name| self.known.grant_to_ask(name, errors));
        let query = section.text("query", errors);
        let path = section.text("path", errors);
        let range = section.time_span("range", errors);
        if section.key_at("range").is_some() {
            section.require("step", "step = \"1m\"", errors);
        }
        let step = section.time_span("step", errors);
        if let (Some(at), None) = (section.key_at("step"), section.key_at("range")) {
            errors.add_step_without_range(at);
        }
        section.finish(errors);
        let range = range.zip(step).map(|(range, step)| PromRange { range: range.value, step: step.value });
        let path = match path {
            None => String::new(),
            Some(path) if is_path(path.value) => path.value.trim_end_matches('/').to_owned(),
            Some(path) => {
                let hint = "write one such as `/prometheus`: what `/api/v1` lies below";
                errors.add_malformed(path.at, "bad-path", path.value, "a path", hint);
                return None;
            }
        };
        Some(PrometheusSpec { grant: grant?, path, query: query?.value.to_owned(), range })
    }

    fn s3(&self, section: &Section<'_>, errors: &mut Errors) -> Option<S3Spec> {
        let section = section.table("s3", "s3", errors)?;
        section.require("source", "source = \"evidence\"", errors);
        section.require("bucket", "bucket = \"…\"", errors);
        section.require("key", "key = \"…\"", errors);
        let source = section.text("source", errors);
        let grant = source.and_then(|name| self.known.grant_to_ask(name, errors));
        let bucket = section.text("bucket", errors);
        let key = section.text("key", errors);
        let version = section.text("version", errors).map(|version| version.value.to_owned());
        section.finish(errors);
        if let Some(bucket) = bucket.filter(|bucket| !is_bucket(bucket.value)) {
            let hint = "use 3 to 63 of a-z 0-9 . and -, the first a letter or a digit";
            errors.add_malformed(bucket.at, "bad-bucket", bucket.value, "the name of a bucket", hint);
            return None;
        }
        // A URL that is on its way loses them, and would name another object.
        if let Some(key) = key.filter(|key| key.value.split('/').any(|step| step == "." || step == "..")) {
            let hint = "name one without `.` and `..` between its slashes";
            errors.add_malformed(key.at, "bad-object-key", key.value, "a key that can be asked for", hint);
            return None;
        }
        let mut grant = grant?;
        let credential = grant.credential.as_ref().and_then(|id| self.known.credentials.specs.get(id));
        if credential.is_some_and(|known| known.kind.is_aws()) {
            grant.service.get_or_insert_with(|| "s3".to_owned());
        }
        Some(S3Spec { grant, bucket: bucket?.value.to_owned(), key: key?.value.to_owned(), version })
    }

    fn ldap(&self, section: &Section<'_>, errors: &mut Errors) -> Option<LdapSpec> {
        let section = section.table("ldap", "ldap", errors)?;
        section.require("source", "source = \"directory\"", errors);
        section.require("base", "base = \"ou=people,dc=example,dc=com\"", errors);
        section.require("attributes", "attributes = [\"uid\", \"memberOf\"]", errors);
        let source = section.text("source", errors);
        let is_ldap = |place: &DatabasePlace| matches!(place, DatabasePlace::Ldap(_));
        let database = source.and_then(|name| self.known.database(name, "`ldap`", is_ldap, errors));
        let base = section.text("base", errors);
        let filter = section.text("filter", errors).map_or("(objectClass=*)", |filter| filter.value);
        let scope = section.word("scope", &LDAP_SCOPES, errors).unwrap_or(LdapScope::Sub);
        let attributes = section.texts("attributes", errors).and_then(|names| attributes(&names, errors));
        let max_entries = section.number("max_entries", 1, errors).map_or(MAX_ROWS, |number| number.value);
        section.finish(errors);
        Some(LdapSpec {
            database: database?,
            base: base?.value.to_owned(),
            filter: filter.to_owned(),
            scope,
            attributes: attributes?,
            max_entries,
        })
    }

    fn ledger(&mut self, section: &Section<'_>, errors: &mut Errors) -> Option<LedgerSpec> {
        let section = section.table("ledger", "ledger", errors)?;
        section.require("controls", "controls = [\"*\"]", errors);
        let names = section.texts("controls", errors);
        let since = section.time_span("since", errors).map_or(LEDGER_SINCE, |since| since.value);
        section.finish(errors);
        let names = names.filter(|names| !names.is_empty())?;
        self.patterns.extend(names.iter().map(|name| (name.value.to_owned(), name.at)));
        let controls = names.iter().map(|name| name.value.to_owned()).collect();
        Some(LedgerSpec { controls, since, windows: Vec::new() })
    }
}

/// Each named by itself: a star would also ask for what nobody meant.
fn attributes(names: &[Located<&str>], errors: &mut Errors) -> Option<Vec<String>> {
    let mut attributes: Vec<String> = Vec::new();
    let mut whole = !names.is_empty();
    for name in names {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-;.".contains(&byte);
        if name.value.is_empty() || !name.value.bytes().all(plain) {
            let hint = "name each attribute, such as `memberOf`; there is no `*`";
            errors.add_malformed(name.at, "bad-attribute", name.value, "the name of an attribute", hint);
            whole = false;
        } else if is_secret_attribute(name.value) {
            errors.add_secret_attribute(name.at, name.value);
            whole = false;
        } else if !attributes.iter().any(|known| known.eq_ignore_ascii_case(name.value)) {
            attributes.push(name.value.to_owned());
        }
    }
    whole.then_some(attributes)
}

fn is_path(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    text.starts_with('/') && text.bytes().all(plain) && !text.split('/').any(|step| step == "." || step == "..")
}

fn is_bucket(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.' || byte == b'-';
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    (3..=63).contains(&name.len()) && first && name.bytes().all(plain) && !name.contains("..")
}
