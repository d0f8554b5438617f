//! One record of PostgreSQL's log, from `csvlog` or `jsonlog`.

use std::borrow::Cow;

use evidenced_plugin::{Fields, Timestamp};
use serde::Deserialize;

use crate::config::{Config, offset_minutes};

/// Empty = not said.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Record<'a> {
    #[serde(borrow, default)]
    pub timestamp: Cow<'a, str>,
    #[serde(borrow, default)]
    pub user: Cow<'a, str>,
    #[serde(borrow, default)]
    pub dbname: Cow<'a, str>,
    #[serde(borrow, default, rename = "remote_host")]
    pub address: Cow<'a, str>,
    #[serde(borrow, default, rename = "session_id")]
    pub session: Cow<'a, str>,
    #[serde(default, rename = "line_num")]
    pub line: u64,
    #[serde(borrow, default)]
    pub state_code: Cow<'a, str>,
    #[serde(borrow, default)]
    pub message: Cow<'a, str>,
    #[serde(borrow, default)]
    pub detail: Cow<'a, str>,
    #[serde(borrow, default)]
    pub statement: Cow<'a, str>,
}

impl<'a> Record<'a> {
    /// `None` when these are not the fields of `csvlog`: 23 of them before version 13, 26 since 14.
    pub(crate) fn of_csv(fields: Fields<'a>) -> Option<Self> {
        if fields.len() < 23 {
            return None;
        }
        let get = |at: usize| fields.get(at).unwrap_or_default();
        Some(Self {
            timestamp: get(0),
            user: get(1),
            dbname: get(2),
            address: without_port(get(4)),
            session: get(5),
            line: get(6).parse().ok()?,
            state_code: get(12),
            message: get(13),
            detail: get(14),
            statement: get(19),
        })
    }

    pub(crate) fn of_json(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    /// `2026-11-23 11:57:13.168 UTC`. The zone is an abbreviation or a distance (`+03`): of other zones than UTC the
    /// configuration says what they mean.
    pub(crate) fn at(&self, config: &Config) -> Option<Timestamp> {
        let (moment, zone) = self.timestamp.rsplit_once(' ')?;
        let minutes = match zone {
            "UTC" | "GMT" | "Z" => 0,
            _ => config.zone_abbreviations.get(zone).copied().or_else(|| offset_minutes(zone))?,
        };
        let sign = if minutes < 0 { '-' } else { '+' };
        format!("{moment}{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60).parse().ok()
    }

    /// The source's own id of a record: its session and the line within.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.session, self.line)
    }
}

/// `127.0.0.1:42920`, `::1:42920`, `[local]`.
fn without_port(from: Cow<'_, str>) -> Cow<'_, str> {
    let is_port = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    match from.rsplit_once(':') {
        Some((address, port)) if is_port(port) => Cow::Owned(address.to_owned()),
        _ => from,
    }
}

/// What pgaudit says in a message, which is a record of CSV itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Audit {
    /// Of the session's statements that were logged.
    pub statement_id: u64,
    /// Of what one statement does one after the other.
    pub part: u64,
    pub class: String,
    pub command: String,
    pub object: String,
    /// Empty when it was not logged.
    pub statement: String,
    /// `None` when pgaudit does not count them.
    pub rows: Option<u64>,
}

impl Audit {
    /// `None` when the message is of something else. pgaudit hides the statement that made it write, and `RAISE LOG`, by
    /// which anybody can write the same words, cannot.
    pub(super) fn of(record: &Record<'_>) -> Option<Self> {
        let words = record.message.strip_prefix("AUDIT: ").filter(|_| record.statement.is_empty())?;
        let fields = evidenced_plugin::csv_fields(words);
        let get = |at: usize| fields.get(at).map_or("", String::as_str);
        if fields.len() < 9 || !matches!(get(0), "SESSION" | "OBJECT") {
            return None;
        }
        let is_logged = !matches!(get(7), "<not logged>" | "<previously logged>" | "<none>");
        Some(Self {
            statement_id: get(1).parse().ok()?,
            part: get(2).parse().ok()?,
            class: get(3).to_owned(),
            command: get(4).to_owned(),
            object: get(6).to_owned(),
            statement: if is_logged { get(7).to_owned() } else { String::new() },
            rows: fields.get(9).and_then(|rows| rows.parse().ok()),
        })
    }
}

/// A statement that the log shows outside of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown<'a> {
    pub text: &'a str,
    pub when: When,
}

/// Whether its audit lines are still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Before,
    After,
}

