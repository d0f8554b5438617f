//! A token for one installation of an app of GitHub: an assertion of the app, exchanged for a token of an hour.

use evidenced_contract::HttpError;
use http::{HeaderValue, Method, header};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

use super::{
    Given, Token,
    ask::{Asking, Question, url_of},
    jwt::SigningKey,
};
use crate::{
    domain::{GithubApp, Timestamp},
    gate::credential::{CredentialSettings, add, read_secret},
};

/// GitHub's clock may be behind this one; it advises to date an assertion back by so much.
const DATED_BACK: Duration = Duration::from_secs(60);

/// From the date on: at most ten minutes are allowed, and a clock may be a little ahead.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(540);

const JSON: HeaderValue = HeaderValue::from_static("application/vnd.github+json");
const API_VERSION: HeaderValue = HeaderValue::from_static("2022-11-28");

#[derive(Deserialize)]
struct TokenReply {
    token: String,
    expires_at: Timestamp,
}

pub(super) async fn given(
    settings: &CredentialSettings,
    app: &GithubApp,
    asking: &Asking<'_>,
) -> Result<Given, HttpError> {
    let id = &settings.id;
    let secret = read_secret(settings).await?;
    let key = SigningKey::of_pem(secret.expose()).map_err(|why| settings.unusable(why))?;
    let assertion = key.sign(r#"{"alg":"RS256","typ":"JWT"}"#, &claims(app, asking.now()));
    let assertion = assertion.map_err(|why| settings.unusable(why))?;
    let api = app.place.url.trim_end_matches('/');
    let url = url_of(id, &format!("{api}/app/installations/{}/access_tokens", app.installation_id))?;
    let mut question = Question { method: Method::POST, ..Question::get(url) };
    question.headers.insert(header::ACCEPT, JSON);
    question.headers.insert("x-github-api-version", API_VERSION);
    add(&mut question.headers, header::AUTHORIZATION, &format!("Bearer {}", assertion.expose()))?;
    question.confided.push(assertion);
    let reply = asking.ask(id, &app.place.addresses, question).await?;
    if !reply.is_good() {
        return Err(reply.refusal(id, None, advice(reply.status)));
    }
    let TokenReply { token, expires_at } = reply.read(id)?;
    Ok(Given { token: Token::Bearer(reply.token(id, token)?), until: expires_at })
}

fn claims(app: &GithubApp, now: Timestamp) -> String {
    let seconds = now.minus(DATED_BACK).as_millis().div_euclid(1_000);
    let exp = seconds.saturating_add(ASSERTION_LIFETIME.as_secs() as i64);
    json!({ "iat": seconds, "exp": exp, "iss": app.app_id }).to_string()
}

fn advice(status: u16) -> &'static str {
    match status {
        401 => "the key is not of this `app_id`, or was deleted, or this machine's clock is minutes off",
        403 => "the installation is suspended, or the app may not do what it asks for",
        404 => "there is no such `installation_id` of this app: see the app's page `Install App`",
        _ => "see `app_id`, `installation_id` and `api_url`",
    }
}
