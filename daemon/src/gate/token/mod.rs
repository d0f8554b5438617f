//! Tokens that the host gets with a credential, and keeps until shortly before they expire.
//!
//! In: a credential that is exchanged for a token. Out: the token, from memory or from who gives it; one asks, all others
//! that come meanwhile wait for the same answer. A token lives as long as the gate, and is written nowhere.

mod ask;
mod aws_role;
mod container;
mod github;
mod google;
mod instance;
mod jwt;
mod oauth2;
mod sts;

pub(super) use ask::Asking;

use evidenced_contract::HttpError;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    aws_key::AwsKey,
    credential::{CredentialSettings, Loaded},
};
use crate::{
    domain::{CredentialId, CredentialKind, Timestamp},
    secret::Secret,
};

/// A token is not used in the last minute before it expires: a request may be under way for so long.
const MARGIN: Duration = Duration::from_secs(60);

/// A token that was refused is replaced at once, and the one after it not before so long: then it is not the token that is
/// wrong, and whoever gives tokens is not to be asked with each request.
const RENEWAL_PAUSE: Duration = Duration::from_secs(60);

/// The tokens of one gate.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<CredentialId, Arc<Cell>>>);

/// The place of one credential's token.
#[derive(Default)]
struct Cell {
    /// Locked by the one that asks for a token, as long as it asks.
    state: tokio::sync::Mutex<State>,
    /// How often somebody was asked to the end.
    asked: AtomicU64,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// How the newest asking failed, and its number.
    failure: Option<(u64, HttpError)>,
    /// When a token was last dropped because it was refused.
    renewed: Option<Timestamp>,
}

/// What a token is put on requests as.
#[derive(Debug, Clone)]
pub(super) enum Token {
    Bearer(Secret),
    Aws(AwsKey),
}

/// Which of the tokens of a credential it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(u64);

/// What was just given.
pub(super) struct Given {
    pub token: Token,
    /// When it expires.
    pub until: Timestamp,
}

/// A token that is kept.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub token: Token,
    pub until: Timestamp,
    pub mark: Mark,
    from: Timestamp,
}

impl Held {
    /// A clock that was set back to before the token was there says nothing of its age.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let margin = MARGIN.min(self.until.since(self.from) / 4);
        self.from <= now && now < self.until.minus(margin)
    }

    pub(super) fn loaded(&self) -> Loaded {
        match &self.token {
            Token::Bearer(token) => Loaded::bearer(token),
            Token::Aws(key) => Loaded::AwsSigV4(key.clone()),
        }
    }
}

impl Tokens {
    /// The token that is kept, or a new one.
    ///
    /// # Errors
    /// Nobody gives one. The text names the credential and what to do, and nothing that was sent or answered.
    pub(super) async fn current(&self, settings: &CredentialSettings, asking: &Asking<'_>) -> Result<Held, HttpError> {
        let cell = self.cell(&settings.id);
        let before = cell.asked.load(Ordering::SeqCst);
        let mut state = cell.state.lock().await;
        let now = asking.now();
        if let Some(held) = state.held.as_ref().filter(|held| held.is_fresh(now)) {
            return Ok(held.clone());
        }
        if let Some((_, failure)) = state.failure.as_ref().filter(|(number, _)| *number > before) {
            // It was asked while this one waited; to ask again would be to ask once for each that waits.
            return Err(failure.clone());
        }
        // Who stops waiting here has asked nothing: the next one does.
        let given = given(settings, asking).await;
        if let Err(own_end @ HttpError::Limit(_)) = given {
            // The time of this one's run is up, which says nothing to others.
            return Err(own_end);
        }
        let number = cell.asked.fetch_add(1, Ordering::SeqCst) + 1;
        match given {
            Ok(Given { token, until }) => {
                let held = Held { token, until, mark: Mark(number), from: now };
                *state = State { held: Some(held.clone()), failure: None, renewed: state.renewed };
                Ok(held)
            }
            Err(failure) => {
                *state = State { held: None, failure: Some((number, failure.clone())), renewed: state.renewed };
                Err(failure)
            }
        }
    }

    /// The token was refused by who should accept it. Whether it is worth to try once more, with another one.
    pub(super) async fn refuse(&self, id: &CredentialId, mark: Mark, now: Timestamp) -> bool {
        let cell = self.cell(id);
        let mut state = cell.state.lock().await;
        match &state.held {
            Some(held) if held.mark == mark => {
                if state.renewed.is_some_and(|at| at <= now && now.since(at) < RENEWAL_PAUSE) {
                    return false;
                }
                state.renewed = Some(now);
                state.held = None;
                true
            }
            // Another request has found out before this one.
            Some(_) | None => true,
        }
    }

    fn cell(&self, id: &CredentialId) -> Arc<Cell> {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(cells.entry(id.clone()).or_default())
    }
}

async fn given(settings: &CredentialSettings, asking: &Asking<'_>) -> Result<Given, HttpError> {
    match &settings.kind {
        CredentialKind::Oauth2Client(client) => oauth2::given(settings, client, asking).await,
        CredentialKind::AwsAssumeRole(role) => aws_role::given(settings, role, asking).await,
        CredentialKind::AwsInstance(role) => instance::given(settings, role, asking).await,
        CredentialKind::GoogleServiceAccount(account) => google::given(settings, account, asking).await,
        CredentialKind::GithubApp(app) => github::given(settings, app, asking).await,
        CredentialKind::Header { .. }
        | CredentialKind::Bearer
        | CredentialKind::Basic { .. }
        | CredentialKind::Password
        | CredentialKind::AwsSigv4 { .. }
        | CredentialKind::ClientCertificate { .. } => Err(settings.unusable("its secret is used as it is")),
    }
}
