//! One check in every language: projects as `evidenced plugin new` writes them, built by their own Makefiles.
//!
//! They lie under `target/polyglot/CHECK/NAME` and are kept, so that what did not change is not built again; the tools
//! that they fetch lie under `target/tools`.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    daemon::binary,
    plugins::{Layout, debian},
};

/// As `evidenced plugin new --lang` knows them.
pub const LANGUAGES: [&str; 10] =
    ["rust", "go", "python", "javascript", "typescript", "c", "cpp", "zig", "assemblyscript", "wat"];

const CLANG_FOR_CPP: [&str; 6] =
    ["clang-19", "lld-19", "wasi-libc", "libclang-rt-19-dev-wasm32", "libc++-19-dev-wasm32", "libc++abi-19-dev-wasm32"];

/// What the projects test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// What a new project does.
    Endpoint,
    /// The sources of `tests/polyglot/users` in a new project.
    Users,
}

impl Checked {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Users => "users",
        }
    }
}

/// A project that was built.
#[derive(Debug)]
pub struct Project {
    pub folder: PathBuf,
    pub wasm: PathBuf,
    /// What `make` took, with the tools that it had to fetch.
    pub took: Duration,
}

/// Makes the project of a language, or what of it changed, and builds it.
pub fn project(layout: &Layout, language: &str, checked: Checked) -> Result<Project> {
    let home = layout.target.join("polyglot").join(checked.name());
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    let fresh = tempfile::tempdir_in(&home)?;
    // It has the check's name: so has the plugin, and reports tell it.
    let written = fresh.path().join(checked.name());
    let mut new = Command::new(binary());
    new.args(["plugin", "new", "--lang", language, checked.name()]).current_dir(fresh.path());
    run(&mut new, "plugin new")?;
    if checked == Checked::Users {
        let users = layout.root.join("tests/polyglot/users");
        // Those of the other check would be run as well.
        fs::remove_dir_all(written.join("cases"))?;
        fs::copy(users.join("config.schema.json"), written.join("config.schema.json"))?;
        lay_over(&users.join("cases"), &written.join("cases"))?;
        lay_over(&users.join(language), &written)?;
    }
    let folder = home.join(language);
    sync(&written, &folder)?;
    if language == "cpp" {
        // Without them the project fetches zig, which compiles a C++ library first: minutes that nobody has to wait for.
        let _zig_does_it_then = debian::install(&CLANG_FOR_CPP);
    }
    let tools = layout.target.join("tools");
    let began = Instant::now();
    let mut make = Command::new("make");
    make.arg("--no-print-directory").arg(format!("TOOLS={}", tools.display())).current_dir(&folder);
    make.env("PATH", path_with_the_binary()?)
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .env("CARGO_TARGET_DIR", tools.join("cargo"));
    run(&mut make, "make")?;
    let took = began.elapsed();
    Ok(Project { wasm: folder.join(format!("{}.wasm", checked.name())), folder, took })
}

/// The folder of the daemon's binary before everything else.
fn path_with_the_binary() -> Result<std::ffi::OsString> {
    let here = binary();
    let here = here.parent().context("a binary has a folder")?.to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(std::iter::once(here).chain(env::split_paths(&path)))?)
}

/// All that it printed is in the error.
fn run(command: &mut Command, what: &str) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("{what} ended with {}: {command:?}\n{}", output.status, String::from_utf8_lossy(&said));
    }
    Ok(())
}

/// Makes `to` hold the files of `from`, and touches none that is the same already. What was built there stays.
fn sync(from: &Path, to: &Path) -> Result<()> {
    let given = to.join(".given");
    let before: BTreeSet<String> = fs::read_to_string(&given).unwrap_or_default().lines().map(str::to_owned).collect();
    let mut names = BTreeSet::new();
    for (path, name) in files_under(from)? {
        let bytes = fs::read(&path)?;
        let place = to.join(&name);
        if fs::read(&place).ok().as_ref() != Some(&bytes) {
            fs::create_dir_all(place.parent().context("a file has a folder")?)?;
            fs::copy(&path, &place).with_context(|| format!("cannot copy {}", path.display()))?;
        }
        names.insert(name);
    }
    for gone in before.difference(&names) {
        let _ = fs::remove_file(to.join(gone));
    }
    fs::write(&given, names.into_iter().collect::<Vec<_>>().join("\n")).context("cannot write what was given")
}

/// Copies every file of a folder to its place in another one.
fn lay_over(from: &Path, to: &Path) -> Result<()> {
    for (path, name) in files_under(from)? {
        let to = to.join(&name);
        fs::create_dir_all(to.parent().context("a file has a folder")?)?;
        fs::copy(&path, &to).with_context(|| format!("cannot copy {}", path.display()))?;
    }
    Ok(())
}

/// Each file below, with its path from there.
fn files_under(folder: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("cannot list {}", next.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder)?.to_str().context("a file's name is not UTF-8")?.to_owned();
                found.push((path, name));
            }
        }
    }
    found.sort();
    Ok(found)
}
