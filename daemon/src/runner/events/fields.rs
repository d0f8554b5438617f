//! What an event says of itself, as far as anybody asks.

use jiff::tz::TimeZone;

use super::{cut::Known, frame::Framed, pick::Wanted, times::Times};
use crate::domain::{EventField, EventFilter, EventFormat, EventsSpec};

/// What of an event without an end is certain.
pub(super) struct Whole {
    pub(super) event: bool,
    pub(super) time: bool,
}

/// Reads the time of an event, and what its filter asks for.
pub(super) struct Fields<'s> {
    spec: &'s EventsSpec,
    times: Times,
    /// Of JSON: the time, then a value for each filter.
    wanted: Wanted,
    /// Of CSV: where the time stands, then the value of each filter.
    columns: Vec<usize>,
    /// The first record of a file is still to come, and names the columns.
    awaits_header: bool,
    /// As the first file has it.
    pub(super) header: Option<Vec<u8>>,
}

impl<'s> Fields<'s> {
    pub(super) fn new(spec: &'s EventsSpec) -> Self {
        let zone = spec.timezone.as_deref().and_then(|name| TimeZone::get(name).ok());
        let fields = || std::iter::once(&spec.time).chain(spec.filter.iter().map(|filter| &filter.field));
        let pointers = fields().map(|field| match field {
            EventField::Pointer(pointer) => pointer.as_str(),
            EventField::Column(_) | EventField::Named(_) => "",
        });
        let columns = fields().map(|field| match field {
            EventField::Column(number) => *number as usize - 1,
            EventField::Pointer(_) | EventField::Named(_) => usize::MAX,
        });
        Self {
            spec,
            times: Times { zone },
            wanted: Wanted::new(pointers),
            columns: columns.collect(),
            awaits_header: false,
            header: None,
        }
    }

    pub(super) fn begin(&mut self) {
        self.awaits_header = self.spec.header && self.spec.format == EventFormat::Csv;
    }

    /// `None`: it is no event, but names the columns.
    pub(super) fn known(&mut self, framed: &Framed<'_>) -> Result<Option<Known>, String> {
        let Some((fields, ends)) = framed.fields else { return Ok(Some(self.of_json(framed.raw))) };
        if std::mem::take(&mut self.awaits_header) {
            return self.read_header(framed.raw, fields, ends).map(|()| None);
        }
        let column = |place: usize| {
            let end = *ends.get(place)?;
            let start = if place == 0 { 0 } else { ends[place - 1] };
            std::str::from_utf8(&fields[start..end]).ok()
        };
        let at = column(self.columns[0]).and_then(|text| self.times.read(text));
        let passes =
            |(filter, place): (&EventFilter, &usize)| column(*place).is_some_and(|value| filter.test.holds(value));
        Ok(Some(Known { at, passes: self.spec.filter.iter().zip(&self.columns[1..]).all(passes) }))
    }

    /// What is not JSON cannot be filtered, and is kept.
    fn of_json(&self, raw: &[u8]) -> Known {
        let Some(values) = self.wanted.pick(raw) else { return Known { at: None, passes: true } };
        let at = values[0].as_deref().and_then(|text| self.times.read(text));
        let passes = |(filter, value): (&EventFilter, &Option<String>)| {
            value.as_deref().is_some_and(|value| filter.test.holds(value))
        };
        Known { at, passes: self.spec.filter.iter().zip(&values[1..]).all(passes) }
    }

    /// Of an event that has no end yet. JSON that can be read is whole; of CSV nobody knows, and its last field least.
    pub(super) fn is_whole(&self, framed: &Framed<'_>, whole_fields: usize) -> Whole {
        match framed.fields {
            None => {
                let is_whole = self.wanted.pick(framed.raw).is_some();
                Whole { event: is_whole, time: is_whole }
            }
            Some(_) => Whole { event: false, time: self.columns[0] < whole_fields },
        }
    }

    fn read_header(&mut self, raw: &[u8], fields: &[u8], ends: &[usize]) -> Result<(), String> {
        let mut start = 0;
        let names: Vec<_> = ends.iter().map(|end| &fields[std::mem::replace(&mut start, *end)..*end]).collect();
        let named = std::iter::once(&self.spec.time).chain(self.spec.filter.iter().map(|filter| &filter.field));
        for (place, field) in named.enumerate() {
            let EventField::Named(name) = field else { continue };
            let at = names.iter().position(|known| *known == name.as_bytes());
            self.columns[place] = at.ok_or_else(|| format!("its first record names no column `{name}`"))?;
        }
        let mut line = raw.to_vec();
        line.push(b'\n');
        match &self.header {
            Some(header) if *header != line => {
                Err("its first record names other columns than those of the files before it".to_owned())
            }
            Some(_) => Ok(()),
            None => {
                self.header = Some(line);
                Ok(())
            }
        }
    }
}
