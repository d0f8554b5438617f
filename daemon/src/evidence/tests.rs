use std::collections::BTreeMap;

use bytes::Bytes;
use evidenced_contract::{Auth, Timings};

use super::{EndedRecord, RunRecord, Seen, pack, unpack};
use crate::{
    domain::{Digest, RunReason, TranscriptClass},
    ledger::Part,
    sandbox::{Answer, Call, Received, Sent, Transcript, Volatile},
};

const BODY: &[u8] = br#"{"user":"alice"}"#;

fn transcript() -> Transcript {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let request = Sent {
        method: "GET".to_owned(),
        url: "https://iam.example.com/users?page=1".to_owned(),
        headers: vec![header("accept", "text/secret")],
        body: None,
        auth: Auth::Granted,
        accept: vec![404],
        timeout_ms: 0,
    };
    let received = Received {
        status: 200,
        headers: vec![header("x-owner", "bob-the-owner")],
        peer: None,
        attempts: 2,
        body: Some(Digest::of(BODY)),
    };
    let timings = Timings { total: 12.5, ..Timings::default() };
    let mut transcript = Transcript::default();
    transcript.calls.push(Call::Http { request, answer: Answer::Ok(received) });
    transcript.volatile.push(Volatile {
        call: 0,
        timings,
        headers: vec![(0, "set-cookie".to_owned(), "session-of-carol".to_owned())],
        waited_ms: 7,
    });
    transcript.blobs.insert(Digest::of(BODY), Bytes::from_static(BODY));
    transcript
}

/// The record of a run, and all that was written for it.
fn packed(class: TranscriptClass) -> (RunRecord, Vec<Part>) {
    let ended = EndedRecord::Other { reason: RunReason::Trap, words: "trap".to_owned(), is_deterministic: true };
    let state = BTreeMap::from([("key".to_owned(), b"state-of-dave".to_vec())]);
    let (_, parts) = pack(ended, &transcript(), &[], &state, class, &Seen::default()).unwrap();
    (serde_json::from_slice(parts.last().unwrap().content()).unwrap(), parts)
}

fn text(parts: &[Part]) -> String {
    parts.iter().map(|part| String::from_utf8_lossy(part.content()).into_owned()).collect()
}

#[test]
fn a_redacted_transcript_shows_the_calls_and_hides_what_was_said() {
    let (record, parts) = packed(TranscriptClass::Redacted);
    let text = text(&parts);
    for hidden in ["alice", "text/secret", "bob", "carol", "dave"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
    for shown in ["\"GET\"", "https://iam.example.com/users?page=1", "\"status\":200", "x-owner", "set-cookie", "12.5"]
    {
        assert!(text.contains(shown), "no {shown} in {text}");
    }
    assert!(text.contains(&Digest::of(b"bob-the-owner").to_string()));
    assert_eq!(record.sizes[&Digest::of(BODY)], BODY.len() as u64);
    assert_eq!(record.transcript, TranscriptClass::Redacted);
}

#[test]
fn of_a_digest_only_transcript_nothing_but_digests_is_there() {
    let (record, parts) = packed(TranscriptClass::DigestOnly);
    assert_eq!(parts.len(), 1, "the record");
    let text = text(&parts);
    for hidden in ["alice", "GET", "iam.example.com", "bob", "carol", "dave", "cookie"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
    assert_eq!(record.calls, Some(Digest::of(&transcript().calls_json())));
    assert_eq!((record.sizes.len(), record.transcript), (0, TranscriptClass::DigestOnly));
}

#[test]
fn a_full_transcript_comes_back_as_it_was() {
    let (_, parts) = packed(TranscriptClass::Full);
    let kept: BTreeMap<_, _> = parts.iter().map(|part| (part.digest(), part.content().to_vec())).collect();
    let record = parts.last().unwrap().digest();
    let unpacked = unpack(&record, |digest| Ok(kept.get(digest).cloned())).unwrap();
    assert_eq!(unpacked.transcript.calls, transcript().calls);
    assert_eq!(unpacked.transcript.volatile, transcript().volatile);
    assert_eq!(unpacked.transcript.blobs[&Digest::of(BODY)], BODY);
}
