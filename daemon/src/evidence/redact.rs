//! What is kept of a transcript whose texts are cut out: which calls were made and how they ended, with digests in place
//! of bodies and of the values of headers.

use evidenced_contract::Peer;

use crate::{
    domain::Digest,
    sandbox::{Answer, Call, Fault, Received, Transcript, Volatile},
};

/// Method, URL, status, names of headers, certificates and times stay. Bodies are digests in every transcript; here the
/// bytes behind them are not kept.
pub(super) fn redact(transcript: &Transcript) -> Transcript {
    let mut redacted = Transcript::default();
    redacted.calls = transcript.calls.iter().map(call).collect();
    redacted.volatile = transcript.volatile.iter().map(volatile).collect();
    redacted
}

/// A digest keeps apart what differs; what few values are possible for can be guessed from it.
pub(super) fn headers(headers: &[(String, String)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.clone(), digest(value))).collect()
}

fn digest(value: &str) -> String {
    Digest::of(value.as_bytes()).to_string()
}

fn call(call: &Call) -> Call {
    let mut call = call.clone();
    match &mut call {
        Call::Http { request, answer } => {
            request.headers = headers(&request.headers);
            match answer {
                Answer::Ok(answer) => received(answer),
                Answer::Error(error) => fault(error),
            }
        }
        Call::Tls { answer, .. } => match answer {
            Answer::Ok(peers) => peers.iter_mut().for_each(peer),
            Answer::Error(error) => fault(error),
        },
        Call::InputRead { .. }
        | Call::InputReadText { .. }
        | Call::InputOpen { .. }
        | Call::StateGet { .. }
        | Call::StateSet { .. }
        | Call::StateRemove { .. }
        | Call::StateKeys { .. }
        | Call::Points { .. }
        | Call::Slots { .. } => {}
    }
    call
}

fn received(received: &mut Received) {
    received.headers = headers(&received.headers);
}

fn fault(error: &mut Fault) {
    match error {
        Fault::Status(answer) => received(answer),
        Fault::Refused(_) | Fault::Unreachable(_) | Fault::Timeout | Fault::Tls(_) | Fault::Limit(_) => {}
    }
}

fn peer(peer: &mut Answer<Peer, Fault>) {
    if let Answer::Error(error) = peer {
        fault(error);
    }
}

fn volatile(volatile: &Volatile) -> Volatile {
    let headers = volatile.headers.iter().map(|(place, name, value)| (*place, name.clone(), digest(value)));
    Volatile { headers: headers.collect(), ..*volatile }
}
