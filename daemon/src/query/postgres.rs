//! PostgreSQL, and what speaks its protocol.
//!
//! The query is that of a cursor: the server takes nothing for it but what reads, and one statement, whatever it is
//! called and however it is quoted. The transaction is read-only besides, and the server itself ends what takes too long.

use std::{
    error::Error as _,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::BytesMut;
use evidenced_contract::HttpError;
use futures_util::{
    StreamExt as _,
    future::{BoxFuture, FutureExt as _},
};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_postgres::{
    Client, Connection, Error, SimpleQueryMessage,
    config::{Config, SslMode},
    error::SqlState,
    tls::{ChannelBinding, TlsConnect, TlsStream},
    types::{Format, IsNull, ToSql, Type, to_sql_checked},
};

use super::{
    Answer, Bounds, Greeting, QueryError,
    counted::{Counted, WIRE_BYTES_MORE, is_over, wire_max},
    millis_until,
    rows::{Cell, NoText, Rows},
};
use crate::{
    domain::{CredentialId, Server, SqlSpec},
    gate::{Gate, Login, certified_name, tls_fault},
};

type Plain = Counted<TcpStream>;

pub(super) async fn ask(gate: &Gate, spec: &SqlSpec, server: &Server, bounds: Bounds) -> Result<Answer, QueryError> {
    let login = gate.login(spec.database.credential.as_ref(), server).await?;
    let (client, connection) = connect(gate, server, &login, wire_max(bounds.bytes_max)).await?;
    let Greeting { who, is_superuser } = greeting(&connection, &login, server);
    let work = async {
        let read = read(&client, spec, &login, bounds).await;
        // Goodbye; the connection ends once it is said.
        drop(client);
        read
    };
    let (mut work, mut connection, mut driving) = (pin!(work), pin!(connection), true);
    let rows = loop {
        tokio::select! {
            rows = &mut work => break rows,
            // What ended it reaches the work as its error.
            _ = &mut connection, if driving => driving = false,
        }
    };
    let (bytes, rows) = rows.map_err(|fault| fault.told(&login, server, bounds))?;
    if driving {
        // Whether the goodbye arrives changes nothing.
        connection.await.ok();
    }
    Ok(Answer { bytes, rows, who: if is_superuser { format!("{who}, a superuser") } else { who } })
}

pub(super) async fn greet(
    gate: &Gate,
    credential: Option<&CredentialId>,
    server: &Server,
) -> Result<Greeting, QueryError> {
    let login = gate.login(credential, server).await?;
    let (client, connection) = connect(gate, server, &login, WIRE_BYTES_MORE).await?;
    let greeting = greeting(&connection, &login, server);
    drop(client);
    connection.await.ok();
    Ok(greeting)
}

/// From what the server says of itself at each login.
fn greeting<S, T>(connection: &Connection<S, T>, login: &Login, server: &Server) -> Greeting
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let version = login.clean(connection.parameter("server_version").unwrap_or("of an unknown version"));
    let database = server.database.as_deref().unwrap_or(&login.user);
    let who = format!("{} at {}:{}/{database}, PostgreSQL {version}", login.user, server.host, server.port);
    Greeting { who, is_superuser: connection.parameter("is_superuser") == Some("on") }
}

async fn connect(
    gate: &Gate,
    server: &Server,
    login: &Login,
    wire_max: u64,
) -> Result<(Client, Connection<Plain, Encrypted>), QueryError> {
    let stream = Counted::new(gate.dial(server).await?, wire_max);
    let mut config = Config::new();
    config.user(&login.user).application_name("evidenced");
    config.ssl_mode(if server.tls { SslMode::Require } else { SslMode::Disable });
    if let Some(database) = &server.database {
        config.dbname(database);
    }
    if let Some(password) = &login.password {
        config.password(password.expose());
    }
    let handshake = Handshake { gate_tls: gate.tls()?, server: server.clone() };
    config.connect_raw(stream, handshake).await.map_err(|error| login_fault(&error, login, server))
}

/// What a statement failed with.
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

