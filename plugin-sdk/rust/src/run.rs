use evidenced_contract::{
    Digest, Failure, FailureKind, HistoryError, HistoryPoint, Input, Instant, Interval, Limits, Peer, SlotCounts,
};
use serde::de::DeserializeOwned;

use crate::{Call, CallError, Csv, Host, InputReader, Level, Lines, Response, StateError, Timestamp};

/// What a run is told, besides its configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    pub control: String,
    pub definition: Digest,
    pub slot: Instant,
    pub now: Instant,
    pub interval: Option<Interval>,
    pub inputs: Vec<Input>,
    pub seed: [u8; 32],
    pub limits: Limits,
    /// Keys `vendor:name`, values as JSON text.
    pub extensions: Vec<(String, String)>,
}

/// In a component the host is one fixed type, so that the linker sees which imports a check uses and drops the others.
#[cfg(target_family = "wasm")]
pub(crate) type Outside<'a> = &'a mut crate::glue::Component;
#[cfg(not(target_family = "wasm"))]
pub(crate) type Outside<'a> = &'a mut dyn Host;

/// One run of a check: what it is told, and the only way to ask the outside world.
pub struct Run<'a> {
    facts: Facts,
    now: Timestamp,
    host: Outside<'a>,
    incomplete: Option<String>,
}

impl<'a> Run<'a> {
    /// A run on a host. Fails when `now` is not an instant.
    pub fn new(facts: Facts, host: Outside<'a>) -> Result<Self, Failure> {
        let now = facts.now.parse()?;
        Ok(Self { facts, now, host, incomplete: None })
    }

    /// The only clock: it stands still during the run.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The events to judge; only for checks whose needs say `interval`.
    pub fn interval(&self) -> Result<&Interval, Failure> {
        self.facts.interval.as_ref().ok_or_else(|| Failure {
            kind: FailureKind::Internal,
            message: "the check reads events and was given no interval; its description must say so".to_owned(),
            source: None,
        })
    }

    /// Where an input came from; `None` when the control has no input of this name.
    pub fn input(&self, name: &str) -> Option<&Input> {
        self.facts.inputs.iter().find(|input| input.name == name)
    }

    /// An input whole, for what fits into memory.
    pub fn read(&mut self, name: &str) -> Result<Vec<u8>, Failure> {
        Ok(self.host.read_input(name)?)
    }

    pub fn read_text(&mut self, name: &str) -> Result<String, Failure> {
        Ok(self.host.read_input_text(name)?)
    }

    pub fn read_json<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Failure> {
        let bytes = self.host.read_input(name)?;
        serde_json::from_slice(&bytes).map_err(|error| Failure {
            kind: FailureKind::BadInput,
            message: format!("the input `{name}` is not the JSON that was expected: {error}"),
            source: Some(name.to_owned()),
        })
    }

    /// An input in pieces, for what does not fit into memory.
    pub fn open(&mut self, name: &str) -> Result<Box<dyn InputReader>, Failure> {
        Ok(self.host.open_input(name)?)
    }

    /// The lines of an input, one after the other.
    pub fn lines(&mut self, name: &str) -> Result<Lines, Failure> {
        Ok(Lines::of(name, self.open(name)?))
    }

    /// The records of an input of CSV, one after the other.
    pub fn csv(&mut self, name: &str) -> Result<Csv, Failure> {
        Ok(Csv::of(name, self.open(name)?))
    }

    /// Sends one request and waits for its answer.
    pub fn send(&mut self, call: Call) -> Result<Response, CallError> {
        let (purpose, url) = (call.words(), call.request.url.clone());
        match self.host.send(call.request) {
            Ok(answer) => Ok(Response { exchange: answer.exchange, body: answer.body, purpose }),
            Err(error) => Err(CallError { purpose, url, error }),
        }
    }

    /// Sends requests side by side; answers come in the order of the requests.
    pub fn send_all(&mut self, calls: Vec<Call>) -> Vec<Result<Response, CallError>> {
        let words: Vec<_> = calls.iter().map(|call| (call.words(), call.request.url.clone())).collect();
        let answers = self.host.send_all(calls.into_iter().map(|call| call.request).collect());
        words
            .into_iter()
            .zip(answers)
            .map(|((purpose, url), answer)| match answer {
                Ok(answer) => Ok(Response { exchange: answer.exchange, body: answer.body, purpose }),
                Err(error) => Err(CallError { purpose, url, error }),
            })
            .collect()
    }

    /// A TLS handshake and no more, with every address of a name. An untrusted chain is an answer, not an error.
    pub fn handshake(&mut self, host: &str, port: u16) -> Result<Vec<Result<Peer, CallError>>, CallError> {
        let (purpose, url) = (format!("TLS handshake with {host}:{port}"), format!("https://{host}:{port}"));
        let failed = |error| CallError { purpose: purpose.clone(), url: url.clone(), error };
        let peers = self.host.handshake(host, port).map_err(failed)?;
        Ok(peers.into_iter().map(|peer| peer.map_err(failed)).collect())
    }

    /// The small map that a control keeps between its runs.
    pub fn state(&mut self) -> State<'_> {
        State { host: self.host }
    }

    /// Earlier measurements of a control, `None` being this one; oldest first.
    pub fn points(
        &mut self,
        control: Option<&str>,
        measurement: &str,
        during: &Interval,
    ) -> Result<Vec<HistoryPoint>, Failure> {
        self.host.points(control, measurement, during).map_err(failure_of_history)
    }

    /// How the slots of a control ended, `None` being this one.
    pub fn slots_in(&mut self, control: Option<&str>, during: &Interval) -> Result<SlotCounts, Failure> {
        self.host.slots_in(control, during).map_err(failure_of_history)
    }

    /// A line in the daemon's log; never evidence.
    pub fn log(&mut self, level: Level, message: &str) {
        self.host.log(level, message);
    }

    /// Says that not everything in scope was looked at. The first reason stays, and reaches the report by itself.
    pub fn note_incomplete(&mut self, why: impl Into<String>) {
        if self.incomplete.is_none() {
            self.incomplete = Some(why.into());
        }
    }

    /// Whether something noted that not everything was looked at.
    pub fn is_incomplete(&self) -> bool {
        self.incomplete.is_some()
    }

    pub(crate) fn take_incomplete(&mut self) -> Option<String> {
        self.incomplete.take()
    }
}

/// A small map of one control, kept between its runs. Writes take effect only if the run returns a report.
pub struct State<'a> {
    host: Outside<'a>,
}

impl State<'_> {
    pub fn value(&mut self, key: &str) -> Option<Vec<u8>> {
        self.host.state_value(key)
    }

    pub fn set(&mut self, key: &str, value: &[u8]) -> Result<(), StateError> {
        self.host.set_state(key, value)
    }

    pub fn remove(&mut self, key: &str) {
        self.host.remove_state(key);
    }

    pub fn keys(&mut self) -> Vec<String> {
        self.host.state_keys()
    }
}

fn failure_of_history(error: HistoryError) -> Failure {
    Failure { kind: FailureKind::Unsupported, message: error.to_string(), source: None }
}
