//! A token for a service account of Google: an assertion that its key has signed, exchanged for a token (RFC 7523).

use evidenced_contract::HttpError;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;
use url::{Host, Url};

use super::{
    Given,
    ask::{Asking, Question, no_token, url_of},
    jwt::SigningKey,
    oauth2,
};
use crate::{
    domain::{ServiceAccount, Timestamp},
    gate::credential::{CredentialSettings, read_secret},
};

/// The longest that is allowed; the token lives as long.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(3_600);

/// The file that Google gives for a key; what else is in it is of no use here.
#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key: String,
    #[serde(default)]
    private_key_id: Option<String>,
    #[serde(default)]
    token_uri: Option<String>,
}

pub(super) async fn given(
    settings: &CredentialSettings,
    account: &ServiceAccount,
    asking: &Asking<'_>,
) -> Result<Given, HttpError> {
    let id = &settings.id;
    let secret = read_secret(settings).await?;
    let file: KeyFile = serde_json::from_str(secret.expose()).map_err(|_| {
        settings.unusable("its secret is not the JSON of a key: it has `client_email` and `private_key`")
    })?;
    let place = account.token_url.as_deref().or(file.token_uri.as_deref());
    let place = place.ok_or_else(|| no_token(id, "the key has no `token_uri`: name it with `token_url`"))?;
    let url = url_of(id, place)?;
    if !is_encrypted_or_here(&url) {
        return Err(no_token(id, "the `token_uri` of its key is not https"));
    }
    let asked = asking.now();
    let key = SigningKey::of_pem(&file.private_key).map_err(|why| settings.unusable(why))?;
    let claims = claims(&file.client_email, account, place, asked);
    let assertion = key.sign(&header(file.private_key_id.as_deref()), &claims);
    let assertion = assertion.map_err(|why| settings.unusable(why))?;
    let fields =
        [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion.expose().as_str())];
    let question = Question { confided: vec![assertion.clone()], ..Question::form(url, &fields) };
    let reply = asking.ask(id, &account.addresses, question).await?;
    if !reply.is_good() {
        return Err(oauth2::refusal(id, &reply));
    }
    oauth2::bearer(id, &reply, asked)
}

fn header(key: Option<&str>) -> String {
    match key {
        Some(key) => json!({ "alg": "RS256", "kid": key, "typ": "JWT" }).to_string(),
        None => json!({ "alg": "RS256", "typ": "JWT" }).to_string(),
    }
}

fn claims(email: &str, account: &ServiceAccount, audience: &str, now: Timestamp) -> String {
    let seconds = now.as_millis().div_euclid(1_000);
    let mut claims = json!({
        "iss": email,
        "scope": account.scopes.join(" "),
        "aud": audience,
        "iat": seconds,
        "exp": seconds.saturating_add(ASSERTION_LIFETIME.as_secs() as i64),
    });
    if let Some(subject) = &account.subject {
        claims["sub"] = json!(subject);
    }
    claims.to_string()
}

/// The key is what says where it goes, and is read only now.
fn is_encrypted_or_here(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}
