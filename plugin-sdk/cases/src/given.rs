//! What is written in a case -> what the host gathered and the outside says.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use evidenced_contract::{
    Certificate, Exchange, HistoryError, HttpError, HttpResponse, Input, Interval, Peer, SlotCounts, Timings,
};

use crate::{
    CaseError,
    case::{GivenBytes, NO_DIGEST},
    form::{GivenCall, GivenHandshake, GivenInput, GivenPoints, GivenSlots},
    script::{ScriptedCall, ScriptedHandshake, ScriptedPoints, ScriptedSlots},
};

impl GivenInput {
    pub(crate) fn given(&self, now: &str) -> Result<GivenBytes, CaseError> {
        let bytes = match (&self.text, &self.base64, &self.error) {
            (Some(text), None, None) => Ok(text.clone().into_bytes()),
            (None, Some(base64), None) => Ok(decoded(base64, || format!("the input `{}`", self.name))?),
            (None, None, Some(why)) => Err(why.clone()),
            // Its facts may be all that matters.
            (None, None, None) if self.status.is_some() => Ok(Vec::new()),
            _ => return Err(CaseError::Input(self.name.clone())),
        };
        let peer = || peer(self.peer.as_ref(), self.not_after.as_ref(), self.untrusted.as_ref());
        let timings = timings(self.timings, self.total_ms);
        let facts = Input {
            name: self.name.clone(),
            source: self.source.clone().unwrap_or_else(|| format!("file:{}", self.name)),
            query: self.query.clone(),
            media_type: self.media_type.clone(),
            observed: self.observed.clone().unwrap_or_else(|| now.to_owned()),
            bytes: bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            rows: self.rows,
            source_total: self.source_total,
            digest: self.digest.clone().unwrap_or_else(|| NO_DIGEST.to_owned()),
            http: self
                .status
                .map(|status| exchange(status, &self.headers, timings, peer(), self.attempts.unwrap_or(1))),
        };
        Ok((facts, bytes))
    }
}

impl GivenCall {
    pub(crate) fn scripted(self) -> Result<ScriptedCall, CaseError> {
        let answer = self.answered()?;
        let body = match (self.body, self.body_base64, self.json) {
            (Some(body), _, _) => Some(body.into_bytes()),
            (None, Some(base64), _) => Some(decoded(&base64, || format!("the body that is sent to {}", self.url))?),
            (None, None, Some(json)) => Some(json.to_string().into_bytes()),
            (None, None, None) => None,
        };
        Ok(ScriptedCall {
            method: self.method.unwrap_or_else(|| "GET".to_owned()),
            url: self.url,
            body,
            auth: self.auth,
            sent: self.sent,
            timeout_ms: self.timeout_ms.unwrap_or_default(),
            accepts: self.accepts,
            answer,
        })
    }

    fn answered(&self) -> Result<Result<HttpResponse, HttpError>, CaseError> {
        let wrong = || CaseError::Answer(self.url.clone());
        match (self.status, &self.error) {
            (Some(status), None) => {
                let peer = peer(self.peer.as_ref(), self.not_after.as_ref(), self.untrusted.as_ref());
                let timings = timings(self.timings, self.total_ms);
                let body = match &self.answer_base64 {
                    Some(base64) => decoded(base64, || format!("the answer of {}", self.url))?,
                    None => self.answer.clone().into_bytes(),
                };
                let exchange = exchange(status, &self.headers, timings, peer, self.attempts.unwrap_or(1));
                Ok(Ok(HttpResponse { exchange, body }))
            }
            (None, Some(error)) => fault(error, self.why.as_ref()).map(Err).ok_or_else(wrong),
            (None, None) | (Some(_), Some(_)) => Err(wrong()),
        }
    }
}

