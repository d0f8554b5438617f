//! Rows as a list of JSON objects, one a line: written as they come, within limits.

use std::{borrow::Cow, collections::HashSet, io::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use super::QueryError;
use crate::gate::Mask;

/// JSON is exact up to here (RFC 8259, section 6); a larger whole number is text.
const EXACT_MAX: i128 = (1 << 53) - 1;

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell<'a> {
    Null,
    Boolean(bool),
    Whole(i128),
    Float(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
}

/// All rows so far.
pub(super) struct Rows {
    /// What each value is cleaned of before it is written: two layers of escapes would hide it.
    mask: Option<Mask>,
    /// As they begin each value: `"name":`.
    keys: Vec<String>,
    json: Vec<u8>,
    rows: u32,
    rows_max: u32,
    bytes_max: u64,
}

impl Rows {
    pub(super) fn new<'n>(
        names: impl IntoIterator<Item = &'n str>,
        rows_max: u32,
        bytes_max: u64,
    ) -> Result<Self, QueryError> {
        let (mut keys, mut known) = (Vec::new(), HashSet::new());
        for name in names {
            if !known.insert(name) {
                return Err(QueryError::NamedTwice(name.to_owned()));
            }
            keys.push(format!("{}:", json!(name)));
        }
        if keys.is_empty() {
            return Err(QueryError::NoRows);
        }
        Ok(Self { mask: None, keys, json: b"[".to_vec(), rows: 0, rows_max, bytes_max })
    }

    /// The same, with values without what the mask knows.
    pub(super) fn without(self, mask: Mask) -> Self {
        Self { mask: Some(mask), ..self }
    }

    /// One row; its values are in the order of the columns.
    pub(super) fn push<'a>(
        &mut self,
        cells: impl IntoIterator<Item = Result<Cell<'a>, QueryError>>,
    ) -> Result<(), QueryError> {
        if self.rows == self.rows_max {
            return Err(QueryError::TooManyRows(self.rows_max));
        }
        self.json.extend_from_slice(if self.rows == 0 { b"\n{" } else { b",\n{" });
        for (place, (key, cell)) in self.keys.iter().zip(cells).enumerate() {
            if place > 0 {
                self.json.push(b',');
            }
            self.json.extend_from_slice(key.as_bytes());
            let cell = cleaned(cell?, self.mask.as_ref());
            write_cell(&mut self.json, &cell);
            // The end of the list is two bytes.
            if self.json.len() as u64 + 2 > self.bytes_max {
                return Err(QueryError::TooLong(self.bytes_max));
            }
        }
        self.json.push(b'}');
        self.rows += 1;
        Ok(())
    }

    /// The list, and how many rows are in it.
    pub(super) fn finish(mut self) -> Result<(Vec<u8>, u32), QueryError> {
        self.json.extend_from_slice(if self.rows == 0 { b"]\n" } else { b"\n]\n" });
        if self.json.len() as u64 > self.bytes_max {
            return Err(QueryError::TooLong(self.bytes_max));
        }
        Ok((self.json, self.rows))
    }
}

fn cleaned<'a>(cell: Cell<'a>, mask: Option<&Mask>) -> Cell<'a> {
    match (mask, cell) {
        (Some(mask), Cell::Text(text)) => Cell::Text(mask.clean_text(&text).into()),
        (Some(mask), Cell::Bytes(bytes)) => Cell::Bytes(mask.clean(bytes.into_owned()).into()),
        (_, cell) => cell,
    }
}

fn write_cell(json: &mut Vec<u8>, cell: &Cell<'_>) {
    // Writing to memory cannot fail.
    let _ = match cell {
        Cell::Null => write!(json, "null"),
        Cell::Boolean(truth) => write!(json, "{truth}"),
        Cell::Whole(number) if (-EXACT_MAX..=EXACT_MAX).contains(number) => write!(json, "{number}"),
        Cell::Whole(number) => write!(json, "\"{number}\""),
        Cell::Float(number) if number.is_finite() => write!(json, "{}", json!(number)),
        Cell::Float(number) => write!(json, "{}", json!(not_finite(*number))),
        Cell::Text(text) => write!(json, "{}", json!(text)),
        Cell::Bytes(bytes) => write!(json, "\"{}\"", STANDARD.encode(bytes)),
    };
}

/// As PostgreSQL writes them.
fn not_finite(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(bytes_max: u64) -> Rows {
        Rows::new(["id", "na\"me"], 2, bytes_max).unwrap()
    }

    fn text(text: &str) -> Result<Cell<'_>, QueryError> {
        Ok(Cell::Text(text.into()))
    }

    #[test]
    fn rows_are_objects_of_json_a_line_each() {
        let mut list = rows(1_000);
        list.push([Ok(Cell::Whole(EXACT_MAX)), text("a\n\u{1f512}")]).unwrap();
        list.push([Ok(Cell::Whole(EXACT_MAX + 1)), Ok(Cell::Bytes((&[255, 0][..]).into()))]).unwrap();
        let (json, count) = list.finish().unwrap();
        let shown = "[\n{\"id\":9007199254740991,\"na\\\"me\":\"a\\n\u{1f512}\"},\n\
                     {\"id\":\"9007199254740992\",\"na\\\"me\":\"/wA=\"}\n]\n";
        assert_eq!((std::str::from_utf8(&json).unwrap(), count), (shown, 2));
        assert_eq!(rows(3).finish().unwrap(), (b"[]\n".to_vec(), 0));
    }

    #[test]
    fn a_value_that_holds_json_is_cleaned_before_it_is_written_as_json() {
        let mut list = rows(1_000).without(Mask::new(["pass\"word"]));
        list.push([text(r#"{"told":"pass\"word"}"#), Ok(Cell::Bytes(b"a pass\"word"[..].into()))]).unwrap();
        let json = String::from_utf8(list.finish().unwrap().0).unwrap();
        assert_eq!(json, "[\n{\"id\":\"{\\\"told\\\":\\\"***\\\"}\",\"na\\\"me\":\"YSAqKio=\"}\n]\n");
    }

    #[test]
    fn what_json_cannot_say_is_text_and_what_is_not_there_is_null() {
        let written = |cell| {
            let mut json = Vec::new();
            write_cell(&mut json, &cell);
            String::from_utf8(json).unwrap()
        };
        assert_eq!(written(Cell::Float(f64::NAN)), "\"NaN\"");
        assert_eq!(written(Cell::Float(f64::NEG_INFINITY)), "\"-Infinity\"");
        assert_eq!(written(Cell::Float(0.1)), "0.1");
        assert_eq!(written(Cell::Null), "null");
        assert_eq!(written(Cell::Boolean(true)), "true");
    }

    #[test]
    fn too_much_is_an_error_and_never_cut() {
        let mut list = rows(1_000);
        for _ in 0..2 {
            list.push([text("1"), text("2")]).unwrap();
        }
        assert!(matches!(list.push([text("1"), text("2")]), Err(QueryError::TooManyRows(2))));
        let mut list = rows(24);
        assert!(matches!(list.push([text("1"), text("0123456789")]), Err(QueryError::TooLong(24))));
        assert!(matches!(Rows::new(["a", "b", "a"], 1, 1), Err(QueryError::NamedTwice(name)) if name == "a"));
        assert!(matches!(Rows::new([], 1, 1), Err(QueryError::NoRows)));
    }
}
