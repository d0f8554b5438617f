use std::sync::Arc;

use clap::Args;
use tokio::sync::mpsc;

use super::{Context, ExitStatus, Printer, fit, run};
use crate::{
    clock::{Clock as _, SystemClock},
    config::{self, Config},
    desk::{Client, Desk, Folder, Line, Question, no_daemon},
    doctor::{self, Aspect, Level, Observation},
    service,
};

/// Look at the whole installation, and say what is wrong with it and what to do.
///
/// Configuration, state folder, ledger, keys, clock, plugins, credentials, sources, mail server, the daemon. While the
/// daemon runs it looks itself, as its own user; else this command looks. Servers are greeted: nothing is asked of them,
/// no credential goes to a source, and no mail is sent.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 nothing is wrong (warnings may be there); 1 something is; 2 the configuration is refused; \
                  3 it could not be looked at.\n\nExamples:\n  evidenced doctor\n  \
                  evidenced doctor --json | jq -r 'select(.level == \"bad\") | .advice'"
)]
pub(super) struct DoctorArguments {}

/// Observations on their way; then looking waits for printing.
const OBSERVATIONS_WAITING_MAX: usize = 64;

impl DoctorArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let clock = Arc::new(SystemClock::new());
        let mut told = Told { printer: &context.printer, warnings: 0, bad: 0 };
        let loaded = config::load(&context.config);
        for observation in doctor::configuration(&context.config, &loaded, clock.now()) {
            told.tell(&observation)?;
        }
        let is_refused = loaded.is_err();
        let config = match loaded {
            Ok(loaded) => Some(loaded.config),
            // What keeps the ledger from being read is told with what is looked at below, if the files get so far.
            Err(_) => run::last_accepted(&context.config).ok().flatten(),
        };
        if let Some(config) = config {
            self.look(Arc::new(config), clock, &mut told)?;
        }
        let (bad, warnings) = (told.bad, told.warnings);
        context.printer.talk(format_args!("\n{bad} wrong, {warnings} worth a look"));
        Ok(match (is_refused, bad) {
            (true, _) => ExitStatus::Usage,
            (false, 0) => ExitStatus::Done,
            (false, _) => ExitStatus::No,
        })
    }

    fn look(&self, config: Arc<Config>, clock: Arc<SystemClock>, told: &mut Told<'_>) -> anyhow::Result<()> {
        let socket = &config.socket;
        match Client::connect(socket) {
            Ok(Some(client)) => {
                told.tell(&Observation::ok(Aspect::Socket, socket.display(), "the daemon listens"))?;
                if ask(client, &config, told)? {
                    return Ok(());
                }
            }
            Ok(None) => {}
            Err(error) => {
                let advice = "who is in the socket's group may talk to the daemon, and root: `ls -l` of it says which";
                let found = format!("no daemon can be reached: {error}");
                told.tell(&Observation::bad(Aspect::Socket, socket.display(), found, advice))?;
            }
        }
        let compile = run::options(&config)?.compile;
        let patient = Arc::new(service::patient(Arc::clone(&config), fit::shelf(&config, compile.clone())?, clock));
        let status = patient
            .ledger
            .as_ref()
            .ok()
            .and_then(Option::as_ref)
            .map(|ledger| Desk::reading(Arc::clone(ledger), config, Arc::clone(&patient.clock), compile).status());
        for observation in no_daemon(status.as_ref()) {
            told.tell(&observation)?;
        }
        let (seen, mut observations) = mpsc::channel(OBSERVATIONS_WAITING_MAX);
        run::runtime()?.block_on(async move {
            let look = async move { doctor::examine(patient, &seen).await };
            let tell = async {
                while let Some(observation) = observations.recv().await {
                    told.tell(&observation)?;
                }
                Ok(())
            };
            tokio::join!(look, tell).1
        })
    }
}

/// What has been told so far.
struct Told<'p> {
    printer: &'p Printer,
    warnings: u32,
    bad: u32,
}

impl Told<'_> {
    fn tell(&mut self, observation: &Observation) -> anyhow::Result<()> {
        match observation.level {
            Level::Ok => {}
            Level::Warn => self.warnings += 1,
            Level::Bad => self.bad += 1,
        }
        if self.printer.is_json() {
            return self.printer.object(observation);
        }
        let Observation { aspect, level, about, found, advice } = observation;
        let (level, aspect) = (level.as_str(), aspect.as_str());
        self.printer.line(format_args!("{level:<4}  {aspect:<13}  {about}: {found}"))?;
        if let Some(advice) = advice {
            self.printer.line(format_args!("{:19}  → {advice}", ""))?;
        }
        Ok(())
    }
}

/// Whether the daemon has answered, and not one of another ledger.
fn ask(client: Client, config: &Config, told: &mut Told<'_>) -> anyhow::Result<bool> {
    let question = Question::Examine { software: env!("CARGO_PKG_VERSION").to_owned() };
    client.ask(&question, Folder::with_ledger(&config.state_dir), |line| match line {
        Line::Observed(observation) => told.tell(&observation),
        Line::Refused { message, .. } => {
            let advice = "`journalctl -u evidenced` may say why";
            told.tell(&Observation::bad(Aspect::Daemon, "evidenced", message, advice))
        }
        _ => Ok(()),
    })
}