impl GivenHandshake {
    pub(crate) fn scripted(self) -> Result<ScriptedHandshake, CaseError> {
        let wrong = || CaseError::Answer(format!("{}:{}", self.host, self.port));
        let answer = match &self.error {
            Some(error) => Err(fault(error, self.why.as_ref()).ok_or_else(wrong)?),
            None => {
                let mut seen = Vec::with_capacity(self.seen.len());
                for sight in &self.seen {
                    let peer = peer(sight.peer.as_ref(), sight.not_after.as_ref(), sight.untrusted.as_ref());
                    seen.push(match (peer, &sight.error) {
                        (Some(peer), None) => Ok(peer),
                        (None, Some(error)) => Err(fault(error, sight.why.as_ref()).ok_or_else(wrong)?),
                        (None, None) | (Some(_), Some(_)) => return Err(wrong()),
                    });
                }
                Ok(seen)
            }
        };
        Ok(ScriptedHandshake { host: self.host, port: self.port, answer })
    }
}

impl GivenPoints {
    pub(crate) fn scripted(self) -> ScriptedPoints {
        ScriptedPoints {
            control: self.control,
            measurement: self.measurement,
            during: during(self.from, self.until),
            answer: refused(self.refused, self.too_many).map_or(Ok(self.point), Err),
        }
    }
}

impl GivenSlots {
    pub(crate) fn scripted(&self) -> ScriptedSlots {
        let Self { due, run, late, pass, fail, error, not_applicable, missed, .. } = *self;
        let counts = SlotCounts { due, run, late, pass, fail, error, not_applicable, missed };
        ScriptedSlots {
            control: self.control.clone(),
            during: during(self.from.clone(), self.until.clone()),
            answer: refused(self.refused.clone(), self.too_many).map_or(Ok(counts), Err),
        }
    }
}

fn refused(refused: Option<String>, too_many: Option<u32>) -> Option<HistoryError> {
    refused.map(HistoryError::Refused).or_else(|| too_many.map(HistoryError::TooMany))
}

fn during(from: Option<String>, until: Option<String>) -> Option<Interval> {
    Some(Interval { from: from?, until: until? })
}

/// An error by its name; its words, if the case has none of its own, are always the same.
fn fault(name: &str, why: Option<&String>) -> Option<HttpError> {
    let words = || why.cloned().unwrap_or_else(|| "as the case says".to_owned());
    Some(match name {
        "timeout" => HttpError::Timeout,
        "unreachable" => HttpError::Unreachable(words()),
        "tls" => HttpError::Tls(words()),
        "refused" => HttpError::Refused(words()),
        "limit" => HttpError::Limit(why.cloned().unwrap_or_else(|| "requests".to_owned())),
        _ => return None,
    })
}

pub(crate) fn exchange(
    status: u16,
    headers: &[(String, String)],
    timings: Timings,
    peer: Option<Peer>,
    attempts: u32,
) -> Exchange {
    Exchange { status, headers: headers.to_vec(), timings, peer, attempts }
}

fn timings(whole: Option<Timings>, total_ms: f64) -> Timings {
    whole.unwrap_or(Timings { total: total_ms, ..Timings::default() })
}

/// A peer as it is written out, or one of the short form, which shows what checks judge.
fn peer(whole: Option<&Peer>, not_after: Option<&String>, untrusted: Option<&String>) -> Option<Peer> {
    if let Some(peer) = whole {
        return Some(peer.clone());
    }
    Some(Peer {
        address: "192.0.2.1:443".to_owned(),
        protocol: "TLSv1.3".to_owned(),
        cipher: "TLS13_AES_256_GCM_SHA384".to_owned(),
        untrusted: untrusted.cloned(),
        chain: vec![Certificate {
            subject: "CN=example".to_owned(),
            issuer: "CN=example CA".to_owned(),
            serial: "01".to_owned(),
            names: Vec::new(),
            not_before: "2026-01-01T00:00:00.000Z".to_owned(),
            not_after: not_after?.clone(),
            key: "EC P-256".to_owned(),
            digest: NO_DIGEST.to_owned(),
        }],
    })
}

pub(crate) fn decoded(base64: &str, place: impl Fn() -> String) -> Result<Vec<u8>, CaseError> {
    // Long ones are broken into lines.
    let text: String = base64.split_ascii_whitespace().collect();
    STANDARD.decode(text).map_err(|_| CaseError::Base64(place()))
}

pub(crate) fn seed_of(text: &str) -> Result<[u8; 32], CaseError> {
    let mut seed = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return Err(CaseError::Seed);
    }
    for (byte, at) in seed.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| CaseError::Seed)?;
    }
    Ok(seed)
}
