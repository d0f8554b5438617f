//! What becomes of an incident without a letter: paging services are told all the same, so that no incident stays open
//! that is over here, and nobody is called for what somebody has taken on.

use std::collections::{BTreeMap, BTreeSet};

use super::{RecorderError, draft::Draft, letters::Letters};
use crate::{
    config::Recipient,
    domain::{AlertCause, ControlId, Event, ExceptionId, RecipientId, WebhookKind},
    ledger::EvidenceClass,
    mail::{IncidentChange, Posting, note, post_change},
};

/// What an entry that was just written says of an incident.
pub(super) const fn change(event: &Event) -> Option<(&ControlId, ExceptionId, IncidentChange)> {
    match event {
        Event::ExceptionAcknowledged { exception, control, .. } => {
            Some((control, *exception, IncidentChange::Acknowledged))
        }
        Event::ExceptionClosed { exception, control, .. } => Some((control, *exception, IncidentChange::Over)),
        // While it flaps, people are not told of each recovery.
        Event::AlertWithheld { cause: AlertCause::Recovered, control, exception: Some(exception), .. } => {
            Some((control, *exception, IncidentChange::Over))
        }
        _ => None,
    }
}

/// Whether a pager opens an incident of an exception for it.
const fn calls(cause: AlertCause) -> bool {
    matches!(
        cause,
        AlertCause::Failed
            | AlertCause::AlreadyFailing
            | AlertCause::MoreSubjects
            | AlertCause::Overdue
            | AlertCause::Reminder
            | AlertCause::Steady
    )
}

/// Whether it is the first that a reader gets of an exception: before it their pager knows of no incident.
const fn calls_first(cause: AlertCause) -> bool {
    matches!(cause, AlertCause::Failed | AlertCause::AlreadyFailing)
}

impl Letters<'_> {
    /// Queues it for the pagers of everybody who may have been called; whoever is not called yet is told when they are.
    pub(super) fn tell_pagers(
        &self,
        draft: &mut Draft,
        control: &ControlId,
        exception: ExceptionId,
        change: IncidentChange,
    ) -> Result<(), RecorderError> {
        let held = self.state.held().values().chain(draft.held().iter().map(|(_, held)| held));
        let waiting: BTreeSet<RecipientId> = held
            .filter(|held| held.exception == Some(exception) && calls_first(held.cause))
            .flat_map(|held| held.recipients.iter().cloned())
            .collect();
        self.tell_some_pagers(draft, control, exception, change, |reader| !waiting.contains(&reader.id))
    }

    /// What was held is told now, and with it what became of the incidents meanwhile.
    pub(super) fn pagers_catch_up(&self, draft: &mut Draft, released: &BTreeSet<u64>) -> Result<(), RecorderError> {
        let mut called: BTreeMap<ExceptionId, BTreeSet<&RecipientId>> = BTreeMap::new();
        let mut resolved = BTreeSet::new();
        for held in released.iter().filter_map(|number| self.state.held().get(number)) {
            let Some(exception) = held.exception else { continue };
            if calls(held.cause) {
                called.entry(exception).or_default().extend(&held.recipients);
            }
            if held.cause == AlertCause::Recovered {
                resolved.insert(exception);
            }
        }
        for (exception, readers) in called {
            let Some(record) = self.state.exception(exception) else { continue };
            let change = match (record.recovered, record.acknowledged) {
                // The letter itself says it.
                (Some(_), _) if resolved.contains(&exception) => continue,
                (Some(_), _) => IncidentChange::Over,
                (None, Some(_)) => IncidentChange::Acknowledged,
                (None, None) => continue,
            };
            self.tell_some_pagers(draft, &record.control, exception, change, |reader| readers.contains(&reader.id))?;
        }
        Ok(())
    }

    fn tell_some_pagers(
        &self,
        draft: &mut Draft,
        control: &ControlId,
        exception: ExceptionId,
        change: IncidentChange,
        is_told: impl Fn(&Recipient) -> bool,
    ) -> Result<(), RecorderError> {
        let config = self.catalogue.config();
        let has_pager =
            |recipient: &Recipient| recipient.webhooks.iter().any(|webhook| webhook.kind == WebhookKind::Pagerduty);
        if !config.recipients.iter().any(has_pager) {
            return Ok(());
        }
        // Also of a control that has left the configuration: whoever has a pager may have been called.
        let readers: Vec<_> = match self.catalogue.control(control) {
            Some(known) => config.recipients_for(known, AlertCause::IncidentUpdate, true),
            None => config.recipients.iter().collect(),
        };
        let readers: Vec<_> = readers.into_iter().filter(|reader| has_pager(reader) && is_told(reader)).collect();
        let webhooks: Vec<_> = readers.iter().flat_map(|reader| reader.webhook_names()).collect();
        let posted = post_change(&webhooks, self.origin(), control, exception, change);
        if posted.is_empty() {
            return Ok(());
        }
        let alert = draft.take_alert();
        let posting =
            Posting { origin: self.origin().to_owned(), alert, queued: draft.at(), to: Vec::new(), thread: Vec::new() };
        let mail = note(control, exception, change, &self.catalogue.letterhead(), &posting).with_webhooks(posted);
        let deliveries = u32::try_from(mail.deliveries()).unwrap_or(u32::MAX);
        let mail = draft.keep(&mail.to_part(), EvidenceClass::Record)?;
        draft.push(Event::AlertQueued {
            alert,
            cause: AlertCause::IncidentUpdate,
            control: Some(control.clone()),
            exception: Some(exception),
            mail,
            deliveries,
            recipients: readers.iter().map(|reader| reader.id.clone()).collect(),
            tells: Vec::new(),
        })?;
        Ok(())
    }
}
