//! The command line: parse, call one function of the library, print.
//!
//! In: arguments. Out: an exit status; data on standard output, talk on standard error.
//! Only this room prints. Each subcommand is one file: a struct of arguments and `run(self, &Context)`.

mod ask;
mod attest;
mod check;
mod check_config;
mod clock;
mod demo;
mod doctor;
mod erase;
mod exceptions;
mod exclude;
mod exit;
mod fit;
mod grants;
mod init;
mod moment;
mod panics;
mod plugin;
mod plugins;
mod printer;
mod proposals;
mod replay;
mod report;
mod results;
mod run;
mod schema;
mod silence;
mod simulate;
mod slots;
mod state;
mod status;
mod table;
mod verify;

use std::{io::IsTerminal, path::PathBuf, process::ExitCode, sync::Arc};

use clap::{Parser, Subcommand};
use tracing::Level;
use tracing_subscriber::{filter::filter_fn, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::{
    config::{self, Config},
    sandbox::{compile_child_main, schema_child_main},
};

pub use exit::ExitStatus;
pub use printer::Printer;

/// Tests, all year long, whether controls work, and keeps the evidence.
#[derive(Debug, Parser)]
#[command(
    name = "evidenced",
    version,
    about,
    max_term_width = 100,
    after_help = "Exit status: 0 done; 1 the answer is no; 2 wrong usage or configuration; 3 could not be done, or could \
                  not be tested.\nData goes to standard output, talk to standard error."
)]
struct Arguments {
    /// The configuration; files of `conf.d` beside it are read too [default: /etc/evidenced/evidenced.toml].
    // Without a value of clap's own: `plugin run` has a `--config` too, and would be given this one's.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object a line.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    program: Program,
}

#[derive(Debug, Subcommand)]
enum Program {
    #[command(flatten)]
    Command(Command),
    /// Compiles a plugin from standard input; the daemon calls it.
    #[command(name = "__compile", hide = true)]
    Compile { memory_bytes: u64, cpu_seconds: u64 },
    /// Holds configurations against a plugin's schema, both from standard input; the daemon calls it.
    #[command(name = "__schema", hide = true)]
    Schema { memory_bytes: u64, cpu_seconds: u64 },
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArguments),
    Demo(demo::DemoArguments),
    Init(init::InitArguments),
    CheckConfig(check_config::CheckConfigArguments),
    Schema(schema::SchemaArguments),
    Check(check::CheckArguments),
    Slots(slots::SlotsArguments),
    Simulate(simulate::SimulateArguments),
    Doctor(doctor::DoctorArguments),
    Status(status::StatusArguments),
    Results(results::ResultsArguments),
    Exceptions(exceptions::ExceptionsArguments),
    Silence(silence::SilenceArguments),
    Proposals(proposals::ProposalsArguments),
    Approve(proposals::ApproveArguments),
    Reject(proposals::RejectArguments),
    Attest(attest::AttestArguments),
    Exclude(exclude::ExcludeArguments),
    Exclusions(exclude::ExclusionsArguments),
    Clock(clock::ClockArguments),
    State(state::StateArguments),
    Erase(erase::EraseArguments),
    Plugin(Box<plugin::PluginArguments>),
    Report(report::ReportArguments),
    Verify(verify::VerifyArguments),
    Replay(replay::ReplayArguments),
}

/// Where the configuration is when nobody says otherwise.
const CONFIG: &str = "/etc/evidenced/evidenced.toml";

/// What every subcommand is given.
#[derive(Debug)]
pub struct Context {
    /// The configuration file that was named, read or not.
    pub config: PathBuf,
    pub printer: Printer,
}

impl Context {
    /// The configuration; `None` if it is refused, and was said to be.
    ///
    /// Whoever only looks must be able to look when the files are refused: then it is the last accepted one.
    fn load(&self) -> anyhow::Result<Option<Loaded>> {
        match config::load(&self.config) {
            Ok(loaded) => Ok(Some(Loaded { config: Arc::new(loaded.config), are_files_refused: false })),
            Err(diagnostics) => {
                self.printer.talk(&diagnostics);
                let Some(config) = run::last_accepted(&self.config)? else { return Ok(None) };
                self.printer.talk("the files are refused: this is by the last accepted configuration");
                Ok(Some(Loaded { config: Arc::new(config), are_files_refused: true }))
            }
        }
    }
}

/// A configuration in force.
struct Loaded {
    config: Arc<Config>,
    /// It is the last accepted one, and not what the files say.
    are_files_refused: bool,
}

