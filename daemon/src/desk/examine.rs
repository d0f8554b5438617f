//! What is wrong: how the daemon stands, and what a doctor sees of the parts that it works with.

use anyhow::Context as _;
use tokio::sync::mpsc;

use super::{Asked, Desk, Examine, Line, Status};
use crate::{
    doctor::{Aspect, Observation},
    mail::words::count,
};

/// Observations between the daemon and whoever asked; then looking waits.
const OBSERVATIONS_WAITING_MAX: usize = 64;

impl Desk {
    /// `software` is the version of whoever asks.
    pub(super) async fn examine(&self, software: &str, lines: &mpsc::Sender<Line>) -> anyhow::Result<Option<Line>> {
        let live = self.live.as_ref().context("no daemon runs")?;
        let (seen, mut observations) = mpsc::channel(OBSERVATIONS_WAITING_MAX);
        live.asks.send(Asked::Examine(Examine { seen })).await.context("the daemon is stopping")?;
        let first = observations.recv().await.context("the daemon is looking for others already: ask again later")?;
        for observation in daemon(&self.status(), software).into_iter().chain([first]) {
            lines.send(Line::Observed(Box::new(observation))).await?;
        }
        while let Some(observation) = observations.recv().await {
            lines.send(Line::Observed(Box::new(observation))).await?;
        }
        Ok(None)
    }
}

fn daemon(status: &Status, software: &str) -> Vec<Observation> {
    let about = format!("{} {}", status.organization, status.instance);
    let mut all = standing(status, &about);
    if status.software != software {
        let found = format!("it is version {}, and this program is {software}", status.software);
        all.push(Observation::warn(Aspect::Daemon, &about, found, "systemctl restart evidenced"));
    }
    if all.is_empty() {
        let (entries, mails) = (count(status.entries, "entry"), count(status.mails_waiting, "mail"));
        let found = format!("runs and is well: {entries} recorded, {mails} waiting");
        all.push(Observation::ok(Aspect::Daemon, about, found));
    }
    all
}

/// No daemon answered; `status` is what the store says, if there is one.
pub fn no_daemon(status: Option<&Status>) -> Vec<Observation> {
    let advice = "systemctl enable --now evidenced; `journalctl -u evidenced` says why it ended, if it did";
    let mut all = vec![Observation::warn(Aspect::Daemon, "evidenced", "no daemon runs: nothing is tested", advice)];
    all.extend(status.map(|status| standing(status, "evidenced")).unwrap_or_default());
    all
}

fn standing(status: &Status, about: &str) -> Vec<Observation> {
    let mut all = Vec::new();
    if status.configuration_refused {
        let found = "the files were refused when they were read: the last accepted configuration is in force";
        let advice = "mend what `evidenced check-config` names, then `systemctl reload evidenced`";
        all.push(Observation::bad(Aspect::Daemon, about, found, advice));
    }
    for problem in &status.problems {
        let advice = "`journalctl -u evidenced` and `evidenced status` say more";
        all.push(Observation::bad(Aspect::Daemon, about, problem, advice));
    }
    all
}