impl Fault {
    fn told(self, login: &Login, server: &Server, bounds: Bounds) -> QueryError {
        let error = match self {
            Self::Query(error) => return error,
            Self::Server(error) => error,
        };
        match error.as_db_error() {
            Some(told) if *told.code() == SqlState::QUERY_CANCELED => QueryError::OutOfTime,
            Some(told) => {
                let hint = told.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
                QueryError::Refused(login.clean(&format!("{}{hint} ({})", told.message(), told.code().code())))
            }
            None if is_over(&error) => QueryError::TooLong(bounds.bytes_max),
            None => connection_fault(&error, server),
        }
    }
}

/// Never with the words of the driver, which may hold what was configured.
fn login_fault(error: &Error, login: &Login, server: &Server) -> QueryError {
    match error.as_db_error() {
        Some(told)
            if [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION].contains(told.code()) =>
        {
            QueryError::Login(login.clean(told.message()))
        }
        Some(told) => QueryError::Refused(login.clean(&format!("{} ({})", told.message(), told.code().code()))),
        None if login.password.is_none() && error.to_string().contains("configuration") => QueryError::NoPassword,
        None => connection_fault(error, server),
    }
}

fn connection_fault(error: &Error, server: &Server) -> QueryError {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(HttpError::Tls(why)) = inner.downcast_ref::<HttpError>() {
            return QueryError::Way(HttpError::Tls(why.clone()));
        }
        if inner.to_string().contains("does not support TLS") {
            let why = format!("{}:{}: the server offers no TLS", server.host, server.port);
            return QueryError::Way(HttpError::Tls(why));
        }
        if inner.downcast_ref::<std::io::Error>().is_some() {
            return QueryError::Lost;
        }
        cause = inner.source();
    }
    if error.is_closed() { QueryError::Lost } else { QueryError::Unexpected("PostgreSQL's protocol") }
}

async fn read(client: &Client, spec: &SqlSpec, login: &Login, bounds: Bounds) -> Result<(Vec<u8>, u32), Fault> {
    // Of the transaction alone, so that a pooler that shares sessions hands nothing on. All of a batch is sent at once.
    let begin = format!(
        "begin transaction read only; set local statement_timeout = {}; set local client_min_messages = 'error'; \
         set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'iso_8601'; \
         set local bytea_output = 'hex'; set local extra_float_digits = 3",
        millis_until(bounds.end)
    );
    client.batch_execute(&begin).await?;
    // Looked at and not run: what the columns are, and whether it is one statement.
    let statement = client.prepare(&spec.query).await?;
    let (wanted, given) = (statement.params().len(), spec.parameters.len());
    if wanted != given {
        return Err(QueryError::Parameters { wanted, given }.into());
    }
    let names = statement.columns().iter().map(tokio_postgres::Column::name);
    let mut rows = Rows::new(names, login.mask(), spec.max_rows, bounds.bytes_max)?;
    let types: Vec<Type> = statement.columns().iter().map(|column| column.type_().clone()).collect();
    let parameters: Vec<Parameter> = spec.parameters.iter().map(Parameter::of).collect();
    let parameters: Vec<_> = parameters.iter().map(|parameter| parameter as &(dyn ToSql + Sync)).collect();
    let declared =
        client.execute(&format!("declare evidenced no scroll cursor for\n{}", spec.query), &parameters).await;
    declared.map_err(|error| match error.code() {
        // By itself it was good.
        Some(code) if *code == SqlState::SYNTAX_ERROR => Fault::Query(QueryError::Refused(
            "it must begin with `select`, `values`, `table` or `with`: nothing else is asked".to_owned(),
        )),
        _ => Fault::Server(error),
    })?;
    let fetch = format!("fetch forward {} from evidenced", u64::from(spec.max_rows) + 1);
    let mut answers = pin!(client.simple_query_raw(&fetch).await?);
    while let Some(message) = answers.next().await {
        if let SimpleQueryMessage::Row(row) = message? {
            let cells = types.iter().enumerate().map(|(place, of)| {
                let value = row.try_get(place).map_err(|_| NoText)?;
                Ok(value.map_or(Cell::Null, |text| cell(of, text)))
            });
            rows.push(cells)?;
        }
    }
    client.batch_execute("rollback").await?;
    Ok(rows.finish()?)
}

