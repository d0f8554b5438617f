//! The daemon as a process: how long it takes to be there, and what it holds while nothing is due.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use evidenced::{
    clock::{Stopwatch, stopwatch},
    desk::Client,
};

use crate::{
    Bench,
    figure::{Figures, Samples},
    make,
    rig::write_config,
};

const PLUGINS: usize = 20;
/// Warm starts; one cold start takes as long as compiling all plugins does.
const STARTS: u32 = 5;

pub(crate) fn measure(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let program = bench.target.join("release/evidenced");
    ensure!(program.exists(), "{} is not built; `make bench` builds it", program.display());
    let dir = bench.folder("daemon")?;
    let config = write_config(&dir, &different_plugins(&dir.join("plugins"))?, &controls())?;
    let daemon = Daemon { program, config, dir };

    let (child, cold) = daemon.start()?;
    daemon.stop(child)?;
    let mut warm = Samples::default();
    for _ in 0..STARTS * bench.rounds {
        let (child, took) = daemon.start()?;
        daemon.stop(child)?;
        warm.add(took);
    }
    figures.low("start.cold-cache", cold.as_secs_f64() * 1e3, "ms", None);
    figures.low("start.warm-cache.p50", warm.millis(0.5), "ms", None);
    figures.low("start.warm-cache.max", warm.millis(1.0), "ms", None);

    let (child, _) = daemon.start()?;
    figures.low("memory.idle", settled(child.id())?, "MiB", Some(64.0));
    for number in 0..PLUGINS {
        daemon.command(&["check", &id(number)])?;
    }
    figures.low("memory.after-runs", settled(child.id())?, "MiB", None);
    daemon.stop(child)
}

fn id(number: usize) -> String {
    format!("SEC-{number:02}")
}

/// The plugin that does nothing, in copies that differ by a custom section.
fn different_plugins(dir: &Path) -> Result<PathBuf> {
    let bytes = fs::read(evidenced_tests::fixture("noop"))?;
    make(dir)?;
    for number in 0..PLUGINS {
        let (name, content) = ("copy", number.to_string());
        let mut copy = bytes.clone();
        // Section 0: size, length of the name, name, content; all lengths here fit one byte.
        copy.extend([0, (1 + name.len() + content.len()) as u8, name.len() as u8]);
        copy.extend_from_slice(name.as_bytes());
        copy.extend_from_slice(content.as_bytes());
        fs::write(dir.join(format!("noop-{number}.wasm")), copy)?;
    }
    Ok(dir.to_owned())
}

/// None is due while it is measured.
fn controls() -> String {
    let control = |number: usize| {
        format!(
            "[[control]]\nid = \"{}\"\ntitle = \"Nothing is wrong\"\nfamily = \"security\"\nowner = \"platform\"\n\
             severity = \"low\"\nplugin = \"noop-{number}\"\nschedule = \"0 4 1 1 *\"\n\n",
            id(number)
        )
    };
    (0..PLUGINS).map(control).collect()
}

struct Daemon {
    program: PathBuf,
    config: PathBuf,
    dir: PathBuf,
}

impl Daemon {
    /// Starts it and returns how long it took until `evidenced status` had its answer.
    fn start(&self) -> Result<(Child, Duration)> {
        let log = fs::File::create(self.dir.join("log"))?;
        let watch = stopwatch();
        let mut child = Command::new(&self.program)
            .args(["run", "--config"])
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        if let Err(error) = self.wait_for_socket(&mut child, watch) {
            // It may have ended already.
            let _ = child.kill();
            child.wait()?;
            return Err(error);
        }
        let answer = self.command(&["status", "--json"])?;
        let took = watch.elapsed();
        let status: serde_json::Value = serde_json::from_slice(&answer)?;
        ensure!(status["is_running"] == true, "the status was not that of the daemon: {status}");
        Ok((child, took))
    }

    fn wait_for_socket(&self, child: &mut Child, watch: Stopwatch) -> Result<()> {
        let socket = self.dir.join("state/evidenced.sock");
        while Client::connect(&socket)?.is_none() {
            if child.try_wait()?.is_some() || watch.elapsed() > Duration::from_secs(120) {
                bail!("the daemon did not start: {}", fs::read_to_string(self.dir.join("log"))?);
            }
            pause(Duration::from_millis(1));
        }
        Ok(())
    }

    fn command(&self, words: &[&str]) -> Result<Vec<u8>> {
        let output = Command::new(&self.program).args(words).arg("--config").arg(&self.config).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`evidenced {}` ended with {}: {said}", words.join(" "), output.status);
        Ok(output.stdout)
    }

    /// As systemd does it.
    fn stop(&self, mut child: Child) -> Result<()> {
        let pid = child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status()?;
        let status = child.wait()?;
        ensure!(status.success(), "the daemon ended with {status}");
        Ok(())
    }
}

/// Resident memory in MiB, once it has stopped changing.
fn settled(pid: u32) -> Result<f64> {
    let mut before = resident(pid)?;
    for _ in 0..20 {
        pause(Duration::from_secs(1));
        let now = resident(pid)?;
        if now == before {
            break;
        }
        before = now;
    }
    Ok(before as f64 / 1024.0)
}

/// VmRSS in KiB.
fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the daemon has ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("there is no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

#[expect(clippy::disallowed_methods, reason = "another process is waited for in real time")]
fn pause(pause: Duration) {
    std::thread::sleep(pause);
}
