//! What the supervisor that started the daemon is told (sd_notify(3) of systemd, which others understand too). Where
//! there is none, nothing is said.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sd_notify::NotifyState;

use super::Service;
use crate::{
    clock::{Stopwatch, stopwatch},
    domain::ExceptionState,
    ledger::{OpeningStep, Store},
    mail::words::count,
};

/// The process that started the daemon, waits until it is ready, and wants to hear that it is alive.
#[derive(Debug, Clone, Default)]
pub struct Supervisor(Option<Arc<Told>>);

/// What it was told last, so that it is not told the same again and again.
#[derive(Debug)]
struct Told {
    wants_signs_of_life: bool,
    alive: Mutex<Option<Stopwatch>>,
    progress: Mutex<Option<Stopwatch>>,
    status: Mutex<String>,
}

/// Signs of life and of progress are not sent more often.
const SIGN_EVERY: Duration = Duration::from_secs(1);

/// What has not come further for so long will not.
pub(super) const STEP_MAX: Duration = Duration::from_secs(60);

impl Supervisor {
    /// The one that `$NOTIFY_SOCKET` leads to; none without it.
    pub fn from_environment() -> Self {
        let told = Told {
            wants_signs_of_life: sd_notify::watchdog_enabled().is_some(),
            alive: Mutex::default(),
            progress: Mutex::default(),
            status: Mutex::default(),
        };
        Self(std::env::var_os("NOTIFY_SOCKET").map(|_| Arc::new(told)))
    }

    /// A step of something long begins, which ends `within` that time. A limit that would end the daemon meanwhile is
    /// put off for so long, and no longer: what stands still is not waited for.
    pub(super) fn step(&self, within: Duration, words: &str) {
        self.tell(&[extension(within), NotifyState::Status(words)]);
    }

    /// A long step has come further. Cheap enough to be said of every entry.
    pub(super) fn progress(&self, words: impl FnOnce() -> String) {
        let Some(told) = &self.0 else { return };
        if is_due(&told.progress) {
            self.step(STEP_MAX, &words());
        }
    }

    /// The daemon does all that it is there for.
    pub(super) fn ready(&self, status: &str) {
        self.tell(&[NotifyState::Ready, NotifyState::Status(status)]);
        self.remember(status);
    }

    /// The files are read again; [`Self::ready`] ends it.
    pub(super) fn reloading(&self) {
        // Newer versions of systemd refuse the one without the other.
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            self.tell(&[NotifyState::Reloading, now, NotifyState::Status("reading the configuration again")]);
            self.remember("");
        }
    }

    pub(super) fn stopping(&self, within: Duration) {
        self.tell(&[NotifyState::Stopping, extension(within), NotifyState::Status("stopping")]);
    }

    /// How things stand, if that has changed.
    pub(super) fn status(&self, status: &str) {
        let Some(told) = &self.0 else { return };
        if *lock(&told.status) != status {
            self.tell(&[NotifyState::Status(status)]);
            self.remember(status);
        }
    }

    /// The loop that fires slots has turned.
    pub(super) fn alive(&self) {
        let Some(told) = self.0.as_ref().filter(|told| told.wants_signs_of_life) else { return };
        if is_due(&told.alive) {
            self.tell(&[NotifyState::Watchdog]);
        }
    }

    fn remember(&self, status: &str) {
        if let Some(told) = &self.0 {
            status.clone_into(&mut lock(&told.status));
        }
    }

    fn tell(&self, states: &[NotifyState<'_>]) {
        if self.0.is_some()
            && let Err(error) = sd_notify::notify(states)
        {
            tracing::warn!(%error, "the supervisor that $NOTIFY_SOCKET names cannot be told how things stand");
        }
    }
}

impl Service {
    /// The supervisor sees how things stand.
    pub(super) fn tell_standing(&self) {
        self.supervisor.status(&self.standing());
    }

    /// How things stand, in a line.
    pub(super) fn standing(&self) -> String {
        let state = self.ledger.state();
        let open = state
            .exceptions()
            .values()
            .filter(|exception| matches!(exception.state(), ExceptionState::Open | ExceptionState::Overdue));
        let controls = self.catalogue.config().controls.len() as u64;
        let mut words = format!("{}, {}", count(controls, "control"), count(open.count() as u64, "open exception"));
        if state.head().refused.is_some() {
            words.push_str("; the files of the configuration are refused, the last accepted one is in force");
        }
        if state.head().doubt.is_some() {
            words.push_str("; the clock is in doubt");
        }
        if self.firing.disk_is_full {
            words.push_str("; no runs start, for the disk is full");
        }
        words
    }
}

/// Says how far the opening of a ledger is.
pub(super) fn opening(supervisor: &Supervisor, step: OpeningStep) {
    supervisor.progress(|| match step {
        OpeningStep::Read { entries } => format!("reading the journal: {entries} entries"),
        OpeningStep::Folded { entries, of } => format!("folding the entries: {entries} of {of}"),
        OpeningStep::View => "filling the view".to_owned(),
    });
}

fn extension(within: Duration) -> NotifyState<'static> {
    NotifyState::ExtendTimeoutUsec(u32::try_from(within.as_micros()).unwrap_or(u32::MAX))
}

/// Whether a sign may be sent again; then it counts as sent.
fn is_due(sent: &Mutex<Option<Stopwatch>>) -> bool {
    let mut sent = lock(sent);
    let due = sent.as_ref().is_none_or(|sent| sent.elapsed() >= SIGN_EVERY);
    if due {
        *sent = Some(stopwatch());
    }
    due
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What was told is whole at any time.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
