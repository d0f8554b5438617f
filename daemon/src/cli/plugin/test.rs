use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Context, ExitStatus, load, sandbox};
use crate::{
    author::{TriedCase, Verdict, difference, try_cases, update_case},
    cli::run::runtime,
};

/// Run a plugin on its recorded cases, in the daemon's sandbox and without a network.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 all came out as recorded; 1 some did not; 3 the plugin cannot be run, or has no cases.\n\nExample:\n  evidenced \
                  plugin test .\n  evidenced plugin test api-keys.wasm --update\n\nOf a folder, its one .wasm file and its `cases`; of a \
                  file, `NAME.cases` beside it, else `cases`."
)]
pub(super) struct TestArguments {
    /// A project's folder, or a plugin's file.
    #[arg(default_value = ".")]
    plugin: PathBuf,
    /// Show what differs, then write what came out into the cases; the rest of their files stays as it is.
    #[arg(long)]
    update: bool,
}

impl TestArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let sandbox = sandbox()?;
        let (target, plugin) = load(&sandbox, &self.plugin)?;
        let mut unprinted = None;
        let told = |tried: &TriedCase| {
            let printed = self.print(context, tried);
            unprinted = unprinted.take().or(printed.err());
        };
        let tried = runtime()?.block_on(try_cases(&sandbox, &plugin, &target.cases, told))?;
        if let Some(error) = unprinted {
            return Err(error);
        }
        let mut wrong = tried.iter().filter(|case| !case.verdict.is_good()).count();
        if self.update {
            for case in &tried {
                if let Verdict::Different { came_out, .. } = &case.verdict {
                    update_case(&case.path, came_out)?;
                    wrong -= 1;
                    context.printer.talk(format_args!("updated {}", case.path.display()));
                }
            }
        }
        if !context.printer.is_json() {
            let all = tried.len();
            let words = if wrong == 0 {
                format!("{all} of {all} cases passed")
            } else {
                format!("{wrong} of {all} cases failed")
            };
            context.printer.line(words)?;
        }
        Ok(if wrong == 0 { ExitStatus::Done } else { ExitStatus::No })
    }

    fn print(&self, context: &Context, tried: &TriedCase) -> anyhow::Result<()> {
        let took_ms = tried.took.as_secs_f64() * 1000.0;
        let (word, more) = match &tried.verdict {
            Verdict::AsExpected => ("ok", String::new()),
            Verdict::Different { expected, came_out } => ("differs", difference(expected, came_out)),
            Verdict::Unasked(unasked) => {
                ("never asked", unasked.iter().map(|call| format!("{call}\n")).collect::<String>())
            }
            Verdict::Unusable(why) => ("unusable", format!("{why}\n")),
        };
        if context.printer.is_json() {
            return context.printer.object(&json!({
                "case": tried.name,
                "verdict": word,
                "detail": more,
                "took_ms": took_ms,
            }));
        }
        context.printer.line(format_args!("{word:<12}{}  ({took_ms:.1} ms)", tried.name))?;
        if !more.is_empty() {
            let indented: String = more.lines().map(|line| format!("    {line}\n")).collect();
            context.printer.text(&indented)?;
        }
        if matches!(tried.verdict, Verdict::Different { .. }) && !self.update {
            context.printer.talk("    (- expected, + came out; `--update` writes what came out)");
        }
        Ok(())
    }
}
