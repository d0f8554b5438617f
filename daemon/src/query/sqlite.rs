//! A file of SQLite: opened to be read, by a statement that may do nothing else.
//!
//! The file is never opened but by SQLite: when any descriptor of it is closed, the system drops the locks of the whole
//! process on it, and a writer could come between.

use std::{borrow::Cow, path::Path, time::Duration};

use rusqlite::{
    Connection, Error, ErrorCode, OpenFlags,
    config::DbConfig,
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
    types::ValueRef,
};
use serde_json::Value;

use super::{
    Answer, Greeting, QueryError,
    rows::{Cell, NoText, Rows},
};
use crate::{domain::SqlSpec, gate::Mask};

/// Instructions of SQLite's machine between two looks at the time: well below a millisecond.
const LOOK_EVERY: i32 = 10_000;

/// As long as a writer is waited for at once; the time of the run is looked at in between.
const BUSY_MAX: Duration = Duration::from_millis(200);

/// Whether nobody waits for the answer any more.
pub type Halted = Box<dyn Fn() -> bool + Send + Sync>;

/// Asks the file. It blocks, and ends soon after `halted` says so.
///
/// # Errors
/// As [`QueryError`] says.
pub fn ask_sqlite(path: &Path, spec: &SqlSpec, bytes_max: u64, halted: Halted) -> Result<Answer, QueryError> {
    let halted: std::sync::Arc<Halted> = std::sync::Arc::new(halted);
    let mut connection = open(path)?;
    let asked = std::sync::Arc::clone(&halted);
    let set_up = (|| {
        connection.progress_handler(LOOK_EVERY, Some(move || asked()))?;
        connection.authorizer(Some(only_reads))?;
        // A value cannot be longer than the answer may be; SQLite's own limit is a gigabyte.
        let value_max = i32::try_from(bytes_max).unwrap_or(i32::MAX);
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, value_max.clamp(1 << 16, 1_000_000_000))
    })();
    set_up.map_err(|error| fault(&error, bytes_max))?;
    let read = loop {
        match read(&connection, spec, bytes_max) {
            Err(Attempt::Busy) if !halted() => {}
            Err(Attempt::Busy) => break Err(QueryError::OutOfTime),
            Err(Attempt::Failed(error)) => break Err(error),
            Ok(answer) => break Ok(answer),
        }
    };
    let (bytes, rows) = read?;
    Ok(Answer { bytes, rows, who: who(path) })
}

/// Opens the file and reads what it is.
pub(super) fn greet(path: &Path) -> Result<Greeting, QueryError> {
    let connection = open(path)?;
    let look = connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(()));
    look.map_err(|error| fault(&error, 0))?;
    Ok(Greeting { who: who(path), is_superuser: false })
}

fn who(path: &Path) -> String {
    format!("{}, SQLite {}", path.display(), rusqlite::version())
}

fn open(path: &Path) -> Result<Connection, QueryError> {
    let file = |why: String| QueryError::File(format!("{}: {why}", path.display()));
    let found = path.metadata().map_err(|error| {
        file(match error.kind() {
            std::io::ErrorKind::NotFound => "it is not there".to_owned(),
            std::io::ErrorKind::PermissionDenied => {
                "let the user that evidenced runs as read it, and its folder".to_owned()
            }
            kind => kind.to_string(),
        })
    })?;
    // Whatever else it is might be waited for without end.
    if !found.is_file() {
        return Err(file("it is no regular file".to_owned()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| fault(&error, 0))?;
    let set_up = (|| {
        connection.busy_timeout(BUSY_MAX)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.pragma_update(None, "query_only", true)
    })();
    set_up.map_err(|error| fault(&error, 0))?;
    Ok(connection)
}

/// Other files could be attached, and be read or made.
fn only_reads(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } if !function_name.eq_ignore_ascii_case("load_extension") => {
            Authorization::Allow
        }
        // What the schema is, by `pragma_table_info(…)` and its like.
        AuthAction::Pragma { pragma_name, .. } if LOOKS.contains(&pragma_name.to_ascii_lowercase().as_str()) => {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }
}

const LOOKS: [&str; 8] = [
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "table_info",
    "table_list",
    "table_xinfo",
    "user_version",
];

enum Attempt {
    /// Somebody writes.
    Busy,
    Failed(QueryError),
}

fn read(connection: &Connection, spec: &SqlSpec, bytes_max: u64) -> Result<(Vec<u8>, u32), Attempt> {
    let sql = |error: Error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy) => Attempt::Busy,
        _ => Attempt::Failed(fault(&error, bytes_max)),
    };
    let query = |error| Attempt::Failed(error);
    let mut statement = connection.prepare(&spec.query).map_err(sql)?;
    if !statement.readonly() {
        return Err(query(QueryError::Refused("it may only read".to_owned())));
    }
    let (wanted, given) = (statement.parameter_count(), spec.parameters.len());
    if wanted != given {
        return Err(query(QueryError::Parameters { wanted, given }));
    }
    for (place, parameter) in spec.parameters.iter().enumerate() {
        statement.raw_bind_parameter(place + 1, bound(parameter)).map_err(sql)?;
    }
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let rows = Rows::new(names.iter().map(String::as_str), Mask::new([]), spec.max_rows, bytes_max);
    let mut rows = rows.map_err(query)?;
    let mut found = statement.raw_query();
    while let Some(row) = found.next().map_err(sql)? {
        let cells = (0..names.len()).map(|place| {
            let value = row.get_ref(place).map_err(|_| NoText)?;
            cell(value).ok_or(NoText)
        });
        rows.push(cells).map_err(query)?;
    }
    rows.finish().map_err(query)
}

fn bound(parameter: &Value) -> rusqlite::types::Value {
    use rusqlite::types::Value as Bound;
    match parameter {
        Value::Bool(truth) => Bound::Integer((*truth).into()),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| Bound::Real(number.as_f64().unwrap_or(f64::NAN)), Bound::Integer)
        }
        Value::String(text) => Bound::Text(text.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => Bound::Null,
    }
}

fn cell(value: ValueRef<'_>) -> Option<Cell<'_>> {
    Some(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Whole(number.into()),
        ValueRef::Real(number) => Cell::Float(number),
        ValueRef::Text(bytes) => Cell::Text(Cow::Borrowed(std::str::from_utf8(bytes).ok()?)),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.into()),
    })
}

fn fault(error: &Error, bytes_max: u64) -> QueryError {
    match error {
        Error::MultipleStatement => QueryError::Refused("it is more than one statement".to_owned()),
        error => match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => QueryError::OutOfTime,
            Some(ErrorCode::TooBig) => QueryError::TooLong(bytes_max),
            Some(ErrorCode::AuthorizationForStatementDenied) => {
                QueryError::Refused("it may only read, and this file alone".to_owned())
            }
            Some(ErrorCode::NotADatabase) => QueryError::File("it is no database of SQLite".to_owned()),
            Some(ErrorCode::CannotOpen) => QueryError::File(
                "SQLite cannot open it; with a write-ahead log its folder must hold NAME-shm and NAME-wal, or be writable"
                    .to_owned(),
            ),
            _ => QueryError::Refused(told(error)),
        },
    }
}

fn told(error: &Error) -> String {
    match error {
        Error::SqliteFailure(_, Some(words)) => words.clone(),
        Error::SqlInputError { msg, offset, .. } => format!("{msg}, at byte {offset}"),
        other => other.to_string(),
    }
}
