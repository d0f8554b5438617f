//! Five fields, as in Vixie cron, to sets of numbers.
//!
//! The rules are those of crontab(5) of Debian's cron 3.0pl1. Two things that it takes silently are refused here,
//! because they are never meant: `5/10` (it drops the step) and a step longer than the field (it fires once).

use std::str::FromStr;

use cron::TimeUnitSpec;

use super::{CronField, ScheduleError};

const MINUTES_A_DAY: usize = 24 * 60;

/// The civil minutes that an expression names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expression {
    text: String,
    /// One bit for each minute of a day that matches.
    minutes: [u64; MINUTES_A_DAY.div_ceil(64)],
    /// Bit n stands for day n of the month, month n, day n of the week (0 is Sunday).
    days_of_month: u32,
    months: u32,
    days_of_week: u32,
    /// Neither of the two day fields starts with `*`, so that either is enough.
    either_day: bool,
    /// Hour and minute are lists of numbers.
    pub(super) fixed: bool,
}

impl Expression {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn matches_day(&self, date: jiff::civil::Date) -> bool {
        let has = |set: u32, at: i8| set >> at & 1 == 1;
        let of_month = has(self.days_of_month, date.day());
        let of_week = has(self.days_of_week, date.weekday().to_sunday_zero_offset());
        has(self.months, date.month()) && if self.either_day { of_month || of_week } else { of_month && of_week }
    }

    /// The first matching minute of a day from `minute` on.
    pub(super) fn next_minute(&self, minute: usize) -> Option<usize> {
        let mut word = minute / 64;
        let mut bits = self.minutes.get(word)? & (u64::MAX << (minute % 64));
        while bits == 0 {
            word += 1;
            bits = *self.minutes.get(word)?;
        }
        Some(word * 64 + bits.trailing_zeros() as usize)
    }
}

impl FromStr for Expression {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let &[minute, hour, day_of_month, month, day_of_week] = fields.as_slice() else {
            return Err(ScheduleError::FieldCount {
                expression: text.to_owned(),
                found: fields.len(),
                instead: instead(&fields),
            });
        };
        let translated = format!(
            "0 {} {} {} {} {}",
            translate(CronField::Minute, minute)?,
            translate(CronField::Hour, hour)?,
            translate(CronField::DayOfMonth, day_of_month)?,
            translate(CronField::Month, month)?,
            translate(CronField::DayOfWeek, day_of_week)?,
        );
        let expanded = cron::Schedule::from_str(&translated).expect("only checked terms are translated");
        let hours: Vec<u32> = expanded.hours().iter().collect();
        let mut minutes = [0; MINUTES_A_DAY.div_ceil(64)];
        for at in expanded.minutes().iter().flat_map(|minute| hours.iter().map(move |hour| hour * 60 + minute)) {
            minutes[at as usize / 64] |= 1 << (at % 64);
        }
        let expression = Self {
            text: fields.join(" "),
            minutes,
            days_of_month: bits(expanded.days_of_month().iter()),
            months: bits(expanded.months().iter()),
            days_of_week: bits(expanded.days_of_week().iter().map(|day| day - 1)),
            either_day: !day_of_month.starts_with('*') && !day_of_week.starts_with('*'),
            fixed: is_numbers(minute) && is_numbers(hour),
        };
        expression.check_possible(day_of_month, month)?;
        Ok(expression)
    }
}

