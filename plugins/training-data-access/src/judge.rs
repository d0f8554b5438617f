//! What the counts of one subject come to, in words.

use evidenced_plugin::{FindingDraft, Verdict, unit};

use crate::{
    baseline::{Day, float},
    config::{Amount, Config, Consequence, Silent},
    event::Target,
    hours::date,
    tally::{Breach, Key, Seen},
};

/// A subject with everything that decides about it.
pub(crate) struct Judged<'a> {
    pub key: &'a Key,
    /// `None` when nothing happened during the interval.
    pub seen: Option<&'a Seen>,
    pub days: &'a [Day],
    /// First seen in this interval, although the control has run for longer than a baseline takes.
    pub is_new: bool,
}

impl Judged<'_> {
    pub(crate) fn verdict(&self, config: &Config, finding: &mut FindingDraft) -> Verdict {
        let Some(seen) = self.seen else {
            return Verdict::pass("nothing in this interval");
        };
        if let Some(last) = seen.last {
            finding.as_of(last.to_instant());
        }
        self.measure(config, seen, finding);

        let mut failures = Vec::new();
        let mut notes = Vec::new();
        for (breach, count) in &seen.breaches {
            let words = words_of(*breach, self.key.target, *count);
            if breach.consequence(config, self.key.target, *count) == Consequence::Fail {
                failures.push(words)
            } else {
                notes.push(words)
            }
        }
        for day in self.days.iter().filter(|day| day.is_far_above()) {
            failures.push(self.far_above(config, day));
        }
        for day in self.days.iter().filter(|day| day.limit.is_none()) {
            if config.without_baseline_max.is_some_and(|most| day.amount > most) {
                failures.push(format!(
                    "{} on {}, without a baseline",
                    amount(config, float(day.amount)),
                    date(day.day)
                ));
            }
        }
        if failures.is_empty() && seen.breaking.is_empty() {
            return self.quiet(config, seen);
        }
        if seen.breaking.len() == 1 && !self.days.iter().any(Day::is_far_above) {
            finding.event(seen.breaking_id.clone());
        }
        notes.extend(uncounted(seen));
        if failures.is_empty() {
            return Verdict::pass(notes.join("; ")).with_attention_if(true);
        }
        failures.append(&mut notes);
        Verdict::fail(failures.join("; "))
    }

    fn quiet(&self, config: &Config, seen: &Seen) -> Verdict {
        let mut words = vec![reads(config, seen)];
        words.extend(uncounted(seen));
        let mut attention = seen.broken_off > 0 || (seen.uncounted > 0 && self.needs_bulk_attention(config));
        if let Some(day) = self.days.iter().rev().find(|day| day.limit.is_none()) {
            words.push(format!("no baseline yet ({} of {} days)", day.days, config.min_days));
        }
        if self.is_new {
            words.push("new".to_owned());
            attention = true;
        }
        Verdict::pass(words.join("; ")).with_attention_if(attention)
    }

    /// Who is listed under `bulk` is known to read so.
    fn needs_bulk_attention(&self, config: &Config) -> bool {
        match self.key.target {
            Target::Dataset(place) => config.datasets.get(place).is_some_and(|dataset| dataset.bulk.is_none()),
            Target::Unnamed | Target::Login | Target::Audit => true,
        }
    }

    fn measure(&self, config: &Config, seen: &Seen, finding: &mut FindingDraft) {
        let (name, day_name, unit) = match config.amount {
            Amount::Rows => ("rows", "rows_of_day", unit::ONE),
            Amount::Bytes => ("bytes", "bytes_of_day", unit::BYTE),
            Amount::Reads => ("reads", "reads_of_day", unit::ONE),
        };
        if matches!(self.key.target, Target::Dataset(_) | Target::Unnamed) {
            finding.measure("reads", float(seen.reads), unit::ONE);
            if config.amount != Amount::Reads && !seen.has_no_amount() {
                finding.measure(name, float(seen.amount), unit);
            }
        }
        let worst = self.days.iter().max_by(|one, other| excess(one).total_cmp(&excess(other)));
        match worst.map(|day| (day, day.limit)) {
            Some((day, Some(limit))) => {
                finding.at_most(day_name, float(day.amount), unit, limit.amount.floor());
            }
            Some((day, None)) => finding.measure(day_name, float(day.amount), unit),
            None => {}
        }
        for (breach, count) in &seen.breaches {
            finding.measure(breach.name(), float(*count), unit::ONE);
        }
    }

    fn far_above(&self, config: &Config, day: &Day) -> String {
        let Some(limit) = day.limit else { return String::new() };
        format!(
            "{} on {}, its own limit is {} (usually {}, {} days; one false alarm in {} days)",
            amount(config, float(day.amount)),
            date(day.day),
            grouped(limit.amount.floor()),
            grouped(limit.median.round()),
            day.days,
            grouped((1.0 / config.false_alarm_rate).round())
        )
    }
}

