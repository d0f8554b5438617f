//! Everything that a run saw of the outside, in one form for both kinds of plugin.
//!
//! Bodies are kept once, by digest, beside the list of calls; what changes with every answer though the answer is the
//! same (`Date`, timings, request ids) is kept apart, so that two runs that saw the same have equal bytes in
//! [`Transcript::calls_json`].

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

use bytes::Bytes;
use evidenced_contract::{
    Auth, Exchange, HistoryError, HistoryPoint, HttpError, HttpRequest, HttpResponse, Interval, Peer, SlotCounts,
    Timings,
};
use serde::{Deserialize, Serialize};

use super::volatile;
use crate::{domain::Digest, gate::Answered};

/// The calls of a run in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcript {
    pub calls: Vec<Call>,
    /// For exchanges that had such facts, by the place of their call.
    pub volatile: Vec<Volatile>,
    /// Bodies of requests and answers, values of state, lists of points.
    pub blobs: BTreeMap<Digest, Bytes>,
    kept_bytes: u64,
}

/// One call of the host, its arguments and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "call")]
pub enum Call {
    /// `send`, and each request of `send-all`.
    #[serde(rename = "http.send")]
    Http { request: Sent, answer: Answer<Received, Fault> },
    #[serde(rename = "tls.handshake")]
    Tls { host: String, port: u16, answer: Answer<Vec<Answer<Peer, Fault>>, Fault> },
    /// The answer is the digest of the input, whose bytes are not kept again.
    #[serde(rename = "inputs.read")]
    InputRead { name: String, answer: Answer<Digest, String> },
    #[serde(rename = "inputs.read-text")]
    InputReadText { name: String, answer: Answer<Digest, String> },
    /// What a reader then gives follows from the input; pieces are no calls of their own.
    #[serde(rename = "inputs.open")]
    InputOpen { name: String, answer: Answer<Digest, String> },
    #[serde(rename = "state.get")]
    StateGet { key: String, answer: Option<Digest> },
    /// An error is the limit in bytes.
    #[serde(rename = "state.set")]
    StateSet { key: String, value: Digest, answer: Answer<(), u32> },
    #[serde(rename = "state.remove")]
    StateRemove { key: String },
    #[serde(rename = "state.keys")]
    StateKeys { answer: Vec<String> },
    /// The answer is the digest of the points as JSON.
    #[serde(rename = "history.points")]
    Points { control: Option<String>, measurement: String, during: Interval, answer: Answer<Digest, HistoryError> },
    #[serde(rename = "history.slots-in")]
    Slots { control: Option<String>, during: Interval, answer: Answer<SlotCounts, HistoryError> },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer<T, E> {
    Ok(T),
    Error(E),
}

/// A request as the plugin made it: no secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    pub method: String,
    pub url: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Digest>,
    #[serde(default)]
    pub auth: Auth,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<u16>,
    #[serde(default)]
    pub timeout_ms: u32,
}

/// An answer without what is volatile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Received {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub peer: Option<Peer>,
    pub attempts: u32,
    /// `None`: empty.
    pub body: Option<Digest>,
}

/// [`HttpError`] with the body of an unaccepted status by digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    Refused(String),
    Unreachable(String),
    Timeout,
    Tls(String),
    Status(Received),
    Limit(String),
}

