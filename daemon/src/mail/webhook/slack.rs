//! Slack's incoming webhooks: a text for notifications, and blocks.
//!
//! `&`, `<` and `>` are escaped, so that no text of a plugin is a mention, a link or a command; `verbatim` keeps Slack
//! from finding any in plain words, and links are not unfolded, for that would fetch them.

use serde_json::{Value, json};

use super::{Sheet, json};
use crate::mail::document::{Block, Inline, Table};

/// Of one section; longer ones are refused.
const SECTION_CHARS_MAX: usize = 3_000;

const HEADER_CHARS_MAX: usize = 150;

/// A message has at most 50 blocks; the header, the note of a cut and the footer are three.
const SECTIONS_MAX: usize = 47;

/// All sections: more would be scrolled past in a channel.
const TEXT_CHARS_MAX: usize = 20_000;

const CUT: &str = "… (cut: `evidenced status` and the mail have all)";

pub(super) fn body(sheet: &Sheet<'_>) -> String {
    let mut page = Page::default();
    let mut footer = format!("{}, {}", sheet.head.organization, sheet.mail.written);
    for block in &sheet.prepared.document.blocks {
        match block {
            Block::Title { state, rest, .. } if page.header.is_none() => page.header = Some(format!("{state}: {rest}")),
            Block::Footer(line) => footer.clone_from(line),
            block => page.add(block),
        }
    }
    let header = page.header.take().unwrap_or_else(|| sheet.prepared.subject.clone());
    let mut blocks = vec![json!({
        "type": "header",
        "text": { "type": "plain_text", "text": escaped(&header, HEADER_CHARS_MAX), "emoji": false },
    })];
    blocks.extend(page.into_blocks());
    blocks.push(json!({ "type": "context", "elements": [mrkdwn(escaped(&footer, SECTION_CHARS_MAX))] }));
    json(&json!({
        "text": escaped(&sheet.mail.subject, SECTION_CHARS_MAX),
        "blocks": blocks,
        "parse": "none",
        "unfurl_links": false,
        "unfurl_media": false,
    }))
}

fn mrkdwn(text: String) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

/// The sections of a message, as they fill.
#[derive(Default)]
struct Page {
    header: Option<String>,
    sections: Vec<String>,
    /// Lines of the section that is being filled, escaped.
    filling: String,
    chars: usize,
    is_cut: bool,
}

impl Page {
    fn add(&mut self, block: &Block) {
        match block {
            Block::Title { state, rest, .. } => {
                self.end();
                self.line(&format!("*{}* {}", escaped(state, 200), escaped(rest, 400)));
            }
            Block::Heading(heading) => {
                self.end();
                self.line(&format!("*{}*", escaped(heading, 400)));
            }
            Block::Paragraph(inlines) => self.line(&drawn(inlines)),
            Block::Facts(facts) => {
                for (name, value) in facts {
                    self.line(&format!("*{}:* {}", escaped(name, 200), drawn(value)));
                }
            }
            Block::List(items) => {
                for item in items {
                    self.line(&format!("• {}", drawn(item)));
                }
            }
            Block::Table(table) => self.table(table),
            Block::Verbatim(lines) => self.verbatim(lines.lines()),
            Block::Footer(_) => {}
        }
    }

    /// A row a line, the names of the columns before what they name.
    fn table(&mut self, table: &Table) {
        for row in &table.rows {
            let cells = table.columns.iter().zip(row).enumerate().filter(|(_, (_, cell))| !cell.is_empty());
            let cells = cells.map(|(place, ((name, _), cell))| match place {
                0 => format!("*{}*", escaped(cell, 600)),
                _ => format!("{}: {}", escaped(name, 200), escaped(cell, 600)),
            });
            self.line(&format!("• {}", cells.collect::<Vec<_>>().join(" · ")));
        }
        if let Some(note) = &table.note {
            self.line(&escaped(note, 600));
        }
    }

