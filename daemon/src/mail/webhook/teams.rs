//! A workflow of Microsoft Teams that posts what a webhook gets: a message with one Adaptive Card.
//!
//! All text stands in text runs, which know no Markdown: nothing in it is a link or a mention. A mention needs an entity
//! in the card besides, and there is none.

use serde_json::{Value, json};

use super::{Sheet, json};
use crate::mail::document::{Block, Inline, Table, Tone};

/// Teams takes 28 KB; some is left for what it adds.
const MESSAGE_BYTES_MAX: usize = 27 << 10;

const CUT: &str = "… (cut: `evidenced status` and the mail have all)";

pub(super) fn body(sheet: &Sheet<'_>) -> String {
    let all: Vec<_> = sheet.prepared.document.blocks.iter().flat_map(drawn).collect();
    let footer = format!("{}, instance {}, {}", sheet.head.organization, sheet.head.instance, sheet.mail.written);
    let last = block(vec![run(&short(&footer, 300), Look { subtle: true, ..Look::default() })]);
    let room = MESSAGE_BYTES_MAX - json(&message(sheet, vec![cut(), last.clone()])).len();
    let mut body = Vec::new();
    let mut bytes = 0;
    for element in all {
        bytes += json(&element).len() + 1;
        if bytes > room {
            body.push(cut());
            break;
        }
        body.push(element);
    }
    body.push(last);
    json(&message(sheet, body))
}

fn message(sheet: &Sheet<'_>, body: Vec<Value>) -> Value {
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "fallbackText": short(&sheet.mail.subject, 300),
                "msteams": { "width": "Full" },
                "body": body,
            },
        }],
    })
}

/// How a run is drawn.
#[derive(Debug, Clone, Copy, Default)]
struct Look {
    bold: bool,
    mono: bool,
    large: bool,
    subtle: bool,
    color: Option<&'static str>,
}

fn run(text: &str, look: Look) -> Value {
    let mut run = json!({ "type": "TextRun", "text": text });
    if look.bold {
        run["weight"] = json!("Bolder");
    }
    if look.mono {
        run["fontType"] = json!("Monospace");
    }
    if look.large {
        run["size"] = json!("Large");
    }
    if look.subtle {
        run["isSubtle"] = json!(true);
    }
    if let Some(color) = look.color {
        run["color"] = json!(color);
    }
    run
}

fn block(runs: Vec<Value>) -> Value {
    json!({ "type": "RichTextBlock", "inlines": runs })
}

fn cut() -> Value {
    block(vec![run(CUT, Look { subtle: true, ..Look::default() })])
}

fn drawn(of: &Block) -> Vec<Value> {
    let bold = Look { bold: true, ..Look::default() };
    match of {
        Block::Title { state, rest, tone } => {
            let color = match tone {
                Tone::Bad => "Attention",
                Tone::Unknown => "Warning",
                Tone::Good => "Good",
                Tone::Plain => "Default",
            };
            let state =
                run(&format!("{state} "), Look { bold: true, large: true, color: Some(color), ..Look::default() });
            vec![block(vec![state, run(rest, Look { large: true, ..Look::default() })])]
        }
        Block::Heading(heading) => vec![block(vec![run(heading, bold)])],
        Block::Paragraph(inlines) => vec![block(runs(inlines))],
        Block::Facts(facts) => {
            let line = |(name, value): &(String, Vec<Inline>)| {
                block(std::iter::once(run(&format!("{name}: "), bold)).chain(runs(value)).collect())
            };
            facts.iter().map(line).collect()
        }
        Block::List(items) => {
            let line =
                |item: &Vec<Inline>| block(std::iter::once(run("• ", Look::default())).chain(runs(item)).collect());
            items.iter().map(line).collect()
        }
        Block::Table(table) => rows(table),
        Block::Verbatim(lines) => {
            let mono = Look { mono: true, ..Look::default() };
            lines.lines().map(|line| block(vec![run(line, mono)])).collect()
        }
        // The card has one of its own.
        Block::Footer(_) => Vec::new(),
    }
}

/// A row a line, the names of the columns before what they name.
fn rows(table: &Table) -> Vec<Value> {
    let mut lines = Vec::with_capacity(table.rows.len());
    for row in &table.rows {
        let mut runs = vec![run("• ", Look::default())];
        for (place, ((name, _), cell)) in table.columns.iter().zip(row).enumerate() {
            if cell.is_empty() {
                continue;
            }
            runs.push(match place {
                0 => run(cell, Look { bold: true, ..Look::default() }),
                _ => run(&format!(" · {name}: {cell}"), Look::default()),
            });
        }
        lines.push(block(runs));
    }
    lines.extend(table.note.as_ref().map(|note| block(vec![run(note, Look::default())])));
    lines
}

fn runs(inlines: &[Inline]) -> Vec<Value> {
    let draw = |inline: &Inline| match inline {
        Inline::Text(text) => run(text, Look::default()),
        Inline::Strong(text) => run(text, Look { bold: true, ..Look::default() }),
        Inline::Code(text) => run(text, Look { mono: true, ..Look::default() }),
    };
    inlines.iter().map(draw).collect()
}

fn short(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}
