//! Several alerts that were held, in one mail.

use super::document::{Align, Block, Document, Table, Tone};
use super::prepared::Prepared;
use super::told::Told;
use super::{Letterhead, words};
use crate::domain::{AlertCause, ControlId, HoldReason, Severity, Timestamp};

/// So many letters are told in full, the most severe first; the others are a line each.
const IN_FULL_MAX: usize = 8;

/// A letter that was held.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldLetter {
    pub letter: Prepared,
    pub severity: Severity,
    /// When the alert came up.
    pub raised: Timestamp,
    pub why: HoldReason,
}

impl HeldLetter {
    /// In place of a letter whose text is gone from the ledger: that it was, and where to look, is still told.
    pub fn lost(control: Option<&ControlId>, severity: Severity, raised: Timestamp, why: HoldReason) -> Self {
        let about = control.map_or_else(|| "evidenced itself".to_owned(), ToString::to_string);
        let mut document = Document::default();
        document.title("ALERT", &format!("about {about}, whose text is lost"), Tone::Unknown);
        let command = control.map_or_else(|| "evidenced status".to_owned(), |id| format!("evidenced results {id}"));
        document.say(format!(
            "An alert about {about} was held to go out later. Its text cannot be read from the ledger any more. \
             `{command}` says how it stands now, `evidenced verify` what is damaged."
        ));
        let subject = format!("ALERT about {about}, whose text is lost");
        let mut letter = Prepared::new(subject, document, Vec::new(), control.cloned());
        letter.told = vec![Told::bare(AlertCause::Several, &letter.subject)];
        Self { letter, severity, raised, why }
    }
}

/// One letter made of several, told in the order in which they came up. One alone stays the letter that it was.
pub fn together(mut held: Vec<HeldLetter>, head: &Letterhead) -> Prepared {
    if held.len() == 1
        && let Some(HeldLetter { mut letter, raised, why, .. }) = held.pop()
    {
        if why != HoldReason::Grouping {
            letter.document.say(format!("This came up on {} and waited: {}.", time(raised, head), reason(why)));
        }
        return letter;
    }
    let subject = subject(&held);
    let mut document = Document::default();
    document.title(&words::count(held.len() as u64, "alert").to_uppercase(), &states(&held), tone(&held));
    let mut table = Table::new([
        ("Came up", Align::Left),
        ("What", Align::Left),
        ("Severity", Align::Left),
        ("Waited because", Align::Left),
    ]);
    for held in &held {
        let why = if held.why == HoldReason::Grouping { String::new() } else { reason(held.why).to_owned() };
        let severity = held.severity.as_str().to_owned();
        table.row([words::short_time(held.raised, &head.zone), held.letter.subject.clone(), severity, why]);
    }
    document.table(&table);
    let mut in_full: Vec<usize> = (0..held.len()).collect();
    in_full.sort_by_key(|at| (std::cmp::Reverse(held[*at].severity), *at));
    in_full.truncate(IN_FULL_MAX);
    in_full.sort_unstable();
    let rest = held.len() - in_full.len();
    if rest > 0 {
        document.say(format!(
            "The {} most severe are told in full below. What the others are about says `evidenced status`, and each of \
             them by its exception `evidenced exceptions list`.",
            words::grouped(in_full.len() as u64)
        ));
    }
    let told = held.iter_mut().flat_map(|held| std::mem::take(&mut held.letter.told)).collect();
    let mut attachments = Vec::new();
    for at in in_full {
        let letter = &mut held[at].letter;
        document.blocks.append(&mut letter.document.blocks);
        attachments.append(&mut letter.attachments);
    }
    let mut letter = Prepared::new(subject, document, attachments, None);
    letter.told = told;
    letter
}

/// Up to three by name, so that a phone shows what it is about; else how many of each state.
fn subject(held: &[HeldLetter]) -> String {
    let named = |held: &HeldLetter| match &held.letter.control {
        Some(control) => format!("{} {control}", state(held)),
        None => held.letter.subject.clone(),
    };
    let what = if held.len() <= 3 { held.iter().map(named).collect::<Vec<_>>().join(", ") } else { states(held) };
    format!("{}: {what}", words::count(held.len() as u64, "alert"))
}

/// `7 FAILED, 2 RECOVERED`, in the order in which they first came up.
fn states(held: &[HeldLetter]) -> String {
    let mut counts: Vec<(&str, u64)> = Vec::new();
    for state in held.iter().map(state) {
        match counts.iter_mut().find(|(known, _)| *known == state) {
            Some((_, count)) => *count += 1,
            None => counts.push((state, 1)),
        }
    }
    counts.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
}

/// The state word of its title.
fn state(held: &HeldLetter) -> &str {
    let title = held.letter.document.blocks.iter().find_map(|block| match block {
        Block::Title { state, .. } => Some(state.as_str()),
        _ => None,
    });
    title.unwrap_or_default()
}

fn tone(held: &[HeldLetter]) -> Tone {
    let tones = held.iter().flat_map(|held| &held.letter.document.blocks).filter_map(|block| match block {
        Block::Title { tone, .. } => Some(*tone),
        _ => None,
    });
    tones
        .min_by_key(|tone| match tone {
            Tone::Bad => 0,
            Tone::Unknown => 1,
            Tone::Plain => 2,
            Tone::Good => 3,
        })
        .unwrap_or(Tone::Plain)
}

fn time(at: Timestamp, head: &Letterhead) -> String {
    words::time(at, &head.zone)
}

const fn reason(why: HoldReason) -> &'static str {
    match why {
        HoldReason::Grouping => "others of the same moment were to go with it",
        HoldReason::Storm => "more alerts came up at once than anybody reads one by one",
        HoldReason::QuietHours => "your quiet hours",
        HoldReason::Rate => "you had got as many mails as you take in an hour",
    }
}
