//! The one writer: judge, mail and ledger in one batch.
//!
//! In: facts (runs that ended, missed slots, deliveries, words of people, a new configuration, the passing of time).
//! Out: acknowledgements, each given once the batch that holds it is durable.
//! Must not know: how a run came about, how a mail is delivered.
//!
//! There is one recorder and it is asked by one thread, so that every decision is made on the state that the ledger
//! holds. Throughput comes from group commit: what waits is decided together and made durable by one fdatasync.

mod acts;
mod attest;
mod catalogue;
mod clock;
mod configure;
mod draft;
mod erasures;
mod exclusions;
mod fact;
mod first;
mod letters;
mod pagers;
mod people;
mod periods;
mod plugins;
mod post;
mod runs;
mod settle;
mod silences;
mod subjects;
mod thread;
mod tick;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::{
    domain::{ControlId, Timestamp},
    fold::State,
    ledger::{Ledger, LedgerError, Store},
};

pub(crate) use acts::proposal_of_another;
pub(crate) use catalogue::zone;
pub use catalogue::{Catalogue, PluginFacts};
pub use configure::{ControlPart, ExcludedSubject};
pub(crate) use exclusions::{as_configured, excluded_from, excluding, text};
pub use fact::{
    Acting, Attestation, Author, Belief, Closing, Does, Erasing, Excluding, Fact, Gap, NoteRecord, PluginRefusal,
    Recorded, Room, RunAnswer,
};
pub(crate) use letters::entry_at;
pub(crate) use settle::settled;
pub(crate) use subjects::{ERASED, texts};
pub use thread::{Handle, start};

use draft::Draft;
use runs::Runs;

/// Why a fact was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    #[error("the ledger does not take entries")]
    Ledger(#[from] Arc<LedgerError>),
    #[error(transparent)]
    Refused(#[from] crate::judge::Refused),
    #[error("there is no control {0}")]
    UnknownControl(ControlId),
    #[error("there is no exception {0}")]
    UnknownException(crate::domain::ExceptionId),
    #[error("there are no words in it: write what is to be kept")]
    NoWords,
    #[error("the clock is not in doubt")]
    ClockBelieved,
    #[error("there is no silence {0}: `evidenced silence list` names them")]
    UnknownSilence(u64),
    #[error("silence {0} has ended already")]
    SilenceEnded(u64),
    #[error("such a silence is over before it begins: name an end that is in the future, and later than its beginning")]
    SilenceIsOver,
    #[error("a silence is of one to {} patterns of controls", crate::domain::Silence::CONTROLS_MAX)]
    SilenceOfNothing,
    #[error("no control is called `{0}`: `evidenced status` names them")]
    SilenceOfNobody(crate::domain::ControlPattern),
    #[error("there is no proposal {0}: `evidenced proposals` names them")]
    UnknownProposal(u64),
    #[error("proposal {0} was approved or dropped already")]
    ProposalEnded(u64),
    #[error("the same waits for approval already, as proposal {0}")]
    ProposedAlready(u64),
    #[error("proposal {0} is your own: another person must approve it")]
    OwnProposal(u64),
    #[error("who wrote {0} cannot be read any more")]
    NoteUnreadable(crate::domain::Digest),
    #[error("{0} is tested by a check: nobody attests it; `evidenced check {0}` runs it now")]
    NotAttested(ControlId),
    #[error("it can be attested until {latest}, and not into the past")]
    AttestedTooLong { latest: crate::domain::Timestamp },
    #[error("say in at least {0} characters why the subject is out of scope")]
    ShortReason(usize),
    #[error("a subject is a text of one line, of at most {0} bytes, in which `*` stands for any text")]
    NoSubject(usize),
    #[error("such an exclusion is over before it begins: name an end that is in the future")]
    ExclusionIsOver,
    #[error("exclusion {0} covers it until then already: `evidenced exclusions` names it")]
    ExcludedAlready(u64),
    #[error(
        "nobody excludes this subject from {0} by `evidenced exclude`: `evidenced exclusions` names them; those of the \
         configuration end there"
    )]
    NotExcluded(ControlId),
    #[error("{0} is attested by a person: it has no subjects that could be excluded")]
    NothingToExclude(ControlId),
    #[error("the plugin of {0} keeps no state")]
    NoPluginState(ControlId),
    #[error("an entry could not be written")]
    Entry(#[from] Arc<crate::domain::EntryError>),
    #[error("the recorder has stopped")]
    Stopped,
}

impl From<LedgerError> for RecorderError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(Arc::new(error))
    }
}

