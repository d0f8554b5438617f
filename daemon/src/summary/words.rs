//! What a number of tests came to, in words. No word here says that a control works: only what was tested.

use crate::domain::DayRow;

/// `No deviations in 358 of 365 scheduled tests (4 not performed, 3 without a result)`.
pub fn result(row: &DayRow) -> String {
    if row.due() == 0 {
        return "No tests were scheduled".to_owned();
    }
    let deviations = match row.deviations {
        0 => "No deviations".to_owned(),
        1 => "1 deviation".to_owned(),
        many => format!("{} deviations", grouped(many)),
    };
    let (tested, due, missed) = (grouped(row.tested()), grouped(row.due()), grouped(row.missed_total()));
    let unanswered = match row.error {
        0 => String::new(),
        errors => format!(", {} without a result", grouped(errors)),
    };
    let tests = if row.due() == 1 { "test" } else { "tests" };
    format!("{deviations} in {tested} of {due} scheduled {tests} ({missed} not performed{unanswered})")
}

/// Share of scheduled tests that gave a result: `98.1 %`. Never rounded up to 100 %.
pub fn coverage(row: &DayRow) -> String {
    if row.due() == 0 {
        return "–".to_owned();
    }
    let tenths = row.tested() * 1000 / row.due();
    if tenths == 1000 { "100 %".to_owned() } else { format!("{}.{} %", tenths / 10, tenths % 10) }
}

/// `18,200`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MissedReason;

    #[test]
    fn the_result_says_what_was_tested_and_what_was_not() {
        let mut row = DayRow { run: 361, pass: 358, error: 3, ..DayRow::default() };
        row.missed.insert(MissedReason::Down, 4);
        assert_eq!(result(&row), "No deviations in 358 of 365 scheduled tests (4 not performed, 3 without a result)");
        assert_eq!(coverage(&row), "98.0 %");
        let row = DayRow { run: 2_000, pass: 1_999, fail: 1, deviations: 1, ..DayRow::default() };
        assert_eq!(result(&row), "1 deviation in 2,000 of 2,000 scheduled tests (0 not performed)");
        assert_eq!(coverage(&row), "100 %");
        let row = DayRow { run: 99_999, pass: 99_998, error: 1, ..DayRow::default() };
        assert_eq!(coverage(&row), "99.9 %");
        assert_eq!(result(&DayRow::default()), "No tests were scheduled");
    }
}
