//! What people decide, alone or by two: silences, proposals, and their approval.

use std::sync::Arc;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::{AcceptClock, Asked, Desk, Line, Unknown};
use crate::{
    access::Demand,
    desk::Question,
    domain::{Act, ControlId, ControlPattern, Digest, Dropped, Timestamp},
    fold::{ProposalEnd, ProposalRecord, SilenceRecord, State},
    ledger::Store,
    recorder::{Acting, Author, Does, ERASED, Fact, NoteRecord, RecorderError, proposal_of_another, text},
};

/// One silence, as `evidenced silence list` says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceLine {
    pub silence: u64,
    pub controls: Vec<ControlPattern>,
    pub from: Timestamp,
    pub until: Timestamp,
    pub ended: Option<Timestamp>,
    pub author: String,
    pub words: String,
    /// Alerts that became no mail, by control.
    pub withheld: Vec<(ControlId, u32)>,
}

/// One proposal, as `evidenced proposals` says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalLine {
    pub proposal: u64,
    #[serde(flatten)]
    pub act: Act,
    /// That is to be excluded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    pub at: Timestamp,
    pub author: String,
    pub words: String,
    pub state: ProposalState,
    /// Who approved or dropped it, when, and their words.
    pub ended: Option<(String, Timestamp, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProposalState {
    Proposed,
    Approved,
    Rejected,
    Withdrawn,
    Moot,
}

impl ProposalState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Moot => "moot",
        }
    }

    const fn of(record: &ProposalRecord) -> Self {
        match record.ended {
            None => Self::Proposed,
            Some(ProposalEnd { dropped: None, .. }) => Self::Approved,
            Some(ProposalEnd { dropped: Some(Dropped::Rejected), .. }) => Self::Rejected,
            Some(ProposalEnd { dropped: Some(Dropped::Withdrawn), .. }) => Self::Withdrawn,
            Some(ProposalEnd { dropped: Some(Dropped::Moot), .. }) => Self::Moot,
        }
    }
}

impl Question {
    /// What it demands of who asks.
    pub const fn demand(&self) -> Demand {
        match self {
            Self::Status
            | Self::Results { .. }
            | Self::Exceptions { .. }
            | Self::Exception { .. }
            | Self::Report { .. }
            | Self::Verify { .. }
            | Self::Replay { .. }
            | Self::Silences { .. }
            | Self::Proposals { .. }
            | Self::Exclusions { .. }
            // Of others it demands more, see [`Desk::drop_proposal`].
            | Self::Drop { .. } => Demand::See,
            Self::Acknowledge { .. }
            | Self::Note { .. }
            | Self::Close { .. }
            | Self::Silence { .. }
            | Self::EndSilence { .. }
            | Self::Exclude { .. }
            | Self::EndExclusion { .. }
            | Self::Attest { .. } => Demand::Respond,
            Self::Check { .. }
            | Self::AcceptClock { .. }
            | Self::Examine { .. }
            | Self::Reload
            | Self::ResetState { .. }
            | Self::Erase { .. } => Demand::Operate,
            Self::Approve { .. } => Demand::Approve,
        }
    }
}

impl Desk {
    pub(super) async fn act(&self, author: &Author, words: String, does: Does) -> anyhow::Result<Option<Line>> {
        self.write(Fact::Acted(Box::new(Acting { author: author.clone(), words, does }))).await
    }

    /// Whoever made a proposal may withdraw it; to reject it is for those who might have approved it.
    pub(super) async fn drop_proposal(
        &self,
        author: &Author,
        proposal: u64,
        words: String,
    ) -> anyhow::Result<Option<Line>> {
        let found = proposal_of_another(&self.ledger, &self.ledger.state(), proposal, author).map(|_| ());
        if !matches!(found, Err(RecorderError::OwnProposal(_))) {
            self.admitted(author, Demand::Approve).await?;
        }
        self.act(author, words, Does::Drop(proposal)).await
    }

