//! The key of the role that this machine or container runs with, from its platform.

use evidenced_contract::HttpError;
use http::{HeaderValue, Method};
use serde::Deserialize;
use std::{env, path::Path};
use url::Url;

use super::{
    Given,
    ask::{Asking, Question, Reply, no_token, url_of},
    container,
    sts::{self, SessionKey},
};
use crate::{
    domain::{CredentialId, InstanceRole, TokenPlace},
    gate::credential::{CredentialSettings, add},
    secret::{Secret, SecretSource},
};

/// Seconds that the session of one look at the metadata lives. It is used at once.
const SESSION_TTL: HeaderValue = HeaderValue::from_static("60");

const ROLES: &str = "latest/meta-data/iam/security-credentials/";

pub(super) async fn given(
    settings: &CredentialSettings,
    role: &InstanceRole,
    asking: &Asking<'_>,
) -> Result<Given, HttpError> {
    let id = &settings.id;
    match role {
        InstanceRole::Metadata(place) => from_metadata(id, place, asking).await,
        InstanceRole::Container => container::given(id, asking).await,
        InstanceRole::WebIdentity { session_name, place } => {
            from_web_identity(settings, session_name, place, asking).await
        }
    }
}

/// As in "Use the Instance Metadata Service" of the EC2 User Guide, version 2: first a session, then the role, then its key.
async fn from_metadata(id: &CredentialId, place: &TokenPlace, asking: &Asking<'_>) -> Result<Given, HttpError> {
    let base = place.url.trim_end_matches('/');
    let at = |path: &str| url_of(id, &format!("{base}/{path}"));
    let mut question = Question { method: Method::PUT, ..Question::get(at("latest/api/token")?) };
    question.headers.insert("x-aws-ec2-metadata-token-ttl-seconds", SESSION_TTL);
    let reply = asking.ask(id, &place.addresses, question).await?;
    let session = match (reply.is_good(), String::from_utf8(reply.body.clone())) {
        (true, Ok(session)) => reply.token(id, session.trim().to_owned())?,
        (true, Err(_)) => return Err(reply.nonsense(id)),
        (false, _) => return Err(reply.refusal(id, None, "turn the instance's metadata service on, version 2")),
    };
    let roles = with_session(id, place, at(ROLES)?, &session, asking).await?;
    let role = std::str::from_utf8(&roles.body).ok().and_then(|names| names.lines().next()).map(str::trim);
    let role = match role {
        Some(role) if roles.is_good() && !role.is_empty() => role,
        _ if roles.is_good() || roles.status == 404 => {
            return Err(no_token(id, "the instance has no role: attach an instance profile to it"));
        }
        _ => return Err(roles.refusal(id, None, "see what the instance's metadata service allows")),
    };
    let mut url = at(ROLES)?;
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(role);
    }
    key(id, &with_session(id, place, url, &session, asking).await?)
}

async fn with_session(
    id: &CredentialId,
    place: &TokenPlace,
    url: Url,
    session: &Secret,
    asking: &Asking<'_>,
) -> Result<Reply, HttpError> {
    let mut question = Question::get(url);
    let name = http::HeaderName::from_static("x-aws-ec2-metadata-token");
    add(&mut question.headers, name, session.expose())?;
    question.confided.push(session.clone());
    asking.ask(id, &place.addresses, question).await
}

/// The key in an answer of the metadata service, or of a container's platform, which have one form.
pub(super) fn key(id: &CredentialId, reply: &Reply) -> Result<Given, HttpError> {
    #[derive(Deserialize)]
    struct Status {
        #[serde(rename = "Code")]
        code: Option<String>,
    }
    if !reply.is_good() {
        return Err(reply.refusal(id, None, "the platform gives no key for the role: see that it is still there"));
    }
    let status: Status = reply.read(id)?;
    if status.code.is_some_and(|code| code != "Success") {
        return Err(no_token(id, "the platform has no key for the role: see the role's trust policy"));
    }
    reply.read::<SessionKey>(id)?.given(id, reply)
}

/// As EKS sets it for a service account: the token in a file is shown to STS, which needs no signature then.
async fn from_web_identity(
    settings: &CredentialSettings,
    session_name: &str,
    place: &TokenPlace,
    asking: &Asking<'_>,
) -> Result<Given, HttpError> {
    let id = &settings.id;
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let (Some(file), Some(role)) = (variable("AWS_WEB_IDENTITY_TOKEN_FILE"), variable("AWS_ROLE_ARN")) else {
        let why =
            "the environment has no AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN: give the service account a role";
        return Err(no_token(id, why));
    };
    let token = read_file(id, Path::new(&file)).await?;
    let fields = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role.as_str()),
        ("RoleSessionName", session_name),
        ("WebIdentityToken", token.expose().as_str()),
    ];
    let question = Question { confided: vec![token.clone()], ..Question::form(url_of(id, &place.url)?, &fields) };
    sts::given(id, &asking.ask(id, &place.addresses, question).await?)
}

/// A token that the platform has written, and writes anew before it expires.
pub(super) async fn read_file(id: &CredentialId, path: &Path) -> Result<Secret, HttpError> {
    let source = SecretSource::File(path.to_owned());
    let read = tokio::task::spawn_blocking(move || source.read()).await;
    match read {
        Ok(Ok(token)) => Ok(token),
        Ok(Err(error)) => {
            tracing::warn!(credential = %id, "{error}");
            Err(no_token(id, "the platform's token cannot be read; the log of the daemon says why"))
        }
        Err(_) => Err(no_token(id, "the platform's token was not read")),
    }
}