impl Breach {
    fn consequence(self, config: &Config, target: Target, count: u64) -> Consequence {
        match self {
            // Everybody mistypes a password now and then.
            Self::Refused if target == Target::Login => {
                if count > config.refused_logins_max {
                    Consequence::Fail
                } else {
                    Consequence::Attention
                }
            }
            Self::Refused => config.refused,
            Self::OutsideHours => config.outside_hours,
            Self::SilentSession => match config.silent_sessions {
                Silent::Fail => Consequence::Fail,
                Silent::Attention | Silent::Ignore => Consequence::Attention,
            },
            Self::LogChanged => Consequence::Attention,
            Self::NotAllowed | Self::OtherNetwork | Self::NotInBulk | Self::Unaudited | Self::LogWeakened => {
                Consequence::Fail
            }
        }
    }

    /// Of the measurement.
    fn name(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::Refused => "refused",
            Self::OtherNetwork => "other_network",
            Self::OutsideHours => "outside_hours",
            Self::NotInBulk => "not_in_bulk",
            Self::Unaudited => "unaudited",
            Self::LogWeakened => "log_weakened",
            Self::LogChanged => "log_changed",
            Self::SilentSession => "silent_sessions",
        }
    }
}

fn words_of(breach: Breach, target: Target, count: u64) -> String {
    let reads = reads_of(count);
    match breach {
        Breach::NotAllowed => format!("{reads} by somebody who is not on the allow list"),
        Breach::Refused if target == Target::Login => format!("login refused {}", times(count)),
        Breach::Refused => format!("access refused {}", times(count)),
        Breach::OtherNetwork => format!("{reads} from a network that is not allowed"),
        Breach::OutsideHours => format!("{reads} outside of the hours that are allowed"),
        Breach::NotInBulk => format!("{reads} in bulk by somebody whom `bulk` does not list"),
        Breach::Unaudited => format!("{reads} without a line in the audit log"),
        Breach::LogWeakened => format!("switched off or weakened {}", times(count)),
        Breach::LogChanged => format!("changed {}", times(count)),
        Breach::SilentSession => {
            format!(
                "{} without any line in the audit log",
                if count == 1 { "1 session".to_owned() } else { format!("{count} sessions") }
            )
        }
    }
}

/// Reads whose amount is not in the log.
fn uncounted(seen: &Seen) -> Vec<String> {
    let mut words = Vec::new();
    if seen.uncounted > 0 {
        words.push(format!("{} in bulk whose amount is not in the log", reads_of(seen.uncounted)));
    }
    if seen.broken_off > 0 {
        words.push(format!("{} that an error ended, whose amount is not in the log", reads_of(seen.broken_off)));
    }
    words
}

fn reads_of(count: u64) -> String {
    if count == 1 { "1 read".to_owned() } else { format!("{} reads", grouped(float(count))) }
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{} times", grouped(float(count))),
    }
}

fn reads(config: &Config, seen: &Seen) -> String {
    let reads = format!("read {}", times(seen.reads));
    match config.amount {
        Amount::Reads => reads,
        Amount::Rows | Amount::Bytes if seen.has_no_amount() => reads,
        Amount::Rows | Amount::Bytes => format!("{reads}, {}", amount(config, float(seen.amount))),
    }
}

fn amount(config: &Config, amount: f64) -> String {
    let one = match config.amount {
        Amount::Rows => "row",
        Amount::Bytes => "byte",
        Amount::Reads => "read",
    };
    format!("{} {one}{}", grouped(amount), if amount == 1.0 { "" } else { "s" })
}

/// A whole number with commas: 12,345.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many times its limit a day is; without a limit, less than any.
fn excess(day: &Day) -> f64 {
    day.limit.map_or(-1.0 / (1.0 + float(day.amount)), |limit| float(day.amount) / limit.amount.max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_in_groups() {
        assert_eq!([0.0, 999.0, 1000.0, 1_234_567.4].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([1, 2, 3000].map(times), ["once", "twice", "3,000 times"]);
    }
}
