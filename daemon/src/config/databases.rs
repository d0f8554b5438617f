//! Sources that are no web servers: `postgres`, `mysql`, `sqlite` and `ldap` of a `[[source]]`.

use std::path::Path;

use url::{Host, Url};

use super::{
    diagnostics::{Errors, Expected, Named},
    model::{DatabaseSource, is_loopback},
    section::{Located, Section},
    sources::{Known, addresses},
    tree::Place,
};
use crate::domain::{CredentialId, CredentialKind, Database, DatabasePlace, Server, SourceId};

const EXAMPLES: [(&str, &str); 4] = [
    ("postgres", "write one such as `host=db port=5432 dbname=ml user=auditor`"),
    ("mysql", "write one such as `mysql://auditor@db:3306/ml`"),
    ("sqlite", "write the path of a file"),
    ("ldap", "write one such as `ldaps://directory.example.com`"),
];

/// The kinds of such sources, as they are written.
pub(super) const KINDS: [&str; 4] = ["postgres", "mysql", "sqlite", "ldap"];

/// What was read of where a server is.
#[derive(Default)]
struct Written {
    host: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    database: Option<String>,
    sslmode: Option<String>,
}

impl Known {
    /// A source of the kind that its key `kind` says.
    pub(super) fn read_database(
        &mut self,
        section: Section<'_>,
        id: Option<Located<SourceId>>,
        kind: &'static str,
        base: &Path,
        errors: &mut Errors,
    ) {
        let written = section.text(kind, errors);
        for other in KINDS.iter().copied().chain(["urls"]).filter(|other| *other != kind) {
            if let Some(at) = section.key_at(other) {
                // Asked for, so that it is told once.
                section.node(other);
                errors.add_two_kinds(at, kind, other);
            }
        }
        let name = section.text("credential", errors);
        let credential = name.and_then(|name| Some((self.credentials.named(name, errors)?, name.at)));
        let place = match kind {
            "sqlite" => written.map(|path| DatabasePlace::Sqlite(base.join(path.value))),
            _ => written.and_then(|text| self.server(&section, kind, text, credential.as_ref(), errors)),
        };
        if let ("sqlite", Some((_, at))) = (kind, &credential) {
            errors.add_credential_of_file(*at);
        }
        let rate = section.rate("rate", errors);
        section.finish(errors);
        let Some(id) = id else { return };
        if self.is_declared(&id.value) {
            return errors.add_duplicate_id(id.at, Named::Source, id.value.as_str(), false);
        }
        self.database_order.push(id.value.clone());
        if let Some(place) = place {
            let credential = credential.map(|(credential, _)| credential);
            let database = Database { source: id.value.clone(), place, credential };
            self.databases.insert(id.value, DatabaseSource { database, rate });
        }
    }

    fn server(
        &self,
        section: &Section<'_>,
        kind: &'static str,
        text: Located<&str>,
        credential: Option<&(CredentialId, Place)>,
        errors: &mut Errors,
    ) -> Option<DatabasePlace> {
        let addresses = addresses(section, errors);
        let bind = if kind == "ldap" { section.text("bind", errors) } else { None };
        let written = if kind == "postgres" && !text.value.contains("://") {
            pairs(text, errors)
        } else {
            url(kind, text, errors)
        }?;
        let Some(host) = written.host.filter(|host| !host.is_empty()) else {
            malformed(kind, text, errors);
            return None;
        };
        let tls = match written.sslmode.as_deref() {
            None | Some("verify-full") => true,
            Some("disable") if is_loopback(&host) => false,
            Some("disable") => {
                errors.add_database_without_tls(text.at, &host);
                return None;
            }
            Some(other) => {
                errors.add_unknown_value(text.at, "sslmode", other, &["verify-full", "disable"]);
                return None;
            }
        };
        let user = written.user.or_else(|| bind.map(|bind| bind.value.to_owned()));
        self.check_login(section, kind, user.as_deref(), credential, errors);
        let port = written.port.unwrap_or(match kind {
            "postgres" => 5432,
            "mysql" => 3306,
            _ => 636,
        });
        let server = Server { host, port, tls, addresses, user, database: written.database };
        Some(match kind {
            "postgres" => DatabasePlace::Postgres(server),
            "mysql" => DatabasePlace::Mysql(server),
            _ => DatabasePlace::Ldap(server),
        })
    }

    /// Somebody must be named, once, and by a credential that is a password.
    fn check_login(
        &self,
        section: &Section<'_>,
        kind: &'static str,
        user: Option<&str>,
        credential: Option<&(CredentialId, Place)>,
        errors: &mut Errors,
    ) {
        let at = section.node(kind).map_or(section.at, |node| node.at);
        let Some((id, named_at)) = credential else {
            // What is not known was told; a directory shows nothing to nobody, which looks like an empty one.
            if section.key_at("credential").is_none() && (kind == "ldap" || user.is_none()) {
                section.require("credential", "credential = \"…\", of the kind `basic` or `password`", errors);
            }
            return;
        };
        match self.credentials.specs.get(id).map(|known| &known.kind) {
            Some(CredentialKind::Password) if user.is_none() => errors.add_nobody_asks(at, kind),
            Some(CredentialKind::Basic { username: Some(other) }) if user.is_some_and(|user| user != other) => {
                errors.add_two_users(at, user.unwrap_or_default(), other);
            }
            Some(CredentialKind::Password | CredentialKind::Basic { .. }) | None => {}
            Some(other) => errors.add_credential_no_password(*named_at, id.as_str(), other.as_str()),
        }
    }
}

