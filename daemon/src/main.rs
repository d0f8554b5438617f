//! The one binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    evidenced::cli::main()
}
