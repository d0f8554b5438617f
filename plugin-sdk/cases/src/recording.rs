//! A run that was seen -> the text of a case that plays it again.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use evidenced_contract::{Exchange, HistoryError, HttpError, Input, Request, Timings};

use crate::{
    Case, CaseError, CaseLimits,
    case::{CONTROL, NO_DIGEST, UNTOLD},
    form::{Expected, Form, GivenCall, GivenHandshake, GivenInput, GivenPoints, GivenSight, GivenSlots, GivenValue},
    script::{Script, ScriptedCall, ScriptedHandshake, ScriptedPoints, ScriptedSlots, Sights},
};

/// Everything that a run was told and what came of it. No secret may be in it: what a host records is cleaned of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Its `inputs` are taken from [`Self::inputs`], its `limits` from [`Self::limits`].
    pub request: Request,
    pub inputs: Vec<(Input, Result<Vec<u8>, String>)>,
    pub state: BTreeMap<String, Vec<u8>>,
    pub limits: CaseLimits,
    pub script: Script,
    pub expected: String,
}

impl Recording {
    /// The text of the case, which was read back and says the same.
    pub fn to_toml(&self) -> Result<String, CaseError> {
        let mut form = self.form();
        let wanted = Case {
            request: Request {
                inputs: self.inputs.iter().map(|(facts, _)| facts.clone()).collect(),
                limits: UNTOLD,
                ..self.request.clone()
            },
            inputs: self.inputs.clone(),
            state: self.state.clone(),
            limits: self.limits,
            script: self.script.clone(),
            expected: self.expected.clone(),
        };
        // TOML has no null, and smaller integers than JSON: then the configuration is kept as JSON.
        let says_the_same = |text: &String| Case::parse(text).is_ok_and(|case| case == wanted);
        if let Some(text) = written(&form).ok().filter(says_the_same) {
            return Ok(text);
        }
        form.config_json = form.config.take().map(|config| config.to_string());
        let text = written(&form)?;
        if says_the_same(&text) {
            Ok(text)
        } else {
            Err(CaseError::Unwritable("what is read back differs from it".to_owned()))
        }
    }

    fn form(&self) -> Form {
        let request = &self.request;
        let unless = |value: &String, usual: &str| (value != usual).then(|| value.clone());
        Form {
            now: request.now.clone(),
            slot: unless(&request.slot, &request.now),
            control: unless(&request.control, CONTROL),
            definition: unless(&request.definition, NO_DIGEST),
            seed: (request.seed != [0; 32]).then(|| hexadecimal(&request.seed)),
            config_json: None,
            config: Some(request.config.clone()),
            interval: request.interval.clone(),
            limits: self.limits,
            state: self.state.iter().map(|(key, value)| (key.clone(), value_of(value))).collect(),
            extensions: request.extensions.clone(),
            input: self.inputs.iter().map(|(facts, bytes)| input(facts, bytes, &request.now)).collect(),
            call: self.script.calls.iter().map(call).collect(),
            tls: self.script.handshakes.iter().map(handshake).collect(),
            points: self.script.points.iter().map(points).collect(),
            slots: self.script.slots.iter().map(slots).collect(),
            expect: Expected { text: self.expected.clone() },
        }
    }
}

fn written(form: &Form) -> Result<String, CaseError> {
    toml::to_string_pretty(form).map_err(|error| CaseError::Unwritable(error.to_string()))
}

fn input(facts: &Input, bytes: &Result<Vec<u8>, String>, now: &str) -> GivenInput {
    let (text, base64, error) = match bytes {
        Ok(bytes) => {
            let (text, base64) = content(bytes);
            (text, base64, None)
        }
        Err(why) => (None, None, Some(why.clone())),
    };
    let mut given = GivenInput {
        name: facts.name.clone(),
        source: (facts.source != format!("file:{}", facts.name)).then(|| facts.source.clone()),
        query: facts.query.clone(),
        media_type: facts.media_type.clone(),
        observed: (facts.observed != now).then(|| facts.observed.clone()),
        rows: facts.rows,
        source_total: facts.source_total,
        digest: (facts.digest != NO_DIGEST).then(|| facts.digest.clone()),
        text,
        base64,
        error,
        ..GivenInput::default()
    };
    if let Some(exchange) = &facts.http {
        let Exchange { status, headers, timings, peer, attempts } = exchange;
        given.status = Some(*status);
        given.headers.clone_from(headers);
        given.attempts = (*attempts != 1).then_some(*attempts);
        (given.timings, given.total_ms) = in_short(*timings);
        given.peer.clone_from(peer);
    }
    given
}

