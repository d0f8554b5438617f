//! TOML as a tree that knows where each key and value stands.

use std::collections::BTreeMap;

/// A piece of one of the files: bytes from `start` up to `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    /// Index into the files that were read.
    pub file: u32,
    pub start: u32,
    pub end: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub value: Value,
    pub at: Place,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    /// May be infinite or not a number: TOML can say so.
    Float(f64),
    Boolean(bool),
    /// A date or a time, as it is written.
    Time(String),
    Array(Vec<Node>),
    Table(Table),
}

pub(super) type Table = BTreeMap<String, Member>;

/// A key and what stands behind it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub key_at: Place,
    pub node: Node,
}

impl Value {
    /// What it is, for a person who expected something else.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::Time(_) => "a time",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    /// As JSON: times become text, and numbers are such that canonical JSON (RFC 8785) gives them back as they are.
    pub(super) fn to_json(&self) -> Result<serde_json::Value, NotJson> {
        use serde_json::{Number, Value as Json};
        Ok(match &self.value {
            Value::Text(text) | Value::Time(text) => Json::from(text.as_str()),
            Value::Integer(number) if number.unsigned_abs() > EXACT_MAX => return Err(NotJson::TooLong(self.at)),
            Value::Integer(number) => Json::from(*number),
            Value::Float(number) if number.fract() == 0.0 && number.abs() <= EXACT_MAX as f64 => {
                Json::from(*number as i64)
            }
            // Written without an exponent, it would come back as a whole number.
            Value::Float(number) if number.abs() > EXACT_MAX as f64 && number.abs() < 1e21 => {
                return Err(NotJson::TooLong(self.at));
            }
            Value::Float(number) => Json::Number(Number::from_f64(*number).ok_or(NotJson::NotFinite(self.at))?),
            Value::Boolean(truth) => Json::from(*truth),
            Value::Array(items) => Json::Array(items.iter().map(Self::to_json).collect::<Result<_, _>>()?),
            Value::Table(members) => {
                let member = |(key, member): (&String, &Member)| Ok((key.clone(), member.node.to_json()?));
                Json::Object(members.iter().map(member).collect::<Result<_, NotJson>>()?)
            }
        })
    }
}

/// Whole numbers up to here are exact in every reader of JSON.
const EXACT_MAX: u64 = (1 << 53) - 1;

/// A number that JSON has no word for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotJson {
    NotFinite(Place),
    TooLong(Place),
}

/// Lays `over` on `under`: tables are joined key by key, everything else replaces what lies below.
pub(super) fn overlay(under: &mut Table, over: Table) {
    for (key, above) in over {
        match under.get_mut(&key).map(|below| &mut below.node.value) {
            Some(Value::Table(below)) if matches!(above.node.value, Value::Table(_)) => {
                if let Value::Table(above) = above.node.value {
                    overlay(below, above);
                }
            }
            _ => {
                under.insert(key, above);
            }
        }
    }
}
