//! Looks at an installation and says of each part of it whether it is well, and if not, what to do.
//!
//! In: the parts of a daemon, as the running one has them or as a command has set them up. Out: observations.
//! Nothing is changed: a file that shows that a folder can be written is removed again, servers are greeted and no
//! more, and no secret goes to anybody but databases, directories and the mail server, which are given the login that each
//! question and each mail needs, the proxy, and who exchanges a secret for a token, which is got as for a run.
//! Must not know: whether a daemon runs; how observations are printed.

mod configuration;
mod credentials;
mod databases;
mod folder;
mod mail;
mod modes;
mod observation;
mod plugins;
mod sources;
mod tokens;
mod webhooks;

use std::{path::PathBuf, sync::Arc};

use tokio::sync::mpsc;

use crate::{
    clock::Clock,
    config::{Config, MailTls},
    fold::State,
    gate::Gate,
    ledger::Ledger,
    outbox::SmtpTransport,
    runner::Shelf,
};

pub use configuration::configuration;
pub use observation::{Aspect, Level, Observation};

/// What is looked at.
pub struct Patient {
    pub config: Arc<Config>,
    /// Why there is none, if there is none.
    pub gate: Result<Arc<Gate>, String>,
    pub shelf: Arc<Shelf>,
    pub clock: Arc<dyn Clock>,
    /// `None`: nothing was recorded yet. Else why it cannot be read.
    pub ledger: Result<Option<Arc<Ledger<State>>>, String>,
    pub mail: MailWay,
}

/// The way that mails go.
pub enum MailWay {
    /// Into files of this folder.
    Files(PathBuf),
    Server {
        /// Host and port.
        name: String,
        tls: MailTls,
        has_login: bool,
        /// Why there is none, if there is none.
        transport: Result<Box<SmtpTransport>, String>,
    },
}

/// Looks at everything. Ends early when nobody listens any more.
pub async fn examine(patient: Arc<Patient>, seen: &mpsc::Sender<Observation>) {
    let (looked_at, to) = (Arc::clone(&patient), seen.clone());
    let here = tokio::task::spawn_blocking(move || look_here(&looked_at, &to));
    // What waits for others goes side by side.
    let (here, (), (), (), (), ()) = tokio::join!(
        here,
        sources::sources(&patient, seen),
        tokens::tokens(&patient, seen),
        databases::databases(&patient, seen),
        mail::mail(&patient, seen),
        webhooks::webhooks(&patient, seen)
    );
    if let Err(panic) = here {
        std::panic::resume_unwind(panic.into_panic());
    }
}

/// What this machine alone can answer.
fn look_here(patient: &Patient, seen: &mpsc::Sender<Observation>) {
    let parts: [fn(&Patient) -> Vec<Observation>; 4] =
        [folder::folder, folder::clock, plugins::plugins, credentials::credentials];
    for part in parts {
        for observation in part(patient) {
            if seen.blocking_send(observation).is_err() {
                return;
            }
        }
    }
}
