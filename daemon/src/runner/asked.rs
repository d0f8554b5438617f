//! Inputs that other systems are asked for: databases, directories, monitoring, stores; and the ledger itself.

use std::sync::Arc;

use evidenced_contract::{Auth, Exchange, HttpError, HttpRequest, HttpResponse};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    inputs::{Gathering, finish},
    reading::beside,
};
use crate::{
    domain::{DatabasePlace, Grant, InputSpec, LdapSpec, LedgerSpec, PrometheusSpec, S3Spec, SqlSpec, canonical_json},
    query::{self, Answer, Bounds, QueryError},
    sandbox::InputBytes,
};

const JSON: &str = "application/json";

/// What stands in the path of a URL as it is (RFC 3986, 2.3), and what S3 signs so.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

pub(super) async fn from_sql(spec: &InputSpec, sql: &SqlSpec, gathering: &Gathering<'_>) -> InputBytes {
    let answer = match &sql.database.place {
        DatabasePlace::Sqlite(path) => {
            let (path, asked) = (path.clone(), sql.clone());
            let Gathering { bytes_max, since, wall, .. } = *gathering;
            let stop = CancellationToken::new();
            let _stopped_with_the_run = stop.clone().drop_guard();
            // A little is left in which the plugin can say that nothing came.
            let until = wall * 9 / 10;
            let halted = Box::new(move || stop.is_cancelled() || since.left_of(until).is_zero());
            let read = beside(since, wall, move || query::ask_sqlite(&path, &asked, bytes_max, halted));
            read.await.unwrap_or(Err(QueryError::OutOfTime))
        }
        _ => query::ask_sql(gathering.door, sql, bounds(gathering)).await,
    };
    let source = format!("{}:{}", sql.database.place.as_str(), sql.database.source);
    let question = match sql.parameters.as_slice() {
        [] => sql.query.clone(),
        parameters => format!("{}\n-- parameters: {}", sql.query, Value::from(parameters.to_vec())),
    };
    answered(spec, source, question, gathering, answer)
}

pub(super) async fn from_ldap(spec: &InputSpec, ldap: &LdapSpec, gathering: &Gathering<'_>) -> InputBytes {
    let answer = query::ask_ldap(gathering.door, ldap, bounds(gathering)).await;
    let source = format!("ldap:{}", ldap.database.source);
    let LdapSpec { base, filter, scope, attributes, .. } = ldap;
    let question = serde_json::json!({ "base": base, "filter": filter, "scope": scope, "attributes": attributes });
    answered(spec, source, canonical_text(&question), gathering, answer)
}

fn bounds(gathering: &Gathering<'_>) -> Bounds {
    Bounds { end: gathering.since.deadline(gathering.wall).into(), bytes_max: gathering.bytes_max }
}

