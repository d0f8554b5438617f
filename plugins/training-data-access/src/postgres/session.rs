//! What one session did, line by line.

use std::collections::{BTreeMap, BTreeSet};

use evidenced_plugin::Timestamp;

use super::{
    record::{Audit, Record, Shown, When},
    sql::{self, LogChange},
};
use crate::{
    config::Config,
    event::{Event, Kind, Read, Target, Way},
    pattern,
};

/// A record and its time.
pub(super) struct Line<'a> {
    pub record: &'a Record<'a>,
    pub at: Timestamp,
}

impl Line<'_> {
    pub(super) fn event(&self, target: Target, kind: Kind) -> Event {
        let address = Some(self.record.address.to_string()).filter(|address| !address.is_empty());
        Event { at: self.at, id: self.record.id(), principal: self.record.user.to_string(), target, address, kind }
    }

    /// The reads that a text shows which no audit line tells.
    fn reads(&self, config: &Config, text: &str, way: Way) -> Vec<Event> {
        let read = Read { amount: None, way };
        let unqualified = sql::Unqualified::NamedTable;
        places(config, &self.record.dbname, text, unqualified, sql::Statement::is_read)
            .into_iter()
            .map(|place| self.event(Target::Dataset(place), Kind::Read(read)))
            .collect()
    }
}

/// A session that has not shown yet whether it is audited. It is carried from one interval to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub session: String,
    pub principal: String,
    pub since_ms: i64,
}

/// The sessions of an interval.
pub(super) struct Sessions<'c> {
    config: &'c Config,
    open: BTreeMap<String, Session>,
}

#[derive(Default)]
struct Session {
    /// A session of somebody who can switch the log off, and that left no audit line yet: its beginning.
    silent_since: Option<Event>,
    /// The statement whose audit lines are coming in.
    statement: Option<Statement>,
    /// A read that the log shows, whose audit line has not come.
    awaited: Vec<Event>,
    /// An audit line came since the last statement that the log shows.
    was_audited: bool,
    /// The statement that changed the log last: `log_statement` and pgaudit may both show it.
    last_change: String,
}

/// Audit lines of one statement.
struct Statement {
    id: u64,
    /// The first line, as a read of nothing.
    event: Event,
    /// What the first line says that it is; may be empty.
    text: String,
    database: String,
    /// Of each part and dataset, the rows.
    reads: Vec<(u64, usize, Option<u64>)>,
    /// Some line named an object, of a dataset or not.
    names_object: bool,
    /// A line of a bulk read (COPY, a cursor) that named none, and its text.
    bulk: Option<String>,
    /// Another read that named none, and its text and rows.
    nameless: Option<(String, Option<u64>)>,
}

impl<'c> Sessions<'c> {
    pub(super) fn new(config: &'c Config, waiting: Vec<Waiting>) -> Self {
        let mut open: BTreeMap<String, Session> = BTreeMap::new();
        for waiting in waiting {
            let event = Event {
                at: Timestamp::from_ms(waiting.since_ms),
                id: format!("{}/0", waiting.session),
                principal: waiting.principal,
                target: Target::Audit,
                address: None,
                kind: Kind::SilentSession,
            };
            open.entry(waiting.session).or_default().silent_since = Some(event);
        }
        Self { config, open }
    }

    /// `connection authorized`: of those who can switch the log off, the session is watched.
    pub(super) fn began(&mut self, line: &Line<'_>) {
        if pattern::any(&self.config.superusers, &line.record.user) {
            let session = self.open.entry(line.record.session.to_string()).or_default();
            session.silent_since = Some(line.event(Target::Audit, Kind::SilentSession));
        }
    }

    pub(super) fn ended(&mut self, line: &Line<'_>, events: &mut Vec<Event>) {
        if let Some(session) = self.open.remove(line.record.session.as_ref()) {
            session.close(self.config, events);
        }
    }

    pub(super) fn audited(&mut self, line: &Line<'_>, audit: Audit, events: &mut Vec<Event>) {
        let config = self.config;
        let session = self.session(line, events);
        session.silent_since = None;
        session.awaited.clear();
        session.was_audited = true;
        session.log_changed(line, &audit.statement, events);

        if session.statement.as_ref().is_some_and(|open| open.id != audit.statement_id)
            && let Some(done) = session.statement.take()
        {
            done.into_events(config, events);
        }
        let returns_rows = audit.class == "WRITE"
            && !audit.object.is_empty()
            && audit.statement.to_ascii_lowercase().contains("returning");
        // What is prepared is read when it is executed.
        if (audit.class != "READ" && !returns_rows) || audit.command == "PREPARE" {
            return;
        }
        let statement = session.statement.get_or_insert_with(|| Statement::of(&audit, line));
        statement.take(config, audit);
    }

