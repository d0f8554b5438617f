//! MariaDB, with a certificate of a throw-away authority, a table, and an account that may read it.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use super::{as_user, debian_program, free_port, give_to, listens, succeed};
use crate::daemon::wait_for;

/// Its package's.
const USER: &str = "mysql";

/// A server of its own; stopped when dropped.
pub struct Mariadb {
    server: Child,
    port: u16,
    _place: tempfile::TempDir,
}

impl Mariadb {
    /// A server with what `seed` makes in it, which it runs as its superuser: a statement a line. Its certificate and key
    /// are `server.pem` and `server.key` of the folder `certificates`.
    ///
    /// # Panics
    /// If it cannot be installed or started; the message says why.
    pub fn start(seed: &str, certificates: &Path) -> Self {
        let program = debian_program("/usr/sbin/mariadbd", &["mariadb-server"]);
        let place = tempfile::tempdir().expect("a folder for the server");
        let at = |name: &str| place.path().join(name);
        fs::write(at("seed.sql"), seed).expect("a file for the server");
        for name in ["server.pem", "server.key"] {
            fs::copy(certificates.join(name), at(name)).expect("a file for the server");
        }
        give_to(USER, place.path());
        let mut install = as_user(USER, Path::new("/usr/bin/mariadb-install-db"));
        install.arg("--no-defaults").arg(format!("--datadir={}", at("data").display()));
        succeed(install.arg("--skip-test-db"), "mariadb-install-db makes a new folder");
        let port = free_port();
        let mut server = as_user(USER, &program);
        server.arg("--no-defaults").arg(format!("--datadir={}", at("data").display()));
        server.arg(format!("--socket={}", at("socket").display())).arg(format!("--port={port}"));
        server.args(["--bind-address=127.0.0.1", "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin"]);
        server.arg("--character-set-server=utf8mb4");
        server.arg(format!("--init-file={}", at("seed.sql").display()));
        server.arg(format!("--ssl-cert={}", at("server.pem").display()));
        server.arg(format!("--ssl-key={}", at("server.key").display()));
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = server.spawn().unwrap_or_else(|error| panic!("cannot start {server:?}: {error}"));
        let mariadb = Self { server, port, _place: place };
        wait_for("MariaDB to take connections", || listens(port).then_some(()));
        mariadb
    }

    /// Where it listens, on the loopback.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        // At once: what it holds is thrown away.
        let _ = Command::new("kill").args(["-KILL", &self.server.id().to_string()]).status();
        let _ = self.server.wait();
    }
}
