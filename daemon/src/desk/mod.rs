//! Answers what commands and pages ask: from the daemon over its socket, or from the store when no daemon runs. One
//! code path for both.
//!
//! In: questions, with who asks. Out: lines of an answer.
//! Must not know: how answers are printed.

mod acts;
#[cfg(test)]
mod acts_tests;
mod erase;
mod examine;
mod exceptions;
mod exclusions;
mod health;
#[cfg(test)]
mod health_tests;
mod held;
mod progress;
mod proven;
mod replay;
mod report;
#[cfg(test)]
mod report_tests;
mod results;
mod socket;
#[cfg(test)]
mod socket_tests;
mod status;
#[cfg(test)]
mod tests;
mod unknown;
mod verify;
mod words;

use std::sync::{Arc, RwLock};

use anyhow::Context as _;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::{
    access::{Demand, Denied, admit},
    clock::Clock,
    config::Config,
    doctor::Observation,
    domain::{ControlId, SlotTime, Timestamp},
    fold::State,
    gate::Traffic,
    judge::PersonDoes,
    ledger::{Ledger, Store},
    recorder::{Attestation, Author, Catalogue, Closing, Does, Excluding, Fact, Handle, Recorded, RecorderError},
    sandbox::CompileWhere,
};

pub use acts::{ProposalLine, ProposalState, SilenceLine};
pub use examine::no_daemon;
pub use exclusions::{DecidedLine, ExclusionLine, ExclusionState};
pub use proven::{ReplayTally, ReplayWord, ReplayedRun, Verified, VerifiedLedger};
pub use socket::{Client, Folder, bind, login_uid, serve};
pub use unknown::Unknown;
pub use words::{
    AttestedFile, Checked, ControlLine, ExceptionLine, FurtherLine, Line, NoteLine, PluginInUse, PluginLine, Problem,
    PulseLine, Question, Reloaded, ReportFormat, SlotLine, SlotState, SourceLine, Status, SubjectLine,
};

/// The one who answers.
pub struct Desk {
    ledger: Arc<Ledger<State>>,
    catalogue: RwLock<Arc<Catalogue>>,
    /// Keys of the configuration that were changed since the daemon started, and are in force after a restart.
    after_restart: RwLock<Vec<&'static str>>,
    clock: Arc<dyn Clock>,
    /// Where the plugins of runs that are performed again are compiled.
    compile: CompileWhere,
    /// `None`: no daemon runs, and nothing can be written or run from here.
    live: Option<Live>,
    /// Of those who verify the ledger.
    verifications: Semaphore,
    /// Of those who perform runs again.
    replays: Semaphore,
}

/// What only a running daemon has.
#[derive(Clone)]
pub struct Live {
    pub recorder: Handle,
    /// What was asked of each source.
    pub traffic: Arc<dyn Fn() -> Vec<Traffic> + Send + Sync>,
    /// How it stands with heartbeats; `None`: none are configured.
    pub pulse: Arc<dyn Fn() -> Option<PulseLine> + Send + Sync>,
    /// What the daemon itself must do; bounded, so that asking waits when too many do.
    pub asks: mpsc::Sender<Asked>,
}

/// What people ask for that nobody but the daemon itself can do.
#[derive(Debug)]
pub enum Asked {
    Check(CheckNow),
    AcceptClock(AcceptClock),
    Examine(Examine),
    Reload(Reload),
}

/// A check that a person asked for.
#[derive(Debug)]
pub struct CheckNow {
    pub control: ControlId,
    pub answer: oneshot::Sender<Result<Recorded, RecorderError>>,
}

/// A person says that the wall clock is right.
#[derive(Debug)]
pub struct AcceptClock {
    pub author: Author,
    pub reason: String,
    /// By which another person said so before.
    pub proposal: u64,
    pub answer: oneshot::Sender<Result<Recorded, RecorderError>>,
}

