use std::collections::BTreeMap;

use evidenced_cases::{Script, ScriptedCall, ScriptedHandshake, question};
use evidenced_contract::{
    Exchange, HistoryError, HistoryPoint, HttpError, HttpRequest, HttpResponse, Interval, Peer, SlotCounts, Timings,
};

use crate::{Call, Host, InputError, InputReader, Level, StateError};

/// The outside world in memory. It answers exactly what was scripted, each answer once, and stops the test at a
/// question that nobody expected.
#[derive(Debug, Default)]
pub struct ScriptedHost {
    script: Script,
    inputs: BTreeMap<String, Result<Vec<u8>, String>>,
    state: BTreeMap<String, Vec<u8>>,
    points: Vec<(Option<String>, String, HistoryPoint)>,
    slots: BTreeMap<Option<String>, SlotCounts>,
    log: Vec<(Level, String)>,
    unexpected_fails: bool,
}

/// One request that a check may send, and its answer.
#[derive(Debug, Clone)]
pub struct Scripted {
    pub method: String,
    pub url: String,
    pub body: Option<Vec<u8>>,
    pub answer: Result<HttpResponse, HttpError>,
}

impl Scripted {
    /// A call and the status and body of its answer.
    pub fn of(call: &Call, status: u16, body: &str) -> Self {
        Self {
            method: call.request.method.clone(),
            url: call.request.url.clone(),
            body: call.request.body.clone(),
            answer: Ok(response(status, Vec::new(), body.as_bytes().to_vec())),
        }
    }
}

impl ScriptedHost {
    pub fn new() -> Self {
        Self::default()
    }

    /// The outside world of a recorded case.
    pub(crate) fn of(script: Script) -> Self {
        Self { script, ..Self::default() }
    }

    /// A host on which an unexpected question is [`HttpError::Unreachable`] and does not end the test.
    pub(crate) fn forgiving(mut self) -> Self {
        self.unexpected_fails = true;
        self
    }

    /// Answers a call once with a status and a body.
    pub fn answer(&mut self, call: &Call, status: u16, body: &str) -> &mut Self {
        self.script(Scripted::of(call, status, body))
    }

    pub fn script(&mut self, scripted: Scripted) -> &mut Self {
        let Scripted { method, url, body, answer } = scripted;
        self.script.calls.push(ScriptedCall {
            method,
            url,
            body,
            auth: None,
            sent: Vec::new(),
            timeout_ms: 0,
            accepts: Vec::new(),
            answer,
        });
        self
    }

    pub fn handshake_answer(&mut self, host: &str, port: u16, answer: Result<Vec<Peer>, HttpError>) -> &mut Self {
        let answer = answer.map(|peers| peers.into_iter().map(Ok).collect());
        self.script.handshakes.push(ScriptedHandshake { host: host.to_owned(), port, answer });
        self
    }

    pub fn input(&mut self, name: &str, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.inputs.insert(name.to_owned(), Ok(bytes.into()));
        self
    }

    /// An input that the host could not read, and why.
    pub fn unreadable_input(&mut self, name: &str, why: &str) -> &mut Self {
        self.inputs.insert(name.to_owned(), Err(why.to_owned()));
        self
    }

    pub fn state(&mut self, key: &str, value: &[u8]) -> &mut Self {
        self.state.insert(key.to_owned(), value.to_vec());
        self
    }

    pub fn point(&mut self, control: Option<&str>, measurement: &str, point: HistoryPoint) -> &mut Self {
        self.points.push((control.map(str::to_owned), measurement.to_owned(), point));
        self
    }

    pub fn slots(&mut self, control: Option<&str>, counts: SlotCounts) -> &mut Self {
        self.slots.insert(control.map(str::to_owned), counts);
        self
    }

    /// What the state would be if the run's report is committed.
    pub fn state_now(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.state
    }

    pub fn log_lines(&self) -> &[(Level, String)] {
        &self.log
    }

    /// # Panics
    /// When an answer was scripted that the check did not ask for.
    pub fn assert_all_asked(&self) {
        let left = self.script.unasked();
        assert!(left.is_empty(), "the check never asked for:\n{}", indented(&left));
    }

