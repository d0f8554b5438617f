use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::domain::{Digest, Timestamp};

/// A closed day: its rows lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolledUp {
    pub until: Timestamp,
    /// Of the file with the rows.
    pub rollup: Digest,
    /// The entry that closed it.
    pub sequence: u64,
}

/// A stretch of time that the rows of days have to add up to.
///
/// Where it begins and ends may be decided after the days in which that was have been closed: a failure is confirmed
/// later, a late run finds that all was well. So each zone remembers up to where it has counted, and the next closed
/// day counts what is missing, or takes back what was too much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spell {
    pub kind: SpellKind,
    pub from: Timestamp,
    pub end: Option<Timestamp>,
    /// By zone.
    pub counted: BTreeMap<u32, Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpellKind {
    Failing,
    Untested,
}

impl Spell {
    pub const fn new(kind: SpellKind, from: Timestamp) -> Self {
        Self { kind, from, end: None, counted: BTreeMap::new() }
    }

    /// Milliseconds that a day of `zone` that ends at `until` has to count.
    pub fn counts(&self, zone: u32, until: Timestamp) -> i64 {
        self.reaches(zone, until).as_millis() - self.counted_to(zone).as_millis()
    }

    /// That day was closed.
    pub fn count(&mut self, zone: u32, until: Timestamp) {
        let reaches = self.reaches(zone, until);
        self.counted.insert(zone, reaches);
    }

    /// Nothing before `at` is counted in a zone whose days begin there.
    pub fn skip(&mut self, zone: u32, at: Timestamp) {
        self.counted.insert(zone, at.max(self.from));
    }

    pub fn ends(&mut self, at: Timestamp) {
        self.end = Some(at.max(self.from));
    }

    /// Whether every one of these zones has counted it in full.
    pub fn is_counted(&self, mut zones: impl Iterator<Item = u32>) -> bool {
        self.end.is_some_and(|end| zones.all(|zone| self.counted_to(zone) == end))
    }

    fn counted_to(&self, zone: u32) -> Timestamp {
        self.counted.get(&zone).copied().unwrap_or(self.from)
    }

    fn reaches(&self, zone: u32, until: Timestamp) -> Timestamp {
        let counted = self.counted_to(zone);
        match self.end {
            Some(end) if end <= until || end < counted => end,
            Some(_) | None => counted.max(until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn hour(hour: i64) -> i64 {
        hour * 3_600_000
    }

    /// Closes days at these hours and says what each has counted.
    fn counted(spell: &mut Spell, hours: &[i64]) -> Vec<i64> {
        let close = |at: &i64| {
            let until = Timestamp::from_millis(hour(*at));
            let counts = spell.counts(0, until);
            spell.count(0, until);
            counts / hour(1)
        };
        hours.iter().map(close).collect()
    }

    fn spell(from: i64, end: Option<i64>) -> Spell {
        let mut spell = Spell::new(SpellKind::Failing, Timestamp::from_millis(hour(from)));
        spell.end = end.map(|end| Timestamp::from_millis(hour(end)));
        spell
    }

    #[test]
    fn a_spell_is_counted_day_by_day_until_its_end() {
        assert_eq!(counted(&mut spell(30, Some(80)), &[24, 48, 72, 96, 120]), [0, 18, 24, 8, 0]);
        assert_eq!(counted(&mut spell(30, None), &[48, 72]), [18, 24]);
        assert_eq!(counted(&mut spell(30, None), &[48, 24, 72]), [18, 0, 24]);
    }

    #[test]
    fn what_was_known_late_is_made_good_the_next_day() {
        assert_eq!(counted(&mut spell(10, Some(20)), &[48]), [10]);
        let mut recovered_late = spell(10, None);
        assert_eq!(counted(&mut recovered_late, &[24]), [14]);
        recovered_late.ends(Timestamp::from_millis(hour(20)));
        assert!(!recovered_late.is_counted([0].into_iter()));
        assert_eq!(counted(&mut recovered_late, &[48]), [-4]);
        assert!(recovered_late.is_counted([0].into_iter()));
    }

    #[test]
    fn a_new_zone_counts_from_where_its_days_begin() {
        let mut spell = spell(10, None);
        spell.skip(0, Timestamp::from_millis(hour(30)));
        assert_eq!(counted(&mut spell, &[48]), [18]);
    }
}
