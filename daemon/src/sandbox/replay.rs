//! Runs a plugin again on what it saw, and compares.

use std::collections::{BTreeMap, HashMap, VecDeque};

use evidenced_contract::{
    Auth, HistoryError, HistoryPoint, HttpError, HttpRequest, HttpResponse, Interval, Peer, Report, Request, SlotCounts,
};

use super::{
    ended::Ended,
    run::InputBytes,
    transcript::{Answer, Call, Fault, Received, Transcript},
};
use crate::domain::{Digest, Limits};

/// A run without a world: the transcript stands for it.
#[derive(Debug, Clone)]
pub struct ReplaySpec {
    pub request: Request,
    pub inputs: Vec<InputBytes>,
    /// The control's state before the run.
    pub state: BTreeMap<String, Vec<u8>>,
    pub limits: Limits,
}

/// What a replay shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Comparison {
    /// To the byte the same.
    Identical,
    Different {
        recorded: String,
        replayed: String,
    },
    /// The recorded run ended by time or by the host; how.
    NotReperformable(String),
    /// The replay asked what the transcript does not answer, or was itself ended by time; why.
    CannotTell(String),
}

/// Compares how a run ended with how its replay did: reports and failures byte for byte as canonical JSON (RFC 8785).
pub fn compare(recorded: &Ended, replayed: &Ended) -> Comparison {
    if !recorded.is_deterministic() {
        return Comparison::NotReperformable(recorded.to_string());
    }
    if !replayed.is_deterministic() {
        return Comparison::CannotTell(replayed.to_string());
    }
    let (recorded, replayed) = (words(recorded), words(replayed));
    if recorded == replayed { Comparison::Identical } else { Comparison::Different { recorded, replayed } }
}

/// The report as canonical JSON (RFC 8785). `None` if a number in it is not finite.
pub fn report_bytes(report: &Report) -> Option<Vec<u8>> {
    serde_json_canonicalizer::to_vec(report).ok()
}

fn words(ended: &Ended) -> String {
    let canonical = match ended {
        Ended::Report(report) => serde_json_canonicalizer::to_string(report),
        Ended::Failure(failure) => serde_json_canonicalizer::to_string(failure),
        other => return other.to_string(),
    };
    // Neither can hold a number that is not finite: such a report is broken before it comes here.
    canonical.unwrap_or_else(|_| ended.to_string())
}

/// Answers from a transcript: by (call, method, URL, credential, digest of body, n-th time), so that a plugin of
/// another version may ask in another order.
pub(super) struct Player {
    transcript: Transcript,
    /// Places of calls not yet given.
    waiting: HashMap<Key, VecDeque<usize>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    Http { method: String, url: String, auth: String, body: Option<Digest> },
    Tls { host: String, port: u16 },
    Points { control: Option<String>, measurement: String, from: String, until: String },
    Slots { control: Option<String>, from: String, until: String },
}

impl Player {
    pub(super) fn new(transcript: Transcript) -> Self {
        let mut waiting: HashMap<Key, VecDeque<usize>> = HashMap::new();
        for (place, call) in transcript.calls.iter().enumerate() {
            if let Some(key) = key(call) {
                waiting.entry(key).or_default().push_back(place);
            }
        }
        Self { transcript, waiting }
    }

    fn next(&mut self, key: &Key) -> Option<(usize, &Call)> {
        let place = self.waiting.get_mut(key)?.pop_front()?;
        Some((place, self.transcript.calls.get(place)?))
    }

