//! MySQL and MariaDB.
//!
//! The statement is prepared first, which runs nothing: what would give no columns is not run at all, so that nothing is
//! written by it, also no file of the server. The transaction is read-only besides.
//!
//! The driver would read on by itself what nobody wants any more. It has a way of ours to the server, which ends with the question.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use evidenced_contract::HttpError;
use mysql_async::{
    Column, Conn, Error, IoError, OptsBuilder, Row, SslOpts, Value, consts::ColumnType, prelude::Queryable as _,
};

use tokio::net::TcpListener;

use super::{
    Answer, Bounds, Greeting, QueryError,
    counted::{Counted, WIRE_BYTES_MORE, wire_max},
    millis_until,
    relay::{beside, relayed_once},
    rows::{Cell, NoText, Rows},
};
use crate::{
    clock::timer_now,
    domain::{CredentialId, Server, SqlSpec},
    gate::{Gate, Login},
};

/// The character set of what is bytes and no text.
const BINARY: u16 = 63;

/// A parameter of a few bytes fits into any limit.
const PACKET_BYTES_MIN: u64 = 1 << 20;

/// For which a connection may rest: as long as MySQL itself allows, and longer than any run.
const WAIT_SECONDS: usize = 28_800;

pub(super) async fn ask(gate: &Gate, spec: &SqlSpec, server: &Server, bounds: Bounds) -> Result<Answer, QueryError> {
    let login = gate.login(spec.database.credential.as_ref(), server).await?;
    let stream = Counted::new(gate.dial(server).await?, wire_max(bounds.bytes_max));
    let (listener, port) = door().await?;
    let relay = relayed_once(listener, stream);
    let work = asked(gate, spec, server, &login, port, bounds);
    beside(relay, work, |_| None, bounds.bytes_max).await
}

/// Where the driver finds our side of the way to its server. Opened right before the driver comes: it takes whoever is first.
async fn door() -> Result<(TcpListener, u16), QueryError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|_| QueryError::Lost)?;
    let port = listener.local_addr().map_err(|_| QueryError::Lost)?.port();
    Ok((listener, port))
}

async fn asked(
    gate: &Gate,
    spec: &SqlSpec,
    server: &Server,
    login: &Login,
    port: u16,
    bounds: Bounds,
) -> Result<Answer, QueryError> {
    let mut connection = connect(gate, server, login, port, bounds.bytes_max).await?;
    let told = |error| fault(&error, login, server);
    let greeting = greeting(&mut connection, login, server).await.map_err(told)?;
    // MySQL counts in milliseconds, MariaDB in seconds.
    let (millis, began) = (millis_until(bounds.end), timer_now());
    let limit = if greeting.is_mariadb {
        format!("set session max_statement_time = {}.{:03}", millis / 1_000, millis % 1_000)
    } else {
        format!("set session max_execution_time = {millis}")
    };
    for statement in [&limit, "set session time_zone = '+00:00'", "start transaction read only"] {
        connection.query_drop(statement).await.map_err(told)?;
    }
    let (bytes, rows) = match read(&mut connection, spec, login, bounds).await {
        Ok(read) => read,
        Err(Fault::Query(error)) => return Err(error),
        Err(Fault::Server(error)) => return Err(told(error)),
    };
    // Some functions end quietly when their time is over, with a value that looks like any other.
    if timer_now().saturating_duration_since(began) >= Duration::from_millis(millis) {
        return Err(QueryError::OutOfTime);
    }
    // Whether the goodbye arrives changes nothing.
    connection.disconnect().await.ok();
    Ok(Answer { bytes, rows, who: greeting.who })
}

pub(super) async fn greet(
    gate: &Gate,
    credential: Option<&CredentialId>,
    server: &Server,
) -> Result<Greeting, QueryError> {
    let login = gate.login(credential, server).await?;
    let stream = Counted::new(gate.dial(server).await?, WIRE_BYTES_MORE);
    let (listener, port) = door().await?;
    let relay = relayed_once(listener, stream);
    let work = async {
        let mut connection = connect(gate, server, &login, port, PACKET_BYTES_MIN).await?;
        let greeting = greeting(&mut connection, &login, server).await;
        let greeting = greeting.map_err(|error| fault(&error, &login, server))?;
        connection.disconnect().await.ok();
        Ok(Greeting { who: greeting.who, is_superuser: false })
    };
    beside(relay, work, |_| None, WIRE_BYTES_MORE).await
}

