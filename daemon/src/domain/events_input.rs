//! Where a check's events come from, and which of them it is given.

use serde::{Deserialize, Serialize};

/// Files of events, of which a run is given those of its interval that pass a filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsSpec {
    /// Absolute paths; `*` in a part of a path stands for any text, `**` as a part for any folders.
    pub globs: Vec<String>,
    pub format: EventFormat,
    /// When an event happened.
    pub time: EventField,
    /// IANA name of the zone of times that name none, or only an abbreviation of one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timezone: Option<String>,
    /// Of CSV: the first record of each file names the columns, and is no event.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub header: bool,
    /// All of them must hold.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub filter: Vec<EventFilter>,
}

/// How events lie in their files. Any of them may be gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventFormat {
    /// One JSON value a line.
    JsonLines,
    /// RFC 4180: a record may span lines.
    Csv,
    /// Objects whose `Records` are the events.
    Cloudtrail,
}

/// A value of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventField {
    /// JSON Pointer (RFC 6901), of JSON.
    Pointer(String),
    /// Counts from 1, of CSV.
    Column(u32),
    /// By the header, of CSV.
    Named(String),
}

/// What an event must be like to be given to the check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventFilter {
    pub field: EventField,
    pub test: EventTest,
}

/// Texts are compared as they are; numbers, `true` and `false` as JSON writes them. What is not there passes no test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventTest {
    Equals(String),
    Contains(String),
    In(Vec<String>),
}

impl EventTest {
    pub fn holds(&self, value: &str) -> bool {
        match self {
            Self::Equals(text) => value == text,
            Self::Contains(text) => value.contains(text.as_str()),
            Self::In(texts) => texts.iter().any(|text| value == text),
        }
    }
}

/// What was read for an input of events, and what was left of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCounts {
    /// Files that were read.
    pub files: u64,
    /// Files that were not: nothing was written to them since before the interval began.
    pub files_unchanged: u64,
    /// Of the files as they lie on disk.
    pub bytes: u64,
    /// Events, or lines that should have been some.
    pub lines: u64,
    /// What the check is given.
    pub lines_kept: u64,
    /// Of these: their time could not be read, and they are given with the event before them.
    pub undated: u64,
    /// Files that ended within an event, which was still being written: it is of a later interval.
    pub unfinished: u64,
    /// SHA-256 of all bytes that were read, one file after the other in order of name.
    pub digest: super::Digest,
}

impl std::fmt::Display for EventField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pointer(pointer) => f.write_str(pointer),
            Self::Column(number) => write!(f, "column {number}"),
            Self::Named(name) => write!(f, "column `{name}`"),
        }
    }
}

impl std::fmt::Display for EventFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.test {
            EventTest::Equals(text) => write!(f, "{} equals {text:?}", self.field),
            EventTest::Contains(text) => write!(f, "{} contains {text:?}", self.field),
            EventTest::In(texts) => write!(f, "{} in {texts:?}", self.field),
        }
    }
}
