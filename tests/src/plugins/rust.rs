//! Plugins in Rust: one call of cargo for all of them, then each core module becomes a component.

use std::{fs, process::Command};

use anyhow::{Context as _, Result, bail};

use super::{Layout, Source, component, is_fresh, toolchain, write_whole};

const TARGET: &str = toolchain::TARGET;

pub(super) fn build(layout: &Layout, sources: &[&Source]) -> Result<()> {
    if sources.is_empty() {
        return Ok(());
    }
    let toolchain = toolchain::choose(layout)?;
    // Plugins may be built by another compiler than the daemon: in one folder each would throw away the macros of the other.
    let target = layout.target.join("wasm");
    let mut cargo = toolchain.cargo();
    cargo.current_dir(&layout.root).env("CARGO_TARGET_DIR", &target);
    cargo.args(["build", "--quiet", "--profile", "plugin", "--target", TARGET]);
    for source in sources {
        cargo.args(["--package", &source.name]);
    }
    run(&mut cargo, "building the plugins in Rust")?;

    for source in sources {
        let core = target.join(TARGET).join("plugin").join(format!("{}.wasm", source.name.replace('-', "_")));
        let output = layout.output(&source.name, source.home);
        if is_fresh(&output, &core) {
            continue;
        }
        let module = fs::read(&core).with_context(|| format!("cannot read {}", core.display()))?;
        let bytes = component::of_module(&module).with_context(|| format!("plugin `{}`", source.name))?;
        write_whole(&output, &bytes)?;
    }
    Ok(())
}

/// Runs a command to its end; its output is the user's to see.
pub(super) fn run(command: &mut Command, what: &str) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("{what}: cannot start `{program}`"))?;
    if !status.success() {
        bail!("{what}: `{program}` ended with {status}");
    }
    Ok(())
}
