//! `events` of an input: files of events, and which of them a check is given.

use std::path::Path;

use super::{
    diagnostics::{Errors, Expected},
    section::{Located, Section},
    tree::{Place, Value},
    words::EVENT_FORMATS,
};
use crate::domain::{EventField, EventFilter, EventFormat, EventTest, EventsSpec};

/// Where a record of CloudTrail says when it was.
const CLOUDTRAIL_TIME: &str = "/eventTime";

pub(super) fn events(section: &Section<'_>, base: &Path, errors: &mut Errors) -> Option<EventsSpec> {
    let section = section.table("events", "events", errors)?;
    section.require("glob", "glob = \"/var/log/postgresql/*.csv*\"", errors);
    section.require("format", "format = \"csv\", \"json-lines\" or \"cloudtrail\"", errors);
    let globs = section.texts("glob", errors);
    let globs = globs
        .map(|globs| globs.iter().map(|glob| base.join(glob.value).to_string_lossy().into_owned()).collect::<Vec<_>>());
    let format = section.word("format", &EVENT_FORMATS, errors);
    let header = section.boolean("header", errors);
    if format.is_some_and(|format| format != EventFormat::Cloudtrail) {
        section.require("time", "time = \"/timestamp\", or of CSV the number or name of a column", errors);
    }
    let time = section.node("time").map(|node| (&node.value, node.at));
    let time = match time {
        Some((value, at)) => field("time", value, at, format, errors),
        None => {
            Some(EventField::Pointer(CLOUDTRAIL_TIME.to_owned())).filter(|_| format == Some(EventFormat::Cloudtrail))
        }
    };
    let timezone = section.zone("timezone", errors).map(|(name, _)| name);
    let filter: Vec<_> = section
        .tables("filter", "a filter of events", errors)
        .into_iter()
        .filter_map(|section| filter(section, format, errors))
        .collect();
    section.finish(errors);
    let (globs, format, time) = (globs?, format?, time?);
    let by_name =
        filter.iter().map(|filter| &filter.field).chain([&time]).any(|field| matches!(field, EventField::Named(_)));
    Some(EventsSpec { globs, format, time, timezone, header: header.unwrap_or(by_name) || by_name, filter })
}

fn filter(section: Section<'_>, format: Option<EventFormat>, errors: &mut Errors) -> Option<EventFilter> {
    section.require("field", "field = \"/eventName\"", errors);
    let named = section.node("field").and_then(|node| field("field", &node.value, node.at, format, errors));
    let equals = section.text("equals", errors).map(|text| EventTest::Equals(text.value.to_owned()));
    let contains = section.text("contains", errors).map(|text| EventTest::Contains(text.value.to_owned()));
    let texts = |texts: Vec<Located<&str>>| texts.iter().map(|text| text.value.to_owned()).collect();
    let one_of = section.texts("in", errors).map(|list| EventTest::In(texts(list)));
    let count = ["equals", "contains", "in"].into_iter().filter(|key| section.key_at(key).is_some()).count();
    if count != 1 {
        errors.add_event_tests(section.at, count);
    }
    section.finish(errors);
    Some(EventFilter { field: named?, test: equals.or(contains).or(one_of)? })
}

/// `"/timestamp"` of JSON; the number or the name of a column of CSV.
fn field(key: &str, value: &Value, at: Place, format: Option<EventFormat>, errors: &mut Errors) -> Option<EventField> {
    let is_csv = format == Some(EventFormat::Csv);
    match value {
        Value::Integer(number) if is_csv => match u32::try_from(*number).ok().filter(|&number| number > 0) {
            Some(number) => Some(EventField::Column(number)),
            None => {
                errors.add_out_of_range(at, key, "the number of a column, from 1 up");
                None
            }
        },
        Value::Text(name) if is_csv && !name.is_empty() => Some(EventField::Named(name.clone())),
        Value::Text(pointer) if is_pointer(pointer) => Some(EventField::Pointer(pointer.clone())),
        Value::Text(text) => {
            let hint = "write a JSON Pointer (RFC 6901), such as `/timestamp` or `/userIdentity/arn`";
            errors.add_malformed(at, "bad-event-field", text, "a value of an event", hint);
            None
        }
        other => {
            errors.add_wrong_type(at, key, Expected::Text, other.kind());
            None
        }
    }
}

/// A pointer begins with a slash, and in it `~` stands only before 0 or 1.
fn is_pointer(text: &str) -> bool {
    text.starts_with('/') && text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
}
