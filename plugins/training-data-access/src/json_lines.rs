//! Any log that has one JSON object a line: the configuration says where the facts are.

use evidenced_plugin::Timestamp;
use serde_json::Value;

use crate::{
    config::{Amount, Config, Fields},
    event::{Event, Kind, Read, Target, Way},
    fingerprint, pattern,
};

/// The events of a line; `None` when it does not say what the configuration says that it does.
pub(crate) fn events(config: &Config, fields: &Fields, line: &[u8]) -> Option<(Timestamp, Vec<Event>)> {
    let row: Value = serde_json::from_slice(line).ok()?;
    let text = |pointer: &String| row.pointer(pointer).and_then(text_of);
    let at = moment(row.pointer(&fields.time)?)?;
    let is_read = match &fields.action {
        Some(action) => {
            let action = text(action)?;
            fields.reads.is_empty() || fields.reads.contains(&action)
        }
        None => true,
    };
    if !is_read {
        return Some((at, Vec::new()));
    }
    let outcome = fields.outcome.as_ref().and_then(text);
    let principal = text(&fields.principal)?;
    let object = fields.object.all().iter().map(text).collect::<Option<Vec<_>>>()?.join("/");
    let kind = if outcome.is_some_and(|outcome| fields.refused.contains(&outcome)) {
        Kind::Refused
    } else {
        let counted = fields.amount.as_ref().and_then(|pointer| row.pointer(pointer)).and_then(count);
        let amount = if config.amount == Amount::Reads { Some(1) } else { counted };
        Kind::Read(Read { amount, way: Way::Counted })
    };
    // Without an id of its own an event is what its line says.
    let id = fields.id.as_ref().and_then(text).unwrap_or_else(|| format!("line:{:016x}", fingerprint(line)));
    let address = fields.address.as_ref().and_then(text);
    let places = config.datasets.iter().enumerate().filter(|(_, dataset)| pattern::any(&dataset.objects, &object));
    let events = places.map(|(place, _)| Event {
        at,
        id: id.clone(),
        principal: principal.clone(),
        target: Target::Dataset(place),
        address: address.clone(),
        kind: kind.clone(),
    });
    Some((at, events.collect()))
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// RFC 3339, or seconds or milliseconds since 1970.
fn moment(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        #[expect(clippy::cast_possible_truncation, reason = "a float is cut to the range of i64")]
        Value::Number(number) => {
            let number = number.as_f64()?;
            let ms = if number.abs() < MS_FROM { number * 1000.0 } else { number };
            Some(Timestamp::from_ms(ms as i64))
        }
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_f64().map(|number| number.max(0.0) as u64),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A time since 1970 that is greater is in milliseconds: as seconds it would be after the year 5000.
const MS_FROM: f64 = 1e11;
