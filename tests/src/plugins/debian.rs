//! Installing packages of Debian (and what descends from it), when that is allowed.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Result, bail};

/// Installs packages as root, or by `sudo` when that asks for no password.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let by_hand = format!("apt-get install --no-install-recommends {}", packages.join(" "));
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("this is no Debian; on one it would be: {by_hand}");
    }
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
    command.args(arguments).args(["--quiet", "--yes"]);
    if !packages.is_empty() {
        command.arg("--no-install-recommends").args(packages);
    }
    command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
    Ok(command.status().is_ok_and(|status| status.success()))
}
