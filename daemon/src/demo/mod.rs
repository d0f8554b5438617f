//! A small company in a box, observed for 90 days in less than a minute.
//!
//! The company's APIs and its mail server are simulated, in the shapes of the real services, by this process and on
//! loopback. Everything else is the daemon itself: schedules, sandboxed runs of the standard plugins, the ledger,
//! mails, the report.
//! In: a folder. Out: everything that happened in it, and what to look at.

mod company;
mod files;
mod inventory;
mod mailbox;
mod samples;
mod story;
mod telling;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::{Clock, VirtualClock, stopwatch},
    config::{self, Config},
    domain::Timestamp,
    service::{self, LiveError, Options, Service, Turns},
};

pub use mailbox::Mailbox;
pub use telling::{Chapter, Story};

/// What the demo is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where everything is put; must be empty or not exist.
    pub dir: PathBuf,
    /// Where the standard plugins lie.
    pub plugins: PathBuf,
    pub options: Options,
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("`{0}` is not empty: name another folder with --dir, or remove it")]
    NotEmpty(PathBuf),
    #[error("cannot write {path}", path = .0.display())]
    Write(PathBuf, #[source] std::io::Error),
    #[error("the company's servers cannot be started")]
    Servers(#[source] std::io::Error),
    #[error("the demo's own configuration is refused:\n{0}")]
    Configuration(config::Diagnostics),
    #[error(transparent)]
    Service(#[from] LiveError),
    #[error("the ledger cannot be read back")]
    Ledger(#[from] crate::ledger::LedgerError),
}

/// A company whose 90 days have passed.
pub struct Demo {
    pub config: Arc<Config>,
    pub config_file: PathBuf,
    pub mail: PathBuf,
    pub took: Duration,
    clock: VirtualClock,
    options: Options,
    servers: JoinSet<std::io::Result<()>>,
    stop: CancellationToken,
}

impl Demo {
    /// Sets the company up and lets 90 days pass; `seen` is told how far the time has come (0 to 1).
    pub async fn observe(settings: Settings, seen: &mut dyn FnMut(f64)) -> Result<Self, DemoError> {
        let started = stopwatch();
        let clock = VirtualClock::new(story::begin());
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let dir = files::claim(&settings.dir)?;
        let mail = dir.join("mail");
        let company = company::Company::bind(Arc::clone(&shared)).await.map_err(DemoError::Servers)?;
        let mailbox = Mailbox::bind(&mail, Arc::clone(&shared), |now| story::mail_down().contains(now));
        let mailbox = mailbox.await.map_err(DemoError::Servers)?;
        let addresses = company.addresses().map_err(DemoError::Servers)?;
        let smtp = mailbox.address().map_err(DemoError::Servers)?;
        let config_file = files::write(&dir, &addresses, smtp, &settings.plugins)?;
        let config = Arc::new(config::load(&config_file).map_err(DemoError::Configuration)?.config);

        let stop = CancellationToken::new();
        let mut servers = JoinSet::new();
        servers.spawn(company.serve(stop.clone()));
        servers.spawn(mailbox.serve(stop.clone()));
        let mut demo =
            Self { config, config_file, mail, took: Duration::ZERO, clock, options: settings.options, servers, stop };
        let away = story::daemon_down();
        demo.live_until(away.from, seen).await?;
        demo.clock.advance_to(away.until);
        demo.live_until(story::end(), seen).await?;
        demo.took = started.elapsed();
        Ok(demo)
    }

    async fn live_until(&self, end: Timestamp, seen: &mut dyn FnMut(f64)) -> Result<(), DemoError> {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let mut service =
            Service::open(Arc::clone(&self.config), &self.options, clock).await.map_err(LiveError::from)?;
        let mut turns = Turns::new(&service, &self.clock);
        let (from, until) = (story::begin(), story::end());
        let whole = until.since(from).as_secs_f64();
        let dir = self.dir().to_owned();
        let inventory = dir.join("inventory.json");
        let mut exported = None;
        let mut failed = Ok(());
        let mut turn = |now: Timestamp| {
            seen(now.since(from).as_secs_f64() / whole);
            let today = now.as_millis().div_euclid(86_400_000);
            if exported.replace(today) != Some(today) {
                failed = std::mem::replace(&mut failed, Ok(()))
                    .and_then(|()| inventory::export(&inventory, now))
                    .and_then(|()| samples::export(&dir, now));
            }
        };
        turn(self.clock.now());
        turns.until(&mut service, end, &mut turn).await?;
        failed?;
        turns.stop().await?;
        service.close().await.map_err(LiveError::from)?;
        Ok(())
    }

    /// Goes on live from the last day's end at the pace of real time, until `stop`.
    pub async fn stay(&self, stop: CancellationToken) -> Result<(), DemoError> {
        let pace = {
            let (clock, stop) = (self.clock.clone(), stop.clone());
            let begun = clock.now();
            let real = stopwatch();
            async move {
                while !stop.is_cancelled() {
                    crate::clock::real_pause(Duration::from_millis(100)).await;
                    clock.advance_to(begun.plus(real.elapsed()));
                }
            }
        };
        let start = service::Start {
            config: Arc::clone(&self.config),
            config_file: self.config_file.clone(),
            refused: None,
            options: self.options.clone(),
            clock: Arc::new(self.clock.clone()),
            signals: service::Signals::listen()?,
        };
        let pace_stop = stop.clone();
        let live = async move {
            let ended = service::run(start, stop).await;
            pace_stop.cancel();
            ended
        };
        let ((), ended) = tokio::join!(pace, live);
        Ok(ended?)
    }

    /// Stops the company's servers.
    pub async fn close(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.servers.join_next().await {
            if let Ok(Err(error)) = ended {
                tracing::error!(%error, "a server of the demo ended with an error");
            }
        }
    }

    /// The company's.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    /// The folder of everything.
    pub fn dir(&self) -> &Path {
        self.config_file.parent().unwrap_or(&self.config_file)
    }
}