    /// A section of its own, or several: each is fenced for itself.
    fn verbatim<'a>(&mut self, lines: impl Iterator<Item = &'a str>) {
        const FENCE: &str = "```";
        self.end();
        for line in lines {
            // What closes a fence is told by another letter.
            let line = escaped(&line.replace('`', "'"), SECTION_CHARS_MAX / 2);
            if self.filling.chars().count() + line.chars().count() + 2 * FENCE.len() + 2 > SECTION_CHARS_MAX {
                self.filling.push_str(FENCE);
                self.end();
            }
            if self.filling.is_empty() {
                self.filling.push_str(FENCE);
                self.filling.push('\n');
            }
            self.filling.push_str(&line);
            self.filling.push('\n');
        }
        if !self.filling.is_empty() {
            self.filling.push_str(FENCE);
        }
        self.end();
    }

    /// `line` is escaped, and shorter than a section.
    fn line(&mut self, line: &str) {
        let line = whole_entities(line, SECTION_CHARS_MAX);
        if self.filling.chars().count() + 1 + line.chars().count() > SECTION_CHARS_MAX {
            self.end();
        }
        if !self.filling.is_empty() {
            self.filling.push('\n');
        }
        self.filling.push_str(line);
    }

    fn end(&mut self) {
        let section = std::mem::take(&mut self.filling);
        let chars = section.chars().count();
        if chars == 0 || self.is_cut {
            return;
        }
        if self.sections.len() == SECTIONS_MAX || self.chars + chars > TEXT_CHARS_MAX {
            self.is_cut = true;
            return;
        }
        self.chars += chars;
        self.sections.push(section);
    }

    fn into_blocks(mut self) -> impl Iterator<Item = Value> {
        self.end();
        if self.is_cut {
            self.sections.push(CUT.to_owned());
        }
        self.sections.into_iter().map(|section| json!({ "type": "section", "text": mrkdwn(section) }))
    }
}

fn drawn(inlines: &[Inline]) -> String {
    let draw = |inline: &Inline| match inline {
        Inline::Text(text) => escaped(text, SECTION_CHARS_MAX),
        Inline::Strong(text) => {
            let bare = text.trim();
            // The marks stand beside letters, and the blanks outside of them.
            let (before, after) = text.split_once(bare).unwrap_or(("", ""));
            if bare.is_empty() {
                text.clone()
            } else {
                format!("{before}*{}*{after}", escaped(bare, SECTION_CHARS_MAX))
            }
        }
        Inline::Code(text) => format!("`{}`", escaped(&text.replace('`', "'"), SECTION_CHARS_MAX)),
    };
    inlines.iter().map(draw).collect()
}

/// At most so many characters once it is escaped; what is longer ends in `…`. Words that would call everybody where
/// somebody reads mentions in plain text get another sign.
fn escaped(text: &str, chars_max: usize) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut chars = 0;
    let harmless = ["channel", "here", "everyone"]
        .iter()
        // Two in a row may become a fence with a third beside them.
        .fold(text.replace("``", "''"), |text, word| text.replace(&format!("@{word}"), &format!("\u{ff20}{word}")));
    for letter in harmless.chars() {
        let entity = match letter {
            '&' => Some("&amp;"),
            '<' => Some("&lt;"),
            '>' => Some("&gt;"),
            _ => None,
        };
        chars += entity.map_or(1, str::len);
        if chars >= chars_max {
            safe.push('…');
            break;
        }
        match entity {
            Some(entity) => safe.push_str(entity),
            None => safe.push(letter),
        }
    }
    safe
}

/// The beginning of an escaped text, without half an entity at its end.
fn whole_entities(text: &str, chars_max: usize) -> &str {
    let Some((end, _)) = text.char_indices().nth(chars_max) else { return text };
    let cut = &text[..end];
    match cut.rfind('&') {
        Some(open) if !cut[open..].contains(';') => &cut[..open],
        _ => cut,
    }
}
