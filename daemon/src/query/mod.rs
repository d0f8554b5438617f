//! Asks databases and directories before a run, and gives what they answer as JSON.
//!
//! In: what is asked, and how long and how much at most. Out: the answer, who asked, and how many rows there were; or
//! why there is none, in our own words or the server's, never with a secret. One statement a question, in a transaction
//! that only reads. Everything goes by way of the `gate`.
//! Must not know: the ledger, plugins, what an answer means.

mod counted;
mod frames;
mod ldap;
mod mysql;
mod postgres;
mod relay;
mod rows;
mod sqlite;

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use evidenced_contract::HttpError;
use futures_util::FutureExt as _;
use tokio::time::{Instant, timeout_at};

use crate::{
    clock::timer_now,
    domain::{Database, DatabasePlace, LdapSpec, Server, SqlSpec},
    gate::{Door, Gate},
};

pub use sqlite::{Halted, ask_sqlite};

/// How long, and how much.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// When there must be an answer.
    pub end: Instant,
    pub bytes_max: u64,
}

/// What was answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// JSON.
    pub bytes: Vec<u8>,
    pub rows: u32,
    /// Who asked, and whom: for the evidence.
    pub who: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("{0}")]
    Way(HttpError),
    #[error("the login is refused: {0}")]
    Login(String),
    #[error("the server wants a password, and its source has no `credential`")]
    NoPassword,
    #[error("the query is refused: {0}")]
    Refused(String),
    #[error("the query wants {wanted} parameters, and the input has {given}: correct `parameters`")]
    Parameters { wanted: usize, given: usize },
    #[error("the query gives no rows: write one that reads, such as `select …`")]
    NoRows,
    #[error("two columns are named `{0}`: give each its own name, with `as`")]
    NamedTwice(String),
    #[error("more than {0} rows: narrow the query, or raise `max_rows`")]
    TooManyRows(u32),
    #[error("more than {0} entries: narrow the filter, or raise `max_entries`")]
    TooManyEntries(u32),
    #[error("longer than the limit of {0} bytes: narrow the query, or raise `limits.input`")]
    TooLong(u64),
    #[error("not answered within the time of the run: ask for less, or raise `limits.wall`")]
    OutOfTime,
    #[error("the connection ended before the answer was complete")]
    Lost,
    #[error("the server does not speak {0} as is expected")]
    Unexpected(&'static str),
    #[error("a value of the column `{0}` is no text, and cannot be read as what it is")]
    Unreadable(String),
    #[error("the file cannot be read: {0}")]
    File(String),
}

impl From<HttpError> for QueryError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Limit(_) => Self::OutOfTime,
            other => Self::Way(other),
        }
    }
}

/// Asks a server in SQL. SQLite is no server: [`ask_sqlite`].
///
/// # Errors
/// As [`QueryError`] says.
pub async fn ask_sql(door: &Door, spec: &SqlSpec, bounds: Bounds) -> Result<Answer, QueryError> {
    match &spec.database.place {
        DatabasePlace::Postgres(server) => {
            let ask = async |end| guarded(postgres::ask(door.gate(), spec, server, Bounds { end, ..bounds })).await;
            in_turn(door, &spec.database, server, bounds.end, ask).await
        }
        DatabasePlace::Mysql(server) => {
            let ask = async |end| guarded(mysql::ask(door.gate(), spec, server, Bounds { end, ..bounds })).await;
            in_turn(door, &spec.database, server, bounds.end, ask).await
        }
        DatabasePlace::Sqlite(_) | DatabasePlace::Ldap(_) => Err(QueryError::Unexpected("SQL")),
    }
}

/// Searches a directory.
///
/// # Errors
/// As [`QueryError`] says.
pub async fn ask_ldap(door: &Door, spec: &LdapSpec, bounds: Bounds) -> Result<Answer, QueryError> {
    let DatabasePlace::Ldap(server) = &spec.database.place else { return Err(QueryError::Unexpected("LDAP")) };
    let ask = async |end| guarded(ldap::ask(door.gate(), spec, server, Bounds { end, ..bounds })).await;
    in_turn(door, &spec.database, server, bounds.end, ask).await
}

/// Waits for the run's turn at the source, and for the answer: both within the time of the run.
async fn in_turn(
    door: &Door,
    database: &Database,
    server: &Server,
    end: Instant,
    ask: impl AsyncFnOnce(Instant) -> Result<Answer, QueryError>,
) -> Result<Answer, QueryError> {
    let _asking = door.turn_at(database, server, end).await?;
    // A little is left in which the plugin can say that nothing came.
    let left = end.saturating_duration_since(timer_now());
    let end = timer_now() + left * 9 / 10;
    timeout_at(end, ask(end)).await.map_err(|_| QueryError::OutOfTime)?
}

/// Logs in and asks nothing. Who it was that logged in, and what is worth a warning about them.
///
/// # Errors
/// As [`QueryError`] says.
pub async fn greet(gate: &Gate, database: &Database, within: Duration) -> Result<Greeting, QueryError> {
    let end = timer_now() + within;
    let greet = async {
        let credential = database.credential.as_ref();
        match &database.place {
            DatabasePlace::Postgres(server) => postgres::greet(gate, credential, server).await,
            DatabasePlace::Mysql(server) => mysql::greet(gate, credential, server).await,
            DatabasePlace::Ldap(server) => ldap::greet(gate, credential, server).await,
            DatabasePlace::Sqlite(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || sqlite::greet(&path)).await;
                read.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
            }
        }
    };
    timeout_at(end, guarded(greet)).await.map_err(|_| QueryError::Way(HttpError::Timeout))?
}

/// Drivers trust a server to write what it must, and some panic where it does not: that is the end of one question, and of
/// nothing else.
async fn guarded<T>(work: impl Future<Output = Result<T, QueryError>>) -> Result<T, QueryError> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or(Err(QueryError::Unexpected("its protocol")))
}

/// What a login showed.
#[derive(Debug, PartialEq, Eq)]
pub struct Greeting {
    pub who: String,
    /// Who logged in may do everything there.
    pub is_superuser: bool,
}

/// Milliseconds until shortly before `end`, at least one: for servers that count them themselves, so that it is they who end
/// what takes too long.
fn millis_until(end: Instant) -> u64 {
    let left = end.saturating_duration_since(timer_now());
    let left = left * 19 / 20;
    u64::try_from(left.as_millis()).unwrap_or(u64::MAX).clamp(1, i32::MAX as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_panics_within_a_driver_is_an_error_without_its_words() {
        let work = async {
            tokio::task::yield_now().await;
            panic!("what the server said")
        };
        let error = guarded::<()>(work).await.unwrap_err();
        assert_eq!(error.to_string(), "the server does not speak its protocol as is expected");
    }
}
