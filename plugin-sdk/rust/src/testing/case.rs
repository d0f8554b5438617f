use std::{fs, path::Path};

use evidenced_contract::{Certificate, Failure, HttpError, Input, Interval, Peer, Report, Status};
use serde::Deserialize;
use serde_json::Value;

use super::{Scripted, ScriptedHost, facts_at, run, scripted::response, words};
use crate::{Check, Facts};

/// Runs every case of a folder and compares what comes out with what it expects, word for word.
///
/// With `EVIDENCED_REWRITE=1` in the environment each file gets what came out as its expectation, to be reviewed as
/// a difference.
///
/// # Panics
/// When a case is wrong; the message has all of them.
pub fn transcripts<C: Check>(folder: impl AsRef<Path>) {
    let folder = folder.as_ref();
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a folder can be read").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(!files.is_empty(), "no cases in {}", folder.display());

    let mut wrong = String::new();
    for file in &files {
        if let Err(why) = check_file::<C>(file) {
            wrong.push_str(&format!("\n=== {}\n{why}\n", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Both the schema of the description and the configuration's type refuse this.
///
/// # Panics
/// When one of them takes it.
pub fn refuses_config<C: Check>(config: &Value) {
    assert!(!schema_takes::<C>(config), "the schema takes {config}");
    assert!(serde_json::from_value::<C::Config>(config.clone()).is_err(), "the type takes {config}");
}

fn schema_takes<C: Check>(config: &Value) -> bool {
    let schema = C::describe().config_schema;
    if schema.is_empty() {
        return config.is_object();
    }
    let schema = serde_json::from_str(schema).expect("`config_schema` is JSON");
    jsonschema::validator_for(&schema).expect("`config_schema` is a JSON Schema").is_valid(config)
}

fn check_file<C: Check>(file: &Path) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let case: Case = toml::from_str(&text).map_err(|error| error.to_string())?;
    if !schema_takes::<C>(&case.config) {
        return Err(format!("the schema of the description refuses the case's configuration: {}", case.config));
    }
    let mut host = case.host(None);
    let result = run::<C>(&case.config, case.facts(), &mut host);
    host.assert_all_asked();
    let came_out = words(&result);
    if std::env::var_os("EVIDENCED_REWRITE").is_some_and(|value| value == "1") {
        return rewrite(file, &text, &came_out);
    }
    if came_out != case.expect.text {
        return Err(format!("--- expected\n{}--- came out\n{came_out}", case.expect.text));
    }
    never_passes_in_the_dark::<C>(&case)
}

/// Spoils one answer after the other, each in six ways: a run that could not look must say so.
fn never_passes_in_the_dark<C: Check>(case: &Case) -> Result<(), String> {
    for at in 0..case.call.len() {
        for spoiled in [Some(401), Some(403), Some(404), Some(429), Some(500), None] {
            if spoiled.is_some_and(|status| case.call[at].accepts.contains(&status)) {
                continue;
            }
            let mut host = case.host(Some((at, spoiled))).forgiving();
            let result = run::<C>(&case.config, case.facts(), &mut host);
            if could_pass(&result) {
                let how = spoiled.map_or("a time-out".to_owned(), |status| format!("status {status}"));
                return Err(format!("with {how} for `{}` it passes:\n{}", case.call[at].url, words(&result)));
            }
        }
    }
    Ok(())
}

fn could_pass(result: &Result<Report, Failure>) -> bool {
    result.as_ref().is_ok_and(|report| {
        let bad = report.findings.iter().any(|finding| matches!(finding.status, Status::Error | Status::Fail));
        !bad && report.incomplete.is_none()
    })
}

fn rewrite(file: &Path, text: &str, came_out: &str) -> Result<(), String> {
    let head = text.split("[expect]").next().unwrap_or_default().trim_end();
    let text = format!("{head}\n\n[expect]\ntext = '''\n{came_out}'''\n");
    fs::write(file, text).map_err(|error| error.to_string())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
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

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenInput {
    name: String,
    text: String,
    #[serde(default)]
    media_type: String,
    rows: Option<u32>,
    source_total: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenCall {
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
    fn facts(&self) -> Facts {
        let mut facts = facts_at(&self.now);
        facts.interval.clone_from(&self.interval);
        facts.inputs = self.input.iter().map(|input| input.facts(&self.now)).collect();
        facts
    }

    /// The outside world of this case, with one answer spoiled: a status, or `None` for a time-out.
    fn host(&self, spoiled: Option<(usize, Option<u16>)>) -> ScriptedHost {
        let mut host = ScriptedHost::new();
        for input in &self.input {
            host.input(&input.name, input.text.as_bytes());
        }
        for (at, call) in self.call.iter().enumerate() {
            let mut scripted = call.scripted();
            match spoiled {
                Some((spoiled, Some(status))) if spoiled == at => {
                    scripted.answer = Ok(response(status, Vec::new(), b"no".to_vec()));
                }
                Some((spoiled, None)) if spoiled == at => scripted.answer = Err(HttpError::Timeout),
                _ => {}
            }
            host.script(scripted);
        }
        host
    }
}

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
            digest: format!("sha256:{}", "0".repeat(64)),
            http: None,
        }
    }
}

impl GivenCall {
    fn scripted(&self) -> Scripted {
        let body = match (&self.body, &self.json) {
            (Some(body), _) => Some(body.clone().into_bytes()),
            (None, Some(json)) => Some(json.to_string().into_bytes()),
            (None, None) => None,
        };
        Scripted { method: self.method.clone(), url: self.url.clone(), body, answer: self.answered() }
    }

    fn answered(&self) -> Result<evidenced_contract::HttpResponse, HttpError> {
        let why = || "as the case says".to_owned();
        match (self.status, self.error.as_deref()) {
            (Some(status), None) => {
                let mut answer = response(status, self.headers.clone(), self.answer.clone().into_bytes());
                answer.exchange.timings.total = self.total_ms;
                answer.exchange.peer = self.peer();
                Ok(answer)
            }
            (None, Some("timeout")) => Err(HttpError::Timeout),
            (None, Some("unreachable")) => Err(HttpError::Unreachable(why())),
            (None, Some("tls")) => Err(HttpError::Tls(why())),
            (None, Some("refused")) => Err(HttpError::Refused(why())),
            (None, Some("limit")) => Err(HttpError::Limit("requests".to_owned())),
            _ => panic!("a call has either a `status` or an `error` that is known: {self:?}"),
        }
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
                digest: format!("sha256:{}", "0".repeat(64)),
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
