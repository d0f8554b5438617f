//! A letter's content, once, for both of its forms: [`super::text`] and [`super::html`] draw the same blocks.
//!
//! Text enters only through the constructors here, which make it harmless ([`super::clean`]).

use serde::{Deserialize, Serialize};

use super::clean;

/// No single text in a mail is longer; what is, was never meant for a person.
const INLINE_CHARS_MAX: usize = 1_200;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Document {
    pub(super) blocks: Vec<Block>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Block {
    /// The state in one line; what a phone shows first.
    Title {
        state: String,
        rest: String,
        tone: Tone,
    },
    Heading(String),
    Paragraph(Vec<Inline>),
    /// Names and values, one a line.
    Facts(Vec<(String, Vec<Inline>)>),
    List(Vec<Vec<Inline>>),
    Table(Table),
    /// A command to type, or lines whose breaks matter.
    Verbatim(String),
    /// Who wrote it and why one got it.
    Footer(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Tone {
    Bad,
    Unknown,
    Good,
    Plain,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Inline {
    Text(String),
    Strong(String),
    /// To be read letter by letter: ids, commands, digests.
    Code(String),
}

impl Inline {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Text(text) | Self::Strong(text) | Self::Code(text) => text,
        }
    }
}

/// Cells are plain text; the first column names the row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Table {
    pub(super) columns: Vec<(String, Align)>,
    pub(super) rows: Vec<Vec<String>>,
    /// Such as "and 12 more".
    pub(super) note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Align {
    Left,
    Right,
}

impl Table {
    pub(super) fn new<const N: usize>(columns: [(&str, Align); N]) -> Self {
        let columns = columns.map(|(name, align)| (name.to_owned(), align)).into();
        Self { columns, rows: Vec::new(), note: None }
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.columns.len(), "a row has as many cells as there are columns");
        self.rows.push(cells.iter().map(|cell| clean::line(cell, 300)).collect());
    }

    /// Whether any row has something in this column; an empty one is not drawn.
    pub(super) fn without_empty_columns(&self) -> Self {
        let used: Vec<bool> =
            (0..self.columns.len()).map(|at| self.rows.iter().any(|row| !row[at].is_empty())).collect();
        let mut keep = used.iter();
        let columns = self.columns.iter().filter(|_| *keep.next().unwrap_or(&true)).cloned().collect();
        let pick =
            |row: &Vec<String>| row.iter().zip(&used).filter(|(_, used)| **used).map(|(c, _)| c.clone()).collect();
        Self { columns, rows: self.rows.iter().map(pick).collect(), note: self.note.clone() }
    }
}

pub(super) fn text(text: impl AsRef<str>) -> Inline {
    Inline::Text(inline(text.as_ref()))
}

pub(super) fn strong(text: impl AsRef<str>) -> Inline {
    Inline::Strong(inline(text.as_ref()))
}

pub(super) fn code(text: impl AsRef<str>) -> Inline {
    Inline::Code(clean::line(text.as_ref(), INLINE_CHARS_MAX))
}

/// What somebody decides on, to its last letter.
pub(super) fn whole(text: impl AsRef<str>) -> Inline {
    Inline::Code(clean::whole(text.as_ref()))
}

/// Blanks at the ends are meant: inlines stand side by side.
fn inline(text: &str) -> String {
    let start = if text.starts_with(' ') { " " } else { "" };
    let end = if text.len() > 1 && text.ends_with(' ') { " " } else { "" };
    format!("{start}{}{end}", clean::line(text, INLINE_CHARS_MAX))
}

impl Document {
    pub(super) fn title(&mut self, state: &str, rest: &str, tone: Tone) {
        let rest = clean::line(rest, 200);
        self.blocks.push(Block::Title { state: state.to_owned(), rest, tone });
    }

    pub(super) fn heading(&mut self, heading: &str) {
        self.blocks.push(Block::Heading(clean::line(heading, 100)));
    }

    pub(super) fn paragraph(&mut self, inlines: impl Into<Vec<Inline>>) {
        self.blocks.push(Block::Paragraph(inlines.into()));
    }

    pub(super) fn say(&mut self, sentence: impl AsRef<str>) {
        self.paragraph([text(sentence)]);
    }

    /// Leaves out what has no value.
    pub(super) fn facts(&mut self, facts: impl IntoIterator<Item = (&'static str, Vec<Inline>)>) {
        let has_value = |value: &[Inline]| value.iter().any(|inline| !inline.as_str().is_empty());
        let facts = facts.into_iter().filter(|(_, value)| has_value(value));
        self.blocks.push(Block::Facts(facts.map(|(name, value)| (name.to_owned(), value)).collect()));
    }

    pub(super) fn list(&mut self, items: Vec<Vec<Inline>>) {
        self.blocks.push(Block::List(items));
    }

    /// A table without rows is not drawn.
    pub(super) fn table(&mut self, table: &Table) {
        if !table.rows.is_empty() {
            self.blocks.push(Block::Table(table.without_empty_columns()));
        }
    }

    pub(super) fn verbatim(&mut self, lines: &str, lines_max: usize) {
        self.blocks.push(Block::Verbatim(clean::block(lines, lines_max)));
    }

    pub(super) fn footer(&mut self, line: &str) {
        self.blocks.push(Block::Footer(clean::line(line, INLINE_CHARS_MAX)));
    }
}