    /// A statement outside of the audit log. If it reads a dataset, an audit line must be beside it.
    pub(super) fn shown(&mut self, line: &Line<'_>, shown: Shown<'_>, events: &mut Vec<Event>) {
        let config = self.config;
        let session = self.session(line, events);
        // Whatever was awaited had its chance: the session went on to its next statement.
        events.append(&mut session.awaited);
        session.log_changed(line, shown.text, events);
        let was_audited = std::mem::take(&mut session.was_audited);
        if was_audited && shown.when == When::After {
            return;
        }
        let reads = line.reads(config, shown.text, Way::Unaudited);
        match shown.when {
            When::Before => session.awaited = reads,
            When::After => events.extend(reads),
        }
    }

    /// A statement that failed needs no audit line. With `pgaudit.log_rows` it has none either, although it may have handed
    /// out nearly all rows before somebody cancelled it, or before a division by zero.
    pub(super) fn failed(&mut self, line: &Line<'_>, events: &mut Vec<Event>) {
        let config = self.config;
        let session = self.session(line, events);
        session.awaited.clear();
        session.was_audited = true;
        let text = line.record.statement.as_ref();
        let has_line = session.statement.as_ref().is_some_and(|open| open.text == text);
        if !has_line && may_have_read(&line.record.state_code) {
            events.extend(line.reads(config, text, Way::BrokenOff));
        }
    }

    /// A line of a database that nobody watches: settings of roles, databases and the server can be changed from any.
    pub(super) fn elsewhere(&mut self, line: &Line<'_>, text: &str, events: &mut Vec<Event>) {
        if may_change_log(text) && sql::statements(text).iter().any(sql::Statement::is_lasting) {
            self.session(line, events).log_changed(line, text, events);
        }
    }

    pub(super) fn finish(self, until: Timestamp, events: &mut Vec<Event>) -> Vec<Waiting> {
        let mut waiting = Vec::new();
        for (id, mut session) in self.open {
            let grace_ms = i64::from(self.config.silent_after_s) * 1000;
            let is_young = |event: &Event| until.as_ms() - event.at.as_ms() < grace_ms;
            if let Some(began) = session.silent_since.take_if(|began| is_young(began))
                && waiting.len() < WAITING_MAX
            {
                waiting.push(Waiting { session: id, principal: began.principal, since_ms: began.at.as_ms() });
            }
            // The audit line of a statement at the very end lies in the next interval.
            session.awaited.retain(|event| until.as_ms() - event.at.as_ms() >= AWAITED_MS);
            session.close(self.config, events);
        }
        waiting
    }

    fn session(&mut self, line: &Line<'_>, events: &mut Vec<Event>) -> &mut Session {
        if self.open.len() >= SESSIONS_MAX && !self.open.contains_key(line.record.session.as_ref()) {
            // Without lines of disconnection nobody says which ended: those that wait for nothing are let go.
            for session in self.open.values_mut() {
                if let Some(done) = session.statement.take() {
                    done.into_events(self.config, events);
                }
            }
            self.open.retain(|_, session| session.silent_since.is_some() || !session.awaited.is_empty());
        }
        self.open.entry(line.record.session.to_string()).or_default()
    }
}

impl Session {
    fn log_changed(&mut self, line: &Line<'_>, text: &str, events: &mut Vec<Event>) {
        if !may_change_log(text) {
            return;
        }
        let text = text.trim_end_matches([';', ' ', '\n']);
        if self.last_change == text {
            self.last_change.clear();
            return;
        }
        let changes: Vec<LogChange> = sql::statements(text).iter().filter_map(sql::Statement::log_change).collect();
        if changes.is_empty() {
            return;
        }
        text.clone_into(&mut self.last_change);
        let kind = if changes.contains(&LogChange::Weakened) { Kind::LogWeakened } else { Kind::LogChanged };
        events.push(line.event(Target::Audit, kind));
    }

    fn close(self, config: &Config, events: &mut Vec<Event>) {
        if let Some(statement) = self.statement {
            statement.into_events(config, events);
        }
        events.extend(self.awaited);
        events.extend(self.silent_since);
    }
}

