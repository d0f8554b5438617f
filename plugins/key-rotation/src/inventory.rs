//! Keys from a JSON inventory: for whatever has keys and no API that the plugin speaks.

use evidenced_plugin::{Failure, Findings, Run};
use serde::{Deserialize, Deserializer};

use crate::key::{self, Key, KeyFacts, LastUsed};

pub(crate) const INPUT: &str = "inventory";

/// One key. Only its id must be there: what else is missing makes the finding of this key an error, not of all.
#[derive(Deserialize)]
struct Row {
    id: String,
    #[serde(default)]
    owner: String,
    active: Option<bool>,
    created: Option<String>,
    /// Absent: untold. `null`: never.
    #[serde(default, deserialize_with = "present")]
    last_used: Option<Option<String>>,
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

pub(crate) fn keys(run: &mut Run<'_>) -> Result<(Findings, Vec<Key>), Failure> {
    let rows: Vec<Row> = run.read_json(INPUT)?;
    let input = run.input(INPUT);
    let source = input.map(|input| input.source.clone()).unwrap_or_default();
    let mut findings = Findings::of(format!("every row of the inventory {source}"));
    if let Some(total) = input.and_then(|input| input.source_total) {
        findings.source_total(total, u32::try_from(rows.len()).unwrap_or(u32::MAX));
    }
    let as_of = input.map(|input| input.observed.clone()).unwrap_or_default();
    let keys = rows.into_iter().map(|row| key_of(row, &as_of)).collect();
    Ok((findings, keys))
}

fn key_of(row: Row, as_of: &str) -> Key {
    let facts = row.active.ok_or_else(|| key::untold("whether it is active")).map(|active| KeyFacts {
        active,
        created: row.created,
        last_used: Ok(match row.last_used {
            None => LastUsed::Untold,
            Some(None) => LastUsed::Never,
            Some(Some(at)) => LastUsed::At(at),
        }),
    });
    Key { label: key::label(&row.owner, &row.id), subject: row.id, as_of: as_of.to_owned(), facts }
}