impl Expression {
    /// Refuses the 30th of February and its like. Every day of the week comes to fall on every date of a year
    /// within the 400 years after which the Gregorian calendar repeats, so that nothing else is impossible.
    fn check_possible(&self, day_of_month: &str, month: &str) -> Result<(), ScheduleError> {
        const DAYS: [i8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let longest = (1..).zip(DAYS).filter(|(month, _)| self.months >> month & 1 == 1).map(|(_, days)| days).max();
        let first = self.days_of_month.trailing_zeros();
        if self.either_day || longest.is_some_and(|days| first <= u32::from(days.unsigned_abs())) {
            return Ok(());
        }
        Err(ScheduleError::Impossible {
            expression: self.text.clone(),
            why: format!("no month of `{month}` has a day `{day_of_month}`"),
        })
    }
}

/// One field in the dialect of the `cron` crate, numbers only.
fn translate(field: CronField, text: &str) -> Result<String, ScheduleError> {
    let terms: Result<Vec<String>, _> = text.split(',').map(|term| translate_term(field, text, term)).collect();
    Ok(terms?.join(","))
}

fn translate_term(field: CronField, text: &str, term: &str) -> Result<String, ScheduleError> {
    let refuse = |problem: String| ScheduleError::Field { field, text: text.to_owned(), problem };
    let (low, high) = bounds(field);
    let (range, step) = match term.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (term, None),
    };
    let (from, to) = if range == "*" {
        (low, high)
    } else if let Some((from, to)) = range.split_once('-') {
        let from = number(field, from).map_err(refuse)?;
        // `fri-sun` can only mean the Sunday at the week's end.
        let sunday_at_the_end = field == CronField::DayOfWeek && to.eq_ignore_ascii_case("sun");
        (from, if sunday_at_the_end { 7 } else { number(field, to).map_err(refuse)? })
    } else {
        let at = number(field, range).map_err(refuse)?;
        if step.is_some() {
            return Err(refuse(format!(
                "a step follows `*` or a range, such as `{at}-{high}/{}`",
                step.unwrap_or("2")
            )));
        }
        (at, at)
    };
    if from > to {
        return Err(refuse(format!("the range `{range}` runs backwards; write it as a list of two")));
    }
    let step = match step {
        None => 1,
        Some(step) => match digits(step) {
            Some(0) => return Err(refuse("a step of 0 gets nowhere".to_owned())),
            Some(step) if step <= high => step,
            Some(step) => {
                return Err(refuse(format!("the step {step} is longer than the field; `every` has no such limit")));
            }
            None => return Err(refuse(format!("`{step}` is not a step"))),
        },
    };
    if field == CronField::DayOfWeek {
        // There Sunday is 1 and Saturday 7.
        let days: Vec<String> = (from..=to).step_by(step as usize).map(|day| (day % 7 + 1).to_string()).collect();
        return Ok(days.join(","));
    }
    Ok(format!("{from}-{to}/{step}"))
}

fn number(field: CronField, text: &str) -> Result<u32, String> {
    let (low, high) = bounds(field);
    match digits(text).or_else(|| name(field, text)) {
        Some(number) if (low..=high).contains(&number) => Ok(number),
        Some(number) => Err(format!("{number} is out of bounds")),
        None if text.is_empty() => Err("a number is missing".to_owned()),
        None => Err(format!("`{text}` is not a number{}", if names(field).is_empty() { "" } else { " or name" })),
    }
}

/// Decimal digits and nothing else: no sign.
fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn name(field: CronField, text: &str) -> Option<u32> {
    let at = names(field).iter().position(|name| name.eq_ignore_ascii_case(text))?;
    u32::try_from(at).ok().map(|at| at + bounds(field).0)
}

const fn names(field: CronField) -> &'static [&'static str] {
    match field {
        CronField::Minute | CronField::Hour | CronField::DayOfMonth => &[],
        CronField::Month => &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
        CronField::DayOfWeek => &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    }
}

const fn bounds(field: CronField) -> (u32, u32) {
    match field {
        CronField::Minute => (0, 59),
        CronField::Hour => (0, 23),
        CronField::DayOfMonth => (1, 31),
        CronField::Month => (1, 12),
        CronField::DayOfWeek => (0, 7),
    }
}

fn is_numbers(field: &str) -> bool {
    field.bytes().all(|byte| byte.is_ascii_digit() || byte == b',')
}

fn bits(members: impl Iterator<Item = u32>) -> u32 {
    members.fold(0, |set, member| set | 1 << member)
}

