//! A document as HTML that mail readers show alike: inline styles, no pictures, nothing fetched, nothing that
//! reports back.

use maud::{DOCTYPE, Markup, html};

use super::document::{Align, Block, Document, Inline, Table, Tone};

/// Words of this length and more may be broken anywhere: ids, digests, addresses. Shorter ones never are.
const LONG_WORD: usize = 20;

const BODY: &str = "margin:0;padding:16px;font:15px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const CELL: &str = "padding:5px 10px;border-bottom:1px solid #8885;vertical-align:top";
const CODE: &str = "font:13px/1.5 ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere";
const PRE: &str = "font:13px/1.5 ui-monospace,Menlo,Consolas,monospace;margin:8px 0;padding:8px 12px;\
                   border-left:3px solid #8888;white-space:pre-wrap;overflow-wrap:anywhere";

pub(super) fn draw(document: &Document, subject: &str) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (subject) }
            }
            body style=(BODY) {
                div style="max-width:760px" {
                    @for block in &document.blocks { (draw_block(block)) "\n" }
                }
            }
        }
    };
    page.into_string() + "\n"
}

fn draw_block(block: &Block) -> Markup {
    match block {
        Block::Title { state, rest, tone } => html! {
            h1 style="font-size:19px;line-height:1.35;margin:0 0 14px" {
                span style=(badge(*tone)) { (state) } " " (rest)
            }
        },
        Block::Heading(heading) => html! { h2 style="font-size:16px;margin:22px 0 6px" { (heading) } },
        Block::Paragraph(inlines) => html! { p style="margin:8px 0" { (draw_inlines(inlines)) } },
        Block::Facts(facts) => html! {
            table style="border-collapse:collapse;margin:10px 0" {
                @for (name, value) in facts {
                    tr {
                        th align="left" style=(format!("{CELL};font-weight:normal;opacity:.75;white-space:nowrap")) { (name) }
                        td style=(cell(value.iter().map(Inline::as_str))) { (draw_inlines(value)) }
                    }
                }
            }
        },
        Block::List(items) => html! {
            ul style="margin:8px 0;padding-left:22px" {
                @for item in items { li style="margin:3px 0" { (draw_inlines(item)) } }
            }
        },
        Block::Table(table) => draw_table(table),
        Block::Verbatim(lines) => html! { pre style=(PRE) { (lines) } },
        Block::Footer(line) => html! {
            p style="margin:26px 0 0;padding-top:8px;border-top:1px solid #8885;font-size:13px;opacity:.75" { (line) }
        },
    }
}

fn draw_table(table: &Table) -> Markup {
    let align = |align: &Align| match align {
        Align::Left => "left",
        Align::Right => "right",
    };
    html! {
        div style="overflow-x:auto" {
            table style="border-collapse:collapse;width:100%;margin:10px 0;font-size:14px" {
                tr {
                    @for (name, side) in &table.columns {
                        th align=(align(side)) style=(format!("{CELL};border-bottom:2px solid #8888")) { (name) }
                    }
                }
                @for row in &table.rows {
                    tr {
                        @for (content, (_, side)) in row.iter().zip(&table.columns) {
                            td align=(align(side)) style=(cell([content.as_str()])) { (content) }
                        }
                    }
                }
            }
        }
        @if let Some(note) = &table.note { p style="margin:8px 0" { (note) } }
    }
}

fn cell<'a>(content: impl IntoIterator<Item = &'a str>) -> String {
    let mut words = content.into_iter().flat_map(str::split_whitespace);
    let has_long_word = words.any(|word| word.chars().count() >= LONG_WORD);
    if has_long_word { format!("{CELL};overflow-wrap:anywhere") } else { CELL.to_owned() }
}

fn draw_inlines(inlines: &[Inline]) -> Markup {
    html! {
        @for inline in inlines {
            @match inline {
                Inline::Text(text) => (text),
                Inline::Strong(text) => strong { (text) },
                Inline::Code(text) => code style=(CODE) { (text) },
            }
        }
    }
}

/// White on a dark ground that stands out in light and in dark mode; the word says the same as the colour.
fn badge(tone: Tone) -> String {
    let ground = match tone {
        Tone::Bad => "#b3261e",
        Tone::Unknown => "#8a5a00",
        Tone::Good => "#1d6f42",
        Tone::Plain => "#3c4a5e",
    };
    format!("background:{ground};color:#fff;padding:2px 8px;border-radius:4px;font-size:15px;white-space:nowrap")
}
