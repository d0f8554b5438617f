use clap::Args;

use super::{Context, ExitStatus, ask::ask};
use crate::{
    desk::{Line, Question},
    domain::{ControlId, Outcome},
};

/// Tests a control now, and records the result.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 pass or not applicable; 1 fail; 3 could not be tested.\n\nExample:\n  evidenced check SEC-01"
)]
pub(super) struct CheckArguments {
    /// Its id, such as SEC-01.
    control: ControlId,
}

impl CheckArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let mut checked = None;
        let refused = ask(context, Question::Check { control: self.control }, |line| {
            if let Line::Checked(answer) = line {
                checked = Some(answer);
            }
            Ok(())
        })?;
        if let Some(refused) = refused {
            return Ok(refused);
        }
        let Some(checked) = checked else { anyhow::bail!("the daemon answered without a result") };
        if context.printer.is_json() {
            context.printer.object(&checked)?;
        } else {
            context.printer.line(format_args!(
                "{}: {}: {}",
                checked.control,
                checked.outcome.as_str(),
                checked.words
            ))?;
            for (subject, status, message) in &checked.findings {
                context.printer.line(format_args!("  {status}  {subject}: {message}"))?;
            }
            context.printer.line(format_args!("recorded as {}", checked.sequence))?;
        }
        Ok(match checked.outcome {
            Outcome::Pass | Outcome::NotApplicable => ExitStatus::Done,
            Outcome::Fail => ExitStatus::No,
            Outcome::Error => ExitStatus::Unable,
        })
    }
}
