//! A real SMTP server with STARTTLS and a login, for every test that wants mail to arrive.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use evidenced_tests::targets::{Target, python, script, succeed};

/// The server, and the folder in which it keeps what it took.
pub(crate) struct Server {
    target: Option<Target>,
    pub(crate) port: u16,
    pub(crate) tls: &'static str,
    pub(crate) place: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start(tls: &'static str) -> Self {
        Self::with_password(tls, "correct horse")
    }

    pub(crate) fn with_password(tls: &'static str, password: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("password"), format!("{password}\n")).unwrap();
        succeed(
            Command::new(smtp_python()).arg(script("make_ca.py")).arg(place.path().join("ca")),
            "look at its message",
        );
        let mut server = Self { target: None, port: 0, tls, place };
        server.up();
        server
    }

    /// Starts it, after [`Self::down`] on the same port.
    pub(crate) fn up(&mut self) {
        let mut command = Command::new(smtp_python());
        command.arg(script("smtp_target.py")).arg("--certificates").arg(self.place.path().join("ca"));
        command.arg("--spool").arg(self.spool()).args(["--tls", self.tls, "--port", &self.port.to_string()]);
        command.arg("--password-file").arg(self.place.path().join("password"));
        let target = Target::start(&mut command);
        self.port = target.port;
        self.target = Some(target);
    }

    pub(crate) fn down(&mut self) {
        self.target = None;
    }

    pub(crate) fn mode(&self, mode: &str) {
        let hidden = self.spool().join(".mode");
        fs::write(&hidden, mode).unwrap();
        fs::rename(hidden, self.spool().join("mode")).unwrap();
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.place.path().join("spool")
    }

    /// What was taken, in order: the recipient and the message.
    pub(crate) fn taken(&self) -> Vec<(String, String)> {
        let mut taken = BTreeMap::new();
        for file in fs::read_dir(self.spool()).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "eml") {
                let facts = fs::read_to_string(file.with_extension("json")).unwrap();
                let facts: serde_json::Value = serde_json::from_str(&facts).unwrap();
                let to: Vec<String> = serde_json::from_value(facts["to"].clone()).unwrap();
                assert_eq!(to.len(), 1, "one mail, one recipient: {facts}");
                assert_eq!((&facts["tls"], &facts["login"]), (&(self.tls != "none").into(), &true.into()), "{facts}");
                assert_eq!(facts["from"], "evidenced@example.com");
                taken.insert(file.clone(), (to[0].clone(), fs::read_to_string(&file).unwrap()));
            }
        }
        taken.into_values().collect()
    }

    pub(crate) fn commands(&self) -> Vec<String> {
        let commands = fs::read_to_string(self.spool().join("commands")).unwrap_or_default();
        commands.lines().map(ToOwned::to_owned).collect()
    }

    /// How a configuration names it, and a person who is told everything.
    pub(crate) fn tables(&self) -> String {
        let (ca, password) = (self.place.path().join("ca/ca.pem"), self.place.path().join("password"));
        let (port, tls) = (self.port, self.tls);
        format!(
            r#"
[network]
ca = [{ca:?}]

[mail]
transport = "smtp"
server    = "localhost:{port}"
tls       = "{tls}"
from      = "evidenced@example.com"
username  = "evidenced"
password  = {{ file = {password:?} }}

[[recipient]]
id       = "compliance"
email    = ["compliance@example.com"]
families = ["*"]
severity = "low"
mails_per_hour = "unlimited"
"#
        )
    }

    /// The first mail taken whose subject has these words.
    pub(crate) fn mail(&self, words: &str) -> Option<String> {
        let taken = self.taken().into_iter().map(|(_, message)| message);
        taken.into_iter().find(|message| header_of(message, "Subject").is_some_and(|subject| subject.contains(words)))
    }
}

pub(crate) fn smtp_python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| python("smtp", &["aiosmtpd==1.4.6", "cryptography"]))
}

/// One header of a message; long ones are unfolded.
///
/// # Panics
/// If it is not there.
pub(crate) fn header(message: &str, name: &str) -> String {
    header_of(message, name).unwrap_or_else(|| panic!("no {name} in {message}"))
}

/// One header of a message, if it has it.
pub(crate) fn header_of(message: &str, name: &str) -> Option<String> {
    let mut lines = message.lines().take_while(|line| !line.is_empty());
    let mut value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?.to_owned();
    for more in lines.take_while(|line| line.starts_with([' ', '\t'])) {
        value.push_str(more);
    }
    Some(value)
}
