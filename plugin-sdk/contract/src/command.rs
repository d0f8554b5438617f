//! The round protocol of the command kind: one JSON object in, one out.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

use crate::{
    Attachment, Auth, Digest, Exchange, Extensions, Failure, Finding, Instant, Interval, Limits, Listing, Peer, Report,
    Timings,
};

/// Deeper JSON is a broken report.
pub const MAX_DEPTH: usize = 64;

/// What a command reads from standard input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CommandRequest {
    pub contract: String,
    /// Counts from 1; a command that asks is run again with the next number.
    pub round: u32,
    pub control: String,
    pub definition: Digest,
    pub slot: Instant,
    pub now: Instant,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    pub config: Value,
    /// 64 hexadecimal digits.
    pub seed: String,
    pub limits: Limits,
    pub inputs: Vec<CommandInput>,
    /// Values in base64.
    pub state: BTreeMap<String, String>,
    /// What the command asked to be given back, unchanged; `null` in round 1.
    pub memo: Value,
    pub answers: Vec<Answer>,
    pub extensions: Extensions,
}

/// An input, and where its bytes lie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CommandInput {
    pub path: String,
    #[serde(flatten)]
    pub input: crate::Input,
}

/// The answer to one `ask`; exactly one of `ok` and `error` is present.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Answer {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ok: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<AnswerError>,
}

/// What an HTTP answer holds under `ok`, and, for `kind: "status"`, what the error holds beside its words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Body {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub timings: Timings,
    pub attempts: u32,
    pub peer: Option<Peer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl Body {
    /// The facts of an exchange, before its body is added.
    pub fn of(exchange: &Exchange) -> Self {
        Self {
            status: exchange.status,
            headers: exchange.headers.clone(),
            timings: exchange.timings,
            attempts: exchange.attempts,
            peer: exchange.peer.clone(),
            body: None,
            body_base64: None,
            path: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AnswerError {
    /// `refused`, `unreachable`, `timeout`, `tls`, `status`, `limit`, `bad-input`, `too-many`.
    pub kind: String,
    pub message: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub response: Option<Body>,
}

/// One question of a command. Ids are unique over all rounds of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// At most 64 characters of `[a-z0-9-]`.
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<AskHttp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<AskTls>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<AskHistory>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<AskSlots>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AskHttp {
    pub method: String,
    pub url: String,
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
    #[serde(default)]
    pub auth: Auth,
    #[serde(default)]
    pub accept: Vec<u16>,
    #[serde(default)]
    pub timeout_ms: u32,
    #[serde(default, rename = "as")]
    pub body_as: BodyAs,
}

/// Where the body of an answer is put.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum BodyAs {
    /// Into `body`; what is not UTF-8 is `bad-input`.
    #[default]
    Text,
    /// Into `/answers/ID`.
    File,
    /// Into `body_base64`.
    Base64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AskTls {
    pub host: String,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AskHistory {
    #[serde(default)]
    pub control: Option<String>,
    pub measurement: String,
    pub from: Instant,
    pub until: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AskSlots {
    #[serde(default)]
    pub control: Option<String>,
    pub from: Instant,
    pub until: Instant,
}

/// The report as a command prints it: what may be left out, and state writes beside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CommandReport {
    pub summary: String,
    pub population: u32,
    #[serde(default)]
    pub source_total: Option<u32>,
    #[serde(default)]
    pub population_query: String,
    /// Absent: `every-subject` when there are as many findings as population.
    #[serde(default)]
    pub listing: Option<Listing>,
    pub findings: Vec<Finding>,
    #[serde(default)]
    pub incomplete: Option<String>,
    #[serde(default)]
    pub covered_until: Option<Instant>,
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    #[serde(default)]
    pub state: StateWrites,
    #[serde(default)]
    pub extensions: Extensions,
}

/// Values in base64.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct StateWrites {
    pub set: BTreeMap<String, String>,
    pub remove: Vec<String>,
}

impl CommandReport {
    /// The report proper, and what is to be written to the control's state.
    pub fn split(self) -> (Report, StateWrites) {
        let listing = self.listing.unwrap_or(if self.findings.len() == self.population as usize {
            Listing::EverySubject
        } else {
            Listing::NotPassing
        });
        let report = Report {
            summary: self.summary,
            population: self.population,
            source_total: self.source_total,
            population_query: self.population_query,
            listing,
            findings: self.findings,
            incomplete: self.incomplete,
            covered_until: self.covered_until,
            attachments: self.attachments,
            extensions: self.extensions,
        };
        (report, self.state)
    }
}

/// What a command printed.
#[derive(Debug, Clone, PartialEq)]
pub enum CommandOutput {
    Report(CommandReport),
    Failure(Failure),
    /// Questions, and a memo that comes back with the answers.
    Ask(Vec<Ask>, Value),
}

/// Why the output of a command is not an answer. Each is its own `error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputError {
    Empty,
    NotUtf8,
    NotJson(String),
    NotOneObject,
    TooDeep,
    Mixed(&'static str),
    Malformed(String),
}

impl std::fmt::Display for OutputError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("printed no report"),
            Self::NotUtf8 => f.write_str("printed something that is not UTF-8"),
            Self::NotJson(why) => write!(f, "printed something that is not JSON: {why}"),
            Self::NotOneObject => f.write_str("printed more than one JSON object, or none"),
            Self::TooDeep => write!(f, "printed JSON deeper than {MAX_DEPTH} levels"),
            Self::Mixed(what) => write!(f, "printed {what} in one object"),
            Self::Malformed(why) => write!(f, "printed a broken report: {why}"),
        }
    }
}