    /// What to say of a question that nobody expected; it ends the test, unless this host forgives.
    fn unexpected(&self, what: &str) -> String {
        assert!(
            self.unexpected_fails,
            "the check asked what was not scripted:\n  {what}\nscripted and not yet asked:\n{}",
            indented(&self.script.unasked())
        );
        format!("not scripted: {what}")
    }

    fn take(&mut self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        self.script.call(request).unwrap_or_else(|| {
            let asked = question(&request.method, &request.url, request.body.as_deref());
            Err(HttpError::Unreachable(self.unexpected(&asked)))
        })
    }
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn response(status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> HttpResponse {
    let exchange = Exchange { status, headers, timings: Timings::default(), peer: None, attempts: 1 };
    HttpResponse { exchange, body }
}

impl Host for ScriptedHost {
    fn log(&mut self, level: Level, message: &str) {
        self.log.push((level, message.to_owned()));
    }

    fn send(&mut self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.take(&request)
    }

    fn send_all(&mut self, requests: Vec<HttpRequest>) -> Vec<Result<HttpResponse, HttpError>> {
        requests.iter().map(|request| self.take(request)).collect()
    }

    fn handshake(&mut self, host: &str, port: u16) -> Result<Vec<Result<Peer, HttpError>>, HttpError> {
        self.script.handshake(host, port).unwrap_or_else(|| {
            Err(HttpError::Unreachable(self.unexpected(&format!("a TLS handshake with {host}:{port}"))))
        })
    }

    fn read_input(&mut self, name: &str) -> Result<Vec<u8>, InputError> {
        match self.inputs.get(name) {
            Some(Ok(bytes)) => Ok(bytes.clone()),
            Some(Err(why)) => Err(InputError::Unreadable(why.clone())),
            None => Err(InputError::Unknown(name.to_owned())),
        }
    }

    fn read_input_text(&mut self, name: &str) -> Result<String, InputError> {
        String::from_utf8(self.read_input(name)?).map_err(|_| InputError::Unreadable(format!("`{name}` is not UTF-8")))
    }

    fn open_input(&mut self, name: &str) -> Result<Box<dyn InputReader>, InputError> {
        Ok(Box::new(Pieces { bytes: self.read_input(name)?, at: 0 }))
    }

    fn state_value(&mut self, key: &str) -> Option<Vec<u8>> {
        self.state.get(key).cloned()
    }

    fn set_state(&mut self, key: &str, value: &[u8]) -> Result<(), StateError> {
        const BYTES_MAX: usize = 64 << 10;
        let others = self.state.iter().filter(|(other, _)| *other != key);
        let bytes: usize = others.map(|(key, value)| key.len() + value.len()).sum();
        if bytes + key.len() + value.len() > BYTES_MAX {
            return Err(StateError::TooLarge(BYTES_MAX as u32));
        }
        self.state.insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn remove_state(&mut self, key: &str) {
        self.state.remove(key);
    }

    fn state_keys(&mut self) -> Vec<String> {
        self.state.keys().cloned().collect()
    }

    fn points(
        &mut self,
        control: Option<&str>,
        measurement: &str,
        during: &Interval,
    ) -> Result<Vec<HistoryPoint>, HistoryError> {
        if let Some(answer) = self.script.points(control, measurement, during) {
            return answer;
        }
        let within = |slot: &String| during.from <= *slot && *slot < during.until;
        let points = self
            .points
            .iter()
            .filter(|(of, name, point)| of.as_deref() == control && name == measurement && within(&point.slot));
        Ok(points.map(|(_, _, point)| point.clone()).collect())
    }

    fn slots_in(&mut self, control: Option<&str>, during: &Interval) -> Result<SlotCounts, HistoryError> {
        if let Some(answer) = self.script.slots(control, during) {
            return answer;
        }
        let control = control.map(str::to_owned);
        let words = control.clone().unwrap_or_else(|| "this control".to_owned());
        self.slots.get(&control).copied().ok_or(HistoryError::Refused(words))
    }
}

struct Pieces {
    bytes: Vec<u8>,
    at: usize,
}

impl InputReader for Pieces {
    fn read(&mut self, bytes_max: u32) -> Result<Vec<u8>, InputError> {
        let until = self.bytes.len().min(self.at + bytes_max as usize);
        let piece = self.bytes[self.at..until].to_vec();
        self.at = until;
        Ok(piece)
    }
}
