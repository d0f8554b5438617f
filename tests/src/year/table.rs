//! The story as a table: day, happening, entries, mails.

use std::fmt::Write as _;

use super::{life::Lived, time::local};

/// Columns are as wide as this; what is longer goes on in the next line.
const WIDTHS: [usize; 4] = [11, 34, 40, 52];

/// One row a happening.
pub fn table(lived: &Lived) -> String {
    let mut text = String::new();
    line(&mut text, ["day", "happening", "entries", "mails (readers)"].map(|head| vec![head.to_owned()]));
    line(&mut text, WIDTHS.map(|width| vec!["-".repeat(width)]));
    for row in &lived.rows {
        let day = local(row.happening.from);
        let mails = row.mails.iter().map(|mail| {
            let delayed =
                mail.delayed.as_deref().map(|words| format!(", {}", words.split(';').next().unwrap_or(words)));
            let at = local(mail.at);
            format!("{} {} ({}{})", &at[5..], mail.subject, mail.reader, delayed.unwrap_or_default())
        });
        let entries = row.entries.iter().map(|(kind, count)| match count {
            1 => kind.clone(),
            _ => format!("{kind} x{count}"),
        });
        line(
            &mut text,
            [
                vec![day[5..].to_owned()],
                wrapped(row.happening.what, WIDTHS[1]),
                wrapped(&entries.collect::<Vec<_>>().join(", "), WIDTHS[2]),
                mails.flat_map(|mail| cut(&mail, WIDTHS[3])).collect(),
            ],
        );
    }
    let _infallible = write!(text, "\n{}", lived.counts());
    text
}

fn line(text: &mut String, cells: [Vec<String>; 4]) {
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    for row in 0..height {
        let parts = cells.iter().zip(WIDTHS).map(|(cell, width)| {
            let words = cell.get(row).map(String::as_str).unwrap_or_default();
            format!("{words:width$}")
        });
        let whole = parts.collect::<Vec<_>>().join("  ");
        text.push_str(whole.trim_end());
        text.push('\n');
    }
}

fn wrapped(words: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words.split(' ') {
        let last = lines.last_mut().map_or(0, |line| line.len());
        if last > 0 && last + 1 + word.len() > width {
            lines.push(word.to_owned());
        } else if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// A long subject ends in the middle: its readers follow in the next line.
fn cut(mail: &str, width: usize) -> Vec<String> {
    wrapped(mail, width)
        .into_iter()
        .enumerate()
        .map(|(at, line)| if at > 0 { format!("  {line}") } else { line })
        .collect()
}
