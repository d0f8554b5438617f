//! The Debian package: the daemon, its plugins, its unit and a configuration, by `dpkg-deb` alone.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{daemon::say, plugins::Layout};

/// What comes from the tree as it is: its place there, its place in the package, its mode.
const FILES: &[(&str, &str, u32)] = &[
    ("packaging/systemd/evidenced.service", "usr/lib/systemd/system/evidenced.service", 0o644),
    ("packaging/systemd/evidenced.sysusers", "usr/lib/sysusers.d/evidenced.conf", 0o644),
    ("packaging/config/evidenced.toml", "etc/evidenced/evidenced.toml", 0o644),
    ("packaging/config/conf.d/controls.toml", "etc/evidenced/conf.d/controls.toml", 0o644),
    ("packaging/deb/copyright", "usr/share/doc/evidenced/copyright", 0o644),
    ("packaging/deb/lintian-overrides", "usr/share/lintian/overrides/evidenced", 0o644),
    ("packaging/deb/README.md", "usr/share/doc/evidenced/README.Debian.md", 0o644),
    ("README.md", "usr/share/doc/evidenced/README.md", 0o644),
    ("daemon/src/ledger/FORMAT.md", "usr/share/doc/evidenced/FORMAT.md", 0o644),
    ("packaging/deb/conffiles", "DEBIAN/conffiles", 0o644),
    ("packaging/deb/postinst", "DEBIAN/postinst", 0o755),
    ("packaging/deb/prerm", "DEBIAN/prerm", 0o755),
    ("packaging/deb/postrm", "DEBIAN/postrm", 0o755),
];

/// Folders that are there without a file in them, and who may enter.
const FOLDERS: &[(&str, u32)] = &[("etc/evidenced/credentials", 0o700), ("etc/evidenced/plugins", 0o755)];

/// Makes `target/package/evidenced_VERSION_ARCHITECTURE.deb` of this binary and of the plugins in `target/plugins`.
pub fn build(layout: &Layout, binary: &Path) -> Result<PathBuf> {
    let (version, architecture) = (env!("CARGO_PKG_VERSION"), architecture()?);
    let folder = layout.target.join("package");
    let tree = folder.join("tree");
    if tree.exists() {
        fs::remove_dir_all(&tree).with_context(|| format!("cannot empty {}", tree.display()))?;
    }
    let moment = moment(layout)?;
    for (from, to, mode) in FILES {
        place(&layout.root.join(from), &tree.join(to), *mode)?;
    }
    for (name, mode) in FOLDERS {
        make_folder(&tree.join(name))?;
        set_mode(&tree.join(name), *mode)?;
    }
    let plugins = layout.target.join("plugins");
    let mut names: Vec<_> = listed(&plugins)?;
    names.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    ensure!(!names.is_empty(), "{} has no plugins: `make build`", plugins.display());
    for plugin in names {
        let name = plugin.file_name().context("a file has a name")?;
        let folder = tree.join("usr/lib/evidenced/plugins");
        place(&plugin, &folder.join(name), 0o644)?;
        let cases = plugin.with_extension("cases");
        for case in if cases.exists() { files(&cases)? } else { Vec::new() } {
            place(&case, &folder.join(case.strip_prefix(&plugins).context("a file of the plugins")?), 0o644)?;
        }
    }
    let program = tree.join("usr/bin/evidenced");
    place(binary, &program, 0o755)?;
    strip(&program);
    changelog(&tree.join("usr/share/doc/evidenced"), version, &moment)?;
    control(layout, &tree, version, &architecture, &program)?;
    md5sums(&tree)?;

    let package = folder.join(format!("evidenced_{version}_{architecture}.deb"));
    let mut dpkg = Command::new("dpkg-deb");
    // The lowest level: a fifth of the time for a seventh more bytes.
    dpkg.args(["--root-owner-group", "-Zxz", "-z1", "--build"]).arg(&tree).arg(&package);
    // With it the same tree gives the same bytes.
    dpkg.env("SOURCE_DATE_EPOCH", &moment);
    succeed(dpkg, "dpkg-deb comes with Debian, and makes the package")?;
    Ok(package)
}

fn architecture() -> Result<String> {
    let mut dpkg = Command::new("dpkg");
    dpkg.arg("--print-architecture");
    Ok(succeed(dpkg, "dpkg comes with Debian")?.trim().to_owned())
}

