//! The daemon as its users have it: a process, a configuration, a state folder and commands; nothing of its insides.

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::plugins::Layout;

/// What takes longer is broken. Far more than anything takes on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at something that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The binary of the profile under test: `evidenced` beside the tests' own folder. Built when it is missing.
///
/// # Panics
/// If it cannot be built.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let test = std::env::current_exe().expect("the running program has a path");
        let folder = test.ancestors().nth(2).expect("a test lies in PROFILE/deps").to_owned();
        let binary = folder.join("evidenced");
        if !binary.exists() {
            let layout = Layout::of_this_checkout();
            let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            cargo.args(["build", "--quiet", "--package", "evidenced"]).current_dir(&layout.root);
            cargo.env("CARGO_TARGET_DIR", &layout.target);
            if folder.ends_with("release") {
                cargo.arg("--release");
            }
            let built = cargo.status().expect("cargo can be started");
            assert!(built.success() && binary.exists(), "{} cannot be built: {built}", binary.display());
        }
        binary
    })
}

/// What a command said.
#[derive(Debug)]
pub struct Answer {
    pub status: ExitStatus,
    /// Of standard output with `--json`.
    pub lines: Vec<Value>,
    pub stderr: String,
}

impl Answer {
    /// # Panics
    /// If a signal ended it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("{self:?}"))
    }

    /// The lines of a command that ended with 0.
    #[track_caller]
    pub fn done(self) -> Vec<Value> {
        assert_eq!(self.status.code(), Some(0), "{}", self.stderr);
        self.lines
    }
}

/// A folder with a configuration and a state, and the daemon that runs on it, if one does. Killed when dropped.
pub struct Daemon {
    place: tempfile::TempDir,
    child: Option<Child>,
    starts: u32,
    /// Of the daemon, and of no command.
    environment: Vec<(String, String)>,
    /// What the daemon is started by, and no command.
    within: Vec<String>,
}

impl Default for Daemon {
    fn default() -> Self {
        let place = tempfile::tempdir().expect("a temporary folder");
        Self { place, child: None, starts: 0, environment: Vec::new(), within: Vec::new() }
    }
}

