//! A document as plain text, 76 columns wide (RFC 5322, section 2.1.1 recommends at most 78).

use super::document::{Align, Block, Document, Inline, Table};

const WIDTH: usize = 76;

pub(super) fn draw(document: &Document) -> String {
    let mut out = String::new();
    for block in &document.blocks {
        if !out.is_empty() {
            out.push('\n');
        }
        draw_block(&mut out, block);
    }
    out
}

fn draw_block(out: &mut String, block: &Block) {
    match block {
        Block::Title { state, rest, .. } => wrap(out, &format!("{state}: {rest}"), "", "  "),
        Block::Heading(heading) => {
            out.push_str(&heading.to_uppercase());
            out.push('\n');
        }
        Block::Paragraph(inlines) => wrap(out, &joined(inlines), "", ""),
        Block::Facts(facts) => {
            let width = facts.iter().map(|(name, _)| chars(name)).max().unwrap_or(0);
            for (name, value) in facts {
                let first = format!("  {name}{}  ", " ".repeat(width - chars(name)));
                wrap(out, &joined(value), &first, &" ".repeat(width + 4));
            }
        }
        Block::List(items) => {
            for item in items {
                wrap(out, &joined(item), "  - ", "    ");
            }
        }
        Block::Table(table) => draw_table(out, table),
        Block::Verbatim(lines) => {
            for line in lines.lines() {
                out.push_str("    ");
                out.push_str(line);
                out.push('\n');
            }
        }
        Block::Footer(line) => {
            // The usual mark of a signature, so that a reader may fold it away (RFC 3676, section 4.3).
            out.push_str("-- \n");
            wrap(out, line, "", "");
        }
    }
}

/// Side by side if that fits, else one row below the other.
fn draw_table(out: &mut String, table: &Table) {
    let width = |at: usize| {
        let cells = table.rows.iter().map(|row| chars(&row[at]));
        cells.chain([chars(&table.columns[at].0)]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..table.columns.len()).map(width).collect();
    let total = 2 + widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
    if total <= WIDTH {
        let names: Vec<_> = table.columns.iter().map(|(name, _)| name.clone()).collect();
        draw_row(out, &names, table, &widths);
        let rule: Vec<_> = widths.iter().map(|width| "-".repeat(*width)).collect();
        draw_row(out, &rule, table, &widths);
        for row in &table.rows {
            draw_row(out, row, table, &widths);
        }
    } else {
        draw_records(out, table);
    }
    if let Some(note) = &table.note {
        wrap(out, note, "  ", "  ");
    }
}

fn draw_row(out: &mut String, cells: &[String], table: &Table, widths: &[usize]) {
    let mut line = String::new();
    for ((cell, (_, align)), width) in cells.iter().zip(&table.columns).zip(widths) {
        line.push_str("  ");
        let room = " ".repeat(width - chars(cell));
        match align {
            Align::Left => line.extend([cell.as_str(), &room]),
            Align::Right => line.extend([&room, cell.as_str()]),
        }
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

fn draw_records(out: &mut String, table: &Table) {
    let names = table.columns.iter().skip(1).map(|(name, _)| name);
    let width = names.clone().map(|name| chars(name)).max().unwrap_or(0);
    for (at, row) in table.rows.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        let (first, rest) = row.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
        wrap(out, first, "  * ", "    ");
        for (name, cell) in names.clone().zip(rest).filter(|(_, cell)| !cell.is_empty()) {
            let label = format!("      {name}{}  ", " ".repeat(width - chars(name)));
            wrap(out, cell, &label, &" ".repeat(width + 8));
        }
    }
}

fn joined(inlines: &[Inline]) -> String {
    inlines.iter().map(Inline::as_str).collect()
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

/// Breaks at blanks; a word that is longer than the line stays whole, so that it can be copied.
fn wrap(out: &mut String, text: &str, first: &str, next: &str) {
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !empty && chars(&line) + 1 + chars(word) > WIDTH {
            out.push_str(line.trim_end());
            out.push('\n');
            line = next.to_owned();
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_is_too_wide_becomes_a_list_of_records() {
        let mut table = Table::new([("Subject", Align::Left), ("Age", Align::Right)]);
        table.row(["ci-deploy".to_owned(), "104 days".to_owned()]);
        let mut out = String::new();
        draw_table(&mut out, &table);
        assert_eq!(out, "  Subject         Age\n  ---------  --------\n  ci-deploy  104 days\n");
        table.row(["k".repeat(70), "9 days".to_owned()]);
        out.clear();
        draw_table(&mut out, &table);
        let long = "k".repeat(70);
        assert_eq!(out, format!("  * ci-deploy\n      Age  104 days\n\n  * {long}\n      Age  9 days\n"));
    }

    #[test]
    fn lines_are_at_most_76_columns_but_for_long_words() {
        let mut out = String::new();
        wrap(&mut out, &format!("{} {}", "word ".repeat(30), "x".repeat(90)), "  Name  ", "        ");
        let (long, short): (Vec<_>, Vec<_>) = out.lines().partition(|line| chars(line) > WIDTH);
        assert_eq!(long.len(), 1);
        assert!(short.iter().all(|line| line.starts_with("  ")));
    }
}
