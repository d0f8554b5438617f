//! The key of a user or a role of AWS, and its signature on a request.

use http::{HeaderMap, HeaderName, Method, header};
use url::Url;

use super::{
    credential::{Sent, add},
    request::{Permitted, refused},
    sigv4::{self, PathStyle, Signer, Subject},
};
use crate::{domain::Timestamp, secret::Secret};
use evidenced_contract::HttpError;

/// The key of a user of AWS, or of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AwsKey {
    pub access_key: String,
    pub secret: Secret,
    pub session_token: Option<Secret>,
}

/// What a signature is for, but for the headers.
pub(super) struct Call<'a> {
    pub service: &'a str,
    pub region: &'a str,
    pub method: &'a Method,
    pub url: &'a Url,
    pub body: &'a [u8],
}

impl AwsKey {
    pub(super) fn parse(configured: Option<&str>, text: &str) -> Option<Self> {
        let text = text.trim();
        let new = |access_key: &str, secret: &str, token: Option<&str>| {
            let whole = !access_key.is_empty() && !secret.is_empty();
            whole.then(|| Self {
                access_key: access_key.to_owned(),
                secret: Secret::new(secret.to_owned()),
                session_token: token.map(|token| Secret::new(token.to_owned())),
            })
        };
        if text.starts_with('{') {
            let json: serde_json::Value = serde_json::from_str(text).ok()?;
            let member = |name: &str| json.get(name).and_then(serde_json::Value::as_str);
            return new(member("AccessKeyId")?, member("SecretAccessKey")?, member("SessionToken"));
        }
        match configured {
            Some(access_key) => match text.split_once(':') {
                Some((secret, token)) => new(access_key, secret, Some(token)),
                None => new(access_key, text, None),
            },
            None => {
                let mut parts = text.splitn(3, ':');
                new(parts.next()?, parts.next()?, parts.next())
            }
        }
    }

    /// Signs what is otherwise complete, `host` included.
    pub(super) fn sign(&self, call: &Call<'_>, headers: &mut HeaderMap, now: Timestamp) -> Result<Sent, HttpError> {
        let payload = sigv4::payload_digest(call.body);
        add(headers, HeaderName::from_static("x-amz-date"), &sigv4::amz_date(now))?;
        if call.service.starts_with("s3") {
            add(headers, HeaderName::from_static("x-amz-content-sha256"), &payload)?;
        }
        if let Some(token) = &self.session_token {
            add(headers, HeaderName::from_static("x-amz-security-token"), token.expose())?;
        }
        // What a proxy may change (RFC 9110, 7.6) is not signed.
        let signed = |name: &HeaderName| {
            matches!(*name, header::HOST | header::CONTENT_TYPE) || name.as_str().starts_with("x-amz-")
        };
        let signed: Vec<(String, String)> = headers
            .iter()
            .filter(|(name, _)| signed(name))
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let signer = Signer {
            access_key: &self.access_key,
            secret: self.secret.expose(),
            region: call.region,
            service: call.service,
            at: now,
        };
        let signature = sigv4::sign(
            &signer,
            &Subject {
                method: call.method.as_str(),
                path: call.url.path(),
                query: call.url.query().unwrap_or_default(),
                headers: &signed,
                payload: &payload,
                paths: PathStyle::of_service(call.service),
            },
        );
        add(headers, header::AUTHORIZATION, &signature.authorization)?;
        let lasting = std::iter::once(self.secret.clone()).chain(self.session_token.clone()).collect();
        Ok(Sent { lasting, passing: vec![Secret::new(signature.signature)] })
    }
}

/// From the grant, or else from the name of the host.
pub(super) fn service_and_region(request: &Permitted<'_>) -> Result<(String, String), HttpError> {
    let (service, region) = match sigv4::service_of_host(&request.target.host.to_string()) {
        Some((service, region)) => (Some(service), region),
        None => (None, None),
    };
    let missing =
        |key: &str| refused(format!("{} has no {key} in its name: its source needs `{key} = \"…\"`", request.target));
    let service = request.grant.service.clone().or(service).ok_or_else(|| missing("service"))?;
    let region = request.grant.region.clone().or(region).ok_or_else(|| missing("region"))?;
    Ok((service, region))
}
