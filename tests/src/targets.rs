//! Real servers that end-to-end tests run against: each a process of its own, on the loopback, on a free port, gone
//! with the value that started it.
//!
//! Servers in Python live in a virtual environment each (their requirements disagree), under `target/venv`, made when
//! first needed and made anew when what it holds changes; servers for Node.js lie under `target/npm`. PostgreSQL, MariaDB,
//! Prometheus, slapd, tinyproxy and docker-registry are Debian's, installed when they are missing.

mod forward_proxy;
mod mariadb;
mod postgres;
mod prometheus;
mod registry;
mod slapd;

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use crate::plugins::{Layout, debian, from_npm};

pub use forward_proxy::ForwardProxy;
pub use mariadb::Mariadb;
pub use postgres::Postgres;
pub use prometheus::Prometheus;
pub use registry::{DockerRegistry, REGISTRY_PASSWORD, REGISTRY_USER};
pub use slapd::Slapd;

/// A server that takes longer to start is broken.
const START_MAX: Duration = Duration::from_secs(60);

/// A process that serves; killed when dropped.
pub struct Target {
    child: Child,
    pub port: u16,
}

impl Target {
    /// Starts a program that prints `listening PORT` once it is ready.
    ///
    /// # Panics
    /// If it does not within a minute; the message has what it said instead.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let output = child.stdout.take().expect("standard output is piped");
        let (found, port) = mpsc::channel();
        // The thread goes on reading until the process ends, so that it never blocks on a full pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(port) = line.strip_prefix("listening ").and_then(|port| port.trim().parse().ok()) {
                    let _ = found.send(port);
                }
            }
        });
        match port.recv_timeout(START_MAX) {
            Ok(port) => Self { child, port },
            Err(_) => {
                let _ = child.kill();
                panic!("{command:?} did not say that it listens; it ended with {:?}", child.wait());
            }
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The Python of a virtual environment with these packages.
///
/// # Panics
/// If it cannot be made; the message says what to install.
pub fn python(name: &str, packages: &[&str]) -> PathBuf {
    let home = Layout::of_this_checkout().target.join("venv");
    fs::create_dir_all(&home).unwrap_or_else(|error| panic!("cannot make {}: {error}", home.display()));
    // One process at a time: test binaries run side by side.
    let lock = File::create(home.join(format!("{name}.lock"))).expect("a file in target/venv");
    lock.lock().expect("a lock in target/venv");
    let environment = home.join(name);
    let (python, stamp) = (environment.join("bin/python"), environment.join("packages.txt"));
    let wanted = packages.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|held| held == wanted) && python.exists() {
        return python;
    }
    let _ = fs::remove_dir_all(&environment);
    succeed(Command::new("python3").args(["-m", "venv"]).arg(&environment), "install python3 and python3-venv");
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    succeed(Command::new(&python).args(install).args(packages), "pip needs a package index that it can reach");
    fs::write(&stamp, wanted).expect("a file in target/venv");
    python
}

/// The folder of Node.js modules with a package of npm's registry.
///
/// # Panics
/// If it cannot be made; the message says what to install.
pub fn node_modules(package: &str, version: &str) -> PathBuf {
    let home = Layout::of_this_checkout().target.join("npm");
    fs::create_dir_all(&home).unwrap_or_else(|error| panic!("cannot make {}: {error}", home.display()));
    // The name of one that belongs to somebody has a slash.
    let name = package.replace('/', "+");
    let lock = File::create(home.join(format!("{name}.lock"))).expect("a file in target/npm");
    lock.lock().expect("a lock in target/npm");
    from_npm(&home.join(&name), package, version).unwrap_or_else(|error| panic!("no {package}: {error:#}"))
}

/// A file of `tests/targets`.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("targets").join(name)
}

/// A program as a user of its package, if this one is root's. `setpriv` becomes the program, so that it is the child
/// itself.
fn as_user(user: &str, program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", user, "--clear-groups", "--"]).arg(program);
    command.env("HOME", "/nonexistent").current_dir("/");
    command
}

/// The folder becomes the user's, if this one may give things away.
fn give_to(user: &str, folder: &Path) {
    if is_root() {
        succeed(Command::new("chown").arg("-R").arg(user).arg(folder), "the user is its package's");
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback");
    listener.local_addr().expect("a bound listener has an address").port()
}

/// Whether something takes connections there.
fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// A program of Debian's packages, which are installed if it is missing.
fn debian_program(path: &str, packages: &[&str]) -> PathBuf {
    let path = PathBuf::from(path);
    if !path.exists() {
        debian::install(packages)
            .unwrap_or_else(|error| panic!("{} cannot be installed: {error:#}", packages.join(", ")));
        assert!(path.exists(), "{} are installed, and there is no {}", packages.join(", "), path.display());
    }
    path
}

/// # Panics
/// If the command cannot be run or fails.
pub fn succeed(command: &mut Command, hint: &str) {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}; {hint}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}; {hint}");
}