/// A person wants to know what is wrong.
#[derive(Debug)]
pub struct Examine {
    pub seen: mpsc::Sender<Observation>,
}

/// A person wants the files to be read again.
#[derive(Debug)]
pub struct Reload {
    pub answer: oneshot::Sender<Reloaded>,
}

impl Desk {
    pub fn new(
        ledger: Arc<Ledger<State>>,
        catalogue: Arc<Catalogue>,
        clock: Arc<dyn Clock>,
        compile: CompileWhere,
        live: Option<Live>,
    ) -> Self {
        Self {
            ledger,
            catalogue: RwLock::new(catalogue),
            after_restart: RwLock::default(),
            clock,
            compile,
            live,
            verifications: Semaphore::new(1),
            replays: Semaphore::new(replay::REPLAYS_MAX),
        }
    }

    /// When no daemon runs: answers what only reads.
    pub fn reading(
        ledger: Arc<Ledger<State>>,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        compile: CompileWhere,
    ) -> Self {
        let catalogue = Arc::new(Catalogue::new(config, std::collections::BTreeMap::new()));
        Self::new(ledger, catalogue, clock, compile, None)
    }

    /// A new configuration was accepted; `after_restart`: what of it is not in force yet.
    pub fn use_catalogue(&self, catalogue: Arc<Catalogue>, after_restart: Vec<&'static str>) {
        *self.catalogue.write().unwrap_or_else(std::sync::PoisonError::into_inner) = catalogue;
        *self.after_restart.write().unwrap_or_else(std::sync::PoisonError::into_inner) = after_restart;
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Answers one question; the lines go to `lines`, which may be slow. Ends early when nobody listens any more.
    pub async fn answer(self: &Arc<Self>, author: &Author, question: Question, lines: mpsc::Sender<Line>) {
        let answered = match self.admitted(author, question.demand()).await {
            Ok(author) => self.answer_to(&author, question, &lines).await,
            Err(denied) => Err(denied),
        };
        let last = match answered {
            Ok(None) => return,
            Ok(Some(line)) => line,
            Err(error) => Line::Refused { problem: problem(&error), message: format!("{error:#}") },
        };
        // Nobody is left to tell if this fails.
        let _ = lines.send(last).await;
    }

    /// Whoever asks, with their name, if they may. A name service may lie on another machine, and hang.
    async fn admitted(&self, author: &Author, demand: Demand) -> anyhow::Result<Author> {
        let (catalogue, author) = (self.catalogue(), author.clone());
        let admitted = move || admit(&author, demand, &catalogue.config().access);
        Ok(tokio::task::spawn_blocking(admitted).await??)
    }

    /// The last line of the answer, if there is one that was not sent.
    async fn answer_to(
        self: &Arc<Self>,
        author: &Author,
        question: Question,
        lines: &mpsc::Sender<Line>,
    ) -> anyhow::Result<Option<Line>> {
        match question {
            Question::Check { control } => self.check(control).await,
            Question::Acknowledge { id, until, words } => {
                self.say(id, PersonDoes::Acknowledge { until }, author, words).await
            }
            Question::Note { id, about, words } => self.say(id, PersonDoes::Note(about), author, words).await,
            Question::Close { id: exception, root_cause, response, words } => {
                let author = author.clone();
                self.write(Fact::Closed(Box::new(Closing { exception, author, root_cause, response, words }))).await
            }
            Question::AcceptClock { reason } => self.act(author, reason, Does::AcceptClock).await,
            Question::Silence { what, words } => self.act(author, words, Does::Silence(what)).await,
            Question::EndSilence { silence, words } => self.act(author, words, Does::EndSilence(silence)).await,
            Question::ResetState { control, words } => {
                if self.ledger.state().control(&control).is_none() {
                    return Err(self.unknown_control(&control).into());
                }
                self.act(author, words, Does::ResetState(control)).await
            }
            Question::Attest { control, passes, until, file, words } => {
                let file = file.map(|file| (file.name, file.content));
                self.act(author, words, Does::Attest(Attestation { control, passes, until, file })).await
            }
            Question::Exclude { control, subject, until, words } => {
                self.act(author, words, Does::Exclude(Excluding { control, subject, until })).await
            }
            Question::EndExclusion { control, subject, words } => {
                self.act(author, words, Does::EndExclusion { control, subject }).await
            }
            Question::Erase { subject, words } => self.propose_erasure(author, subject, words).await,
            Question::Approve { proposal, words } => self.approve(author, proposal, words, lines).await,
            Question::Drop { proposal, words } => self.drop_proposal(author, proposal, words).await,
            Question::Reload => self.reload().await,
            Question::Examine { software } => self.examine(&software, lines).await,
            question => {
                let desk = Arc::clone(self);
                let to = lines.clone();
                let read = move || desk.read(&question, &to);
                match tokio::task::spawn_blocking(read).await {
                    Ok(read) => read.map(|()| None),
                    Err(panic) => Err(panic.into()),
                }
            }
        }
    }

    /// Answers what only reads, on a thread that may block.
    fn read(&self, question: &Question, lines: &mpsc::Sender<Line>) -> anyhow::Result<()> {
        // Whether to go on.
        let mut take = |line| lines.blocking_send(line).is_ok();
        match question {
            Question::Status => {
                take(Line::Status(Box::new(self.status())));
            }
            Question::Results { control, from, to } => {
                let ever = Timestamp::ever();
                let range = from.unwrap_or(ever.start)..to.unwrap_or(ever.end);
                self.results(control, range, &mut |slot| take(Line::Slot(Box::new(slot))))?;
            }
            Question::Exceptions { only } => {
                for exception in self.exceptions(*only) {
                    if !take(Line::Exception(Box::new(exception))) {
                        break;
                    }
                }
            }
            Question::Exception { id } => {
                let exception = self.exception(*id).ok_or(Unknown(format!("there is no exception {id}")))?;
                take(Line::Exception(Box::new(exception)));
            }
            Question::Report { window, formats } => self.report(window, formats, &mut take)?,
            Question::Verify { deep, against } => self.verify(*deep, against.as_deref(), lines)?,
            Question::Replay { run, control } => self.replay(*run, control.as_ref(), lines)?,
            Question::Silences { all } => {
                for silence in self.silences(*all) {
                    if !take(Line::Silence(Box::new(silence))) {
                        break;
                    }
                }
            }
            Question::Proposals { all } => {
                for proposal in self.proposals(*all) {
                    if !take(Line::Proposal(Box::new(proposal))) {
                        break;
                    }
                }
            }
            Question::Exclusions { all } => {
                for exclusion in self.exclusions(*all) {
                    if !take(Line::Exclusion(Box::new(exclusion))) {
                        break;
                    }
                }
            }
            Question::Check { .. }
            | Question::Acknowledge { .. }
            | Question::Note { .. }
            | Question::Close { .. }
            | Question::AcceptClock { .. }
            | Question::Exclude { .. }
            | Question::EndExclusion { .. }
            | Question::Silence { .. }
            | Question::EndSilence { .. }
            | Question::ResetState { .. }
            | Question::Erase { .. }
            | Question::Attest { .. }
            | Question::Approve { .. }
            | Question::Drop { .. }
            | Question::Reload
            | Question::Examine { .. } => {
                anyhow::bail!("this can only be answered by a recorder");
            }
        }
        Ok(())
    }

    /// Where its ledger lies.
    fn folder(&self) -> Option<Folder> {
        Folder::with_ledger(self.ledger.folder())
    }

    async fn check(&self, control: ControlId) -> anyhow::Result<Option<Line>> {
        let live = self.live.as_ref().context("no daemon runs")?;
        let known = self.catalogue();
        if known.control(&control).is_some_and(|control| control.is_attested()) {
            anyhow::bail!(Unknown(format!("{control} is attested by a person: `evidenced attest {control}`")));
        }
        let (answer, answered) = oneshot::channel();
        let asked = Asked::Check(CheckNow { control: control.clone(), answer });
        live.asks.send(asked).await.context("the daemon is stopping")?;
        match answered.await.context("the daemon stopped before the check had ended")? {
            Ok(recorded) => Ok(Some(checked(control, recorded))),
            Err(RecorderError::UnknownControl(id)) => Err(self.unknown_control(&id).into()),
            Err(error) => Err(error.into()),
        }
    }

    async fn reload(&self) -> anyhow::Result<Option<Line>> {
        let live = self.live.as_ref().context("no daemon runs")?;
        let (answer, answered) = oneshot::channel();
        live.asks.send(Asked::Reload(Reload { answer })).await.context("the daemon is stopping")?;
        let reloaded = answered.await.context("the daemon stopped before it had read its files")?;
        Ok(Some(Line::Reloaded(Box::new(reloaded))))
    }

    async fn say(
        &self,
        exception: crate::domain::ExceptionId,
        does: PersonDoes,
        author: &Author,
        words: String,
    ) -> anyhow::Result<Option<Line>> {
        self.write(Fact::Said { exception, does, author: author.clone(), words }).await
    }

    fn unknown_control(&self, id: &ControlId) -> Unknown {
        Unknown::control(id, self.ledger.state().controls().keys())
    }

    async fn write(&self, fact: Fact) -> anyhow::Result<Option<Line>> {
        let live = self.live.as_ref().context("no daemon runs")?;
        let recorded = live.recorder.record(fact).await?;
        Ok(Some(Line::recorded(&recorded)))
    }

    fn next_slot(&self, control: &crate::domain::Control) -> Option<SlotTime> {
        let schedule = crate::schedule::Schedule::parse(&control.check.schedule, &control.check.timezone).ok()?;
        schedule.next_after(self.clock.now()).map(|firing| firing.slot)
    }
}

/// What was recorded of a check, as a line.
pub fn checked(control: ControlId, recorded: Recorded) -> Line {
    match recorded.run {
        Some(run) => Line::Checked(Box::new(Checked {
            control,
            outcome: run.outcome,
            reason: run.reason,
            words: run.words,
            population: run.population,
            findings: run.findings,
            sequence: recorded.sequence,
        })),
        None => Line::recorded(&recorded),
    }
}

/// Whose fault an error is.
pub fn problem(error: &anyhow::Error) -> Problem {
    let is_question = error.is::<Unknown>()
        || error.is::<Denied>()
        || matches!(
            error.downcast_ref::<RecorderError>(),
            Some(
                RecorderError::Refused(_)
                    | RecorderError::UnknownControl(_)
                    | RecorderError::UnknownException(_)
                    | RecorderError::NoWords
                    | RecorderError::ClockBelieved
                    | RecorderError::UnknownSilence(_)
                    | RecorderError::SilenceEnded(_)
                    | RecorderError::SilenceIsOver
                    | RecorderError::SilenceOfNothing
                    | RecorderError::SilenceOfNobody(_)
                    | RecorderError::UnknownProposal(_)
                    | RecorderError::ProposalEnded(_)
                    | RecorderError::ProposedAlready(_)
                    | RecorderError::OwnProposal(_)
                    | RecorderError::ShortReason(_)
                    | RecorderError::NoSubject(_)
                    | RecorderError::ExclusionIsOver
                    | RecorderError::ExcludedAlready(_)
                    | RecorderError::NotExcluded(_)
                    | RecorderError::NothingToExclude(_)
                    | RecorderError::NoPluginState(_)
                    | RecorderError::NotAttested(_)
                    | RecorderError::AttestedTooLong { .. }
            )
        );
    if is_question { Problem::Question } else { Problem::Daemon }
}
