//! The command line: parse, call one function of the library, print.
//!
//! In: arguments. Out: an exit status; data on standard output, talk on standard error.
//! Only this room prints. Each subcommand is one file: a struct of arguments and `run(self, &Context)`.

mod check_config;
mod exit;
mod init;
mod printer;
mod slots;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

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
    /// The configuration; files of `conf.d` beside it are read too.
    #[arg(long, global = true, value_name = "FILE", default_value = "/etc/evidenced/evidenced.toml")]
    config: PathBuf,
    /// Print one JSON object a line.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::InitArguments),
    CheckConfig(check_config::CheckConfigArguments),
    Slots(slots::SlotsArguments),
}

/// What every subcommand is given.
#[derive(Debug)]
pub struct Context {
    /// The configuration file that was named, read or not.
    pub config: PathBuf,
    pub printer: Printer,
}

/// Parses the arguments of this process and runs the command that they name.
pub fn main() -> ExitStatus {
    let arguments = Arguments::parse();
    let context = Context { config: arguments.config, printer: Printer::new(arguments.json) };
    let result: anyhow::Result<ExitStatus> = match arguments.command {
        Command::Init(arguments) => arguments.run(&context),
        Command::CheckConfig(arguments) => arguments.run(&context),
        Command::Slots(arguments) => arguments.run(&context),
    };
    match result {
        Ok(status) => status,
        Err(error) => {
            context.printer.error(&error);
            ExitStatus::Unable
        }
    }
}
