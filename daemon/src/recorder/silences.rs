//! Alerts about silenced controls are withheld; when the silence ends, what is so still is told.

use std::collections::BTreeMap;

use super::{
    RecorderError,
    draft::Draft,
    letters::{Departures, Letters},
};
use crate::{
    domain::{ControlId, Digest, Event, WithheldReason},
    judge::{Alert, Withheld, decide_unsilenced},
};

impl Letters<'_> {
    /// An alert becomes no mail. What a silence withholds is kept with it, so that it can be told when it ends.
    pub(super) fn withhold(&self, draft: &mut Draft, alert: &Alert, silence: u64) -> Result<(), RecorderError> {
        draft.push(Event::AlertWithheld {
            cause: alert.cause,
            control: alert.control.clone(),
            exception: alert.exception,
            why: WithheldReason::Silenced,
            silence: Some(silence),
            since: Some(alert.since),
        })?;
        Ok(())
    }

    /// Whether a silence keeps something of a control from people.
    pub(super) fn has_kept(&self, silence: u64, control: &ControlId) -> bool {
        self.state.silences().get(&silence).is_some_and(|record| record.withheld.contains_key(control))
    }

    /// Ends the silences whose time is over.
    pub(super) fn end_silences(&self, draft: &mut Draft) -> Result<(), RecorderError> {
        let is_over = |record: &crate::fold::SilenceRecord| record.ended.is_none() && record.what.until <= draft.at();
        let over: Vec<u64> =
            self.state.silences().iter().filter(|(_, record)| is_over(record)).map(|(number, _)| *number).collect();
        self.end_together(draft, &over, None)
    }

    /// Ends a silence before its time; `note`: by whom.
    pub(super) fn end_silence(&self, draft: &mut Draft, number: u64, note: Digest) -> Result<(), RecorderError> {
        self.end_together(draft, &[number], Some(note))
    }

    /// Ends silences and tells what they have kept from people, as far as it is so still: of each control once.
    fn end_together(&self, draft: &mut Draft, numbers: &[u64], note: Option<Digest>) -> Result<(), RecorderError> {
        let mut kept: BTreeMap<&ControlId, Withheld> = BTreeMap::new();
        for number in numbers {
            let Some(record) = self.state.silences().get(number) else { continue };
            draft.push(Event::SilenceEnded { silence: *number, note })?;
            for (control, withheld) in &record.withheld {
                kept.entry(control).or_default().merge(withheld);
            }
        }
        for (control, withheld) in kept {
            let Some(state) = self.state.control(control) else { continue };
            let recovered = withheld.recovered.and_then(|exception| self.state.exception(exception));
            let decision = decide_unsilenced(state, control, &withheld, recovered, draft.at());
            if decision.alerts.is_empty() {
                continue;
            }
            draft.expect(control, state.revision);
            for alert in &decision.alerts {
                match self.state.silence_over(control, draft.at(), numbers) {
                    Some(other) => self.withhold(draft, alert, other)?,
                    None => self.alert(draft, alert, None, &Departures::new())?,
                }
            }
        }
        Ok(())
    }
}