/// Parses the arguments of this process and runs the command that they name.
pub fn main() -> ExitCode {
    let Arguments { config, json, program } = Arguments::parse();
    let command = match program {
        Program::Command(command) => command,
        // They must set up nothing else: they run under tight limits.
        Program::Compile { memory_bytes, cpu_seconds } => return compile_child_main(memory_bytes, cpu_seconds),
        Program::Schema { memory_bytes, cpu_seconds } => return schema_child_main(memory_bytes, cpu_seconds),
    };
    panics::tell_without_words();
    start_tracing();
    let config = config.unwrap_or_else(|| CONFIG.into());
    let context = Context { config, printer: Printer::new(json) };
    let result: anyhow::Result<ExitStatus> = match command {
        Command::Run(arguments) => arguments.run(&context),
        Command::Demo(arguments) => arguments.run(&context),
        Command::Init(arguments) => arguments.run(&context),
        Command::CheckConfig(arguments) => arguments.run(&context),
        Command::Schema(arguments) => arguments.run(&context),
        Command::Slots(arguments) => arguments.run(&context),
        Command::Simulate(arguments) => arguments.run(&context),
        Command::Check(arguments) => arguments.run(&context),
        Command::Doctor(arguments) => arguments.run(&context),
        Command::Status(arguments) => arguments.run(&context),
        Command::Results(arguments) => arguments.run(&context),
        Command::Exceptions(arguments) => arguments.run(&context),
        Command::Silence(arguments) => arguments.run(&context),
        Command::Proposals(arguments) => arguments.run(&context),
        Command::Approve(arguments) => arguments.run(&context),
        Command::Reject(arguments) => arguments.run(&context),
        Command::Attest(arguments) => arguments.run(&context),
        Command::Exclude(arguments) => arguments.run(&context),
        Command::Exclusions(arguments) => arguments.run(&context),
        Command::Clock(arguments) => arguments.run(&context),
        Command::State(arguments) => arguments.run(&context),
        Command::Erase(arguments) => arguments.run(&context),
        Command::Report(arguments) => arguments.run(&context),
        Command::Verify(arguments) => arguments.run(&context),
        Command::Replay(arguments) => arguments.run(&context),
        Command::Plugin(arguments) => arguments.run(&context),
    };
    let status = result.unwrap_or_else(|error| {
        context.printer.error(&error);
        ExitStatus::Unable
    });
    status.into()
}

/// The log goes to standard error; `EVIDENCED_LOG` says how much (`info`, `debug`, `evidenced::gate=debug` …).
fn start_tracing() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("EVIDENCED_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,evidenced=info"));
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        // A file and the journal keep colours as garbage.
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(|metadata| may_be_told(metadata.target(), *metadata.level())))
        .with(layer)
        .init();
}

/// Whatever is asked for, of libraries only what is wrong is told: more closely they tell hosts (which may be a part of a
/// secret URL), what servers say (which may repeat what they were sent), and what is written on connections.
fn may_be_told(target: &str, level: Level) -> bool {
    let is_ours = target.split("::").next() == Some(env!("CARGO_CRATE_NAME"));
    is_ours || level <= Level::WARN
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words in single quotes are one word, as a shell has it.
    fn split(line: &str) -> Vec<String> {
        let mut words = Vec::new();
        for (at, piece) in line.split('\'').enumerate() {
            match at % 2 {
                0 => words.extend(piece.split_whitespace().map(str::to_owned)),
                _ => words.push(piece.to_owned()),
            }
        }
        words
    }

    #[test]
    fn of_libraries_only_what_is_wrong_is_told() {
        assert!(may_be_told("evidenced::gate", Level::TRACE) && may_be_told("evidenced", Level::DEBUG));
        assert!(may_be_told("hyper::proto", Level::WARN) && !may_be_told("hyper::proto", Level::INFO));
        assert!(!may_be_told("evidenced_of_another", Level::INFO));
    }

    #[test]
    fn every_command_that_a_mail_tells_people_to_type_can_be_typed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/mail/golden");
        let mut commands = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "txt") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let whole = text.lines().map(str::trim).filter(|line| line.starts_with("evidenced "));
            let quoted = text.split('`').skip(1).step_by(2).filter(|words| words.starts_with("evidenced "));
            for command in whole.chain(quoted) {
                let parsed = Arguments::try_parse_from(split(command));
                assert!(parsed.is_ok(), "{}: `{command}`: {}", path.display(), parsed.unwrap_err());
                commands += 1;
            }
        }
        assert!(commands > 5, "only {commands} commands were found");
    }
}