    /// What an approval effects that the recorder alone cannot do, is done here.
    pub(super) async fn approve(
        self: &Arc<Self>,
        author: &Author,
        proposal: u64,
        words: String,
        lines: &mpsc::Sender<Line>,
    ) -> anyhow::Result<Option<Line>> {
        let (act, state) = {
            let state = self.ledger.state();
            let unknown = || Unknown(format!("there is no proposal {proposal}: `evidenced proposals` names them"));
            let record = state.proposals().get(&proposal).ok_or_else(unknown)?;
            (record.act.clone(), ProposalState::of(record))
        };
        match (act, state) {
            (Act::AcceptClock, ProposalState::Proposed) => self.accept_clock(author, words, proposal).await,
            (Act::Erase { .. }, ProposalState::Approved) => self.erase_approved(proposal, lines).await,
            (Act::Erase { .. }, ProposalState::Proposed) => {
                // Read while it is there: it is erased with what is found.
                let found = self.searched(proposal).await?;
                self.act(author, words, Does::Approve(proposal)).await?;
                self.erase_found(proposal, found, lines).await
            }
            _ => self.act(author, words, Does::Approve(proposal)).await,
        }
    }

    pub(super) async fn propose_erasure(
        self: &Arc<Self>,
        author: &Author,
        subject: String,
        words: String,
    ) -> anyhow::Result<Option<Line>> {
        let (desk, text) = (Arc::clone(self), subject.clone());
        let found = tokio::task::spawn_blocking(move || desk.count_holding(&text)).await??;
        let recorded = self.act(author, words, Does::Erase { target: subject }).await?;
        Ok(recorded.map(|line| match line {
            Line::Recorded { sequence, proposal, silence, .. } => {
                Line::Recorded { sequence, proposal, silence, found: Some(found) }
            }
            other => other,
        }))
    }

    async fn accept_clock(&self, author: &Author, reason: String, proposal: u64) -> anyhow::Result<Option<Line>> {
        let live = self.live.as_ref().context("no daemon runs")?;
        let (answer, answered) = oneshot::channel();
        let asked = Asked::AcceptClock(AcceptClock { author: author.clone(), reason, proposal, answer });
        live.asks.send(asked).await.context("the daemon is stopping")?;
        let recorded = answered.await.context("the daemon stopped before the clock was accepted")??;
        Ok(Some(Line::recorded(&recorded)))
    }

    /// Silences, oldest first; those that have ended only if `all` are wanted.
    pub fn silences(&self, all: bool) -> Vec<SilenceLine> {
        let state = self.ledger.state();
        let wanted = state.silences().iter().filter(|(_, record)| all || record.ended.is_none());
        let wanted: Vec<_> = wanted.map(|(number, record)| (*number, record.clone())).collect();
        drop(state);
        wanted.into_iter().map(|(number, record)| self.silence_line(number, record)).collect()
    }

    fn silence_line(&self, silence: u64, record: SilenceRecord) -> SilenceLine {
        let (author, words) = self.noted(&record.note);
        let withheld = record.withheld.into_iter().map(|(control, withheld)| (control, withheld.alerts));
        SilenceLine {
            silence,
            controls: record.what.controls,
            from: record.what.from,
            until: record.what.until,
            ended: record.ended,
            author,
            words,
            withheld: withheld.collect(),
        }
    }

    /// Proposals, oldest first; those that have ended only if `all` are wanted.
    pub fn proposals(&self, all: bool) -> Vec<ProposalLine> {
        let of = |state: &State| -> Vec<_> {
            let wanted = state.proposals().iter().filter(|(_, record)| all || record.ended.is_none());
            wanted.map(|(number, record)| (*number, record.clone())).collect()
        };
        let wanted = of(&self.ledger.state());
        let line = |(proposal, record): (u64, ProposalRecord)| {
            let (author, words) = self.noted(&record.note);
            let ended = record.ended.map(|end| {
                let (who, words) = self.noted(&end.note);
                (who, end.at, words)
            });
            let state = ProposalState::of(&record);
            let subject = match &record.act {
                Act::Exclude { subject_part, .. } => {
                    Some(text(&self.ledger, subject_part).unwrap_or_else(|| ERASED.to_owned()))
                }
                Act::Silence(_) | Act::CloseException { .. } | Act::AcceptClock | Act::Erase { .. } => None,
            };
            ProposalLine { proposal, act: record.act, subject, at: record.at, author, words, state, ended }
        };
        wanted.into_iter().map(line).collect()
    }

    /// Who wrote a note, and what.
    pub(super) fn noted(&self, note: &Digest) -> (String, String) {
        NoteRecord::read(&self.ledger, note)
            .map_or_else(|| (ERASED.to_owned(), ERASED.to_owned()), |note| (note.author.name(), note.words))
    }
}
