//! The wall clock is in doubt, and is believed again.
//!
//! In doubt everything goes on by the time since boot, which is what the clock says then: schedules notice nothing.
//! Only the end of a doubt makes a time that nobody lived through.

use std::collections::BTreeMap;

use super::{Service, firing::Fired};
use crate::{
    clock::DoubtChange,
    desk::AcceptClock,
    domain::{ClockDoubt, ControlId, MissedReason, Timestamp},
    fold::ControlRecord,
    ledger::Store,
    recorder::{Belief, Fact, NoteRecord, Recorded, RecorderError, proposal_of_another},
    schedule::{Schedule, Stretch, missed},
};

impl Service {
    /// Looks at the clocks. Whether what everything goes by has changed.
    pub(super) async fn observe_clock(&mut self) -> Result<bool, RecorderError> {
        match self.clock.observe() {
            None => Ok(false),
            Some(DoubtChange::Began(doubt)) => {
                self.doubt_clock(doubt).await?;
                Ok(false)
            }
            Some(DoubtChange::Ended { before, after }) => {
                self.believe_clock(before, after, None).await?;
                Ok(true)
            }
        }
    }

    pub(super) async fn doubt_clock(&self, doubt: ClockDoubt) -> Result<(), RecorderError> {
        tracing::warn!(?doubt, "the clock is in doubt: everything goes on by the time since boot");
        self.recorder.record(Fact::ClockDoubted(doubt)).await.map(|_| ())
    }

    /// A person says that the wall clock is right.
    pub(super) async fn accept_clock(&mut self, accept: AcceptClock) {
        let AcceptClock { author, reason, proposal, answer } = accept;
        if reason.trim().is_empty() {
            let _ = answer.send(Err(RecorderError::NoWords));
            return;
        }
        // Before anything goes by it: what the recorder refused afterwards could not be taken back.
        let allowed = proposal_of_another(&self.ledger, &self.ledger.state(), proposal, &author).map(|_| ());
        if let Err(refused) = allowed {
            let _ = answer.send(Err(refused));
            return;
        }
        let accepted = match self.clock.accept() {
            Some(DoubtChange::Ended { before, after }) => {
                let said = NoteRecord { author, words: reason };
                self.believe_clock(before, after, Some((said, proposal))).await
            }
            Some(DoubtChange::Began(_)) | None => Err(RecorderError::ClockBelieved),
        };
        // Whoever asked may have gone.
        let _ = answer.send(accepted);
    }

    /// Slots that came due in the doubt have been started by then; those that the clock leaps over now never were.
    ///
    /// A crash after the first record leaves slots without an end, which the next start takes for a time without the
    /// daemon.
    async fn believe_clock(
        &mut self,
        before: Timestamp,
        after: Timestamp,
        said: Option<(NoteRecord, u64)>,
    ) -> Result<Recorded, RecorderError> {
        tracing::warn!(%before, %after, "the clock is believed again");
        let mut lost = Vec::new();
        // A command that found no daemon has no agenda; what it leaves to the next start is not its to tell.
        if self.firing.has_agenda() {
            self.fire_to_the_end(before).await?;
            lost = self.lost(before, after);
        }
        let mut counts = BTreeMap::<ControlId, u64>::new();
        for (control, stretch, _) in &lost {
            *counts.entry(control.clone()).or_default() += stretch.count;
        }
        let (said, proposal) = said.unzip();
        let belief = Belief { before, said, proposal, missed: counts.into_iter().collect() };
        let recorded = self.recorder.record(Fact::ClockBelieved(Box::new(belief))).await?;
        for (control, stretch, reason) in lost {
            self.miss_in_turn(control, stretch, reason).await?;
        }
        self.doubtful_since = None;
        if self.firing.has_agenda() {
            self.firing.note_fired(Fired::Slots(after));
            self.plan();
        }
        Ok(recorded)
    }

    /// What the schedules had due later than `before` and not later than `after`.
    fn lost(&self, before: Timestamp, after: Timestamp) -> Vec<(ControlId, Stretch, MissedReason)> {
        // A doubt that began with the daemon stands for the time without it, too.
        let came = match self.doubtful_since {
            Some(since) => after.minus(self.clock.boot().saturating_sub(since)).max(before),
            None => before,
        };
        let state = self.ledger.state();
        let mut lost = Vec::new();
        for control in self.catalogue.controls().filter(|control| control.enabled) {
            let Ok(schedule) = Schedule::parse(&control.check.schedule, &control.check.timezone) else { continue };
            let record = state.control_record(&control.id);
            let from = record.and_then(ControlRecord::accounted_until).map_or(before, |until| until.max(before));
            let spans = [(MissedReason::Down, from, came), (MissedReason::Clock, from.max(came), after)];
            for (reason, from, to) in spans {
                let end = Timestamp::from_millis(to.as_millis() + 1);
                let stretches = missed(&schedule, from, end, self.catalogue.zones());
                lost.extend(stretches.into_iter().map(|stretch| (control.id.clone(), stretch, reason)));
            }
        }
        lost
    }
}
