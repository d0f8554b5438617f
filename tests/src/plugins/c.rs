//! Plugins in C: every `.c` file of the folder, and for a component the bindings that its WIT generates.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use evidenced::author::{BindingsLanguage, write_bindings};

use super::{Kind, Layout, Source, component, debian, is_fresh, rust::run, write_whole};

const DEBIAN_PACKAGES: [&str; 4] = ["clang-19", "lld-19", "wasi-libc", "libclang-rt-19-dev-wasm32"];

pub(super) fn build(layout: &Layout, sources: &[&Source]) -> Result<()> {
    for source in sources {
        let folder =
            source.manifest.sources.as_ref().map_or_else(|| source.folder.clone(), |of| source.folder.join(of));
        let files = c_files(&folder)?;
        let output = layout.output(&source.name, source.home);
        let wit = layout.root.join("plugin-sdk/wit/check.wit");
        if files.iter().chain([&wit]).all(|file| is_fresh(&output, file)) {
            continue;
        }
        let work = layout.target.join("wasm").join(&source.name);
        fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
        let built = match source.manifest.kind {
            Kind::Command => command(&work, &files),
            Kind::CommandComponent => component::of_command(&command(&work, &files)?),
            Kind::Component => in_component(&work, files),
        };
        write_whole(&output, &built.with_context(|| format!("plugin `{}`", source.name))?)?;
    }
    Ok(())
}

fn command(work: &Path, files: &[PathBuf]) -> Result<Vec<u8>> {
    let module = work.join("command.wasm");
    run(clang()?.args(["-Wl,--strip-all", "-o"]).arg(&module).args(files), "compiling C")?;
    fs::read(&module).with_context(|| format!("cannot read {}", module.display()))
}

fn in_component(work: &Path, mut files: Vec<PathBuf>) -> Result<Vec<u8>> {
    files.extend(bindings(work)?);
    let module = work.join("core.wasm");
    // A reactor, because a component has no `main`; debug information alone is stripped, because the WIT must stay.
    let mut clang = clang()?;
    clang.args(["-mexec-model=reactor", "-Wl,--strip-debug", "-I"]).arg(work).arg("-o").arg(&module).args(files);
    run(&mut clang, "compiling C")?;
    let module = fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    component::of_module(&module)
}

/// Writes `check.h`, and returns what is to be compiled and linked with the plugin.
fn bindings(work: &Path) -> Result<Vec<PathBuf>> {
    let mut linked = write_bindings(BindingsLanguage::C, work)?;
    linked.retain(|path| path.extension().is_some_and(|extension| extension == "c" || extension == "o"));
    Ok(linked)
}

fn c_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "c"));
    files.sort();
    if files.is_empty() {
        bail!("no .c file in {}", folder.display());
    }
    Ok(files)
}

/// A clang that can compile and link for WASI: the first that turns an empty program into a module.
fn clang() -> Result<Command> {
    if let Some(name) = working_clang() {
        return Ok(for_wasi(&name));
    }
    debian::install(&DEBIAN_PACKAGES).context("no clang that compiles for WebAssembly")?;
    let name = working_clang().context("clang is installed and compiles nothing for WebAssembly")?;
    Ok(for_wasi(&name))
}

fn working_clang() -> Option<String> {
    let names = ["clang-19".to_owned(), "clang".to_owned()];
    let others = (14..30).rev().map(|version| format!("clang-{version}"));
    names.into_iter().chain(others).find(|name| {
        let mut clang = for_wasi(name);
        clang
            .args(["-x", "c", "-o", "/dev/null", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        clang.spawn().is_ok_and(|mut child| {
            let written = child.stdin.take().is_some_and(|mut stdin| {
                std::io::Write::write_all(&mut stdin, b"#include <stdio.h>\nint main(void) { return puts(\"\"); }\n")
                    .is_ok()
            });
            written && child.wait().is_ok_and(|status| status.success())
        })
    })
}

fn for_wasi(name: &str) -> Command {
    let mut clang = Command::new(name);
    clang.args(["--target=wasm32-wasi", "--sysroot=/usr", "-Os", "-Wall", "-Wextra"]);
    clang
}
