//! A Debian that systemd has booted, in a container of systemd-nspawn: what a package does when it is installed, started
//! and removed shows only there.
//!
//! It shares the network of this machine, so that test servers are reached on the loopback. Its files are a copy of
//! `target/machine/base`, which is made once. What was typed in it, and what it answered, is kept like a terminal's.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    daemon::PATIENCE,
    plugins::{Layout, debian},
};

/// What the container has besides the smallest Debian: nothing that the package does not ask for.
const PACKAGES: &str = "systemd,dbus,ca-certificates";

pub struct Machine {
    root: PathBuf,
    nspawn: Child,
    /// What systemd-nspawn said.
    log: PathBuf,
    /// Its init, as this machine counts.
    init: u32,
    /// What was typed and answered.
    terminal: String,
}

/// How a command in the container ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    /// Both outputs, as a terminal shows them.
    pub text: String,
    pub took: Duration,
}

impl Said {
    /// # Panics
    /// If it did not end with 0.
    #[track_caller]
    pub fn done(self) -> String {
        assert_eq!(self.code, 0, "{}", self.text);
        self.text
    }
}

impl Machine {
    /// Boots one. The error says why that cannot be here.
    pub fn boot(layout: &Layout) -> Result<Self> {
        let id = output(Command::new("id").arg("-u"))?;
        ensure!(id.trim() == "0", "a container is booted by root alone");
        let is_there = |program: &str| Command::new(program).arg("--version").output().is_ok();
        if !is_there("systemd-nspawn") || !is_there("debootstrap") {
            debian::install(&["systemd-container", "debootstrap"])?;
        }
        let folder = layout.target.join("machine");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let base = base(&folder)?;
        let root = folder.join(format!("root-{}", std::process::id()));
        output(Command::new("cp").args(["--archive", "--reflink=auto"]).arg(&base).arg(&root))?;
        let log = folder.join(format!("root-{}.log", std::process::id()));
        let said = fs::File::create(&log).with_context(|| format!("cannot make {}", log.display()))?;
        let mut nspawn = Command::new("systemd-nspawn");
        nspawn.args(["--quiet", "--boot", "--register=no", "--keep-unit", "--console=read-only"]);
        nspawn.arg(format!("--machine=evidenced-{}", std::process::id())).arg("--directory").arg(&root);
        let nspawn = nspawn.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn();
        let nspawn = nspawn.context("systemd-nspawn cannot be started")?;
        let mut machine = Self { root, nspawn, log, init: 0, terminal: String::new() };
        machine.wait_until_booted()?;
        Ok(machine)
    }

    fn wait_until_booted(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(ended) = self.nspawn.try_wait()? {
                let said = fs::read_to_string(&self.log).unwrap_or_default();
                bail!("systemd-nspawn ended with {ended}, so no container can be booted here: {}", said.trim());
            }
            let pid = self.nspawn.id();
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            if let Some(init) = children.split_whitespace().next().and_then(|child| child.parse().ok()) {
                self.init = init;
                let state = self.command("systemctl is-system-running").output()?;
                // Some unit of a container always fails; what matters is that all were tried.
                if ["running", "degraded"].contains(&String::from_utf8_lossy(&state.stdout).trim()) {
                    return Ok(());
                }
            }
            ensure!(Instant::now() < deadline, "the container does not boot");
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.init.to_string(), "--mount", "--uts", "--ipc", "--pid", "--cgroup"]);
        command.args(["--", "env", "--ignore-environment", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]);
        command.args([
            "LANG=C.UTF-8",
            "SYSTEMD_COLORS=0",
            "SYSTEMD_PAGER=",
            "COLUMNS=110",
            "HOME=/root",
            "bash",
            "-c",
            line,
        ]);
        command.stdin(Stdio::null());
        command
    }

    /// Types a line, as root.
    ///
    /// # Panics
    /// If no shell can be started in the container.
    pub fn run(&mut self, line: &str) -> Said {
        let started = Instant::now();
        let output = self.command(&format!("{{ {line}\n}} 2>&1")).output().expect("a shell in the container");
        let took = started.elapsed();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        self.terminal.push_str(&format!("# {line}\n{text}"));
        if !text.is_empty() && !text.ends_with('\n') {
            self.terminal.push('\n');
        }
        let code = output.status.code().unwrap_or(-1);
        if code != 0 {
            self.terminal.push_str(&format!("(exit status {code})\n"));
        }
        Said { code, text, took }
    }

    /// Types a line that nobody needs to read.
    pub fn run_quietly(&mut self, line: &str) -> Said {
        let length = self.terminal.len();
        let said = self.run(line);
        self.terminal.truncate(length);
        said
    }

    /// A remark between what is typed.
    pub fn remark(&mut self, words: &str) {
        self.terminal.push_str(&format!("\n## {words}\n"));
    }

    /// Writes a file, as an editor would.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&mut self, path: &str, content: &str, mode: u32) {
        let place = self.root.join(path.trim_start_matches('/'));
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).unwrap_or_else(|error| panic!("cannot make {}: {error}", folder.display()));
        }
        fs::write(&place, content).unwrap_or_else(|error| panic!("cannot write {}: {error}", place.display()));
        fs::set_permissions(&place, fs::Permissions::from_mode(mode)).expect("a mode can be set");
        self.terminal.push_str(&format!("# editor {path}\n"));
    }

    /// Copies a file of this machine into the container's.
    ///
    /// # Panics
    /// If it cannot be copied.
    pub fn copy(&self, from: &Path, to: &str) {
        let place = self.root.join(to.trim_start_matches('/'));
        fs::copy(from, &place).unwrap_or_else(|error| panic!("cannot copy to {}: {error}", place.display()));
    }

    pub fn terminal(&self) -> &str {
        &self.terminal
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may not have booted; then it is only killed.
        let _ = self.command("systemctl poweroff").output();
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.nspawn.try_wait().is_ok_and(|ended| ended.is_none()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(100));
        }
        let _ = self.nspawn.kill();
        let _ = self.nspawn.wait();
        let _ = fs::remove_file(&self.log);
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// The files of the smallest Debian with systemd, of the same release as this machine: what was linked here runs there.
fn base(folder: &Path) -> Result<PathBuf> {
    let base = folder.join("base");
    if base.exists() {
        return Ok(base);
    }
    let release = fs::read_to_string("/etc/os-release").context("cannot tell which Debian this is")?;
    let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).unwrap_or("stable");
    let making = folder.join("base.part");
    let _ = fs::remove_dir_all(&making);
    let mut debootstrap = Command::new("debootstrap");
    debootstrap.args(["--variant=minbase", &format!("--include={PACKAGES}"), suite.trim_matches('"')]).arg(&making);
    output(&mut debootstrap).context("the files of a small Debian cannot be fetched")?;
    fs::rename(&making, &base).with_context(|| format!("cannot make {}", base.display()))?;
    Ok(base)
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {said}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
