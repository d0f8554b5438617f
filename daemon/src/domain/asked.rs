//! What the host asks of databases, directories and other systems before a run, and how these are reached.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{ops::Range, path::PathBuf, time::Duration};

use super::{AddressRange, CredentialId, Grant, SourceId, Timestamp};

/// A source that is asked in a language of its own, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    pub source: SourceId,
    pub place: DatabasePlace,
    /// Whose secret is the password.
    pub credential: Option<CredentialId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatabasePlace {
    Postgres(Server),
    Mysql(Server),
    Sqlite(PathBuf),
    Ldap(Server),
}

impl DatabasePlace {
    /// As the key of the source is written.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "postgres",
            Self::Mysql(_) => "mysql",
            Self::Sqlite(_) => "sqlite",
            Self::Ldap(_) => "ldap",
        }
    }

    /// The server, if it is one.
    pub const fn server(&self) -> Option<&Server> {
        match self {
            Self::Postgres(server) | Self::Mysql(server) | Self::Ldap(server) => Some(server),
            Self::Sqlite(_) => None,
        }
    }
}

/// A server that is spoken to in a protocol of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Lower case, ASCII (IDNA), or an address; brackets of IPv6 removed.
    pub host: String,
    pub port: u16,
    /// `false` only for this machine itself.
    pub tls: bool,
    /// Private, loopback or link-local ranges that the name may resolve to; everything public is allowed.
    pub addresses: Vec<AddressRange>,
    /// Who asks; `None`: as the credential says.
    pub user: Option<String>,
    /// Of a server that has several.
    pub database: Option<String>,
}

/// One statement that only reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlSpec {
    pub database: Database,
    pub query: String,
    /// Text, numbers, true or false.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Value>,
    /// More rows are an error, never a cut.
    pub max_rows: u32,
}

/// A query in PromQL, over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrometheusSpec {
    /// For GET of the one server of the source.
    pub grant: Grant,
    /// What its API lies below, without a slash at the end; usually empty.
    pub path: String,
    pub query: String,
    /// `None`: at the time of the run alone.
    pub range: Option<PromRange>,
}

/// The time before the run, and the distance of two values in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromRange {
    pub range: Duration,
    pub step: Duration,
}

/// One object of a store that speaks the protocol of S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Spec {
    /// For GET of the one server of the source.
    pub grant: Grant,
    pub bucket: String,
    pub key: String,
    /// `None`: the newest.
    pub version: Option<String>,
}

/// A search in a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LdapSpec {
    pub database: Database,
    pub base: String,
    pub filter: String,
    pub scope: LdapScope,
    pub attributes: Vec<String>,
    /// More entries are an error, never a cut.
    pub max_entries: u32,
}

/// How far below its base a search looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LdapScope {
    /// The base itself.
    Base,
    /// What is directly below it.
    One,
    /// The base and all that is below it.
    Sub,
}

/// How slots of controls ended, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerSpec {
    /// Ids; `*` stands for any text.
    pub controls: Vec<String>,
    /// So long before the run.
    pub since: Duration,
    /// Of those that went on a day before the run, the start of the oldest: what was before it is not told, however long
    /// `since` is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Range<Timestamp>>,
}

/// So long after its start and its end a window is minded: what went wrong on the last day of the one before is still to be
/// seen by a run.
const MINDED_AFTER: Duration = Duration::from_secs(86_400);

impl LedgerSpec {
    /// What a run at `now` is told of.
    pub fn during(&self, now: Timestamp) -> Range<Timestamp> {
        let minded = now.minus(MINDED_AFTER);
        let begun = self.windows.iter().filter(|window| window.contains(&minded)).map(|window| window.start).min();
        let since = now.minus(self.since);
        begun.map_or(since, |begun| begun.max(since))..now
    }
}

/// Whether an attribute of a directory holds a password, or what stands for one: nothing a check may see.
pub fn is_secret_attribute(name: &str) -> bool {
    const SECRETS: [&str; 13] = [
        "authpassword",
        "dbcspwd",
        "krbprincipalkey",
        "lmpwdhistory",
        "ms-mcs-admpwd",
        "mslaps-encryptedpassword",
        "mslaps-password",
        "ntpwdhistory",
        "sambalmpassword",
        "sambantpassword",
        "supplementalcredentials",
        "unicodepwd",
        "userpassword",
    ];
    // Options stand behind the name: `userPassword;lang-en`.
    let name = name.split(';').next().unwrap_or_default().to_ascii_lowercase();
    // The number of the attribute means the same as its name (RFC 4519, 2.41).
    name == "2.5.4.35" || SECRETS.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-{text}:00Z").parse().unwrap()
    }

    #[track_caller]
    fn check(windows: &[(&str, &str)], looks: &[(&str, &str)]) {
        let windows = windows.iter().map(|(start, end)| at(start)..at(end)).collect();
        let spec = LedgerSpec { controls: Vec::new(), since: Duration::from_secs(30 * 86_400), windows };
        for (now, from) in looks {
            assert_eq!(spec.during(at(now)), at(from)..at(now), "{now}");
        }
    }

    #[test]
    fn a_window_is_looked_at_until_a_run_has_seen_its_last_day() {
        check(
            &[("05-01T00:00", "07-01T00:00"), ("07-01T00:00", "12-31T00:00")],
            &[
                ("05-20T00:30", "05-01T00:00"),
                ("06-20T00:30", "05-21T00:30"),
                // The first night of the next window sees the last day of this one.
                ("07-01T00:30", "06-01T00:30"),
                ("07-01T23:59", "06-01T23:59"),
                ("07-02T00:00", "07-01T00:00"),
                ("07-02T00:30", "07-01T00:00"),
            ],
        );
        // Where none follows, as if there were none.
        check(
            &[("05-01T00:00", "05-11T00:00")],
            &[("05-01T00:30", "04-01T00:30"), ("05-11T12:00", "05-01T00:00"), ("05-12T00:00", "04-12T00:00")],
        );
    }

    #[test]
    fn a_window_that_is_added_takes_nothing_from_one_that_goes_on() {
        check(
            &[("06-15T00:00", "09-01T00:00"), ("06-01T00:00", "07-01T00:00")],
            &[
                ("06-15T00:30", "06-01T00:00"),
                ("06-20T00:30", "06-01T00:00"),
                ("07-01T00:30", "06-01T00:30"),
                ("07-02T00:30", "06-15T00:00"),
            ],
        );
    }
}