    /// `None`: the transcript has no answer.
    pub(super) fn http(&mut self, request: &HttpRequest) -> Option<Result<HttpResponse, HttpError>> {
        let key = Key::Http {
            method: request.method.clone(),
            url: request.url.clone(),
            auth: credential(&request.auth),
            body: request.body.as_deref().map(Digest::of),
        };
        let (place, call) = self.next(&key)?;
        let Call::Http { answer, .. } = call.clone() else { return None };
        // Another version of the plugin may accept other statuses than the one that was recorded.
        let received = match &answer {
            Answer::Ok(received) | Answer::Error(Fault::Status(received)) => received,
            Answer::Error(fault) => return self.transcript.error(place, fault).map(Err),
        };
        let response = self.transcript.response(place, received)?;
        let accepted = is_accepted(received, request);
        Some(if accepted { Ok(response) } else { Err(HttpError::Status(Box::new(response))) })
    }

    pub(super) fn tls(&mut self, host: &str, port: u16) -> Option<Result<Vec<Result<Peer, HttpError>>, HttpError>> {
        let (place, call) = self.next(&Key::Tls { host: host.to_owned(), port })?;
        let Call::Tls { answer, .. } = call.clone() else { return None };
        match answer {
            Answer::Ok(peers) => {
                let mut given = Vec::with_capacity(peers.len());
                for peer in peers {
                    given.push(match peer {
                        Answer::Ok(peer) => Ok(peer),
                        Answer::Error(fault) => Err(self.transcript.error(place, &fault)?),
                    });
                }
                Some(Ok(given))
            }
            Answer::Error(fault) => self.transcript.error(place, &fault).map(Err),
        }
    }

    pub(super) fn points(
        &mut self,
        control: &Option<String>,
        measurement: &str,
        during: &Interval,
    ) -> Option<Result<Vec<HistoryPoint>, HistoryError>> {
        let key = Key::Points {
            control: control.clone(),
            measurement: measurement.to_owned(),
            from: during.from.clone(),
            until: during.until.clone(),
        };
        let Call::Points { answer, .. } = self.next(&key)?.1.clone() else { return None };
        match answer {
            Answer::Ok(digest) => serde_json::from_slice(self.transcript.blobs.get(&digest)?).ok().map(Ok),
            Answer::Error(error) => Some(Err(error)),
        }
    }

    pub(super) fn slots(
        &mut self,
        control: &Option<String>,
        during: &Interval,
    ) -> Option<Result<SlotCounts, HistoryError>> {
        let key = Key::Slots { control: control.clone(), from: during.from.clone(), until: during.until.clone() };
        let Call::Slots { answer, .. } = self.next(&key)?.1.clone() else { return None };
        Some(match answer {
            Answer::Ok(counts) => Ok(counts),
            Answer::Error(error) => Err(error),
        })
    }
}

fn is_accepted(received: &Received, request: &HttpRequest) -> bool {
    (200..300).contains(&received.status) || request.accept.contains(&received.status)
}

fn credential(auth: &Auth) -> String {
    match auth {
        Auth::Granted => "granted".to_owned(),
        Auth::Anonymous => "anonymous".to_owned(),
        Auth::Named(name) => format!("named {name}"),
    }
}

fn key(call: &Call) -> Option<Key> {
    match call {
        Call::Http { request, .. } => Some(Key::Http {
            method: request.method.clone(),
            url: request.url.clone(),
            auth: credential(&request.auth),
            body: request.body,
        }),
        Call::Tls { host, port, .. } => Some(Key::Tls { host: host.clone(), port: *port }),
        Call::Points { control, measurement, during, .. } => Some(Key::Points {
            control: control.clone(),
            measurement: measurement.clone(),
            from: during.from.clone(),
            until: during.until.clone(),
        }),
        Call::Slots { control, during, .. } => {
            Some(Key::Slots { control: control.clone(), from: during.from.clone(), until: during.until.clone() })
        }
        // These answer themselves: from the inputs and the state that the replay is given.
        Call::InputRead { .. }
        | Call::InputReadText { .. }
        | Call::InputOpen { .. }
        | Call::StateGet { .. }
        | Call::StateSet { .. }
        | Call::StateRemove { .. }
        | Call::StateKeys { .. } => None,
    }
}