impl Statement {
    fn of(audit: &Audit, line: &Line<'_>) -> Self {
        let nothing = Read { amount: Some(0), way: Way::Counted };
        let event = line.event(Target::Unnamed, Kind::Read(nothing));
        Self {
            id: audit.statement_id,
            event,
            text: audit.statement.clone(),
            database: line.record.dbname.to_string(),
            reads: Vec::new(),
            names_object: false,
            bulk: None,
            nameless: None,
        }
    }

    fn take(&mut self, config: &Config, audit: Audit) {
        let is_bulk = matches!(audit.command.as_str(), "COPY" | "DECLARE CURSOR");
        if !audit.object.is_empty() {
            self.names_object = true;
            for place in sql::datasets_of_object(&config.datasets, &audit.object) {
                if config.datasets[place].is_in(&self.database) {
                    self.reads.push((audit.part, place, audit.rows));
                }
            }
        } else if is_bulk {
            self.bulk = Some(audit.statement);
        } else {
            self.nameless.get_or_insert((audit.statement, audit.rows));
        }
    }

    /// One read for each dataset, whatever the number of lines.
    fn into_events(self, config: &Config, events: &mut Vec<Event>) {
        let way = if self.bulk.is_some() { Way::Bulk } else { Way::Counted };
        let mut push = |target: Target, amount: Option<u64>| {
            let kind = Kind::Read(Read { amount, way });
            events.push(Event { target, kind, ..self.event.clone() });
        };
        for place in 0..config.datasets.len() {
            if let Some(rows) = rows_of(&self.reads, place) {
                push(Target::Dataset(place), rows);
            }
        }
        // A function's call, or COPY of a query: the objects are named in lines of their own.
        if self.names_object {
            return;
        }
        // Of a cursor pgaudit names no table, so that one without a schema may be of any. Of other reads it does: a line
        // without an object read none, unless `pgaudit.log_relation` is off.
        let (text, rows, unqualified) = match (self.bulk, self.nameless) {
            (Some(text), _) => (text, None, sql::Unqualified::AnySchema),
            (None, Some((text, rows))) => (text, rows, sql::Unqualified::NamedTable),
            (None, None) => return,
        };
        if text.is_empty() || sql::hides_names(&text) {
            push(Target::Unnamed, rows);
            return;
        }
        let is_of_table = |statement: &sql::Statement| !statement.is_of_cursor();
        for place in places(config, &self.database, &text, unqualified, is_of_table) {
            push(Target::Dataset(place), rows);
        }
    }
}

/// The datasets of a database that those statements of a text name which are asked for, each once.
fn places(
    config: &Config,
    database: &str,
    text: &str,
    tables: sql::Unqualified,
    is_asked_for: impl Fn(&sql::Statement) -> bool,
) -> BTreeSet<usize> {
    let statements = sql::statements(text);
    let named = statements.iter().filter(|statement| is_asked_for(statement));
    let places = named.flat_map(|statement| statement.datasets(&config.datasets, tables));
    places.filter(|place| config.datasets[*place].is_in(database)).collect()
}

/// Most statements have nothing to do with the log, and need not be taken apart.
fn may_change_log(text: &str) -> bool {
    text.to_ascii_lowercase().contains("pgaudit")
}

/// Whether an error may come when rows have been read. Not so that something is written wrong, not there or not allowed
/// (class 42, 3D, 3F, 26, 34), not supported (0A), or that the transaction had ended (25).
fn may_have_read(state_code: &str) -> bool {
    !["42", "3D", "3F", "26", "34", "0A", "25"].iter().any(|class| state_code.starts_with(class))
}

/// The rows of all parts of a statement that read a dataset: lines of one part say the same number. The outer `None` when
/// none read it, the inner one when pgaudit does not count rows.
fn rows_of(reads: &[(u64, usize, Option<u64>)], place: usize) -> Option<Option<u64>> {
    let mut parts: BTreeMap<u64, Option<u64>> = BTreeMap::new();
    for (part, _, rows) in reads.iter().filter(|(_, of, _)| *of == place) {
        let greatest = parts.entry(*part).or_insert(*rows);
        *greatest = (*greatest).max(*rows);
    }
    (!parts.is_empty()).then(|| parts.into_values().try_fold(0u64, |sum, rows| Some(sum.saturating_add(rows?))))
}

/// Sessions that are looked at side by side.
const SESSIONS_MAX: usize = 20_000;

/// What is carried to the next interval has its place in the state of the control.
const WAITING_MAX: usize = 100;

/// An audit line comes when its statement ends.
const AWAITED_MS: i64 = 60_000;