impl std::error::Error for OutputError {}

/// Reads what a command printed: exactly one object, of exactly one of the three shapes.
pub fn parse_output(bytes: &[u8]) -> Result<CommandOutput, OutputError> {
    let text = std::str::from_utf8(bytes).map_err(|_| OutputError::NotUtf8)?;
    if text.trim().is_empty() {
        return Err(OutputError::Empty);
    }
    if depth(text) > MAX_DEPTH {
        return Err(OutputError::TooDeep);
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let first = values.next().ok_or(OutputError::Empty)?.map_err(|e| OutputError::NotJson(e.to_string()))?;
    match values.next() {
        None => {}
        Some(Ok(_)) => return Err(OutputError::NotOneObject),
        Some(Err(e)) => return Err(OutputError::NotJson(e.to_string())),
    }
    let Value::Object(mut object) = first else { return Err(OutputError::NotOneObject) };
    let malformed = |e: serde_json::Error| OutputError::Malformed(e.to_string());
    let has_report = object.contains_key("findings") || object.contains_key("population");
    match (object.contains_key("failure"), object.contains_key("ask")) {
        (true, true) => Err(OutputError::Mixed("a failure and an ask")),
        (true, false) if has_report => Err(OutputError::Mixed("a report and a failure")),
        (false, true) if has_report => Err(OutputError::Mixed("a report and an ask")),
        (true, false) => {
            if object.len() > 1 {
                return Err(OutputError::Malformed("unknown member beside `failure`".to_owned()));
            }
            let failure = object.remove("failure").unwrap_or_default();
            serde_json::from_value(failure).map(CommandOutput::Failure).map_err(malformed)
        }
        (false, true) => {
            let ask = object.remove("ask").unwrap_or_default();
            let memo = object.remove("memo").unwrap_or_default();
            if let Some(unknown) = object.keys().next() {
                return Err(OutputError::Malformed(format!("unknown member `{unknown}` beside `ask`")));
            }
            Ok(CommandOutput::Ask(serde_json::from_value(ask).map_err(malformed)?, memo))
        }
        (false, false) => serde_json::from_value(Value::Object(object)).map(CommandOutput::Report).map_err(malformed),
    }
}

/// Depth of nesting, counted on the text so that a parser's stack is never asked.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Bytes as base64 text.
pub(crate) mod base64_bytes {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(printed: &str, expected: Result<&str, OutputError>) {
        let kind = parse_output(printed.as_bytes()).map(|output| match output {
            CommandOutput::Report(_) => "report",
            CommandOutput::Failure(_) => "failure",
            CommandOutput::Ask(..) => "ask",
        });
        assert_eq!(kind, expected, "{printed}");
    }

    #[test]
    fn an_output_is_exactly_one_of_three_shapes() {
        let report = r#"{"summary":"s","population":1,"findings":[{"subject":"a","status":"pass","message":"m"}]}"#;
        check(report, Ok("report"));
        check(r#"{"failure":{"kind":"denied","message":"no"}}  "#, Ok("failure"));
        check(r#"{"ask":[{"id":"a","tls":{"host":"h","port":443}}],"memo":[1]}"#, Ok("ask"));
        check("", Err(OutputError::Empty));
        check("[]", Err(OutputError::NotOneObject));
        check(&format!("{report}{report}"), Err(OutputError::NotOneObject));
        check(r#"{"ask":[],"population":1}"#, Err(OutputError::Mixed("a report and an ask")));
        check(r#"{"failure":{},"ask":[]}"#, Err(OutputError::Mixed("a failure and an ask")));
        check(&("[".repeat(65) + &"]".repeat(65)), Err(OutputError::TooDeep));
    }

    #[test]
    fn an_unknown_member_is_a_broken_report() {
        let output = parse_output(br#"{"summary":"s","population":0,"findings":[],"outcome":"pass"}"#);
        assert!(matches!(output, Err(OutputError::Malformed(why)) if why.contains("outcome")));
    }

    #[test]
    fn a_listing_left_out_is_every_subject_when_all_are_listed() {
        let parse = |text: &str| match parse_output(text.as_bytes()).unwrap() {
            CommandOutput::Report(report) => report.split().0.listing,
            other => panic!("not a report: {other:?}"),
        };
        assert_eq!(parse(r#"{"summary":"s","population":0,"findings":[]}"#), Listing::EverySubject);
        assert_eq!(parse(r#"{"summary":"s","population":2,"findings":[]}"#), Listing::NotPassing);
    }
}
