//! Whether evidenced itself is well.

use std::time::Duration;

use super::Desk;
use crate::{fold::State, ledger::Store};

/// Checkpoints are entered every hour, also when nothing happened.
const CHECKPOINT_AGE_MAX: Duration = Duration::from_secs(2 * 3600);

/// Retries are at most 15 minutes apart: a mail that waits for longer than four of them is not just slow.
const WAITING_MAX: Duration = Duration::from_secs(3600);

/// A refused mail is news for so long.
const REFUSED_SINCE: Duration = Duration::from_secs(24 * 3600);

impl Desk {
    /// What is wrong, in words: the ledger takes no entries, or has not for two hours; mails or what is for webhooks wait
    /// for more than an hour, or were refused for good in the last day. Empty: all is well.
    pub fn problems(&self) -> Vec<String> {
        self.problems_of(&self.ledger.state())
    }

    /// For who holds the state already: a second look at it would wait for a writer that waits for the first.
    pub(super) fn problems_of(&self, state: &State) -> Vec<String> {
        let mut problems = Vec::new();
        let now = self.clock.now();
        if let Some(why) = self.ledger.poisoned() {
            problems.push(format!("the ledger takes no entries: {why}"));
        } else if let Some(newest) = state.head().checkpoint.map(|checkpoint| checkpoint.at)
            // When no daemon runs, nobody promised one.
            && self.live.is_some()
            && now.since(newest) > CHECKPOINT_AGE_MAX
        {
            problems.push(format!("the newest checkpoint is of {newest}, more than two hours ago"));
        }
        if let Some(oldest) = state.outbox().values().map(|pending| pending.queued).min()
            && now.since(oldest) > WAITING_MAX
        {
            let waiting: usize = state.outbox().values().map(|pending| pending.waiting().count()).sum();
            problems.push(format!("mails or webhooks are stuck: {waiting} wait, the oldest since {oldest}"));
        }
        let refused = state.dead_letters().values().filter(|letter| now.since(letter.refused) <= REFUSED_SINCE).count();
        if refused > 0 {
            problems.push(format!("mails or webhooks refused for good by their servers in the last day: {refused}"));
        }
        problems
    }
}
