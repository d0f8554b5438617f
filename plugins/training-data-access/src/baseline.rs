//! What each principal usually reads, kept between runs.

use std::collections::BTreeMap;

use evidenced_statistics::Usual;

use crate::{
    config::{Amount, Config},
    postgres::{Known, Waiting},
    tally::Key,
};

/// The state of a control.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Baseline {
    /// Events up to here were counted.
    pub counted_until_ms: i64,
    /// The local day on which counting began: it may have begun before, so it is in no baseline.
    pub since: i64,
    /// The local day that is not over yet.
    pub today: i64,
    pub principals: BTreeMap<Key, Past>,
    /// Sessions that have not shown yet whether they are audited.
    pub waiting: Vec<Waiting>,
    /// Hashed ids of the newest breaches, the newest last, so that an overlapping interval does not tell them again.
    pub judged: Vec<u64>,
}

/// What one principal read of one dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Past {
    /// Amounts of the last days on which there was any, oldest first; at most [`DAYS_MAX`].
    pub days: Vec<u64>,
    /// So far today.
    pub today: u64,
    /// The last day on which there was anything.
    pub last: i64,
}

/// A day whose amount was held against the days before it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Day {
    pub day: i64,
    pub amount: u64,
    /// Days of the baseline.
    pub days: usize,
    /// What a usual day exceeds only at the stated rate; `None` without a baseline.
    pub limit: Option<Limit>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limit {
    pub amount: f64,
    pub median: f64,
}

impl Day {
    pub(crate) fn is_far_above(&self) -> bool {
        self.limit.is_some_and(|limit| float(self.amount) > limit.amount)
    }
}

impl Known for Baseline {
    fn is_known(&self, principal: &str) -> bool {
        self.principals.keys().any(|key| key.principal == principal)
    }
}

impl Baseline {
    /// Judges the amounts of one subject by day, and takes them into its past. `today` is the local day that is not over at
    /// the interval's end. A day over its limit enters the past cut to the limit: it moves what is usual, slowly.
    pub(crate) fn judge(&mut self, config: &Config, key: &Key, amounts: &BTreeMap<i64, u64>, today: i64) -> Vec<Day> {
        let mut judged = Vec::new();
        let past = self.principals.entry(key.clone()).or_default();
        let mut totals = amounts.clone();
        let carried = std::mem::take(&mut past.today);
        if carried > 0 {
            *totals.entry(self.today).or_default() += carried;
        }
        for (day, amount) in totals {
            let limit = past.limit(config);
            if amounts.contains_key(&day) {
                judged.push(Day { day, amount, days: past.days.len(), limit });
            }
            past.last = past.last.max(day);
            if day >= today {
                past.today = amount;
            } else if day > self.since && amount > 0 {
                let most = limit.map_or(f64::INFINITY, |limit| limit.amount);
                past.push(if float(amount) > most { whole(most) } else { amount });
            }
        }
        judged
    }

    /// Whether the control has run for longer than a baseline takes, so that somebody new stands out.
    pub(crate) fn is_settled(&self, config: &Config) -> bool {
        self.today - self.since > i64::try_from(config.min_days).unwrap_or(i64::MAX)
    }

    /// Forgets who has not been there for long.
    pub(crate) fn forget(&mut self) {
        let oldest = self.today - FORGET_DAYS;
        self.principals.retain(|_, past| past.last >= oldest);
    }
}

impl Past {
    fn push(&mut self, amount: u64) {
        if self.days.len() >= DAYS_MAX {
            self.days.remove(0);
        }
        self.days.push(amount);
    }

    pub(crate) fn limit(&self, config: &Config) -> Option<Limit> {
        if self.days.len() < config.min_days {
            return None;
        }
        let usual = Usual::of(&self.days)?;
        let amount = usual.limit(config.false_alarm_rate).max(float(config.floor));
        Some(Limit { amount, median: usual.median() })
    }
}

pub(crate) fn unit_tag(amount: Amount) -> u64 {
    match amount {
        Amount::Rows => 0,
        Amount::Bytes => 1,
        Amount::Reads => 2,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a sum of rows or bytes is told to some digits")]
pub(crate) fn float(amount: u64) -> f64 {
    amount as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float is cut to the range of u64")]
fn whole(amount: f64) -> u64 {
    amount as u64
}

/// Four weeks of days.
pub(crate) const DAYS_MAX: usize = 28;

/// Half a year without a read.
const FORGET_DAYS: i64 = 183;
