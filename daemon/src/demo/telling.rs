//! What happened, in the order in which it did, read from the ledger like any reader would.

use std::{collections::HashMap, time::Duration};

use crate::{
    domain::{AlertCause, Entry, Event, MissedReason, Outcome, Timestamp},
    fold::State,
    ledger::{Ledger, LedgerError, Store},
    mail::Mail,
};

/// Mail is late by so much only when its server was down.
const DELAY_WORTH_TELLING: Duration = Duration::from_secs(3600);

/// One thing worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapter {
    pub at: Timestamp,
    pub words: String,
}

/// The counts and the chapters of a ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Story {
    pub runs: u64,
    pub passed: u64,
    pub failed: u64,
    pub errors: u64,
    pub missed: u64,
    pub mails: u64,
    pub chapters: Vec<Chapter>,
}

impl Story {
    /// Reads every entry once.
    pub fn read(ledger: &Ledger<State>) -> Result<Self, LedgerError> {
        let mut story = Self::default();
        let mut queued = HashMap::new();
        for entry in ledger.entries(0..ledger.head().size) {
            let (_, bytes) = entry?;
            // What cannot be read is `verify`'s to tell.
            let Ok(entry) = Entry::from_bytes(&bytes) else { continue };
            story.count(&entry.event);
            let delayed = match &entry.event {
                Event::AlertQueued { alert, .. } => {
                    queued.insert(*alert, entry.at);
                    None
                }
                Event::Delivered { alert, .. } => queued.get(alert).map(|queued| entry.at.since(*queued)),
                _ => None,
            };
            if let Some(delay) = delayed.filter(|delay| *delay > DELAY_WORTH_TELLING) {
                let hours = delay.as_secs() / 3600;
                let words =
                    format!("the mail server takes mail again: a mail is delivered {hours} hours late, none is lost");
                story.chapters.push(Chapter { at: entry.at, words });
            }
            if let Some(words) = words(ledger, &entry.event)? {
                story.chapters.push(Chapter { at: entry.at, words });
            }
        }
        Ok(story)
    }

    fn count(&mut self, event: &Event) {
        match event {
            Event::Run(run) => {
                self.runs += 1;
                match run.outcome {
                    Outcome::Pass => self.passed += 1,
                    Outcome::Fail => self.failed += 1,
                    Outcome::Error => self.errors += 1,
                    Outcome::NotApplicable => {}
                }
            }
            Event::Missed(missed) => self.missed += missed.count,
            Event::Delivered { .. } => self.mails += 1,
            _ => {}
        }
    }
}

fn words(ledger: &Ledger<State>, event: &Event) -> Result<Option<String>, LedgerError> {
    Ok(Some(match event {
        Event::ExceptionOpened { exception, control, .. } => format!("{control} fails: exception {exception} opens"),
        Event::ExceptionOverdue { exception, control } => format!("{control}: {exception} is past its time to fix"),
        Event::ExceptionRecovered { exception, control, .. } => {
            format!("{control} passes again: {exception} has recovered")
        }
        Event::WentUntested { control, .. } => format!("{control} cannot be tested"),
        Event::TestedAgain { control, .. } => format!("{control} is tested again"),
        Event::Missed(missed) if missed.reason == MissedReason::Down => {
            format!("the daemon was down: {} slots of {} are recorded as missed", missed.count, missed.control)
        }
        // Summaries are as regular as clockwork; the last one is the window's.
        Event::AlertQueued { cause: AlertCause::Summary(kind), .. } if *kind != crate::domain::SummaryKind::Window => {
            return Ok(None);
        }
        Event::AlertQueued { mail, .. } => match ledger.part(mail)?.map(|bytes| Mail::from_part(&bytes)) {
            Some(Ok(mail)) => format!("mail: {}", mail.subject),
            Some(Err(_)) | None => return Ok(None),
        },
        _ => return Ok(None),
    }))
}
