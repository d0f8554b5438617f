//! Performing runs again for somebody who asks.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::{runtime::Handle, sync::mpsc};

use super::{Desk, Line, ReplayTally, ReplayWord, ReplayedRun, progress::Steps};
use crate::{
    domain::{ControlId, Entry, Event, SlotEnd, SlotEntry, Timestamp},
    ledger::{SlotOrder, Store},
    replay::{Replayed, Replayer},
    sandbox::{Sandbox, SandboxSettings},
};

/// So many may be at it at once, each with one run at a time: the daemon's own runs need the processors too.
pub(super) const REPLAYS_MAX: usize = 2;

impl Desk {
    /// Performs runs again, one after the other, on the calling thread, which may block; ends early when nobody
    /// listens any more.
    ///
    /// In a sandbox of its own: it takes no slot, no memory and no cached code from the daemon's runs.
    pub(super) fn replay(
        &self,
        run: Option<u64>,
        control: Option<&ControlId>,
        lines: &mpsc::Sender<Line>,
    ) -> anyhow::Result<()> {
        let _turn = self.replays.try_acquire().context(
            "runs are being performed again for others, and more at once would disturb the tests: ask again when they \
             have ended",
        )?;
        let is_known = |id: &&ControlId| self.ledger.state().control_record(id).is_some();
        if let Some(unknown) = control.filter(|id| !is_known(id)) {
            return Err(self.unknown_control(unknown).into());
        }
        let sandbox = Sandbox::new(SandboxSettings {
            cache_dir: None,
            cache_key: [0; 32],
            memory_total: self.catalogue().config().runner.memory_total_bytes,
            concurrency: 1,
            compile: self.compile.clone(),
        })?;
        let replaying = async {
            let mut replays = Replays {
                replayer: Replayer::new(Arc::clone(&self.ledger), sandbox),
                tally: ReplayTally::default(),
                lines,
            };
            match run {
                Some(sequence) => replays.perform(sequence).await?,
                None => self.replay_all(control, &mut replays).await?,
            }
            // As below.
            let _ = lines.send(Line::Replays(replays.tally)).await;
            anyhow::Ok(())
        };
        // Dropped in the midst of a run if need be: nobody waits for it.
        let left = async {
            lines.closed().await;
            Ok(())
        };
        Handle::current().block_on(async {
            tokio::select! { done = replaying => done, done = left => done }
        })
    }

    async fn replay_all(&self, control: Option<&ControlId>, replays: &mut Replays<'_>) -> anyhow::Result<()> {
        let size = self.ledger.head().size;
        let steps = Steps::default();
        if let Some(control) = control {
            for entry in self.ledger.slots(control, Timestamp::ever(), SlotOrder::OldestFirst)? {
                let SlotEntry { sequence, end, .. } = entry?;
                if let SlotEnd::Ran(_) = end {
                    replays.perform(sequence).await?;
                }
                steps.tell(sequence + 1, size, replays.lines);
            }
            return Ok(());
        }
        for entry in self.ledger.entries(0..size) {
            let (sequence, bytes) = entry?;
            if let Event::Run(_) = Entry::from_bytes(&bytes)?.event {
                replays.perform(sequence).await?;
            }
            steps.tell(sequence + 1, size, replays.lines);
        }
        Ok(())
    }
}

struct Replays<'a> {
    replayer: Replayer,
    tally: ReplayTally,
    lines: &'a mpsc::Sender<Line>,
}

impl Replays<'_> {
    async fn perform(&mut self, run: u64) -> anyhow::Result<()> {
        let (replay, why) = match self.replayer.replay(run).await {
            Ok(Replayed::Identical) => (ReplayWord::Identical, None),
            Ok(Replayed::Different { recorded, replayed }) => {
                (ReplayWord::Different, Some(format!("recorded {recorded}, replayed {replayed}")))
            }
            Ok(Replayed::NotReperformable(why)) => (ReplayWord::NotReperformable, Some(why)),
            Ok(Replayed::CannotTell(why)) => (ReplayWord::CannotTell, Some(why)),
            Err(error) => (ReplayWord::Failed, Some(format!("{:#}", anyhow::Error::from(error)))),
        };
        self.tally.count(replay);
        self.lines.send(Line::Replayed(ReplayedRun { run, replay, why })).await.context("nobody listens any more")
    }
}

impl ReplayTally {
    const fn count(&mut self, replay: ReplayWord) {
        self.runs += 1;
        *match replay {
            ReplayWord::Identical => &mut self.identical,
            ReplayWord::Different => &mut self.different,
            ReplayWord::NotReperformable => &mut self.not_reperformable,
            ReplayWord::CannotTell => &mut self.cannot_tell,
            ReplayWord::Failed => &mut self.failed,
        } += 1;
    }
}