impl<'a> Shown<'a> {
    /// `log_statement` writes `statement: …` and `execute NAME: …` before a statement is run; `log_min_duration_statement`
    /// and its like write `duration: … ms  statement: …` after a simple one, and `duration: … ms  execute NAME: …` before
    /// the end of an extended one. Parsing and binding alone read nothing.
    pub(super) fn of(record: &'a Record<'a>) -> Option<Self> {
        let message = record.message.as_ref();
        let (rest, is_timed) = match message.strip_prefix("duration: ") {
            Some(timed) => (timed.split_once(" ms  ")?.1, true),
            None => (message, false),
        };
        let (text, when) = match rest.strip_prefix("statement: ") {
            Some(text) => (text, if is_timed { When::After } else { When::Before }),
            None => (rest.strip_prefix("execute ")?.split_once(": ")?.1, When::Before),
        };
        // Of EXECUTE the detail shows what was prepared.
        let text = record.detail.strip_prefix("prepare: ").map_or(text, prepared);
        Some(Self { text, when })
    }
}

/// What `prepare x(int) as …` prepares.
fn prepared(text: &str) -> &str {
    let lower = text.to_ascii_lowercase();
    lower.find(" as ").map_or(text, |at| &text[at + 4..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audit_of(message: &str, statement: &str) -> Option<Audit> {
        Audit::of(&Record { message: message.into(), statement: statement.into(), ..Record::default() })
    }

    fn audit(message: &str) -> Audit {
        audit_of(message, "").unwrap()
    }

    #[test]
    fn messages_of_pgaudit_are_read_as_it_writes_them() {
        let read = audit(
            "AUDIT: SESSION,9,1,READ,SELECT,TABLE,training.patients,\"select 'a\nb', email from training.patients where name = 'p\"\"1,2' ;\",<none>,3",
        );
        assert_eq!(
            (read.statement_id, read.part, read.object.as_str(), read.rows),
            (9, 1, "training.patients", Some(3))
        );
        assert!(read.statement.contains("'a\nb'") && read.statement.contains("'p\"1,2'"));
        let copy = audit("AUDIT: SESSION,1,1,READ,COPY,,,copy training.patients to stdout,<none>,0");
        assert_eq!((copy.command.as_str(), copy.object.as_str()), ("COPY", ""));
        let hidden = audit("AUDIT: SESSION,11,1,READ,SELECT,,,<not logged>,<not logged>");
        assert_eq!((hidden.statement.as_str(), hidden.rows), ("", None));
        assert_eq!(audit_of("AUDIT: cleared", ""), None);
        assert_eq!(audit_of("permission denied for table patients", ""), None);
        let forged = "AUDIT: SESSION,1,1,READ,SELECT,,,select 1,<none>,1";
        assert!(audit_of(forged, "").is_some());
        assert_eq!(audit_of(forged, "do $$ begin raise log 'AUDIT: SESSION,…'; end $$"), None);
    }

    #[test]
    fn statements_are_shown_before_or_after_their_audit_lines() {
        let shown = |message: &str, detail: &str| {
            let record =
                Record { message: message.to_owned().into(), detail: detail.to_owned().into(), ..Record::default() };
            Shown::of(&record).map(|shown| (shown.text.to_owned(), shown.when))
        };
        let text = |text: &str, when| Some((text.to_owned(), when));
        assert_eq!(shown("statement: select 1", ""), text("select 1", When::Before));
        assert_eq!(shown("execute P_0: select 1", "parameters: $1 = '7'"), text("select 1", When::Before));
        assert_eq!(shown("duration: 1.036 ms  statement: select 1", ""), text("select 1", When::After));
        assert_eq!(shown("duration: 0.042 ms  execute <unnamed>: select 1", ""), text("select 1", When::Before));
        assert_eq!(
            shown("duration: 0.364 ms  statement: execute x(7);", "prepare: prepare x(int) AS select 1"),
            text("select 1", When::After)
        );
        for other in
            ["duration: 0.042 ms", "duration: 0.7 ms  bind P_0: select 1", "connection received: host=127.0.0.1", ""]
        {
            assert_eq!(shown(other, ""), None, "{other}");
        }
    }

    #[test]
    fn times_are_read_in_the_zones_that_are_known() {
        let config: Config = serde_json::from_str(
            r#"{"format":"pgaudit-csv","datasets":[{"name":"d","objects":["*"],"allow":[]}],"zone_abbreviations":{"CET":"+01:00"}}"#,
        )
        .unwrap();
        let at = |text: &str| {
            let record = Record { timestamp: text.to_owned().into(), ..Record::default() };
            record.at(&config).map(|at| at.to_instant())
        };
        for (text, expected) in [
            ("2026-11-23 11:57:13.168 UTC", Some("2026-11-23T11:57:13.168Z")),
            ("2026-11-23 12:57:13.168 CET", Some("2026-11-23T11:57:13.168Z")),
            ("2026-11-23 17:27:13 +0530", Some("2026-11-23T11:57:13.000Z")),
            ("2026-11-23 08:57:13.168 -03", Some("2026-11-23T11:57:13.168Z")),
            ("2026-11-23 12:57:13.168 PST", None),
            ("2026-11-23", None),
        ] {
            assert_eq!(at(text).as_deref(), expected, "{text}");
        }
        assert_eq!(without_port("::1:42920".into()), "::1");
        assert_eq!(without_port("[local]".into()), "[local]");
    }
}