impl Daemon {
    /// A folder of its own, with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Writes a file of the folder so that a reader sees all of it or nothing.
    pub fn write(&self, name: &str, text: &str) {
        let (hidden, path) = (self.path(&format!(".{name}")), self.path(name));
        fs::write(&hidden, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", hidden.display()));
        fs::rename(&hidden, &path).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    }

    /// Writes the configuration: what every one has, then `rest`, which begins with tables. The daemon does not test itself
    /// in it: a test that runs past midnight is to see what it asked for and no more.
    pub fn configure(&self, rest: &str) {
        self.configure_with("monitoring.enabled = false\n", rest);
    }

    /// The same with keys of one's own before the tables, in which the daemon tests itself unless they say otherwise.
    pub fn configure_with(&self, keys: &str, rest: &str) {
        let layout = Layout::of_this_checkout();
        let (plugins, fixtures) = (layout.target.join("plugins"), layout.target.join("fixtures"));
        let head = format!(
            "organization = \"Example AI\"\n{keys}instance = \"test\"\ntimezone = \"UTC\"\nstate_dir = \"state\"\n\
             socket = \"evidenced.sock\"\nplugin_dirs = [{plugins:?}, {fixtures:?}]\nfree_space_floor = \"1MiB\"\n\n"
        );
        self.write("evidenced.toml", &(head + rest));
    }

    /// The program with these words, on this configuration.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(words).arg("--config").arg(self.path("evidenced.toml")).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end, with `--json`.
    pub fn ask(&self, words: &[&str]) -> Answer {
        let output = self.command(words).arg("--json").output().expect("the program can be started");
        let text = String::from_utf8(output.stdout).expect("standard output is UTF-8");
        let line = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{words:?}: {error}: {line}"));
        Answer {
            status: output.status,
            lines: text.lines().map(line).collect(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// A variable of the environment of the daemons that are started from now on.
    pub fn set(&mut self, name: &str, value: impl ToString) {
        self.environment.push((name.to_owned(), value.to_string()));
    }

    /// The daemons that are started from now on are started by this program, which becomes the one that it is given.
    pub fn within(&mut self, words: &[&str]) {
        self.within = words.iter().map(|word| (*word).to_owned()).collect();
    }

    /// Starts the daemon and does not wait for it.
    pub fn launch(&mut self) {
        assert!(self.child.is_none(), "one daemon runs already");
        self.starts += 1;
        let log = File::create(self.path(&format!("daemon-{}.log", self.starts))).expect("a file for its log");
        let mut command = self.command(&["run"]);
        if let [program, words @ ..] = &self.within[..] {
            let mut outer = Command::new(program);
            outer.args(words).arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
            command = outer;
        }
        command.stdout(Stdio::null()).stderr(log);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        self.child = Some(command.spawn().expect("the daemon can be started"));
    }

    /// Starts the daemon and waits until it answers.
    pub fn start(&mut self) {
        self.launch();
        self.wait_until_it_answers();
    }

    pub fn wait_until_it_answers(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.ask(&["status"]);
            if answer.lines.first().is_some_and(|status| status["is_running"] == true) {
                return;
            }
            if let Some(ended) = self.ended() {
                panic!("the daemon ended with {ended} at its start:\n{}", self.log());
            }
            assert!(Instant::now() < deadline, "the daemon does not answer: {}\n{}", answer.stderr, self.log());
            thread::sleep(LOOK_EVERY);
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a daemon runs").id()
    }

    /// How the daemon ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().expect("the daemon is our child")
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(sent.is_ok_and(|sent| sent.success()), "SIG{name} cannot be sent");
    }

    /// SIGTERM; how it ended.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait_until_it_ends()
    }

    pub fn wait_until_it_ends(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(ended) = self.ended() {
                self.child = None;
                return ended;
            }
            assert!(Instant::now() < deadline, "the daemon does not end:\n{}", self.log());
            thread::sleep(LOOK_EVERY);
        }
    }

    /// What the daemon of the latest start wrote to standard error.
    pub fn log(&self) -> String {
        let mut text = Vec::new();
        if let Ok(mut file) = File::open(self.path(&format!("daemon-{}.log", self.starts))) {
            let _ = file.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The one line of `status`.
    #[track_caller]
    pub fn status(&self) -> Value {
        self.ask(&["status"]).done().remove(0)
    }

    /// How a control stands.
    #[track_caller]
    pub fn state_of(&self, control: &str) -> String {
        let status = self.status();
        let controls = status["controls"].as_array().expect("a list of controls");
        let found = controls.iter().find(|line| line["control"] == control);
        found.and_then(|line| line["state"].as_str()).unwrap_or_else(|| panic!("no {control} in {status}")).to_owned()
    }

    #[track_caller]
    pub fn results(&self, control: &str) -> Vec<Value> {
        self.ask(&["results", control]).done()
    }

    #[track_caller]
    pub fn exceptions(&self) -> Vec<Value> {
        self.ask(&["exceptions", "list"]).done()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            // The folder goes; the last words are what one wants to read.
            let log = self.log();
            let lines: Vec<_> = log.lines().rev().take(40).collect();
            say(&lines.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
    }
}

/// A line that is shown with a test that failed.
#[expect(clippy::print_stderr, reason = "the test runner shows it when the test fails")]
pub fn say(line: &str) {
    eprintln!("{line}");
}

/// Looks until there is something, and returns it.
///
/// # Panics
/// If there is nothing in time.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(LOOK_EVERY);
    }
}

/// Whether a signal ended it, and not an exit code.
pub fn was_killed(status: ExitStatus) -> bool {
    status.signal().is_some()
}