/// Seconds since 1970: of the newest commit, or `$SOURCE_DATE_EPOCH`, or 0 where neither is known.
fn moment(layout: &Layout) -> Result<String> {
    if let Ok(moment) = env::var("SOURCE_DATE_EPOCH") {
        return Ok(moment);
    }
    let git = Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(&layout.root).output();
    let said = git.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    Ok(if said.is_empty() { "0".to_owned() } else { said })
}

/// Debug information stays in `target/release`. Without `strip` the package is only larger.
fn strip(binary: &Path) {
    let stripped = Command::new("strip").args(["--strip-unneeded", "--remove-section=.comment"]).arg(binary).status();
    if !stripped.is_ok_and(|status| status.success()) {
        say("warning: `strip` (binutils) is not here: the package is larger than it need be");
    }
}

fn control(layout: &Layout, tree: &Path, version: &str, architecture: &str, binary: &Path) -> Result<()> {
    let template = layout.root.join("packaging/deb/control");
    let text = fs::read_to_string(&template).with_context(|| format!("cannot read {}", template.display()))?;
    let mut bytes = 0;
    for file in files(tree)? {
        bytes += file.metadata()?.len();
    }
    let text = text
        .replace("@VERSION@", version)
        .replace("@ARCHITECTURE@", architecture)
        .replace("@INSTALLED_KIB@", &bytes.div_ceil(1024).to_string())
        .replace("@GLIBC@", &newest_glibc(&fs::read(binary)?));
    let path = tree.join("DEBIAN/control");
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    set_mode(&path, 0o644)
}

/// The newest version of glibc that the binary asks for, as its symbols are marked (`GLIBC_2.34`).
fn newest_glibc(binary: &[u8]) -> String {
    const MARK: &[u8] = b"GLIBC_2.";
    let minors = binary.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK).filter_map(|(at, _)| {
        let digits: Vec<u8> =
            binary[at + MARK.len()..].iter().copied().take_while(u8::is_ascii_digit).take(3).collect();
        String::from_utf8(digits).ok()?.parse::<u32>().ok()
    });
    format!("2.{}", minors.max().unwrap_or(0))
}

/// Debian's own form of a changelog; what users read stands in CHANGELOG.md.
fn changelog(folder: &Path, version: &str, moment: &str) -> Result<()> {
    let date = jiff::Timestamp::from_second(moment.parse().context("SOURCE_DATE_EPOCH is no number")?)?;
    let date = date.strftime("%a, %d %b %Y %H:%M:%S +0000");
    let text = format!(
        "evidenced ({version}) unstable; urgency=medium\n\n  * See CHANGELOG.md of the project.\n\n \
         -- evidenced maintainers <evidenced@lists.invalid>  {date}\n"
    );
    let path = folder.join("changelog");
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    set_mode(&path, 0o644)?;
    let mut gzip = Command::new("gzip");
    gzip.args(["-9", "--no-name"]).arg(&path);
    succeed(gzip, "gzip comes with Debian").map(drop)
}

fn md5sums(tree: &Path) -> Result<()> {
    let mut md5sum = Command::new("md5sum");
    md5sum.current_dir(tree);
    for file in files(tree)? {
        let name = file.strip_prefix(tree).context("a file of the tree")?;
        if !name.starts_with("DEBIAN") && !name.starts_with("etc") {
            md5sum.arg(name);
        }
    }
    let sums = succeed(md5sum, "md5sum comes with Debian")?;
    let path = tree.join("DEBIAN/md5sums");
    fs::write(&path, sums).with_context(|| format!("cannot write {}", path.display()))?;
    set_mode(&path, 0o644)
}

fn place(from: &Path, to: &Path, mode: u32) -> Result<()> {
    if let Some(folder) = to.parent() {
        make_folder(folder)?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    set_mode(to, mode)
}

/// With its parents, each of them open to all, whatever the umask of whoever builds is.
fn make_folder(folder: &Path) -> Result<()> {
    if folder.exists() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folder(parent)?;
    }
    fs::create_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    set_mode(folder, 0o755)
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    let mode = fs::Permissions::from_mode(mode);
    fs::set_permissions(path, mode).with_context(|| format!("cannot set the mode of {}", path.display()))
}

/// All files below a folder, in order of name.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in listed(folder)? {
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    Ok(found)
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn succeed(mut command: Command, hint: &str) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}; {hint}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {said}; {hint}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_glibc_is_found_among_the_marks_of_symbols() {
        assert_eq!(newest_glibc(b"\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.9\0GLIBC_PRIVATE\0"), "2.34");
        assert_eq!(newest_glibc(b"static"), "2.0");
    }
}
