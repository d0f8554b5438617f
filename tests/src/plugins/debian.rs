//! Installing packages of Debian (and what descends from it), when that is allowed.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use super::Layout;

/// Installs packages as root, or by `sudo` when that asks for no password.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let by_hand = format!("apt-get install --no-install-recommends {}", packages.join(" "));
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("this is no Debian; on one it would be: {by_hand}");
    }
    // Tests are processes side by side, and of two that update the lists at once apt-get refuses one.
    let place = Layout::of_this_checkout().target;
    fs::create_dir_all(&place).with_context(|| format!("cannot make {}", place.display()))?;
    let path = place.join("apt-get.lock");
    let lock = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    lock.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    // A list of packages that is fresh enough saves the download of a new one.
    if apt_get(&["install"], packages)? || (apt_get(&["update"], &[])? && apt_get(&["install"], packages)?) {
        return Ok(());
    }
    bail!("apt-get could not install what is missing: run as root `apt-get update && {by_hand}`")
}

fn apt_get(arguments: &[&str], packages: &[&str]) -> Result<bool> {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0");
    let mut command = if is_root {
        Command::new("apt-get")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["--non-interactive", "apt-get"]);
        sudo
    };
    // The machine's own daily update may be under way.
    command.args(arguments).args(["--quiet", "--yes", "-o", "DPkg::Lock::Timeout=300"]);
    if !packages.is_empty() {
        command.arg("--no-install-recommends").args(packages);
    }
    command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
    Ok(command.status().is_ok_and(|status| status.success()))
}
