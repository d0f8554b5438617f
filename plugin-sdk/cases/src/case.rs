use std::collections::BTreeMap;

use evidenced_contract::{Input, Interval, Limits, Request};
use serde_json::Value;

use crate::{
    form::{CaseLimits, Form, GivenCall, GivenHandshake, GivenPoints, GivenSlots, GivenValue},
    given::{decoded, seed_of},
    script::Script,
};

/// One recorded case.
///
/// ```toml
/// now = "2026-03-02T06:00:00.000Z"
///
/// [config]
/// max_age_days = 90
///
/// [[input]]                                  # what the host gathered before the run
/// name = "inventory"
/// text = '[{"id": "k1"}]'
///
/// [[input]]                                  # one that came by http: the words of a call's answer
/// name = "endpoint"
/// status = 200
/// total_ms = 31.0
/// not_after = "2026-06-01T00:00:00.000Z"
///
/// [[call]]                                   # in any order; each is answered once
/// url = "https://api.example.com/keys"
/// status = 200
/// answer = '[]'
///
/// [expect]                                   # what `words` makes of the report
/// text = '''
/// …
/// '''
/// ```
///
/// That is the short form, for people. A recording says everything that a run was told: `slot`, `control`, `definition`,
/// `seed`, `interval`, `limits`, `state`, `extensions`; of inputs and calls whole `timings`, `attempts` and the `peer` with
/// its chain; bodies that are no text as `base64`, `body_base64`, `answer_base64`; `[[tls]]`, `[[points]]`, `[[slots]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub(crate) request: Request,
    pub(crate) inputs: Vec<GivenBytes>,
    pub(crate) state: BTreeMap<String, Vec<u8>>,
    pub(crate) limits: CaseLimits,
    pub(crate) script: Script,
    pub(crate) expected: String,
}

/// Facts of an input, and its bytes or why it could not be read.
pub(crate) type GivenBytes = (Input, Result<Vec<u8>, String>);

/// Why a text is no case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseError {
    /// It is no TOML of this form.
    Form(String),
    /// A call, by its URL, has neither a status nor an error that is known, or both.
    Answer(String),
    /// An input, by its name, has not exactly one content.
    Input(String),
    /// What is said to be base64 is none; where.
    Base64(String),
    /// The seed is not 64 hexadecimal digits.
    Seed,
    /// The configuration as JSON is none, or stands there twice.
    Config(String),
    /// A run that cannot be written as a case; why.
    Unwritable(String),
}

impl std::fmt::Display for CaseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Form(why) => write!(f, "it is no recorded case: {why}"),
            Self::Answer(url) => write!(
                f,
                "the call of {url} needs either a `status` or an `error` of timeout, unreachable, tls, refused or limit"
            ),
            Self::Input(name) => write!(f, "the input `{name}` needs one of `text`, `base64` and `error`"),
            Self::Base64(place) => write!(f, "{place} is no base64"),
            Self::Seed => f.write_str("`seed` is not 64 hexadecimal digits"),
            Self::Config(why) => write!(f, "`config_json` cannot be used: {why}"),
            Self::Unwritable(why) => write!(f, "the run cannot be written as a case: {why}"),
        }
    }
}

impl std::error::Error for CaseError {}

impl Case {
    pub fn parse(text: &str) -> Result<Self, CaseError> {
        let form: Form = toml::from_str(text).map_err(|error| CaseError::Form(error.to_string()))?;
        Self::of(form)
    }

    pub fn now(&self) -> &str {
        &self.request.now
    }

    pub const fn config(&self) -> &Value {
        &self.request.config
    }

    pub const fn interval(&self) -> Option<&Interval> {
        self.request.interval.as_ref()
    }

    /// What the outside answers.
    pub const fn script(&self) -> &Script {
        &self.script
    }

