//! Letters are queued as mails: now, or with others later.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
};

use super::{
    RecorderError,
    draft::{Draft, Told},
    letters::Letters,
};
use crate::{
    config::Recipient,
    domain::{
        AlertCause, ControlId, Detail, Event, ExceptionId, HeldAlert, HoldReason, RecipientId, Severity, Timestamp,
        WebhookKind, WebhookName,
    },
    fold::Held,
    ledger::{EvidenceClass, Store},
    mail::{HeldLetter, Letter, Letterhead, Posting, Prepared, frame, message_id, post, prepare, together},
    routing::{Raised, Together, Verdict, due, stretches, verdict},
};

/// What an alert is about, for its entry.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) cause: AlertCause,
    /// With its severity: what is of no control never waits.
    pub(super) control: Option<(ControlId, Severity)>,
    pub(super) exception: Option<ExceptionId>,
}

/// A mail that is written and goes out now.
struct Outgoing {
    letter: Prepared,
    recipients: Vec<RecipientId>,
    to: Vec<String>,
    webhooks: Vec<(WebhookName, WebhookKind)>,
    about: About,
    tells: Vec<(u64, u64)>,
}

impl Letters<'_> {
    /// Tells a letter to each of its readers, now or when the rules of routing say.
    pub(super) fn tell(
        &self,
        draft: &mut Draft,
        letter: &Letter,
        about: &About,
        readers: &[&Recipient],
    ) -> Result<(), RecorderError> {
        let mut told: BTreeMap<(Verdict, Detail), Vec<&Recipient>> = BTreeMap::new();
        for reader in readers {
            told.entry((self.verdict(draft, about, reader), reader.detail)).or_default().push(reader);
        }
        for ((verdict, detail), readers) in told {
            let head = Letterhead { detail, ..self.catalogue.letterhead() };
            let letter = prepare(letter, &head);
            let has_webhooks = readers.iter().any(|reader| !reader.webhooks.is_empty());
            let letter = if has_webhooks { letter } else { letter.for_people() };
            for readers in readers.chunks(HeldAlert::RECIPIENTS_MAX) {
                match verdict {
                    Verdict::Now => self.queue(draft, &head, outgoing(letter.clone(), about.clone(), readers))?,
                    Verdict::Hold { until, why } => self.hold(draft, &letter, about, readers, detail, until, why)?,
                }
            }
        }
        Ok(())
    }

    fn verdict(&self, draft: &Draft, about: &About, reader: &Recipient) -> Verdict {
        let Some((control, severity)) = &about.control else { return Verdict::Now };
        let raised =
            Raised { cause: about.cause, severity: *severity, control: Some(control), exception: about.exception };
        let mailbox = draft.mailbox(self.state, &reader.id);
        let held = self.state.held().values().chain(draft.held().iter().map(|(_, held)| held));
        let rules = &self.catalogue.config().alerts.routing;
        verdict(&raised, &self.catalogue.reader(reader), &mailbox, held, rules, draft.at())
    }

    #[expect(clippy::too_many_arguments, reason = "each is a member of the entry")]
    fn hold(
        &self,
        draft: &mut Draft,
        letter: &Prepared,
        about: &About,
        readers: &[&Recipient],
        detail: Detail,
        until: Timestamp,
        why: HoldReason,
    ) -> Result<(), RecorderError> {
        let letter = draft.keep(&letter.to_part(), EvidenceClass::Record)?;
        let held = HeldAlert {
            held: draft.next_held(),
            cause: about.cause,
            control: about.control.as_ref().map(|(control, _)| control.clone()),
            exception: about.exception,
            severity: about.control.as_ref().map_or(Severity::High, |(_, severity)| *severity),
            recipients: readers.iter().map(|reader| reader.id.clone()).collect(),
            detail,
            why,
            until,
            letter,
        };
        draft.hold(&held);
        draft.push(Event::AlertHeld(held))?;
        Ok(())
    }

    /// Freezes the mail and queues it for each address and webhook once; with nobody to tell nothing is queued.
    fn queue(&self, draft: &mut Draft, head: &Letterhead, outgoing: Outgoing) -> Result<(), RecorderError> {
        let Outgoing { letter, recipients, mut to, webhooks, about, tells } = outgoing;
        to.sort();
        to.dedup();
        if to.is_empty() && webhooks.is_empty() && tells.is_empty() {
            return Ok(());
        }
        let record = about.exception.and_then(|id| self.state.exception(id));
        let firsts = record.into_iter().flat_map(|record| record.first_alert.iter().chain(&record.other_first_alerts));
        let thread = firsts.map(|first| message_id(self.origin(), *first)).collect();
        let alert = draft.take_alert();
        let posting = Posting { origin: self.origin().to_owned(), alert, queued: draft.at(), to, thread };
        let mail = frame(letter.clone(), head, &posting);
        let posted = post(&webhooks, &letter, head, &posting, about.cause, &mail);
        let mail = mail.with_webhooks(posted);
        let deliveries = u32::try_from(mail.deliveries()).unwrap_or(u32::MAX);
        let mail = draft.keep(&mail.to_part(), EvidenceClass::Record)?;
        let About { cause, control, exception } = about;
        if !matches!(cause, AlertCause::Summary(_)) {
            draft.told(&recipients, if tells.is_empty() { Told::RaisedAndMailed } else { Told::Mailed });
        }
        let control = control.map(|(control, _)| control);
        draft.push(Event::AlertQueued { alert, cause, control, exception, mail, deliveries, recipients, tells })?;
        Ok(())
    }

    /// What a held alert says. One whose text is damaged or gone is still told, as that.
    fn held_letter(&self, held: &Held) -> HeldLetter {
        let Held { severity, raised, why, .. } = *held;
        let read = match self.ledger.part(&held.letter) {
            Ok(Some(part)) => Prepared::from_part(&part).map_err(|error| Box::new(error) as Box<dyn Error>),
            Ok(None) => Err("it is not in the ledger".into()),
            Err(error) => Err(error.into()),
        };
        match read {
            Ok(letter) => HeldLetter { letter, severity, raised, why },
            Err(error) => {
                tracing::error!(error = &*error, letter = %held.letter, "a held letter cannot be read");
                HeldLetter::lost(held.control.as_ref(), severity, raised, why)
            }
        }
    }

    /// Queues what was held and is due.
    pub(super) fn release(&self, draft: &mut Draft) -> Result<(), RecorderError> {
        let held = self.state.held();
        let config = self.catalogue.config();
        let has_reader = |number: &u64| {
            held.get(number).is_some_and(|held| held.recipients.iter().any(|id| config.recipient(id).is_some()))
        };
        let (mut released, mut orphans) = (BTreeSet::new(), BTreeSet::new());
        for mut together in due(held.iter().map(|(number, held)| (*number, held)), draft.at()) {
            released.extend(together.held.iter().copied());
            // Who is not in the configuration any more reads nothing; an alert that nobody would read goes to those who
            // read what concerns the daemon, once. What others read is told to them.
            if !together.recipients.iter().any(|id| config.recipient(id).is_some()) {
                together.held.retain(|number| !has_reader(number) && orphans.insert(*number));
                if together.held.is_empty() {
                    continue;
                }
            }
            self.release_together(draft, &together, held)?;
        }
        self.pagers_catch_up(draft, &released)
    }

    fn release_together(
        &self,
        draft: &mut Draft,
        Together { recipients, detail, held: numbers }: &Together,
        held: &BTreeMap<u64, Held>,
    ) -> Result<(), RecorderError> {
        let config = self.catalogue.config();
        let known: Vec<_> = recipients.iter().filter_map(|id| config.recipient(id)).collect();
        let readers = if known.is_empty() { config.recipients_for_daemon() } else { known };
        let head = Letterhead { detail: *detail, ..self.catalogue.letterhead() };
        for told in in_mails(numbers) {
            let letters: Vec<_> =
                told.iter().filter_map(|number| held.get(number)).map(|held| self.held_letter(held)).collect();
            let about = match told.as_slice() {
                [one] => held.get(one).map(|held| About {
                    cause: held.cause,
                    control: held.control.clone().map(|control| (control, held.severity)),
                    exception: held.exception,
                }),
                _ => None,
            };
            let about = about.unwrap_or(About { cause: AlertCause::Several, control: None, exception: None });
            for readers in readers.chunks(HeldAlert::RECIPIENTS_MAX) {
                let letter = together(letters.clone(), &head);
                let mut outgoing = outgoing(letter, about.clone(), readers);
                outgoing.tells = stretches(&told);
                self.queue(draft, &head, outgoing)?;
            }
        }
        Ok(())
    }
}

fn outgoing(letter: Prepared, about: About, readers: &[&Recipient]) -> Outgoing {
    Outgoing {
        letter,
        recipients: readers.iter().map(|reader| reader.id.clone()).collect(),
        to: readers.iter().flat_map(|reader| reader.email.iter().map(ToString::to_string)).collect(),
        webhooks: readers.iter().flat_map(|reader| reader.webhook_names()).collect(),
        about,
        tells: Vec::new(),
    }
}

/// As many mails as it takes for each entry to stay under its bound; nearly always one.
fn in_mails(numbers: &[u64]) -> Vec<Vec<u64>> {
    let mut mails: Vec<Vec<u64>> = Vec::new();
    for (first, last) in stretches(numbers) {
        match mails.last_mut() {
            Some(mail) if stretches(mail).len() < HeldAlert::STRETCHES_MAX => mail.extend(first..=last),
            _ => mails.push((first..=last).collect()),
        }
    }
    mails
}
