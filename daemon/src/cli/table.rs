//! Columns of text, aligned for a person.

use std::fmt::Write;

use crate::domain::escaped;

/// Each column as wide as its widest cell; the last one is not padded. Widths count characters. A cell is one line,
/// whatever stands in it.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<_>> = rows.iter().map(|row| row.iter().map(|cell| escaped(cell)).collect()).collect();
    let mut widths: Vec<_> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let head: Vec<_> = head.iter().map(|cell| (*cell).to_owned()).collect();
    for row in std::iter::once(&head).chain(&rows) {
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = if at + 1 == row.len() { 0 } else { width + 2 - cell.chars().count() };
            let _infallible = write!(text, "{cell}{}", " ".repeat(gap));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = vec![vec!["SEC-01".into(), "fail".into()], vec!["ä".into(), String::new()]];
        assert_eq!(table(&["control", "outcome"], &rows), "control  outcome\nSEC-01   fail\nä\n");
    }

    #[test]
    fn a_cell_forges_no_row_and_steers_no_terminal() {
        let rows = vec![vec!["a\nSEC-02  pass\u{1b}[2J".into()]];
        assert_eq!(table(&["subject"], &rows), "subject\na\\nSEC-02  pass\\u{1b}[2J\n");
    }
}
