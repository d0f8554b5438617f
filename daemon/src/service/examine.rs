//! What a doctor looks at: the parts of the daemon that runs, or those that it would run with.

use std::{path::Path, sync::Arc};

use super::{Service, open, post};
use crate::{
    clock::Clock,
    config::{Config, Transport},
    desk::Examine,
    doctor::{self, MailWay, Patient},
    fold::State,
    gate::Gate,
    ledger::{self, Ledger, LedgerError, Store},
    runner::Shelf,
};

/// Examinations at once; who asks for one more is refused.
const EXAMINATIONS_MAX: usize = 4;

impl Service {
    /// Looks at the daemon's own parts, beside everything else.
    pub(super) fn examine(&mut self, examine: Examine) {
        while self.examinations.try_join_next().is_some() {}
        if self.examinations.len() >= EXAMINATIONS_MAX {
            // Who asked learns of it by an answer without an end.
            return;
        }
        let config = Arc::clone(self.catalogue.config());
        let patient = Patient {
            mail: mail_way(&config),
            gate: Ok(Arc::clone(&self.executor.gate)),
            shelf: Arc::clone(self.firing.shelf()),
            clock: Arc::clone(&self.clock),
            ledger: Ok(Some(Arc::clone(&self.ledger))),
            config,
        };
        self.examinations.spawn(async move { doctor::examine(Arc::new(patient), &examine.seen).await });
    }
}

/// The parts that a daemon would run with, while none does. Nothing is made that is not there.
pub fn patient(config: Arc<Config>, shelf: Shelf, clock: Arc<dyn Clock>) -> Patient {
    let ledger = read(&config.state_dir);
    if let Ok(Some(ledger)) = &ledger {
        let state = ledger.state();
        clock.restart(state.head().last_at, state.head().doubt.is_some());
    }
    Patient {
        mail: mail_way(&config),
        gate: Gate::new(open::gate_settings(&config, &clock)).map(Arc::new).map_err(|error| error.to_string()),
        shelf: Arc::new(shelf),
        clock,
        ledger,
        config,
    }
}

fn read(dir: &Path) -> Result<Option<Arc<Ledger<State>>>, String> {
    if !dir.exists() {
        return Ok(None);
    }
    match Ledger::open(dir, ledger::Options::read_only("")) {
        Ok(ledger) => Ok(Some(Arc::new(ledger))),
        Err(LedgerError::NoLedger { .. }) => Ok(None),
        Err(error) => Err(format!("{:#}", anyhow::Error::from(error))),
    }
}

fn mail_way(config: &Config) -> MailWay {
    match &config.mail.transport {
        Transport::Directory(folder) => MailWay::Files(folder.clone()),
        Transport::Smtp(smtp) => MailWay::Server {
            name: format!("{}:{}", smtp.host, smtp.port),
            tls: smtp.tls,
            has_login: smtp.login.is_some(),
            transport: post::smtp_transport(config, smtp)
                .map(Box::new)
                .map_err(|error| format!("{:#}", anyhow::Error::from(error))),
        },
    }
}
