//! Debian's docker-registry, which keeps artefacts of OCI.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use super::{debian_program, free_port, listens};
use crate::daemon::wait_for;

/// The one user where a login is asked for.
pub const REGISTRY_USER: &str = "ops";
pub const REGISTRY_PASSWORD: &str = "hunter2";

/// A server of its own; stopped when dropped.
pub struct DockerRegistry {
    server: Child,
    port: u16,
    _place: tempfile::TempDir,
}

impl DockerRegistry {
    /// Anybody may push and pull, without TLS.
    ///
    /// # Panics
    /// If it cannot be installed or started; the message says why.
    pub fn start() -> Self {
        Self::start_with("", "")
    }

    /// With TLS, by `server.pem` and `server.key` of the folder `certificates`, and a login.
    ///
    /// # Panics
    /// If it cannot be installed or started; the message says why.
    pub fn start_with_login(certificates: &Path) -> Self {
        let file = |name: &str| certificates.join(name).display().to_string();
        let tls = format!("  tls: {{ certificate: '{}', key: '{}' }}\n", file("server.pem"), file("server.key"));
        Self::start_with(&tls, "auth: { htpasswd: { realm: registry, path: '@DIR@/htpasswd' } }\n")
    }

    fn start_with(tls: &str, auth: &str) -> Self {
        let program = debian_program("/usr/bin/docker-registry", &["docker-registry"]);
        let place = tempfile::tempdir().expect("a folder for the server");
        let port = free_port();
        let configuration = format!(
            "version: 0.1\nlog: {{ level: warn }}\nstorage: {{ filesystem: {{ rootdirectory: '@DIR@/data' }} }}\n{auth}\
             http:\n  addr: 127.0.0.1:{port}\n{tls}"
        );
        let configuration = configuration.replace("@DIR@", &place.path().display().to_string());
        let file = place.path().join("config.yml");
        fs::write(&file, configuration).expect("a file for the server");
        fs::write(place.path().join("htpasswd"), HTPASSWD).expect("a file for the server");
        let mut server = Command::new(program);
        server.arg("serve").arg(&file);
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = server.spawn().unwrap_or_else(|error| panic!("cannot start {server:?}: {error}"));
        let registry = Self { server, port, _place: place };
        wait_for("the registry to take connections", || listens(port).then_some(()));
        registry
    }

    /// Where it listens, on the loopback.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// By crypt(3) with bcrypt, the one form that it reads.
const HTPASSWD: &str = "ops:$2y$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.\n";