struct Greeted {
    who: String,
    is_mariadb: bool,
}

async fn greeting(connection: &mut Conn, login: &Login, server: &Server) -> Result<Greeted, Error> {
    // The driver panics where a value is not of the type that is asked for: a row is always one.
    let version: Option<Row> = connection.query_first("select version()").await?;
    let version = match version.as_ref().and_then(|row| row.as_ref(0)) {
        Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(_) | None => "of an unknown version".to_owned(),
    };
    let is_mariadb = version.contains("MariaDB");
    let version = login.clean(&version);
    let product = if is_mariadb { "MariaDB" } else { "MySQL" };
    let database = server.database.as_deref().map(|name| format!("/{name}")).unwrap_or_default();
    let who = format!("{} at {}:{}{database}, {product} {version}", login.user, server.host, server.port);
    Ok(Greeted { who, is_mariadb })
}

/// By way of `port` of this machine. The driver speaks TLS by itself, with the roots of the gate, but by the clock of the system.
async fn connect(gate: &Gate, server: &Server, login: &Login, port: u16, bytes_max: u64) -> Result<Conn, QueryError> {
    let tls = server.tls.then(|| {
        let roots = gate.roots().iter().map(|root| root.as_ref().to_vec().into()).collect();
        SslOpts::default().with_root_certs(roots).with_disable_built_in_roots(true)
    });
    let packet_max = usize::try_from(bytes_max.max(PACKET_BYTES_MIN)).unwrap_or(usize::MAX);
    let options = OptsBuilder::default()
        .ip_or_hostname(server.host.clone())
        .tcp_port(port)
        .resolved_ips(Some([IpAddr::V4(Ipv4Addr::LOCALHOST)]))
        .user(Some(login.user.clone()))
        .pass(login.password.as_ref().map(|secret| secret.expose().clone()))
        .db_name(server.database.clone())
        .ssl_opts(tls)
        // What is set here the driver does not ask for, and so cannot be told nonsense.
        .max_allowed_packet(Some(packet_max))
        .wait_timeout(Some(WAIT_SECONDS))
        .stmt_cache_size(0)
        // It would be whatever place the server names.
        .prefer_socket(false);
    Conn::new(options).await.map_err(|error| match &error {
        Error::Server(told) if matches!(told.code, 1045 | 1044 | 1698) => QueryError::Login(login.clean(&told.message)),
        _ => fault(&error, login, server),
    })
}

enum Fault {
    Server(Error),
    Query(QueryError),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}

impl From<QueryError> for Fault {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}

/// Never with the words of the driver, which may hold what was configured.
fn fault(error: &Error, login: &Login, server: &Server) -> QueryError {
    let place = format!("{}:{}", server.host, server.port);
    match error {
        // Ended by the server itself: MySQL, and MariaDB.
        Error::Server(told) if matches!(told.code, 3024 | 1969 | 1317) => QueryError::OutOfTime,
        Error::Server(told) => QueryError::Refused(login.clean(&format!("{} ({})", told.message, told.state))),
        Error::Io(IoError::Tls(_)) => QueryError::Way(HttpError::Tls(format!(
            "{place}: the certificate is not acceptable, or the handshake went wrong"
        ))),
        Error::Io(IoError::Io(why)) if why.kind() == std::io::ErrorKind::ConnectionRefused => {
            QueryError::Way(HttpError::Unreachable(format!("{place}: connection refused")))
        }
        // The driver tells faults of a handshake as ones of the stream.
        Error::Io(IoError::Io(why)) if why.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            QueryError::Way(crate::gate::tls_fault(server, why))
        }
        Error::Io(IoError::Io(_)) => QueryError::Lost,
        Error::Driver(mysql_async::DriverError::NoClientSslFlagFromServer) => {
            QueryError::Way(HttpError::Tls(format!("{place}: the server offers no TLS")))
        }
        Error::Driver(mysql_async::DriverError::ConnectionClosed) => QueryError::Lost,
        Error::Driver(_) | Error::Other(_) | Error::Url(_) => QueryError::Unexpected("MySQL's protocol"),
    }
}