    /// What [`words`](crate::words()) must make of what comes out.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// Whether a finding must fail in it: it shows that the check can.
    pub fn is_negative(&self) -> bool {
        self.expected.lines().any(|line| line.starts_with("fail "))
    }

    /// Facts of the inputs, and their bytes or why they could not be read.
    pub fn inputs(&self) -> &[(Input, Result<Vec<u8>, String>)] {
        &self.inputs
    }

    /// The control's state before the run.
    pub const fn state(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.state
    }

    /// Limits that differ from those that a control has by itself.
    pub const fn limits(&self) -> CaseLimits {
        self.limits
    }

    /// What the run is told, limits apart.
    pub const fn request(&self) -> &Request {
        &self.request
    }

    fn of(form: Form) -> Result<Self, CaseError> {
        let inputs = form.input.iter().map(|input| input.given(&form.now)).collect::<Result<Vec<_>, _>>()?;
        let config = match (form.config, form.config_json) {
            (None, None) => Value::Object(serde_json::Map::new()),
            (Some(config), None) => config,
            (None, Some(json)) => serde_json::from_str(&json).map_err(|error| CaseError::Config(error.to_string()))?,
            (Some(_), Some(_)) => return Err(CaseError::Config("there is a `[config]` too".to_owned())),
        };
        let request = Request {
            control: form.control.unwrap_or_else(|| CONTROL.to_owned()),
            definition: form.definition.unwrap_or_else(|| NO_DIGEST.to_owned()),
            slot: form.slot.unwrap_or_else(|| form.now.clone()),
            now: form.now,
            interval: form.interval,
            config,
            inputs: inputs.iter().map(|(facts, _)| facts.clone()).collect(),
            seed: form.seed.map_or(Ok([0; 32]), |seed| seed_of(&seed))?,
            limits: UNTOLD,
            extensions: form.extensions,
        };
        let script = Script {
            calls: form.call.into_iter().map(GivenCall::scripted).collect::<Result<_, _>>()?,
            handshakes: form.tls.into_iter().map(GivenHandshake::scripted).collect::<Result<_, _>>()?,
            points: form.points.into_iter().map(GivenPoints::scripted).collect(),
            slots: form.slots.iter().map(GivenSlots::scripted).collect(),
        };
        let value = |(key, value): (String, GivenValue)| {
            let value = match value {
                GivenValue::Text(text) => text.into_bytes(),
                GivenValue::Bytes { base64 } => decoded(&base64, || format!("the state's `{key}`"))?,
            };
            Ok((key, value))
        };
        let state = form.state.into_iter().map(value).collect::<Result<_, _>>()?;
        Ok(Self { request, inputs, state, limits: form.limits, script, expected: form.expect.text })
    }
}

/// The control of a case that names none.
pub(crate) const CONTROL: &str = "TEST-01";
/// A digest that is none: a case is the same whatever the bytes of its inputs come to.
pub(crate) const NO_DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
/// The sandbox tells the plugin its limits.
pub(crate) const UNTOLD: Limits =
    Limits { wall_ms: 0, memory_bytes: 0, report_bytes: 0, requests: 0, response_bytes: 0 };

#[cfg(test)]
mod tests {
    use evidenced_contract::{HistoryError, HttpError};

    use super::*;

    #[test]
    fn a_case_is_negative_when_a_finding_must_fail_in_it() {
        let case = |text: &str| {
            let text = format!("now = \"2026-03-02T06:00:00.000Z\"\n[expect]\ntext = '''\n{text}\n'''\n");
            Case::parse(&text).unwrap_or_else(|error| panic!("{error}"))
        };
        assert!(case("1 of 1\npopulation: 1 by q\nfail k1: old").is_negative());
        assert!(!case("it may fail k1\npopulation: 1 by q\npass k1: young").is_negative());
    }

