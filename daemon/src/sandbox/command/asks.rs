//! The questions of one round, and their answers as JSON.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use evidenced_contract::{
    Answer, AnswerError, Ask, AskHttp, Body, BodyAs, HistoryError, HttpError, HttpRequest, HttpResponse, Interval, Peer,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::sandbox::{
    ended::Ended,
    host::{Halt, Host},
};

/// Bodies that were asked for as files, by id.
type Files = BTreeMap<String, Arc<[u8]>>;

/// Answers in the order of the questions. Those over HTTP that stand side by side are sent side by side.
pub(super) async fn answer(host: &mut Host, asks: Vec<Ask>) -> Result<(Vec<Answer>, Files), Halt> {
    let mut answers = Vec::with_capacity(asks.len());
    let mut files = Files::new();
    let mut waiting: Vec<(String, AskHttp)> = Vec::new();
    for ask in asks {
        let Ask { id, http, tls, history, slots } = ask;
        if let Some(http) = http {
            waiting.push((id, http));
            continue;
        }
        send(host, &mut waiting, &mut answers, &mut files).await?;
        let result = if let Some(tls) = tls {
            host.tls_handshake(tls.host, tls.port).await?.map(peers).map_err(|error| http_error(&error))
        } else if let Some(history) = history {
            let during = Interval { from: history.from, until: history.until };
            let points = host.history_points(history.control, history.measurement, during).await?;
            points.map(|points| value(&points)).map_err(|error| history_error(&error))
        } else if let Some(slots) = slots {
            let during = Interval { from: slots.from, until: slots.until };
            let counts = host.history_slots_in(slots.control, during).await?;
            counts.map(|counts| value(&counts)).map_err(|error| history_error(&error))
        } else {
            return Err(host.end(Ended::Broken(format!("asked nothing under `{id}`"))));
        };
        answers.push(match result {
            Ok(ok) => Answer { id, ok: Some(ok), error: None },
            Err(error) => Answer { id, ok: None, error: Some(error) },
        });
    }
    send(host, &mut waiting, &mut answers, &mut files).await?;
    Ok((answers, files))
}

async fn send(
    host: &mut Host,
    waiting: &mut Vec<(String, AskHttp)>,
    answers: &mut Vec<Answer>,
    files: &mut Files,
) -> Result<(), Halt> {
    if waiting.is_empty() {
        return Ok(());
    }
    let asks = std::mem::take(waiting);
    let mut requests = Vec::with_capacity(asks.len());
    for (id, ask) in &asks {
        requests.push(request(id, ask).map_err(|why| host.end(Ended::Broken(why)))?);
    }
    let given = host.http_send_all(requests).await?;
    for ((id, ask), answer) in asks.into_iter().zip(given) {
        answers.push(http_answer(id, ask.body_as, answer, files));
    }
    Ok(())
}

fn request(id: &str, ask: &AskHttp) -> Result<HttpRequest, String> {
    let body = match (&ask.body, &ask.body_base64) {
        (Some(text), _) => Some(text.clone().into_bytes()),
        (None, Some(base64)) => {
            let decoded = STANDARD.decode(base64);
            Some(decoded.map_err(|_| format!("asked `{id}` with a `body_base64` that is not base64"))?)
        }
        (None, None) => None,
    };
    Ok(HttpRequest {
        method: ask.method.clone(),
        url: ask.url.clone(),
        headers: ask.headers.clone(),
        body,
        auth: ask.auth.clone(),
        accept: ask.accept.clone(),
        timeout_ms: ask.timeout_ms,
    })
}

fn http_answer(id: String, body_as: BodyAs, answer: Result<HttpResponse, HttpError>, files: &mut Files) -> Answer {
    match answer {
        Ok(response) => match with_body(&id, body_as, response, files) {
            Ok(body) => Answer { id, ok: Some(value(&body)), error: None },
            Err(message) => {
                let error = AnswerError { kind: "bad-input".to_owned(), message, response: None };
                Answer { id, ok: None, error: Some(error) }
            }
        },
        Err(error) => {
            let mut told = http_error(&error);
            if let HttpError::Status(response) = error {
                // The body of an error is told as text where it is text, whatever was asked for.
                let facts = Body::of(&response.exchange);
                told.response = Some(match with_body(&id, body_as, *response, files) {
                    Ok(body) => body,
                    Err(_) => facts,
                });
            }
            Answer { id, ok: None, error: Some(told) }
        }
    }
}

/// The facts of an answer, with its body where it was wanted.
fn with_body(id: &str, body_as: BodyAs, response: HttpResponse, files: &mut Files) -> Result<Body, String> {
    let mut told = Body::of(&response.exchange);
    match body_as {
        BodyAs::Text => {
            let text = String::from_utf8(response.body);
            told.body = Some(text.map_err(|fault| {
                let at = fault.utf8_error().valid_up_to();
                format!("the body is not UTF-8 at byte {at}: ask for it with \"as\": \"file\" or \"base64\"")
            })?);
        }
        BodyAs::Base64 => told.body_base64 = Some(STANDARD.encode(&response.body)),
        BodyAs::File => {
            files.insert(id.to_owned(), response.body.into());
            told.path = Some(format!("/answers/{id}"));
        }
    }
    Ok(told)
}

/// One member for each address: `ok` with the peer, or `error`.
fn peers(peers: Vec<Result<Peer, HttpError>>) -> Value {
    let peer = |peer: Result<Peer, HttpError>| match peer {
        Ok(peer) => json!({ "ok": peer }),
        Err(error) => json!({ "error": http_error(&error) }),
    };
    peers.into_iter().map(peer).collect()
}

fn http_error(error: &HttpError) -> AnswerError {
    let (kind, message) = match error {
        HttpError::Refused(why) => ("refused", why.clone()),
        HttpError::Unreachable(why) => ("unreachable", why.clone()),
        HttpError::Timeout => ("timeout", error.to_string()),
        HttpError::Tls(why) => ("tls", why.clone()),
        HttpError::Status(_) => ("status", error.to_string()),
        HttpError::Limit(which) => ("limit", which.clone()),
    };
    AnswerError { kind: kind.to_owned(), message, response: None }
}

fn history_error(error: &HistoryError) -> AnswerError {
    let kind = match error {
        HistoryError::Refused(_) => "refused",
        HistoryError::TooMany(_) => "too-many",
    };
    AnswerError { kind: kind.to_owned(), message: error.to_string(), response: None }
}

fn value<T: Serialize>(data: &T) -> Value {
    serde_json::to_value(data).expect("the contract's types are plain data")
}
