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

/// A value that is neither text nor anything else that is known.
#[derive(Debug)]
pub(super) struct NoText;

/// Servers may name a column as they like, and an error is a line.
const NAME_CHARS_MAX: usize = 100;

/// All rows so far.
pub(super) struct Rows {
    /// What each name and each value is cleaned of before it is written. Not the whole: two layers of escapes would hide it,
    /// and a number of which a part is taken out is no JSON.
    mask: Mask,
    /// What begins each value.
    keys: Vec<String>,
    json: Vec<u8>,
    rows: u32,
    rows_max: u32,
    bytes_max: u64,
}

impl Rows {
    pub(super) fn new<'n>(
        names: impl IntoIterator<Item = &'n str>,
        mask: Mask,
        rows_max: u32,
        bytes_max: u64,
    ) -> Result<Self, QueryError> {
        let (mut keys, mut known) = (Vec::new(), HashSet::new());
        for name in names {
            let name = mask.clean_text(name);
            if known.contains(&name) {
                return Err(QueryError::NamedTwice(shown(&name)));
            }
            keys.push(name.clone());
            known.insert(name);
        }
        if keys.is_empty() {
            return Err(QueryError::NoRows);
        }
        Ok(Self { mask, keys, json: b"[".to_vec(), rows: 0, rows_max, bytes_max })
    }

    /// One row; its values are in the order of the columns.
    pub(super) fn push<'a>(
        &mut self,
        cells: impl IntoIterator<Item = Result<Cell<'a>, NoText>>,
    ) -> Result<(), QueryError> {
        if self.rows == self.rows_max {
            return Err(QueryError::TooManyRows(self.rows_max));
        }
        self.json.extend_from_slice(if self.rows == 0 { b"\n{" } else { b",\n{" });
        for (place, (key, cell)) in self.keys.iter().zip(cells).enumerate() {
            if place > 0 {
                self.json.push(b',');
            }
            let cell = cell.map_err(|NoText| QueryError::Unreadable(shown(key)))?;
            // Writing to memory cannot fail.
            let _ = write!(self.json, "{}:", json!(key));
            write_cell(&mut self.json, &cleaned(cell, &self.mask));
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

fn shown(name: &str) -> String {
    name.chars().take(NAME_CHARS_MAX).collect()
}

fn cleaned<'a>(cell: Cell<'a>, mask: &Mask) -> Cell<'a> {
    match cell {
        Cell::Text(text) => Cell::Text(mask.clean_text(&text).into()),
        Cell::Bytes(bytes) => Cell::Bytes(mask.clean(bytes.into_owned()).into()),
        Cell::Null | Cell::Boolean(_) | Cell::Whole(_) | Cell::Float(_) => cell,
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
        Rows::new(["id", "na\"me"], Mask::new([]), 2, bytes_max).unwrap()
    }

    fn text(text: &str) -> Result<Cell<'_>, NoText> {
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
        let mut list = Rows::new(["id", "na\"me"], Mask::new(["pass\"word"]), 2, 1_000).unwrap();
        list.push([text(r#"{"told":"pass\"word"}"#), Ok(Cell::Bytes(b"a pass\"word"[..].into()))]).unwrap();
        let json = String::from_utf8(list.finish().unwrap().0).unwrap();
        assert_eq!(json, "[\n{\"id\":\"{\\\"told\\\":\\\"***\\\"}\",\"na\\\"me\":\"YSAqKio=\"}\n]\n");
    }

    #[test]
    fn a_short_password_takes_nothing_from_numbers_and_names_are_cleaned_and_cut() {
        let mask = || Mask::new(["12"]);
        let mut list = Rows::new(["id12", "size"], mask(), 2, 1_000).unwrap();
        list.push([Ok(Cell::Whole(-4123)), Ok(Cell::Float(0.125))]).unwrap();
        list.push([text("12"), Ok(Cell::Null)]).unwrap();
        let json = String::from_utf8(list.finish().unwrap().0).unwrap();
        assert_eq!(json, "[\n{\"id***\":-4123,\"size\":0.125},\n{\"id***\":\"***\",\"size\":null}\n]\n");
        let long = "12".to_owned() + &"x".repeat(1_000);
        let Err(QueryError::NamedTwice(name)) = Rows::new([long.as_str(), long.as_str()], mask(), 2, 9) else {
            panic!()
        };
        assert_eq!(name, format!("***{}", "x".repeat(97)));
        let mut list = Rows::new([long.as_str()], mask(), 2, 1_000).unwrap();
        assert!(matches!(list.push([Err(NoText)]), Err(QueryError::Unreadable(told)) if told == name));
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
        assert!(
            matches!(Rows::new(["a", "b", "a"], Mask::new([]), 1, 1), Err(QueryError::NamedTwice(name)) if name == "a")
        );
        assert!(matches!(Rows::new([], Mask::new([]), 1, 1), Err(QueryError::NoRows)));
    }
}