    #[test]
    fn a_call_without_an_answer_is_refused_where_it_is_read() {
        let call = |answer: &str| {
            let text = format!("now = \"n\"\n[[call]]\nurl = \"https://a.example/\"\n{answer}\n");
            Case::parse(&text).err().map(|error| error.to_string())
        };
        assert_eq!(call("status = 200"), None);
        assert_eq!(call("error = \"timeout\""), None);
        for wrong in ["", "status = 200\nerror = \"timeout\"", "error = \"gone\""] {
            assert!(call(wrong).is_some_and(|why| why.contains("https://a.example/ needs either")), "{wrong}");
        }
        assert!(call("reply = 1").is_some_and(|why| why.starts_with("it is no recorded case: ")));
        assert!(call("status = 200\nanswer_base64 = \"?\"").is_some_and(|why| why.ends_with("is no base64")));
    }

    #[test]
    fn an_input_by_http_has_the_words_of_a_calls_answer() {
        let case = Case::parse(
            "now = \"2026-03-02T06:00:00.000Z\"\n[[input]]\nname = \"endpoint\"\nstatus = 503\ntotal_ms = 12.5\nheaders = [[\"a\", \
             \"b\"]]\nnot_after = \"2026-04-01T00:00:00.000Z\"\nuntrusted = \"self-signed\"\n[[input]]\nname = \"keys\"\ntext = \
             \"[]\"\n[[input]]\nname = \"gone\"\nerror = \"there is no file\"\n",
        )
        .unwrap();
        let [(endpoint, body), (keys, _), (gone, why)] = case.inputs() else { panic!("three inputs") };
        let http = endpoint.http.as_ref().unwrap();
        assert_eq!((http.status, http.timings.total, http.attempts), (503, 12.5, 1));
        let peer = http.peer.as_ref().unwrap();
        assert_eq!(peer.chain[0].not_after, "2026-04-01T00:00:00.000Z");
        assert_eq!(peer.untrusted.as_deref(), Some("self-signed"));
        assert_eq!((body.as_deref(), keys.http.as_ref(), keys.bytes), (Ok(&[][..]), None, 2));
        assert_eq!((why.as_deref(), gone.bytes), (Err(&"there is no file".to_owned()), 0));
        let none = Case::parse("now = \"n\"\n[[input]]\nname = \"a\"\n").unwrap_err().to_string();
        assert_eq!(none, "the input `a` needs one of `text`, `base64` and `error`");
    }

    #[test]
    fn handshakes_history_and_state_have_a_short_form() {
        let case = Case::parse(
            "now = \"n\"\n[state]\nlast = \"k1\"\nraw = { base64 = \"AAE=\" }\n[[tls]]\nhost = \"a\"\nport = 443\n[[tls.seen]]\nnot_after \
             = \"2026-04-01T00:00:00.000Z\"\n[[tls.seen]]\nerror = \"timeout\"\n[[points]]\nmeasurement = \"age\"\n[[points.point]]\nslot \
             = \"s\"\nsubject = \"k\"\nstatus = \"pass\"\nvalue = 1.5\n[[slots]]\ncontrol = \"AVL-01\"\ndue = 3\nerror = \
             1\n[[slots]]\nrefused = \"SEC-01\"\n",
        )
        .unwrap();
        assert_eq!(case.state()["raw"], [0, 1]);
        let mut script = case.script().clone();
        let any = Interval { from: "a".to_owned(), until: "b".to_owned() };
        let seen = script.handshake("a", 443).unwrap().unwrap();
        assert!(seen[0].is_ok() && seen[1] == Err(HttpError::Timeout));
        assert_eq!(script.points(None, "age", &any).unwrap().unwrap()[0].value, 1.5);
        assert_eq!(script.slots(Some("AVL-01"), &any).unwrap().unwrap().error, 1);
        assert_eq!(script.unasked(), ["slots"]);
        assert_eq!(script.slots(None, &any).unwrap(), Err(HistoryError::Refused("SEC-01".to_owned())));
        assert_eq!((script.slots(None, &any), script.handshake("a", 443)), (None, None));
    }
}
