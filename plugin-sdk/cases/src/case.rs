use evidenced_contract::{
    Certificate, Exchange, Extensions, HttpError, HttpResponse, Input, Interval, Limits, Peer, Request, Timings,
};
use serde::Deserialize;
use serde_json::Value;

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
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    now: String,
    #[serde(default = "empty_object")]
    config: Value,
    interval: Option<Interval>,
    #[serde(default)]
    input: Vec<GivenInput>,
    #[serde(default)]
    call: Vec<GivenCall>,
    #[serde(default)]
    expect: Expected,
}

/// Why a text is no case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseError {
    /// It is no TOML of this form.
    Form(String),
    /// A call, by its URL, has neither a status nor an error that is known, or both.
    Answer(String),
}

impl std::fmt::Display for CaseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Form(why) => write!(f, "it is no recorded case: {why}"),
            Self::Answer(url) => write!(
                f,
                "the call of {url} needs either a `status` or an `error` of timeout, unreachable, tls, refused or limit"
            ),
        }
    }
}

impl std::error::Error for CaseError {}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    text: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenInput {
    name: String,
    text: String,
    #[serde(default)]
    media_type: String,
    rows: Option<u32>,
    source_total: Option<u32>,
}

/// A request that the check may send once, and its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenCall {
    #[serde(default = "get")]
    method: String,
    url: String,
    body: Option<String>,
    /// The body as JSON, written as the check writes it: keys in order, no white space.
    json: Option<Value>,
    /// Of the answer; absent: there is none, and `error` says why.
    status: Option<u16>,
    /// Statuses that the check accepts for this call, so that they are not used to spoil it.
    #[serde(default)]
    accepts: Vec<u16>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    answer: String,
    #[serde(default)]
    total_ms: f64,
    /// End of the certificate that the server showed.
    not_after: Option<String>,
    /// Why the certificate is not trusted.
    untrusted: Option<String>,
    /// `timeout`, `unreachable`, `tls`, `refused`, `limit`.
    error: Option<String>,
}

impl Case {
    pub fn parse(text: &str) -> Result<Self, CaseError> {
        let case: Self = toml::from_str(text).map_err(|error| CaseError::Form(error.to_string()))?;
        match case.call.iter().find_map(|call| call.answer().err()) {
            Some(error) => Err(error),
            None => Ok(case),
        }
    }

    pub fn now(&self) -> &str {
        &self.now
    }

    pub const fn config(&self) -> &Value {
        &self.config
    }

    pub const fn interval(&self) -> Option<&Interval> {
        self.interval.as_ref()
    }

    pub fn calls(&self) -> &[GivenCall] {
        &self.call
    }

    /// What [`words`](crate::words()) must make of what comes out.
    pub fn expected(&self) -> &str {
        &self.expect.text
    }

    /// Whether a finding must fail in it: it shows that the check can.
    pub fn is_negative(&self) -> bool {
        self.expect.text.lines().any(|line| line.starts_with("fail "))
    }

    /// Facts and bytes of the inputs.
    pub fn inputs(&self) -> impl Iterator<Item = (Input, &[u8])> {
        self.input.iter().map(|input| (input.facts(&self.now), input.text.as_bytes()))
    }

    /// What the run is told, limits apart.
    pub fn request(&self) -> Request {
        Request {
            control: "TEST-01".to_owned(),
            definition: NO_DIGEST.to_owned(),
            slot: self.now.clone(),
            now: self.now.clone(),
            interval: self.interval.clone(),
            config: self.config.clone(),
            inputs: self.inputs().map(|(facts, _)| facts).collect(),
            seed: [0; 32],
            limits: Limits { wall_ms: 0, memory_bytes: 0, report_bytes: 0, requests: 0, response_bytes: 0 },
            extensions: Extensions::new(),
        }
    }
}

/// A digest that is none: a case is the same whatever the bytes of its inputs come to.
const NO_DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

impl GivenInput {
    fn facts(&self, now: &str) -> Input {
        Input {
            name: self.name.clone(),
            source: format!("file:{}", self.name),
            query: String::new(),
            media_type: self.media_type.clone(),
            observed: now.to_owned(),
            bytes: self.text.len() as u64,
            rows: self.rows,
            source_total: self.source_total,
            digest: NO_DIGEST.to_owned(),
            http: None,
        }
    }
}

impl GivenCall {
    pub fn method(&self) -> &str {
        &self.method
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn body(&self) -> Option<Vec<u8>> {
        match (&self.body, &self.json) {
            (Some(body), _) => Some(body.clone().into_bytes()),
            (None, Some(json)) => Some(json.to_string().into_bytes()),
            (None, None) => None,
        }
    }

    /// Statuses besides 200 to 299 that are no error to the check.
    pub fn accepts(&self) -> &[u16] {
        &self.accepts
    }

    /// What the outside says, whether or not the check takes that status.
    pub fn answer(&self) -> Result<Result<HttpResponse, HttpError>, CaseError> {
        let why = || "as the case says".to_owned();
        Ok(match (self.status, self.error.as_deref()) {
            (Some(status), None) => {
                let timings = Timings { total: self.total_ms, ..Timings::default() };
                let exchange =
                    Exchange { status, headers: self.headers.clone(), timings, peer: self.peer(), attempts: 1 };
                Ok(HttpResponse { exchange, body: self.answer.clone().into_bytes() })
            }
            (None, Some("timeout")) => Err(HttpError::Timeout),
            (None, Some("unreachable")) => Err(HttpError::Unreachable(why())),
            (None, Some("tls")) => Err(HttpError::Tls(why())),
            (None, Some("refused")) => Err(HttpError::Refused(why())),
            (None, Some("limit")) => Err(HttpError::Limit("requests".to_owned())),
            _ => return Err(CaseError::Answer(self.url.clone())),
        })
    }

    fn peer(&self) -> Option<Peer> {
        let not_after = self.not_after.clone()?;
        Some(Peer {
            address: "192.0.2.1:443".to_owned(),
            protocol: "TLSv1.3".to_owned(),
            cipher: "TLS13_AES_256_GCM_SHA384".to_owned(),
            untrusted: self.untrusted.clone(),
            chain: vec![Certificate {
                subject: "CN=example".to_owned(),
                issuer: "CN=example CA".to_owned(),
                serial: "01".to_owned(),
                names: Vec::new(),
                not_before: "2026-01-01T00:00:00.000Z".to_owned(),
                not_after,
                key: "EC P-256".to_owned(),
                digest: NO_DIGEST.to_owned(),
            }],
        })
    }
}

fn get() -> String {
    "GET".to_owned()
}

fn empty_object() -> Value {
    Value::Object(serde_json::Map::new())
}

#[cfg(test)]
mod tests {
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
    }
}