fn call(scripted: &ScriptedCall) -> GivenCall {
    let (body, body_base64) = scripted.body.as_deref().map(content).unwrap_or_default();
    let mut given = GivenCall {
        method: (scripted.method != "GET").then(|| scripted.method.clone()),
        url: scripted.url.clone(),
        body,
        body_base64,
        auth: scripted.auth.clone(),
        sent: scripted.sent.clone(),
        timeout_ms: (scripted.timeout_ms != 0).then_some(scripted.timeout_ms),
        accepts: scripted.accepts.clone(),
        ..GivenCall::default()
    };
    match &scripted.answer {
        Ok(response) => {
            let Exchange { status, headers, timings, peer, attempts } = &response.exchange;
            given.status = Some(*status);
            given.headers.clone_from(headers);
            given.attempts = (*attempts != 1).then_some(*attempts);
            (given.timings, given.total_ms) = in_short(*timings);
            given.peer.clone_from(peer);
            let (text, base64) = content(&response.body);
            given.answer = text.unwrap_or_default();
            given.answer_base64 = base64;
        }
        Err(error) => (given.error, given.why) = fault(error),
    }
    given
}

fn handshake(scripted: &ScriptedHandshake) -> GivenHandshake {
    let mut given = GivenHandshake { host: scripted.host.clone(), port: scripted.port, ..GivenHandshake::default() };
    match &scripted.answer {
        Sights::Ok(seen) => {
            given.seen = seen
                .iter()
                .map(|sight| match sight {
                    Ok(peer) => GivenSight { peer: Some(peer.clone()), ..GivenSight::default() },
                    Err(error) => {
                        let (error, why) = fault(error);
                        GivenSight { error, why, ..GivenSight::default() }
                    }
                })
                .collect();
        }
        Sights::Err(error) => (given.error, given.why) = fault(error),
    }
    given
}

fn points(scripted: &ScriptedPoints) -> GivenPoints {
    let (refused, too_many) = history_fault(scripted.answer.as_ref().err());
    GivenPoints {
        control: scripted.control.clone(),
        measurement: scripted.measurement.clone(),
        from: scripted.during.as_ref().map(|during| during.from.clone()),
        until: scripted.during.as_ref().map(|during| during.until.clone()),
        refused,
        too_many,
        point: scripted.answer.clone().unwrap_or_default(),
    }
}

fn slots(scripted: &ScriptedSlots) -> GivenSlots {
    let (refused, too_many) = history_fault(scripted.answer.as_ref().err());
    let counts = scripted.answer.clone().unwrap_or_default();
    GivenSlots {
        control: scripted.control.clone(),
        from: scripted.during.as_ref().map(|during| during.from.clone()),
        until: scripted.during.as_ref().map(|during| during.until.clone()),
        refused,
        too_many,
        due: counts.due,
        run: counts.run,
        late: counts.late,
        pass: counts.pass,
        fail: counts.fail,
        error: counts.error,
        not_applicable: counts.not_applicable,
        missed: counts.missed,
    }
}

fn history_fault(error: Option<&HistoryError>) -> (Option<String>, Option<u32>) {
    match error {
        None => (None, None),
        Some(HistoryError::Refused(control)) => (Some(control.clone()), None),
        Some(HistoryError::TooMany(count)) => (None, Some(*count)),
    }
}

/// Name and words of an error. A status is none here: it is the answer of a call.
fn fault(error: &HttpError) -> (Option<String>, Option<String>) {
    let (name, why) = match error {
        HttpError::Refused(why) => ("refused", Some(why.clone())),
        HttpError::Unreachable(why) => ("unreachable", Some(why.clone())),
        HttpError::Timeout => ("timeout", None),
        HttpError::Tls(why) => ("tls", Some(why.clone())),
        HttpError::Status(response) => ("unreachable", Some(format!("status {}", response.exchange.status))),
        HttpError::Limit(which) => ("limit", Some(which.clone())),
    };
    (Some(name.to_owned()), why)
}

/// Timings in whole, or only the total where there is no other.
fn in_short(timings: Timings) -> (Option<Timings>, f64) {
    let short = Timings { total: timings.total, ..Timings::default() };
    if timings == short { (None, timings.total) } else { (Some(timings), 0.0) }
}

/// Text where it is some that a person can read, else base64.
fn content(bytes: &[u8]) -> (Option<String>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') => (Some(text.to_owned()), None),
        _ => (None, Some(STANDARD.encode(bytes))),
    }
}

fn value_of(bytes: &[u8]) -> GivenValue {
    match content(bytes) {
        (Some(text), _) => GivenValue::Text(text),
        (None, base64) => GivenValue::Bytes { base64: base64.unwrap_or_default() },
    }
}

fn hexadecimal(seed: &[u8; 32]) -> String {
    seed.iter().map(|byte| format!("{byte:02x}")).collect()
}
