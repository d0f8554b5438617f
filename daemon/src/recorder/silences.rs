//! Alerts about silenced controls are withheld; when the silence ends, what is so still is told.

use super::{
    RecorderError,
    draft::Draft,
    letters::{Departures, Letters},
};
use crate::{
    domain::{Digest, Event, WithheldReason},
    judge::{Alert, decide_unsilenced},
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

    /// Ends the silences whose time is over.
    pub(super) fn end_silences(&self, draft: &mut Draft) -> Result<(), RecorderError> {
        let is_over = |record: &crate::fold::SilenceRecord| record.ended.is_none() && record.what.until <= draft.at();
        let over: Vec<u64> =
            self.state.silences().iter().filter(|(_, record)| is_over(record)).map(|(number, _)| *number).collect();
        over.into_iter().try_for_each(|number| self.end_silence(draft, number, None))
    }

    /// Ends a silence and tells what it has kept from people, as far as it is so still; `note`: by whom it is ended before
    /// its time.
    pub(super) fn end_silence(
        &self,
        draft: &mut Draft,
        number: u64,
        note: Option<Digest>,
    ) -> Result<(), RecorderError> {
        let Some(record) = self.state.silences().get(&number) else { return Ok(()) };
        draft.push(Event::SilenceEnded { silence: number, note })?;
        for (control, withheld) in &record.withheld {
            let Some(state) = self.state.control(control) else { continue };
            let recovered = withheld.recovered.and_then(|exception| self.state.exception(exception));
            let decision = decide_unsilenced(state, control, withheld, recovered);
            if decision.alerts.is_empty() {
                continue;
            }
            draft.expect(control, state.revision);
            for alert in &decision.alerts {
                match self.state.silence_over(control, draft.at(), Some(number)) {
                    Some(other) => self.withhold(draft, alert, other)?,
                    None => self.alert(draft, alert, None, &Departures::new())?,
                }
            }
        }
        Ok(())
    }
}
