//! PostgreSQL with pgaudit: records of its log come in, one event for each read, refusal and change of the log goes out.
//!
//! What a reader of that log must know is in here: several lines are one statement, COPY and cursors name no object and
//! count no rows, what is refused is no audit line, and whoever switches pgaudit off leaves a hole and no line.

mod record;
mod session;
mod sql;
mod tokens;

use evidenced_plugin::Timestamp;

pub(crate) use record::Record;
pub(crate) use session::Waiting;
pub(crate) use sql::{LogChange, change_of};

use crate::{
    config::Config,
    event::{Event, Kind, Target, UNKNOWN_PRINCIPAL},
    pattern,
};
use record::{Audit, Shown};
use session::{Line, Sessions};

pub(crate) struct Postgres<'c> {
    config: &'c Config,
    sessions: Sessions<'c>,
}

/// What is known of a principal besides the log.
pub(crate) trait Known {
    fn is_known(&self, principal: &str) -> bool;
}

impl<'c> Postgres<'c> {
    /// `waiting`: sessions of the interval before that have not shown yet whether they are audited.
    pub(crate) fn new(config: &'c Config, waiting: Vec<Waiting>) -> Self {
        Self { config, sessions: Sessions::new(config, waiting) }
    }

    pub(crate) fn take(&mut self, record: &Record<'_>, at: Timestamp, known: &impl Known, events: &mut Vec<Event>) {
        let line = Line { record, at };
        if record.user.is_empty() {
            events.extend(self.server_changed(&line));
            return;
        }
        let audit = Audit::of(record);
        if !self.config.datasets.iter().any(|dataset| dataset.is_in(&record.dbname)) {
            let text = audit.as_ref().map(|audit| audit.statement.as_str());
            if let Some(text) = text.or_else(|| Shown::of(record).map(|shown| shown.text)) {
                self.sessions.elsewhere(&line, text, events);
            }
            return;
        }
        if let Some(audit) = audit {
            self.sessions.audited(&line, audit, events);
        } else if matches!(record.state_code.as_ref(), "28P01" | "28000") {
            events.push(self.login_refused(&line, known));
        } else if is_failure(&record.state_code) {
            self.sessions.failed(&line, events);
            if record.state_code == "42501" {
                events.extend(self.refused(&line));
            }
        } else if let Some(shown) = Shown::of(record) {
            self.sessions.shown(&line, shown, events);
        } else if record.message.starts_with("connection authorized: ") {
            self.sessions.began(&line);
        } else if record.message.starts_with("disconnection: ") {
            self.sessions.ended(&line, events);
        }
    }

    /// The end of the interval: what is still open, and the sessions that wait for the next one.
    pub(crate) fn finish(self, until: Timestamp, events: &mut Vec<Event>) -> Vec<Waiting> {
        self.sessions.finish(until, events)
    }

    /// `permission denied for table patients`: which datasets were refused. A statement that names them in full knows better
    /// than the message, which never names the schema.
    fn refused(&self, line: &Line<'_>) -> Vec<Event> {
        let record = line.record;
        if record.message.contains("\"pgaudit.") {
            return vec![line.event(Target::Audit, Kind::Refused)];
        }
        let statements = sql::statements(&record.statement);
        let denied = sql::denied(&record.message);
        let mut places: Vec<usize> =
            statements.iter().flat_map(|statement| statement.datasets_in_full(&self.config.datasets, denied)).collect();
        if places.is_empty() {
            places = sql::datasets_of_denial(&self.config.datasets, &record.message);
        }
        places.sort_unstable();
        places.dedup();
        places.retain(|place| self.config.datasets[*place].is_in(&record.dbname));
        places.into_iter().map(|place| line.event(Target::Dataset(place), Kind::Refused)).collect()
    }

    /// A login that was refused. The name may be anything that somebody typed, also a password: it is repeated only when
    /// a role of that name exists.
    fn login_refused(&self, line: &Line<'_>, known: &impl Known) -> Event {
        let record = line.record;
        let says_missing = record.detail.contains("does not exist") || record.message.contains("does not exist");
        // With a detail the server says so when the role is missing; without one (`log_error_verbosity = terse`) it may be.
        let says_all = record.state_code == "28P01" && !record.detail.is_empty();
        let listed = self.config.datasets.iter().any(|dataset| pattern::any(&dataset.allow, &record.user));
        let exists = !says_missing && (says_all || listed || known.is_known(&record.user));
        let mut event = line.event(Target::Login, Kind::Refused);
        if !exists {
            UNKNOWN_PRINCIPAL.clone_into(&mut event.principal);
        }
        event
    }

    /// `parameter "pgaudit.log" changed to "none"`, when the server read its configuration again.
    fn server_changed(&self, line: &Line<'_>) -> Option<Event> {
        let mut quoted = line.record.message.split('"').skip(1).step_by(2);
        let (setting, value) = (quoted.next()?, quoted.next());
        if !setting.starts_with("pgaudit.") {
            return None;
        }
        let kind = match change_of(setting, &[value.unwrap_or("none").to_owned()]) {
            LogChange::Weakened => Kind::LogWeakened,
            LogChange::Changed => Kind::LogChanged,
        };
        let mut event = line.event(Target::Audit, kind);
        SERVER.clone_into(&mut event.principal);
        Some(event)
    }
}

/// Of SQLSTATE the classes 00 to 02 are success, a warning and no data; words of severity are translated, these are not.
fn is_failure(state_code: &str) -> bool {
    !(state_code.is_empty() || ["00", "01", "02"].iter().any(|class| state_code.starts_with(class)))
}

/// Whoever changed the server's configuration file.
const SERVER: &str = "(server configuration)";
