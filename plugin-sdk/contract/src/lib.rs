//! Contract 1.0 between the host and a check plugin, as plain data.
//!
//! Both kinds of plugin mean the same thing: a *component* sees these types through
//! `plugin-sdk/wit/check.wit`, a *command* sees them as JSON on standard input and output.
//! This crate is the JSON form, and what both the host and the Rust SDK compute with.
//! It holds no behaviour but parsing: the outcome of a report is the host's to derive.
//!
//! Integers are at most 32 bits wide and instants are text, because the languages that
//! plugins are written in disagree about everything larger.

mod command;
mod description;
mod exchange;
mod report;
mod request;
#[cfg(feature = "schema")]
pub mod schema;

pub use command::{
    Answer, AnswerError, Ask, AskHistory, AskHttp, AskSlots, AskTls, Body, BodyAs, CommandInput, CommandOutput,
    CommandReport, CommandRequest, MAX_DEPTH, OutputError, StateWrites, parse_output,
};
pub use description::{Description, InputNeed, Needs};
pub use exchange::{
    Auth, Certificate, Exchange, HistoryError, HistoryPoint, HttpError, HttpRequest, HttpResponse, Peer, SlotCounts,
    Timings,
};
pub use report::{Attachment, Failure, FailureKind, Finding, Listing, Measurement, Report, Status};
pub use request::{Input, Interval, Limits, Request};

/// The version of the contract that this crate speaks.
pub const CONTRACT_VERSION: &str = "1.0";

/// UTC, RFC 3339, always 24 characters: `2026-03-02T06:00:00.000Z`. Later is greater as text.
pub type Instant = String;

/// `sha256:` and 64 lower-case hexadecimal digits.
pub type Digest = String;

/// Room to grow inside 1.x: keys are `vendor:name`; what the host does not know it keeps.
pub type Extensions = serde_json::Map<String, serde_json::Value>;
