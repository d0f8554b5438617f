//! The state as rows of the ledger's view.

use super::{State, VERSION};
use crate::{
    domain::{ControlId, Entry},
    ledger::{Fold, Row},
};

impl Fold for State {
    const VERSION: u32 = VERSION;

    fn empty() -> Self {
        Self::default()
    }

    fn apply(&mut self, sequence: u64, entry: &Entry) {
        Self::apply(self, sequence, entry);
    }

    fn control_version(&self, control: &ControlId) -> u64 {
        self.control_revision(control)
    }

    fn take_changes(&mut self) -> Vec<Row> {
        Self::take_changes(self).into_iter().map(|(key, value)| Row { key, value }).collect()
    }

    fn rows(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rows: Vec<_> = Self::rows(self).collect();
        rows.sort_unstable();
        rows
    }

    fn load(rows: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Self, String> {
        Self::load(rows).map_err(|error| match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        })
    }
}
