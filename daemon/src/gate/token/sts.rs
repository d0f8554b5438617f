//! What the Security Token Service of AWS answers: the key of a session, or why not.

use evidenced_contract::HttpError;
use quick_xml::de::from_str;
use serde::Deserialize;

use super::{Given, Token, ask::Reply};
use crate::{
    domain::{CredentialId, Timestamp},
    gate::aws_key::AwsKey,
};

/// `…Response/…Result/Credentials`: the two outer names are those of the action.
#[derive(Deserialize)]
struct Response {
    #[serde(rename = "AssumeRoleResult", alias = "AssumeRoleWithWebIdentityResult")]
    result: Assumed,
}

#[derive(Deserialize)]
struct Assumed {
    #[serde(rename = "Credentials")]
    credentials: SessionKey,
}

/// The key of a session, as the answers of AWS have it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SessionKey {
    access_key_id: String,
    secret_access_key: String,
    #[serde(alias = "Token")]
    session_token: String,
    expiration: Timestamp,
}

impl SessionKey {
    pub(super) fn given(self, id: &CredentialId, reply: &Reply) -> Result<Given, HttpError> {
        let Self { access_key_id, secret_access_key, session_token, expiration } = self;
        // A key's id goes into a header among others: what ends it early would change what is signed.
        let is_plain = access_key_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if access_key_id.is_empty() || !is_plain || secret_access_key.is_empty() {
            return Err(reply.nonsense(id));
        }
        let key = AwsKey {
            access_key: access_key_id,
            secret: reply.secret(secret_access_key),
            session_token: Some(reply.token(id, session_token)?),
        };
        Ok(Given { token: Token::Aws(key), until: expiration })
    }
}

pub(super) fn given(id: &CredentialId, reply: &Reply) -> Result<Given, HttpError> {
    let text = std::str::from_utf8(&reply.body).map_err(|_| reply.nonsense(id))?;
    if !reply.is_good() {
        return Err(refusal(id, reply, text));
    }
    let response: Response = from_str(text).map_err(|_| reply.nonsense(id))?;
    response.result.credentials.given(id, reply)
}

fn refusal(id: &CredentialId, reply: &Reply, text: &str) -> HttpError {
    #[derive(Deserialize)]
    struct Faults {
        #[serde(rename = "Error")]
        error: Fault,
    }
    #[derive(Deserialize)]
    struct Fault {
        #[serde(rename = "Code")]
        code: String,
    }
    let fault: Option<Faults> = from_str(text).ok();
    let known = fault.and_then(|fault| FAULTS.into_iter().find(|(code, _)| *code == fault.error.code));
    match known {
        Some((code, advice)) => reply.refusal(id, Some(code), advice),
        None => reply.refusal(id, None, "see `role_arn`, its trust policy, and `region`"),
    }
}

const FAULTS: [(&str, &str); 8] = [
    (
        "AccessDenied",
        "the role's trust policy must name who asks (and its `external_id`), whose own policy must allow sts:AssumeRole",
    ),
    ("ExpiredToken", "the key that asks has expired: renew the secret of the credential that `from` names"),
    ("ExpiredTokenException", "the token of the web identity has expired: see that the platform renews its file"),
    ("IDPCommunicationError", "AWS cannot reach who gave the token of the web identity"),
    ("InvalidClientTokenId", "the key that asks is not known: see the secret of the credential that `from` names"),
    ("InvalidIdentityToken", "the token of the web identity is not accepted: see the role's trust policy"),
    ("SignatureDoesNotMatch", "the secret of the credential that `from` names is not that of its key"),
    ("ValidationError", "see `role_arn`, `session_name`, `external_id` and `duration`, which the role may limit"),
];