/// A value, from the text that the server writes of it.
fn cell<'t>(of: &Type, text: &'t str) -> Cell<'t> {
    let as_text = || Cell::Text(text.into());
    match *of {
        Type::BOOL => Cell::Boolean(text == "t"),
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => text.parse().map_or_else(|_| as_text(), Cell::Whole),
        Type::FLOAT4 | Type::FLOAT8 => text.parse().map_or_else(|_| as_text(), Cell::Float),
        Type::BYTEA => text
            .strip_prefix("\\x")
            .and_then(|digits| hex::decode(digits).ok())
            .map_or_else(as_text, |bytes| Cell::Bytes(bytes.into())),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => moment(text).map_or_else(as_text, |moment| Cell::Text(moment.into())),
        _ => as_text(),
    }
}

/// `2026-01-31 12:00:00.5+00` as RFC 3339 writes it; without a zone it stays without one. `None`: it is no time of
/// years that RFC 3339 knows, such as `infinity`.
fn moment(text: &str) -> Option<String> {
    let (date, time) = text.split_once(' ')?;
    if date.len() != 10 || time.contains(' ') {
        return None;
    }
    Some(match time.strip_suffix("+00") {
        Some(time) => format!("{date}T{time}Z"),
        None => format!("{date}T{time}"),
    })
}

/// As text, which the server reads as whatever the query wants there.
#[derive(Debug)]
struct Parameter(String);

impl Parameter {
    fn of(value: &Value) -> Self {
        Self(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }
}

impl ToSql for Parameter {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// TLS as the gate speaks it.
struct Handshake {
    gate_tls: std::sync::Arc<rustls::ClientConfig>,
    server: Server,
}

impl TlsConnect<Plain> for Handshake {
    type Stream = Encrypted;
    type Error = HttpError;
    type Future = BoxFuture<'static, Result<Encrypted, HttpError>>;

    fn connect(self, stream: Plain) -> Self::Future {
        async move {
            let name = certified_name(&self.server)?;
            let shake = tokio_rustls::TlsConnector::from(self.gate_tls).connect(name, stream);
            shake.await.map(Encrypted).map_err(|error| tls_fault(&self.server, &error))
        }
        .boxed()
    }
}

struct Encrypted(tokio_rustls::client::TlsStream<Plain>);

impl TlsStream for Encrypted {
    /// The certificate is held against the roots and the name, so that nobody is in between.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl tokio::io::AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl tokio::io::AsyncWrite for Encrypted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Mask;

    fn json(of: &Type, text: &str) -> String {
        let mut rows = Rows::new(["x"], Mask::new([]), 1, 1_000).unwrap();
        rows.push([Ok(cell(of, text))]).unwrap();
        let (json, _) = rows.finish().unwrap();
        let json = String::from_utf8(json).unwrap();
        json.strip_prefix("[\n{\"x\":").unwrap().strip_suffix("}\n]\n").unwrap().to_owned()
    }

    #[test]
    fn values_are_what_json_can_say_of_them() {
        for (of, text, written) in [
            (Type::BOOL, "t", "true"),
            (Type::BOOL, "f", "false"),
            (Type::INT4, "-7", "-7"),
            (Type::INT8, "9223372036854775807", "\"9223372036854775807\""),
            (Type::FLOAT4, "0.1", "0.1"),
            (Type::FLOAT8, "1e+300", "1e+300"),
            (Type::FLOAT8, "NaN", "\"NaN\""),
            (Type::FLOAT8, "-Infinity", "\"-Infinity\""),
            (Type::NUMERIC, "10.50", "\"10.50\""),
            (Type::BYTEA, "\\x00ff", "\"AP8=\""),
            (Type::TIMESTAMPTZ, "2026-01-31 12:00:00.5+00", "\"2026-01-31T12:00:00.5Z\""),
            (Type::TIMESTAMP, "2026-01-31 12:00:00", "\"2026-01-31T12:00:00\""),
            (Type::TIMESTAMPTZ, "infinity", "\"infinity\""),
            (Type::TIMESTAMPTZ, "0044-03-15 12:00:00+00 BC", "\"0044-03-15 12:00:00+00 BC\""),
            (Type::DATE, "2026-01-31", "\"2026-01-31\""),
            (Type::JSONB, "{\"a\": 1}", "\"{\\\"a\\\": 1}\""),
            (Type::TEXT_ARRAY, "{a,b}", "\"{a,b}\""),
        ] {
            assert_eq!(json(&of, text), written, "{of} {text}");
        }
    }
}