/// Judges facts and writes what was decided.
pub struct Recorder {
    ledger: Arc<Ledger<State>>,
    catalogue: Arc<Catalogue>,
    runs: Runs,
}

impl Recorder {
    pub fn new(ledger: Arc<Ledger<State>>, catalogue: Arc<Catalogue>) -> Self {
        Self { ledger, catalogue, runs: Runs::default() }
    }

    /// Entries that are durable.
    pub fn size(&self) -> u64 {
        self.ledger.head().size
    }

    /// Records facts in order. The answer to each is given when it is durable; a refused one leaves the others be.
    ///
    /// Two facts about one control never share a batch, since the second is judged on what the first decided.
    pub fn record(&mut self, now: Timestamp, facts: Vec<Fact>) -> Vec<Result<Recorded, RecorderError>> {
        let mut answers = Vec::with_capacity(facts.len());
        let mut draft = Draft::begin(&self.ledger, now);
        let mut unanswered = 0;
        for fact in facts {
            if draft.is_closed_to(&fact) {
                self.commit(std::mem::replace(&mut draft, Draft::empty(now)), &mut answers, &mut unanswered);
                draft = Draft::begin(&self.ledger, now);
            }
            let answer = self.decide(&mut draft, fact);
            unanswered += 1;
            answers.push(answer);
        }
        self.commit(draft, &mut answers, &mut unanswered);
        answers
    }

    fn decide(&mut self, draft: &mut Draft, fact: Fact) -> Result<Recorded, RecorderError> {
        let mark = draft.mark();
        let decided = match fact {
            Fact::Ran(finished) => self.ran(draft, *finished),
            Fact::Missed(missed) => self.missed(draft, missed),
            Fact::Event(event) => draft.push(event),
            Fact::Said { exception, does, author, words } => self.said(draft, exception, does, author, words),
            Fact::Closed(closing) => self.closed(draft, *closing),
            Fact::Acted(acting) => self.acted(draft, *acting),
            Fact::Erase(erasing) => self.erase(draft, *erasing),
            Fact::Configured { catalogue, expanded } => self.configured(draft, catalogue, &expanded),
            Fact::ConfigurationRefused { errors, count } => self.configuration_refused(draft, &errors, count),
            Fact::PluginFault(facts) => self.plugin_fault(draft, *facts),
            Fact::PluginRefused(refusal) => self.plugin_refused(draft, *refusal),
            Fact::Gap(gap) => self.gap(draft, *gap),
            Fact::Room(room) => self.room(draft, room),
            Fact::ClockDoubted(doubt) => self.clock_doubted(draft, doubt),
            Fact::ClockBelieved(belief) => self.clock_believed(draft, *belief),
            Fact::Tick { clock } => self.tick(draft, clock),
        };
        if decided.is_err() {
            draft.back_to(mark);
        }
        decided
    }

    /// After this returns, what `answers` acknowledges is durable; an error takes back the acknowledgement of the
    /// whole batch. A crash before the commit leaves nothing of the batch, one after it all of it.
    fn commit(&mut self, mut draft: Draft, answers: &mut [Result<Recorded, RecorderError>], unanswered: &mut usize) {
        let from = answers.len() - std::mem::take(unanswered);
        if draft.is_empty() {
            return;
        }
        let learned = draft.take_learned();
        let has_checkpoint = draft.has_checkpoint();
        let erased = draft.take_erased_afterwards();
        if let Err(error) = self.ledger.commit(draft.into_batch()) {
            let error = Arc::new(error);
            tracing::error!(error = &*error as &dyn std::error::Error, "the ledger does not take entries");
            for answer in &mut answers[from..] {
                if answer.is_ok() {
                    *answer = Err(RecorderError::Ledger(Arc::clone(&error)));
                }
            }
            return;
        }
        self.runs.remember(learned);
        if !erased.is_empty()
            && let Err(error) = self.ledger.erase_all(&erased)
        {
            // Verification names what is there still; approving the erasure again erases it.
            let error = Arc::new(error);
            tracing::error!(error = &*error as &dyn std::error::Error, "what an entry says is erased is there still");
            answers[from..].iter_mut().for_each(|answer| *answer = Err(RecorderError::Ledger(Arc::clone(&error))));
        }
        if has_checkpoint && let Err(error) = self.ledger.checkpoint() {
            // The entry is durable; the signed note is made again with the next one.
            tracing::error!(error = &error as &dyn std::error::Error, "the checkpoint cannot be signed");
        }
    }
}
