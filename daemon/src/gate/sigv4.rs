//! AWS Signature Version 4: the signature that proves knowledge of a secret key without sending it.
//!
//! As in "AWS Signature Version 4 for API requests" of the IAM User Guide; tested with the published vectors.

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

use crate::domain::Timestamp;

/// Whose signature, for what, and when.
pub(super) struct Signer<'a> {
    pub access_key: &'a str,
    pub secret: &'a str,
    pub region: &'a str,
    pub service: &'a str,
    /// The real time: servers refuse a signature that is minutes off.
    pub at: Timestamp,
}

/// What is signed.
pub(super) struct Subject<'a> {
    pub method: &'a str,
    /// As it is sent; begins with `/`.
    pub path: &'a str,
    /// As it is sent, without the `?`.
    pub query: &'a str,
    /// Names in lower case, `host` and `x-amz-date` among them.
    pub headers: &'a [(String, String)],
    /// SHA-256 of the body in hexadecimal digits.
    pub payload: &'a str,
    pub paths: PathStyle,
}

/// How a path is brought into canonical form.
#[derive(Debug, Clone, Copy)]
pub(super) struct PathStyle {
    /// Encode what is sent once more, instead of decoding it first.
    pub double: bool,
    /// Drop empty segments, `.` and `..`.
    pub normalize: bool,
}

impl PathStyle {
    /// Objects of S3 have names in which every slash and dot counts; all other services share one rule.
    pub(super) fn of_service(service: &str) -> Self {
        let plain = service.starts_with("s3");
        Self { double: !plain, normalize: !plain }
    }
}

pub(super) struct Signature {
    /// The value of the header `authorization`.
    pub authorization: String,
    pub signature: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "shown when a vector fails"))]
    pub canonical: String,
}

/// `at` as the header `x-amz-date` has it.
pub(super) fn amz_date(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y%m%dT%H%M%SZ").to_string()
}

pub(super) fn payload_digest(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

pub(super) fn sign(signer: &Signer<'_>, subject: &Subject<'_>) -> Signature {
    let (headers, names) = canonical_headers(subject.headers);
    let canonical = format!(
        "{}\n{}\n{}\n{headers}\n{names}\n{}",
        subject.method,
        canonical_path(subject.path, subject.paths),
        canonical_query(subject.query),
        subject.payload,
    );
    let at = amz_date(signer.at);
    let day = at.get(..8).unwrap_or(&at);
    let scope = format!("{day}/{}/{}/aws4_request", signer.region, signer.service);
    let to_sign = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", hex::encode(Sha256::digest(&canonical)));
    let mut key = hmac(format!("AWS4{}", signer.secret).as_bytes(), day);
    for part in [signer.region, signer.service, "aws4_request"] {
        key = hmac(&key, part);
    }
    let signature = hex::encode(hmac(&key, &to_sign));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        signer.access_key
    );
    Signature { authorization, signature, canonical }
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of HMAC may have any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn canonical_path(path: &str, style: PathStyle) -> String {
    let mut path = path.to_owned();
    if style.normalize {
        let mut kept: Vec<&str> = Vec::new();
        let segments: Vec<&str> = path.split('/').collect();
        for segment in &segments {
            match *segment {
                "" | "." => {}
                ".." => drop(kept.pop()),
                segment => kept.push(segment),
            }
        }
        let folder = matches!(segments.last(), Some(&("" | "." | ".."))) && !kept.is_empty();
        path = format!("/{}{}", kept.join("/"), if folder { "/" } else { "" });
    }
    let bytes = if style.double { path.into_bytes() } else { percent_decode_str(&path).collect() };
    let mut canonical = String::new();
    encode(&bytes, b"/", &mut canonical);
    canonical
}

fn canonical_query(query: &str) -> String {
    let once = |text: &str| {
        let mut encoded = String::new();
        encode(&percent_decode_str(text).collect::<Vec<u8>>(), b"", &mut encoded);
        encoded
    };
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    let mut parameters: Vec<(String, String)> = parameters
        .map(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            (once(name), once(value))
        })
        .collect();
    parameters.sort();
    let parameters: Vec<String> = parameters.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    parameters.join("&")
}

/// The headers, each with a line end, and their names.
fn canonical_headers(headers: &[(String, String)]) -> (String, String) {
    let mut headers: Vec<(&str, String)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")))
        .collect();
    headers.sort_by_key(|(name, _)| *name);
    let mut lines = String::new();
    let mut names = String::new();
    let mut before = None;
    for (name, value) in headers {
        if before == Some(name) {
            lines.truncate(lines.len() - 1);
            lines.push(',');
        } else {
            lines.push_str(name);
            lines.push(':');
            names.push_str(if before.is_some() { ";" } else { "" });
            names.push_str(name);
        }
        lines.push_str(&value);
        lines.push('\n');
        before = Some(name);
    }
    (lines, names)
}

/// Percent-encodes all but the unreserved characters of RFC 3986 and those in `kept`.
fn encode(bytes: &[u8], kept: &[u8], to: &mut String) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.contains(&byte) {
            to.push(char::from(byte));
        } else {
            to.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// The service that a host of AWS belongs to, and its region, as far as the name says:
/// `kms.eu-central-1.amazonaws.com`, `bucket.s3.eu-west-1.amazonaws.com`, `iam.amazonaws.com`.
pub(super) fn service_of_host(host: &str) -> Option<(String, Option<String>)> {
    let labels = ["amazonaws.com", "amazonaws.com.cn", "api.aws"]
        .iter()
        .find_map(|domain| host.strip_suffix(domain)?.strip_suffix('.'))?;
    let mut region = None;
    let mut service = None;
    for label in labels.split('.') {
        if is_region(label) {
            region = Some(label.to_owned());
        } else if !matches!(label, "dualstack" | "fips") {
            service = Some(label.strip_suffix("-fips").unwrap_or(label));
        }
    }
    // Where the name of the endpoint is not the name to sign for.
    let service = match service? {
        "email" => "ses",
        "bedrock-runtime" | "bedrock-agent" | "bedrock-agent-runtime" => "bedrock",
        service => service,
    };
    let global = matches!(service, "iam" | "sts" | "organizations" | "cloudfront" | "route53");
    if region.is_none() && global && !host.ends_with(".cn") {
        region = Some("us-east-1".to_owned());
    }
    Some((service.to_owned(), region))
}

/// `eu-central-1`, `us-gov-west-1`, `ap-southeast-4`.
fn is_region(label: &str) -> bool {
    let parts: Vec<&str> = label.split('-').collect();
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match parts.as_slice() {
        [first, middle @ .., last] => {
            first.len() == 2 && (1..=2).contains(&middle.len()) && middle.iter().all(letters) && digits(last)
        }
        _ => false,
    }
}