fn malformed(kind: &'static str, text: Located<&str>, errors: &mut Errors) {
    let hint = EXAMPLES.iter().find(|(known, _)| *known == kind).map_or("", |&(_, hint)| hint);
    errors.add_bad_database(text.at, kind, hint);
}

/// `host=db dbname=ml user=auditor`, as libpq takes it, without quotes.
fn pairs(text: Located<&str>, errors: &mut Errors) -> Option<Written> {
    if text.value.to_ascii_lowercase().contains("password") {
        errors.add_secret_in_text(text.at, "`postgres`");
        return None;
    }
    let mut written = Written::default();
    for pair in text.value.split_whitespace() {
        let Some((key, value)) = pair.split_once('=').filter(|(_, value)| !value.is_empty() && !value.contains('\''))
        else {
            malformed("postgres", text, errors);
            return None;
        };
        let value = value.to_owned();
        match key {
            "host" => written.host = Host::parse(&value).ok().map(|host| host.to_string()).or(address(&value)),
            "port" => match value.parse::<u16>().ok().filter(|&port| port > 0) {
                Some(port) => written.port = Some(port),
                None => {
                    errors.add_out_of_range(text.at, "port", "a number from 1 to 65535");
                    return None;
                }
            },
            "dbname" => written.database = Some(value),
            "user" => written.user = Some(value),
            "sslmode" => written.sslmode = Some(value),
            other => {
                errors.add_unknown_key(text.at, other, "`postgres`", &["host", "port", "dbname", "user", "sslmode"]);
                return None;
            }
        }
    }
    Some(written)
}

/// An address of IPv6 has no brackets there.
fn address(text: &str) -> Option<String> {
    text.parse::<std::net::IpAddr>().ok().map(|address| address.to_string())
}

/// `mysql://auditor@db:3306/ml`.
fn url(kind: &'static str, text: Located<&str>, errors: &mut Errors) -> Option<Written> {
    let parsed = match Url::parse(text.value) {
        Ok(parsed) => parsed,
        Err(_) => {
            malformed(kind, text, errors);
            return None;
        }
    };
    if parsed.password().is_some() {
        errors.add_secret_in_text(text.at, &format!("`{kind}`"));
        return None;
    }
    let decoded = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8().ok().map(String::from);
    let is_of_kind = match kind {
        "postgres" => matches!(parsed.scheme(), "postgres" | "postgresql"),
        "ldap" => matches!(parsed.scheme(), "ldap" | "ldaps"),
        kind => parsed.scheme() == kind,
    };
    let database = parsed.path().trim_start_matches('/');
    let is_bare = kind == "ldap" && (!database.is_empty() || parsed.query().is_some() || !parsed.username().is_empty());
    if !is_of_kind || database.contains('/') || is_bare || parsed.fragment().is_some() {
        malformed(kind, text, errors);
        return None;
    }
    let mut written = Written {
        host: parsed.host_str().and_then(|host| {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            // Schemes that are none of the web keep the host as it was written.
            address(bare).or_else(|| Host::parse(bare).ok().map(|host| host.to_string()))
        }),
        port: parsed.port(),
        user: decoded(parsed.username()).filter(|user| !user.is_empty()),
        database: decoded(database).filter(|name| !name.is_empty()),
        sslmode: None,
    };
    for (key, value) in parsed.query_pairs() {
        if key != "sslmode" {
            errors.add_unknown_key(text.at, &key, &format!("`{kind}`"), &["sslmode"]);
            return None;
        }
        written.sslmode = Some(value.into_owned());
    }
    if parsed.scheme() == "ldap" {
        written.sslmode = Some("disable".to_owned());
        written.port.get_or_insert(389);
    }
    Some(written)
}

/// `parameters` of a query: text, numbers, true or false.
pub(super) fn parameters(section: &Section<'_>, errors: &mut Errors) -> Option<Vec<serde_json::Value>> {
    let Some(node) = section.node("parameters") else { return Some(Vec::new()) };
    let super::tree::Value::Array(items) = &node.value else {
        errors.add_wrong_type(node.at, "parameters", Expected::Parameters, node.value.kind());
        return None;
    };
    let mut parameters = Vec::with_capacity(items.len());
    for item in items {
        match item.to_json() {
            Ok(json) if !json.is_array() && !json.is_object() => parameters.push(json),
            Ok(_) => errors.add_wrong_type(item.at, "parameters", Expected::Parameters, item.value.kind()),
            Err(super::tree::NotJson::NotFinite(at)) => errors.add_not_finite(at),
            Err(super::tree::NotJson::TooLong(at)) => errors.add_not_exact(at),
        }
    }
    (parameters.len() == items.len()).then_some(parameters)
}
