//! A token for a client that acts for itself (RFC 6749, section 4.4).

use base64::{Engine, engine::general_purpose::STANDARD};
use evidenced_contract::HttpError;
use http::{HeaderValue, header};
use serde::Deserialize;
use std::time::Duration;

use super::{
    Given, Token,
    ask::{Asking, Question, Reply, no_token, url_of},
};
use crate::{
    domain::{ClientAuth, CredentialId, Oauth2Client, Timestamp},
    gate::credential::{CredentialSettings, add, read_secret},
    secret::Secret,
};

/// How long a token is kept whose lifetime nobody tells.
const LIFETIME_UNTOLD: Duration = Duration::from_secs(300);

/// No token is kept for longer, whatever is told: a day is long for a secret in memory.
const LIFETIME_MAX: u64 = 86_400;

pub(super) async fn given(
    settings: &CredentialSettings,
    client: &Oauth2Client,
    asking: &Asking<'_>,
) -> Result<Given, HttpError> {
    let id = &settings.id;
    let secret = read_secret(settings).await?;
    let scope = client.scopes.join(" ");
    let mut fields = vec![("grant_type", "client_credentials")];
    if !scope.is_empty() {
        fields.push(("scope", &scope));
    }
    if let Some(audience) = &client.audience {
        fields.push(("audience", audience));
    }
    if client.client_auth == ClientAuth::Post {
        fields.extend([("client_id", client.client_id.as_str()), ("client_secret", secret.expose())]);
    }
    let mut question = Question::form(url_of(id, &client.place.url)?, &fields);
    question.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if client.client_auth == ClientAuth::Basic {
        let form = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = STANDARD.encode(format!("{}:{}", form(&client.client_id), form(secret.expose())));
        add(&mut question.headers, header::AUTHORIZATION, &format!("Basic {pair}"))?;
        question.confided.extend([Secret::new(pair), Secret::new(form(secret.expose()))]);
    }
    question.confided.push(secret);
    let asked = asking.now();
    let reply = asking.ask(id, &client.place.addresses, question).await?;
    if !reply.is_good() {
        return Err(refusal(id, &reply));
    }
    bearer(id, &reply, asked)
}

#[derive(Deserialize)]
struct TokenReply {
    access_token: String,
    #[serde(default)]
    token_type: Option<String>,
    /// Seconds. Some servers write them as text.
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
}

/// The token of an answer as in RFC 6749, section 5.1.
pub(super) fn bearer(id: &CredentialId, reply: &Reply, asked: Timestamp) -> Result<Given, HttpError> {
    let TokenReply { access_token, token_type, expires_in } = reply.read(id)?;
    if token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(no_token(id, "what is given is no bearer token, and no other kind can be sent"));
    }
    let seconds = match &expires_in {
        Some(serde_json::Value::Number(number)) => number.as_f64().filter(|number| *number >= 0.0),
        Some(serde_json::Value::String(text)) => text.trim().parse::<u32>().ok().map(f64::from),
        _ => None,
    };
    let lifetime = match seconds {
        // A number of JSON may be a fraction, or longer than any lifetime.
        Some(seconds) => Duration::from_secs((seconds as u64).min(LIFETIME_MAX)),
        None => LIFETIME_UNTOLD,
    };
    Ok(Given { token: Token::Bearer(reply.token(id, access_token)?), until: asked.plus(lifetime) })
}

/// What an answer as in RFC 6749, section 5.2 means for who configures.
pub(super) fn refusal(id: &CredentialId, reply: &Reply) -> HttpError {
    #[derive(Deserialize)]
    struct Fault {
        error: String,
    }
    let fault: Option<Fault> = serde_json::from_slice(&reply.body).ok();
    let known = fault.and_then(|fault| FAULTS.into_iter().find(|(code, _)| *code == fault.error));
    let (code, advice) = match known {
        Some((code, advice)) => (Some(code), advice),
        None if reply.status == 401 => (None, NOT_ACCEPTED),
        None => (None, "see that the URL is that of its tokens, and what the client is allowed"),
    };
    reply.refusal(id, code, advice)
}

const NOT_ACCEPTED: &str = "the secret or who it is for is not accepted: compare both, and have the secret renewed";

const FAULTS: [(&str, &str); 7] = [
    ("invalid_client", NOT_ACCEPTED),
    (
        "invalid_grant",
        "the key or its account is not accepted: see that both are still there, and this machine's clock",
    ),
    ("unauthorized_client", "the client may not get tokens in this way: allow it the grant"),
    ("unsupported_grant_type", "the server does not give tokens in this way"),
    ("invalid_scope", "a scope is unknown or not allowed: compare `scopes` with what the client may ask for"),
    ("invalid_target", "the audience is unknown or not allowed: compare `audience`"),
    ("invalid_request", "something is missing or too much: try the other `client_auth`, and see `audience`"),
];
