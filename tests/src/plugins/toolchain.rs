//! Which compiler builds plugins in Rust: one that has the standard library for WebAssembly, or else Debian's, with a
//! standard library that is built here once.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use super::{Layout, debian, rust::run, write_whole};

pub(super) const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's compiler: beside rustup's, which cannot build for [`TARGET`] where no target can be downloaded.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_STD: &str = "/usr/lib/rustlib/src/rust/library/std/src/lib.rs";
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "rust-web-src", "cargo-web", "lld-19"];

/// How to call cargo for plugins.
pub(super) enum Toolchain {
    /// The compiler that builds everything else can do it.
    Installed,
    Debian {
        sysroot: PathBuf,
        linker: PathBuf,
    },
}

impl Toolchain {
    pub(super) fn cargo(&self) -> Command {
        let mut command = cargo();
        // Messages of panics name source files; the machine that built a plugin must not show in its bytes.
        let remap = format!("--remap-path-prefix={}=/cargo", cargo_home().display());
        match self {
            Self::Installed => {
                command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", remap);
            }
            Self::Debian { sysroot, linker } => {
                command.env("RUSTC", DEBIAN_RUSTC);
                command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                let flags = format!("{remap} --sysroot={}", sysroot.display());
                command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags);
            }
        }
        command
    }
}

/// The first that works: the installed compiler; the same after `rustup target add`; Debian's with a standard library
/// built before; Debian's with one built now, its packages installed if need be.
pub(super) fn choose(layout: &Layout) -> Result<Toolchain> {
    if has_std() {
        return Ok(Toolchain::Installed);
    }
    let sysroot = layout.target.join("wasm-sysroot");
    if rustup_adds_target(&sysroot)? {
        return Ok(Toolchain::Installed);
    }
    if !Path::new(DEBIAN_RUSTC).exists() || !Path::new(DEBIAN_STD).exists() {
        eprintln_status("Installing", &DEBIAN_PACKAGES.join(" "));
        debian::install(&DEBIAN_PACKAGES).with_context(missing)?;
    }
    let version = debian_version().with_context(missing)?;
    let stamp = sysroot.join("rustc-version");
    if fs::read_to_string(&stamp).ok().as_ref() != Some(&version) {
        build_std(layout, &sysroot)?;
        write_whole(&stamp, version.as_bytes())?;
    }
    Ok(Toolchain::Debian { sysroot, linker: linker()? })
}

fn missing() -> String {
    format!(
        "no wasm32 standard library: run \"rustup target add {TARGET}\", or on Debian \"apt-get install \
         --no-install-recommends {}\"",
        DEBIAN_PACKAGES.join(" ")
    )
}

fn has_std() -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let Ok(output) = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output() else {
        return false;
    };
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libstd-") && name.ends_with(".rlib")
        })
    })
}

/// Asks rustup for the target, once for each of its compilers: where it cannot be reached, each try takes its time.
fn rustup_adds_target(sysroot: &Path) -> Result<bool> {
    let Some(version) = Command::new("rustc").arg("-vV").output().ok().filter(|output| output.status.success()) else {
        return Ok(false);
    };
    let tried = sysroot.join("rustup-has-no-target");
    if fs::read(&tried).is_ok_and(|before| before == version.stdout) {
        return Ok(false);
    }
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if rustup.status().is_ok_and(|status| status.success()) && has_std() {
        return Ok(true);
    }
    write_whole(&tried, &version.stdout)?;
    Ok(false)
}

/// `rustc -vV`; an error when it is too old for edition 2024.
fn debian_version() -> Result<String> {
    let output =
        Command::new(DEBIAN_RUSTC).arg("-vV").output().with_context(|| format!("cannot run {DEBIAN_RUSTC}"))?;
    let version = String::from_utf8(output.stdout)?;
    let release = version.lines().find_map(|line| line.strip_prefix("release: ")).unwrap_or_default();
    let minor = release.strip_prefix("1.").and_then(|rest| rest.split('.').next()).and_then(|text| text.parse().ok());
    if minor.is_none_or(|minor: u32| minor < 85) {
        bail!("{DEBIAN_RUSTC} is {release}; 1.85 is needed");
    }
    Ok(version)
}

/// Builds the standard library with Debian's compiler and its own source, and lays it out as an installed target. From
/// then on plugins are built without any unstable flag.
fn build_std(layout: &Layout, sysroot: &Path) -> Result<()> {
    eprintln_status("Compiling", &format!("the standard library for {TARGET}, once"));
    let work = sysroot.join("build");
    fs::create_dir_all(work.join("src")).with_context(|| format!("cannot make {}", work.display()))?;
    write_whole(&work.join("src/lib.rs"), b"#![no_std]\n")?;
    write_whole(&work.join("Cargo.toml"), EMPTY_MANIFEST.as_bytes())?;
    let flags = format!("-Cembed-bitcode=yes --remap-path-prefix={}=/cargo", cargo_home().display());
    let mut command = cargo();
    command.current_dir(&work).env("CARGO_TARGET_DIR", work.join("target")).env("RUSTC", DEBIAN_RUSTC);
    command.env_remove("CARGO_ENCODED_RUSTFLAGS").env("RUSTFLAGS", flags).env("RUSTC_BOOTSTRAP", "1");
    command.args(["build", "--quiet", "--release", "--target", TARGET, "-Zbuild-std=std,panic_abort"]);
    run(&mut command, "building the standard library")?;

    let library = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    let _ = fs::remove_dir_all(&library);
    fs::create_dir_all(&library).with_context(|| format!("cannot make {}", library.display()))?;
    let built = work.join("target").join(TARGET).join("release/deps");
    for entry in fs::read_dir(&built).with_context(|| format!("cannot list {}", built.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libempty-") {
            fs::copy(&path, library.join(&name)).with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    // What was built against another standard library cannot be linked to this one.
    let _ = fs::remove_dir_all(layout.target.join("wasm").join(TARGET));
    fs::remove_dir_all(&work).with_context(|| format!("cannot remove {}", work.display()))
}

const EMPTY_MANIFEST: &str = r#"[package]
name = "empty"
version = "0.0.0"
edition = "2024"

[workspace]

[profile.release]
opt-level = "s"
debug = false
codegen-units = 1
panic = "abort"
"#;

/// rustup's linker, or LLVM's of any version.
fn linker() -> Result<PathBuf> {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let rustup = sysroot.ok().map(|output| {
        let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        sysroot.join("lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld")
    });
    let named = ["wasm-ld".to_owned()].into_iter().chain((14..30).rev().map(|version| format!("wasm-ld-{version}")));
    let in_path = named.flat_map(|name| {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).map(|folder| folder.join(&name)).collect::<Vec<_>>()
    });
    rustup
        .into_iter()
        .chain(in_path)
        .find(|candidate| candidate.is_file())
        .context("no linker for WebAssembly: on Debian \"apt-get install --no-install-recommends lld-19\"")
}

/// Cargo as it was called, without what it told this process about the compiler of the daemon.
fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for inherited in ["LD_LIBRARY_PATH", "RUSTC_WRAPPER", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"]
    {
        command.env_remove(inherited);
    }
    command
}

fn cargo_home() -> PathBuf {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".cargo"))
}

/// A line about what takes long, as cargo writes them.
#[expect(clippy::print_stderr, reason = "the build's own tool talks to the person who started it")]
pub(super) fn eprintln_status(verb: &str, what: &str) {
    eprintln!("{verb:>12} {what}");
}
