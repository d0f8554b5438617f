//! The outside world of a case, which answers each question once.

use evidenced_contract::{
    Auth, HistoryError, HistoryPoint, HttpError, HttpRequest, HttpResponse, Interval, Peer, SlotCounts, Timings,
};

/// An answer to a handshake: what each address showed.
pub type Sights = Result<Vec<Result<Peer, HttpError>>, HttpError>;

/// A request that may be sent once, and its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptedCall {
    pub method: String,
    pub url: String,
    pub body: Option<Vec<u8>>,
    /// The credential that it must be asked with; `None`: whichever.
    pub auth: Option<Auth>,
    /// Headers that the check sent; told, and not compared.
    pub sent: Vec<(String, String)>,
    /// The time that the check gave it; told, and not compared. 0: all that was left.
    pub timeout_ms: u32,
    /// Statuses besides 200 to 299 that the check is known to accept.
    pub accepts: Vec<u16>,
    /// What the outside says, whether or not the check takes that status.
    pub answer: Result<HttpResponse, HttpError>,
}

impl ScriptedCall {
    fn is_asked_by(&self, request: &HttpRequest) -> bool {
        self.method == request.method
            && self.url == request.url
            && self.body == request.body
            && self.auth.as_ref().is_none_or(|auth| *auth == request.auth)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ScriptedHandshake {
    pub host: String,
    pub port: u16,
    pub answer: Sights,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ScriptedPoints {
    pub control: Option<String>,
    pub measurement: String,
    /// `None`: of any interval.
    pub during: Option<Interval>,
    pub answer: Result<Vec<HistoryPoint>, HistoryError>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ScriptedSlots {
    pub control: Option<String>,
    pub during: Option<Interval>,
    pub answer: Result<SlotCounts, HistoryError>,
}

/// Everything that the outside says. Each answer is given once, to the first question that it fits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Script {
    pub calls: Vec<ScriptedCall>,
    pub handshakes: Vec<ScriptedHandshake>,
    pub points: Vec<ScriptedPoints>,
    pub slots: Vec<ScriptedSlots>,
}

impl Script {
    /// `None`: nothing of it answers this. A status that the request does not accept is [`HttpError::Status`], as the host
    /// has it.
    pub fn call(&mut self, request: &HttpRequest) -> Option<Result<HttpResponse, HttpError>> {
        let at = self.calls.iter().position(|call| call.is_asked_by(request))?;
        Some(self.calls.remove(at).answer.and_then(|response| {
            let status = response.exchange.status;
            let is_accepted = (200..300).contains(&status) || request.accept.contains(&status);
            if is_accepted { Ok(response) } else { Err(HttpError::Status(Box::new(response))) }
        }))
    }

    pub fn handshake(&mut self, host: &str, port: u16) -> Option<Sights> {
        let at = self.handshakes.iter().position(|one| one.host == host && one.port == port)?;
        Some(self.handshakes.remove(at).answer)
    }

    pub fn points(
        &mut self,
        control: Option<&str>,
        measurement: &str,
        during: &Interval,
    ) -> Option<Result<Vec<HistoryPoint>, HistoryError>> {
        let at = self.points.iter().position(|one| {
            one.control.as_deref() == control && one.measurement == measurement && is_of(one.during.as_ref(), during)
        })?;
        Some(self.points.remove(at).answer)
    }

    pub fn slots(&mut self, control: Option<&str>, during: &Interval) -> Option<Result<SlotCounts, HistoryError>> {
        let fits = |one: &ScriptedSlots| one.control.as_deref() == control && is_of(one.during.as_ref(), during);
        let at = self.slots.iter().position(fits)?;
        Some(self.slots.remove(at).answer)
    }

    /// What is left: questions that nobody asked.
    pub fn unasked(&self) -> Vec<String> {
        let of =
            |control: &Option<String>| control.as_ref().map(|control| format!(" of {control}")).unwrap_or_default();
        let calls = self.calls.iter().map(|call| question(&call.method, &call.url, call.body.as_deref()));
        let handshakes = self.handshakes.iter().map(|one| format!("handshake with {}:{}", one.host, one.port));
        let points = self.points.iter().map(|one| format!("points of `{}`{}", one.measurement, of(&one.control)));
        let slots = self.slots.iter().map(|one| format!("slots{}", of(&one.control)));
        calls.chain(handshakes).chain(points).chain(slots).collect()
    }

    /// Makes one answer a status with a short body, or (`None`) a time-out.
    pub fn spoil(&mut self, call: usize, status: Option<u16>) {
        if let Some(call) = self.calls.get_mut(call) {
            call.answer = match status {
                Some(status) => Ok(HttpResponse {
                    exchange: crate::given::exchange(status, &[], Timings::default(), None, 1),
                    body: b"no".to_vec(),
                }),
                None => Err(HttpError::Timeout),
            };
        }
    }
}

/// A request in words.
pub fn question(method: &str, url: &str, body: Option<&[u8]>) -> String {
    match body {
        Some(body) => format!("{method} {url} {}", String::from_utf8_lossy(body)),
        None => format!("{method} {url}"),
    }
}

fn is_of(given: Option<&Interval>, asked: &Interval) -> bool {
    given.is_none_or(|given| given == asked)
}
