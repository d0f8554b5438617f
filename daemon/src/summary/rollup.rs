//! A closed day as a file: one line of canonical JSON (RFC 8785) for the day, and one for each control, by id.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::domain::{ControlId, DayRow, LocalDay, Timestamp, canonical_json};

/// What a rollup file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedDay {
    /// IANA name.
    pub zone: String,
    pub day: LocalDay,
    /// The end of the day.
    pub until: Timestamp,
    pub rows: Vec<(ControlId, DayRow)>,
}

#[derive(Debug, thiserror::Error)]
pub enum RollupError {
    #[error("line {line} of the rollup is not what it must be")]
    Line { line: usize, source: serde_json::Error },
    #[error("a rollup of version {found}; this program knows up to {VERSION}")]
    Newer { found: u32 },
    #[error("the rollup says that it has {said} rows, and has {found}")]
    Rows { said: usize, found: usize },
}

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Head {
    v: u32,
    zone: String,
    day: LocalDay,
    until: Timestamp,
    rows: usize,
}

#[derive(Serialize, Deserialize)]
struct Line<Row> {
    control: ControlId,
    row: Row,
}

/// The bytes of a closed day; their digest stands in its entry.
pub fn encode_day(zone: &str, day: LocalDay, until: Timestamp, rows: &BTreeMap<ControlId, DayRow>) -> Vec<u8> {
    fn line(value: &impl Serialize, to: &mut Vec<u8>) {
        to.extend(canonical_json(value).expect("rows are plain data with text keys"));
        to.push(b'\n');
    }
    let mut bytes = Vec::with_capacity(128 * (rows.len() + 1));
    line(&Head { v: VERSION, zone: zone.to_owned(), day, until, rows: rows.len() }, &mut bytes);
    for (control, row) in rows {
        line(&Line { control: control.clone(), row }, &mut bytes);
    }
    bytes
}

pub fn decode_day(bytes: &[u8]) -> Result<ClosedDay, RollupError> {
    let mut lines = bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n');
    let wrong = |line| move |source| RollupError::Line { line, source };
    let Head { v, zone, day, until, rows: said } =
        serde_json::from_slice(lines.next().unwrap_or_default()).map_err(wrong(1))?;
    if v > VERSION {
        return Err(RollupError::Newer { found: v });
    }
    let mut rows = Vec::with_capacity(said.min(100_000));
    for (place, line) in lines.enumerate() {
        let Line { control, row } = serde_json::from_slice(line).map_err(wrong(place + 2))?;
        rows.push((control, row));
    }
    if rows.len() != said {
        return Err(RollupError::Rows { said, found: rows.len() });
    }
    Ok(ClosedDay { zone, day, until, rows })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MissedReason;

    #[test]
    fn a_closed_day_round_trips_and_a_cut_one_is_refused() {
        let mut row = DayRow { run: 3, pass: 2, error: 1, ..DayRow::default() };
        row.missed.insert(MissedReason::DiskFull, 2);
        let rows =
            BTreeMap::from([("SEC-01".parse().unwrap(), row), ("AVL-01/iris".parse().unwrap(), DayRow::default())]);
        let until = "2026-03-02T23:00:00Z".parse().unwrap();
        let bytes = encode_day("Europe/Berlin", LocalDay(20514), until, &rows);
        insta::assert_snapshot!(std::str::from_utf8(&bytes).unwrap(), @r#"
        {"day":20514,"rows":2,"until":"2026-03-02T23:00:00.000Z","v":1,"zone":"Europe/Berlin"}
        {"control":"AVL-01/iris","row":{}}
        {"control":"SEC-01","row":{"error":1,"missed":{"disk-full":2},"pass":2,"run":3}}
        "#);
        let day = decode_day(&bytes).unwrap();
        assert_eq!(day.rows, rows.into_iter().collect::<Vec<_>>());
        let cut = &bytes[..bytes.len() - 83];
        assert!(matches!(decode_day(cut), Err(RollupError::Rows { said: 2, found: 1 } | RollupError::Line { .. })));
        assert!(matches!(decode_day(b""), Err(RollupError::Line { line: 1, .. })));
        assert!(matches!(
            decode_day(br#"{"day":0,"rows":0,"until":"2026-03-02T23:00:00.000Z","v":2,"zone":"UTC"}"#),
            Err(RollupError::Newer { found: 2 })
        ));
    }
}
