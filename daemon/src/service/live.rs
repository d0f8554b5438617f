//! The daemon at work, until it is told to stop.

use std::{path::PathBuf, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use super::{OpenError, Options, Service, notify::STEP_MAX, post, reload::Reread};
use crate::{
    clock::Clock,
    config::Config,
    desk::{Asked, Desk, Reload},
    ledger::Store,
    recorder::RecorderError,
};

/// Time is looked at this often, also when nothing is due: overdue, untested, checkpoints.
pub const TICK: Duration = Duration::from_secs(15);

/// Runs under way get this long to end after a stop; then their slots are missed.
const STOP_GRACE: Duration = Duration::from_secs(20);

/// Why the daemon ended, or could not start.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the recorder has ended the daemon")]
    Recorder(#[from] RecorderError),
    #[error("cannot listen on {0}")]
    Listen(String, #[source] std::io::Error),
    #[error("signals cannot be received")]
    Signals(#[source] std::io::Error),
    #[error("the task `{0}` ended, and the daemon with it")]
    Task(&'static str),
}

/// What a daemon is started with.
pub struct Start {
    pub config: Arc<Config>,
    /// Read again on SIGHUP.
    pub config_file: PathBuf,
    /// The errors, if the files are refused and `config` is the last accepted one.
    pub refused: Option<(String, u64)>,
    pub options: Options,
    pub clock: Arc<dyn Clock>,
    pub signals: Signals,
}

/// What an operator tells the daemon. Whatever comes from the moment on at which this was made is kept until it is looked
/// at: a start may take long, and a signal that nobody takes would end it.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// To be called first of all, within a runtime.
    pub fn listen() -> Result<Self, LiveError> {
        let listen = |kind| signal(kind).map_err(LiveError::Signals);
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Whether the end was asked for.
    fn end(&mut self) -> bool {
        self.terminate.recv().now_or_never().is_some() || self.interrupt.recv().now_or_never().is_some()
    }
}

/// Runs until SIGTERM, SIGINT or `stop`. In order: no new slots, runs get their time, the rest is missed, what is
/// known of mail is recorded, the ledger is closed.
pub async fn run(start: Start, stop: CancellationToken) -> Result<(), LiveError> {
    let Start { config, config_file, refused, options, clock, mut signals } = start;
    let mut service = Service::assemble(Arc::clone(&config), &options, Arc::clone(&clock))?;
    if signals.end() {
        tracing::info!("told to stop before anything was begun");
        return Ok(service.close_quietly()?);
    }
    service.begin().await?;
    if let Some((errors, count)) = refused {
        service.refuse(errors, count).await?;
    }
    let mut tasks = Tasks::new(stop);
    let (desk, mut asked) = service.desk();
    tasks.start_post(&service);
    tasks.start_socket(Arc::clone(&desk), &config)?;
    if let Some(address) = config.web {
        let listener =
            TcpListener::bind(address).await.map_err(|error| LiveError::Listen(address.to_string(), error))?;
        tasks.start_web(Arc::clone(&desk), listener);
    }
    tracing::info!(
        instance = config.instance,
        controls = config.controls.len(),
        entries = service.ledger().head().size,
        "evidenced runs"
    );
    let supervisor = service.supervisor.clone();
    supervisor.ready(&service.standing());
    let ended = work(&mut service, &mut tasks, &desk, &mut asked, &config_file, &mut signals).await;
    supervisor.stopping(STOP_GRACE + STEP_MAX);
    drop(asked);
    let drained = drain(&mut service).await;
    tasks.stop().await;
    drop(desk);
    service.close().await?;
    ended.and(drained)
}

/// The tasks beside the firing of slots, each with a name; one that ends early ends the daemon.
struct Tasks {
    stop: CancellationToken,
    running: JoinSet<&'static str>,
}

impl Tasks {
    fn new(stop: CancellationToken) -> Self {
        Self { stop, running: JoinSet::new() }
    }

    fn start_post(&mut self, service: &Service) {
        let outbox = post::outbox(service, Arc::clone(&service.clock));
        let status = outbox.status();
        let (deliveries, incoming) = mpsc::channel(post::DELIVERIES_WAITING_MAX);
        let (ended, outcomes) = mpsc::channel(post::OUTCOMES_WAITING_MAX);
        let courier = post::Courier::new(Arc::clone(&service.ledger), deliveries, status);
        let committed: watch::Receiver<u64> = service.recorder.committed();
        let stop = self.stop.clone();
        self.spawn("outbox", async move { outbox.run(incoming, ended, stop).await });
        let stop = self.stop.clone();
        self.spawn("courier", async move { courier.keep_bringing(committed, stop).await });
        let recorder = service.recorder.clone();
        self.spawn("outcomes", async move {
            if let Err(error) = post::keep_recording(outcomes, recorder).await {
                tracing::error!(error = &error as &dyn std::error::Error, "what became of a mail cannot be recorded");
            }
        });
    }

    fn start_socket(&mut self, desk: Arc<Desk>, config: &Config) -> Result<(), LiveError> {
        let path = config.socket.clone();
        let listener =
            crate::desk::bind(&path).map_err(|error| LiveError::Listen(path.display().to_string(), error))?;
        let stop = self.stop.clone();
        self.spawn("socket", async move {
            if let Err(error) = crate::desk::serve(desk, listener, &path, stop).await {
                tracing::error!(%error, "the socket ended");
            }
        });
        Ok(())
    }

    fn start_web(&mut self, desk: Arc<Desk>, listener: TcpListener) {
        let stop = self.stop.clone();
        self.spawn("web", async move {
            if let Err(error) = crate::web::serve(desk, listener, stop).await {
                tracing::error!(%error, "the web page ended");
            }
        });
    }

    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(async move {
            task.await;
            name
        });
    }

    /// Waits for a task to end, which none should.
    async fn ended(&mut self) -> &'static str {
        match self.running.join_next().await {
            Some(Ok(name)) => name,
            Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
            None => std::future::pending().await,
        }
    }

    async fn stop(&mut self) {
        self.stop.cancel();
        while let Some(ended) = self.running.join_next().await {
            if let Err(panic) = ended {
                tracing::error!(%panic, "a task ended by a panic");
            }
        }
    }
}

async fn work(
    service: &mut Service,
    tasks: &mut Tasks,
    desk: &Arc<Desk>,
    asked: &mut mpsc::Receiver<Asked>,
    config_file: &std::path::Path,
    signals: &mut Signals,
) -> Result<(), LiveError> {
    // What came meanwhile comes before the first slots.
    if signals.end() {
        return Ok(());
    }
    let clock = Arc::clone(&service.clock);
    let stop = tasks.stop.clone();
    let mut next_tick = clock.now().plus(TICK);
    let mut reading: Option<JoinHandle<Reread>> = None;
    // The start was a tick.
    service.beat();
    let mut read_once_more = false;
    // Who asked for the files to be read; and who did so while they were being read, and needs them to be read once more.
    let (mut waiting, mut waiting_for_next) = (Vec::new(), Vec::new());
    loop {
        service.supervisor.alive();
        if service.observe_clock().await? {
            next_tick = clock.now();
        }
        service.watch_disk().await?;
        service.fire().await?;
        if clock.now() >= next_tick {
            service.tick().await?;
            service.account_for_disabled().await?;
            service.beat();
            if reading.is_none() {
                service.tell_standing();
            }
            next_tick = clock.now().plus(TICK);
        }
        let wake = service.firing.next_deadline().map_or(next_tick, |deadline| deadline.min(next_tick));
        let runs = service.firing.has_runs();
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = signals.terminate.recv() => return Ok(()),
            _ = signals.interrupt.recv() => return Ok(()),
            // The files may have changed since they were read.
            _ = signals.hangup.recv() => match reading {
                Some(_) => read_once_more = true,
                None => reading = Some(service.read_again(config_file)),
            },
            reread = joined(&mut reading) => {
                let reloaded = service.take_up(reread, desk).await?;
                for Reload { answer } in waiting.drain(..) {
                    // Whoever asked may have gone.
                    let _ = answer.send(reloaded.clone());
                }
                waiting.append(&mut waiting_for_next);
                reading = std::mem::take(&mut read_once_more).then(|| service.read_again(config_file));
                if reading.is_none() {
                    service.supervisor.ready(&service.standing());
                }
            }
            Some(ended) = service.next_ended(), if runs => ended?,
            Some(asked) = asked.recv() => match asked {
                Asked::Reload(reload) if reading.is_some() => {
                    read_once_more = true;
                    waiting_for_next.push(reload);
                }
                Asked::Reload(reload) => {
                    reading = Some(service.read_again(config_file));
                    waiting.push(reload);
                }
                asked => {
                    service.ask(asked).await;
                    // It may have changed the time.
                    next_tick = next_tick.min(clock.now().plus(TICK));
                }
            },
            name = tasks.ended() => return Err(LiveError::Task(name)),
            () = clock.sleep_until(wake) => {}
        }
    }
}

/// What the files came to, once they are read; never, if they are not being read.
async fn joined(reading: &mut Option<JoinHandle<Reread>>) -> Reread {
    match reading {
        Some(handle) => match handle.await {
            Ok(reread) => reread,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        },
        None => std::future::pending().await,
    }
}

async fn drain(service: &mut Service) -> Result<(), LiveError> {
    service.stop_firing().await?;
    let clock = Arc::clone(&service.clock);
    let deadline = clock.now().plus(STOP_GRACE);
    while service.firing.has_runs() {
        tokio::select! {
            Some(ended) = service.next_ended() => ended?,
            () = clock.sleep_until(deadline) => {
                service.abort_runs().await?;
                break;
            }
        }
    }
    Ok(())
}
