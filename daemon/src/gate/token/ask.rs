//! One question to somebody who gives tokens, and its answer within limits.

use bytes::Bytes;
use evidenced_contract::HttpError;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::de::DeserializeOwned;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::{
    clock,
    domain::{AddressRange, ControlId, CredentialId, Timestamp},
    gate::{
        Gate,
        confided::Confided,
        connect::{Stopwatch, Way},
        exchange::{Raw, Room, exchange},
        limiter::Quiet,
        message::{add_own_headers, message},
        quota,
        request::{Target, refused},
        retry,
    },
    secret::Secret,
};

/// Who takes longer for a token is as good as away; those who wait for the same one are not to wait for ever.
const ANSWER_MAX: Duration = Duration::from_secs(20);

const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// A longer token fits no header.
const TOKEN_BYTES_MAX: usize = 16 << 10;

/// Who asks, and until when.
pub(in crate::gate) struct Asking<'a> {
    pub gate: &'a Gate,
    pub control: &'a ControlId,
    pub end: Instant,
}

/// What is asked, but for the headers that each request has.
pub(super) struct Question {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// What of it must not be seen again, should the same server be asked for something else.
    pub confided: Vec<Secret>,
}

/// What was answered. It may hold a token, and so is never shown.
pub(super) struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
    target: Target,
    confided: Arc<Confided>,
}

impl Question {
    pub(super) fn get(url: Url) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), body: Bytes::new(), confided: Vec::new() }
    }

    /// A form, as tokens are asked for almost everywhere.
    pub(super) fn form(url: Url, fields: &[(&str, &str)]) -> Self {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        let mut headers = HeaderMap::new();
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form_type);
        Self { method: Method::POST, url, headers, body: form.finish().into(), confided: Vec::new() }
    }
}

impl Asking<'_> {
    pub(super) fn now(&self) -> Timestamp {
        (self.gate.now)()
    }

    /// Asks once. Whether the answer is a good one is for the caller to see.
    pub(super) async fn ask(
        &self,
        id: &CredentialId,
        addresses: &[AddressRange],
        question: Question,
    ) -> Result<Reply, HttpError> {
        let Some(target) = Target::of(&question.url) else {
            return Err(without_token(id, refused("it is not got over HTTP".to_owned())));
        };
        let end = self.end.min(clock::timer_now() + ANSWER_MAX);
        match timeout_at(end, self.talk(id, addresses, question, &target, end)).await {
            Ok(answer) => answer.map_err(|error| without_token(id, error)),
            Err(_) if end == self.end => Err(HttpError::Limit("wall".to_owned())),
            Err(_) => {
                let why = format!("{target}: no answer within {} s", ANSWER_MAX.as_secs());
                Err(without_token(id, refused(why)))
            }
        }
    }

    async fn talk(
        &self,
        id: &CredentialId,
        addresses: &[AddressRange],
        question: Question,
        target: &Target,
        end: Instant,
    ) -> Result<Reply, HttpError> {
        let Self { gate, control, .. } = self;
        let lane = gate.limiter.lane_of_host(target, id);
        let wants_quiet = |Quiet| refused(format!("{target} asks to come back later; the next run asks again"));
        let turn = lane.turn(control, gate.limiter.places(target), end).await.map_err(wants_quiet)?;
        let Question { method, url, mut headers, body, confided } = question;
        gate.confided.note(target, &confided);
        add_own_headers(&mut headers, target)?;
        let way = Way { addresses, trust: gate.trusts.of(None), identity: None, whose: "credential" };
        let mut watch = Stopwatch::start();
        let connection = gate.connector.connect(target, way, &mut watch).await?;
        let message = message(&method, &url, headers, body, &connection)?;
        let room = Room::new(ANSWER_BYTES_MAX + HEAD_BYTES);
        let raw = exchange(connection, message, target, ANSWER_BYTES_MAX, &room, &mut watch).await;
        drop(turn);
        let Raw { status, headers, body } = raw?;
        if retry::asks_to_wait(status) {
            lane.note_throttled();
            let text = |(name, value): (http::HeaderName, Vec<u8>)| {
                (name.to_string(), String::from_utf8_lossy(&value).into_owned())
            };
            let headers: Vec<_> = headers.into_iter().map(text).collect();
            if let Some(pause) = quota::retry_after(&headers, self.now()) {
                lane.be_quiet_for(pause);
            }
        }
        Ok(Reply { status, body, target: target.clone(), confided: Arc::clone(&gate.confided) })
    }
}

/// Of an answer's head and its framing.
const HEAD_BYTES: u64 = 64 << 10;

impl Reply {
    pub(super) fn is_good(&self) -> bool {
        (200..=299).contains(&self.status)
    }

    /// The body in the form of `T`. Its errors would quote it, so they are not told.
    pub(super) fn read<T: DeserializeOwned>(&self, id: &CredentialId) -> Result<T, HttpError> {
        serde_json::from_slice(&self.body).map_err(|_| self.nonsense(id))
    }

    /// It was not a good one. `code` is of a closed list: what else is answered may hold anything.
    pub(super) fn refusal(&self, id: &CredentialId, code: Option<&str>, advice: &str) -> HttpError {
        let Self { status, target, .. } = self;
        if *status >= 500 || retry::asks_to_wait(*status) {
            let why = format!("{target} answers with status {status}; the next run asks again");
            return without_token(id, refused(why));
        }
        let code = code.map(|code| format!(" and `{code}`")).unwrap_or_default();
        without_token(id, refused(format!("{target} answers with status {status}{code}: {advice}")))
    }

    pub(super) fn nonsense(&self, id: &CredentialId) -> HttpError {
        let why = format!("what {} answers is no token: see that the URL is that of its tokens", self.target);
        without_token(id, refused(why))
    }

    /// A secret of the answer: who gives it may tell it again, asked for something else.
    pub(super) fn secret(&self, text: String) -> Secret {
        let secret = Secret::new(text);
        self.confided.note(&self.target, std::slice::from_ref(&secret));
        secret
    }

    /// Text that fits a header, in which nobody needs to look for it.
    pub(super) fn token(&self, id: &CredentialId, text: String) -> Result<Secret, HttpError> {
        let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        let fits = (1..=TOKEN_BYTES_MAX).contains(&text.len());
        if is_visible && fits { Ok(self.secret(text)) } else { Err(self.nonsense(id)) }
    }
}

/// The same error, of the credential. Whatever it was, it says nothing of the system that was to be asked: to a plugin it must
/// not look as if that one were away.
fn without_token(id: &CredentialId, error: HttpError) -> HttpError {
    let why = match error {
        HttpError::Refused(why) | HttpError::Unreachable(why) | HttpError::Tls(why) => why,
        HttpError::Limit(_) => "the answer is too long for one".to_owned(),
        HttpError::Timeout => "no answer".to_owned(),
        HttpError::Status(response) => format!("status {}", response.exchange.status),
    };
    refused(format!("the credential `{id}` has no token: {why}"))
}

/// A refusal of what is wrong on this side.
pub(super) fn no_token(id: &CredentialId, why: &str) -> HttpError {
    without_token(id, refused(why.to_owned()))
}

/// The URL of the configuration, which has read it before.
pub(super) fn url_of(id: &CredentialId, text: &str) -> Result<Url, HttpError> {
    Url::parse(text).map_err(|_| no_token(id, "the URL to get one from is no URL"))
}
