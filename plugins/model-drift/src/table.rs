//! One input, read row by row into what the statistics take: nothing else of it is kept.

use std::borrow::Cow;

use evidenced_plugin::{Failure, FailureKind, Run};
use evidenced_statistics::{Categories, Values};
use serde_json::Value;

use crate::config::{Config, Feature, Format, Kind};

/// The features of one input, in the order of the configuration.
pub(crate) struct Table {
    pub rows: u64,
    pub columns: Vec<Column>,
    /// Rows that could not be read at all, and where the first of them was.
    pub broken: Option<(u64, String)>,
}

/// All values of one feature.
pub(crate) struct Column {
    pub data: Data,
    /// In CSV: a column of this name. In JSON lines: at least one row with the member.
    pub is_there: bool,
    /// How many values are of another kind, and the row of the first; what they are is nobody's business.
    pub odd: Option<(u64, u64)>,
}

pub(crate) enum Data {
    Numeric(Values),
    Categorical(Categories),
}

/// One value as it lies in a row.
enum Cell<'a> {
    Missing,
    Text(Cow<'a, str>),
    Number(f64, String),
    /// A list or an object.
    Nested,
}

pub(crate) fn read(config: &Config, run: &mut Run<'_>, input: &str) -> Result<Table, Failure> {
    let columns = config.features.iter().map(|feature| Column::of(feature.kind)).collect();
    let mut table = Table { rows: 0, columns, broken: None };
    match config.format {
        Format::Csv => table.read_csv(config, run, input)?,
        Format::JsonLines => table.read_json(config, run, input)?,
    }
    Ok(table)
}

impl Table {
    fn read_csv(&mut self, config: &Config, run: &mut Run<'_>, input: &str) -> Result<(), Failure> {
        let mut csv = run.csv(input)?;
        let Some(head) = csv.next()? else { return Err(empty(input)) };
        let names: Vec<String> = head.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
        let place = |feature: &Feature| names.iter().position(|name| *name == feature.name);
        let places: Vec<Option<usize>> = config.features.iter().map(place).collect();
        for (column, place) in self.columns.iter_mut().zip(&places) {
            column.is_there = place.is_some();
        }
        while let Some(fields) = csv.next()? {
            self.rows += 1;
            if fields.len() != names.len() {
                self.note_broken(format!(
                    "row {} has {} fields, the first record has {}",
                    self.rows,
                    fields.len(),
                    names.len()
                ));
                continue;
            }
            for (column, place) in self.columns.iter_mut().zip(&places) {
                let cell = place.and_then(|place| fields.get(place)).map_or(Cell::Missing, Cell::Text);
                column.push(config, self.rows, cell);
            }
        }
        Ok(())
    }

    fn read_json(&mut self, config: &Config, run: &mut Run<'_>, input: &str) -> Result<(), Failure> {
        let mut lines = run.lines(input)?;
        while let Some(line) = lines.next()? {
            self.rows += 1;
            let row = match serde_json::from_slice::<Value>(line) {
                Ok(row) if row.is_object() => row,
                _ => {
                    self.note_broken(format!("row {} is no JSON object", self.rows));
                    continue;
                }
            };
            for (column, feature) in self.columns.iter_mut().zip(&config.features) {
                let value = match &feature.pointer {
                    Some(pointer) => row.pointer(pointer),
                    None => row.get(&feature.name),
                };
                column.is_there |= value.is_some();
                column.push(config, self.rows, value.map_or(Cell::Missing, Cell::of));
            }
        }
        Ok(())
    }

    fn note_broken(&mut self, first: String) {
        self.broken.get_or_insert((0, first)).0 += 1;
    }
}

impl Column {
    fn of(kind: Kind) -> Self {
        let data = match kind {
            Kind::Numeric => Data::Numeric(Values::new()),
            Kind::Categorical => Data::Categorical(Categories::new()),
        };
        Self { data, is_there: false, odd: None }
    }

    fn push(&mut self, config: &Config, row: u64, cell: Cell<'_>) {
        let cell = match cell {
            Cell::Text(text) if config.missing.iter().any(|missing| *missing == text) => Cell::Missing,
            cell => cell,
        };
        let is_odd = match (&mut self.data, cell) {
            (Data::Numeric(values), Cell::Missing) => {
                values.push(None);
                false
            }
            (Data::Categorical(categories), Cell::Missing) => {
                categories.push(None);
                false
            }
            (Data::Numeric(values), Cell::Number(number, _)) => {
                values.push(Some(number));
                false
            }
            (Data::Numeric(values), Cell::Text(text)) => match text.trim().parse::<f64>() {
                Ok(number) => {
                    values.push(Some(number));
                    false
                }
                Err(_) => true,
            },
            (Data::Categorical(categories), Cell::Text(category)) => {
                // What is over the bound is an error anyway, and need not fill the memory.
                if categories.len() <= CATEGORIES_MAX {
                    categories.push(Some(&category));
                }
                false
            }
            (Data::Categorical(categories), Cell::Number(_, text)) => {
                if categories.len() <= CATEGORIES_MAX {
                    categories.push(Some(&text));
                }
                false
            }
            (_, Cell::Nested) => true,
        };
        if is_odd {
            self.odd.get_or_insert((0, row)).0 += 1;
        }
    }
}

impl Cell<'_> {
    fn of(value: &Value) -> Cell<'_> {
        match value {
            Value::Null => Cell::Missing,
            Value::Bool(truth) => Cell::Text(if *truth { "true" } else { "false" }.into()),
            Value::Number(number) => {
                number.as_f64().map_or(Cell::Nested, |value| Cell::Number(value, number.to_string()))
            }
            Value::String(text) => Cell::Text(text.into()),
            Value::Array(_) | Value::Object(_) => Cell::Nested,
        }
    }
}

impl Data {
    pub(crate) fn present(&self) -> u64 {
        match self {
            Self::Numeric(values) => values.present(),
            Self::Categorical(categories) => categories.present(),
        }
    }

    pub(crate) fn missing(&self) -> u64 {
        match self {
            Self::Numeric(values) => values.missing(),
            Self::Categorical(categories) => categories.missing(),
        }
    }
}

fn empty(input: &str) -> Failure {
    Failure {
        kind: FailureKind::BadInput,
        message: format!("the input `{input}` is empty: it has not even a record with the names of its columns"),
        source: Some(input.to_owned()),
    }
}

/// A feature with more categories is an identifier, and its drift says nothing.
pub(crate) const CATEGORIES_MAX: usize = 10_000;