/// The part of an exchange that differs from run to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Volatile {
    /// Place in [`Transcript::calls`].
    pub call: u32,
    pub timings: Timings,
    /// Place among the headers, name, value; in ascending order.
    pub headers: Vec<(u32, String, String)>,
    /// Milliseconds that the host kept the request waiting, so that the source was not asked more often than it may be.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waited_ms: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum TranscriptError {
    #[error("the calls of a transcript are damaged")]
    Calls(#[source] serde_json::Error),
    #[error("the volatile part of a transcript is damaged")]
    Volatile(#[source] serde_json::Error),
}

impl Transcript {
    /// The calls as canonical JSON (RFC 8785): equal for runs that saw the same.
    pub fn calls_json(&self) -> Vec<u8> {
        canonical(&self.calls)
    }

    /// The volatile part as canonical JSON.
    pub fn volatile_json(&self) -> Vec<u8> {
        canonical(&self.volatile)
    }

    /// Puts the parts together again; `blobs` may hold more than is needed.
    pub fn from_parts(calls: &[u8], volatile: &[u8], blobs: BTreeMap<Digest, Bytes>) -> Result<Self, TranscriptError> {
        Ok(Self {
            kept_bytes: blobs.values().map(|blob| blob.len() as u64).sum(),
            calls: serde_json::from_slice(calls).map_err(TranscriptError::Calls)?,
            volatile: serde_json::from_slice(volatile).map_err(TranscriptError::Volatile)?,
            blobs,
        })
    }

    /// Keeps bytes once.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        if let Entry::Vacant(free) = self.blobs.entry(digest) {
            free.insert(Bytes::copy_from_slice(bytes));
            self.kept_bytes += bytes.len() as u64;
        }
        digest
    }

    /// Bytes of all blobs.
    pub(super) const fn kept_bytes(&self) -> u64 {
        self.kept_bytes
    }

    pub(super) fn record_http(&mut self, request: &HttpRequest, answered: &Answered) {
        let request = Sent {
            method: request.method.clone(),
            url: request.url.clone(),
            headers: request.headers.clone(),
            body: request.body.as_deref().map(|body| self.keep(body)),
            auth: request.auth.clone(),
            accept: request.accept.clone(),
            timeout_ms: request.timeout_ms,
        };
        let answer = match &answered.answer {
            Ok(response) => Answer::Ok(self.received(response)),
            Err(error) => Answer::Error(self.fault(error)),
        };
        self.waited(answered.waited);
        self.calls.push(Call::Http { request, answer });
    }

    /// Of the call that is recorded next.
    fn waited(&mut self, waited: Duration) {
        let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        if waited_ms == 0 {
            return;
        }
        let call = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        match self.volatile.last_mut().filter(|volatile| volatile.call == call) {
            Some(volatile) => volatile.waited_ms = waited_ms,
            // It waited, and there was no answer.
            None => {
                let timings = Timings::default();
                self.volatile.push(Volatile { call, timings, headers: Vec::new(), waited_ms });
            }
        }
    }

    pub(super) fn record_tls(
        &mut self,
        host: &str,
        port: u16,
        answer: &Result<Vec<Result<Peer, HttpError>>, HttpError>,
    ) {
        let answer = match answer {
            Ok(peers) => {
                let peer = |peer: &Result<Peer, HttpError>| match peer {
                    Ok(peer) => Answer::Ok(peer.clone()),
                    Err(error) => Answer::Error(self.fault(error)),
                };
                Answer::Ok(peers.iter().map(peer).collect())
            }
            Err(error) => Answer::Error(self.fault(error)),
        };
        self.calls.push(Call::Tls { host: host.to_owned(), port, answer });
    }

    pub(super) fn record_points(
        &mut self,
        (control, measurement, during): (&Option<String>, &str, &Interval),
        answer: &Result<Vec<HistoryPoint>, HistoryError>,
    ) {
        let answer = match answer {
            Ok(points) => Answer::Ok(self.keep(&serde_json::to_vec(points).expect("points are plain data"))),
            Err(error) => Answer::Error(error.clone()),
        };
        self.calls.push(Call::Points {
            control: control.clone(),
            measurement: measurement.to_owned(),
            during: during.clone(),
            answer,
        });
    }

    fn received(&mut self, response: &HttpResponse) -> Received {
        let Exchange { status, headers, timings, peer, attempts } = &response.exchange;
        let (volatile, stable) = volatile::split(headers);
        self.volatile.push(Volatile {
            call: u32::try_from(self.calls.len()).unwrap_or(u32::MAX),
            timings: *timings,
            headers: volatile,
            waited_ms: 0,
        });
        Received {
            status: *status,
            headers: stable,
            peer: peer.clone(),
            attempts: *attempts,
            body: (!response.body.is_empty()).then(|| self.keep(&response.body)),
        }
    }

    fn fault(&mut self, error: &HttpError) -> Fault {
        match error {
            HttpError::Refused(why) => Fault::Refused(why.clone()),
            HttpError::Unreachable(why) => Fault::Unreachable(why.clone()),
            HttpError::Timeout => Fault::Timeout,
            HttpError::Tls(why) => Fault::Tls(why.clone()),
            HttpError::Status(response) => Fault::Status(self.received(response)),
            HttpError::Limit(which) => Fault::Limit(which.clone()),
        }
    }

    /// The response as it was; `None` if its body is not here.
    pub(super) fn response(&self, call: usize, received: &Received) -> Option<HttpResponse> {
        let volatile = self.volatile.iter().find(|volatile| volatile.call as usize == call);
        let body = match received.body {
            None => Vec::new(),
            Some(digest) => self.blobs.get(&digest)?.to_vec(),
        };
        let exchange = Exchange {
            status: received.status,
            headers: volatile::join(volatile.map_or(&[], |volatile| &volatile.headers), &received.headers),
            timings: volatile.map_or_else(Timings::default, |volatile| volatile.timings),
            peer: received.peer.clone(),
            attempts: received.attempts,
        };
        Some(HttpResponse { exchange, body })
    }

    /// The error as it was; `None` if its body is not here.
    pub(super) fn error(&self, call: usize, fault: &Fault) -> Option<HttpError> {
        Some(match fault {
            Fault::Refused(why) => HttpError::Refused(why.clone()),
            Fault::Unreachable(why) => HttpError::Unreachable(why.clone()),
            Fault::Timeout => HttpError::Timeout,
            Fault::Tls(why) => HttpError::Tls(why.clone()),
            Fault::Status(received) => HttpError::Status(Box::new(self.response(call, received)?)),
            Fault::Limit(which) => HttpError::Limit(which.clone()),
        })
    }
}

const fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn canonical<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("a transcript is plain data; its numbers are finite")
}