fn canonical_text(value: &Value) -> String {
    // A value of JSON can always be written.
    canonical_json(value).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

fn answered(
    spec: &InputSpec,
    source: String,
    question: String,
    gathering: &Gathering<'_>,
    answer: Result<Answer, QueryError>,
) -> InputBytes {
    let (source, bytes, rows) = match answer {
        Ok(Answer { bytes, rows, who }) => (format!("{source} ({who})"), Ok(bytes.into()), Some(rows)),
        Err(error) => (source, Err(error.to_string()), None),
    };
    as_json(spec, question, rows, finish(spec, source, gathering.now, bytes, None))
}

fn as_json(spec: &InputSpec, question: String, rows: Option<u32>, mut found: InputBytes) -> InputBytes {
    found.input.query = question;
    found.input.rows = rows;
    if spec.media_type.is_none() {
        JSON.clone_into(&mut found.input.media_type);
    }
    found
}

/// GET of a URL that the input's source grants, and the plugin need not be granted.
async fn get(url: &Url, grant: &Grant, accept: &[u16], gathering: &Gathering<'_>) -> Result<HttpResponse, HttpError> {
    let request = HttpRequest {
        method: "GET".to_owned(),
        url: url.to_string(),
        headers: Vec::new(),
        body: None,
        auth: Auth::Granted,
        accept: accept.to_vec(),
        timeout_ms: 0,
    };
    let bytes_max = u32::try_from(gathering.bytes_max).unwrap_or(u32::MAX);
    gathering.door.for_input(grant.clone(), bytes_max).send(request).await
}

fn told(error: HttpError, bytes_max: u64) -> String {
    match error {
        HttpError::Limit(limit) if limit == "response-bytes" => {
            format!("longer than the limit of {bytes_max} bytes: ask for less, or raise `limits.input`")
        }
        HttpError::Limit(limit) if limit == "wall" => QueryError::OutOfTime.to_string(),
        other => other.to_string(),
    }
}

fn server_url(grant: &Grant, path: &str) -> Result<Url, String> {
    let host = if grant.host.contains(':') { format!("[{}]", grant.host) } else { grant.host.clone() };
    let url = format!("{}://{host}:{}{path}", grant.scheme.as_str(), grant.port);
    Url::parse(&url).map_err(|error| format!("{url} is no URL: {error}"))
}

pub(super) async fn from_prometheus(spec: &InputSpec, asked: &PrometheusSpec, gathering: &Gathering<'_>) -> InputBytes {
    let now = gathering.now;
    let source = |url: &Url| format!("prometheus:{}", &url[..url::Position::AfterPath]);
    let url = match prometheus_url(asked, gathering) {
        Ok(url) => url,
        Err(why) => return finish(spec, "prometheus".to_owned(), now, Err(why), None),
    };
    // It says in the body what is wrong with a query.
    let (result, http) = match get(&url, &asked.grant, &[400, 422], gathering).await {
        Ok(response) => (read_prometheus(&response.body, gathering.bytes_max), Some(response.exchange)),
        Err(error) => (Err(told(error, gathering.bytes_max)), None),
    };
    let (bytes, rows) = match result {
        Ok((bytes, rows)) => (Ok(bytes.into()), Some(rows)),
        Err(why) => (Err(why), None),
    };
    let question = match &asked.range {
        Some(range) => {
            let [seconds, step] = [range.range, range.step].map(|span| span.as_secs_f64());
            format!("{}\n# over {seconds} s until {now}, every {step} s", asked.query)
        }
        None => format!("{}\n# at {now}", asked.query),
    };
    as_json(spec, question, rows, finish(spec, source(&url), now, bytes, http))
}

fn prometheus_url(asked: &PrometheusSpec, gathering: &Gathering<'_>) -> Result<Url, String> {
    let now = gathering.now;
    let name = if asked.range.is_some() { "query_range" } else { "query" };
    let mut url = server_url(&asked.grant, &format!("{}/api/v1/{name}", asked.path))?;
    {
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("query", &asked.query);
        match &asked.range {
            None => pairs.append_pair("time", &now.to_string()),
            Some(range) => pairs
                .append_pair("start", &now.minus(range.range).to_string())
                .append_pair("end", &now.to_string())
                .append_pair("step", &range.step.as_secs_f64().to_string()),
        };
        // It gives up when the run does.
        let left = gathering.since.left_of(gathering.wall).as_millis().max(1);
        pairs.append_pair("timeout", &format!("{left}ms"));
    }
    Ok(url)
}

/// What is longer is no explanation.
const SAID_CHARS_MAX: usize = 2_000;

/// `data` of an answer, and how many series it has. What is said to be incomplete is an error: nothing is cut silently.
fn read_prometheus(body: &[u8], bytes_max: u64) -> Result<(Vec<u8>, u32), String> {
    let no_answer = || "the answer is not that of Prometheus' API".to_owned();
    let answer: Value = serde_json::from_slice(body).map_err(|_| no_answer())?;
    let short = |text: &str| text.chars().take(SAID_CHARS_MAX).collect::<String>();
    let text = |key: &str| short(answer.get(key).and_then(Value::as_str).unwrap_or_default());
    if text("status") != "success" {
        let (kind, why) = (text("errorType"), text("error"));
        return Err(if kind.is_empty() { no_answer() } else { format!("the query is refused: {kind}: {why}") });
    }
    let warnings: Vec<_> = answer.get("warnings").and_then(Value::as_array).into_iter().flatten().collect();
    if let [first, ..] = warnings[..] {
        return Err(format!("the answer may be incomplete: {}", short(first.as_str().unwrap_or_default())));
    }
    let data = answer.get("data").ok_or_else(no_answer)?;
    let kind = data.get("resultType").and_then(Value::as_str).ok_or_else(no_answer)?;
    let rows = match (kind, data.get("result")) {
        ("vector" | "matrix", Some(Value::Array(series))) => series.len(),
        ("scalar" | "string", Some(_)) => 1,
        _ => return Err(no_answer()),
    };
    let bytes = data.to_string().into_bytes();
    if bytes.len() as u64 > bytes_max {
        return Err(told(HttpError::Limit("response-bytes".to_owned()), bytes_max));
    }
    Ok((bytes, u32::try_from(rows).unwrap_or(u32::MAX)))
}

pub(super) async fn from_s3(spec: &InputSpec, object: &S3Spec, gathering: &Gathering<'_>) -> InputBytes {
    let now = gathering.now;
    let S3Spec { grant, bucket, key, version } = object;
    let source = format!("s3://{bucket}/{key}");
    let url = server_url(grant, &format!("/{bucket}/{}", utf8_percent_encode(key, PATH)));
    let mut url = match url {
        Ok(url) => url,
        Err(why) => return finish(spec, source, now, Err(why), None),
    };
    if let Some(version) = version {
        url.query_pairs_mut().append_pair("versionId", version);
    }
    let (bytes, http): (Result<Arc<[u8]>, String>, _) = match get(&url, grant, &[], gathering).await {
        Ok(response) => (Ok(response.body.into()), Some(response.exchange)),
        Err(HttpError::Status(response)) => {
            let code = s3_code(&response.body).map(|code| format!(" ({code})")).unwrap_or_default();
            (Err(format!("status {}{code}", response.exchange.status)), Some(response.exchange))
        }
        Err(error) => (Err(told(error, gathering.bytes_max)), None),
    };
    let question = http.as_ref().filter(|_| bytes.is_ok()).map(object_facts).unwrap_or_default();
    let mut found = finish(spec, source, now, bytes, http);
    found.input.query = question;
    found
}

/// Which object it was: what the store says of it.
fn object_facts(exchange: &Exchange) -> String {
    let header = |name: &str| exchange.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let facts = [("etag", "etag"), ("version", "x-amz-version-id"), ("last modified", "last-modified")];
    let fact = |(what, name): (&str, &str)| header(name).map(|value| format!("{what} {value}"));
    facts.into_iter().filter_map(fact).collect::<Vec<_>>().join(", ")
}

/// `<Code>NoSuchKey</Code>`.
fn s3_code(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    let (code, _) = text.split_once("<Code>")?.1.split_once("</Code>")?;
    let is_code = (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_code.then_some(code)
}

/// Reading may take long: it is done beside the runtime, and ends when the run does.
pub(super) async fn from_ledger(spec: &InputSpec, asked: &LedgerSpec, gathering: &Gathering<'_>) -> InputBytes {
    let Gathering { bytes_max, now, since, wall, .. } = *gathering;
    let stop = CancellationToken::new();
    let _stopped_with_the_run = stop.clone().drop_guard();
    let (history, of) = (Arc::clone(gathering.history), asked.clone());
    let during = asked.during(now);
    let asked_of = during.clone();
    let halted = move || stop.is_cancelled();
    let told = beside(since, wall, move || history.slots_told(&of.controls, &asked_of, bytes_max, &halted)).await;
    let (bytes, rows) = match told.unwrap_or_else(|| Err(QueryError::OutOfTime.to_string())) {
        Ok(told) => (Ok(told.bytes.into()), Some(told.slots)),
        Err(why) => (Err(why), None),
    };
    let question = format!("slots of {} from {} until {}", asked.controls.join(", "), during.start, during.end);
    as_json(spec, question, rows, finish(spec, "ledger".to_owned(), now, bytes, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_prometheus_is_its_data_or_an_error() {
        let read = |body: &str| read_prometheus(body.as_bytes(), 1_000);
        // As its documentation shows them, shortened.
        let vector = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"job":"p"},"value":[1435781451.781,"1"]}]}}"#;
        let (bytes, rows) = read(vector).unwrap();
        assert_eq!(rows, 1);
        let data = r#"{"result":[{"metric":{"job":"p"},"value":[1435781451.781,"1"]}],"resultType":"vector"}"#;
        assert_eq!(std::str::from_utf8(&bytes).unwrap(), data);
        let empty = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
        assert_eq!(read(empty).unwrap().1, 0);
        let refused = r#"{"status":"error","errorType":"bad_data","error":"1:2: parse error: unexpected end"}"#;
        assert_eq!(read(refused).unwrap_err(), "the query is refused: bad_data: 1:2: parse error: unexpected end");
        let partial =
            r#"{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["a store is down"]}"#;
        assert_eq!(read(partial).unwrap_err(), "the answer may be incomplete: a store is down");
        for other in ["", "[]", "{}", r#"{"status":"success"}"#, r#"{"status":"success","data":{"resultType":"x"}}"#] {
            assert_eq!(read(other).unwrap_err(), "the answer is not that of Prometheus' API", "{other}");
        }
        assert!(read_prometheus(vector.as_bytes(), 10).unwrap_err().starts_with("longer than the limit"));
    }

    #[test]
    fn the_code_of_an_answer_of_s3_is_told_and_nothing_else_of_it() {
        let body = b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>secret</Message></Error>";
        assert_eq!(s3_code(body), Some("NoSuchKey"));
        assert_eq!(s3_code(b"<Code>a b</Code>"), None);
        assert_eq!(s3_code(b"\xff"), None);
    }
}