/// What somebody who knows another cron may have meant.
fn instead(fields: &[&str]) -> Option<String> {
    let standard = match fields {
        ["@yearly" | "@annually"] => "0 0 1 1 *",
        ["@monthly"] => "0 0 1 * *",
        ["@weekly"] => "0 0 * * 0",
        ["@daily" | "@midnight"] => "0 0 * * *",
        ["@hourly"] => "0 * * * *",
        // With seconds in front.
        ["0", rest @ ..] if rest.len() == 5 => return Some(rest.join(" ")),
        _ => return None,
    };
    Some(standard.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Expression {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        let error = text.parse::<Expression>().unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }

    fn days_of_week(field: &str) -> u32 {
        parse(&format!("0 0 * * {field}")).days_of_week
    }

    #[test]
    fn sunday_is_0_and_7_and_sun() {
        assert_eq!(days_of_week("0"), 1);
        assert_eq!(days_of_week("7"), 1);
        assert_eq!(days_of_week("Sun"), 1);
        assert_eq!(days_of_week("1"), 0b10);
        assert_eq!(days_of_week("5-7"), 0b110_0001);
        assert_eq!(days_of_week("fri-sun"), 0b110_0001);
        assert_eq!(days_of_week("sun-tue"), 0b111);
        assert_eq!(days_of_week("0-7"), 0b111_1111);
        assert_eq!(days_of_week("*/2"), 0b101_0101);
        assert_eq!(days_of_week("1-5/2,6"), 0b110_1010);
    }

    #[test]
    fn fixed_is_numbers_in_hour_and_minute() {
        for (text, fixed) in [
            ("30 2 * * *", true),
            ("0,30 2,3 */2 1-6 mon-fri", true),
            ("0 * * * *", false),
            ("* 2 * * *", false),
            ("0-30 2 * * *", false),
            ("0 2-3 * * *", false),
            ("0 */6 * * *", false),
        ] {
            assert_eq!(parse(text).fixed, fixed, "{text}");
        }
    }

    #[test]
    fn white_space_and_letter_case_mean_nothing() {
        assert_eq!(parse(" 5\t4  * JAN-mar SUN "), parse("5 4 * Jan-Mar sUn").with_text("5 4 * JAN-mar SUN"));
    }

    #[test]
    fn an_error_names_the_field_and_what_is_allowed() {
        check_error("60 * * * *", "`60` in the minute field: 60 is out of bounds; allowed are 0 to 59, ");
        check_error("* 24 * * *", "`24` in the hour field: 24 is out of bounds; allowed are 0 to 23, ");
        check_error("* * 0 * *", "`0` in the day-of-month field: 0 is out of bounds; allowed are 1 to 31, ");
        check_error("* * * 13 *", "`13` in the month field: 13 is out of bounds");
        check_error("* * * * 8", "`8` in the day-of-week field: 8 is out of bounds; allowed are 0 to 7 (0 and 7");
        check_error("* * * * sunday", "`sunday` in the day-of-week field: `sunday` is not a number or name");
        check_error("5/10 * * * *", "`5/10` in the minute field: a step follows `*` or a range, such as `5-59/10`");
        check_error("*/0 * * * *", "`*/0` in the minute field: a step of 0 gets nowhere");
        check_error("*/90 * * * *", "`*/90` in the minute field: the step 90 is longer than the field");
        check_error("30-10 * * * *", "`30-10` in the minute field: the range `30-10` runs backwards");
        check_error("1,,2 * * * *", "`1,,2` in the minute field: a number is missing");
        check_error("+1 * * * *", "`+1` in the minute field: `+1` is not a number;");
        check_error("? * * * *", "`?` in the minute field: `?` is not a number;");
        check_error("99999999999 * * * *", "`99999999999` in the minute field: `99999999999` is not a number;");
    }

    #[test]
    fn another_cron_s_dialect_is_answered_with_this_one_s() {
        check_error("@daily", "`@daily` has 1 fields; write five: minute, hour, day of month, month, day of week (did");
        let error = "0 0 6 * * *".parse::<Expression>().unwrap_err().to_string();
        assert!(error.ends_with("(did you mean `0 6 * * *`?)"), "{error}");
        check_error("", "`` has 0 fields");
    }

    #[test]
    fn a_day_that_no_month_has_is_refused() {
        check_error("0 6 30 2 *", "`0 6 30 2 *` never fires: no month of `2` has a day `30`");
        check_error("0 6 31 feb,4,6,9,11 *", "`0 6 31 feb,4,6,9,11 *` never fires");
        for possible in ["0 6 29 2 *", "0 6 30 2 mon", "0 6 31 4,5 *", "0 6 29 2 */7"] {
            parse(possible);
        }
    }

    impl Expression {
        fn with_text(mut self, text: &str) -> Self {
            self.text = text.to_owned();
            self
        }
    }
}