async fn read(connection: &mut Conn, spec: &SqlSpec, login: &Login, bounds: Bounds) -> Result<(Vec<u8>, u32), Fault> {
    let statement = connection.prep(spec.query.as_str()).await?;
    let (wanted, given) = (usize::from(statement.num_params()), spec.parameters.len());
    if wanted != given {
        return Err(QueryError::Parameters { wanted, given }.into());
    }
    let columns = statement.columns();
    let names: Vec<_> = columns.iter().map(|column| column.name_str().into_owned()).collect();
    let mut rows = Rows::new(names.iter().map(String::as_str), login.mask(), spec.max_rows, bounds.bytes_max)?;
    let parameters: Vec<Value> = spec.parameters.iter().map(bound).collect();
    let mut found = connection.exec_iter(statement, parameters).await?;
    // What a value that hangs on a parameter is, is known only now.
    let columns = found.columns().unwrap_or(columns);
    while let Some(row) = found.next().await? {
        push(&mut rows, &columns, row)?;
    }
    Ok(rows.finish()?)
}

fn push(rows: &mut Rows, columns: &[Column], row: Row) -> Result<(), QueryError> {
    let values = row.unwrap();
    rows.push(columns.iter().zip(&values).map(|(column, value)| cell(column, value)))
}

fn bound(parameter: &serde_json::Value) -> Value {
    match parameter {
        serde_json::Value::Bool(truth) => Value::from(*truth),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| Value::from(number.as_f64().unwrap_or(f64::NAN)), Value::from)
        }
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => Value::NULL,
    }
}

fn cell<'v>(column: &Column, value: &'v Value) -> Result<Cell<'v>, NoText> {
    use ColumnType as T;
    Ok(match value {
        Value::NULL => Cell::Null,
        Value::Int(number) => Cell::Whole((*number).into()),
        Value::UInt(number) => Cell::Whole((*number).into()),
        // The shortest text that means the same: as a double it would have digits that nobody wrote.
        Value::Float(number) => Cell::Float(number.to_string().parse().unwrap_or(f64::from(*number))),
        Value::Double(number) => Cell::Float(*number),
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let date = format!("{year:04}-{month:02}-{day:02}");
            let time = || format!("{date}T{hour:02}:{minute:02}:{second:02}{}", fraction(*micros));
            match column.column_type() {
                T::MYSQL_TYPE_DATE | T::MYSQL_TYPE_NEWDATE => Cell::Text(date.into()),
                T::MYSQL_TYPE_TIMESTAMP | T::MYSQL_TYPE_TIMESTAMP2 => Cell::Text((time() + "Z").into()),
                _ => Cell::Text(time().into()),
            }
        }
        Value::Time(negative, days, hours, minutes, seconds, micros) => {
            let hours = u64::from(*days) * 24 + u64::from(*hours);
            let sign = if *negative { "-" } else { "" };
            Cell::Text(format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{}", fraction(*micros)).into())
        }
        Value::Bytes(bytes) => {
            let is_text = match column.column_type() {
                T::MYSQL_TYPE_DECIMAL | T::MYSQL_TYPE_NEWDECIMAL | T::MYSQL_TYPE_JSON => true,
                T::MYSQL_TYPE_BIT | T::MYSQL_TYPE_GEOMETRY => false,
                _ => column.character_set() != BINARY,
            };
            if is_text {
                Cell::Text(std::str::from_utf8(bytes).map_err(|_| NoText)?.into())
            } else {
                Cell::Bytes(bytes.into())
            }
        }
    })
}

fn fraction(micros: u32) -> String {
    if micros == 0 { String::new() } else { format!(".{micros:06}") }
}
