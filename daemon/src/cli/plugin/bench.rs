use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{Context, ExitStatus};
use crate::{
    author::{Measured, Target, measure},
    cli::run::{compile_in_child, runtime},
};

/// Measure what a plugin costs: compiling, loading, starting, running on a recorded case. Times are medians.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  evidenced plugin bench . --case a_good_endpoint_passes")]
pub(super) struct BenchArguments {
    /// A plugin's file, or a project's folder.
    plugin: PathBuf,
    /// The case to run; the first, if nothing is said.
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
}

impl BenchArguments {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitStatus> {
        let target = Target::find(&self.plugin)?;
        let measured = runtime()?.block_on(measure(&compile_in_child()?, &target, self.case.as_deref()))?;
        let Measured { compile, load, instantiate, run } = &measured;
        if context.printer.is_json() {
            context.printer.object(&serde_json::json!({
                "compile_ms": millis(*compile),
                "load_ms": millis(*load),
                "instantiate_ms": millis(*instantiate),
                "case": run.as_ref().map(|run| &run.case),
                "run_ms": run.as_ref().map(|run| millis(run.took)),
                "peak_memory_bytes": run.as_ref().map(|run| run.peak_memory),
            }))?;
            return Ok(ExitStatus::Done);
        }
        let line =
            |what: &str, took: Duration| context.printer.line(format_args!("{what:<12}{:>10.3} ms", millis(took)));
        line("compile", *compile)?;
        line("load", *load)?;
        line("instantiate", *instantiate)?;
        match run {
            Some(run) => {
                line("run", run.took)?;
                let memory = run.peak_memory as f64 / f64::from(1 << 20);
                context.printer.line(format_args!("{:<12}{memory:>10.1} MiB, by {}", "memory", run.case))?;
            }
            None => context.printer.talk(format_args!(
                "no run was measured: there are no cases in {} (record one: `evidenced plugin run … --record FILE`)",
                target.cases.display()
            )),
        }
        Ok(ExitStatus::Done)
    }
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1000.0
}
